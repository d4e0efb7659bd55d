/* SPDX-License-Identifier: Apache-2.0 */
/* The change of the key that credentials are sealed with (docs/design/vault.md): a part of the
 * queue on each turn of the loop, so that nobody waits for it. One at a time; whoever asks
 * meanwhile waits for the same one. If it is cut short, both keys stay, and it goes on at the next
 * start or when it is asked for. */
#pragma once

#include "base/cleanup.h"
#include "daemon/service.h"

/* After the engine has its queue. 0 or negative errno. */
_must_use_ int rekey_new(Service *s, Rekey **ret);
Rekey *rekey_free(Rekey *r); /* NULL allowed */
DEFINE_CLEANUP(Rekey *, rekey_free)

/* Goes on with one that was interrupted, if there is one. */
void rekey_continue(Rekey *r);
/* Begins one, or joins the one under way. `token` (notifier_defer) is answered with the number of
 * slots that were sealed anew, or an error. */
void rekey_ask(Rekey *r, uint64_t token);
