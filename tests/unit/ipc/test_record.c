/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/guid.h"
#include "base/str.h"
#include "ipc/record.h"

#include "random.h"

#define MAX_BYTES ((size_t) 1024 * 1024)
#define ROUNDS 20000

static char *some(const char *s)
{
        return (char *) s;
}

static bits_job_info full_job(void)
{
        return (bits_job_info){
                .id = {0x00112233, 0x4455, 0x6677, {0x88, 1, 2, 3, 4, 5, 6, 7}},
                .type = BG_JOB_TYPE_UPLOAD_REPLY,
                .state = BG_JOB_STATE_TRANSIENT_ERROR,
                .priority = BG_JOB_PRIORITY_LOW,
                .owner_uid = 0xfffffffe,
                .name = some("n\303\244me"),
                .description = some(""),
                .bytes_total = BG_SIZE_UNKNOWN,
                .bytes_transferred = UINT64_C(0x123456789abcdef0),
                .files_total = 11,
                .files_transferred = 12,
                .creation_time = 13,
                .modification_time = 14,
                .transfer_completion_time = 15,
                .notify_flags = 16,
                .minimum_retry_delay = 17,
                .no_progress_timeout = 18,
                .error_count = 19,
                .proxy_usage = BG_JOB_PROXY_USAGE_OVERRIDE,
                .proxy_list = some("http://p:1"),
                .proxy_bypass_list = NULL,
                .files_in_flight = 20,
                .auto_complete = 1,
                .has_callback = 1,
                .rate_bps = 21,
                .why = BITS_WHY_RETRY_AT,
                .retry_time = 22,
                .behind = some("other"),
                .error_code = BG_E_EMPTY,
                .error_context = BG_ERROR_CONTEXT_REMOTE_FILE,
                .error_file = -1,
                .error_http_status = 503,
                .error_text = some("busy"),
                .end_result = BG_S_PARTIAL_COMPLETE,
                .reply_name = some("/r\303\251ponse"),
                .reply_bytes_total = BG_SIZE_UNKNOWN,
                .reply_bytes_transferred = UINT64_C(0x23456789abcdef01),
                .reply_optional = 1,
                .notify_program = some("/opt/\303\251nd"),
                .notify_parameters = some("\303\251nd \"a b\" "),
                .program_result = -1,
                .program_time = UINT64_C(0x3456789abcdef012),
                .program_runs = 0xfffffffd,
                .has_credentials = 1,
                .limit_bps = 0x123456789abcdef0,
        };
}

static void assert_text(const char *a, const char *b)
{
        assert_true(str_equal(a, b));
}

static void assert_same_job(const bits_job_info *a, const bits_job_info *b)
{
        bits_job_info x = *a, y = *b;

        assert_text(a->name, b->name);
        assert_text(a->description, b->description);
        assert_text(a->proxy_list, b->proxy_list);
        assert_text(a->proxy_bypass_list, b->proxy_bypass_list);
        assert_text(a->behind, b->behind);
        assert_text(a->error_text, b->error_text);
        assert_text(a->reply_name, b->reply_name);
        assert_text(a->notify_program, b->notify_program);
        assert_text(a->notify_parameters, b->notify_parameters);
        /* Everything else is plain, so nothing can be left out here. */
        x.name = x.description = x.proxy_list = x.proxy_bypass_list = x.behind = NULL;
        y.name = y.description = y.proxy_list = y.proxy_bypass_list = y.behind = NULL;
        x.error_text = y.error_text = x.reply_name = y.reply_name = NULL;
        x.notify_program = x.notify_parameters = y.notify_program = y.notify_parameters = NULL;
        assert_true(guid_equal(&x.id, &y.id));
        assert_int_equal(x.type, y.type);
        assert_int_equal(x.state, y.state);
        assert_int_equal(x.priority, y.priority);
        assert_int_equal(x.owner_uid, y.owner_uid);
        assert_int_equal(x.bytes_total, y.bytes_total);
        assert_int_equal(x.bytes_transferred, y.bytes_transferred);
        assert_int_equal(x.files_total, y.files_total);
        assert_int_equal(x.files_transferred, y.files_transferred);
        assert_int_equal(x.creation_time, y.creation_time);
        assert_int_equal(x.modification_time, y.modification_time);
        assert_int_equal(x.transfer_completion_time, y.transfer_completion_time);
        assert_int_equal(x.notify_flags, y.notify_flags);
        assert_int_equal(x.minimum_retry_delay, y.minimum_retry_delay);
        assert_int_equal(x.no_progress_timeout, y.no_progress_timeout);
        assert_int_equal(x.error_count, y.error_count);
        assert_int_equal(x.proxy_usage, y.proxy_usage);
        assert_int_equal(x.files_in_flight, y.files_in_flight);
        assert_int_equal(x.auto_complete, y.auto_complete);
        assert_int_equal(x.has_callback, y.has_callback);
        assert_int_equal(x.rate_bps, y.rate_bps);
        assert_int_equal(x.why, y.why);
        assert_int_equal(x.retry_time, y.retry_time);
        assert_int_equal(x.error_code, y.error_code);
        assert_int_equal(x.error_context, y.error_context);
        assert_int_equal(x.error_file, y.error_file);
        assert_int_equal(x.error_http_status, y.error_http_status);
        assert_int_equal(x.end_result, y.end_result);
        assert_int_equal(x.reply_bytes_total, y.reply_bytes_total);
        assert_int_equal(x.reply_bytes_transferred, y.reply_bytes_transferred);
        assert_int_equal(x.reply_optional, y.reply_optional);
        assert_int_equal(x.program_result, y.program_result);
        assert_int_equal(x.program_time, y.program_time);
        assert_int_equal(x.program_runs, y.program_runs);
        assert_int_equal(x.has_credentials, y.has_credentials);
        assert_true(x.limit_bps == y.limit_bps);
}

static PackReader reader_of(const Buf *b)
{
        PackReader r;

        assert_int_equal(buf_error(b), 0);
        pack_reader_init(&r, b->data, b->len);
        return r;
}

static void jobs_survive_the_way_in_their_order(void **state)
{
        bits_job_info first = full_job(), second = {.name = some(""),
                                                    .description = some("d"),
                                                    .error_text = some(""),
                                                    .error_file = 7};
        bits_job_info got = {0};
        _cleanup_(buf_done) Buf b;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        record_put_job(&b, &first);
        record_put_job(&b, &second);
        r = reader_of(&b);
        assert_int_equal(record_get_job(&r, &got), 0);
        assert_same_job(&got, &first);
        record_done_job(&got);
        assert_null(got.name);
        assert_int_equal(record_get_job(&r, &got), 0);
        assert_same_job(&got, &second);
        record_done_job(&got);
        assert_true(unpack_at_end(&r));
}

static void texts_that_are_never_null_arrive_as_empty_ones(void **state)
{
        bits_job_info info = {0}, got = {0};
        _cleanup_(buf_done) Buf b;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        record_put_job(&b, &info);
        r = reader_of(&b);
        assert_int_equal(record_get_job(&r, &got), 0);
        assert_string_equal(got.name, "");
        assert_string_equal(got.description, "");
        assert_string_equal(got.error_text, "");
        assert_null(got.proxy_list);
        assert_null(got.behind);
        record_done_job(&got);
}

static void files_survive_the_way(void **state)
{
        bits_file_info file = {.index = 3,
                               .remote = some("http://x/\342\202\254"),
                               .local = some("/tmp/a b"),
                               .bytes_total = BG_SIZE_UNKNOWN,
                               .bytes_transferred = 5,
                               .completed = 1};
        bits_file_info got = {0};
        _cleanup_(buf_done) Buf b;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        record_put_file(&b, &file);
        r = reader_of(&b);
        assert_int_equal(record_get_file(&r, &got), 0);
        assert_int_equal(got.index, 3);
        assert_string_equal(got.remote, file.remote);
        assert_string_equal(got.local, file.local);
        assert_int_equal(got.bytes_total, BG_SIZE_UNKNOWN);
        assert_int_equal(got.bytes_transferred, 5);
        assert_int_equal(got.completed, 1);
        record_done_file(&got);
}

static void status_survives_the_way(void **state)
{
        bits_status status = {.version = some("1.2"),
                              .pid = 2,
                              .uptime_sec = UINT64_C(5000000000),
                              .jobs = 4,
                              .jobs_active = 5,
                              .max_jobs_per_machine = UINT32_MAX,
                              .max_jobs_per_user = 7,
                              .max_files_per_job = 8,
                              .network_up = 1,
                              .rate_bps = UINT64_C(9000000000),
                              .state_dir = some("/s"),
                              .store_note = NULL};
        bits_status got = {0};
        _cleanup_(buf_done) Buf b;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        record_put_status(&b, &status);
        r = reader_of(&b);
        assert_int_equal(record_get_status(&r, &got), 0);
        assert_string_equal(got.version, "1.2");
        assert_int_equal(got.pid, 2);
        assert_int_equal(got.uptime_sec, UINT64_C(5000000000));
        assert_int_equal(got.jobs, 4);
        assert_int_equal(got.jobs_active, 5);
        assert_int_equal(got.max_jobs_per_machine, UINT32_MAX);
        assert_int_equal(got.max_jobs_per_user, 7);
        assert_int_equal(got.max_files_per_job, 8);
        assert_int_equal(got.network_up, 1);
        assert_int_equal(got.rate_bps, UINT64_C(9000000000));
        assert_string_equal(got.state_dir, "/s");
        assert_string_equal(got.store_note, "");
        record_done_status(&got);
}

static void what_a_newer_writer_appends_is_skipped(void **state)
{
        bits_job_info info = full_job(), got = {0};
        _cleanup_(buf_done) Buf b;
        PackReader r;
        uint32_t bytes;

        buf_init(&b, MAX_BYTES);
        record_put_job(&b, &info);
        memcpy(&bytes, b.data, sizeof(bytes));
        bytes += 3;
        assert_int_equal(buf_append(&b, "new", 3), 0);
        memcpy(b.data, &bytes, sizeof(bytes));
        record_put_job(&b, &info);
        r = reader_of(&b);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(record_get_job(&r, &got), 0);
                assert_same_job(&got, &info);
                record_done_job(&got);
        }
        assert_true(unpack_at_end(&r));
}

/* What writers of today append to the record of one that knew no programs, or no replies either. */
enum { LIMIT_BYTES = 8 };

static size_t bytes_of_program(const bits_job_info *info)
{
        return LIMIT_BYTES + 4 + strlen(info->notify_program) + 4 +
               strlen(info->notify_parameters) + 4 + 8 + 4 + 1;
}

static size_t bytes_since_reply(const bits_job_info *info)
{
        return 4 + strlen(info->reply_name) + 8 + 8 + 1 + bytes_of_program(info);
}

/* As an older service writes it, `less` bytes short, in front of another record. */
static void assert_older_is_read(size_t less, const bits_job_info *expected)
{
        bits_job_info info = full_job(), got = {0};
        _cleanup_(buf_done) Buf b, old;
        uint32_t inner;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        buf_init(&old, MAX_BYTES);
        record_put_job(&b, &info);
        assert_int_equal(buf_append(&old, b.data, b.len - less), 0);
        inner = (uint32_t) old.len - 4;
        memcpy(old.data, &inner, sizeof(inner));
        record_put_job(&old, &info);

        r = reader_of(&old);
        assert_int_equal(record_get_job(&r, &got), 0);
        assert_same_job(&got, expected);
        record_done_job(&got);
        assert_int_equal(record_get_job(&r, &got), 0);
        assert_same_job(&got, &info);
        record_done_job(&got);
        assert_true(unpack_at_end(&r));
}

static void what_an_older_writer_does_not_send_is_null(void **state)
{
        bits_job_info expected = full_job();
        size_t program = bytes_of_program(&expected), reply = bytes_since_reply(&expected);

        expected.limit_bps = 0;
        assert_older_is_read(LIMIT_BYTES, &expected);
        expected.notify_program = expected.notify_parameters = NULL;
        expected.program_result = 0;
        expected.program_time = expected.program_runs = 0;
        expected.has_credentials = 0;
        assert_older_is_read(program, &expected);
        expected.reply_name = NULL;
        expected.reply_bytes_total = expected.reply_bytes_transferred = 0;
        expected.reply_optional = 0;
        assert_older_is_read(reply, &expected);
}

static void every_truncation_is_refused(void **state)
{
        bits_job_info info = full_job();
        _cleanup_(buf_done) Buf b;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        record_put_job(&b, &info);
        assert_int_equal(buf_error(&b), 0);
        for (size_t len = 0; len < b.len; len++) {
                bits_job_info got = {0};
                uint8_t copy[1024];
                uint32_t inner = (uint32_t) (len >= 4 ? len - 4 : 0);

                /* Both a message that is cut and a record that ends early. */
                assert_true(len < sizeof(copy));
                memcpy(copy, b.data, len);
                pack_reader_init(&r, copy, len);
                assert_int_equal(record_get_job(&r, &got), -EBADMSG);
                record_done_job(&got);
                if (len < 4 || len == b.len - bytes_since_reply(&info) ||
                    len == b.len - bytes_of_program(&info) || len == b.len - LIMIT_BYTES)
                        continue;
                memcpy(copy, &inner, sizeof(inner));
                pack_reader_init(&r, copy, len);
                assert_int_equal(record_get_job(&r, &got), -EBADMSG);
                record_done_job(&got);
        }
}

/* Random damage to good records, and plain noise: whatever comes out can be freed, and a result of
 * 0 means that every promised string is there. */
static void random_bytes_do_no_harm(void **state)
{
        bits_job_info info = full_job();
        Random seed = random_seeded("record");
        _cleanup_(buf_done) Buf b;
        unsigned good = 0;

        buf_init(&b, MAX_BYTES);
        record_put_job(&b, &info);
        for (int i = 0; i < ROUNDS; i++) {
                uint8_t bytes[512];
                size_t len = MIN(b.len, sizeof(bytes));
                bits_job_info job = {0};
                bits_file_info file = {0};
                bits_status status = {0};
                PackReader r;

                memcpy(bytes, b.data, len);
                for (uint64_t n = random_below(&seed, 6); n > 0; n--)
                        bytes[random_below(&seed, len)] = (uint8_t) random_u64(&seed);
                if (i % 4 == 0)
                        for (size_t k = 4; k < len; k++)
                                bytes[k] = (uint8_t) random_u64(&seed);
                pack_reader_init(&r, bytes, len);
                if (record_get_job(&r, &job) == 0) {
                        assert_non_null(job.name);
                        assert_non_null(job.description);
                        assert_non_null(job.error_text);
                        good++;
                }
                record_done_job(&job);
                pack_reader_init(&r, bytes, len);
                if (record_get_file(&r, &file) == 0)
                        assert_true(file.remote && file.local);
                record_done_file(&file);
                pack_reader_init(&r, bytes, len);
                if (record_get_status(&r, &status) == 0)
                        assert_true(status.version && status.state_dir && status.store_note);
                record_done_status(&status);
        }
        assert_in_range(good, ROUNDS / 20, ROUNDS); /* the loop did reach the far side */
}

static int try_round_trip(void)
{
        bits_job_info info = full_job(), got = {0};
        _cleanup_(buf_done) Buf b;
        PackReader r;
        int result;

        buf_init(&b, MAX_BYTES);
        record_put_job(&b, &info);
        result = buf_error(&b);
        if (result == 0) {
                pack_reader_init(&r, b.data, b.len);
                result = record_get_job(&r, &got);
                record_done_job(&got);
        }
        return result;
}

static void without_memory_nothing_leaks(void **state)
{
        for (uint64_t n = 1;; n++) {
                int r;

                mem_fail_nth(n);
                r = try_round_trip();
                if (!mem_fail_struck())
                        break;
                assert_true(r == -ENOMEM || r == -EBADMSG);
        }
        mem_fail_nth(0);
        assert_int_equal(try_round_trip(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jobs_survive_the_way_in_their_order),
                cmocka_unit_test(texts_that_are_never_null_arrive_as_empty_ones),
                cmocka_unit_test(files_survive_the_way),
                cmocka_unit_test(status_survives_the_way),
                cmocka_unit_test(what_a_newer_writer_appends_is_skipped),
                cmocka_unit_test(what_an_older_writer_does_not_send_is_null),
                cmocka_unit_test(every_truncation_is_refused),
                cmocka_unit_test(random_bytes_do_no_harm),
                cmocka_unit_test(without_memory_nothing_leaks),
        };

        return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
