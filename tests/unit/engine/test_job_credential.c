/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of api-core §9.7 as a pure function, and the sets. */
#include "rig_test.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/job_credential.h"

static void slots_are_two_times_five(void **state)
{
        (void) state;
        for (uint32_t target = 0; target < 5; target++)
                for (uint32_t scheme = 0; scheme < 8; scheme++) {
                        HRESULT want = target < 1 || target > 2   ? BG_E_INVALID_AUTH_TARGET
                                       : scheme < 1 || scheme > 5 ? BG_E_INVALID_AUTH_SCHEME
                                                                  : S_OK;

                        assert_hr(job_credential_check_slot(target, scheme), want);
                }
        assert_hr(job_credential_check_slot(UINT32_MAX, 1), BG_E_INVALID_AUTH_TARGET);
        assert_hr(job_credential_check_slot(1, UINT32_MAX), BG_E_INVALID_AUTH_SCHEME);
}

static void null_means_the_owner_for_some_schemes(void **state)
{
        (void) state;
        for (uint32_t scheme = 1; scheme <= 5; scheme++) {
                bool implicit = scheme == BG_AUTH_SCHEME_NTLM || scheme == BG_AUTH_SCHEME_NEGOTIATE;

                assert_hr(job_credential_check(scheme, NULL, NULL), implicit ? S_OK : E_INVALIDARG);
                assert_hr(job_credential_check(scheme, "u", NULL), E_INVALIDARG);
                assert_hr(job_credential_check(scheme, NULL, "p"), E_INVALIDARG);
                assert_hr(job_credential_check(scheme, NULL, ""), E_INVALIDARG);
                assert_hr(job_credential_check(scheme, "u", "p"), S_OK);
                assert_hr(job_credential_check(scheme, "D\\u", ""), S_OK);
        }
}

static char *repeat(const char *unit, size_t n)
{
        size_t len = strlen(unit);
        char *text = calloc(n + 1, len);

        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
                memcpy(text + i * len, unit, len);
        return text;
}

static HRESULT check_lengths(const char *unit, size_t user, size_t password)
{
        char *u = repeat(unit, user), *p = repeat(unit, password);
        HRESULT hr = job_credential_check(BG_AUTH_SCHEME_BASIC, u, p);

        free(u);
        free(p);
        return hr;
}

static void lengths_are_utf16_units(void **state)
{
        (void) state;
        assert_hr(check_lengths("a", 300, 65536), S_OK);
        assert_hr(check_lengths("a", 301, 1), BG_E_USERNAME_TOO_LARGE);
        assert_hr(check_lengths("a", 1, 65537), BG_E_PASSWORD_TOO_LARGE);
        assert_hr(check_lengths("\u20ac", 300, 65536), S_OK);
        assert_hr(check_lengths("\U0001f600", 150, 32768), S_OK);
        assert_hr(check_lengths("\U0001f600", 151, 1), BG_E_USERNAME_TOO_LARGE);
        assert_hr(check_lengths("\U0001f600", 1, 32769), BG_E_PASSWORD_TOO_LARGE);
}

static void texts_are_utf8(void **state)
{
        (void) state;
        assert_hr(job_credential_check(BG_AUTH_SCHEME_BASIC, "\xff", "p"), E_INVALIDARG);
        assert_hr(job_credential_check(BG_AUTH_SCHEME_BASIC, "u", "\xc0\xaf"), E_INVALIDARG);
}

static JobCredential blob(uint32_t target, uint32_t scheme, uint32_t bytes)
{
        JobCredential c = {.target = target, .scheme = scheme, .sealed_bytes = bytes};

        c.sealed = mem_zalloc(bytes);
        assert_non_null(c.sealed);
        return c;
}

static void put(Job *job, uint32_t target, uint32_t scheme, uint32_t bytes)
{
        JobCredential c = blob(target, scheme, bytes);
        Job view = *job;

        assert_int_equal(job_credentials_with(job, &c, &view), 0);
        job_credentials_keep(job, &view);
}

static void sets_change_by_views(void **state)
{
        Job job = {0}, view;
        JobCredential c;

        (void) state;
        put(&job, 1, 1, 200);
        put(&job, 1, 2, 300);
        put(&job, 2, 1, 400);
        assert_int_equal(job_credentials_bytes(&job), 900);
        put(&job, 1, 2, 350);
        assert_int_equal(job.credentials_len, 3);
        assert_int_equal(job_credentials_bytes(&job), 950);

        view = job;
        c = blob(1, 1, 500);
        assert_int_equal(job_credentials_with(&job, &c, &view), 0);
        assert_int_equal(job_credential_find(&view, 1, 1)->sealed_bytes, 500);
        job_credentials_undo(&job, &view);
        assert_int_equal(job_credential_find(&job, 1, 1)->sealed_bytes, 200);

        assert_int_equal(job_credentials_without(&job, 1, 1, &view), 0);
        job_credentials_undo(&job, &view);
        assert_non_null(job_credential_find(&job, 1, 1));
        assert_int_equal(job_credentials_without(&job, 1, 1, &view), 0);
        job_credentials_keep(&job, &view);
        assert_null(job_credential_find(&job, 1, 1));
        assert_int_equal(job.credentials_len, 2);
        job_credentials_drop(&job);
        assert_int_equal(job.credentials_len, 0);
}

/* What a damaged store might hand out. */
static void insane_sets_are_told(void **state)
{
        uint8_t byte = 0;
        JobCredential c[11] = {{1, 1, false, &byte, 1}, {2, 1, false, &byte, 1}};
        Job job = {.credentials = c, .credentials_len = 2};

        (void) state;
        assert_true(job_credentials_are_sane(&job));
        c[1].target = 1;
        assert_false(job_credentials_are_sane(&job)); /* the same slot twice */
        c[1].target = 3;
        assert_false(job_credentials_are_sane(&job));
        c[1] = (JobCredential){2, 0, false, &byte, 1};
        assert_false(job_credentials_are_sane(&job));
        c[1] = (JobCredential){2, 6, false, &byte, 1};
        assert_false(job_credentials_are_sane(&job));
        c[1] = (JobCredential){2, 1, false, NULL, 1};
        assert_false(job_credentials_are_sane(&job));
        c[1] = (JobCredential){2, 1, false, &byte, 0};
        assert_false(job_credentials_are_sane(&job));
        c[1] = (JobCredential){2, 1, false, &byte, 197626};
        assert_false(job_credentials_are_sane(&job));
        c[1] = (JobCredential){2, 1, false, &byte, 197625};
        assert_true(job_credentials_are_sane(&job));
        job.credentials_len = 11;
        assert_false(job_credentials_are_sane(&job));
        job = (Job){.credentials_len = 1};
        assert_false(job_credentials_are_sane(&job));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(slots_are_two_times_five),
                cmocka_unit_test(null_means_the_owner_for_some_schemes),
                cmocka_unit_test(lengths_are_utf16_units),
                cmocka_unit_test(texts_are_utf8),
                cmocka_unit_test(sets_change_by_views),
                cmocka_unit_test(insane_sets_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
