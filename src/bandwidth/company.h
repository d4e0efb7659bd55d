/* SPDX-License-Identifier: Apache-2.0 */
/* Another scavenger on the same line: how a controller in CRUISE knows it, and how the two come to
 * have the same. Part of the controller: what a tick measured is in `c`. */
#pragma once

#include "bandwidth/controller.h"

/* Once per tick of CRUISE: looks for signs. */
void company_note(BwController *c);
/* We come to a line of which we know that a scavenger has it. */
void company_is_known(BwController *c);
/* There were signs of late, perhaps of somebody who is no scavenger. */
bool company_is_possible(const BwController *c);
bool company_is_there(const BwController *c);
/* Whether company_part() sets the window in this tick, or the rules for one that is alone. */
bool company_rules(const BwController *c);
void company_part(BwController *c);
/* What a DRAIN gives back of the window: a latecomer must see the line empty, unless all of us are
 * connections of one path. */
double company_restored_part(const BwController *c);
/* The other one empties its part of the queue just now. */
bool company_drains(const BwController *c);
