/* SPDX-License-Identifier: Apache-2.0 */
/* Whole command lines against the fake service, compared with the files in expected/. Each holds
 * lines "$ ARGUMENTS", what that prints (stderr marked with "! ") and "[STATUS]"; "% SCENE" sets
 * the queue up. With WRITE_EXPECTED=1 the files are written anew, to be reviewed as a change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "fake_bits.h"
#include "run_cli.h"

enum {
        FILE_BYTES_MAX = 1 << 20,
};

#define GIB ((uint64_t) 1 << 30)

static void set_bytes(bits_job_info *job, uint64_t bytes, uint64_t total, uint64_t rate)
{
        job->bytes_transferred = bytes;
        job->bytes_total = total;
        job->rate_bps = rate;
}

static void set_error(bits_job_info *job, HRESULT hr, int http, const char *text)
{
        job->error_code = hr;
        job->error_http_status = http;
        job->error_context = BG_ERROR_CONTEXT_REMOTE_FILE;
        job->error_file = 0;
        job->error_count++;
        fake_set_text(&job->error_text, text);
}

/* One job of each kind that a table can show. */
static void scene_queue(void)
{
        bits_job_info *job = fake_add_job("3f2a91c4", "debian-12.iso");

        job->state = BG_JOB_STATE_TRANSFERRING;
        job->priority = BG_JOB_PRIORITY_FOREGROUND;
        set_bytes(job, GIB * 2, GIB * 37 / 10, 43200000);
        fake_add_file(job, "https://dl.example/debian-12.iso", "/home/ann/iso/debian-12.iso",
                      GIB * 2, GIB * 37 / 10, false);

        job = fake_add_job("5d0b6e52", "maps.tar");
        job->state = BG_JOB_STATE_QUEUED;
        job->priority = BG_JOB_PRIORITY_LOW;
        job->why = BITS_WHY_QUEUED_BEHIND;
        fake_set_text(&job->behind, "debian-12.iso");
        set_bytes(job, 3 * GIB, 88 * GIB, 0);
        fake_add_file(job, "https://dl.example/maps.tar", "/home/ann/maps.tar", 3 * GIB, 88 * GIB,
                      false);

        job = fake_add_job("8be01d77", "report.cbor");
        job->state = BG_JOB_STATE_TRANSIENT_ERROR;
        job->why = BITS_WHY_RETRY_AT;
        job->retry_time =
                filetime_from_wall_usec(clock_wall_usec(&CLOCK_SYSTEM) + 252 * USEC_PER_SEC);
        set_bytes(job, 1000, BG_SIZE_UNKNOWN, 0);
        set_error(job, BG_E_HTTP_ERROR_503, 503, "the server answered 503 Service Unavailable");
        fake_add_file(job, "https://intake.example/report", "/home/ann/report.cbor", 1000,
                      BG_SIZE_UNKNOWN, false);

        job = fake_add_job("c1170f0e", "backup-2211");
        job->state = BG_JOB_STATE_TRANSFERRED;
        job->why = BITS_WHY_NEEDS_COMPLETE;
        set_bytes(job, 2 * GIB, 2 * GIB, 0);
        job->files_transferred = 2;
        job->transfer_completion_time = 134391343600000000;
        fake_add_file(job, "https://b.example/1", "/srv/1", GIB, GIB, false);
        fake_add_file(job, "https://b.example/2", "/srv/2", GIB, GIB, false);

        job = fake_add_job("c1188888", "gone.zip");
        job->state = BG_JOB_STATE_ERROR;
        job->why = BITS_WHY_ERROR;
        set_bytes(job, 0, BG_SIZE_UNKNOWN, 0);
        set_error(job, BG_E_HTTP_ERROR_404, 404, "the server answered 404 Not Found");
        fake_add_file(job, "https://dl.example/gone.zip", "/home/ann/gone.zip", 0, BG_SIZE_UNKNOWN,
                      false);

        job = fake_add_job("cafe0000", "grün 日本 \033[31m\n");
        job->why = BITS_WHY_EMPTY;
        fake_set_text(&job->description, "a description");
        job->proxy_usage = BG_JOB_PROXY_USAGE_OVERRIDE;
        fake_set_text(&job->proxy_list, "http://gw:3128");
        fake_set_text(&job->proxy_bypass_list, "*.corp");
        job->files_in_flight = 1;
        job->auto_complete = 1;
}

static void scene_empty(void)
{
}

/* Ids that look alike, names that look like ids. */
static void scene_alike(void)
{
        (void) fake_add_job("abcd1111", "one");
        (void) fake_add_job("abcd1112", "two");
        (void) fake_add_job("99999999", "abcd");
        (void) fake_add_job("77777777", "twin");
        (void) fake_add_job("66666666", "twin");
}

static void scene_no_service(void)
{
        fake_fail("connect", HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE),
                  "/run/user/1000/bitsd/socket: Connection refused");
}

static void scene_denied(void)
{
        scene_queue();
        fake_fail("suspend", E_ACCESSDENIED, "cannot suspend 5d0b6e52 \"maps.tar\": it is bob's");
}

static void scene_partial(void)
{
        scene_queue();
        fake_fail("complete", BG_S_PARTIAL_COMPLETE, "");
}

/* Uploads in every phase. */
static void scene_uploads(void)
{
        bits_job_info *job = fake_add_job("8be01d77", "report.cbor");

        job->type = BG_JOB_TYPE_UPLOAD_REPLY;
        job->state = BG_JOB_STATE_TRANSFERRING;
        set_bytes(job, 19293798, 19293798, 0);
        job->files_transferred = 1;
        job->reply_bytes_total = 1234;
        job->reply_bytes_transferred = 617;
        fake_set_text(&job->reply_name, "/home/ann/answer.json");
        fake_add_file(job, "https://intake.example/up/report", "/home/ann/report.cbor", 19293798,
                      19293798, true);

        job = fake_add_job("c1170f0e", "backup-2211");
        job->type = BG_JOB_TYPE_UPLOAD;
        job->state = BG_JOB_STATE_TRANSFERRING;
        set_bytes(job, GIB, 2 * GIB, 43200000);
        fake_add_file(job, "https://b.example/1", "/srv/1", GIB, 2 * GIB, false);

        job = fake_add_job("d00d0000", "asked");
        job->type = BG_JOB_TYPE_UPLOAD_REPLY;
        job->state = BG_JOB_STATE_TRANSFERRED;
        job->why = BITS_WHY_NEEDS_COMPLETE;
        set_bytes(job, 10, 10, 0);
        job->files_transferred = 1;
        job->reply_bytes_total = job->reply_bytes_transferred = 21;
        job->reply_optional = 1;
        job->transfer_completion_time = 134391343600000000;
        fake_set_text(&job->reply_name, "/tmp/q.reply-0a1b2c3d");
        fake_add_file(job, "https://ask.example/q", "/tmp/q", 10, 10, true);
        fake_set_reply("{\"accepted\":true}\n\303\274\n", 21);

        job = fake_add_job("e0e00000", "new");
        job->type = BG_JOB_TYPE_UPLOAD_REPLY;
        job->why = BITS_WHY_EMPTY;
        job->reply_bytes_total = BG_SIZE_UNKNOWN;
        (void) fake_add_job("f00f0000", "download");
}

static void scene_nothing_in_it(void)
{
        scene_uploads();
        fake_fail("resume", BG_E_EMPTY,
                  "cannot resume e0e00000 \"new\": it has nothing to transfer; add a file first");
}

static void scene_still_suspended(void)
{
        scene_uploads();
        fake_fail("complete", BG_E_INVALID_STATE,
                  "cannot complete e0e00000 \"new\": it is suspended");
}

static void scene_sentence_behind_a_path(void)
{
        scene_uploads();
        fake_fail("add_files", E_INVALIDARG, "/etc/passwd: A sentence of the library");
}

static void scene_nothing_kept(void)
{
        scene_uploads();
        fake_fail("complete", BG_S_PARTIAL_COMPLETE, "");
}

/* The same with a reply that no terminal should see. */
static void scene_binary_reply(void)
{
        scene_uploads();
        fake_set_reply("\033]0;owned\007\0\377"
                       "0123456789",
                       22);
}

static void scene_empty_reply(void)
{
        scene_uploads();
        fake_set_reply("", 0);
}

static void scene_large_reply(void)
{
        scene_uploads();
        fake_set_reply("", 3 << 20);
}

static void scene_cred_denied(void)
{
        scene_queue();
        fake_fail("set_credentials", E_ACCESSDENIED,
                  "cannot set credentials of 5d0b6e52 \"maps.tar\": only its owner may");
}

static void scene_notify_blocked(void)
{
        scene_queue();
        fake_fail("set_notify_cmd_line", BG_E_BLOCKED_BY_POLICY,
                  "cannot set program of 5d0b6e52 \"maps.tar\": the administrator allows none");
}

static void add_program(const char *id8, const char *name, int32_t result, uint64_t time)
{
        bits_job_info *job = fake_add_job(id8, name);

        fake_set_text(&job->notify_program, "/usr/local/bin/done");
        fake_set_text(&job->notify_parameters, "/usr/local/bin/done --mail ann");
        job->program_result = result;
        job->program_time = time;
        job->program_runs = 2;
}

/* Programs in every state. */
static void scene_programs(void)
{
        add_program("11110000", "ran", 3, 134391343600000000);
        add_program("22220000", "killed", 137, 134391343600000000);
        add_program("33330000", "lost", -1, 134391343600000000);
        add_program("44440000", "running", 0, 0);
        fake_job("ran")->has_credentials = 1;
        (void) fake_add_job("55550000", "none");
}

static void scene_login(HRESULT hr, const char *text)
{
        bits_job_info *job = fake_add_job("c1188888", "secret.zip");

        job->state = BG_JOB_STATE_ERROR;
        job->why = BITS_WHY_NEEDS_CREDENTIALS;
        set_bytes(job, 0, BG_SIZE_UNKNOWN, 0);
        set_error(job, hr, hr == BG_E_HTTP_ERROR_401 ? 401 : 407, text);
        fake_add_file(job, "https://dl.example/secret.zip", "/home/ann/secret.zip", 0,
                      BG_SIZE_UNKNOWN, false);
}

static void scene_server_login(void)
{
        scene_login(BG_E_HTTP_ERROR_401, "the server wants a login (401 Unauthorized)");
}

static void scene_proxy_login(void)
{
        scene_login(BG_E_HTTP_ERROR_407, "the proxy wants a login (407)");
}

static void scene_job_limit(void)
{
        fake_fail("job_create", BG_E_TOO_MANY_JOBS_PER_USER, "");
}

static bits_job_info *held(const char *id, const char *name, BG_JOB_STATE state, bits_why why)
{
        bits_job_info *job = fake_add_job(id, name);

        job->state = state;
        job->why = why;
        set_bytes(job, GIB, 2 * GIB, state == BG_JOB_STATE_TRANSFERRING ? 1 << 20 : 0);
        return job;
}

/* Everything that holds jobs back, and two lines. */
static void scene_held_back(void)
{
        const bits_line lines[] = {
                {.interface_name = "lo"},
                {.interface_name = "eth0",
                 .capacity_bps = {2500000, 0},
                 .own_bps = {1 << 20, 4096},
                 .foreground_bps = {0, 8192},
                 .foreign_bps = {1200000, 0},
                 .governor = {BITS_GOVERNOR_SHARE, BITS_GOVERNOR_IDLE},
                 .connections = 4,
                 .yielding = 3,
                 .base_usec = 20300,
                 .queue_usec = 4100},
        };
        bits_job_info *job;

        fake_set_lines(lines, 2);
        fake_set_conditions(true, true, 250000, 133772376000000000);
        (void) held("a0000001", "waits", BG_JOB_STATE_TRANSIENT_ERROR, BITS_WHY_SCHEDULE);
        job = held("a0000002", "for-the-evening", BG_JOB_STATE_TRANSIENT_ERROR, BITS_WHY_SCHEDULE);
        job->retry_time =
                filetime_from_wall_usec(clock_wall_usec(&CLOCK_SYSTEM) + 252 * USEC_PER_SEC);
        set_error(job, BG_E_BLOCKED_BY_POLICY, 0, "");
        job = held("a0000003", "costs", BG_JOB_STATE_TRANSIENT_ERROR, BITS_WHY_METERED);
        set_error(job, BG_E_BLOCKED_BY_COST_TRANSFER_POLICY, 0, "");
        (void) held("a0000004", "drains", BG_JOB_STATE_TRANSIENT_ERROR, BITS_WHY_BATTERY);
        (void) held("a0000005", "yields", BG_JOB_STATE_TRANSFERRING, BITS_WHY_LINK_BUSY);
        job = held("a0000006", "limited", BG_JOB_STATE_TRANSFERRING, BITS_WHY_LIMIT_RATE);
        job->limit_bps = 2 << 20;
        (void) held("a0000008", "unsaved", BG_JOB_STATE_TRANSFERRING, BITS_WHY_CANNOT_SAVE);
        (void) held("a0000007", "scheduled", BG_JOB_STATE_TRANSFERRING, BITS_WHY_LIMIT_RATE);
}

static void set_scene(const char *name)
{
        static const struct {
                const char *name;
                void (*set)(void);
        } scenes[] = {
                {"queue", scene_queue},
                {"empty", scene_empty},
                {"alike", scene_alike},
                {"no-service", scene_no_service},
                {"denied", scene_denied},
                {"partial", scene_partial},
                {"job-limit", scene_job_limit},
                {"cred-denied", scene_cred_denied},
                {"notify-blocked", scene_notify_blocked},
                {"programs", scene_programs},
                {"server-login", scene_server_login},
                {"proxy-login", scene_proxy_login},
                {"uploads", scene_uploads},
                {"binary-reply", scene_binary_reply},
                {"empty-reply", scene_empty_reply},
                {"large-reply", scene_large_reply},
                {"held-back", scene_held_back},
                {"nothing-in-it", scene_nothing_in_it},
                {"nothing-kept", scene_nothing_kept},
                {"still-suspended", scene_still_suspended},
                {"sentence-behind-a-path", scene_sentence_behind_a_path},
        };

        fake_reset();
        for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
                if (str_equal(scenes[i].name, name)) {
                        scenes[i].set();
                        return;
                }
        fail_msg("no scene %s", name);
}

/* Times of day that depend on now become zeros. */
static void hide_times(char *text)
{
        static const char *const before[] = {"retry_at\":\"", "next at ", "{\"v\":1,\"at\":\""};

        /* `top` begins with the time of day. */
        if (strlen(text) > 8 && text[2] == ':' && text[5] == ':')
                memcpy(text, "00:00:00", 8);

        for (size_t i = 0; i < ARRAY_LEN(before); i++)
                for (char *p = strstr(text, before[i]); p; p = strstr(p, before[i])) {
                        p += strlen(before[i]);
                        for (; *p && !strchr("\",", *p); p++)
                                if (*p >= '0' && *p <= '9')
                                        *p = '0';
                }
}

static void append_output(Buf *to, char *text, const char *mark)
{
        for (char *line = strsep(&text, "\n"); line; line = strsep(&text, "\n"))
                if (text || *line) /* what stands behind the last line end is nothing */
                        (void) buf_printf(to, "%s%s\n", mark, line);
}

/* Does what the file says and writes the file that it should have been. */
static char *perform(char *script)
{
        Buf actual;

        buf_init(&actual, FILE_BYTES_MAX);
        for (char *line = strsep(&script, "\n"); line; line = strsep(&script, "\n")) {
                Ran ran;

                if (*line == '#' || *line == '%')
                        (void) buf_printf(&actual, "%s\n", line);
                if (*line == '%')
                        set_scene(line + 2);
                if (*line != '$')
                        continue;
                (void) buf_printf(&actual, "%s\n", line);
                ran = run_cli(line + 1);
                hide_times(ran.data);
                append_output(&actual, ran.data, "  ");
                append_output(&actual, ran.talk, "! ");
                (void) buf_printf(&actual, "[%d]\n", ran.status);
                ran_done(&ran);
        }
        return buf_take_str(&actual);
}

/* Fails at the first line that differs. */
static void compare(const char *path, char *actual, char *expected)
{
        for (size_t number = 1; actual || expected; number++) {
                const char *is = strsep(&actual, "\n"), *want = strsep(&expected, "\n");

                if (!str_equal(is, want))
                        fail_msg("%s:%zu is now \"%s\", not \"%s\"", path, number, is ? is : "",
                                 want ? want : "");
        }
}

static void output_is_as_expected(void **state)
{
        const char *path = *state;
        _cleanup_free_ char *expected = NULL, *script = NULL, *actual = NULL;

        assert_int_equal(fd_read_file(path, FILE_BYTES_MAX, &expected), 0);
        script = mem_strdup(expected);
        actual = perform(script);
        if (getenv("WRITE_EXPECTED")) {
                FILE *f = fopen(path, "w");

                assert_non_null(f);
                (void) fputs(actual, f);
                assert_int_equal(fclose(f), 0);
                return;
        }
        compare(path, actual, expected);
}

int main(int argc, char **argv)
{
        struct CMUnitTest tests[16];
        size_t n = 0;

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        (void) setenv("TZ", "UTC", 1);
        (void) unsetenv("BITSD_AUTOSTART");
        for (int i = 1; i < argc && n < ARRAY_LEN(tests); i++)
                tests[n++] = (struct CMUnitTest){
                        .name = basename(argv[i]),
                        .test_func = output_is_as_expected,
                        .initial_state = argv[i],
                };
        return _cmocka_run_group_tests("output", tests, n, NULL, NULL);
}
