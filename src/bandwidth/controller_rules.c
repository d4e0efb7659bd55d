/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/controller_rules.h"

#include "bandwidth/alone.h"
#include "bandwidth/comeback.h"
#include "bandwidth/company.h"
#include "bandwidth/number.h"
#include "bandwidth/rival.h"

#define GROWTH 1.5          /* per round, while far from the capacity */
#define GROWTH_SMOOTHED 1.3 /* the same where the round trip is smoothed, so it shows late */
#define GROWTH_NEAR 1.2     /* and near to it */
#define GROWTH_LONG 1.2     /* of an upload on a long way, where the queue shows a round too late */
#define GROWTH_GOALS 1.5    /* beyond the pipe and so many targets only step by step */
/* Rounds without a queue that show room; on a long way more than the DRAIN of another one takes. */
#define QUIET_ROUNDS 2
#define QUIET_ROUNDS_LONG 4
#define EXTRA_USEC 20e3 /* what a change of the window needs beyond its rounds */
#define PAIR_SEGMENTS 2 /* are acknowledged together */
#define FEW_PART 0.25
#define BURSTY_USEC 30e3 /* beyond this base a small window comes as a burst in an empty pipe */
#define RAMP_PART 0.25   /* of the pipe: where RAMP begins … */
#define RAMP_LEAST 0.15  /* … and what it leaves, whatever the rate still shows */
#define ALONE_USEC 20e6
#define DRAIN_LEAST_USEC 4.5e6
#define DRAIN_BASES 90
#define SLOW_GOAL 1.5  /* of the target: beyond it the line is slow */
#define TAME_GOALS 1.5 /* the queue of a scavenger is no longer */
#define JOIN_AGAIN_USEC (10 * 1000 * 1000)
#define HOLD_AGAIN_USEC (5 * 1000 * 1000)
#define SAME_YIELD_USEC (1000 * 1000)

/* factor ^ exponent, for factors of 1 … 2 and exponents of 0 … 1. */
static double power(double factor, double exponent)
{
        double z = (factor - 1) / (factor + 1), zz = z * z;
        double y = 2 * z * (1 + zz / 3 + zz * zz / 5 + zz * zz * zz / 7) * exponent;

        return 1 + y * (1 + y / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5))));
}

/* The share of a round that this tick covers. */
double controller_round_part(const BwController *c)
{
        return least(1, c->tick_usec / c->rtt_usec);
}

double controller_pipe_bytes(const BwController *c, double usec)
{
        return c->capacity_bps * usec / 1e6;
}

void controller_set_grace(BwController *c, double usec)
{
        c->grace_until_usec = c->now_usec + (uint64_t) usec;
}

bool controller_is_slow_line(const BwController *c)
{
        return c->goal_usec >= SLOW_GOAL * c->target_usec;
}

bool controller_in_grace(const BwController *c)
{
        return c->now_usec < c->grace_until_usec;
}

static double change_usec(const BwController *c)
{
        return 1.5 * c->rtt_usec + EXTRA_USEC;
}

/* Between two fragments the sender has nothing to say. At the floor it has to be silent most of the
 * time. */
static bool is_idle(const BwController *c)
{
        return c->direction == BW_UP && c->last.is_idle && !c->decision.at_floor;
}

void controller_refill(BwController *c)
{
        uint64_t from = c->grace_until_usec > c->now_usec ? c->grace_until_usec : c->now_usec;

        c->refill_until_usec = from + (uint64_t) most(150e3, 1.5 * c->rtt_usec);
}

/* The window that matches the rate seen. */
static double fitting_window(const BwController *c)
{
        return least(c->rate_bps, c->capacity_bps) * (c->base_usec + c->goal_usec / 2) / 1e6;
}

static void enter_yield(BwController *c)
{
        PathMemory *p = c->path;

        /* Several connections step aside for the same reason: that counts once. */
        if (p->yield_usec == 0 || c->now_usec - p->yield_usec > SAME_YIELD_USEC) {
                bool again = p->ramp_usec > 0 && c->now_usec - p->ramp_usec < HOLD_AGAIN_USEC;

                p->hold_usec = again ? p->hold_usec * 2 : PATH_HOLD_MIN_USEC;
                if (p->hold_usec > PATH_HOLD_MAX_USEC)
                        p->hold_usec = PATH_HOLD_MAX_USEC;
                again = p->join_usec > 0 && c->now_usec - p->join_usec < JOIN_AGAIN_USEC;
                p->patience_usec = again ? p->patience_usec * 2 : PATH_PATIENCE_MIN_USEC;
                if (p->patience_usec > PATH_PATIENCE_MAX_USEC)
                        p->patience_usec = PATH_PATIENCE_MAX_USEC;
        }
        p->yield_usec = c->now_usec;
        c->alone_usec = 0;
        c->window = c->floor_bytes;
}

static void enter_drain(BwController *c)
{
        double full = least(c->window, controller_pipe_bytes(c, c->base_usec + c->goal_usec));
        double taken = alone_drain_targets(c) * c->rate_bps * c->goal_usec / 1e6;

        c->window_before_drain = c->window;
        c->window = most(c->floor_bytes, full - taken);
}

void controller_forget_signs(BwController *c)
{
        c->rival_usec = c->weak_usec = c->pushed_usec = c->quiet_usec = c->calm_usec =
                c->tame_usec = 0;
}

void controller_enter(BwController *c, BwState state)
{
        c->state = state;
        c->state_usec = c->now_usec;
        controller_forget_signs(c);
        if (state == BW_YIELD)
                enter_yield(c);
        if (state == BW_DRAIN)
                enter_drain(c);
        if (state == BW_RAMP) {
                c->company_usec = 0;
                c->path->ramp_usec = c->now_usec;
                c->window = most(2 * c->floor_bytes,
                                 RAMP_PART * controller_pipe_bytes(c, c->base_usec));
        }
}

bool controller_is_long_upload(const BwController *c)
{
        return c->direction == BW_UP && c->base_usec >= BW_LONG_BASE_USEC;
}

/* A long upload that has the line for itself. The quiet that another scavenger leaves now and then
 * is not to be filled at once: that would push it aside. */
static bool is_upload_alone(const BwController *c)
{
        return controller_is_long_upload(c) &&
               (c->company_usec == 0 || (double) (c->now_usec - c->company_usec) > ALONE_USEC);
}

/* A queue that a long upload sees for half a round. An acknowledgement waits for the second segment
 * of its pair, which a slow one sends much later: that is none. */
static double lasting_queue_usec(const BwController *c)
{
        double pair = c->rate_bps > 0 ? PAIR_SEGMENTS * c->mss / c->rate_bps * 1e6 : 0;

        return history_min_rtt(&c->history, c->rtt_usec / 2) - c->base_usec - pair;
}

/* What leaves in a burst waits for itself: half of it on the average, though the queue does not
 * stand. Only a window too small for a queue of its own is believed so. */
static double burst_usec(const BwController *c)
{
        if (c->base_usec < BURSTY_USEC || c->capacity_bps <= 0 ||
            (c->window > controller_pipe_bytes(c, c->base_usec) / 2 && !comeback_is_under_way(c)))
                return 0;
        return c->window / c->capacity_bps * 1e6 / 2;
}

/* On a long way the rate is that of a smaller window, or of a pause between two fragments. */
static double start_fit(const BwController *c)
{
        return controller_is_long_upload(c)
                       ? controller_pipe_bytes(c, c->base_usec + c->goal_usec / 2)
                       : fitting_window(c);
}

static double start_growth(const BwController *c)
{
        if (c->direction == BW_DOWN || c->state == BW_RAMP)
                return GROWTH;
        return controller_is_long_upload(c) ? GROWTH_LONG : GROWTH_SMOOTHED;
}

/* The first sign of a queue, before it stands for a round. On a long way of an upload it was made
 * by the window of a round ago, and tells how much of that fits. */
static bool sees_queue_early(BwController *c)
{
        double seen = controller_is_long_upload(c) ? 2 * lasting_queue_usec(c) : c->queue_now_usec;

        if (seen <= c->goal_usec || c->window <= 20 * c->mss)
                return false;
        if (controller_is_long_upload(c)) {
                c->window *= (c->base_usec + c->goal_usec / 2) / (c->base_usec + seen / 2) /
                             start_growth(c);
                controller_set_grace(c, change_usec(c));
        }
        return true;
}

/* BW_START and BW_RAMP: up, until a queue shows or (RAMP) the pipe is nearly full. */
static void run_start(BwController *c)
{
        double room = 2 * c->rate_bps * c->rtt_usec / 1e6 + 10 * c->mss;
        double pipe = controller_pipe_bytes(c, c->base_usec);
        double burst = c->state == BW_RAMP ? burst_usec(c) : 0;
        double kept = c->state == BW_RAMP && !c->lost ? RAMP_LEAST * pipe : 0;

        if (is_idle(c))
                controller_set_grace(c, change_usec(c));
        if (c->direction == BW_UP && controller_in_grace(c))
                return;

        c->window *= power(start_growth(c), controller_round_part(c));
        if (c->now_usec >= c->refill_until_usec)
                c->window = least(c->window, most(room, c->floor_bytes));
        if (c->queue_usec > most(0.75 * c->goal_usec, least(1.5 * c->goal_usec, burst)) ||
            c->lost) {
                c->window = least(c->window, most(start_fit(c), kept));
                controller_set_grace(c, change_usec(c));
                controller_enter(c, BW_CRUISE);
        } else if (sees_queue_early(c)) {
                controller_enter(c, BW_CRUISE);
        } else if (c->state == BW_RAMP && c->window >= BW_NEAR_CAPACITY * pipe) {
                controller_enter(c, BW_CRUISE);
        }
}

/* Rounds in a row without any queue. */
static double quiet_rounds(const BwController *c)
{
        return c->quiet_usec == 0 ? 0 : (double) (c->now_usec - c->quiet_usec) / c->rtt_usec;
}

/* Never far from what is really delivered. */
static void bound_by_rate(BwController *c)
{
        double most_bytes = 1.5 * c->rate_bps * c->rtt_usec / 1e6 + 8 * c->mss;

        if (comeback_is_under_way(c))
                most_bytes = most(most_bytes, comeback_window_bytes(c));
        if (c->now_usec >= c->refill_until_usec)
                c->window = least(c->window, most_bytes);
}

/* What of a queue is none. On a long way an upload's data take longer than the handshake did. */
static double room_usec(const BwController *c)
{
        return is_upload_alone(c) ? c->goal_usec / 2 : c->goal_usec / 4;
}

static void grow(BwController *c)
{
        double pipe = controller_pipe_bytes(c, c->base_usec), part = controller_round_part(c);
        double full = controller_pipe_bytes(c, c->base_usec + GROWTH_GOALS * c->goal_usec);
        double rounds = quiet_rounds(c),
               wait = is_upload_alone(c) ? QUIET_ROUNDS_LONG : QUIET_ROUNDS;

        if (comeback_is_catching_up(c))
                return;
        if (c->window > pipe / 4 && company_is_possible(c))
                c->window += part * c->mss * most(0.1, 1 - c->queue_usec / c->goal_usec);
        else if (c->window < BW_NEAR_CAPACITY * pipe &&
                 c->queue_usec < most(room_usec(c), least(0.75 * c->goal_usec, burst_usec(c))) &&
                 c->queue_now_usec < c->goal_usec + burst_usec(c))
                c->window *= power(c->window < pipe / 2 ? GROWTH : GROWTH_NEAR, part);
        else if (c->queue_now_usec > c->goal_usec && c->base_usec > 30e3)
                return; /* a burst of our own is on its way */
        else if (rounds > wait && (c->window < full || is_upload_alone(c)))
                c->window *= power(1 + least(0.10, 0.03 * (rounds - wait)), part);
        else
                c->window += part * most(c->mss, 0.01 * c->window) *
                             most(0.1, 1 - c->queue_usec / alone_queue_usec(c));
        bound_by_rate(c);
}

/* What a shrinking window keeps. A paced upload has a part of its window waiting in the kernel. */
static double kept_window(const BwController *c)
{
        double queue = is_upload_alone(c) ? c->goal_usec : c->goal_usec / 2;

        return least(c->rate_bps, c->capacity_bps) * (c->base_usec + queue) / 1e6;
}

static void shrink(BwController *c)
{
        double excess = least(0.5, c->queue_usec / alone_queue_usec(c) - 1), before = c->window;

        c->window -= controller_round_part(c) * c->window * excess;
        /* Feedback is a round or two old: a queue that is all our own goes without starving. */
        if (c->own_queue_usec >= BW_OWN_PART * c->queue_usec)
                c->window = most(c->window, least(before, kept_window(c)));
}

static void note_floor(BwController *c)
{
        if (c->window > c->floor_bytes)
                return;
        c->window = c->floor_bytes;
        if (c->pushed_usec == 0)
                c->pushed_usec = c->now_usec;
}

static bool is_drain_due(BwController *c)
{
        PathMemory *p = c->path;
        double period = most(DRAIN_LEAST_USEC, DRAIN_BASES * c->base_usec);

        if (p->next_drain_usec == 0 || p->next_drain_usec > c->now_usec + (uint64_t) (2 * period))
                p->next_drain_usec = c->now_usec + (uint64_t) period;
        if (c->now_usec >= p->next_drain_usec) {
                p->drain_usec = c->now_usec;
                p->next_drain_usec = c->now_usec + (uint64_t) period;
        } else if (company_drains(c) && !alone_is_sure(c) && p->drain_usec > 0 &&
                   (double) (c->now_usec - p->drain_usec) > period / 2) {
                p->drain_usec = c->now_usec;
                p->next_drain_usec = c->now_usec + (uint64_t) (period - c->rtt_usec);
        }
        return c->now_usec >= c->refill_until_usec && p->drain_usec > c->state_usec &&
               p->drain_usec <= c->now_usec &&
               (double) (c->now_usec - p->drain_usec) < c->rtt_usec / 2 + c->tick_usec;
}

/* A small window brings few samples, whose least lies up to a tick of the timestamps above what a
 * large one sees in the same queue; without this the small one would never grow. */
static double few_samples_usec(const BwController *c)
{
        double full = controller_pipe_bytes(c, c->base_usec + c->goal_usec);

        if (c->direction == BW_UP)
                return c->window < 0.5 * full ? 0.3 * c->goal_usec : 0;
        return c->window < FEW_PART * full ? 1000 : 0;
}

/* Rate and round trip of the next round do not show what the line bears. */
static void sit_out(BwController *c)
{
        c->quiet_usec = 0;
        controller_set_grace(c, change_usec(c));
        controller_refill(c);
}

/* There is room. The round trips of data lie above that of the handshake, by a part of the target
 * on a long way, and single ones much more. */
static bool is_quiet(const BwController *c)
{
        if (is_upload_alone(c))
                return c->queue_usec <= c->goal_usec / 2 && lasting_queue_usec(c) < c->goal_usec;
        return c->queue_usec <= c->goal_usec / 8 && c->queue_now_usec < c->goal_usec / 2;
}

static void run_cruise(BwController *c)
{
        if (is_idle(c)) {
                sit_out(c);
                return;
        }
        if (!is_quiet(c))
                c->quiet_usec = 0;
        else if (c->quiet_usec == 0)
                c->quiet_usec = c->now_usec;
        company_note(c);
        alone_note(c);
        if (c->lost && !controller_in_grace(c)) {
                c->window *= 0.7;
                controller_set_grace(c, c->rtt_usec);
        } else if (company_rules(c)) {
                company_part(c);
                bound_by_rate(c);
                note_floor(c);
        } else if (c->queue_usec < alone_queue_usec(c) + few_samples_usec(c)) {
                grow(c);
        } else if (!controller_in_grace(c)) {
                shrink(c);
                note_floor(c);
        }
        if (rival_is_there(c))
                controller_enter(c, BW_YIELD);
        else if (!comeback_is_under_way(c) && is_drain_due(c))
                controller_enter(c, BW_DRAIN);
}

/* Below 1 ms the clock of timestamps shows nothing, so a latecomer would take the queue that it met
 * for the base for ever. At the end of a DRAIN the rate tells: what is in flight is the window. */
static void learn_short_base(BwController *c)
{
        double span = EXTRA_USEC, rate = history_rate_bps(&c->history, span);
        double seen = rate > 0 ? 1.5 * history_max_window(&c->history, span) / rate * 1e6 : 0;

        if (c->direction == BW_DOWN && c->base_usec < BW_SHORT_USEC && seen > 0 &&
            seen < 0.7 * c->base_usec)
                window_filter_add(&c->path->base, c->now_usec, seen);
}

/* The smoothed round trip of a sender needs a round more to come down. */
static double drain_usec(const BwController *c)
{
        double usec = 1.2 * c->rtt_usec + EXTRA_USEC;

        return c->direction == BW_UP ? usec + c->rtt_usec + EXTRA_USEC : usec;
}

static void run_drain(BwController *c)
{
        double pipe = controller_pipe_bytes(c, c->base_usec), restored;

        if ((double) (c->now_usec - c->state_usec) < drain_usec(c))
                return;
        learn_short_base(c);
        restored = least(c->window_before_drain,
                         least(controller_pipe_bytes(c, c->base_usec + c->goal_usec), 0.9 * pipe));
        if (alone_is_sure(c)) /* nobody else fills what is empty now */
                restored = most(restored,
                                least(c->window_before_drain,
                                      controller_pipe_bytes(c, c->base_usec + c->goal_usec / 2)));
        if (company_is_possible(c))
                restored = least(restored, c->window_before_drain * company_restored_part(c));
        c->window = most(c->window, restored);
        controller_set_grace(c, change_usec(c));
        controller_refill(c);
        controller_enter(c, BW_CRUISE);
}

/* The other one is a scavenger like us, and keeps its queue at the target. RAMP would end at once
 * there. We take a part that raises the queue by less than what makes it yield; then both shrink in
 * proportion and grow alike. */
static void join_scavenger(BwController *c)
{
        controller_enter(c, BW_RAMP);
        c->window =
                most(2 * c->floor_bytes, least(c->window, controller_pipe_bytes(c, c->goal_usec)));
        controller_set_grace(c, change_usec(c));
        controller_refill(c);
        controller_enter(c, BW_CRUISE);
        c->path->join_usec = c->now_usec;
        company_is_known(c);
}

static void run_yield(BwController *c)
{
        c->window = c->floor_bytes;
        if (c->queue_usec > c->goal_usec / 2)
                c->calm_usec = 0;
        else if (c->calm_usec == 0)
                c->calm_usec = c->now_usec;
        if (c->usual_queue_usec > TAME_GOALS * c->goal_usec)
                c->tame_usec = 0;
        else if (c->tame_usec == 0)
                c->tame_usec = c->now_usec;
        if (c->calm_usec > 0 && c->now_usec - c->calm_usec >= c->path->hold_usec)
                controller_enter(c, BW_RAMP);
        else if (c->tame_usec > 0 && c->now_usec - c->tame_usec >= c->path->patience_usec)
                join_scavenger(c);
}

void controller_run_state(BwController *c)
{
        switch (c->state) {
        case BW_START:
                run_start(c);
                break;
        case BW_RAMP:
                if (rival_is_there(c))
                        controller_enter(c, BW_YIELD);
                else
                        run_start(c);
                break;
        case BW_CRUISE:
                run_cruise(c);
                break;
        case BW_DRAIN:
                if (rival_is_there(c))
                        controller_enter(c, BW_YIELD);
                else
                        run_drain(c);
                break;
        case BW_YIELD:
        case BW_STATE_MAX:
                run_yield(c);
                break;
        }
}
