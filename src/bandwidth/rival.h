/* SPDX-License-Identifier: Apache-2.0 */
/* What the delay tells of somebody who does not step aside, so that we must. Part of the
 * controller: what a tick measured is in `c`. (Who steps aside as we do is company.h's.) */
#pragma once

#include "bandwidth/controller.h"

/* Once per tick of CRUISE, DRAIN and RAMP: it remembers since when a sign has lasted. */
bool rival_is_there(BwController *c);
