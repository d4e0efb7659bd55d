/* SPDX-License-Identifier: Apache-2.0 */
/* How large the next fragment should be, out of how long the last ones took: some seconds each, so
 * that a cut connection costs little, the server's word comes often, and a fast line still spends
 * its time on bytes. Sizes in bytes, times in microseconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum {
        BUP_FRAGMENT_FLOOR_BYTES = 5 * 1024,
        BUP_FRAGMENT_START_BYTES = 1024 * 1024,
        BUP_FRAGMENT_CAP_BYTES = 13 * 1024 * 1024, /* any IIS takes it */
        BUP_FRAGMENT_SHORT_USEC = 4 * 1000 * 1000, /* quicker: grow */
        BUP_FRAGMENT_LONG_USEC = 7 * 1000 * 1000,  /* slower: shrink */
};

typedef struct BupPace {
        uint64_t size_bytes;  /* of the next fragment */
        uint64_t cap_bytes;   /* configured */
        uint64_t limit_bytes; /* what the server is known to take; 0 = not known */
} BupPace;

/* start and cap 0: the defaults. limit 0: none known. */
void bup_pace_init(BupPace *p, uint64_t start_bytes, uint64_t cap_bytes, uint64_t limit_bytes);
/* Length of the next fragment; left_bytes > 0. */
uint64_t bup_pace_next(const BupPace *p, uint64_t left_bytes);
/* A fragment of `bytes` was acknowledged after `usec`. */
void bup_pace_measured(BupPace *p, uint64_t bytes, uint64_t usec);
/* The connection was lost, or timed out, in the middle of a fragment of `bytes`. */
void bup_pace_lost(BupPace *p, uint64_t bytes);
/* 413 for a fragment of `bytes`. False when there is nothing smaller to try. */
_must_use_ bool bup_pace_refused(BupPace *p, uint64_t bytes);
