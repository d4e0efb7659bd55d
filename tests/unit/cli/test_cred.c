/* SPDX-License-Identifier: Apache-2.0 */
/* Where passwords come from, and what becomes of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "fake_bits.h"
#include "run_cli.h"

enum {
        PASSWORD_CHARACTERS_MAX = 65536,
        FD = 50, /* nothing of ours has such a number */
};

static char *make_file(const char *data, size_t bytes)
{
        char *path = mem_strdup("/tmp/bitsctl-test-XXXXXX");
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, data, bytes), 0);
        (void) close(fd);
        return path;
}

/* Runs the line with " --password-file=PATH" behind it, PATH holding the data. */
static Ran run_with_file(const char *line, const char *data, size_t bytes)
{
        _cleanup_free_ char *path = make_file(data, bytes), *whole = NULL;
        Ran ran;

        whole = mem_printf("%s --password-file=%s", line, path);
        ran = run_cli(whole);
        assert_int_equal(unlink(path), 0);
        return ran;
}

static void set_up_job(void)
{
        fake_reset();
        (void) fake_add_job("3f2a91c4", "job");
}

/* One slot, so that one call tells the password that came through. */
static void expect_password(const char *data, size_t bytes, const char *password)
{
        _cleanup_free_ char *call = mem_printf("set_credentials 3f2a91c4 1/1 ann %s\n", password);
        Ran ran;

        set_up_job();
        ran = run_with_file("cred set job --login ann --scheme basic", data, bytes);
        assert_string_equal(ran.talk, "");
        assert_int_equal(ran.status, 0);
        assert_string_equal(fake_calls(), call);
        ran_done(&ran);
}

static void expect_refusal(const char *data, size_t bytes, const char *why)
{
        Ran ran;

        set_up_job();
        ran = run_with_file("cred set job --login ann --scheme basic", data, bytes);
        assert_int_equal(ran.status, 1);
        if (!strstr(ran.talk, why))
                fail_msg("\"%s\" does not say \"%s\"", ran.talk, why);
        assert_string_equal(fake_calls(), "");
        ran_done(&ran);
}

#define LITERAL(s) s, sizeof(s) - 1

static void a_password_is_a_line(void **state)
{
        expect_password(LITERAL("secret\n"), "secret");
        expect_password(LITERAL("secret"), "secret");
        expect_password(LITERAL("secret\r\n"), "secret");
        expect_password(LITERAL(" two words \n"), " two words ");
        expect_password(LITERAL("gr\303\274n:\344\272\254\n"), "gr\303\274n:\344\272\254");
        expect_password(LITERAL("\n"), "");
}

static void what_is_no_password_is_refused(void **state)
{
        expect_refusal(LITERAL(""), "there is none");
        expect_refusal(LITERAL("one\ntwo\n"), "more behind it than a line end");
        expect_refusal(LITERAL("one\n\n"), "more behind it than a line end");
        expect_refusal(LITERAL("ze\0ro\n"), "zero byte");
        expect_refusal(LITERAL("\377\376\n"), "no valid UTF-8");
}

static void a_refused_password_is_not_repeated(void **state)
{
        Ran ran;

        set_up_job();
        ran = run_with_file("cred set job --login ann", LITERAL("hunter2\nhunter2\n"));
        assert_int_equal(ran.status, 1);
        assert_null(strstr(ran.talk, "hunter2"));
        assert_null(strstr(ran.data, "hunter2"));
        ran_done(&ran);
}

/* Of two bytes each, so that bytes and characters are told apart. */
static char *long_password(size_t characters)
{
        char *text = mem_alloc(2 * characters + 1);

        for (size_t i = 0; i < characters; i++)
                (void) memcpy(text + 2 * i, "\303\274", 2);
        text[2 * characters] = '\0';
        return text;
}

static void the_longest_password_goes_through(void **state)
{
        _cleanup_free_ char *text = long_password(PASSWORD_CHARACTERS_MAX);
        Ran ran;

        set_up_job();
        ran = run_with_file("cred set job --login ann --scheme basic", text, strlen(text));
        assert_int_equal(ran.status, 0);
        assert_int_equal(fake_password_bytes(), 2 * PASSWORD_CHARACTERS_MAX);
        ran_done(&ran);
}

static void a_longer_one_does_not(void **state)
{
        _cleanup_free_ char *text = long_password(PASSWORD_CHARACTERS_MAX + 1);
        _cleanup_free_ char *endless = mem_zalloc(1 << 20);

        expect_refusal(text, strlen(text), "BG_E_PASSWORD_TOO_LARGE");
        (void) memset(endless, 'x', 1 << 20);
        expect_refusal(endless, 1 << 20, "BG_E_PASSWORD_TOO_LARGE");
}

static void a_descriptor_is_read_and_left_open(void **state)
{
        int ends[2];
        Ran ran;

        set_up_job();
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(dup2(ends[0], FD), FD);
        assert_int_equal(fd_write_all(ends[1], LITERAL("secret\n")), 0);
        (void) close(ends[1]);
        ran = run_cli("cred set job --login ann --scheme digest --password-fd=50");
        assert_int_equal(ran.status, 0);
        assert_string_equal(fake_calls(), "set_credentials 3f2a91c4 1/2 ann secret\n");
        assert_int_equal(close(FD), 0);
        (void) close(ends[0]);
        ran_done(&ran);
}

/* Standard input, wherever it comes from: here a file in its place. */
static Ran run_with_stdin(const char *line, const char *data)
{
        _cleanup_free_ char *path = make_file(data, strlen(data));
        int before = dup(STDIN_FILENO), fd = open(path, O_RDONLY | O_CLOEXEC);
        Ran ran;

        assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
        ran = run_cli(line);
        assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
        (void) close(before);
        (void) close(fd);
        (void) unlink(path);
        return ran;
}

static void stdin_is_read_when_it_is_asked_for(void **state)
{
        static const char *const lines[] = {
                "cred set job --user ann --scheme basic --password-stdin",
                "cred set job --user ann --scheme basic --password-file=-",
        };

        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                Ran ran;

                set_up_job();
                ran = run_with_stdin(lines[i], "secret\n");
                assert_int_equal(ran.status, 0);
                assert_string_equal(fake_calls(), "set_credentials 3f2a91c4 1/1 ann secret\n");
                ran_done(&ran);
        }
}

static void a_name_that_is_no_text_is_refused(void **state)
{
        Ran ran;

        set_up_job();
        ran = run_cli("cred set job --login \377 --password-stdin");
        assert_int_equal(ran.status, 2);
        assert_non_null(strstr(ran.talk, "no valid UTF-8"));
        ran_done(&ran);
}

static void all_schemes_but_passport_are_set(void **state)
{
        Ran ran;

        set_up_job();
        ran = run_with_file("cred set job --proxy --login ann", LITERAL("x\n"));
        assert_int_equal(ran.status, 0);
        assert_string_equal(fake_calls(), "set_credentials 3f2a91c4 2/1 ann x\n"
                                          "set_credentials 3f2a91c4 2/2 ann x\n"
                                          "set_credentials 3f2a91c4 2/3 ann x\n"
                                          "set_credentials 3f2a91c4 2/4 ann x\n");
        ran_done(&ran);
        set_up_job();
        ran = run_with_file("cred set job --scheme passport --login a@b.example", LITERAL("x\n"));
        assert_string_equal(fake_calls(), "set_credentials 3f2a91c4 1/5 a@b.example x\n");
        ran_done(&ran);
}

static void one_answer_serves_several_jobs(void **state)
{
        Ran ran;

        set_up_job();
        (void) fake_add_job("4f2a91c4", "jog");
        fake_fail("set_credentials", E_ACCESSDENIED, "");
        ran = run_with_file("cred set jo? none --login ann --scheme basic", LITERAL("x\n"));
        assert_int_equal(ran.status, 6);
        assert_string_equal(fake_calls(), "set_credentials 3f2a91c4 1/1 ann x\n"
                                          "set_credentials 4f2a91c4 1/1 ann x\n");
        ran_done(&ran);
}

/* ---- get and put ---- */

static void a_login_is_set_before_the_job_starts(void **state)
{
        Ran ran;

        fake_reset();
        ran = run_with_file("get http://x.example/a -o /tmp/bitsctl-test-a --detach --login ann "
                            "--proxy-login pam --scheme basic",
                            LITERAL("one\ntwo\n"));
        assert_int_equal(ran.status, 0);
        assert_string_equal(fake_calls(), "create a0000001 bitsctl-test-a\n"
                                          "add_files a0000001 1\n"
                                          "set_auto_complete a0000001 1\n"
                                          "set_credentials a0000001 1/1 ann one\n"
                                          "set_credentials a0000001 2/1 pam two\n"
                                          "resume a0000001\n");
        ran_done(&ran);
}

static void a_job_without_its_login_is_not_left_behind(void **state)
{
        Ran ran;

        fake_reset();
        fake_fail("set_credentials", E_ACCESSDENIED, "");
        ran = run_with_file("get http://x.example/a -o /tmp/bitsctl-test-a --detach --login ann",
                            LITERAL("one\n"));
        assert_int_equal(ran.status, 6);
        assert_non_null(strstr(fake_calls(), "cancel a0000001\n"));
        assert_null(strstr(fake_calls(), "resume"));
        ran_done(&ran);
}

static void without_a_password_there_is_no_job(void **state)
{
        Ran ran;

        fake_reset();
        ran = run_with_file("get http://x.example/a -o /tmp/bitsctl-test-a --login ann "
                            "--proxy-login pam",
                            LITERAL("one\n"));
        assert_int_equal(ran.status, 1);
        assert_non_null(strstr(ran.talk, "no second one"));
        assert_string_equal(fake_calls(), "");
        ran_done(&ran);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_password_is_a_line),
                cmocka_unit_test(what_is_no_password_is_refused),
                cmocka_unit_test(a_refused_password_is_not_repeated),
                cmocka_unit_test(the_longest_password_goes_through),
                cmocka_unit_test(a_longer_one_does_not),
                cmocka_unit_test(a_descriptor_is_read_and_left_open),
                cmocka_unit_test(stdin_is_read_when_it_is_asked_for),
                cmocka_unit_test(a_name_that_is_no_text_is_refused),
                cmocka_unit_test(all_schemes_but_passport_are_set),
                cmocka_unit_test(one_answer_serves_several_jobs),
                cmocka_unit_test(a_login_is_set_before_the_job_starts),
                cmocka_unit_test(a_job_without_its_login_is_not_left_behind),
                cmocka_unit_test(without_a_password_there_is_no_job),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
