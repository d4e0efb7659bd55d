/* SPDX-License-Identifier: Apache-2.0 */
/* The worker in this process, so that the sanitizers see what it leaves behind. What it does is
 * tested from outside in tests/transfer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "transfer/worker.h"
#include "transfer/worker_msg.h"

#define WAIT_USEC (10 * USEC_PER_SEC)
#define FILE_TEXT "0123456789"

typedef struct Rig {
        sd_event *loop;
        Worker *worker;
        WorkerLink link;
        int listener; /* a server of one answer; -1 = none */
        const char *answer;
        int port;
        char dir[PATH_MAX];
        char local[PATH_MAX + 8];
        Job job;
        JobFile file;
        JobFile *files[1];
        uint64_t op;
        /* Uploads. */
        JobFile reply;
        char reply_local[PATH_MAX + 8];
        uint8_t session[JOB_SESSION_BYTES_MAX];
        bool hold;        /* SESSION is not confirmed */
        unsigned reports; /* of lines */
} Rig;

/* Only wakes the loop up: run_until() reads. */
static int on_news(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        return 0;
}

static int set_up(void **state)
{
        const char *base = getenv("TMPDIR");
        Rig *r = mem_new(Rig);
        TransferConfig config;
        int pair[2];

        assert_non_null(r);
        r->listener = -1;
        (void) snprintf(r->dir, sizeof(r->dir), "%s/test_worker.XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(r->dir));
        (void) snprintf(r->local, sizeof(r->local), "%s/final", r->dir);
        assert_int_equal(sd_event_new(&r->loop), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                         0);
        worker_link_init(&r->link, pair[0]);
        assert_true(sd_event_add_io(r->loop, NULL, pair[0], EPOLLIN, on_news, NULL) >= 0);
        assert_int_equal(worker_new(r->loop, pair[1], &r->worker), 0);
        transfer_config_init(&config);
        config.control_loopback = true; /* where a test has background jobs */
        worker_msg_encode_config(&r->link.out, &config);
        transfer_config_done(&config);

        r->file = (JobFile){.local = r->local, .size_bytes = BG_SIZE_UNKNOWN};
        r->file.modified_sec = FILE_NO_TIME;
        r->files[0] = &r->file;
        r->job = (Job){.files = r->files, .files_len = 1};
        r->job.props.proxy_usage = BG_JOB_PROXY_USAGE_NO_PROXY;
        *state = r;
        return 0;
}

static int tear_down(void **state)
{
        Rig *r = *state;
        char command[PATH_MAX + 32];

        worker_free(r->worker);
        sd_event_unref(r->loop);
        worker_link_done(&r->link);
        close_fdp(&r->listener);
        mem_free(r->file.remote);
        (void) snprintf(command, sizeof(command), "rm -r '%s'", r->dir);
        assert_int_equal(system(command), 0);
        mem_free(r);
        return 0;
}

/* The request has come: answers and closes. */
static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Rig *r = userdata;
        char request[4096];
        ssize_t n = read(fd, request, sizeof(request) - 1), more = 1;

        /* The body of a fragment may come after its head. */
        while (n > 0 && more > 0) {
                request[n] = '\0';
                if (!strstr(request, "Type: Fragment") || strstr(request, FILE_TEXT))
                        break;
                more = read(fd, request + n, sizeof(request) - 1 - (size_t) n);
                n += more > 0 ? more : 0;
        }
        if (n > 0)
                assert_int_equal(write(fd, r->answer, strlen(r->answer)), strlen(r->answer));
        (void) close(fd);
        sd_event_source_disable_unref(source);
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Rig *r = userdata;
        int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        sd_event_source *io;

        assert_true(conn >= 0);
        assert_true(sd_event_add_io(r->loop, &io, conn, EPOLLIN, on_request, r) >= 0);
        return 0;
}

static void serve(Rig *r, const char *answer)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(at);

        r->answer = answer;
        r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(r->listener, (struct sockaddr *) &at, sizeof(at)), 0);
        assert_int_equal(listen(r->listener, 8), 0);
        assert_int_equal(getsockname(r->listener, (struct sockaddr *) &at, &len), 0);
        assert_true(sd_event_add_io(r->loop, NULL, r->listener, EPOLLIN, on_connection, r) >= 0);
        mem_free(r->file.remote);
        r->file.remote = mem_printf("http://127.0.0.1:%d/f", ntohs(at.sin_port));
        assert_non_null(r->file.remote);
}

/* What a broker would store, and say when it has. */
static void note_upload(Rig *r, const TransferEvent *ev)
{
        if (ev->kind == TRANSFER_REPLY) {
                r->reply.size_bytes = ev->size_bytes;
                r->reply.state = FILE_DONE;
        }
        if (ev->kind != TRANSFER_SESSION)
                return;
        assert_true(ev->session_bytes <= sizeof(r->session));
        memcpy(r->session, ev->session, ev->session_bytes);
        r->job.session = r->session;
        r->job.session_bytes = ev->session_bytes;
        if (ev->durable && !r->hold)
                worker_msg_encode_session_stored(&r->link.out, ev->op);
}

/* Lets the worker work until it has said `kind`. */
static HRESULT run_until(Rig *r, TransferEventKind kind)
{
        for (int i = 0; i < 10000; i++) {
                WorkerMsg m;
                HRESULT result;

                assert_true(worker_link_flush(&r->link) >= 0);
                (void) !worker_link_fill(&r->link);
                while (worker_link_next(&r->link, &m) == 1) {
                        bool wanted = m.event.event.kind == kind;

                        if (m.kind == WORKER_MSG_LINES) {
                                r->reports++;
                                continue;
                        }
                        assert_int_equal(m.kind, WORKER_MSG_EVENT);
                        result = m.event.event.result;
                        note_upload(r, &m.event.event);
                        if (m.event.event.file_index == 0)
                                r->file.done_bytes = m.event.event.done_bytes;
                        if (m.event.event.kind == TRANSFER_DONE) {
                                r->file.size_bytes = m.event.event.size_bytes;
                                r->file.state = FILE_DONE;
                        }
                        worker_msg_done(&m);
                        if (wanted)
                                return result;
                }
                assert_true(sd_event_run(r->loop, WAIT_USEC) > 0);
        }
        fail_msg("the worker has not said %d", (int) kind);
        return E_FAIL;
}

static HRESULT fetch(Rig *r, TransferEventKind kind)
{
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        return run_until(r, kind);
}

static HRESULT bulk(Rig *r, WorkerBulkKind what, TransferEventKind kind)
{
        assert_int_equal(worker_msg_encode_bulk(&r->link.out, ++r->op, what, &r->job), 0);
        return run_until(r, kind);
}

static void a_download_goes_all_the_way(void **state)
{
        Rig *r = *state;
        struct stat st;

        serve(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" FILE_TEXT);
        assert_int_equal(fetch(r, TRANSFER_DONE), S_OK);
        assert_int_equal(bulk(r, WORKER_BULK_SYNC, TRANSFER_SYNCED), S_OK);
        assert_int_equal(bulk(r, WORKER_BULK_PUBLISH, TRANSFER_PUBLISHED), S_OK);
        assert_int_equal(stat(r->local, &st), 0);
        assert_int_equal(st.st_size, 10);
}

static void a_failed_download_leaves_nothing(void **state)
{
        Rig *r = *state;

        serve(r, "HTTP/1.1 404 Gone\r\nContent-Length: 4\r\n\r\nnope");
        assert_int_equal(fetch(r, TRANSFER_FAILED), BG_E_HTTP_ERROR_404);
        assert_int_equal(bulk(r, WORKER_BULK_DISCARD, TRANSFER_DISCARDED), S_OK);
}

static void a_download_may_be_cut_by_the_end(void **state)
{
        Rig *r = *state;

        serve(r, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nETag: \"e\"\r\n\r\n" FILE_TEXT);
        assert_int_equal(fetch(r, TRANSFER_FAILED),
                         HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR));
        assert_int_equal(r->file.done_bytes, 10);
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        (void) run_until(r, TRANSFER_CONNECTED); /* and the worker is freed under it */
}

/* Ten bytes at five a second; then without that limit, but with one of the level, and cut by the
 * end. */
static void a_background_download_keeps_to_limits(void **state)
{
        Rig *r = *state;
        TransferLimits limits = {.level_bps = {0, 0, 1, 0}};

        serve(r, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"e\"\r\n\r\n" FILE_TEXT);
        r->job.props.priority = BG_JOB_PRIORITY_NORMAL;
        r->job.props.limit_bps = 1;
        assert_int_equal(fetch(r, TRANSFER_PACE), S_OK);
        assert_true(r->reports > 0);
        r->job.props.limit_bps = 0;
        worker_msg_encode_retune(&r->link.out, r->op, &r->job);
        assert_int_equal(run_until(r, TRANSFER_DONE), S_OK);

        worker_msg_encode_limits(&r->link.out, &limits);
        r->file.state = FILE_PENDING;
        r->file.done_bytes = 0;
        assert_int_equal(fetch(r, TRANSFER_PACE), S_OK);
}

static void a_redirect_to_itself_ends(void **state)
{
        Rig *r = *state;

        serve(r, "HTTP/1.1 302 Found\r\nLocation: /f\r\nContent-Length: 0\r\n\r\n");
        assert_int_equal(fetch(r, TRANSFER_FAILED),
                         HRESULT_FROM_WIN32(ERROR_WINHTTP_REDIRECT_FAILED));
}

static void a_local_copy_goes_all_the_way(void **state)
{
        Rig *r = *state;
        struct stat source, st;

        r->file.remote = mem_strdup("file:///proc/self/../../etc/passwd");
        assert_int_equal(stat("/etc/passwd", &source), 0);
        assert_int_equal(fetch(r, TRANSFER_DONE), S_OK);
        assert_int_equal(bulk(r, WORKER_BULK_PUBLISH, TRANSFER_PUBLISHED), S_OK);
        assert_int_equal(stat(r->local, &st), 0);
        assert_int_equal(st.st_size, source.st_size);
}

static void a_stop_is_answered(void **state)
{
        Rig *r = *state;

        r->file.remote = mem_strdup("http://192.0.2.1/never"); /* nobody is there */
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        worker_msg_encode_stop(&r->link.out, r->op);
        assert_int_equal(run_until(r, TRANSFER_STOPPED), S_OK);
        assert_int_equal(r->file.done_bytes, 0);
}

static void a_worker_may_end_with_work_in_hand(void **state)
{
        Rig *r = *state;

        r->file.remote = mem_strdup("http://192.0.2.1/never");
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        assert_int_equal(
                worker_msg_encode_bulk(&r->link.out, ++r->op, WORKER_BULK_DISCARD, &r->job), 0);
        assert_true(worker_link_flush(&r->link) >= 0);
        assert_true(sd_event_run(r->loop, WAIT_USEC) > 0);
}

/* Sound for each packet of an upload of FILE_TEXT, and an empty reply. */
#define ACK                                                                                        \
        "HTTP/1.1 200 OK\r\nBITS-Packet-Type: Ack\r\nContent-Length: 0\r\n"                        \
        "BITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\nBITS-Session-Id: {1}\r\n"        \
        "BITS-Received-Content-Range: 10\r\nBITS-Reply-URL: /reply\r\n\r\n"

static void make_upload(Rig *r, BG_JOB_TYPE type, const char *answer)
{
        FILE *f = fopen(r->local, "w");

        assert_non_null(f);
        assert_true(fputs(FILE_TEXT, f) >= 0);
        assert_int_equal(fclose(f), 0);
        serve(r, answer);
        (void) snprintf(r->reply_local, sizeof(r->reply_local), "%s/reply", r->dir);
        r->reply = (JobFile){
                .index = JOB_REPLY_INDEX,
                .remote = (char *) "",
                .local = r->reply_local,
                .size_bytes = BG_SIZE_UNKNOWN,
                .modified_sec = FILE_NO_TIME,
        };
        r->job.type = type;
        r->job.reply = type == BG_JOB_TYPE_UPLOAD_REPLY ? &r->reply : NULL;
}

static void an_upload_goes_all_the_way(void **state)
{
        Rig *r = *state;
        struct stat st;

        make_upload(r, BG_JOB_TYPE_UPLOAD_REPLY, ACK);
        assert_int_equal(fetch(r, TRANSFER_DONE), S_OK);
        assert_int_equal(r->file.done_bytes, 10);
        assert_int_equal(bulk(r, WORKER_BULK_PUBLISH, TRANSFER_PUBLISHED), S_OK);
        assert_int_equal(stat(r->reply_local, &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(fetch(r, TRANSFER_DONE), S_OK); /* closed already: nothing is sent */
}

static void an_upload_without_a_source_fails_at_once(void **state)
{
        Rig *r = *state;

        make_upload(r, BG_JOB_TYPE_UPLOAD, ACK);
        assert_int_equal(unlink(r->local), 0);
        assert_int_equal(fetch(r, TRANSFER_FAILED), HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND));
}

static void an_upload_may_be_refused_and_stopped(void **state)
{
        Rig *r = *state;

        make_upload(r, BG_JOB_TYPE_UPLOAD,
                    "HTTP/1.1 403 No\r\nBITS-Packet-Type: Ack\r\nContent-Length: 0\r\n\r\n");
        assert_int_equal(fetch(r, TRANSFER_FAILED), BG_E_HTTP_ERROR_403);
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        worker_msg_encode_stop(&r->link.out, r->op);
        assert_int_equal(run_until(r, TRANSFER_STOPPED), S_OK);
}

static void an_upload_may_be_cut_by_the_end(void **state)
{
        Rig *r = *state;

        make_upload(r, BG_JOB_TYPE_UPLOAD_REPLY, ACK);
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        (void) run_until(r, TRANSFER_UPLOADED);
        r->hold = true;
        (void) run_until(r, TRANSFER_REPLY); /* … and waits for the store for ever */
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        (void) run_until(r, TRANSFER_CONNECTED);
}

static void a_farewell_is_answered(void **state)
{
        Rig *r = *state;

        make_upload(r, BG_JOB_TYPE_UPLOAD, ACK);
        worker_msg_encode_farewell(&r->link.out, ++r->op, &r->job, NULL); /* no session yet */
        assert_int_equal(run_until(r, TRANSFER_FAREWELL), S_OK);
        worker_msg_encode_start(&r->link.out, ++r->op, &r->job, &r->file, NULL);
        (void) run_until(r, TRANSFER_SESSION);
        worker_msg_encode_stop(&r->link.out, r->op);
        (void) run_until(r, TRANSFER_STOPPED);
        worker_msg_encode_farewell(&r->link.out, ++r->op, &r->job, NULL);
        assert_int_equal(run_until(r, TRANSFER_FAREWELL), S_OK);
        worker_msg_encode_farewell(&r->link.out, ++r->op, &r->job,
                                   NULL); /* and is freed under it */
        assert_true(worker_link_flush(&r->link) >= 0);
        assert_true(sd_event_run(r->loop, WAIT_USEC) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_download_goes_all_the_way),
                TEST(a_failed_download_leaves_nothing),
                TEST(a_download_may_be_cut_by_the_end),
                TEST(a_background_download_keeps_to_limits),
                TEST(a_redirect_to_itself_ends),
                TEST(a_local_copy_goes_all_the_way),
                TEST(a_stop_is_answered),
                TEST(a_worker_may_end_with_work_in_hand),
                TEST(an_upload_goes_all_the_way),
                TEST(an_upload_without_a_source_fails_at_once),
                TEST(an_upload_may_be_refused_and_stopped),
                TEST(an_upload_may_be_cut_by_the_end),
                TEST(a_farewell_is_answered),
        };

        if (curl_global_init(CURL_GLOBAL_DEFAULT))
                return EXIT_FAILURE;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
