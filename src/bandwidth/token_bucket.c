/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/token_bucket.h"

#define USEC 1e6
#define BURST_SEC 0.25
#define BURST_LEAST_BYTES 3000.0 /* two segments, else a low limit passes nothing */
#define DEBT_SEC 10.0            /* one huge piece must not silence a job for hours */

static double burst_bytes(const TokenBucket *b)
{
        double burst = (double) b->rate_bps * BURST_SEC;

        return burst > BURST_LEAST_BYTES ? burst : BURST_LEAST_BYTES;
}

static void fill(TokenBucket *b, uint64_t now_usec)
{
        double burst = burst_bytes(b);

        /* A clock that went back gives nothing, and the next look counts from there. */
        if (now_usec > b->filled_usec)
                b->tokens += (double) b->rate_bps * (double) (now_usec - b->filled_usec) / USEC;
        if (b->tokens > burst)
                b->tokens = burst;
        b->filled_usec = now_usec;
}

void token_bucket_init(TokenBucket *b, uint64_t rate_bps, uint64_t now_usec)
{
        *b = (TokenBucket){.rate_bps = rate_bps, .filled_usec = now_usec};
        if (rate_bps > 0)
                b->tokens = burst_bytes(b);
}

void token_bucket_set_rate(TokenBucket *b, uint64_t rate_bps, uint64_t now_usec)
{
        if (rate_bps == b->rate_bps)
                return;
        if (b->rate_bps == TOKEN_BUCKET_NO_LIMIT) {
                token_bucket_init(b, rate_bps, now_usec);
                return;
        }
        fill(b, now_usec);
        b->rate_bps = rate_bps;
        if (b->tokens > burst_bytes(b))
                b->tokens = burst_bytes(b);
}

uint64_t token_bucket_available(TokenBucket *b, uint64_t now_usec)
{
        if (b->rate_bps == TOKEN_BUCKET_NO_LIMIT)
                return UINT64_MAX;
        if (b->rate_bps == 0)
                return 0;
        fill(b, now_usec);
        return b->tokens > 0 ? (uint64_t) b->tokens : 0;
}

void token_bucket_spend(TokenBucket *b, uint64_t now_usec, uint64_t bytes)
{
        double most_debt;

        if (b->rate_bps == TOKEN_BUCKET_NO_LIMIT)
                return;
        fill(b, now_usec);
        b->tokens -= (double) bytes;
        most_debt = -DEBT_SEC * (double) b->rate_bps - BURST_LEAST_BYTES;
        if (b->tokens < most_debt)
                b->tokens = most_debt;
}

uint64_t token_bucket_wait_usec(TokenBucket *b, uint64_t now_usec, uint64_t bytes)
{
        double wanted = (double) bytes;

        if (b->rate_bps == TOKEN_BUCKET_NO_LIMIT)
                return 0;
        if (b->rate_bps == 0)
                return UINT64_MAX;
        fill(b, now_usec);
        if (wanted > burst_bytes(b))
                wanted = burst_bytes(b);
        if (b->tokens >= wanted)
                return 0;
        return (uint64_t) ((wanted - b->tokens) / (double) b->rate_bps * USEC) + 1;
}
