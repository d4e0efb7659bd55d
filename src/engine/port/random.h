/* SPDX-License-Identifier: Apache-2.0 */
/* Port "random": where GUIDs come from; seeded in simulations. */
#pragma once

#include <stddef.h>

typedef struct RandomPort {
        void (*fill)(void *ctx, void *data, size_t bytes);
        void *ctx;
} RandomPort;
