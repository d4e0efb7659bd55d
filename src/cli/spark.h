/* SPDX-License-Identifier: Apache-2.0 */
/* The last rates of a job as a row of little bars. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPARK_SAMPLES = 16, SPARK_TEXT_BYTES = SPARK_SAMPLES * 3 + 1 };

typedef struct Spark {
        uint64_t samples[SPARK_SAMPLES]; /* a ring, the oldest at `next` once it is full */
        size_t next, len;
} Spark;

void spark_add(Spark *s, uint64_t sample);
/* The oldest first; the highest of them is the whole height, and only 0 is the lowest bar. */
char *spark_format(const Spark *s, bool utf8, char dst[SPARK_TEXT_BYTES]);
