/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the user's service when nobody listens, as COM activates a local server.
 *
 * The service becomes a process of its own: new session, working directory /, standard streams on
 * /dev/null, no other descriptor, default signal handling, and no child of the program (which sees
 * no SIGCHLD and has no zombie to reap, whatever it does with SIGCHLD). Two programs that start it
 * at once get one service: the second instance leaves by itself (--if-needed), and both connect to
 * the first. */
#pragma once

#include "base/attr.h"
#include "endpoint.h"

/* Longest time between starting the program and its first answer. */
enum { AUTOSTART_TIMEOUT_MS = 10000 };

/* A connected socket, after starting the service if needed and allowed. HR_DISABLED when nobody
 * listens and none may be started, HR_UNAVAILABLE when starting does not help, E_ACCESSDENIED. */
_must_use_ HRESULT autostart_connect(const Endpoint *e, int *ret_fd);
/* Starts the service if it can be found, and waits for nothing: whether that helped shows when
 * connecting. */
void autostart_spawn(const Endpoint *e);
