/* SPDX-License-Identifier: Apache-2.0 */
/* get, wait and resume --wait against scripted events. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/message.h"
#include "fake_bits.h"
#include "run_cli.h"

/* A directory of our own: others may have files in theirs that are called as ours. */
static char place[] = "/tmp/bitsctl-follow-XXXXXX";

static int make_place(void **state)
{
        return mkdtemp(place) && chdir(place) == 0 ? 0 : -1;
}

static int remove_place(void **state)
{
        return chdir("/") < 0 ? -1 : rmdir(place); /* nothing was saved there */
}

static int set_up(void **state)
{
        fake_reset();
        return 0;
}

static void expect(const char *line, int status, const char *data, const char *talk)
{
        Ran ran = run_cli(line);

        assert_int_equal(ran.status, status);
        if (data)
                assert_string_equal(ran.data, data);
        if (talk)
                assert_non_null(strstr(ran.talk, talk));
        else
                assert_string_equal(ran.talk, "");
        ran_done(&ran);
}

/* ---- steps: what happens to job "j" or, for get, to the only job ---- */

static bits_job_info *the_job(void)
{
        bits_job_info *job = fake_job("j");

        assert_non_null(job);
        return job;
}

static bits_event_kind moves(bits_job_info **ret_job)
{
        *ret_job = the_job();
        (*ret_job)->state = BG_JOB_STATE_TRANSFERRING;
        (*ret_job)->bytes_transferred += 500;
        (*ret_job)->bytes_total = 1000;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind stumbles(bits_job_info **ret_job)
{
        *ret_job = the_job();
        (*ret_job)->state = BG_JOB_STATE_TRANSIENT_ERROR;
        (*ret_job)->why = BITS_WHY_RETRY_AT;
        (*ret_job)->error_code = BG_E_HTTP_ERROR_503;
        (*ret_job)->error_http_status = 503;
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

static bits_event_kind arrives(bits_job_info **ret_job)
{
        *ret_job = the_job();
        (*ret_job)->state = BG_JOB_STATE_TRANSFERRED;
        (*ret_job)->bytes_transferred = (*ret_job)->bytes_total = 1000;
        return BITS_EVENT_CHANGED;
}

/* As the service shows it in the moment before it completes the job. */
static bits_event_kind arrives_and_says_so(bits_job_info **ret_job)
{
        (void) arrives(ret_job);
        (*ret_job)->why = BITS_WHY_NEEDS_COMPLETE;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind ends(bits_job_info **ret_job)
{
        (void) arrives(ret_job);
        (*ret_job)->state = BG_JOB_STATE_ACKNOWLEDGED;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind ends_in_part(bits_job_info **ret_job)
{
        (void) ends(ret_job);
        (*ret_job)->end_result = BG_S_PARTIAL_COMPLETE;
        (*ret_job)->files_total = 2;
        (*ret_job)->files_transferred = 1;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind is_cancelled(bits_job_info **ret_job)
{
        *ret_job = the_job();
        (*ret_job)->state = BG_JOB_STATE_CANCELLED;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind service_goes(bits_job_info **ret_job)
{
        return BITS_EVENT_LOST;
}

/* While nobody listened the job ended. */
static bits_event_kind service_returns_with_all_done(bits_job_info **ret_job)
{
        bits_job_info *job;

        (void) ends(&job);
        return BITS_EVENT_RECONNECTED;
}

static bits_event_kind other_job_fails(bits_job_info **ret_job)
{
        *ret_job = fake_job("other");
        (*ret_job)->state = BG_JOB_STATE_ERROR;
        (*ret_job)->error_code = BG_E_HTTP_ERROR_404;
        return BITS_EVENT_CHANGED;
}

static bits_event_kind presses_ctrl_c(bits_job_info **ret_job)
{
        (void) moves(ret_job);
        (void) kill(getpid(), SIGINT);
        return BITS_EVENT_CHANGED;
}

/* ---- get ---- */

static void get_makes_one_job_that_completes_itself(void **state)
{
        fake_add_step(moves);
        fake_add_step(ends);
        expect("get --name j http://h/a http://h/b", STATUS_OK, "", NULL);
        assert_string_equal(fake_calls(), "create a0000001 j\n"
                                          "add_files a0000001 2\n"
                                          "set_auto_complete a0000001 1\n"
                                          "set_name a0000001 j\n"
                                          "resume a0000001\n");
}

static void get_waits_until_the_files_have_their_names(void **state)
{
        fake_add_step(arrives_and_says_so);
        fake_add_step(ends);
        expect("get -v --name j http://h/a", STATUS_OK, NULL, NULL);
        assert_int_equal(fake_steps_left(), 0);
}

static void expect_in_data(const char *line, const char *part)
{
        Ran ran;

        fake_reset();
        fake_add_step(moves);
        fake_add_step(ends);
        ran = run_cli(line);
        assert_int_equal(ran.status, STATUS_OK);
        assert_non_null(strstr(ran.data, part));
        ran_done(&ran);
}

static void get_tells_where_the_files_are(void **state)
{
        _cleanup_free_ char *one = mem_printf("\nsaved %s/a  1000 B in ", place);
        _cleanup_free_ char *two = mem_printf(
                "\nsaved %s/a\nsaved %s/b\nsaved 2 files in %s  1000 B in ", place, place, place);

        expect_in_data("get -v --name j http://h/a", one);
        expect_in_data("get -v --name j http://h/a http://h/b", two);
        expect_in_data("get -v --name j http://h/a http://h/b=/etc/b-of-test",
                       "\nsaved 2 files  1000 B in ");
        expect_in_data("get -v --name j http://h/a=/a-of-test http://h/b=/b-of-test",
                       "\nsaved 2 files in /  1000 B in ");
}

static void get_goes_on_through_passing_errors(void **state)
{
        fake_add_step(stumbles);
        fake_add_step(moves);
        fake_add_step(ends);
        expect("get --name j http://h/a", STATUS_OK, "", NULL);
}

static void get_tells_a_fatal_error_in_three_lines(void **state)
{
        fake_add_step(fails);
        expect("get --name j http://h/a", STATUS_JOB_ERROR, "",
               "bitsctl: cannot get a0000001 \"j\": server answered 404 Not Found\n"
               "  0x80190194 BG_E_HTTP_ERROR_404, the remote file http://h/a\n"
               "  check the address. Then: bitsctl resume --wait a000; or throw it away: "
               "bitsctl cancel a000\n");
        assert_int_equal(fake_job_count(), 1); /* the job stays for the next try */
        assert_int_equal(fake_job("j")->state, BG_JOB_STATE_ERROR);
}

static void get_stops_waiting_when_the_time_is_over(void **state)
{
        fake_add_step(stumbles);
        expect("get --wait=0 --name j http://h/a", STATUS_STILL_WAITS, "",
               "bitsctl: stopped waiting for a0000001 \"j\": not done after 0s, HTTP 503");
        assert_int_equal(fake_job("j")->state, BG_JOB_STATE_TRANSIENT_ERROR); /* it goes on */
}

static void get_survives_the_service(void **state)
{
        fake_add_step(moves);
        fake_add_step(service_goes);
        fake_add_step(service_returns_with_all_done);
        expect("get --name j http://h/a", STATUS_OK, "", NULL);
}

static void get_notices_that_somebody_cancelled(void **state)
{
        fake_add_step(is_cancelled);
        expect("get --name j http://h/a", STATUS_FAILED, "", "somebody cancelled the job");
}

static void get_drops_a_job_that_could_not_be_prepared(void **state)
{
        fake_fail("add_files", E_INVALIDARG, "that is no address");
        expect("get --name j ftp://h/a", STATUS_FAILED, "", "that is no address");
        assert_int_equal(fake_job("j")->state, BG_JOB_STATE_CANCELLED);
        fake_reset();
        fake_fail("set_priority", E_FAIL, "no");
        expect("get --name j --priority low http://h/a", STATUS_FAILED, "", "cannot set priority");
        assert_int_equal(fake_job("j")->state, BG_JOB_STATE_CANCELLED);
        fake_reset();
        fake_fail("resume", E_FAIL, "no");
        expect("get --name j http://h/a", STATUS_FAILED, "", "cannot start");
        assert_int_equal(fake_job("j")->state, BG_JOB_STATE_CANCELLED);
}

static void get_detached_prints_the_id_and_leaves(void **state)
{
        expect("get --detach --name j http://h/a", STATUS_OK,
               "a0000001-7c1d-4f0e-9f5a-2f1b3a7d9c10\n", NULL);
        assert_int_equal(fake_job("j")->state, BG_JOB_STATE_QUEUED);
        assert_true(fake_job("j")->auto_complete);
}

static void get_names_the_job_after_its_files(void **state)
{
        expect("get --detach http://h/a.iso", STATUS_OK, NULL, NULL);
        assert_non_null(fake_job("a.iso"));
        expect("get --detach http://h/b.iso http://h/c http://h/d", STATUS_OK, NULL, NULL);
        assert_non_null(fake_job("b.iso and 2 more"));
}

static void ctrl_c_pauses_and_says_how_to_go_on(void **state)
{
        fake_add_step(presses_ctrl_c);
        expect("get --name j http://h/a", STATUS_INTERRUPTED, "",
               "paused a0000001 at 50% (500 of 1000 B kept)\n"
               "  go on:      bitsctl resume --wait a000\n"
               "  throw away: bitsctl cancel a000\n");
        assert_int_equal(fake_job("j")->state, BG_JOB_STATE_SUSPENDED);
}

static void json_is_one_object_a_line(void **state)
{
        _cleanup_free_ char *saved = mem_printf(
                "\"files\":[{\"local\":\"%s/a\",\"bytes\":0,\"sha256\":null}]}\n", place);
        const char *const parts[] = {
                "{\"v\":1,\"event\":\"created\",\"job\":\"a0000001-7c1d-4f0e-9f5a-2f1b3a7d9c10\",",
                "\"event\":\"state\"",
                "\"event\":\"progress\"",
                "\"bytes\":500,\"bytes_total\":1000,",
                "\"event\":\"completed\"",
                saved,
        };
        const char *p;
        Ran ran;

        fake_add_step(moves);
        fake_add_step(ends);
        ran = run_cli("get -j --name j http://h/a");
        assert_int_equal(ran.status, STATUS_OK);
        assert_string_equal(ran.talk, "");
        p = ran.data;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                p = strstr(p, parts[i]);
                assert_non_null(p);
        }
        for (p = ran.data; *p; p = strchr(p, '\n') + 1)
                assert_int_equal(strncmp(p, "{\"v\":1,\"event\":", 15), 0);
        ran_done(&ran);
}

static void json_errors_are_an_object_on_stderr(void **state)
{
        fake_add_step(fails);
        expect("get -j --name j http://h/a", STATUS_JOB_ERROR, NULL,
               "{\"v\":1,\"error\":\"cannot get a0000001 \\\"j\\\": server answered 404 Not "
               "Found\",\"code\":\"0x80190194\",\"symbol\":\"BG_E_HTTP_ERROR_404\",\"context\":"
               "\"BG_ERROR_CONTEXT_REMOTE_FILE\",\"job\":\"a0000001-7c1d-4f0e-9f5a-2f1b3a7d9c10\","
               "\"file\":\"http://h/a\",\"hint\":\"");
}

/* ---- wait, resume --wait ---- */

static void wait_ends_with_transferred(void **state)
{
        (void) fake_add_job("3f2a91c4", "j");
        fake_add_step(moves);
        fake_add_step(arrives);
        expect("wait j", STATUS_OK, "", NULL);
        assert_string_equal(fake_calls(), ""); /* looking on changes nothing */
}

static void wait_goes_on_for_jobs_that_complete_themselves(void **state)
{
        fake_add_job("3f2a91c4", "j")->auto_complete = 1;
        fake_add_step(arrives);
        fake_add_step(ends);
        expect("wait j", STATUS_OK, "", NULL);
        assert_int_equal(fake_steps_left(), 0);
}

static void wait_has_nothing_to_wait_for_when_all_is_done(void **state)
{
        fake_add_job("3f2a91c4", "j")->state = BG_JOB_STATE_TRANSFERRED;
        expect("wait j", STATUS_OK, "", NULL);
        the_job()->state = BG_JOB_STATE_ACKNOWLEDGED;
        expect("wait 3f2a91c4-7c1d-4f0e-9f5a-2f1b3a7d9c10", STATUS_OK, "", NULL);
        expect("wait j", STATUS_NO_JOB, "", "no job \"j\"");
}

static void wait_knows_partial_ends(void **state)
{
        (void) fake_add_job("3f2a91c4", "j");
        fake_add_step(ends_in_part);
        expect("wait j", STATUS_PARTIAL, "",
               "completed only a part of 3f2a91c4 \"j\": 1 of 2 files kept, the others "
               "dropped\n");
}

static void wait_says_that_a_job_is_paused(void **state)
{
        (void) fake_add_job("3f2a91c4", "j");
        expect("wait --wait=0 j", STATUS_STILL_WAITS, "",
               "  it is paused; go on: bitsctl resume --wait 3f2a\n");
}

static void wait_takes_the_worst_of_several_jobs(void **state)
{
        (void) fake_add_job("3f2a91c4", "j");
        (void) fake_add_job("5d0b6e52", "other");
        fake_add_step(other_job_fails);
        fake_add_step(ends);
        expect("wait j other", STATUS_JOB_ERROR, "", "cannot wait for 5d0b6e52 \"other\"");
}

static void wait_loses_patience_per_line_of_jobs(void **state)
{
        (void) fake_add_job("3f2a91c4", "j");
        fake_add_job("5d0b6e52", "other")->state = BG_JOB_STATE_TRANSFERRING;
        expect("wait --wait=0 j other", STATUS_STILL_WAITS, "",
               "bitsctl: stopped waiting for 5d0b6e52 \"other\": not done after 0s\n"
               "  it goes on in the background; wait on: bitsctl wait 5d0b\n");
}

static void resume_and_wait_resumes_every_job_it_can(void **state)
{
        (void) fake_add_job("3f2a91c4", "j");
        (void) fake_add_job("5d0b6e52", "other");
        fake_fail("resume", BG_E_EMPTY, "");
        fake_add_step(other_job_fails);
        expect("resume --wait j other", STATUS_JOB_ERROR, "",
               "cannot resume 3f2a91c4 \"j\": the job has nothing to transfer\n");
        assert_string_equal(fake_calls(), "resume 3f2a91c4\nresume 5d0b6e52\n");
}

static void more_jobs_than_connections_are_followed_all_the_same(void **state)
{
        char line[256] = "wait j";

        (void) fake_add_job("3f2a91c4", "j");
        for (int i = 0; i < 12; i++) {
                char id[16], name[16];

                (void) snprintf(id, sizeof(id), "%08d", i);
                (void) snprintf(name, sizeof(name), "job-%d", i);
                fake_add_job(id, name)->state = BG_JOB_STATE_TRANSFERRED;
                (void) strcat(strcat(line, " "), name);
        }
        fake_add_step(moves);
        fake_add_step(arrives);
        expect(line, STATUS_OK, "", NULL);
}

#define TEST_OF(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST_OF(get_makes_one_job_that_completes_itself),
                TEST_OF(get_waits_until_the_files_have_their_names),
                TEST_OF(get_tells_where_the_files_are),
                TEST_OF(get_goes_on_through_passing_errors),
                TEST_OF(get_tells_a_fatal_error_in_three_lines),
                TEST_OF(get_stops_waiting_when_the_time_is_over),
                TEST_OF(get_survives_the_service),
                TEST_OF(get_notices_that_somebody_cancelled),
                TEST_OF(get_drops_a_job_that_could_not_be_prepared),
                TEST_OF(get_detached_prints_the_id_and_leaves),
                TEST_OF(get_names_the_job_after_its_files),
                TEST_OF(ctrl_c_pauses_and_says_how_to_go_on),
                TEST_OF(json_is_one_object_a_line),
                TEST_OF(json_errors_are_an_object_on_stderr),
                TEST_OF(wait_ends_with_transferred),
                TEST_OF(wait_goes_on_for_jobs_that_complete_themselves),
                TEST_OF(wait_has_nothing_to_wait_for_when_all_is_done),
                TEST_OF(wait_knows_partial_ends),
                TEST_OF(wait_says_that_a_job_is_paused),
                TEST_OF(wait_takes_the_worst_of_several_jobs),
                TEST_OF(wait_loses_patience_per_line_of_jobs),
                TEST_OF(resume_and_wait_resumes_every_job_it_can),
                TEST_OF(more_jobs_than_connections_are_followed_all_the_same),
        };

        return cmocka_run_group_tests(tests, make_place, remove_place);
}
