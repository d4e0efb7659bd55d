/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that look random and are the same for the same seed on every machine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/port/random.h"

typedef struct FakeRandom {
        uint64_t state;
} FakeRandom;

void fake_random_init(FakeRandom *r, uint64_t seed);
uint64_t fake_random_next(FakeRandom *r);
/* 0 … n - 1; n > 0. */
uint64_t fake_random_below(FakeRandom *r, uint64_t n);
/* True in n of 1000 cases. */
bool fake_random_chance(FakeRandom *r, uint32_t per_mille);
RandomPort fake_random_port(FakeRandom *r);
