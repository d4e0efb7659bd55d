/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/alone.h"

#include "bandwidth/company.h"
#include "bandwidth/controller_rules.h"

#define SURE_USEC 2e6
/* Parts of the target. Below 10 ms the base that is counted is up to a millisecond more than what
 * there is, so that the queue is longer than it reads. */
#define QUEUE_DOWN 0.6
#define QUEUE_DOWN_SHORT 0.45
#define QUEUE_UP 0.85 /* a mean of round trips tells less */
#define QUEUE_UP_SHORT 0.7
#define DRAIN_TARGETS 1.5         /* our own queue, and somewhat more */
#define DRAIN_TARGETS_COMPANY 2.5 /* all of it, and half of another's */

/* Others' signs. With several connections each is the others' company; their sum tells. */
static bool is_foreign(const BwController *c)
{
        if (path_memory_is_shared(c->path))
                return false;
        /* Longer than we let it become, and not by our doing. */
        return company_is_possible(c) ||
               (c->queue_usec >= c->goal_usec && c->own_queue_usec < c->queue_usec / 2);
}

static bool is_whole_line(const BwController *c)
{
        if (path_memory_is_shared(c->path))
                return path_memory_whole_part(c->path) >= BW_NEAR_CAPACITY;
        return c->rate_bps >= BW_NEAR_CAPACITY * c->capacity_bps;
}

void alone_note(BwController *c)
{
        bool is_judged = c->now_usec >= c->refill_until_usec;

        if (c->lost || is_foreign(c) || (is_judged && !is_whole_line(c)))
                c->alone_usec = 0;
        else if (c->alone_usec == 0 && is_judged)
                c->alone_usec = c->now_usec;
}

bool alone_is_sure(const BwController *c)
{
        return c->alone_usec > 0 && (double) (c->now_usec - c->alone_usec) >= SURE_USEC;
}

/* Without timestamps the round trip is an estimate, which a short queue would not show in; and a
 * long upload is late to see that the line is empty. */
static double wanted_part(const BwController *c)
{
        bool is_short = c->base_usec < BW_SHORT_USEC;

        if (controller_is_slow_line(c) || controller_is_long_upload(c))
                return 1;
        if (c->direction == BW_UP)
                return is_short ? QUEUE_UP_SHORT : QUEUE_UP;
        if (!c->last.has_timestamps)
                return 1;
        return is_short ? QUEUE_DOWN_SHORT : QUEUE_DOWN;
}

double alone_queue_usec(const BwController *c)
{
        return (alone_is_sure(c) ? wanted_part(c) : 1) * c->goal_usec;
}

double alone_drain_targets(const BwController *c)
{
        return alone_is_sure(c) ? DRAIN_TARGETS : DRAIN_TARGETS_COMPANY;
}
