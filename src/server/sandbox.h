/* SPDX-License-Identifier: Apache-2.0 */
/* The walls around a running server: the list of system calls, and (where the kernel has Landlock)
 * the places that its configuration names. Walls cannot be moved: a reload that names a place
 * outside of them is refused as a whole, and a restart takes it. docs/security.md says what each
 * of them stops. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "server/config.h"
#include "server/options.h"

typedef struct ServerSandbox ServerSandbox;

/* Once all is open, with one thread. 0 or negative errno, said on the log. */
_must_use_ int server_sandbox_enter(const Options *o, const Config *c, ServerSandbox **ret);
/* Are all places of this configuration inside? Says on the log which is not. */
bool server_sandbox_allows(const ServerSandbox *s, const Options *o, const Config *c);
ServerSandbox *server_sandbox_free(ServerSandbox *s);
DEFINE_CLEANUP(ServerSandbox *, server_sandbox_free)
