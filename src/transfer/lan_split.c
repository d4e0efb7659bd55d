/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/lan_split.h"

#include <stddef.h>

#include "base/clock.h"

/* While neighbours move something. Each reading costs about a millisecond. */
#define ACTIVE_EVERY_USEC (190 * USEC_PER_MSEC)
/* Otherwise, so that the next one tells what happened just now. */
#define BASELINE_EVERY_USEC USEC_PER_SEC
#define COST_PART 50 /* of all time at most this part goes into readings */
/* So much that is not ours, in a step, makes it worth to ask whose it is at once: half of what the
 * governor takes for a newcomer … */
#define SUSPECT_LEAST_BYTES 4096
#define SUSPECT_PART_OF_SEC 400                  /* … of the line */
#define SUSPECT_AGAIN_USEC (100 * USEC_PER_MSEC) /* … unless it was others a moment ago */
#define NEAR_PART 2                              /* so large a part of it has to be theirs */
#define NEAR_LEAST_BYTES 8192                    /* in a reading; less is nobody */
#define NEAR_ENDS_USEC (3 * USEC_PER_SEC)        /* who reads slowly has pauses */
/* Headers are an estimate, and network cards do not agree on how they count segments that they cut
 * themselves. An error to this side hides a little of somebody else's traffic beside much of the
 * neighbours', one to the other side would see somebody who is not there. */
#define NEAR_EXCESS (1 + 1 / 64.0)
#define AHEAD_PART 32 /* so much more than was seen may be counted ahead: what is on its way */
#define AHEAD_LEAST_BYTES 16384
#define GAP_USEC (5 * USEC_PER_SEC) /* after which rates mean nothing */

static double grown(const uint64_t now[2], const uint64_t before[2], size_t d)
{
        return (double) now[d] - (double) before[d];
}

/* Since the last step, not ours. */
static double foreign(const LanSplit *s, const LanLook *look, size_t d)
{
        return grown(look->total_bytes, s->last.total_bytes, d) -
               grown(look->own_bytes, s->last.own_bytes, d);
}

static bool is_suspect(const LanSplit *s, const LanLook *look)
{
        for (size_t d = 0; d < 2; d++)
                if (foreign(s, look, d) >= (double) MAX((uint64_t) SUSPECT_LEAST_BYTES,
                                                        look->line_bps[d] / SUSPECT_PART_OF_SEC))
                        return true;
        return false;
}

bool lan_split_wants_reading(const LanSplit *s, const LanLook *look, bool is_step)
{
        uint64_t since = look->now_usec - s->read_usec;

        if (s->read_usec == 0)
                return is_step;
        if (look->now_usec < s->not_before_usec)
                return false;
        if (s->active)
                return is_step && since >= ACTIVE_EVERY_USEC;
        if (is_step && since >= BASELINE_EVERY_USEC)
                return true;
        return is_suspect(s, look);
}

/* Before the first packets of a neighbour are taken for a newcomer on the line. */
static void begin_if_near(LanSplit *s, const LanLook *look, const double near[2])
{
        size_t most = foreign(s, look, 1) > foreign(s, look, 0);

        if (near[most] * NEAR_PART < foreign(s, look, most)) {
                s->not_before_usec = look->now_usec + SUSPECT_AGAIN_USEC;
                return;
        }
        s->active = true;
        s->near_usec = look->now_usec;
        s->read_before_usec = look->now_usec;
        for (size_t d = 0; d < 2; d++) {
                s->open[d] = -MAX(MIN(near[d], foreign(s, look, d)), 0.0);
                s->open_before[d] = s->rate_bps[d] = 0;
        }
}

void lan_split_reading(LanSplit *s, const LanLook *look, const uint64_t near_bytes[2],
                       uint64_t cost_usec)
{
        double near[2] = {(double) near_bytes[0] * NEAR_EXCESS,
                          (double) near_bytes[1] * NEAR_EXCESS};
        bool first = s->read_usec == 0 || !s->began;

        s->read_usec = look->now_usec;
        s->not_before_usec = look->now_usec + COST_PART * cost_usec;
        if (first)
                return;
        if (!s->active) {
                if (is_suspect(s, look))
                        begin_if_near(s, look, near);
                return;
        }
        s->has_reading = true;
        for (size_t d = 0; d < 2; d++)
                s->reading[d] = near[d];
        if (near_bytes[0] + near_bytes[1] >= NEAR_LEAST_BYTES)
                s->near_usec = look->now_usec;
}

static void settle(LanSplit *s, const LanLook *look, size_t d)
{
        double usec = (double) (look->now_usec - s->read_before_usec);
        double ahead = s->reading[d] / AHEAD_PART + AHEAD_LEAST_BYTES, lasting;

        s->open[d] = MAX(s->open[d] - s->reading[d], -ahead);
        /* What a socket has not counted yet, though the interface has, is gone at the next reading.
         */
        lasting = MIN(s->open[d], s->open_before[d]);
        s->rate_bps[d] = usec > 0 && lasting > 0 ? lasting * USEC_PER_SEC / usec : 0;
        s->open_before[d] = s->open[d];
}

/* What is passed on in this step of what is not ours. */
static double pass_on(LanSplit *s, const LanLook *look, size_t d)
{
        double sec = (double) (look->now_usec - s->last.now_usec) / USEC_PER_SEC, bytes;

        s->open[d] += foreign(s, look, d);
        if (s->has_reading)
                settle(s, look, d);
        bytes = MIN(s->rate_bps[d] * sec, MAX(s->open[d], 0.0));
        s->open[d] -= bytes;
        s->open_before[d] -= bytes;
        return bytes;
}

static void begin(LanSplit *s, const LanLook *look)
{
        *s = (LanSplit){.began = true, .last = *look, .read_usec = s->read_usec};
        for (size_t d = 0; d < 2; d++)
                s->counted[d] = look->total_bytes[d];
}

static bool is_continued(const LanSplit *s, const LanLook *look)
{
        if (!s->began || look->now_usec < s->last.now_usec ||
            look->now_usec - s->last.now_usec > GAP_USEC)
                return false;
        for (size_t d = 0; d < 2; d++)
                if (look->total_bytes[d] < s->last.total_bytes[d] ||
                    look->own_bytes[d] < s->last.own_bytes[d])
                        return false;
        return true;
}

void lan_split_step(LanSplit *s, const LanLook *look, uint64_t ret_counted[2])
{
        if (!is_continued(s, look))
                begin(s, look);
        for (size_t d = 0; d < 2; d++) {
                double more = grown(look->total_bytes, s->last.total_bytes, d);

                if (s->active)
                        more = grown(look->own_bytes, s->last.own_bytes, d) + pass_on(s, look, d);
                s->counted[d] += (uint64_t) more;
                ret_counted[d] = s->counted[d];
        }
        if (s->has_reading)
                s->read_before_usec = look->now_usec;
        s->has_reading = false;
        s->last = *look;
        if (s->active && look->now_usec - s->near_usec >= NEAR_ENDS_USEC)
                s->active = false;
}

bool lan_split_glance(const LanSplit *s, const LanLook *look, uint64_t ret_counted[2])
{
        if (s->active || !is_continued(s, look))
                return false;
        for (size_t d = 0; d < 2; d++)
                ret_counted[d] = s->counted[d] + (look->total_bytes[d] - s->last.total_bytes[d]);
        return true;
}

void lan_split_stop(LanSplit *s)
{
        s->active = s->has_reading = false;
        s->read_usec = 0;
}
