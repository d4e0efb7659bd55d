/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rate.h"

#include "base/attr.h"
#include "base/clock.h"

enum { RATE_BUCKETS = RATE_SECONDS + 1 };

void rate_start(Rate *rate, uint64_t now_usec)
{
        *rate = (Rate){
                .begin_sec = now_usec / USEC_PER_SEC,
                .last_sec = now_usec / USEC_PER_SEC,
        };
}

/* Empties the buckets of seconds in which nothing was reported. */
static void advance(Rate *rate, uint64_t sec)
{
        if (sec > rate->last_sec + RATE_BUCKETS)
                rate->last_sec = sec - RATE_BUCKETS;
        while (rate->last_sec < sec)
                rate->bytes[++rate->last_sec % RATE_BUCKETS] = 0;
}

void rate_add(Rate *rate, uint64_t now_usec, uint64_t bytes)
{
        advance(rate, now_usec / USEC_PER_SEC);
        rate->bytes[rate->last_sec % RATE_BUCKETS] += bytes;
}

uint64_t rate_bps(const Rate *rate, uint64_t now_usec)
{
        Rate now = *rate;
        uint64_t sum = 0;
        uint64_t sec = now_usec / USEC_PER_SEC;
        uint64_t span_usec;

        advance(&now, sec);
        for (int i = 0; i < RATE_BUCKETS; i++)
                sum += now.bytes[i];
        if (sec - now.begin_sec >= RATE_SECONDS)
                span_usec = RATE_SECONDS * USEC_PER_SEC + now_usec % USEC_PER_SEC;
        else
                span_usec = now_usec - now.begin_sec * USEC_PER_SEC;
        if (span_usec < USEC_PER_SEC)
                span_usec = USEC_PER_SEC;
        return (uint64_t) ((double) sum * (double) USEC_PER_SEC / (double) span_usec);
}
