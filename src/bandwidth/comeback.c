/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/comeback.h"

#include "bandwidth/controller_rules.h"
#include "bandwidth/number.h"

#define LASTS_USEC 1500000 /* a stalled sender asks after 0.2 to 0.7 s */
#define LASTS_ROUNDS 8     /* then it doubles from round to round */
/* Parts of the pipe. A sender that doubles sends twice as fast as the line takes it, so that half
 * of its burst waits: of more than this part of a long pipe that is more than a short queue holds.
 * An upload is paced. */
#define PART_DOWN 0.85
#define PART_DOWN_LONG 0.35
#define PART_UP 0.5
#define CAUGHT_UP 0.8

static bool is_far_sender(const BwController *c)
{
        return c->direction == BW_DOWN && c->base_usec >= BW_LONG_BASE_USEC;
}

void comeback_begin(BwController *c)
{
        double window = comeback_window_bytes(c);
        bool must_begin_anew = c->decision.stall && is_far_sender(c);

        c->window = must_begin_anew ? window : most(c->window, window);
        c->back_until_usec = c->now_usec + LASTS_USEC + (uint64_t) (LASTS_ROUNDS * c->base_usec);
        controller_refill(c);
}

bool comeback_is_under_way(const BwController *c)
{
        return c->now_usec < c->back_until_usec;
}

double comeback_window_bytes(const BwController *c)
{
        double part = c->direction == BW_UP ? PART_UP
                      : is_far_sender(c)    ? PART_DOWN_LONG
                                            : PART_DOWN;

        return part * controller_pipe_bytes(c, c->base_usec);
}

bool comeback_awaits_sender(const BwController *c)
{
        return comeback_is_under_way(c) &&
               c->rate_bps * most(150e3, 1.5 * c->base_usec) / 1e6 <= 2 * c->floor_bytes;
}

bool comeback_is_catching_up(const BwController *c)
{
        return comeback_is_under_way(c) && is_far_sender(c) &&
               c->rate_bps * c->base_usec / 1e6 < CAUGHT_UP * c->window;
}
