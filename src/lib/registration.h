/* SPDX-License-Identifier: Apache-2.0 */
/* A job's callback, as long as somebody may call it: the table of the hub and a delivery under way
 * hold references. It keeps the callback object and the session alive. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/cleanup.h"
#include "bits.h"

struct ComSession;

typedef struct Registration Registration;

/* NULL when out of memory. */
_must_use_ Registration *registration_new(struct ComSession *session, const GUID *job,
                                          IBackgroundCopyCallback *callback);
Registration *registration_ref(Registration *r);
/* May run code of the program (its Release): never under a lock. NULL allowed; returns NULL. */
Registration *registration_unref(Registration *r);
DEFINE_CLEANUP(Registration *, registration_unref)

/* The key for a table. */
const GUID *registration_job(const Registration *r);
/* Referenced for the caller. */
IUnknown *registration_interface(Registration *r);
/* Calls the program: `kind` as in Notify. What the callback returned, or why it was not called. */
_must_use_ HRESULT registration_deliver(Registration *r, uint32_t kind);
/* The connection that it was announced on last, for the hub, which guards it by its lock. 0: none.
 */
uint64_t registration_connection(const Registration *r);
void registration_set_connection(Registration *r, uint64_t connection);
