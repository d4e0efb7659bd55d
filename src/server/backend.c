/* SPDX-License-Identifier: Apache-2.0 */
#include "server/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "server/backend_url.h"
#include "transfer/event_curl.h"

#define CONNECTIONS_PER_HOST 16L
#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)
#define STATUS_OK 200
#define URL_SHOWN_BYTES 200

struct Backend {
        sd_event *loop;  /* borrowed */
        EventCurl *curl; /* made for the first call: a server without applications has none */
        List running;
        List waiting;
        unsigned n_running;
};

typedef struct BackendCall {
        List link;
        Backend *backend;
        CURL *easy;
        struct curl_slist *fields;
        EventCurlTransfer transfer;
        sd_event_source *timer;
        uint64_t timeout_usec;
        uint64_t deadline_mono;
        bool response_began;
        int data_fd;
        uint64_t data_bytes;
        uint64_t sent_bytes;
        int body_fd;
        uint64_t max_body_bytes;
        BackendResponse response;
        BackendDone done;
        void *ctx;
} BackendCall;

static BackendCall *backend_call_free(BackendCall *call)
{
        list_remove(&call->link);
        if (call->backend->curl && call->easy)
                event_curl_remove(call->backend->curl, call->easy, &call->transfer);
        if (call->transfer.ctx)
                call->backend->n_running--;
        curl_easy_cleanup(call->easy);
        curl_slist_free_all(call->fields);
        sd_event_source_disable_unref(call->timer);
        close_fdp(&call->data_fd);
        close_fdp(&call->body_fd);
        mem_free(call);
        return NULL;
}
DEFINE_CLEANUP(BackendCall *, backend_call_free)

static void start_waiting(Backend *b);

static void finish(BackendCall *call)
{
        BackendResponse response = call->response;
        BackendDone done = call->done;
        Backend *b = call->backend;
        void *ctx = call->ctx;

        backend_call_free(call);
        start_waiting(b);
        done(ctx, &response);
}

static void push_deadline(BackendCall *call)
{
        call->deadline_mono = clock_mono_usec(&CLOCK_SYSTEM) + call->timeout_usec;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        BackendCall *call = userdata;
        uint64_t now_mono = clock_mono_usec(&CLOCK_SYSTEM);

        if (now_mono < call->deadline_mono) { /* it moved on meanwhile */
                if (sd_event_source_set_time_relative(source, call->deadline_mono - now_mono) < 0)
                        return 0;
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
                return 0;
        }
        call->response.why = BUP_APPLICATION_TIMED_OUT;
        finish(call);
        return 0;
}

static size_t on_send(char *data, size_t size, size_t n, void *userdata)
{
        BackendCall *call = userdata;
        size_t bytes = (size_t) MIN(size * n, call->data_bytes - call->sent_bytes);
        ssize_t got = pread(call->data_fd, data, bytes, (off_t) call->sent_bytes);

        if (got < 0 || (got == 0 && bytes > 0)) {
                call->response.why = BUP_IO_ERROR;
                return CURL_READFUNC_ABORT;
        }
        call->sent_bytes += (uint64_t) got;
        push_deadline(call);
        return (size_t) got;
}

/* For a connection that died before it was used: the request is sent again on a new one. */
static int on_seek(void *userdata, curl_off_t offset, int origin)
{
        BackendCall *call = userdata;

        if (origin != SEEK_SET || offset < 0 || (uint64_t) offset > call->data_bytes)
                return CURL_SEEKFUNC_FAIL;
        call->sent_bytes = (uint64_t) offset;
        return CURL_SEEKFUNC_OK;
}

/* Without the query, which clients may have written. */
static const char *url_of(const BackendCall *call, char text[URL_SHOWN_BYTES])
{
        char *url = NULL;

        (void) curl_easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &url);
        (void) str_escape(text, URL_SHOWN_BYTES, url ?: "?");
        text[strcspn(text, "?")] = '\0';
        return text;
}

static size_t on_receive(char *data, size_t size, size_t n, void *userdata)
{
        BackendCall *call = userdata;
        size_t bytes = size * n;
        char text[URL_SHOWN_BYTES];

        if (bytes > call->max_body_bytes - call->response.body_bytes) {
                log_error("the reply of the application at %s is larger than MaximumReplySize "
                          "(%" PRIu64 " bytes)",
                          url_of(call, text), call->max_body_bytes);
                return 0;
        }
        for (size_t left = bytes; left > 0;) {
                ssize_t put = pwrite(call->body_fd, data, left, (off_t) call->response.body_bytes);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put <= 0) {
                        call->response.why = errno == ENOSPC || errno == EDQUOT || errno == EFBIG
                                                     ? BUP_DISK_FULL
                                                     : BUP_IO_ERROR;
                        return 0;
                }
                data += put;
                left -= (size_t) put;
                call->response.body_bytes += (uint64_t) put;
        }
        return bytes;
}

/* The value of line "Name: value CR LF", or NULL when that is another field. */
static const char *value_of(const char *line, const char *name)
{
        size_t bytes = strlen(name);

        if (!str_starts_with_nocase(line, name) || line[bytes] != ':')
                return NULL;
        line += bytes + 1;
        return line + strspn(line, " \t");
}

static size_t on_field(char *data, size_t size, size_t n, void *userdata)
{
        BackendCall *call = userdata;
        char line[BACKEND_STATIC_URL_BYTES + 64];
        size_t bytes = size * n, kept = MIN(bytes, sizeof(line) - 1);
        const char *value;

        memcpy(line, data, kept);
        while (kept > 0 && strchr("\r\n \t", line[kept - 1]))
                kept--;
        line[kept] = '\0';
        if (!call->response_began)
                push_deadline(call);
        call->response_began = true;
        if (value_of(line, "BITS-Copy-File-To-Destination"))
                call->response.copies = true;
        value = value_of(line, "BITS-Static-Response-URL");
        if (value && *value) {
                call->response.static_url_is_bad = !backend_url_is_static(value);
                if (!call->response.static_url_is_bad)
                        (void) str_copy(call->response.static_url,
                                        sizeof(call->response.static_url), value);
        }
        return bytes;
}

static void on_done(void *ctx, CURLcode code)
{
        BackendCall *call = ctx;
        char text[URL_SHOWN_BYTES];
        long status = 0;

        if (code == CURLE_OK)
                (void) curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        else if (code == CURLE_OPERATION_TIMEDOUT)
                call->response.why = BUP_APPLICATION_TIMED_OUT;
        else if (code == CURLE_OUT_OF_MEMORY)
                call->response.why = BUP_NO_MEMORY;
        else
                log_warning(
                        "the application at %s cannot be called: %s; look whether it runs, and at "
                        "BITSServerNotificationURL",
                        url_of(call, text), curl_easy_strerror(code));
        call->response.status = (uint16_t) (status > 0 && status < 1000 ? status : 0);
        finish(call);
}

static bool is_header_text(const char *s)
{
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        return false;
        return true;
}

/* Empty values are left out. */
static int add_field(BackendCall *call, const char *name, const char *value)
{
        _cleanup_free_ char *line = NULL;
        struct curl_slist *list;

        if (!value || !*value || !is_header_text(value))
                return 0;
        line = mem_printf("%s: %s", name, value);
        list = line ? curl_slist_append(call->fields, line) : NULL;
        if (!list)
                return -ENOMEM;
        call->fields = list;
        return 0;
}

static int add_fields(BackendCall *call, const BackendRequest *request)
{
        bool by_value = request->type == BUP_NOTIFY_BY_VALUE;
        struct curl_slist *list = curl_slist_append(NULL, "Expect:");
        int r;

        if (!list)
                return -ENOMEM;
        call->fields = list;
        r = add_field(call, "Content-Type", by_value ? "application/octet-stream" : "text/plain");
        if (r == 0)
                r = add_field(call, "BITS-Original-Request-URL", request->original_url);
        if (r == 0)
                r = add_field(call, "BITS-Session-Id", request->session_id);
        if (r == 0)
                r = add_field(call, "Idempotency-Key", request->session_id);
        if (r == 0)
                r = add_field(call, "BITS-Content-Name", request->content_name);
        if (r == 0)
                r = add_field(call, "BITS-Remote-User", request->user);
        if (r == 0 && !by_value)
                r = add_field(call, "BITS-Request-DataFile-Name", request->data_path);
        if (r == 0 && !by_value)
                r = add_field(call, "BITS-Response-DataFile-Name", request->reply_path);
        return r;
}

static bool set_body(BackendCall *call, const BackendRequest *request)
{
        CURL *e = call->easy;

        if (request->type != BUP_NOTIFY_BY_VALUE)
                return !curl_easy_setopt(e, CURLOPT_POSTFIELDS, "") &&
                       !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, 0L);
        return !curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send) &&
               !curl_easy_setopt(e, CURLOPT_READDATA, call) &&
               !curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek) &&
               !curl_easy_setopt(e, CURLOPT_SEEKDATA, call) &&
               !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->data_bytes);
}

static bool set_options(BackendCall *call, const BackendRequest *request, const char *url,
                        const char *socket)
{
        CURL *e = call->easy;

        return !curl_easy_setopt(e, CURLOPT_URL, url) &&
               (!*socket || !curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, socket)) &&
               (!*request->ca_file || !curl_easy_setopt(e, CURLOPT_CAINFO, request->ca_file)) &&
               !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") &&
               !curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) &&
               !curl_easy_setopt(e, CURLOPT_NOPROXY, "*") &&
               !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
               !curl_easy_setopt(e, CURLOPT_USERAGENT, "bitssrv/" BITSSRV_VERSION) &&
               !curl_easy_setopt(e, CURLOPT_POST, 1L) &&
               !curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->fields) &&
               !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_field) &&
               !curl_easy_setopt(e, CURLOPT_HEADERDATA, call) &&
               !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_receive) &&
               !curl_easy_setopt(e, CURLOPT_WRITEDATA, call) && set_body(call, request);
}

static int keep_descriptor(int fd, int *ret)
{
        if (fd < 0)
                return 0;
        *ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return *ret < 0 ? -errno : 0;
}

static int prepare(BackendCall *call, const BackendRequest *request)
{
        _cleanup_(buf_done) Buf url, socket;
        int r;

        buf_init(&url, BACKEND_URL_MAX_BYTES);
        buf_init(&socket, BACKEND_URL_MAX_BYTES);
        r = backend_url_build(request->url, request->original_url, request->origin, &url, &socket);
        if (r == 0)
                r = keep_descriptor(request->data_fd, &call->data_fd);
        if (r == 0)
                r = keep_descriptor(request->body_fd, &call->body_fd);
        if (r < 0)
                return r;
        call->easy = curl_easy_init();
        if (!call->easy || !buf_cstr(&url) || (socket.len > 0 && !buf_cstr(&socket)))
                return -ENOMEM;
        r = add_fields(call, request);
        if (r < 0)
                return r;
        return set_options(call, request, buf_cstr(&url), socket.len > 0 ? buf_cstr(&socket) : "")
                       ? 0
                       : -ENOMEM;
}

static int start_one(BackendCall *call)
{
        Backend *b = call->backend;
        int r;

        push_deadline(call);
        r = sd_event_add_time_relative(b->loop, &call->timer, CLOCK_BOOTTIME, call->timeout_usec,
                                       TIMER_ACCURACY_USEC, on_timer, call);
        if (r < 0)
                return r;
        call->transfer = (EventCurlTransfer){.done = on_done, .ctx = call};
        b->n_running++;
        list_remove(&call->link);
        list_append(&b->running, &call->link);
        return event_curl_add(b->curl, call->easy, &call->transfer);
}

static void start_waiting(Backend *b)
{
        while (!list_is_empty(&b->waiting) && b->n_running < BACKEND_CALLS_MAX) {
                BackendCall *call = list_item(b->waiting.next, BackendCall, link);

                if (start_one(call) < 0) { /* curl has no other reason */
                        call->response.why = BUP_NO_MEMORY;
                        finish(call);
                        return;
                }
        }
}

int backend_new(sd_event *loop, Backend **ret)
{
        Backend *b = mem_new(Backend);

        if (!b)
                return -ENOMEM;
        b->loop = loop;
        list_init(&b->running);
        list_init(&b->waiting);
        *ret = b;
        return 0;
}

static void end_all(List *calls)
{
        LIST_FOREACH (it, calls)
                backend_call_free(list_item(it, BackendCall, link));
}

Backend *backend_free(Backend *b)
{
        if (!b)
                return NULL;
        end_all(&b->waiting);
        end_all(&b->running);
        if (b->curl) {
                event_curl_free(b->curl);
                curl_global_cleanup();
        }
        mem_free(b);
        return NULL;
}

static int start_curl(Backend *b)
{
        if (b->curl)
                return 0;
        if (event_curl_global_init() != CURLE_OK)
                return -ENOMEM;
        return event_curl_new(b->loop, CONNECTIONS_PER_HOST, &b->curl);
}

int backend_start(Backend *b, const BackendRequest *request, BackendDone done, void *ctx)
{
        _cleanup_(backend_call_freep) BackendCall *call = NULL;
        int r = start_curl(b);

        if (r < 0)
                return r;
        call = mem_new(BackendCall);
        if (!call)
                return -ENOMEM;
        list_init(&call->link);
        call->backend = b;
        call->data_fd = call->body_fd = -1;
        call->data_bytes = request->data_bytes;
        call->max_body_bytes = request->max_body_bytes;
        call->timeout_usec = request->timeout_sec * USEC_PER_SEC;
        call->done = done;
        call->ctx = ctx;
        r = prepare(call, request);
        if (r < 0)
                return r;
        if (b->n_running < BACKEND_CALLS_MAX) {
                r = start_one(call);
                if (r < 0)
                        return r;
        } else {
                list_append(&b->waiting, &call->link);
        }
        (void) TAKE_PTR(call);
        return 0;
}
