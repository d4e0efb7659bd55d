/* SPDX-License-Identifier: Apache-2.0 */
/* Small rules: defaults, access, names of temporary files, words for causes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/access.h"

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
}

static void a_private_queue_has_only_safety_bounds(void **state)
{
        Policy p = policy_default(false);

        (void) state;
        assert_int_equal(p.max_jobs_per_user, 100000);
        assert_int_equal(p.max_files_per_job, 100000);
        assert_int_equal(p.files_in_flight_foreground, 6);
        assert_int_equal(p.tombstones_max, 200);
}

static void owners_and_administrators_have_access(void **state)
{
        Job job = {.owner_uid = 1000};
        Caller owner = {.uid = 1000};
        Caller other = {.uid = 1001};
        Caller admin = {.uid = 1001, .is_admin = true};

        (void) state;
        assert_int_equal(access_check(&owner, &job), S_OK);
        assert_int_equal(access_check(&other, &job), E_ACCESSDENIED);
        assert_int_equal(access_check(&admin, &job), S_OK);
        assert_int_equal(access_check_admin(&owner), E_ACCESSDENIED);
        assert_int_equal(access_check_admin(&admin), S_OK);
        assert_true(access_is_exempt_from_quota(&admin));
        assert_false(access_is_exempt_from_quota(&owner));
}

static void temporary_files_are_hidden_and_tell_job_and_file(void **state)
{
        GUID a = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}};
        GUID b = a;
        char leaf[TEMP_LEAF_BYTES], other[TEMP_LEAF_BYTES];

        (void) state;
        transfer_temp_leaf(&a, 0x1f, leaf);
        assert_string_equal(leaf, ".BIT123456789abcdef001020000001f.tmp");
        transfer_temp_leaf(&a, UINT32_MAX, other);
        assert_string_not_equal(leaf, other);
        assert_true(strlen(other) < TEMP_LEAF_BYTES);
        b.Data1++;
        transfer_temp_leaf(&b, 0x1f, other);
        assert_string_not_equal(leaf, other);
}

static void every_cause_has_a_word(void **state)
{
        (void) state;
        assert_string_equal(why_code_to_string(WHY_NONE), "");
        assert_string_equal(why_code_to_string(WHY_QUEUED_BEHIND), "queued-behind");
        assert_string_equal(why_code_to_string(WHY_NEEDS_COMPLETE), "needs-complete");
        assert_string_equal(why_code_to_string(WHY_MAX), "");
        for (int code = WHY_NONE + 1; code < WHY_MAX; code++)
                assert_true(why_code_to_string((WhyCode) code)[0] != '\0');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_shared_queue_has_the_published_quotas),
                cmocka_unit_test(a_private_queue_has_only_safety_bounds),
                cmocka_unit_test(owners_and_administrators_have_access),
                cmocka_unit_test(temporary_files_are_hidden_and_tell_job_and_file),
                cmocka_unit_test(every_cause_has_a_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
