/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/history.h"

#include <stddef.h>

void history_clear(History *h)
{
        h->next = 0;
        h->len = 0;
}

void history_add(History *h, const HistoryPoint *p)
{
        h->points[h->next] = *p;
        h->next = (h->next + 1) % HISTORY_POINTS;
        if (h->len < HISTORY_POINTS)
                h->len++;
}

/* The n-th newest; n < len. */
static const HistoryPoint *nth(const History *h, uint32_t n)
{
        return &h->points[(h->next + HISTORY_POINTS - 1 - n) % HISTORY_POINTS];
}

const HistoryPoint *history_newest(const History *h)
{
        return h->len > 0 ? nth(h, 0) : NULL;
}

static bool is_within(const History *h, uint32_t n, double usec)
{
        return n == 0 || (double) (nth(h, 0)->usec - nth(h, n)->usec) <= usec;
}

double history_rate_bps(const History *h, double usec)
{
        uint32_t n = 0;
        double span;

        /* The first point at or beyond the start of the window, so that the span is not shorter
         * than asked for when the history is long enough. */
        while (n + 1 < h->len && (double) (nth(h, 0)->usec - nth(h, n)->usec) < usec)
                n++;
        if (n == 0)
                return 0;
        span = (double) (nth(h, 0)->usec - nth(h, n)->usec);
        if (span * 2 < usec || span <= 0)
                return 0;
        return (double) (nth(h, 0)->bytes - nth(h, n)->bytes) * 1e6 / span;
}

double history_min_rtt(const History *h, double usec)
{
        double best = 0;

        for (uint32_t n = 0; n < h->len && is_within(h, n, usec); n++) {
                double rtt = nth(h, n)->rtt_usec;

                if (rtt > 0 && (best <= 0 || rtt < best))
                        best = rtt;
        }
        return best;
}

double history_max_window(const History *h, double usec)
{
        double best = 0;

        for (uint32_t n = 0; n < h->len && is_within(h, n, usec); n++)
                if (nth(h, n)->window > best)
                        best = nth(h, n)->window;
        return best;
}

double history_min_window(const History *h, double usec)
{
        double best = 0;

        for (uint32_t n = 0; n < h->len && is_within(h, n, usec); n++)
                if (n == 0 || nth(h, n)->window < best)
                        best = nth(h, n)->window;
        return best;
}
