/* SPDX-License-Identifier: Apache-2.0 */
/* Port "local time": what clocks on the wall show where the service runs, for schedules. Also asked
 * about times to come, so that a schedule's next change is right across the change to or from
 * summer time. */
#pragma once

#include <stdint.h>

typedef struct LocalTime {
        uint8_t day; /* of the week; 0 = Sunday */
        uint8_t hour;
        uint8_t minute;
        uint8_t second;
} LocalTime;

typedef struct LocalTimePort {
        void (*at)(void *ctx, uint64_t wall_usec, LocalTime *ret); /* NULL: UTC */
        void *ctx;
} LocalTimePort;
