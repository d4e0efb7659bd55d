/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine says on its system bus: does the network cost (NetworkManager's Metered), and
 * does the power come from a battery (UPower's OnBattery)? Everything is asked without waiting and
 * without starting anybody. Who is not there, or a bus that is not, means no to both. A bus that
 * comes later, or again, is found: it is looked for half a second after it went, else after 5 s to
 * 5 min. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

typedef struct SystemBus SystemBus;

/* `changed` is called from the event loop only, and only when an answer is another one than
 * before; both begin as no. 0, whether there is a bus or not; or negative errno. */
_must_use_ int system_bus_new(sd_event *loop, void (*changed)(void *ctx), void *ctx,
                              SystemBus **ret);
SystemBus *system_bus_free(SystemBus *s); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(SystemBus *, system_bus_free)
bool system_bus_is_metered(const SystemBus *s); /* NULL: no */
bool system_bus_is_on_battery(const SystemBus *s);
