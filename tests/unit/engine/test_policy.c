/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/policy.h"

static void a_shared_queue_has_the_published_quotas(void **state)
{
        Policy p = policy_default(true);

        (void) state;
        assert_int_equal(p.max_jobs_per_machine, 300);
        assert_int_equal(p.max_jobs_per_user, 60);
        assert_int_equal(p.max_files_per_job, 200);
        assert_int_equal(p.job_inactivity_sec, 90 * 86400);
        assert_int_equal(p.max_download_time_sec, 90 * 86400);
        assert_int_equal(p.background_jobs, 1);
        assert_true(p.allow_programs);
        assert_false(p.allow_root_programs);
}

static void a_private_queue_has_only_safety_bounds(void **state)
{
        Policy p = policy_default(false);

        (void) state;
        assert_int_equal(p.max_jobs_per_user, 100000);
        assert_int_equal(p.max_files_per_job, 100000);
        assert_int_equal(p.files_in_flight_foreground, 6);
        assert_int_equal(p.tombstones_max, 200);
        assert_true(p.allow_programs && p.allow_root_programs);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_shared_queue_has_the_published_quotas),
                cmocka_unit_test(a_private_queue_has_only_safety_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
