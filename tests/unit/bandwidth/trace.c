/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void trace_write(FILE *file, const BwSample *s, uint64_t cap_bps, const BwDecision *d,
                 BwState state)
{
        char cap[32] = "-";

        if (cap_bps != UINT64_MAX)
                (void) snprintf(cap, sizeof(cap), "%" PRIu64, cap_bps);
        (void) fprintf(file,
                       "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",%" PRIu64 ",%" PRIu32
                       ",%d,%s,%" PRIu32 ",%d,%d,%s\n",
                       s->now_usec, s->rtt_usec, s->bytes, s->mss, s->loss, s->rcv_ssthresh,
                       s->has_timestamps, cap, d->window_bytes, d->stall, d->at_floor,
                       bw_state_to_string(state));
}

static int parse_line(const char *line, TraceLine *ret)
{
        TraceLine t = {0};
        char cap[32], state[32];
        int timestamps, stall, at_floor;
        BwSample *s = &t.sample;

        if (sscanf(line,
                   "%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu32 ",%" SCNu64 ",%" SCNu32
                   ",%d,%31[^,],%" SCNu32 ",%d,%d,%31[a-z]",
                   &s->now_usec, &s->rtt_usec, &s->bytes, &s->mss, &s->loss, &s->rcv_ssthresh,
                   &timestamps, cap, &t.decision.window_bytes, &stall, &at_floor, state) != 12)
                return -EINVAL;
        s->has_timestamps = timestamps != 0;
        t.decision.stall = stall != 0;
        t.decision.at_floor = at_floor != 0;
        t.cap_bps = strcmp(cap, "-") == 0 ? UINT64_MAX : strtoull(cap, NULL, 10);
        while (t.state < BW_STATE_MAX && strcmp(bw_state_to_string(t.state), state) != 0)
                t.state++;
        if (t.state == BW_STATE_MAX)
                return -EINVAL;
        *ret = t;
        return 1;
}

int trace_read(FILE *file, TraceLine *ret)
{
        char line[256];

        while (fgets(line, sizeof(line), file))
                if (line[0] != '#')
                        return parse_line(line, ret);
        return 0;
}
