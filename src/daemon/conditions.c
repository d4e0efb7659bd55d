/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conditions.h"

#include <errno.h>

#include "base/alloc.h"
#include "daemon/system_bus.h"
#include "daemon/turn.h"
#include "daemon/wall_clock.h"

struct Conditions {
        Service *service;
        MeteredConfig metered;
        SystemBus *bus;
        WallClock *clock;
};

static bool is_metered(const Conditions *c)
{
        if (c->metered == METERED_AUTO)
                return system_bus_is_metered(c->bus);
        return c->metered == METERED_YES;
}

static void tell(void *ctx)
{
        Conditions *c = ctx;

        manager_metered_changed(c->service->manager, is_metered(c));
        manager_battery_changed(c->service->manager, system_bus_is_on_battery(c->bus));
        turn_request(c->service->turn);
}

/* The next turn sees that it was. */
static void on_clock_set(void *ctx)
{
        Conditions *c = ctx;

        turn_request(c->service->turn);
}

int conditions_new(Service *service, MeteredConfig metered, Conditions **ret)
{
        _cleanup_(conditions_freep) Conditions *c = mem_new(Conditions);
        int r;

        if (!c)
                return -ENOMEM;
        c->service = service;
        c->metered = metered;
        r = system_bus_new(service->loop, tell, c, &c->bus);
        if (r >= 0)
                r = wall_clock_new(service->loop, on_clock_set, c, &c->clock);
        if (r < 0)
                return r;
        tell(c);
        *ret = TAKE_PTR(c);
        return 0;
}

Conditions *conditions_free(Conditions *c)
{
        if (!c)
                return NULL;
        (void) system_bus_free(c->bus);
        (void) wall_clock_free(c->clock);
        mem_free(c);
        return NULL;
}

void conditions_set_metered(Conditions *c, MeteredConfig metered)
{
        c->metered = metered;
        tell(c);
}
