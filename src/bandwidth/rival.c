/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/rival.h"

#include "bandwidth/company.h"
#include "bandwidth/controller_rules.h"
#include "bandwidth/number.h"

#define QUEUE_TARGETS 2.5
#define LEAST_USEC 20e3
#define MOST_USEC 100e3
#define STRONG_PART 0.7 /* of the capacity: the line was ours */
#define WEAK_PART 0.4
#define FALL_USEC 1e6 /* from strong to weak in less: somebody took it from us */
#define FALL_ROUNDS 8

/* How long a sign of somebody else must last. */
static double patience_usec(const BwController *c)
{
        return least(MOST_USEC, most(LEAST_USEC, c->rtt_usec / 2));
}

/* The line was ours and, within a second, is not, although a queue stands: a newcomer pushes us
 * aside while it keeps the queue near the target. (Two of us part a line much more slowly, so each
 * takes the other for what it is.) */
static bool was_pushed_aside(BwController *c)
{
        double recent = most(FALL_USEC, FALL_ROUNDS * c->rtt_usec);

        if (c->rate_bps >= STRONG_PART * c->capacity_bps && !company_is_there(c))
                c->strong_usec = c->now_usec;
        if (c->now_usec < c->refill_until_usec || c->strong_usec == 0 ||
            (double) (c->now_usec - c->strong_usec) > recent ||
            c->rate_bps > WEAK_PART * c->capacity_bps || c->queue_usec < c->goal_usec / 2 ||
            c->window > WEAK_PART * controller_pipe_bytes(c, c->rtt_usec)) {
                c->weak_usec = 0;
                return false;
        }
        if (c->weak_usec == 0)
                c->weak_usec = c->now_usec;
        return (double) (c->now_usec - c->weak_usec) >= patience_usec(c);
}

/* A queue that our window cannot explain, or one that stays when we have nearly gone. */
bool rival_is_there(BwController *c)
{
        if (controller_in_grace(c)) {
                c->rival_usec = c->weak_usec = 0;
                return false;
        }
        if (was_pushed_aside(c))
                return true;
        if (c->queue_usec <= c->goal_usec)
                c->pushed_usec = 0;
        if (c->pushed_usec > 0 && (double) (c->now_usec - c->pushed_usec) >= c->rtt_usec)
                return true;
        if (c->queue_usec <= QUEUE_TARGETS * c->goal_usec ||
            c->own_queue_usec >= c->queue_usec / 2) {
                c->rival_usec = 0;
                return false;
        }
        if (c->rival_usec == 0)
                c->rival_usec = c->now_usec;
        return (double) (c->now_usec - c->rival_usec) >= patience_usec(c);
}
