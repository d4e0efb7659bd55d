/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/open_credentials.h"
#include "vault/vault.h"

/* Stands for the vault: what is sealed says what comes of it. */
static int open_sealed(void *ctx, const GUID *job, const JobCredential *c, struct Credential *ret)
{
        Credential opened = {NULL};

        (*(int *) ctx)++;
        assert_int_equal(job->Data1, 7);
        switch (c->sealed[0]) {
        case 'l':
                return VAULT_KEY_LOST;
        case 'r':
                return VAULT_KEY_REFUSED;
        case 'd':
                return -EBADMSG;
        case 'm':
                return -ENOMEM;
        case 'e':
                return -EIO;
        case 'i': /* says implicit, where the row says explicit */
                return 0;
        default:
                assert_int_equal(secret_copy("user", 4, &opened.user), 0);
                assert_int_equal(secret_copy(c->sealed, c->sealed_bytes, &opened.password), 0);
                *ret = opened;
                return 0;
        }
}

static JobCredential slot(uint32_t scheme, const char *sealed)
{
        return (JobCredential){
                .target = BG_AUTH_TARGET_SERVER,
                .scheme = scheme,
                .implicit = !sealed,
                .sealed = (uint8_t *) sealed,
                .sealed_bytes = (uint32_t) strlen(sealed ?: ""),
        };
}

static Job job_of(JobCredential *slots, uint32_t n)
{
        return (Job){.id = {.Data1 = 7}, .credentials = slots, .credentials_len = n};
}

static void a_job_without_credentials_asks_nobody(void **state)
{
        int asked = 0;
        const OpenCredential open = {open_sealed, &asked};
        Job job = job_of(NULL, 0);
        AuthSet *set = (AuthSet *) &asked;

        assert_int_equal(open_credentials(&open, &job, &set), 0);
        assert_null(set);
        assert_int_equal(asked, 0);
}

static void slots_are_opened_and_implicit_ones_need_no_key(void **state)
{
        int asked = 0;
        const OpenCredential open = {open_sealed, &asked};
        JobCredential slots[] = {slot(BG_AUTH_SCHEME_BASIC, "geheim"),
                                 slot(BG_AUTH_SCHEME_NEGOTIATE, NULL)};
        Job job = job_of(slots, 2);
        AuthSet *set;

        assert_int_equal(open_credentials(&open, &job, &set), 0);
        assert_int_equal(asked, 1);
        assert_int_equal(set->slots_len, 2);
        assert_string_equal(secret_text(set->slots[0].user), "user");
        assert_string_equal(secret_text(set->slots[0].password), "geheim");
        assert_null(set->slots[1].user);
        assert_string_equal(set->unreadable, "");
        auth_set_unref(set);
}

static void what_cannot_be_opened_is_left_out_and_told(void **state)
{
        static const struct {
                const char *sealed, *word;
        } CASES[] = {{"l", "lost"},
                     {"r", "cannot be used"},
                     {"d", "damaged"},
                     {"e", "does not work"},
                     {"i", "damaged"}};
        int asked = 0;
        const OpenCredential open = {open_sealed, &asked};

        for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
                JobCredential slots[] = {slot(BG_AUTH_SCHEME_DIGEST, CASES[i].sealed),
                                         slot(BG_AUTH_SCHEME_BASIC, "good")};
                Job job = job_of(slots, 2);
                AuthSet *set;

                assert_int_equal(open_credentials(&open, &job, &set), 0);
                assert_int_equal(set->slots_len, 1);
                assert_int_equal(set->slots[0].scheme, BG_AUTH_SCHEME_BASIC);
                assert_non_null(strstr(set->unreadable, CASES[i].word));
                auth_set_unref(set);
        }
}

static void without_a_vault_only_implicit_ones_are_left(void **state)
{
        const OpenCredential open = {NULL, NULL};
        JobCredential slots[] = {slot(BG_AUTH_SCHEME_BASIC, "geheim"),
                                 slot(BG_AUTH_SCHEME_NTLM, NULL)};
        Job job = job_of(slots, 2);
        AuthSet *set;

        assert_int_equal(open_credentials(&open, &job, &set), 0);
        assert_int_equal(set->slots_len, 1);
        assert_non_null(strstr(set->unreadable, "no vault"));
        auth_set_unref(set);
}

static void a_lack_of_memory_is_no_lost_key(void **state)
{
        int asked = 0;
        const OpenCredential open = {open_sealed, &asked};
        JobCredential slots[] = {slot(BG_AUTH_SCHEME_DIGEST, "good"),
                                 slot(BG_AUTH_SCHEME_BASIC, "m")};
        Job job = job_of(slots, 2);
        AuthSet *set = NULL;

        assert_int_equal(open_credentials(&open, &job, &set), -ENOMEM);
        assert_null(set);
        mem_fail_nth(1);
        assert_int_equal(open_credentials(&open, &job, &set), -ENOMEM);
        mem_fail_nth(0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_job_without_credentials_asks_nobody),
                cmocka_unit_test(slots_are_opened_and_implicit_ones_need_no_key),
                cmocka_unit_test(what_cannot_be_opened_is_left_out_and_told),
                cmocka_unit_test(without_a_vault_only_implicit_ones_are_left),
                cmocka_unit_test(a_lack_of_memory_is_no_lost_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
