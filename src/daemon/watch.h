/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear of changed jobs, and when they do: a changed state at the end of the same turn
 * of the loop, progress at most every IPC_WATCH_INTERVAL_MS per job, and always the last state
 * after the last change. While nobody watches or nothing changes there is no memory and no timer.
 */
#pragma once

#include "base/cleanup.h"
#include "daemon/client.h"
#include "daemon/service.h"

/* 0 or negative errno. */
_must_use_ int watch_new(Service *s, Watch **ret);
Watch *watch_free(Watch *w);
DEFINE_CLEANUP(Watch *, watch_free)

/* The connection's one watch; an earlier one ends. id NULL: every job of the client's user. */
void watch_add(Watch *w, Client *c, const GUID *id);
void watch_client_ended(Watch *w, Client *c);
/* From inside the engine: notes the change. */
void watch_changed(Watch *w, const Job *job, bool state_changed);
/* After the engine has run: sends what is due at once. */
void watch_flush(Watch *w);
