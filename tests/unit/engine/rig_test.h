/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka around a FakeRig: one per test, and no test ends with a broken promise. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_rig.h"

static inline int rig_setup(void **state)
{
        FakeRig *rig = calloc(1, sizeof(*rig));

        if (!rig)
                return -1;
        fake_rig_init(rig, 1);
        *state = rig;
        return 0;
}

static inline int rig_teardown(void **state)
{
        FakeRig *rig = *state;
        const char *violation = fake_rig_violation(rig);

        if (violation)
                print_error("violation: %s\n", violation);
        fake_rig_done(rig);
        free(rig);
        return violation ? -1 : 0;
}

#define rig_test(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
#define assert_hr(hr, expected) assert_int_equal((uint32_t) (hr), (uint32_t) (expected))
#define assert_state(rig, id, state) assert_int_equal(fake_rig_state(rig, id), BG_JOB_STATE_##state)
