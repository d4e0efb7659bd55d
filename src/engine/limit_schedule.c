/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/limit_schedule.h"

#include "base/clock.h"

enum {
        DAYS = 7,
        HOURS = 24,
        MINUTE_SEC = 60,
        HOUR_SEC = 3600,
        DAY_SEC = 86400,
        KBPS_MIN = 2,
        EPOCH_DAY = 4, /* 1970 began on a Thursday */
        /* Boundaries in a week, and those that a change of the clock adds. */
        BOUNDARIES_MAX = DAYS * HOURS + 4,
};

LimitPolicy limit_policy_default(void)
{
        static const LimitRate none = {.amount = 0, .unit = LIMIT_NONE};
        LimitPolicy p = {
                .daily_kbps = 10,
                .daily_from = 8,
                .daily_to = 17,
                .daily_off_unlimited = true,
                .daily_off_kbps = 20,
                .work = {.start_day = 1, .end_day = 5, .start_hour = 8, .end_hour = 17},
                .maintenance_window = {.start_day = 1,
                                       .end_day = 5,
                                       .start_hour = 20,
                                       .end_hour = 22},
        };

        for (int level = 0; level < LIMIT_LEVELS; level++)
                p.work_rate[level] = p.off_rate[level] = p.maintenance_rate[level] = none;
        return p;
}

static uint64_t kbps_to_bps(uint32_t kbps)
{
        if (kbps > 0 && kbps < KBPS_MIN)
                kbps = KBPS_MIN;
        return (uint64_t) kbps * KBIT_BYTES;
}

uint64_t limit_rate_bps(const LimitRate *rate)
{
        if (rate->unit == LIMIT_KBPS)
                return kbps_to_bps(rate->amount);
        if (rate->unit == LIMIT_MBPS)
                return (uint64_t) rate->amount * KBIT_BYTES * 1000;
        return UINT64_MAX;
}

static bool is_day(const LimitWindow *w, uint32_t day)
{
        return w->start_day <= w->end_day ? day >= w->start_day && day <= w->end_day
                                          : day >= w->start_day || day <= w->end_day;
}

bool limit_window_holds(const LimitWindow *w, const LocalTime *at)
{
        if (w->start_hour == w->end_hour)
                return is_day(w, at->day);
        if (w->start_hour < w->end_hour)
                return is_day(w, at->day) && at->hour >= w->start_hour && at->hour < w->end_hour;
        if (at->hour >= w->start_hour)
                return is_day(w, at->day);
        return at->hour < w->end_hour && is_day(w, (at->day + DAYS - 1U) % DAYS);
}

static uint64_t daily_bps(const LimitPolicy *p, const LocalTime *at)
{
        const LimitWindow window = {
                .end_day = DAYS - 1, .start_hour = p->daily_from, .end_hour = p->daily_to};

        if (!p->daily)
                return UINT64_MAX;
        if (limit_window_holds(&window, at))
                return kbps_to_bps(p->daily_kbps);
        return p->daily_off_unlimited ? UINT64_MAX : kbps_to_bps(p->daily_off_kbps);
}

void limit_schedule_at(const LimitPolicy *p, const LocalTime *at, TransferLimits *ret)
{
        bool maintenance = p->maintenance && limit_window_holds(&p->maintenance_window, at);
        const LimitRate *week = limit_window_holds(&p->work, at) ? p->work_rate : p->off_rate;
        uint64_t daily = daily_bps(p, at);

        ret->level_bps[BG_JOB_PRIORITY_FOREGROUND] = UINT64_MAX;
        for (int level = BG_JOB_PRIORITY_HIGH; level < LIMIT_LEVELS; level++) {
                uint64_t bps = p->week ? limit_rate_bps(&week[level]) : UINT64_MAX;

                ret->level_bps[level] =
                        maintenance ? limit_rate_bps(&p->maintenance_rate[level]) : MIN(bps, daily);
        }
        ret->lan_exempt = p->lan_exempt;
}

bool limits_equal(const TransferLimits *a, const TransferLimits *b)
{
        for (int level = 0; level < LIMIT_LEVELS; level++)
                if (a->level_bps[level] != b->level_bps[level])
                        return false;
        return a->lan_exempt == b->lan_exempt;
}

LocalTime local_time_at(const LocalTimePort *local, uint64_t wall_usec)
{
        uint64_t sec = wall_usec / USEC_PER_SEC;
        LocalTime at = {
                .day = (uint8_t) ((sec / DAY_SEC + EPOCH_DAY) % DAYS),
                .hour = (uint8_t) (sec / HOUR_SEC % HOURS),
                .minute = (uint8_t) (sec / MINUTE_SEC % MINUTE_SEC),
                .second = (uint8_t) (sec % MINUTE_SEC),
        };

        if (local->at)
                local->at(local->ctx, wall_usec, &at);
        return at;
}

/* The next full hour on the wall, which is sooner than it looks when the clock is put forward: what
 * it shows just before is then looked at by the caller. */
static uint64_t next_hour(const LocalTime *at, uint64_t wall_usec)
{
        uint64_t past_sec = (uint64_t) at->minute * MINUTE_SEC + MIN(at->second, MINUTE_SEC - 1);
        uint64_t whole = wall_usec - wall_usec % USEC_PER_SEC;

        return whole + (HOUR_SEC - MIN(past_sec, HOUR_SEC - 1)) * USEC_PER_SEC;
}

uint64_t limit_schedule_next(const LimitPolicy *p, const LocalTimePort *local, uint64_t wall_usec)
{
        LocalTime at = local_time_at(local, wall_usec);
        TransferLimits now, then;

        if (!p->daily && !p->week && !p->maintenance)
                return USEC_INFINITY;
        limit_schedule_at(p, &at, &now);
        for (int i = 0; i < BOUNDARIES_MAX; i++) {
                wall_usec = next_hour(&at, wall_usec);
                at = local_time_at(local, wall_usec);
                limit_schedule_at(p, &at, &then);
                if (!limits_equal(&now, &then))
                        return wall_usec;
        }
        return USEC_INFINITY;
}
