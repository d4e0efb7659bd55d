/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/controller.h"

#include <stddef.h>

#include "bandwidth/alone.h"
#include "bandwidth/comeback.h"
#include "bandwidth/controller_rules.h"
#include "bandwidth/number.h"

#define RTT_LEAST_USEC 300.0 /* what the clock of TCP timestamps cannot show */
#define STAMP_USEC 1000.0    /* that clock: two of us must not differ by its noise */
#define RTT_MOST_USEC 10e6   /* beyond it a sample says nothing */
#define ESTIMATE_MOST_USEC 1e6
#define SETTLE_USEC (600 * 1000)
#define STALE_USEC 250e3
#define USUAL_USEC 300e3
#define BLIND_USEC (300 * 1000)
#define TICK_LEAST_USEC 1000
#define TICK_MOST_USEC (2 * 1000 * 1000) /* a longer gap ends what the history says */
#define PACE_OF_WINDOW 1.25              /* a round trip: room for it to grow */
#define PACE_MOST_OF_LINE 1.05
#define PACE_LEAST_OF_LINE 0.75
#define PACE_LEAST_ALONE 0.95 /* what a DRAIN left of the line is wanted at once */
#define GOAL_MOST_USEC 100e3
#define CAP_SEGMENTS 2 /* fewer are no window */
#define MSS_DEFAULT 1448
#define MSS_LEAST 256
#define MSS_MOST 65536
#define START_SEGMENTS 10
#define WINDOW_MOST (1024.0 * 1024 * 1024)
#define SPEED_MOST 1.25e10 /* 100 Gbit/s: a rate beyond it is a mistake, and so is such a step */

void controller_init(BwController *c, BwDirection direction, PathMemory *path, uint32_t target_usec)
{
        *c = (BwController){
                .direction = direction,
                .path = path,
                .target_usec = target_usec > 0 ? target_usec : BW_TARGET_NORMAL_USEC,
                .mss = MSS_DEFAULT,
                .window = START_SEGMENTS * MSS_DEFAULT,
                .cap_bps = UINT64_MAX,
        };
        c->decision.window_bytes = (uint32_t) c->window;
}

static void set_mss(BwController *c, uint32_t mss)
{
        if (mss == 0)
                mss = MSS_DEFAULT;
        c->mss = most(MSS_LEAST, least(MSS_MOST, mss));
        c->floor_bytes = c->direction == BW_UP ? 2 * c->mss : 1.01 * c->mss;
        c->goal_usec = c->target_usec;
        /* On slow lines three packets are the least queue there can be. */
        if (c->capacity_bps > 0)
                c->goal_usec = most(c->goal_usec, 3 * c->mss / c->capacity_bps * 1e6);
        c->goal_usec = least(GOAL_MOST_USEC, c->goal_usec);
}

/* A first sample, another connection behind the same controller, or a clock that jumped: what was
 * seen before says nothing about what comes. The window stays. */
static void begin_anew(BwController *c, const BwSample *s)
{
        bool is_first = !c->has_sample;

        history_clear(&c->history);
        c->last = *s;
        c->has_sample = true;
        c->now_usec = s->now_usec;
        c->tick_usec = BW_TICK_USEC;
        c->loss_usec = c->grace_until_usec = c->settle_until_usec = 0;
        c->usual_queue_usec = 0;
        c->strong_usec = c->refill_until_usec = c->fresh_usec = c->company_usec = 0;
        c->whole_usec = c->alone_usec = c->back_until_usec = 0;
        controller_forget_signs(c);
        c->state_usec = s->now_usec;
        if (c->path->join_usec > s->now_usec)
                c->path->join_usec = 0;
        if (c->path->ramp_usec > s->now_usec)
                c->path->ramp_usec = 0;
        if (c->path->yield_usec > s->now_usec)
                c->path->yield_usec = 0;
        if (c->path->drain_usec > s->now_usec)
                c->path->drain_usec = c->path->next_drain_usec = 0;
        set_mss(c, s->mss);
        if (is_first)
                c->window = START_SEGMENTS * c->mss;
        else
                c->refill_until_usec = s->now_usec + BLIND_USEC; /* no rate is known */
}

static bool is_continuous(const BwController *c, const BwSample *s)
{
        return c->has_sample && s->now_usec >= c->last.now_usec &&
               s->now_usec - c->last.now_usec <= TICK_MOST_USEC && s->bytes >= c->last.bytes &&
               (double) (s->bytes - c->last.bytes) <= SPEED_MOST && s->loss >= c->last.loss;
}

/* Little's law, for receivers without timestamps: what is in flight over what arrives. */
static double estimated_rtt(const BwController *c, const BwSample *s)
{
        double base = path_memory_base_usec(c->path);
        double window = history_min_window(&c->history, 2 * base + 50e3);
        double rtt = (double) s->rtt_usec;

        if (s->rcv_ssthresh > 0)
                window = least(window, s->rcv_ssthresh);
        if (c->window <= c->floor_bytes * 1.001)
                window *= 0.7;
        if (c->rate_bps <= 0)
                return rtt;
        return most(rtt, least(ESTIMATE_MOST_USEC, window / c->rate_bps * 1e6));
}

/* TCP_INFO repeats its last sample, and below 1 ms the clock of timestamps gives no new one: then a
 * long round trip would stay for ever. What is in flight is never more than the window, so the
 * round trip is not longer than the window takes at the rate seen. */
static double doubted_rtt(BwController *c, const BwSample *s)
{
        double rtt = (double) s->rtt_usec, span = most(150e3, 1.5 * c->rtt_usec);

        if (s->rtt_usec != c->last.rtt_usec || c->fresh_usec == 0)
                c->fresh_usec = s->now_usec;
        if ((double) (s->now_usec - c->fresh_usec) < STALE_USEC + span || c->rate_bps <= 0)
                return rtt;
        /* Twice: windows are rounded up when they are advertised. */
        return least(rtt, 2 * history_max_window(&c->history, span) / c->rate_bps * 1e6);
}

/* The sample's round trip, 0 when there is none that can be believed. */
static double sampled_rtt(BwController *c, const BwSample *s)
{
        double rtt = (double) s->rtt_usec, base = path_memory_base_usec(c->path);

        if (s->rtt_usec == 0)
                return 0;
        if (c->direction == BW_DOWN && !s->has_timestamps)
                rtt = estimated_rtt(c, s);
        else if (c->direction == BW_DOWN)
                rtt = doubted_rtt(c, s);
        if (rtt > RTT_MOST_USEC)
                return 0;
        rtt = most(rtt, RTT_LEAST_USEC);
        if (c->settle_until_usec > 0) {
                /* The persist timer's samples look like a huge queue. */
                if (base > 0 && rtt > base + c->goal_usec && s->now_usec < c->settle_until_usec)
                        return 0;
                c->settle_until_usec = 0;
        }
        return rtt;
}

static void learn_capacity(BwController *c)
{
        double blind = most(2.5 * c->rtt_usec, 250e3);
        bool blinded = c->loss_usec > 0 && (double) (c->now_usec - c->loss_usec) < blind;

        /* Bytes behind a hole arrive all at once when it fills. */
        if (c->rate_bps > 0 && c->rate_bps < SPEED_MOST && !blinded)
                window_filter_add(&c->path->capacity, c->now_usec, c->rate_bps);
        path_memory_add_rate(c->path, c->now_usec, c->rate_bps,
                             !blinded && c->state != BW_START && c->state != BW_RAMP);
        c->capacity_bps = path_memory_capacity_bps(c->path);
}

static void measure(BwController *c, const BwSample *s, bool is_stalled)
{
        double rtt, standing, wide;

        c->now_usec = s->now_usec;
        if (s->now_usec > c->last.now_usec)
                c->tick_usec = (double) (s->now_usec - c->last.now_usec);
        c->lost = s->loss > c->last.loss;
        if (c->lost)
                c->loss_usec = s->now_usec;
        rtt = is_stalled ? 0 : sampled_rtt(c, s);
        if (rtt > 0) {
                window_filter_add(&c->path->base, s->now_usec, rtt);
                c->rtt_usec = rtt;
        }
        history_add(&c->history, &(HistoryPoint){.usec = s->now_usec,
                                                 .bytes = s->bytes,
                                                 .rtt_usec = rtt,
                                                 .window = c->window});
        c->base_usec = most(c->direction == BW_UP ? RTT_LEAST_USEC : STAMP_USEC,
                            path_memory_base_usec(c->path));
        if (c->rtt_usec < RTT_LEAST_USEC)
                c->rtt_usec = c->base_usec;
        c->rate_bps =
                least(SPEED_MOST, history_rate_bps(&c->history, most(150e3, 1.5 * c->rtt_usec)));
        learn_capacity(c);
        set_mss(c, s->mss);

        standing = history_min_rtt(&c->history, most(c->rtt_usec, 30e3));
        c->queue_usec = most(0, standing - c->base_usec);
        c->queue_now_usec = rtt > 0 ? most(0, rtt - c->base_usec) : 0;
        if (rtt > 0)
                c->usual_queue_usec += (c->queue_now_usec - c->usual_queue_usec) *
                                       least(1, c->tick_usec / most(USUAL_USEC, 3 * c->rtt_usec));
        wide = history_max_window(&c->history, 1.5 * c->rtt_usec + 20e3);
        c->own_queue_usec = 0;
        if (c->capacity_bps > 0)
                c->own_queue_usec =
                        least(RTT_MOST_USEC, most(0, wide / c->capacity_bps * 1e6 - c->base_usec));
        c->last = *s;
}

/* Out of the way altogether; nothing is learnt meanwhile. */
static void stand_still(BwController *c)
{
        /* A long upload that has not seen the capacity yet goes on with finding it. */
        if (c->state != BW_YIELD && c->state != BW_CRUISE &&
            !(c->state == BW_START && controller_is_long_upload(c)))
                controller_enter(c, BW_CRUISE);
        controller_forget_signs(c);
        c->company_since_usec = c->now_usec;
        c->state_usec = c->now_usec;
        c->settle_until_usec = c->now_usec + SETTLE_USEC;
}

/* The window that a cap leaves: what it lets through in a round trip. On a short way that is less
 * than a segment; there the delay rules what is more. An upload is paced by the cap itself. */
static double room_of_cap(const BwController *c, uint64_t cap)
{
        double bps = (double) cap, room = bps * c->base_usec / 1e6;

        if (cap == UINT64_MAX)
                return WINDOW_MOST;
        if (c->direction == BW_UP && c->base_usec < BW_SHORT_USEC)
                return room + bps * c->goal_usec / 2e6;
        return most(room, least(CAP_SEGMENTS * c->mss, bps * c->goal_usec / 1e6));
}

static void move(BwController *c, uint64_t cap)
{
        double room = room_of_cap(c, cap);
        bool is_settling;

        if (comeback_awaits_sender(c))
                c->settle_until_usec = c->now_usec + SETTLE_USEC;
        is_settling = c->settle_until_usec > c->now_usec;

        /* A cap may have been next to nothing for a moment, while others were leaving. */
        if ((c->decision.stall || (c->cap_bps != UINT64_MAX && cap == UINT64_MAX)) &&
            c->state == BW_CRUISE)
                comeback_begin(c);
        /* Not all at once into what somebody else leaves: on a long line that is a long burst. */
        if (c->decision.stall && cap != UINT64_MAX && c->base_usec >= BW_LONG_BASE_USEC)
                c->window = least(c->window, room / 4);
        c->cap_bps = cap;
        if (room <= c->floor_bytes) /* a window that is all the cap's shows nothing */
                stand_still(c);
        else if (!is_settling)
                controller_run_state(c);
        c->window = least(c->window, room);
}

BwDecision controller_tick(BwController *c, const BwSample *s, uint64_t cap_bytes_per_sec,
                           bool sensor)
{
        bool must_stall = cap_bytes_per_sec == 0 || (c->state == BW_YIELD && !sensor);

        if (!is_continuous(c, s))
                begin_anew(c, s);
        else if (s->now_usec - c->last.now_usec < TICK_LEAST_USEC && c->history.len > 0 &&
                 must_stall == c->decision.stall)
                return c->decision;
        measure(c, s, must_stall);
        if (must_stall)
                stand_still(c);
        else
                move(c, cap_bytes_per_sec);
        c->window = least(WINDOW_MOST, most(c->window, c->floor_bytes));
        c->decision = (BwDecision){
                .window_bytes = (uint32_t) c->window,
                .stall = must_stall || (c->state == BW_YIELD && !sensor),
                .at_floor = c->state != BW_DRAIN && c->window <= c->floor_bytes * 1.001,
        };
        return c->decision;
}

/* A window of a long path, a quarter faster than the line, would be a burst; slower than the line
 * there is no need to be: on a long way single segments, far apart, would be acknowledged late. */
uint64_t controller_pace_bps(const BwController *c, uint64_t rtt_usec)
{
        double bps = c->window * 1e6 / most(1, rtt_usec);
        double part =
                c->state == BW_CRUISE && alone_is_sure(c) ? PACE_LEAST_ALONE : PACE_LEAST_OF_LINE;

        if (c->decision.stall || c->decision.at_floor || rtt_usec == 0)
                return UINT64_MAX;
        if (c->state == BW_START)
                bps *= PACE_OF_WINDOW;
        else /* as long as no queue stands the window knows better than what was seen so far */
                bps = least(PACE_OF_WINDOW * bps, PACE_MOST_OF_LINE * most(c->capacity_bps, bps));
        bps = least(most(bps, part * c->capacity_bps), (double) c->cap_bps);
        return (uint64_t) least(bps, SPEED_MOST);
}

void controller_resume(BwController *c, uint64_t now_usec)
{
        if (c->state != BW_YIELD)
                return;
        c->now_usec = now_usec > c->last.now_usec ? now_usec : c->last.now_usec;
        controller_enter(c, BW_RAMP);
}

BwState controller_state(const BwController *c)
{
        return c->state;
}

uint64_t controller_rate_bps(const BwController *c)
{
        return (uint64_t) least(c->rate_bps, SPEED_MOST);
}

uint64_t controller_queue_usec(const BwController *c)
{
        return (uint64_t) c->queue_usec;
}

uint64_t controller_base_usec(const BwController *c)
{
        return (uint64_t) path_memory_base_usec(c->path);
}

const char *bw_state_to_string(BwState state)
{
        static const char *const names[BW_STATE_MAX] = {
                [BW_START] = "start", [BW_CRUISE] = "cruise", [BW_DRAIN] = "drain",
                [BW_YIELD] = "yield", [BW_RAMP] = "ramp",
        };

        return (unsigned) state < BW_STATE_MAX ? names[state] : NULL;
}
