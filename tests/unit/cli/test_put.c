/* SPDX-License-Identifier: Apache-2.0 */
/* put and its reply against scripted events. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/message.h"
#include "cli/reply_out.h"
#include "fake_bits.h"
#include "run_cli.h"

enum {
        TEXT_BYTES_MAX = 8 << 20,
};

static char place[64];

static void write_file(const char *name, const char *text)
{
        FILE *f = fopen(name, "w");

        assert_non_null(f);
        (void) fputs(text, f);
        assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
        char tmp[80];

        fake_reset();
        (void) strcpy(place, "/tmp/bitsctl-put-XXXXXX");
        if (!mkdtemp(place) || chdir(place) < 0 || mkdir("tmp", 0700) < 0)
                return -1;
        write_file("report.cbor", "a report");
        (void) snprintf(tmp, sizeof(tmp), "%s/tmp", place);
        return setenv("TMPDIR", tmp, 1);
}

static int tear_down(void **state)
{
        char command[128];

        (void) snprintf(command, sizeof(command), "rm -rf '%s'", place);
        return chdir("/") < 0 || system(command) != 0;
}

static bool is_empty_dir(const char *path)
{
        DIR *dir = opendir(path);
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        (void) closedir(dir);
        return n == 2; /* itself and its parent */
}

/* ---- steps: what happens to job "j" ---- */

static bits_job_info *the_job(void)
{
        bits_job_info *job = fake_job("j");

        assert_non_null(job);
        return job;
}

static bits_event_kind sends_half(bits_job_info **ret_job)
{
        *ret_job = the_job();
        (*ret_job)->state = BG_JOB_STATE_TRANSFERRING;
        (*ret_job)->bytes_transferred = 500;
        (*ret_job)->bytes_total = 1000;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind sends_all(bits_job_info **ret_job)
{
        (void) sends_half(ret_job);
        (*ret_job)->bytes_transferred = 1000;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind fetches(bits_job_info **ret_job)
{
        (void) sends_all(ret_job);
        (*ret_job)->reply_bytes_total = 14;
        (*ret_job)->reply_bytes_transferred = 7;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind arrives(bits_job_info **ret_job)
{
        (void) fetches(ret_job);
        (*ret_job)->reply_bytes_transferred = 14;
        (*ret_job)->state = BG_JOB_STATE_TRANSFERRED;
        (*ret_job)->why = BITS_WHY_NEEDS_COMPLETE;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind ends(bits_job_info **ret_job)
{
        (void) arrives(ret_job);
        (*ret_job)->why = BITS_WHY_NONE;
        (*ret_job)->state = BG_JOB_STATE_ACKNOWLEDGED;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind fails(bits_job_info **ret_job)
{
        *ret_job = the_job();
        (*ret_job)->state = BG_JOB_STATE_ERROR;
        (*ret_job)->error_code = BG_E_HTTP_ERROR_404;
        (*ret_job)->error_http_status = 404;
        (*ret_job)->error_context = BG_ERROR_CONTEXT_REMOTE_FILE;
        (*ret_job)->error_file = 0;
        fake_set_text(&(*ret_job)->error_text, "server answered 404 Not Found");
        return BITS_EVENT_CHANGED;
}

static bits_event_kind presses_ctrl_c(bits_job_info **ret_job)
{
        (void) sends_half(ret_job);
        (void) kill(getpid(), SIGINT);
        return BITS_EVENT_CHANGED;
}

/* What was printed and called, with the test's directory as "@". */
static char *hide_place(const char *text)
{
        char *hidden = mem_strdup(text), *at;

        while ((at = strstr(hidden, place))) {
                *at = '@';
                (void) memmove(at + 1, at + strlen(place), strlen(at + strlen(place)) + 1);
        }
        return hidden;
}

static void expect_calls(const char *expected)
{
        _cleanup_free_ char *calls = hide_place(fake_calls());

        assert_string_equal(calls, expected);
}

static void expect(const char *line, int status, const char *data, const char *talk)
{
        _cleanup_free_ char *said = NULL;
        Ran ran = run_cli(line);

        said = hide_place(ran.talk);
        if (talk && !strstr(said, talk))
                fail_msg("\"%s\" is not in \"%s\"", talk, said);
        if (!talk)
                assert_string_equal(said, "");
        assert_int_equal(ran.status, status);
        if (data)
                assert_string_equal(ran.data, data);
        ran_done(&ran);
}

static void put_makes_an_upload_that_completes_itself(void **state)
{
        fake_add_step(sends_half);
        fake_add_step(sends_all);
        fake_add_step(ends);
        expect("put report.cbor http://h/up/report --name j", STATUS_OK, "", NULL);
        expect_calls("create a0000001 j\n"
                     "add_files a0000001 1\n"
                     "  @/report.cbor http://h/up/report\n"
                     "set_auto_complete a0000001 1\n"
                     "set_name a0000001 j\n"
                     "resume a0000001\n");
        assert_int_equal(the_job()->type, BG_JOB_TYPE_UPLOAD);
}

static void the_reply_is_named_before_the_file_comes(void **state)
{
        fake_add_step(ends);
        expect("put report.cbor http://h/up/ --name j --reply answer.json --reply-optional "
               "--priority low",
               STATUS_OK, "", NULL);
        expect_calls("create a0000001 j\n"
                     "set_reply_name a0000001 @/answer.json\n"
                     "set_reply_optional a0000001 1\n"
                     "add_files a0000001 1\n"
                     "  @/report.cbor http://h/up/report.cbor\n"
                     "set_auto_complete a0000001 1\n"
                     "set_name a0000001 j\n"
                     "set_priority a0000001 3\n"
                     "resume a0000001\n");
        assert_int_equal(the_job()->type, BG_JOB_TYPE_UPLOAD_REPLY);
}

static void the_job_is_named_after_the_file(void **state)
{
        expect("put report.cbor http://h/up/ --detach", STATUS_OK,
               "a0000001-7c1d-4f0e-9f5a-2f1b3a7d9c10\n", NULL);
        assert_non_null(fake_job("report.cbor"));
        assert_true(fake_job("report.cbor")->auto_complete);
}

static void it_tells_what_was_sent_and_where_the_reply_is(void **state)
{
        _cleanup_free_ char *data = NULL;
        Ran ran;

        fake_add_step(ends);
        ran = run_cli("put -v report.cbor http://h/up/ --name j --reply answer.json");
        data = hide_place(ran.data);
        assert_non_null(strstr(data, "job a0000001  j  (priority normal)\nsent @/report.cbor  "
                                     "1000 B in "));
        assert_true(str_ends_with(data, ")\nsaved @/answer.json  14 B\n"));
        ran_done(&ran);
}

static void json_tells_of_the_reply_too(void **state)
{
        static const char *const parts[] = {
                "\"event\":\"created\"",
                "\"bytes\":500,\"bytes_total\":1000,\"rate\":0,\"files\":0,\"files_total\":1,"
                "\"reply_bytes\":0,\"reply_bytes_total\":null}\n",
                "\"reply_bytes\":7,\"reply_bytes_total\":14}\n",
                "\"event\":\"completed\"",
                "\"reply\":{\"local\":\"@/answer.json\",\"bytes\":14}}\n",
        };
        _cleanup_free_ char *data = NULL;
        const char *p;
        Ran ran;

        fake_add_step(sends_half);
        fake_add_step(fetches);
        fake_add_step(ends);
        ran = run_cli("put -j report.cbor http://h/up/ --name j --reply answer.json");
        assert_int_equal(ran.status, STATUS_OK);
        assert_string_equal(ran.talk, "");
        p = data = hide_place(ran.data);
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                p = strstr(p, parts[i]);
                if (!p)
                        fail_msg("%s is not in %s", parts[i], data);
        }
        ran_done(&ran);
}

static void a_fatal_error_says_what_to_do(void **state)
{
        fake_add_step(fails);
        expect("put report.cbor http://h/up --name j", STATUS_JOB_ERROR, "",
               "bitsctl: cannot send a0000001 \"j\": server answered 404 Not Found\n"
               "  0x80190194 BG_E_HTTP_ERROR_404, the remote file http://h/up\n"
               "  check the address. Then: bitsctl resume --wait a000; or throw it away: "
               "bitsctl cancel a000\n");
        assert_int_equal(the_job()->state, BG_JOB_STATE_ERROR);
}

static void ctrl_c_pauses_and_says_how_to_go_on(void **state)
{
        fake_add_step(presses_ctrl_c);
        expect("put report.cbor http://h/up --name j", STATUS_INTERRUPTED, "",
               "paused a0000001 at 50% (500 of 1000 B sent)\n"
               "  go on:      bitsctl resume --wait a000\n"
               "  throw away: bitsctl cancel a000\n");
        assert_int_equal(the_job()->state, BG_JOB_STATE_SUSPENDED);
}

static void a_job_that_cannot_be_prepared_is_dropped(void **state)
{
        static const char *const functions[] = {"set_reply_name", "set_reply_optional", "add_files",
                                                "set_auto_complete", "resume"};

        for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
                fake_reset();
                fake_fail(functions[i], E_FAIL, "no");
                expect("put report.cbor http://h/up --name j --reply a --reply-optional",
                       STATUS_FAILED, "", ": no\n");
                assert_int_equal(the_job()->state, BG_JOB_STATE_CANCELLED);
        }
}

/* ---- --reply - ---- */

static void a_printed_reply_is_all_of_standard_output(void **state)
{
        fake_set_reply("{\"answer\":42}\n", 14);
        fake_add_step(arrives);
        expect("put -v report.cbor http://h/up/ --name j --reply -", STATUS_OK, "{\"answer\":42}\n",
               "sent @/report.cbor  1000 B in ");
        assert_int_equal(the_job()->state, BG_JOB_STATE_ACKNOWLEDGED);
        assert_false(the_job()->auto_complete);
        assert_true(is_empty_dir("tmp")); /* nothing is left lying about */
        assert_int_equal(access("answer.json", F_OK), -1);
}

static void a_long_printed_reply_comes_out_of_its_file(void **state)
{
        _cleanup_free_ char *reply = mem_alloc(TEXT_BYTES_MAX + 1);
        Ran ran;

        for (size_t i = 0; i < TEXT_BYTES_MAX; i++)
                reply[i] = (char) ('a' + i % 26);
        reply[TEXT_BYTES_MAX] = '\0';
        fake_set_reply(reply, TEXT_BYTES_MAX);
        fake_add_step(arrives);
        ran = run_cli("put report.cbor http://h/up/ --name j --reply=-");
        assert_int_equal(ran.status, STATUS_OK);
        assert_true(str_equal(ran.data, reply));
        assert_string_equal(ran.talk, "");
        assert_true(is_empty_dir("tmp"));
        ran_done(&ran);
}

static void a_printed_reply_may_be_empty(void **state)
{
        fake_set_reply("", 0);
        fake_add_step(arrives);
        expect("put report.cbor http://h/up/ --name j --reply=-", STATUS_OK, "", NULL);
        assert_int_equal(the_job()->state, BG_JOB_STATE_ACKNOWLEDGED);
        assert_true(is_empty_dir("tmp"));
}

static void what_stops_a_printed_reply_names_the_way_to_it(void **state)
{
        fake_add_step(presses_ctrl_c);
        expect("put report.cbor http://h/up --name j --reply -", STATUS_INTERRUPTED, "",
               "  go on:      bitsctl resume --wait a000 && bitsctl reply a000\n");
        assert_false(is_empty_dir("tmp")); /* the job still wants to save it there */
        fake_reset();
        expect("put report.cbor http://h/up --name j --reply - --wait=0", STATUS_STILL_WAITS, "",
               "wait on: bitsctl wait a000 && bitsctl reply a000\n");
        fake_reset();
        fake_add_step(fails);
        expect("put report.cbor http://h/up --name j --reply -", STATUS_JOB_ERROR, "",
               "Then: bitsctl resume --wait a000 && bitsctl reply a000; or throw it away");
}

static void cancelling_takes_the_place_of_a_printed_reply_along(void **state)
{
        fake_add_step(presses_ctrl_c);
        expect("put report.cbor http://h/up --name j --reply -", STATUS_INTERRUPTED, "", "paused");
        assert_false(is_empty_dir("tmp"));
        expect("cancel j", STATUS_OK, "", NULL);
        assert_true(is_empty_dir("tmp"));
}

static void cancelling_takes_no_other_directory(void **state)
{
        static const char *const dirs[] = {"own", "bitsctl-reply-full"};

        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                _cleanup_free_ char *line = mem_printf(
                        "put report.cbor http://h/up --name j%zu --detach --reply %s/reply", i,
                        dirs[i]);
                _cleanup_free_ char *cancel = mem_printf("cancel j%zu", i);

                assert_int_equal(mkdir(dirs[i], 0700), 0);
                expect(line, STATUS_OK, NULL, NULL);
                if (i == 1)
                        write_file("bitsctl-reply-full/mine", "x");
                expect(cancel, STATUS_OK, "", NULL);
                assert_int_equal(access(dirs[i], F_OK), 0);
        }
}

static void a_reply_that_cannot_be_read_is_kept(void **state)
{
        fake_set_reply("x", 1);
        fake_fail("job_reply_data", E_FAIL, "no");
        fake_add_step(arrives);
        expect("put report.cbor http://h/up --name j --reply -", STATUS_FAILED, "",
               "cannot read the reply of a0000001 \"j\": no\n");
        assert_int_equal(the_job()->state, BG_JOB_STATE_TRANSFERRED);
}

static void the_place_for_a_printed_reply_goes_with_a_job_that_never_was(void **state)
{
        fake_fail("add_files", E_INVALIDARG, "that is no address");
        expect("put report.cbor http://h/up --name j --reply -", STATUS_FAILED, "",
               "that is no address");
        assert_true(is_empty_dir("tmp"));
        fake_reset();
        fake_fail("job_create", BG_E_TOO_MANY_JOBS_PER_USER, "");
        expect("put report.cbor http://h/up --name j --reply -", STATUS_LIMIT, "",
               "cannot create the job");
        assert_true(is_empty_dir("tmp"));
}

static void a_reply_somebody_else_completed_is_printed_all_the_same(void **state)
{
        fake_set_reply("{\"answer\":42}\n", 14);
        fake_add_step(ends);
        expect("put report.cbor http://h/up --name j --reply -", STATUS_OK, "{\"answer\":42}\n",
               NULL);
        assert_null(strstr(fake_calls(), "complete a"));
}

/* ---- reply ---- */

static bits_job_info *add_transferred(void)
{
        bits_job_info *job = fake_add_job("d00d0000", "j");

        job->type = BG_JOB_TYPE_UPLOAD_REPLY;
        job->state = BG_JOB_STATE_TRANSFERRED;
        return job;
}

static void a_reply_is_saved_and_replaces_nothing_unasked(void **state)
{
        _cleanup_free_ char *saved = NULL;

        (void) add_transferred();
        fake_set_reply("new", 3);
        write_file("answer", "old and longer");
        expect("reply j -o answer", STATUS_FAILED, "",
               "cannot save to @/answer: the file exists\n"
               "  replace it: --force\n");
        expect("reply j -o answer --force", STATUS_OK, "", NULL);
        assert_int_equal(fd_read_file("answer", TEXT_BYTES_MAX, &saved), 0);
        assert_string_equal(saved, "new");
        expect("reply j -v -o other", STATUS_OK, NULL, NULL);
        assert_int_equal(access("other", R_OK), 0);
}

static void a_long_reply_of_a_completed_job_comes_out_of_its_file(void **state)
{
        bits_job_info *job = add_transferred();
        struct stat st;

        fake_set_reply("", FAKE_REPLY_BYTES_MAX + 1);
        job->state = BG_JOB_STATE_ACKNOWLEDGED;
        fake_set_text(&job->reply_name, "report.cbor"); /* any file does */
        expect("reply d00d0000-7c1d-4f0e-9f5a-2f1b3a7d9c10", STATUS_OK, "a report", NULL);
        expect("reply d00d0000-7c1d-4f0e-9f5a-2f1b3a7d9c10 -o copy", STATUS_OK, "", NULL);
        assert_int_equal(stat("copy", &st), 0);
        assert_int_equal(st.st_size, 8);
        assert_int_equal(unlink("report.cbor"), 0);
        expect("reply d00d0000-7c1d-4f0e-9f5a-2f1b3a7d9c10 -o copy2", STATUS_FAILED, "",
               "cannot read the reply in report.cbor: No such file or directory\n");
        assert_int_equal(access("copy2", F_OK), -1); /* nothing half is left */
}

static void a_cancelled_job_has_no_reply(void **state)
{
        add_transferred()->state = BG_JOB_STATE_CANCELLED;
        expect("reply d00d0000-7c1d-4f0e-9f5a-2f1b3a7d9c10", STATUS_FAILED, "",
               "cannot read the reply of d00d0000 \"j\": the job was cancelled\n");
}

static void only_text_is_good_for_a_terminal(void **state)
{
        static const struct {
                const char *data;
                size_t bytes;
                bool is_text;
        } cases[] = {
                {"", 0, true},
                {"a\tb\r\n", 5, true},
                {"gr\303\274n", 5, true},
                {"\0", 1, false},
                {"a\0b", 3, false},
                {"\033[31m", 5, false},
                {"\a", 1, false},
                {"\377", 1, false},
                {"\302\233"
                 "31m",
                 5, false},                 /* an escape sequence in one character */
                {"\342\200\256", 3, false}, /* turns what follows around */
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_int_equal(reply_is_text((const uint8_t *) cases[i].data, cases[i].bytes),
                                 cases[i].is_text);
}

#define TEST_OF(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST_OF(put_makes_an_upload_that_completes_itself),
                TEST_OF(the_reply_is_named_before_the_file_comes),
                TEST_OF(the_job_is_named_after_the_file),
                TEST_OF(it_tells_what_was_sent_and_where_the_reply_is),
                TEST_OF(json_tells_of_the_reply_too),
                TEST_OF(a_fatal_error_says_what_to_do),
                TEST_OF(ctrl_c_pauses_and_says_how_to_go_on),
                TEST_OF(a_job_that_cannot_be_prepared_is_dropped),
                TEST_OF(a_printed_reply_is_all_of_standard_output),
                TEST_OF(a_long_printed_reply_comes_out_of_its_file),
                TEST_OF(a_printed_reply_may_be_empty),
                TEST_OF(what_stops_a_printed_reply_names_the_way_to_it),
                TEST_OF(cancelling_takes_the_place_of_a_printed_reply_along),
                TEST_OF(cancelling_takes_no_other_directory),
                TEST_OF(a_reply_that_cannot_be_read_is_kept),
                TEST_OF(the_place_for_a_printed_reply_goes_with_a_job_that_never_was),
                TEST_OF(a_reply_somebody_else_completed_is_printed_all_the_same),
                TEST_OF(a_reply_is_saved_and_replaces_nothing_unasked),
                TEST_OF(a_long_reply_of_a_completed_job_comes_out_of_its_file),
                TEST_OF(a_cancelled_job_has_no_reply),
                TEST_OF(only_text_is_good_for_a_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
