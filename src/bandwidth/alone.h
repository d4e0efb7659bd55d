/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that has the line for itself: how a controller in CRUISE knows it, and what is
 * enough then. Part of the controller: what a tick measured is in `c`. */
#pragma once

#include "bandwidth/controller.h"

/* Once per tick of CRUISE. */
void alone_note(BwController *c);
/* The whole line has been ours for a while, and nothing was seen of others. */
bool alone_is_sure(const BwController *c);
/* The queue that is wanted, usec: the target, and less where nobody else has to be outdone. */
double alone_queue_usec(const BwController *c);
/* How much of our part of the queue a DRAIN takes, in targets. */
double alone_drain_targets(const BwController *c);
