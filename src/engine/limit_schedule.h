/* SPDX-License-Identifier: Apache-2.0 */
/* How much background jobs may use at which hour: the daily limit (MaxInternetBandwidth), the work
 * schedule of the week, and the maintenance schedule, which overrides the others. Pure: policy and
 * local time in, limits out. Where the first two both hold, the lower one does. */
#pragma once

#include "engine/port/local_time.h"
#include "engine/port/transfer.h"

enum {
        LIMIT_LEVELS = 4, /* by BG_JOB_PRIORITY; FOREGROUND has none */
        KBIT_BYTES = 125, /* of 1,000 bits */
};

/* Units of a limit, as Group Policy counts them. */
typedef enum LimitUnit { LIMIT_KBPS = 1, LIMIT_MBPS = 2, LIMIT_NONE = 3 } LimitUnit;

typedef struct LimitRate {
        uint32_t amount;
        uint32_t unit; /* LimitUnit */
} LimitRate;

/* From hour to hour on each day from the first to the last. Both run over their end when it comes
 * before their begin: Friday to Monday, 22 to 6 (which then belongs to the day it began on). The
 * same hour twice is the whole day. */
typedef struct LimitWindow {
        uint32_t start_day, end_day; /* 0 = Sunday … 6 */
        uint32_t start_hour, end_hour;
} LimitWindow;

typedef struct LimitPolicy {
        bool daily;                    /* EnableBITSMaxBandwidth */
        uint32_t daily_kbps;           /* MaxTransferRateOnSchedule */
        uint32_t daily_from, daily_to; /* MaxBandwidthValidFrom, MaxBandwidthValidTo */
        bool daily_off_unlimited;      /* UseSystemMaximum */
        uint32_t daily_off_kbps;       /* MaxTransferRateOffSchedule */
        bool week;                     /* EnableBandwidthLimits */
        LimitWindow work;
        LimitRate work_rate[LIMIT_LEVELS], off_rate[LIMIT_LEVELS];
        bool maintenance; /* EnableMaintenanceLimits */
        LimitWindow maintenance_window;
        LimitRate maintenance_rate[LIMIT_LEVELS];
        bool lan_exempt; /* IgnoreBandwidthLimitsOnLan */
} LimitPolicy;

/* Nothing is limited; windows and amounts are those that the editor of Group Policy shows. */
LimitPolicy limit_policy_default(void);
/* Bytes per second; UINT64_MAX for none. What is less than 2 Kbit/s, but not 0, counts as 2. */
uint64_t limit_rate_bps(const LimitRate *rate);
bool limit_window_holds(const LimitWindow *w, const LocalTime *at);
void limit_schedule_at(const LimitPolicy *p, const LocalTime *at, TransferLimits *ret);
/* The first moment after `wall_usec` with other limits; USEC_INFINITY: they never change. */
uint64_t limit_schedule_next(const LimitPolicy *p, const LocalTimePort *local, uint64_t wall_usec);
bool limits_equal(const TransferLimits *a, const TransferLimits *b);
/* As the port says it, or UTC. */
LocalTime local_time_at(const LocalTimePort *local, uint64_t wall_usec);
