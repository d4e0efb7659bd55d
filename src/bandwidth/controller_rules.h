/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the controller: what a tick measured (controller.c) is given to the
 * rules of the states (controller_rules.c), which set the window and the next state. */
#pragma once

#include "bandwidth/controller.h"

#define BW_NEAR_CAPACITY 0.85
#define BW_OWN_PART 0.8    /* of the queue is explained by our window: it is ours */
#define BW_SHORT_USEC 10e3 /* below this base the pipe holds next to nothing */
/* Beyond this base round trip what the line shows is old when it is seen. */
#define BW_LONG_BASE_USEC 50e3

/* All that is derived has been set in `c` for this tick. */
void controller_run_state(BwController *c);
void controller_enter(BwController *c, BwState state);
/* What was seen of others so far counts no more. */
void controller_forget_signs(BwController *c);
/* The path's capacity times `usec`, bytes; 0 while the capacity is unknown. */
double controller_pipe_bytes(const BwController *c, double usec);
/* The share of a round trip that this tick covers, at most 1. */
double controller_round_part(const BwController *c);
bool controller_in_grace(const BwController *c);
/* Three packets are the target there. */
bool controller_is_slow_line(const BwController *c);
/* What an upload writes is paced, so that its round trips of now tell of the line, except single
 * ones, which are long when an acknowledgement came late; and on a long way they tell late. */
bool controller_is_long_upload(const BwController *c);
void controller_set_grace(BwController *c, double usec);
/* The rate seen is that of another time: for a while it bounds nothing. */
void controller_refill(BwController *c);
