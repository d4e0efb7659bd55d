/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and notification programs through both faces of the library, against the fake
 * service: which arguments are refused without it, and that what is given arrives as it was. */
#include "com_rig.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/cleanup.h"

#define CALL_FAILED HRESULT_FROM_WIN32(1726) /* RPC_S_CALL_FAILED */

enum { ARGUMENTS_BYTES = 256 * 1024, SERVER = BG_AUTH_TARGET_SERVER, PROXY = BG_AUTH_TARGET_PROXY };
enum {
        BASIC = BG_AUTH_SCHEME_BASIC,
        DIGEST = BG_AUTH_SCHEME_DIGEST,
        NTLM = BG_AUTH_SCHEME_NTLM,
        NEGOTIATE = BG_AUTH_SCHEME_NEGOTIATE,
        PASSPORT = BG_AUTH_SCHEME_PASSPORT,
};

static wchar_t *wide_of(size_t units)
{
        wchar_t *text = mem_array(units + 1, sizeof(*text));

        assert_non_null(text);
        wmemset(text, L'x', units);
        text[units] = 0;
        return text;
}

static char *narrow_of(size_t bytes)
{
        char *text = mem_alloc(bytes + 1);

        assert_non_null(text);
        memset(text, 'x', bytes);
        text[bytes] = '\0';
        return text;
}

static void assert_arrived(ComRig *com, const char *expected)
{
        char *text = mem_alloc(ARGUMENTS_BYTES);

        assert_non_null(text);
        fake_last_arguments(com->fake, text, ARGUMENTS_BYTES);
        assert_string_equal(text, expected);
        mem_free(text);
}

static HRESULT set_wide(IBackgroundCopyJob2 *job, int target, int scheme, const wchar_t *user,
                        const wchar_t *password)
{
        BG_AUTH_CREDENTIALS c = {.Target = (BG_AUTH_TARGET) target,
                                 .Scheme = (BG_AUTH_SCHEME) scheme};

        c.Credentials.Basic.UserName = (LPWSTR) user;
        c.Credentials.Basic.Password = (LPWSTR) password;
        return IBackgroundCopyJob2_SetCredentials(job, &c);
}

/* The same through the other face; NULL text stays NULL, the rest is ASCII. */
static HRESULT set_narrow(ComRig *com, const GUID *id, int target, int scheme, const wchar_t *user,
                          const wchar_t *password)
{
        _cleanup_free_ char *u = NULL, *p = NULL;

        if (user) {
                u = narrow_of(wcslen(user));
                for (size_t i = 0; user[i]; i++)
                        u[i] = (char) user[i];
        }
        if (password)
                p = narrow_of(wcslen(password));
        return bits_job_set_credentials(com->rig->client, id, (BG_AUTH_TARGET) target,
                                        (BG_AUTH_SCHEME) scheme, u, p);
}

static void wrong_credentials_are_refused_without_the_service(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        _cleanup_free_ wchar_t *user_301 = wide_of(301), *password_65537 = wide_of(65537);
        const struct {
                int target, scheme;
                const wchar_t *user, *password;
                HRESULT hr;
        } wrong[] = {
                {0, BASIC, L"u", L"p", BG_E_INVALID_AUTH_TARGET},
                {3, BASIC, L"u", L"p", BG_E_INVALID_AUTH_TARGET},
                {-1, BASIC, L"u", L"p", BG_E_INVALID_AUTH_TARGET},
                {0, 0, NULL, L"p", BG_E_INVALID_AUTH_TARGET},
                {SERVER, 0, L"u", L"p", BG_E_INVALID_AUTH_SCHEME},
                {PROXY, 6, L"u", L"p", BG_E_INVALID_AUTH_SCHEME},
                {PROXY, -1, L"u", L"p", BG_E_INVALID_AUTH_SCHEME},
                {SERVER, BASIC, NULL, NULL, E_INVALIDARG},
                {SERVER, DIGEST, NULL, NULL, E_INVALIDARG},
                {PROXY, PASSPORT, NULL, NULL, E_INVALIDARG},
                {SERVER, BASIC, L"u", NULL, E_INVALIDARG},
                {SERVER, NTLM, L"u", NULL, E_INVALIDARG},
                {SERVER, NEGOTIATE, NULL, L"p", E_INVALIDARG},
                {SERVER, BASIC, user_301, L"p", BG_E_USERNAME_TOO_LARGE},
                {SERVER, NTLM, user_301, password_65537, BG_E_USERNAME_TOO_LARGE},
                {PROXY, DIGEST, L"u", password_65537, BG_E_PASSWORD_TOO_LARGE},
        };

        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                assert_hr(set_wide(job, wrong[i].target, wrong[i].scheme, wrong[i].user,
                                   wrong[i].password),
                          wrong[i].hr);
                assert_hr(set_narrow(com, &id, wrong[i].target, wrong[i].scheme, wrong[i].user,
                                     wrong[i].password),
                          wrong[i].hr);
        }
        assert_hr(IBackgroundCopyJob2_SetCredentials(job, NULL), E_INVALIDARG);
        assert_hr(set_wide(job, SERVER, BASIC, L"\xd800", L"p"), E_INVALIDARG);
        assert_hr(set_wide(job, SERVER, BASIC, L"u", L"\xdc00"), E_INVALIDARG);
        assert_hr(bits_job_set_credentials(com->rig->client, &id, BG_AUTH_TARGET_SERVER,
                                           BG_AUTH_SCHEME_BASIC, "\xff", "p"),
                  E_INVALIDARG);
        assert_hr(bits_job_set_credentials(com->rig->client, &id, BG_AUTH_TARGET_SERVER,
                                           BG_AUTH_SCHEME_BASIC, "u", "\xc0\xaf"),
                  E_INVALIDARG);
        assert_hr(bits_job_set_credentials(NULL, &id, BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_BASIC,
                                           "u", "p"),
                  E_INVALIDARG);
        assert_hr(bits_job_set_credentials(com->rig->client, NULL, BG_AUTH_TARGET_SERVER,
                                           BG_AUTH_SCHEME_BASIC, "u", "p"),
                  E_INVALIDARG);
        assert_int_equal(fake_calls(com->fake, "SetCredentials"), 0);
        (void) IBackgroundCopyJob2_Release(job);
}

static void credentials_arrive_as_they_were_given(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        assert_hr(set_wide(job, SERVER, BASIC, L"D\xf6m\\us\x20ac\x72", L"p\x1f600 w"), S_OK);
        assert_arrived(com, "1 1 1 D\303\266m\\us\342\202\254r 1 p\360\237\230\200 w");
        assert_hr(set_wide(job, PROXY, DIGEST, L"user", L""), S_OK);
        assert_arrived(com, "2 2 1 user 1 ");
        assert_hr(set_wide(job, PROXY, NTLM, NULL, NULL), S_OK);
        assert_arrived(com, "2 3 0  0 ");
        assert_hr(set_wide(job, SERVER, NEGOTIATE, NULL, NULL), S_OK);
        assert_arrived(com, "1 4 0  0 ");
        assert_hr(set_narrow(com, &id, SERVER, PASSPORT, L"a@b", L"xx"), S_OK);
        assert_arrived(com, "1 5 1 a@b 1 xx");
        (void) IBackgroundCopyJob2_Release(job);
}

static void longest_credentials_are_taken(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        _cleanup_free_ wchar_t *user = wide_of(300), *password = wide_of(65536);
        _cleanup_free_ char *expected = NULL;

        assert_hr(set_wide(job, SERVER, BASIC, user, password), S_OK);
        expected = mem_printf("1 1 1 %ls 1 %ls", user, password);
        assert_non_null(expected);
        assert_arrived(com, expected);
        assert_hr(set_narrow(com, &id, SERVER, BASIC, user, password), S_OK);
        assert_arrived(com, expected);
        wmemset(user, 0x1f600, 150); /* 300 units */
        user[150] = 0;
        assert_hr(set_wide(job, SERVER, BASIC, user, L"p"), S_OK);
        user[150] = L'x', user[151] = 0;
        assert_hr(set_wide(job, SERVER, BASIC, user, L"p"), BG_E_USERNAME_TOO_LARGE);
        (void) IBackgroundCopyJob2_Release(job);
}

static void removing_tells_whether_there_was_something(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

#define REMOVE(t, s)                                                                               \
        IBackgroundCopyJob2_RemoveCredentials(job, (BG_AUTH_TARGET) (t), (BG_AUTH_SCHEME) (s))
        assert_hr(REMOVE(0, BASIC), BG_E_INVALID_AUTH_TARGET);
        assert_hr(REMOVE(3, 9), BG_E_INVALID_AUTH_TARGET);
        assert_hr(REMOVE(PROXY, 0), BG_E_INVALID_AUTH_SCHEME);
        assert_hr(REMOVE(PROXY, 6), BG_E_INVALID_AUTH_SCHEME);
        assert_int_equal(fake_calls(com->fake, "RemoveCredentials"), 0);
        assert_hr(REMOVE(PROXY, NTLM), S_FALSE);
        assert_hr(set_wide(job, PROXY, NTLM, L"u", L"p"), S_OK);
        assert_hr(REMOVE(SERVER, NTLM), S_FALSE);
        assert_hr(REMOVE(PROXY, NTLM), S_OK);
        assert_hr(REMOVE(PROXY, NTLM), S_FALSE);
#undef REMOVE
        assert_hr(bits_job_remove_credentials(com->rig->client, NULL, BG_AUTH_TARGET_PROXY,
                                              BG_AUTH_SCHEME_NTLM),
                  E_INVALIDARG);
        (void) IBackgroundCopyJob2_Release(job);
}

static void list_names_the_slots_and_no_more(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        bits_client *client = com->rig->client;
        bits_credential *slots = (bits_credential *) 1;
        size_t n = 77;

        assert_hr(bits_job_list_credentials(client, &id, &slots, &n), S_OK);
        assert_null(slots);
        assert_int_equal(n, 0);
        assert_hr(set_wide(job, PROXY, NTLM, NULL, NULL), S_OK);
        assert_hr(set_wide(job, SERVER, BASIC, L"u", L"p"), S_OK);
        assert_hr(bits_job_list_credentials(client, &id, &slots, &n), S_OK);
        assert_int_equal(n, 2);
        assert_int_equal(slots[0].target, SERVER);
        assert_int_equal(slots[0].scheme, BASIC);
        assert_int_equal(slots[0].implicit, 0);
        assert_int_equal(slots[1].target, PROXY);
        assert_int_equal(slots[1].scheme, NTLM);
        assert_int_equal(slots[1].implicit, 1);
        free(slots);

        assert_hr(bits_job_list_credentials(client, &id, NULL, &n), E_INVALIDARG);
        assert_hr(bits_job_list_credentials(client, &id, &slots, NULL), E_INVALIDARG);
        assert_hr(bits_job_list_credentials(client, NULL, &slots, &n), E_INVALIDARG);
        for (int fault = FAULT_WRONG_SIGNATURE; fault <= FAULT_GARBAGE_RECORD; fault++) {
                fake_fault(com->fake, "ListCredentials", (FakeFault) fault, S_OK, 1);
                assert_hr(bits_job_list_credentials(client, &id, &slots, &n), CALL_FAILED);
                assert_null(slots);
                assert_int_equal(n, 0);
        }
        (void) IBackgroundCopyJob2_Release(job);
}

static void refusals_of_the_service_come_through(void **state)
{
        static const HRESULT refusals[] = {
                E_ACCESSDENIED,
                BG_E_INVALID_STATE,
                BG_E_NOT_FOUND,
                BG_E_INVALID_CREDENTIALS,
                HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA),
                BG_E_BLOCKED_BY_POLICY,
        };
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
                HRESULT hr = refusals[i];

                fake_fault(com->fake, "SetCredentials", FAULT_ERROR, hr, 1);
                assert_hr(set_wide(job, SERVER, BASIC, L"marker-user", L"marker-word"), hr);
                assert_string_equal(bits_last_message(), "said by the fake");
                fake_fault(com->fake, "RemoveCredentials", FAULT_ERROR, hr, 1);
                assert_hr(IBackgroundCopyJob2_RemoveCredentials(job, BG_AUTH_TARGET_SERVER,
                                                                BG_AUTH_SCHEME_BASIC),
                          hr);
                fake_fault(com->fake, "SetNotifyCmdLine", FAULT_ERROR, hr, 1);
                assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/bin/true", NULL), hr);
        }
        (void) IBackgroundCopyJob2_Release(job);
}

/* What sets something to a given value may be said twice. */
static void lost_answers_are_asked_for_again(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        uint32_t slots = 0;

        fake_fault(com->fake, "SetCredentials", FAULT_CLOSE_AFTER, S_OK, 1);
        assert_hr(set_wide(job, SERVER, BASIC, L"u", L"p"), S_OK);
        assert_int_equal(fake_calls(com->fake, "SetCredentials"), 2);
        fake_fault(com->fake, "SetNotifyCmdLine", FAULT_CLOSE_BEFORE, S_OK, 1);
        assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/bin/true", NULL), S_OK);
        fake_fault(com->fake, "RemoveCredentials", FAULT_CLOSE_BEFORE, S_OK, 1);
        assert_hr(IBackgroundCopyJob2_RemoveCredentials(job, BG_AUTH_TARGET_SERVER,
                                                        BG_AUTH_SCHEME_BASIC),
                  S_OK);

        assert_hr(bits_service_rekey(com->rig->client, &slots), S_OK);
        assert_int_equal(slots, 42);
        assert_hr(bits_service_rekey(com->rig->client, NULL), S_OK);
        assert_hr(bits_service_rekey(NULL, &slots), E_INVALIDARG);
        fake_fault(com->fake, "Rekey", FAULT_CLOSE_AFTER, S_OK, 1);
        assert_hr(bits_service_rekey(com->rig->client, &slots), CALL_FAILED);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- SetNotifyCmdLine, GetNotifyCmdLine ---- */

static void assert_cmd_line(IBackgroundCopyJob2 *job, const wchar_t *program,
                            const wchar_t *parameters)
{
        LPWSTR a = NULL, b = NULL;

        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &a, &b), S_OK);
        assert_wide(a, program);
        assert_wide(b, parameters);
}

static void cmd_line_is_given_back_and_empty_when_none(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        LPWSTR a = (LPWSTR) 1, b = (LPWSTR) 1;
        bits_job_info *info;

        assert_cmd_line(job, L"", L"");
        assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/opt/\xe9nd", L"\xe9nd \"a b\" "),
                  S_OK);
        assert_arrived(com, "1 /opt/\303\251nd 1 \303\251nd \"a b\" ");
        assert_cmd_line(job, L"/opt/\xe9nd", L"\xe9nd \"a b\" ");
        assert_hr(bits_job_read(com->rig->client, &id, &info), S_OK);
        assert_string_equal(info->notify_program, "/opt/\303\251nd");
        bits_job_info_free(info);

        assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/bin/true", NULL), S_OK);
        assert_arrived(com, "1 /bin/true 0 ");
        assert_cmd_line(job, L"/bin/true", L"");
        assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, NULL, NULL), S_OK);
        assert_arrived(com, "0  0 ");
        assert_cmd_line(job, L"", L"");

        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, NULL, &b), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &a, NULL), E_INVALIDARG);
        fake_fault(com->fake, "ReadJob", FAULT_ERROR, E_ACCESSDENIED, 1);
        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &a, &b), E_ACCESSDENIED);
        assert_null(a);
        assert_null(b);
        (void) IBackgroundCopyJob2_Release(job);
}

static void cmd_line_outlives_the_job_like_all_readings(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, L"/bin/true", L"true"), S_OK);
        assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
        assert_hr(IBackgroundCopyJob2_SetNotifyCmdLine(job, NULL, NULL), BG_E_INVALID_STATE);
        assert_cmd_line(job, L"/bin/true", L"true");
        fake_forget_job(com->fake, &id);
        assert_cmd_line(job, L"/bin/true", L"true");
        (void) IBackgroundCopyJob2_Release(job);
}

static void cmd_line_is_checked_without_the_service(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        bits_client *client = com->rig->client;
        _cleanup_free_ wchar_t *text = wide_of(4001);
        _cleanup_free_ char *narrow = narrow_of(4001);

#define CMD(p, a) IBackgroundCopyJob2_SetNotifyCmdLine(job, p, a)
#define NATIVE(p, a) bits_job_set_notify_cmd_line(client, &id, p, a)
        assert_hr(CMD(NULL, L"x"), E_INVALIDARG);
        assert_hr(NATIVE(NULL, "x"), E_INVALIDARG);
        assert_hr(CMD(L"/bin/true", text), BG_E_STRING_TOO_LONG);
        assert_hr(NATIVE("/bin/true", narrow), BG_E_STRING_TOO_LONG);
        assert_hr(CMD(text, NULL), BG_E_STRING_TOO_LONG);
        assert_hr(CMD(L"\xd800", NULL), E_INVALIDARG);
        assert_hr(CMD(L"/bin/true", L"\xdfff"), E_INVALIDARG);
        assert_hr(NATIVE("\xff", NULL), E_INVALIDARG);
        assert_hr(NATIVE("/bin/true", "\xff"), E_INVALIDARG);
        assert_hr(bits_job_set_notify_cmd_line(client, NULL, "/bin/true", NULL), E_INVALIDARG);
        assert_hr(bits_job_set_notify_cmd_line(NULL, &id, "/bin/true", NULL), E_INVALIDARG);
        text[261] = 0, narrow[261] = '\0';
        assert_hr(CMD(text, NULL), BG_E_STRING_TOO_LONG);
        assert_hr(NATIVE(narrow, NULL), BG_E_STRING_TOO_LONG);
        assert_int_equal(fake_calls(com->fake, "SetNotifyCmdLine"), 0);

        text[260] = 0, narrow[260] = '\0';
        assert_hr(CMD(text, NULL), S_OK);
        assert_hr(NATIVE(narrow, NULL), S_OK);
        wmemset(text, L'y', 4000), text[4000] = 0;
        memset(narrow, 'y', 4000), narrow[4000] = '\0';
        assert_hr(CMD(L"/bin/true", text), S_OK);
        assert_hr(NATIVE("/bin/true", narrow), S_OK);
#undef CMD
#undef NATIVE
        (void) IBackgroundCopyJob2_Release(job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, com_rig_setup, com_rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(wrong_credentials_are_refused_without_the_service),
                TEST(credentials_arrive_as_they_were_given),
                TEST(longest_credentials_are_taken),
                TEST(removing_tells_whether_there_was_something),
                TEST(list_names_the_slots_and_no_more),
                TEST(refusals_of_the_service_come_through),
                TEST(lost_answers_are_asked_for_again),
                TEST(cmd_line_is_given_back_and_empty_when_none),
                TEST(cmd_line_outlives_the_job_like_all_readings),
                TEST(cmd_line_is_checked_without_the_service),
        };

        return cmocka_run_group_tests_name("credentials and programs", tests, NULL, NULL);
}
