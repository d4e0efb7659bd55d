/* SPDX-License-Identifier: Apache-2.0 */
/* A long-term rate limit of an administrator or a job: bytes pass at once while there are tokens,
 * which come at the rate and heap up to a quarter of a second. Whoever cannot know the size of its
 * next piece spends afterwards and goes into debt. Pure: time is an argument. */
#pragma once

#include <stdint.h>

#define TOKEN_BUCKET_NO_LIMIT UINT64_MAX

typedef struct TokenBucket {
        uint64_t rate_bps; /* bytes/s; TOKEN_BUCKET_NO_LIMIT none, 0 nothing passes */
        uint64_t filled_usec;
        double tokens; /* bytes; below zero is debt */
} TokenBucket;

void token_bucket_init(TokenBucket *b, uint64_t rate_bps, uint64_t now_usec); /* full */
/* Debt and tokens stay, as far as the new burst allows. */
void token_bucket_set_rate(TokenBucket *b, uint64_t rate_bps, uint64_t now_usec);
/* Bytes that may pass now; UINT64_MAX without a limit. */
uint64_t token_bucket_available(TokenBucket *b, uint64_t now_usec);
void token_bucket_spend(TokenBucket *b, uint64_t now_usec, uint64_t bytes);
/* Until `bytes` (at most the burst) may pass; 0 now, UINT64_MAX never. */
uint64_t token_bucket_wait_usec(TokenBucket *b, uint64_t now_usec, uint64_t bytes);
