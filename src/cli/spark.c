/* SPDX-License-Identifier: Apache-2.0 */
#include "spark.h"

#include <string.h>

#include "base/attr.h"

static const char *const BLOCKS[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const LETTERS[] = {"_", ".", ":", "-", "=", "+", "*", "#"};

enum { HEIGHTS = ARRAY_LEN(BLOCKS) };

void spark_add(Spark *s, uint64_t sample)
{
        s->samples[s->next] = sample;
        s->next = (s->next + 1) % SPARK_SAMPLES;
        if (s->len < SPARK_SAMPLES)
                s->len++;
}

static uint64_t nth(const Spark *s, size_t i)
{
        return s->samples[(s->next + SPARK_SAMPLES - s->len + i) % SPARK_SAMPLES];
}

static size_t height(uint64_t sample, uint64_t top)
{
        if (sample == 0)
                return 0;
        /* In double, since rates may be as large as they like. */
        return 1 + (size_t) ((double) sample / (double) top * (HEIGHTS - 1) - 0.001);
}

char *spark_format(const Spark *s, bool utf8, char dst[SPARK_TEXT_BYTES])
{
        char *end = dst;
        uint64_t top = 0;

        for (size_t i = 0; i < s->len; i++)
                top = MAX(top, nth(s, i));
        for (size_t i = 0; i < s->len; i++) {
                const char *bar = (utf8 ? BLOCKS : LETTERS)[height(nth(s, i), top)];

                end = stpcpy(end, bar);
        }
        *end = '\0';
        return dst;
}
