/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pack.h"
#include "base/str.h"
#include "transfer/worker_msg.h"

#include "../base/random.h"

#define LENGTH_BYTES 4
#define FUZZ_ROUNDS 100000

static const GUID JOB_ID = {0x00112233, 0x4455, 0x6677, {0x88, 0x99, 0xaa, 0xbb, 1, 2, 3, 4}};

/* The one message in the buffer. */
static int decode(const Buf *b, WorkerMsg *ret)
{
        return worker_msg_decode(b->data + LENGTH_BYTES, b->len - LENGTH_BYTES, ret);
}

static JobFile test_file(void)
{
        return (JobFile){
                .index = 7,
                .remote = (char *) "http://host/päth?x",
                .local = (char *) "/dir/ect/ory/lea\nf",
                .size_bytes = UINT64_C(5) << 30,
                .done_bytes = 4096,
                .synced_bytes = 1024,
                .etag = (char *) "\"tag\"",
                .modified_sec = -5,
        };
}

static Job test_job(void)
{
        return (Job){
                .id = JOB_ID,
                .props =
                        {
                                .priority = BG_JOB_PRIORITY_LOW,
                                .limit_bps = 123456,
                                .proxy_usage = BG_JOB_PROXY_USAGE_OVERRIDE,
                                .proxy_list = (char *) "a:1 b",
                        },
        };
}

static void a_configuration_arrives_as_it_was(void **state)
{
        TransferConfig c;
        WorkerMsg m;
        Buf b;

        transfer_config_init(&c);
        c.stall_timeout_sec = 99;
        c.ca_bundle = (char *) "/ca";
        c.no_proxy = (char *) "";
        c.control_loopback = true;
        c.line_bps_up = 77;
        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_config(&b, &c);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.kind, WORKER_MSG_CONFIG);
        assert_int_equal(m.config.stall_timeout_sec, 99);
        assert_int_equal(m.config.connections_per_host, c.connections_per_host);
        assert_null(m.config.user_agent);
        assert_string_equal(m.config.ca_bundle, "/ca");
        assert_string_equal(m.config.no_proxy, "");
        assert_true(m.config.adapt && m.config.control_loopback);
        assert_int_equal(m.config.window_bytes, 4000000);
        assert_int_equal(m.config.line_bps_up, 77);
        worker_msg_done(&m);
        buf_done(&b);
}

static void another_version_of_the_table_is_refused(void **state)
{
        TransferConfig c;
        WorkerMsg m;
        Buf b;

        transfer_config_init(&c);
        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_config(&b, &c);
        b.data[LENGTH_BYTES + 1]++; /* the version follows the kind */
        assert_int_equal(decode(&b, &m), -EBADMSG);
        buf_done(&b);
}

static void a_start_arrives_as_it_was(void **state)
{
        JobFile f = test_file();
        Job job = test_job();
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_start(&b, 99, &job, &f, NULL);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.kind, WORKER_MSG_START);
        assert_int_equal(m.start.op, 99);
        assert_memory_equal(&m.start.job, &JOB_ID, sizeof(GUID));
        assert_int_equal(m.start.file_index, 7);
        assert_int_equal(m.start.priority, BG_JOB_PRIORITY_LOW);
        assert_int_equal(m.start.limit_bps, 123456);
        assert_string_equal(m.start.remote, f.remote);
        assert_string_equal(m.start.local, f.local);
        assert_true(m.start.size_bytes == f.size_bytes);
        assert_int_equal(m.start.done_bytes, 4096);
        assert_int_equal(m.start.synced_bytes, 1024);
        assert_string_equal(m.start.etag, f.etag);
        assert_int_equal(m.start.modified_sec, -5);
        assert_int_equal(m.start.proxy_usage, BG_JOB_PROXY_USAGE_OVERRIDE);
        assert_string_equal(m.start.proxy_list, "a:1 b");
        assert_null(m.start.proxy_bypass);
        worker_msg_done(&m);
        buf_done(&b);
}

static void limits_arrive_as_they_were(void **state)
{
        const TransferLimits limits = {.level_bps = {1, 2, UINT64_MAX, 0}, .lan_exempt = true};
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_limits(&b, &limits);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.kind, WORKER_MSG_LIMITS);
        assert_memory_equal(m.limits.level_bps, limits.level_bps, sizeof(limits.level_bps));
        assert_true(m.limits.lan_exempt);
        worker_msg_done(&m);
        b.data[b.len - 1] = 2; /* neither yes nor no */
        assert_int_equal(decode(&b, &m), -EBADMSG);
        buf_done(&b);
}

static void a_retuning_arrives_as_it_was(void **state)
{
        Job job = test_job();
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_retune(&b, 42, &job);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.kind, WORKER_MSG_RETUNE);
        assert_int_equal(m.retune.op, 42);
        assert_int_equal(m.retune.priority, BG_JOB_PRIORITY_LOW);
        assert_int_equal(m.retune.limit_bps, 123456);
        worker_msg_done(&m);
        b.data[LENGTH_BYTES + 1 + 8] = 4; /* there are four priorities, from 0 on */
        assert_int_equal(decode(&b, &m), -EBADMSG);
        buf_done(&b);
}

static void a_report_of_lines_arrives_as_it_was(void **state)
{
        const LineReport report = {
                .wall_usec = 5,
                .lines = {{.interface = "lo", .capacity_bps = {1, 2}, .own_bps = {3, 4}},
                          {.interface = "eth0",
                           .foreground_bps = {5, 6},
                           .foreign_bps = {7, 8},
                           .governor = {3, 1},
                           .connections = 9,
                           .yielding = 9,
                           .base_usec = 10,
                           .queue_usec = 11}},
                .lines_len = 2,
        };
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_lines(&b, &report);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.kind, WORKER_MSG_LINES);
        assert_int_equal(m.lines.wall_usec, 5);
        assert_int_equal(m.lines.lines_len, 2);
        for (size_t i = 0; i < 2; i++) {
                const LineState *a = &m.lines.lines[i], *e = &report.lines[i];

                assert_string_equal(a->interface, e->interface);
                assert_memory_equal(a->capacity_bps, e->capacity_bps, sizeof(a->capacity_bps));
                assert_memory_equal(a->own_bps, e->own_bps, sizeof(a->own_bps));
                assert_memory_equal(a->foreground_bps, e->foreground_bps,
                                    sizeof(a->foreground_bps));
                assert_memory_equal(a->foreign_bps, e->foreign_bps, sizeof(a->foreign_bps));
                assert_memory_equal(a->governor, e->governor, sizeof(a->governor));
                assert_int_equal(a->connections, e->connections);
                assert_int_equal(a->yielding, e->yielding);
                assert_int_equal(a->base_usec, e->base_usec);
                assert_int_equal(a->queue_usec, e->queue_usec);
        }
        worker_msg_done(&m);
        buf_done(&b);
}

static JobFile test_reply(void)
{
        return (JobFile){
                .index = JOB_REPLY_INDEX,
                .remote = (char *) "http://host/reply",
                .local = (char *) "/answers/a",
                .state = FILE_PARTIAL,
                .size_bytes = 100,
                .done_bytes = 50,
                .synced_bytes = 25,
                .etag = (char *) "\"r\"",
                .modified_sec = 7,
        };
}

static Job test_upload(JobFile **list, JobFile *reply, BG_JOB_TYPE type)
{
        Job job = test_job();

        job.type = type;
        job.files = list;
        job.files_len = 1;
        job.session = (uint8_t *) "session";
        job.session_bytes = 7;
        job.reply = type == BG_JOB_TYPE_UPLOAD_REPLY ? reply : NULL;
        job.props.reply_optional = true;
        return job;
}

static void an_upload_brings_its_session_and_what_is_known_of_its_reply(void **state)
{
        JobFile f = test_file(), reply = test_reply(), *list[] = {&f};
        Job job = test_upload(list, &reply, BG_JOB_TYPE_UPLOAD_REPLY);
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_start(&b, 99, &job, &f, NULL);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.start.type, BG_JOB_TYPE_UPLOAD_REPLY);
        assert_int_equal(m.start.session_bytes, 7);
        assert_memory_equal(m.start.session, "session", 7);
        assert_true(m.start.reply_optional && m.start.has_reply && !m.start.reply.whole);
        assert_string_equal(m.start.reply.remote, reply.remote);
        assert_string_equal(m.start.reply.local, reply.local);
        assert_string_equal(m.start.reply.etag, reply.etag);
        assert_int_equal(m.start.reply.size_bytes, 100);
        assert_int_equal(m.start.reply.done_bytes, 50);
        assert_int_equal(m.start.reply.synced_bytes, 25);
        assert_int_equal(m.start.reply.modified_sec, 7);
        worker_msg_done(&m);

        buf_clear(&b);
        reply.state = FILE_DONE;
        worker_msg_encode_farewell(&b, 100, &job, NULL);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.kind, WORKER_MSG_FAREWELL);
        assert_true(m.start.op == 100 && m.start.reply.whole);
        worker_msg_done(&m);
        buf_done(&b);
}

static void a_start_that_contradicts_itself_is_refused(void **state)
{
        JobFile f = test_file(), reply = test_reply(), *list[] = {&f};
        Job job = test_upload(list, NULL, BG_JOB_TYPE_UPLOAD_REPLY);
        uint8_t *large = mem_zalloc(JOB_SESSION_BYTES_MAX + 1);
        WorkerMsg m;
        Buf b;

        assert_non_null(large);
        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_start(&b, 1, &job, &f, NULL); /* a reply without a place for it */
        assert_int_equal(decode(&b, &m), -EBADMSG);
        buf_clear(&b);
        job = test_job();
        job.files = list;
        worker_msg_encode_farewell(&b, 1, &job, NULL); /* of a download */
        assert_int_equal(decode(&b, &m), -EBADMSG);
        buf_clear(&b);
        job = test_upload(list, &reply, BG_JOB_TYPE_UPLOAD);
        job.session = large;
        job.session_bytes = JOB_SESSION_BYTES_MAX + 1;
        worker_msg_encode_start(&b, 1, &job, &f, NULL);
        assert_int_equal(decode(&b, &m), -EBADMSG);
        mem_free(large);
        buf_done(&b);
}

static void an_event_of_an_upload_arrives_as_it_was(void **state)
{
        TransferEvent ev = {
                .kind = TRANSFER_SESSION,
                .op = 5,
                .reply_url = "http://host/r",
                .session = (const uint8_t *) "blob",
                .session_bytes = 4,
                .durable = true,
        };
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_event(&b, &ev);
        assert_int_equal(decode(&b, &m), 0);
        assert_string_equal(m.event.event.reply_url, "http://host/r");
        assert_int_equal(m.event.event.session_bytes, 4);
        assert_memory_equal(m.event.event.session, "blob", 4);
        assert_true(m.event.event.durable);
        worker_msg_done(&m);
        buf_done(&b);
}

/* How many files a bulk operation on this job names; the last one's facts in *ret. */
static uint32_t count_bulk(WorkerBulkKind kind, const Job *job, uint32_t *ret_index,
                           bool *ret_may_be_made)
{
        WorkerLink link;
        WorkerMsg m;
        uint32_t n = 0;

        worker_link_init(&link, -1);
        assert_int_equal(worker_msg_encode_bulk(&link.in, 1, kind, job), 0);
        while (worker_link_next(&link, &m) == 1) {
                if (m.kind == WORKER_MSG_BULK_FILES && m.bulk_files.files_len > 0) {
                        n += m.bulk_files.files_len;
                        *ret_index = m.bulk_files.files[0].index;
                        *ret_may_be_made = m.bulk_files.files[0].may_be_made;
                }
                worker_msg_done(&m);
        }
        worker_link_done(&link);
        return n;
}

static void a_bulk_operation_never_names_the_source_of_an_upload(void **state)
{
        JobFile f = test_file(), reply = test_reply(), *list[] = {&f};
        Job job = test_upload(list, &reply, BG_JOB_TYPE_UPLOAD);
        uint32_t index = 0;
        bool made = false;

        f.state = FILE_DONE;
        for (int kind = 0; kind < WORKER_BULK_KIND_MAX; kind++)
                assert_int_equal(count_bulk((WorkerBulkKind) kind, &job, &index, &made), 0);
        job = test_upload(list, &reply, BG_JOB_TYPE_UPLOAD_REPLY);
        assert_int_equal(count_bulk(WORKER_BULK_PUBLISH, &job, &index, &made), 0);
        assert_int_equal(count_bulk(WORKER_BULK_DISCARD, &job, &index, &made), 1);
        assert_true(index == JOB_REPLY_INDEX && !made);
        reply.state = FILE_DONE;
        reply.size_bytes = reply.done_bytes = 0;
        assert_int_equal(count_bulk(WORKER_BULK_PUBLISH, &job, &index, &made), 1);
        assert_true(index == JOB_REPLY_INDEX && made);
}

static void an_event_arrives_as_it_was(void **state)
{
        TransferEvent ev = {
                .kind = TRANSFER_FAILED,
                .op = UINT64_MAX,
                .file_index = 3,
                .size_bytes = BG_SIZE_UNKNOWN,
                .done_bytes = 1,
                .synced_bytes = 2,
                .etag = "\"e\"",
                .modified_sec = FILE_NO_TIME,
                .result = BG_E_HTTP_ERROR_404,
                .error =
                        {
                                .code = BG_E_HTTP_ERROR_404,
                                .context = BG_ERROR_CONTEXT_REMOTE_FILE,
                                .file_index = JOB_NO_FILE,
                                .http_status = 404,
                                .curl_code = 22,
                                .sys_errno = 5,
                                .retry_after_sec = 6,
                                .fatal = true,
                                .host = "host",
                                .text = "text",
                        },
        };
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_event(&b, &ev);
        assert_int_equal(decode(&b, &m), 0);
        assert_int_equal(m.kind, WORKER_MSG_EVENT);
        assert_string_equal(m.event.event.etag, "\"e\"");
        m.event.event.etag = ev.etag;
        assert_int_equal(m.event.event.kind, ev.kind);
        assert_true(m.event.event.op == ev.op && m.event.event.size_bytes == ev.size_bytes &&
                    m.event.event.done_bytes == 1 && m.event.event.synced_bytes == 2);
        assert_true(m.event.event.modified_sec == FILE_NO_TIME);
        assert_int_equal(m.event.event.result, ev.result);
        assert_int_equal(m.event.event.error.code, ev.error.code);
        assert_int_equal(m.event.event.error.context, ev.error.context);
        assert_int_equal(m.event.event.error.file_index, JOB_NO_FILE);
        assert_int_equal(m.event.event.error.http_status, 404);
        assert_int_equal(m.event.event.error.curl_code, 22);
        assert_int_equal(m.event.event.error.sys_errno, 5);
        assert_int_equal(m.event.event.error.retry_after_sec, 6);
        assert_true(m.event.event.error.fatal && !m.event.event.error.event_driven);
        assert_string_equal(m.event.event.error.host, "host");
        assert_string_equal(m.event.event.error.text, "text");
        worker_msg_done(&m);
        buf_done(&b);
}

/* A job of `n` files over three directories; every fourth one is not done yet. */
static void make_files(Job *job, JobFile *files, JobFile **list, char (*names)[64], uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                (void) snprintf(names[i], sizeof(names[i]), "/d%u/f%u", i / 100 % 3, i);
                files[i] = (JobFile){
                        .index = i,
                        .local = names[i],
                        .size_bytes = i,
                        .done_bytes = i,
                        .synced_bytes = i % 2 ? i : 0,
                        .modified_sec = i,
                        .state = i % 4 == 3 ? FILE_PARTIAL : FILE_DONE,
                };
                list[i] = &files[i];
        }
        job->files = list;
        job->files_len = n;
}

static void a_bulk_operation_names_every_file_once(void **state)
{
        enum { N = 1000 };
        static JobFile files[N];
        static JobFile *list[N];
        static char names[N][64];
        Job job = test_job();
        WorkerLink link;
        WorkerMsg m;
        uint32_t next = 0;
        bool last = false;
        char dir[64] = "";

        make_files(&job, files, list, names, N);
        worker_link_init(&link, -1);
        assert_int_equal(worker_msg_encode_bulk(&link.in, 5, WORKER_BULK_PUBLISH, &job), 0);
        assert_int_equal(worker_link_next(&link, &m), 1);
        assert_int_equal(m.kind, WORKER_MSG_BULK);
        assert_int_equal(m.bulk.kind, WORKER_BULK_PUBLISH);
        worker_msg_done(&m);

        while (worker_link_next(&link, &m) == 1) {
                assert_false(last);
                assert_int_equal(m.kind, WORKER_MSG_BULK_FILES);
                assert_int_equal(m.bulk_files.op, 5);
                for (uint32_t i = 0; i < m.bulk_files.files_len; i++) {
                        const WorkerBulkFile *f = &m.bulk_files.files[i];
                        char path[200];

                        next += next % 4 == 3;
                        if (f->dir)
                                (void) str_copy(dir, sizeof(dir), f->dir);
                        (void) snprintf(path, sizeof(path), "%s/%s", dir, f->leaf);
                        assert_int_equal(f->index, next);
                        assert_string_equal(path, names[next]);
                        assert_int_equal(f->size_bytes, next);
                        assert_int_equal(f->synced, next % 2);
                        next++;
                }
                last = m.bulk_files.last;
                worker_msg_done(&m);
        }
        assert_true(last);
        assert_int_equal(next, N - 1); /* the last one is not done */
        worker_link_done(&link);
}

static void an_empty_bulk_operation_ends_as_well(void **state)
{
        Job job = test_job();
        WorkerLink link;
        WorkerMsg m;

        worker_link_init(&link, -1);
        assert_int_equal(worker_msg_encode_bulk(&link.in, 5, WORKER_BULK_SYNC, &job), 0);
        assert_int_equal(worker_link_next(&link, &m), 1);
        worker_msg_done(&m);
        assert_int_equal(worker_link_next(&link, &m), 1);
        assert_true(m.bulk_files.last && m.bulk_files.files_len == 0);
        worker_msg_done(&m);
        assert_int_equal(worker_link_next(&link, &m), 0);
        worker_link_done(&link);
}

static void a_bulk_operation_that_does_not_fit_leaves_nothing(void **state)
{
        enum { N = 300 };
        static JobFile files[N];
        static JobFile *list[N];
        static char names[N][64];
        Job job = test_job();
        Buf b;

        make_files(&job, files, list, names, N);
        buf_init(&b, 5000);
        assert_int_equal(buf_append_str(&b, "before"), 0);
        assert_int_equal(worker_msg_encode_bulk(&b, 5, WORKER_BULK_DISCARD, &job), -EMSGSIZE);
        assert_int_equal(b.len, strlen("before"));
        assert_int_equal(buf_error(&b), 0);
        buf_done(&b);
}

/* One file in a message, put together by hand. */
static int decode_bulk_file(const char *dir, const char *leaf)
{
        WorkerMsg m;
        Buf b;
        int r;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        pack_u8(&b, WORKER_MSG_BULK_FILES);
        pack_u64(&b, 1);
        pack_u8(&b, 1);
        pack_u32(&b, 0);
        pack_str(&b, dir);
        pack_str(&b, leaf);
        pack_u64(&b, 0);
        pack_i64(&b, 0);
        pack_u8(&b, 0);
        pack_u8(&b, 0);
        pack_u8(&b, 0);
        pack_u8(&b, 1);
        r = worker_msg_decode(b.data, b.len, &m);
        if (r == 0)
                worker_msg_done(&m);
        buf_done(&b);
        return r;
}

static void a_leaf_is_never_a_path_and_the_first_file_has_a_directory(void **state)
{
        assert_int_equal(decode_bulk_file("/d", "leaf"), 0);
        assert_int_equal(decode_bulk_file("/d", "a/b"), -EBADMSG);
        assert_int_equal(decode_bulk_file("/d", "../b"), -EBADMSG);
        assert_int_equal(decode_bulk_file("/d", NULL), -EBADMSG);
        assert_int_equal(decode_bulk_file(NULL, "leaf"), -EBADMSG);
}

static void append_samples(Buf *b)
{
        TransferEvent ev = {.kind = TRANSFER_FAILED, .op = 1, .etag = "\"e\"", .reply_url = "u"};
        JobFile f = test_file(), reply = test_reply(), *list[] = {&f};
        Job job = test_job();
        TransferConfig c;

        ev.error = (JobError){.code = E_FAIL, .text = "text"};
        ev.session = (const uint8_t *) "blob";
        ev.session_bytes = 4;
        f.state = reply.state = FILE_DONE;
        transfer_config_init(&c);
        worker_msg_encode_config(b, &c);
        worker_msg_encode_start(b, 1, &job, &f, NULL);
        job = test_upload(list, &reply, BG_JOB_TYPE_UPLOAD_REPLY);
        worker_msg_encode_start(b, 1, &job, &f, NULL);
        worker_msg_encode_farewell(b, 1, &job, NULL);
        worker_msg_encode_session_stored(b, 1);
        worker_msg_encode_stop(b, 1);
        assert_int_equal(worker_msg_encode_bulk(b, 2, WORKER_BULK_SYNC, &job), 0);
        worker_msg_encode_event(b, &ev);
}

/* Sound messages with a few bytes changed, cut or doubled: a message or an error, and never a
 * read outside (the sanitizers watch). */
static void changed_messages_are_decoded_or_refused(void **state)
{
        Random random = random_seeded("changed messages");
        WorkerLink samples;
        Buf base;

        buf_init(&base, WORKER_MSG_MAX_BYTES);
        append_samples(&base);
        for (int i = 0; i < FUZZ_ROUNDS; i++) {
                WorkerMsg m;
                int r;

                worker_link_init(&samples, -1);
                assert_int_equal(buf_append(&samples.in, base.data, base.len), 0);
                for (uint64_t n = random_below(&random, 4); n > 0; n--)
                        samples.in.data[random_below(&random, base.len)] =
                                (uint8_t) random_below(&random, 256);
                samples.in.len -=
                        random_below(&random, 8) == 0 ? random_below(&random, base.len) : 0;
                while ((r = worker_link_next(&samples, &m)) == 1)
                        worker_msg_done(&m);
                assert_true(r == 0 || r == -EBADMSG);
                worker_link_done(&samples);
        }
        buf_done(&base);
}

static void random_bytes_are_refused(void **state)
{
        Random random = random_seeded("random bytes");
        uint8_t data[512];

        for (int i = 0; i < FUZZ_ROUNDS; i++) {
                size_t bytes = random_below(&random, sizeof(data));
                WorkerMsg m;

                for (size_t j = 0; j < bytes; j++)
                        data[j] = (uint8_t) random_u64(&random);
                if (bytes > 0)
                        data[0] %= WORKER_MSG_MAX;
                if (worker_msg_decode(data, bytes, &m) == 0)
                        worker_msg_done(&m);
        }
        assert_int_equal(worker_msg_decode(data, 0, &(WorkerMsg){0}), -EBADMSG);
}

static void trailing_bytes_are_refused(void **state)
{
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        worker_msg_encode_stop(&b, 1);
        assert_int_equal(buf_append(&b, "x", 1), 0);
        assert_int_equal(decode(&b, &m), -EBADMSG);
        buf_done(&b);
}

/* Out of memory while decoding is an error like any other, and leaves nothing behind. */
static void decoding_survives_every_failed_allocation(void **state)
{
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        append_samples(&b);
        for (uint64_t n = 1;; n++) {
                WorkerLink link;
                WorkerMsg m;
                int r, struck;

                worker_link_init(&link, -1);
                assert_int_equal(buf_append(&link.in, b.data, b.len), 0);
                mem_fail_nth(n);
                while ((r = worker_link_next(&link, &m)) == 1)
                        worker_msg_done(&m);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                worker_link_done(&link);
                if (!struck)
                        break;
                assert_true(r == -EBADMSG || r == -ENOMEM);
        }
        buf_done(&b);
}

static void a_link_carries_messages_in_pieces(void **state)
{
        WorkerLink a, z;
        WorkerMsg m;
        int pair[2], r, sent = 0, got = 0;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                         0);
        worker_link_init(&a, pair[0]);
        worker_link_init(&z, pair[1]);
        assert_int_equal(worker_link_fill(&z), -EAGAIN);
        for (; sent < 20000; sent++)
                worker_msg_encode_stop(&a.out, (uint64_t) sent);
        assert_int_equal(worker_link_flush(&a), 0); /* more than a socket takes at once */
        while (got < sent) {
                r = worker_link_fill(&z);
                if (r == -EAGAIN)
                        assert_true(worker_link_flush(&a) >= 0);
                else
                        assert_int_equal(r, 1);
                while ((r = worker_link_next(&z, &m)) == 1) {
                        assert_int_equal(m.number, got++);
                        worker_msg_done(&m);
                }
                assert_int_equal(r, 0);
        }
        assert_int_equal(worker_link_flush(&a), 1);
        worker_link_done(&a);
        assert_int_equal(worker_link_fill(&z), 0);
        worker_msg_encode_stop(&z.out, 1);
        assert_int_equal(worker_link_flush(&z), -EPIPE); /* and no signal */
        worker_link_done(&z);
}

static void a_length_over_the_limit_is_refused_before_it_is_read(void **state)
{
        const uint8_t length[] = {0xff, 0xff, 0xff, 0x7f};
        WorkerLink l;
        WorkerMsg m;

        worker_link_init(&l, -1);
        assert_int_equal(buf_append(&l.in, length, sizeof(length)), 0);
        assert_int_equal(worker_link_next(&l, &m), -EBADMSG);
        worker_link_done(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_configuration_arrives_as_it_was),
                cmocka_unit_test(another_version_of_the_table_is_refused),
                cmocka_unit_test(a_start_arrives_as_it_was),
                cmocka_unit_test(limits_arrive_as_they_were),
                cmocka_unit_test(a_retuning_arrives_as_it_was),
                cmocka_unit_test(a_report_of_lines_arrives_as_it_was),
                cmocka_unit_test(an_event_arrives_as_it_was),
                cmocka_unit_test(an_upload_brings_its_session_and_what_is_known_of_its_reply),
                cmocka_unit_test(a_start_that_contradicts_itself_is_refused),
                cmocka_unit_test(an_event_of_an_upload_arrives_as_it_was),
                cmocka_unit_test(a_bulk_operation_never_names_the_source_of_an_upload),
                cmocka_unit_test(a_bulk_operation_names_every_file_once),
                cmocka_unit_test(an_empty_bulk_operation_ends_as_well),
                cmocka_unit_test(a_bulk_operation_that_does_not_fit_leaves_nothing),
                cmocka_unit_test(a_leaf_is_never_a_path_and_the_first_file_has_a_directory),
                cmocka_unit_test(changed_messages_are_decoded_or_refused),
                cmocka_unit_test(random_bytes_are_refused),
                cmocka_unit_test(trailing_bytes_are_refused),
                cmocka_unit_test(decoding_survives_every_failed_allocation),
                cmocka_unit_test(a_link_carries_messages_in_pieces),
                cmocka_unit_test(a_length_over_the_limit_is_refused_before_it_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
