/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker is told once a second: how the lines are used, and why a transfer is slow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "transfer/pace.h"

/* `usec` after the last one. `running`: something is transferred; else all rates of ours are 0. */
void pace_report(Pace *p, uint64_t usec, bool running);
