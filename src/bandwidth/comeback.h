/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection comes back that a cap had stalled, or held at next to nothing. Part of the
 * controller: what a tick measured is in `c`. */
#pragma once

#include "bandwidth/controller.h"

/* The cap is gone. Sets the window. */
void comeback_begin(BwController *c);
bool comeback_is_under_way(const BwController *c);
/* The window to begin with, bytes: no bound by the rate goes below it meanwhile. */
double comeback_window_bytes(const BwController *c);
/* What comes so far are the sender's questions whether it may go on; their round trips are none. */
bool comeback_awaits_sender(const BwController *c);
/* The sender has not come as far as the window: more of it would only make its burst longer. */
bool comeback_is_catching_up(const BwController *c);
