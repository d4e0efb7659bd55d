/* SPDX-License-Identifier: Apache-2.0 */
/* Port "notifier" on the connections: answers to calls that take time, changes to watchers, and
 * callbacks to clients that registered for them. */
#pragma once

#include "base/cleanup.h"
#include "daemon/call.h"
#include "daemon/service.h"

/* 0 or -ENOMEM or what the kernel says. */
_must_use_ int notifier_new(Service *s, Notifier **ret);
Notifier *notifier_free(Notifier *n);
DEFINE_CLEANUP(Notifier *, notifier_free)
NotifierPort notifier_port(Notifier *n);

/* Keeps the call until the engine answers `token`; its result is then the HRESULT as `u`. Refused
 * when the connection has IPC_CALLS_PENDING_MAX of them. */
HRESULT notifier_defer(Notifier *n, Call *call, uint64_t *ret_token);
/* The same answer as the engine's, with what the code alone does not tell ("" or NULL: nothing);
 * for calls that the daemon itself takes time for. */
void notifier_answer(Notifier *n, uint64_t token, HRESULT hr, const char *detail);
/* Forgets the client's open calls and callbacks, and tells the engine. */
void notifier_client_ended(Notifier *n, Client *c);
