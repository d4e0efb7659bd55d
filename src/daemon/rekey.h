/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a new key of the credentials. The engine does the work, over turns of the loop and
 * over restarts (engine/manager.h); it knows one who asks, so all others that ask meanwhile wait
 * here for the same change. */
#pragma once

#include "base/cleanup.h"
#include "daemon/service.h"

/* What the engine answers to; no call of a client has it (notifier.h counts from 1). */
#define REKEY_TOKEN UINT64_MAX

/* NULL when out of memory. */
_must_use_ Rekey *rekey_new(Service *s);
Rekey *rekey_free(Rekey *r); /* NULL allowed */
DEFINE_CLEANUP(Rekey *, rekey_free)

/* Tells in the log that an interrupted change goes on, or why none can. */
void rekey_report(Rekey *r);
/* Asks for a change, or joins the one that was asked for. `token` (notifier_defer) is answered with
 * the number of slots that were sealed anew, or an error. */
void rekey_ask(Rekey *r, uint64_t token);
/* The engine's answer. */
void rekey_ended(Rekey *r, HRESULT hr);
