/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes per second over the last few seconds, from progress reports at irregular times. Pure:
 * time is an argument. */
#pragma once

#include <stdint.h>

enum { RATE_SECONDS = 4 };

typedef struct Rate {
        uint64_t begin_sec; /* second of the oldest bucket that counts */
        uint64_t last_sec;
        uint64_t bytes[RATE_SECONDS + 1]; /* by second, round and round */
} Rate;

/* Begins a new measurement. */
void rate_start(Rate *rate, uint64_t now_usec);
void rate_add(Rate *rate, uint64_t now_usec, uint64_t bytes);
uint64_t rate_bps(const Rate *rate, uint64_t now_usec);
