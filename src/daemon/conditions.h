/* SPDX-License-Identifier: Apache-2.0 */
/* Under which conditions the service runs, told to the engine as they change: does the network
 * cost, does the power come from a battery, was the clock set? */
#pragma once

#include "base/cleanup.h"
#include "daemon/config.h"
#include "daemon/service.h"

typedef struct Conditions Conditions;

/* `service` has its loop, manager and turn; borrowed. 0 or negative errno. */
_must_use_ int conditions_new(Service *service, MeteredConfig metered, Conditions **ret);
Conditions *conditions_free(Conditions *c); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(Conditions *, conditions_free)
void conditions_set_metered(Conditions *c, MeteredConfig metered);
