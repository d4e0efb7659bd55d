/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/governor.h"

#include <stddef.h>

#include "bandwidth/number.h"

#define STEP_LEAST_USEC (GOVERNOR_STEP_USEC / 2)
#define STEP_MOST_USEC (5 * 1000 * 1000)
#define SPEED_MOST 1.25e11 /* a Tbit/s: a rate beyond it is a mistake */
#define FOREIGN_WEIGHT 0.5
#define TOTAL_WEIGHT 0.3
#define NOISE_PART 0.03 /* of the capacity: less than that is nobody */
#define NOISE_LEAST_BPS 16e3
#define FIRST_PART 1.5
#define DUCK_LEAST_USEC (500 * 1000)
#define DUCK_MOST_USEC (2 * 1000 * 1000)
#define DUCK_BASES 10
#define DUCK_GAP_USEC (2 * 1000 * 1000)
/* Shorter than the second after which who fetches something now and then is there again. */
#define DUCK_GAP_IDLE_USEC (800 * 1000)
#define DUCK_GROWTH 1.15 /* per step: still taking off */
#define LONG_BASE_USEC (50 * 1000)
#define LONG_DUCK_USEC (4 * 1000 * 1000)
#define TREND_LEAST_STEPS 5
#define TREND_MOST_STEPS 10
#define TREND_BASES 10
#define TREND 1.06    /* from one half of the trend to the other: it has not got what it wants */
#define REGROWTH 1.12 /* since we share */
#define GLANCES 2     /* one may be an interruption between two counters */
#define ELASTIC_PART 0.7
#define HOLD_PART 0.5
#define PEAK_STEPS 4 /* 350 ms */
/* BBR is silent for 0.2 s and a round trip or two, now and then: that is no reason to share. */
#define PEAK_STEPS_LONG 7
#define SHARE_PEAK_STEPS 5
#define SHARE_PART 0.97
#define SHARE_ROOM 1.1
#define MORE 1.3
#define RETURN_PART 0.01 /* of the capacity: a packet now and then */
#define RETURN_WAIT 2    /* … after so small a part of the wait for others */
#define QUIET_USEC (400 * 1000)
#define QUIET_MOST_USEC (1000 * 1000)
#define QUIET_BASES 4

void governor_init(Governor *g, bool is_upload)
{
        *g = (Governor){.cap_bps = UINT64_MAX, .is_upload = is_upload};
        window_filter_init(&g->capacity, PATH_WINDOW_USEC, true);
}

void governor_set_capacity(Governor *g, uint64_t capacity_bps)
{
        g->told_bps = capacity_bps < SPEED_MOST ? (double) capacity_bps : SPEED_MOST;
}

static double capacity(const Governor *g)
{
        return g->told_bps > 0 ? g->told_bps : window_filter_get(&g->capacity, 0);
}

static double threshold(const Governor *g)
{
        return most(NOISE_PART * capacity(g), NOISE_LEAST_BPS);
}

static double peak(const Governor *g, unsigned steps)
{
        double best = 0;

        for (unsigned i = 1; i <= steps; i++)
                best = most(best, g->peaks[(g->next + GOVERNOR_PEAKS - i) % GOVERNOR_PEAKS]);
        return best;
}

static void enter(Governor *g, GovernorState state)
{
        g->state = state;
        g->state_usec = g->now_usec;
}

static void enter_duck(Governor *g, uint64_t now_usec, uint64_t base_usec)
{
        uint64_t wait = DUCK_BASES * (base_usec < DUCK_MOST_USEC ? base_usec : DUCK_MOST_USEC);

        if (wait < DUCK_LEAST_USEC)
                wait = DUCK_LEAST_USEC;
        if (wait > DUCK_MOST_USEC)
                wait = DUCK_MOST_USEC;
        enter(g, GOVERNOR_DUCK);
        g->state_usec = g->duck_usec = now_usec;
        g->duck_until_usec = now_usec + wait;
}

static bool may_duck(const Governor *g, uint64_t now_usec)
{
        uint64_t gap = g->state == GOVERNOR_IDLE ? DUCK_GAP_IDLE_USEC : DUCK_GAP_USEC;

        return g->duck_usec == 0 || now_usec - g->duck_usec > gap;
}

/* Mean of `steps` steps, of which the newest is `ago` steps old; 0 where nothing was seen. */
static double mean_seen(const Governor *g, unsigned ago, unsigned steps)
{
        double sum = 0;

        if (ago + steps > g->seen_len)
                return 0;
        for (unsigned i = ago + 1; i <= ago + steps; i++)
                sum += g->seen[(g->seen_next + GOVERNOR_SEEN - i) % GOVERNOR_SEEN];
        return sum / steps;
}

static unsigned trend_steps(uint64_t base_usec)
{
        uint64_t steps = TREND_BASES * base_usec / GOVERNOR_STEP_USEC;

        return steps < TREND_LEAST_STEPS  ? TREND_LEAST_STEPS
               : steps > TREND_MOST_STEPS ? TREND_MOST_STEPS
                                          : (unsigned) steps;
}

/* On a long line a foreground that lost packets as it came needs seconds to win the line back. As
 * long as it grows it wants more than it has, however little that is. */
static bool is_rising(const Governor *g, uint64_t base_usec)
{
        unsigned steps = trend_steps(base_usec);
        double older = mean_seen(g, steps, steps);

        return base_usec >= LONG_BASE_USEC && older > threshold(g) &&
               mean_seen(g, 0, steps) > TREND * older;
}

static void end_duck(Governor *g, uint64_t base_usec, double before_bps)
{
        bool is_growing = g->foreign_bps > DUCK_GROWTH * before_bps;
        bool is_rising_now = is_rising(g, base_usec);
        uint64_t longest = is_rising_now ? LONG_DUCK_USEC : DUCK_MOST_USEC;

        if (g->now_usec < g->duck_until_usec)
                return;
        g->known_bps = peak(g, PEAK_STEPS);
        g->shared_bps = mean_seen(g, 0, trend_steps(base_usec));
        if (g->known_bps >= ELASTIC_PART * capacity(g))
                enter(g, GOVERNOR_HOLD);
        else if ((!is_growing && !is_rising_now) || g->now_usec - g->duck_usec >= longest)
                enter(g, is_rising_now ? GOVERNOR_HOLD : GOVERNOR_SHARE);
}

/* What we leave to it, it takes: then it may want all. */
static bool wants_more(const Governor *g, uint64_t base_usec)
{
        unsigned steps = trend_steps(base_usec);

        if (g->foreign_bps > MORE * g->known_bps + threshold(g))
                return true;
        return base_usec >= LONG_BASE_USEC && g->shared_bps > threshold(g) &&
               g->now_usec - g->state_usec >= (uint64_t) steps * GOVERNOR_STEP_USEC &&
               mean_seen(g, 0, steps) > REGROWTH * g->shared_bps;
}

/* On a long line a foreground that lost packets is silent for a few round trips. */
static uint64_t quiet_wait_usec(uint64_t base_usec)
{
        uint64_t wait = QUIET_BASES * (base_usec < QUIET_MOST_USEC ? base_usec : QUIET_MOST_USEC);

        return wait < QUIET_USEC ? QUIET_USEC : wait < QUIET_MOST_USEC ? wait : QUIET_MOST_USEC;
}

/* A newcomer's first packets must not wait for the smoothing: on a long line with a short queue his
 * slow start would meet ours. They are ten, and may fall into two steps. `bytes`: foreign, of two
 * steps or less. */
static bool is_newcomer(const Governor *g, double bytes)
{
        double before = mean_seen(g, 2, TREND_LEAST_STEPS);

        return bytes > (FIRST_PART * threshold(g) + 2 * before) * GOVERNOR_STEP_USEC / 1e6;
}

static bool wants_little(const Governor *g, uint64_t base_usec)
{
        unsigned steps = base_usec < LONG_BASE_USEC ? PEAK_STEPS : PEAK_STEPS_LONG;

        return peak(g, steps) < HOLD_PART * capacity(g) && !is_rising(g, base_usec);
}

static void decide(Governor *g, uint64_t base_usec, double before_bps, double newest_bps)
{
        bool somebody = g->foreign_bps > threshold(g) || newest_bps > FIRST_PART * threshold(g) ||
                        is_newcomer(g, g->last_bytes + g->earlier_bytes);

        /* The smoothed figure would show him for half a second after he has gone. */
        if (newest_bps > threshold(g))
                g->quiet_usec = 0;
        else if (g->quiet_usec == 0)
                g->quiet_usec = g->now_usec;
        if (g->state != GOVERNOR_IDLE && g->quiet_usec > 0 &&
            g->now_usec - g->quiet_usec >= quiet_wait_usec(base_usec)) {
                enter(g, GOVERNOR_IDLE);
                return;
        }
        switch (g->state) {
        case GOVERNOR_IDLE:
                if (somebody && may_duck(g, g->now_usec))
                        enter_duck(g, g->now_usec, base_usec);
                else if (somebody)
                        enter(g, GOVERNOR_SHARE);
                break;
        case GOVERNOR_DUCK:
                end_duck(g, base_usec, before_bps);
                break;
        case GOVERNOR_HOLD:
                if (wants_little(g, base_usec)) {
                        g->shared_bps = mean_seen(g, 0, trend_steps(base_usec));
                        enter(g, GOVERNOR_SHARE);
                }
                break;
        case GOVERNOR_SHARE:
                if (wants_more(g, base_usec) && may_duck(g, g->now_usec))
                        enter_duck(g, g->now_usec, base_usec);
                break;
        case GOVERNOR_STATE_MAX:
                enter(g, GOVERNOR_IDLE);
                break;
        }
}

/* A stalled distant sender asks only after some tenths of a second whether it may send again. It
 * may have a packet under way before it is known that the others have gone, so that it is there by
 * then. */
static bool is_nearly_idle(const Governor *g, uint64_t base_usec)
{
        return !g->is_upload && g->quiet_usec > 0 &&
               g->now_usec - g->quiet_usec >= quiet_wait_usec(base_usec) / RETURN_WAIT;
}

static uint64_t cap_of_state(const Governor *g, uint64_t base_usec)
{
        double least_bps = is_nearly_idle(g, base_usec) ? RETURN_PART * capacity(g) : 0, left = 0;

        if (g->state == GOVERNOR_IDLE)
                return UINT64_MAX;
        if (g->state == GOVERNOR_SHARE)
                left = SHARE_PART * capacity(g) - SHARE_ROOM * peak(g, SHARE_PEAK_STEPS);
        return (uint64_t) most(left, least_bps);
}

static void begin_anew(Governor *g, uint64_t now_usec, uint64_t iface_bytes, uint64_t own_bytes)
{
        g->has_step = true;
        g->now_usec = now_usec;
        g->iface_bytes = iface_bytes;
        g->own_bytes = own_bytes;
        g->state_usec = now_usec;
        g->duck_usec = g->quiet_usec = 0;
        g->seen_len = g->glances = 0;
        g->last_bytes = g->earlier_bytes = 0;
        g->duck_until_usec = now_usec;
}

uint64_t governor_step(Governor *g, uint64_t now_usec, uint64_t iface_bytes,
                       uint64_t own_wire_bytes, uint64_t base_usec)
{
        double sec, total, own, before = g->foreign_bps;

        g->glances = 0;

        /* A jump of the clock, or an interface that came anew, says nothing about rates. */
        if (!g->has_step || now_usec < g->now_usec || now_usec - g->now_usec > STEP_MOST_USEC ||
            iface_bytes < g->iface_bytes || own_wire_bytes < g->own_bytes) {
                begin_anew(g, now_usec, iface_bytes, own_wire_bytes);
                return g->cap_bps;
        }
        if (now_usec - g->now_usec < STEP_LEAST_USEC)
                return g->cap_bps;
        sec = (double) (now_usec - g->now_usec) / 1e6;
        total = (double) (iface_bytes - g->iface_bytes) / sec;
        own = (double) (own_wire_bytes - g->own_bytes) / sec;
        if (total > SPEED_MOST || own > SPEED_MOST) {
                begin_anew(g, now_usec, iface_bytes, own_wire_bytes);
                return g->cap_bps;
        }
        g->now_usec = now_usec;
        g->iface_bytes = iface_bytes;
        g->own_bytes = own_wire_bytes;
        g->total_bps += TOTAL_WEIGHT * (total - g->total_bps);
        g->foreign_bps += FOREIGN_WEIGHT * (most(0, total - own) - g->foreign_bps);
        window_filter_add(&g->capacity, now_usec, g->total_bps);
        g->peaks[g->next] = g->foreign_bps;
        g->next = (g->next + 1) % GOVERNOR_PEAKS;
        g->seen[g->seen_next] = most(0, total - own);
        g->seen_next = (g->seen_next + 1) % GOVERNOR_SEEN;
        g->seen_len += g->seen_len < GOVERNOR_SEEN;
        g->earlier_bytes = g->last_bytes;
        g->last_bytes = (total - own) * sec;
        decide(g, base_usec, before, most(0, total - own));
        g->cap_bps = cap_of_state(g, base_usec);
        return g->cap_bps;
}

uint64_t governor_glance(Governor *g, uint64_t now_usec, uint64_t iface_bytes,
                         uint64_t own_wire_bytes, uint64_t base_usec)
{
        double bytes;

        if (g->seen_len < TREND_LEAST_STEPS || g->state != GOVERNOR_IDLE ||
            now_usec <= g->now_usec || now_usec - g->now_usec > GOVERNOR_STEP_USEC ||
            iface_bytes < g->iface_bytes || own_wire_bytes < g->own_bytes)
                return g->cap_bps;
        bytes = (double) (iface_bytes - g->iface_bytes) - (double) (own_wire_bytes - g->own_bytes);
        if (bytes > SPEED_MOST || !is_newcomer(g, bytes + g->last_bytes)) {
                g->glances = 0;
                return g->cap_bps;
        }
        if (++g->glances < GLANCES || !may_duck(g, now_usec))
                return g->cap_bps;
        enter_duck(g, now_usec, base_usec);
        g->quiet_usec = 0;
        return g->cap_bps = cap_of_state(g, base_usec);
}

uint64_t governor_foreign_bps(const Governor *g)
{
        return (uint64_t) g->foreign_bps;
}

uint64_t governor_capacity_bps(const Governor *g)
{
        return (uint64_t) capacity(g);
}

GovernorState governor_state(const Governor *g)
{
        return g->state;
}

const char *governor_state_to_string(GovernorState state)
{
        static const char *const names[GOVERNOR_STATE_MAX] = {
                [GOVERNOR_IDLE] = "idle",
                [GOVERNOR_DUCK] = "duck",
                [GOVERNOR_HOLD] = "hold",
                [GOVERNOR_SHARE] = "share",
        };

        return (unsigned) state < GOVERNOR_STATE_MAX ? names[state] : NULL;
}
