/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/company.h"

#include "bandwidth/alone.h"
#include "bandwidth/controller_rules.h"
#include "bandwidth/number.h"

#define SIGNS_USEC 1e6   /* signs of so long: no foreground, which had pushed us aside */
#define MEMORY_USEC 3e6  /* how long the last one, and … */
#define MEMORY_ROUNDS 30 /* … at least, is remembered */
#define ALONE_USEC 300e3 /* the whole line is ours for so long: nobody else is there */
#define ALONE_ROUNDS 10  /* so many for who is paced */
#define GROWTH_USEC 25e3 /* a round trip in which a window grows by a segment … */
#define DECAY 0.05       /* … and loses so much of itself, with the queue at the target */
#define RESTORED 0.9     /* of what fits, after a DRAIN */
#define DIP 0.35         /* of the target: so far the queue falls when the other drains */

bool company_is_possible(const BwController *c)
{
        double most_usec = most(MEMORY_USEC, MEMORY_ROUNDS * c->rtt_usec);

        return c->company_usec > 0 && (double) (c->now_usec - c->company_usec) < most_usec;
}

/* A latecomer that is paced sees no more of the line than it had of it: nothing of that is missing,
 * and it is the whole of it. Then only the queue tells that somebody else is there. */
static bool is_paced(const BwController *c)
{
        return controller_is_long_upload(c) && !controller_is_slow_line(c);
}

static bool is_queue_ours(const BwController *c)
{
        if (is_paced(c) || c->base_usec < BW_SHORT_USEC)
                return c->own_queue_usec >= BW_OWN_PART * c->queue_usec;
        return c->own_queue_usec >= 1;
}

/* It left, or was one who fetches something now and then. */
static bool is_alone(BwController *c, bool is_all_ours)
{
        double enough = is_paced(c) ? ALONE_ROUNDS * c->rtt_usec : ALONE_USEC;

        if (!is_all_ours || (is_paced(c) && !is_queue_ours(c)))
                c->whole_usec = 0;
        else if (c->whole_usec == 0)
                c->whole_usec = c->now_usec;
        return c->whole_usec > 0 && (double) (c->now_usec - c->whole_usec) >= enough;
}

/* Another scavenger is on the line: a queue stands that our window does not explain, and (where
 * the capacity can be known) part of it is missing. */
void company_note(BwController *c)
{
        bool is_all_ours = c->rate_bps >= BW_NEAR_CAPACITY * c->capacity_bps;

        if (is_alone(c, is_all_ours))
                c->company_usec = 0;
        if (c->queue_usec <= c->goal_usec / 2 || (is_all_ours && !is_paced(c)) ||
            is_queue_ours(c) || c->now_usec < c->refill_until_usec ||
            c->window <= controller_pipe_bytes(c, c->base_usec) / 4)
                return;
        if (!company_is_possible(c))
                c->company_since_usec = c->now_usec;
        c->company_usec = c->now_usec;
}

void company_is_known(BwController *c)
{
        c->company_usec = c->now_usec;
        c->company_since_usec = c->now_usec - (uint64_t) SIGNS_USEC;
}

/* Whoever is no scavenger has shown it, or pushed us aside, within a second. */
bool company_is_there(const BwController *c)
{
        return company_is_possible(c) &&
               (double) (c->now_usec - c->company_since_usec) >= SIGNS_USEC;
}

/* Growth that does not depend on the window and decay in proportion to it, both at all times: who
 * has more gives to who has less until both have the same, at whatever queue that is, and one that
 * takes the base for a millisecond more has a little more, not everything. (A rule that only looks
 * at which side of the target the queue is stands still when it reads exactly the target, which a
 * clock of milliseconds makes it do.) */
void company_part(BwController *c)
{
        double fill = least(2, c->queue_usec / alone_queue_usec(c)),
               part = controller_round_part(c);
        double rounds = c->rtt_usec / GROWTH_USEC;

        c->window += part * c->mss * least(1, rounds) * (2 - fill) -
                     part * DECAY * least(1, 1 / rounds) * c->window * fill;
}

/* On slow lines, where three packets are the target, its rule would let the queue grow too much. */
bool company_rules(const BwController *c)
{
        return company_is_there(c) && c->queue_usec < 2 * c->goal_usec &&
               !controller_is_slow_line(c) &&
               c->window > controller_pipe_bytes(c, c->base_usec) / 4;
}

double company_restored_part(const BwController *c)
{
        if (alone_is_sure(c))
                return (c->base_usec + c->goal_usec / 2) / (c->base_usec + c->goal_usec);
        return RESTORED * c->base_usec / (c->base_usec + c->goal_usec);
}

/* The other one empties its part of the queue. Only when both do at the same time is the queue
 * empty, so that both see the base, and does neither take what the other lets go. */
bool company_drains(const BwController *c)
{
        return company_is_there(c) && !controller_in_grace(c) &&
               c->usual_queue_usec > c->goal_usec / 2 &&
               c->queue_now_usec < c->usual_queue_usec - DIP * c->goal_usec &&
               c->queue_usec < c->usual_queue_usec - DIP * c->goal_usec;
}
