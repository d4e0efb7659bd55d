/* SPDX-License-Identifier: Apache-2.0 */
/* Notification of the program: which callback belongs to which job, the connection over which the
 * service calls them, and the thread that does.
 *
 * One thread of the library delivers, one callback after another. It holds no lock meanwhile, so
 * a callback may use every method of the API, on its own job too, and may release whatever it
 * likes. A slow callback keeps other callbacks of this program waiting and nobody else: calls of
 * other threads, the service and other programs go on (the service waits for at most four answers
 * of a user at once and gives up on one after a while). The thread blocks all signals.
 *
 * After the connection was lost it is made again, and every callback is registered anew; those
 * whose job is gone are let go.
 *
 * Removing a callback does not wait for one that is being delivered just then; the callback object
 * stays referenced until that has returned. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "bits.h"
#include "endpoint.h"

typedef struct CallbackHub CallbackHub;
struct ComSession;

/* `session` outlives the hub. `inherited` is the parent process's hub, or NULL. NULL when out of
 * memory. Nothing is connected or started yet. */
_must_use_ CallbackHub *callback_hub_new(struct ComSession *session, const Endpoint *e,
                                         CallbackHub *inherited);
/* Stops the thread and lets everything go; NULL allowed. May be called on that thread. */
void callback_hub_close(CallbackHub *hub);
/* False in a child of the process that made it. */
bool callback_hub_is_ours(const CallbackHub *hub);
bool callback_hub_is_used(CallbackHub *hub);

/* Makes `callback` (referenced on success) the job's one notify interface. */
_must_use_ HRESULT callback_hub_set(CallbackHub *hub, const GUID *job,
                                    IBackgroundCopyCallback *callback);
/* Tells the service that there is none any more. */
_must_use_ HRESULT callback_hub_clear(CallbackHub *hub, const GUID *job);
/* The job has ended, which the service knows. */
void callback_hub_forget(CallbackHub *hub, const GUID *job);
/* All of them. */
void callback_hub_revoke(CallbackHub *hub);
/* This process's callback for the job, referenced; NULL when there is none. */
IUnknown *callback_hub_get(CallbackHub *hub, const GUID *job);
