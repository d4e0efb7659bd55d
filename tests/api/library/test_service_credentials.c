/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and notification programs against the real service: what survives, what is refused in
 * which state, and that a program which sets a password can forget it. */
#include "service_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <wchar.h>

#include "base/attr.h"
#include "com_rig.h"

/* What is freed is written over at its beginning, so the secret is longer than what is looked for.
 */
enum { FILL_UNITS = 200, NEEDLE_UNITS = 24, SECRET_UNITS = FILL_UNITS + NEEDLE_UNITS };
enum { BLOCK_BYTES = 1 << 16 };

static HRESULT set(IBackgroundCopyJob2 *job, int target, int scheme, const wchar_t *user,
                   const wchar_t *password)
{
        BG_AUTH_CREDENTIALS c = {.Target = (BG_AUTH_TARGET) target,
                                 .Scheme = (BG_AUTH_SCHEME) scheme};

        c.Credentials.Basic.UserName = (LPWSTR) user;
        c.Credentials.Basic.Password = (LPWSTR) password;
        return IBackgroundCopyJob2_SetCredentials(job, &c);
}

static HRESULT unset(IBackgroundCopyJob2 *job, int target, int scheme)
{
        return IBackgroundCopyJob2_RemoveCredentials(job, (BG_AUTH_TARGET) target,
                                                     (BG_AUTH_SCHEME) scheme);
}

static void assert_cmd_line(IBackgroundCopyJob2 *job, const wchar_t *program,
                            const wchar_t *parameters)
{
        LPWSTR a = NULL, b = NULL;

        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &a, &b), S_OK);
        assert_wide(a, program);
        assert_wide(b, parameters);
}

static const BG_JOB_STATE live_states[] = {
        BG_JOB_STATE_QUEUED,      BG_JOB_STATE_CONNECTING, BG_JOB_STATE_TRANSFERRING,
        BG_JOB_STATE_SUSPENDED,   BG_JOB_STATE_ERROR,      BG_JOB_STATE_TRANSIENT_ERROR,
        BG_JOB_STATE_TRANSFERRED,
};
static const BG_JOB_STATE final_states[] = {BG_JOB_STATE_ACKNOWLEDGED, BG_JOB_STATE_CANCELLED};

static void live_jobs_take_them_in_every_state(void **state)
{
        ServiceRig *s = *state;

        for (size_t i = 0; i < ARRAY_LEN(live_states); i++) {
                GUID id;
                IBackgroundCopyJob2 *job = service_job_in(s, live_states[i], &id, NULL);

                assert_hr(unset(job, 1, 1), S_FALSE);
                for (int target = 1; target <= 2; target++)
                        for (int scheme = 1; scheme <= 5; scheme++)
                                assert_hr(set(job, target, scheme, L"user", L"word"), S_OK);
                assert_hr(set(job, 2, 3, NULL, NULL), S_OK);
                assert_hr(set(job, 1, 4, NULL, NULL), S_OK);
                assert_hr(set(job, 1, 1, L"user", L""), S_OK);
                for (int target = 1; target <= 2; target++)
                        for (int scheme = 1; scheme <= 5; scheme++) {
                                assert_hr(unset(job, target, scheme), S_OK);
                                assert_hr(unset(job, target, scheme), S_FALSE);
                        }
                assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, BG_NOTIFY_DISABLE), S_OK);
                assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/bin/true", L"true x"), S_OK);
                assert_cmd_line(job, L"/bin/true", L"true x");
                assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, NULL, NULL), S_OK);
                assert_cmd_line(job, L"", L"");
                assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

static void ended_jobs_refuse_them(void **state)
{
        ServiceRig *s = *state;

        for (size_t i = 0; i < ARRAY_LEN(final_states); i++) {
                GUID id;
                IBackgroundCopyJob2 *job = service_job_in(s, final_states[i], &id, NULL);

                assert_hr(set(job, 1, 1, L"user", L"word"), BG_E_INVALID_STATE);
                assert_hr(unset(job, 1, 1), BG_E_INVALID_STATE);
                assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/bin/true", NULL),
                          BG_E_INVALID_STATE);
                assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, NULL, NULL),
                          BG_E_INVALID_STATE);
                assert_cmd_line(job, L"", L"");
                (void) IBackgroundCopyJob2_Release(job);
        }
}

static void they_survive_a_kill(void **state)
{
        ServiceRig *s = *state;
        GUID id;
        IBackgroundCopyJob2 *job = service_job(s, &id);

        assert_hr(set(job, 1, 2, L"DOMAIN\\us\x20ac\x72", L"w\xf6rd"), S_OK);
        assert_hr(set(job, 2, 4, NULL, NULL), S_OK);
        assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/opt/a b", L"\"/opt/a b\" x"), S_OK);
        service_rig_kill(s);
        assert_cmd_line(job, L"/opt/a b", L"\"/opt/a b\" x");
        assert_hr(unset(job, 1, 2), S_OK);
        service_rig_kill(s);
        assert_hr(unset(job, 1, 2), S_FALSE);
        assert_hr(unset(job, 2, 4), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
}

static void credentials_do_not_hinder_servers_that_do_not_ask(void **state)
{
        ServiceRig *s = *state;
        char path[PATH_BYTES];
        GUID id;
        IBackgroundCopyJob2 *job = service_job(s, &id);

        service_job_add(s, job, "size=5000", path);
        assert_hr(set(job, 1, 1, L"user", L"word"), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_int_equal(service_file_size(path), 5000);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- what is left in the memory of the program ---- */

/* Kept inverted, so that looking for it does not find the search itself. */
typedef struct Needle {
        uint8_t inverted[NEEDLE_UNITS * sizeof(wchar_t)];
        size_t len;
} Needle;

static unsigned count_in(const uint8_t *data, size_t bytes, const Needle *needle)
{
        unsigned found = 0;

        for (size_t i = 0; i + needle->len <= bytes; i++) {
                size_t k = 0;

                while (k < needle->len && (data[i + k] ^ needle->inverted[k]) == 0xff)
                        k++;
                found += k == needle->len;
        }
        return found;
}

/* Overlapping blocks; the buffer is in memory itself, and wiped after each. */
static unsigned count_in_range(int mem, unsigned long from, unsigned long to, const Needle *needle)
{
        static uint8_t block[BLOCK_BYTES + sizeof(needle->inverted)];
        unsigned found = 0;

        for (unsigned long at = from; at < to; at += BLOCK_BYTES) {
                size_t want = MIN((size_t) (to - at), BLOCK_BYTES + needle->len - 1);
                ssize_t n = pread(mem, block, want, (off_t) at);

                if (n > 0)
                        found += count_in(block, (size_t) n, needle);
                explicit_bzero(block, sizeof(block));
        }
        return found;
}

static unsigned count_in_memory(const Needle *needle)
{
        int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        FILE *maps = fopen("/proc/self/maps", "re");
        unsigned long from, to;
        unsigned found = 0;
        char line[512], mode[8];

        assert_true(mem >= 0);
        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps))
                /* The shadow of a sanitizer has terabytes and no data. */
                if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r' &&
                    to - from <= 1UL << 30)
                        found += count_in_range(mem, from, to, needle);
        (void) fclose(maps);
        assert_int_equal(close(mem), 0);
        return found;
}

static void make_secret(wchar_t text[SECRET_UNITS + 1], Needle *narrow, Needle *wide)
{
        uint8_t random[NEEDLE_UNITS];

        assert_int_equal(getrandom(random, sizeof(random), 0), sizeof(random));
        *narrow = (Needle){.len = NEEDLE_UNITS};
        *wide = (Needle){.len = NEEDLE_UNITS * sizeof(wchar_t)};
        for (size_t i = 0; i < NEEDLE_UNITS; i++) {
                wchar_t c = (wchar_t) (L'A' + random[i] % 26);

                text[FILL_UNITS + i] = c;
                narrow->inverted[i] = (uint8_t) ~c;
                for (size_t k = 0; k < sizeof(wchar_t); k++)
                        wide->inverted[i * sizeof(wchar_t) + k] = (uint8_t) ~(c >> (8 * k));
        }
        wmemset(text, L'x', FILL_UNITS);
        text[SECRET_UNITS] = 0;
}

static void library_forgets_what_it_was_told(void **state)
{
        ServiceRig *s = *state;
        wchar_t text[SECRET_UNITS + 1];
        Needle narrow, wide;
        GUID id;
        IBackgroundCopyJob2 *job = service_job(s, &id);

        for (int round = 0; round < 3; round++) {
                make_secret(text, &narrow, &wide);
                assert_int_equal(count_in_memory(&wide), 1); /* it can be found */
                assert_hr(set(job, 1, 1, L"user", text), S_OK);
                assert_int_equal(count_in_memory(&narrow), 0);
                assert_hr(set(job, 1, 9, L"user", text), BG_E_INVALID_AUTH_SCHEME);
                service_rig_kill(s); /* sent again over a new connection */
                assert_hr(set(job, 1, 1, text, text), S_OK);
                explicit_bzero(text, sizeof(text));
                assert_int_equal(count_in_memory(&wide), 0);
                assert_int_equal(count_in_memory(&narrow), 0);
        }
        (void) IBackgroundCopyJob2_Release(job);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, service_rig_setup, service_rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                CASE(live_jobs_take_them_in_every_state),
                CASE(ended_jobs_refuse_them),
                CASE(they_survive_a_kill),
                CASE(credentials_do_not_hinder_servers_that_do_not_ask),
                CASE(library_forgets_what_it_was_told),
        };

        if (!service_rig_arguments(argc, argv)) {
                fprintf(stderr, "usage: %s BITSD BAD_SERVER [TEST]\n", argv[0]);
                return 2;
        }
        return cmocka_run_group_tests_name("credentials and programs", tests, NULL, NULL);
}
