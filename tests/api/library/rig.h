/* SPDX-License-Identifier: Apache-2.0 */
/* Common to the tests of the library: a private directory with a fake service in it, which the
 * environment points to, and no way to the machine's own service. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bits_native.h"
#include "fake_service.h"

/* What a client waits for an answer that does not come; those that come may be late on a busy
 * machine. */
enum { HURRY_MS = 1500 };

typedef struct Rig {
        char dir[64];
        char socket[96];
        FakeService *fake;
        bits_client *client; /* connected to the fake */
} Rig;

/* Set-up and tear-down for cmocka; *state is the Rig. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* A directory and a socket name, but no service and no client. */
int rig_setup_bare(void **state);

/* Prints both as codes. */
#define assert_hr(actual, expected) assert_int_equal((uint32_t) (actual), (uint32_t) (expected))

uint64_t rig_now_ms(void);
/* Descriptors open in this process. */
unsigned rig_count_fds(void);
