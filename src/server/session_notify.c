/* SPDX-License-Identifier: Apache-2.0 */
/* The application is told, its reply is put where the client can fetch it, and only when that is on
 * disk does the session go on. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "server/reply.h"
#include "server/session_io.h"
#include "server/session_table.h"

#define STATUS_OK 200

static void end(Session *s, const BupResult *result)
{
        session_operation_ended(s, result);
        mem_free(TAKE_PTR(s->reply_url));
        session_unpin(s);
}

static uint64_t file_length(const Session *s, SessionFile file)
{
        _cleanup_close_ int fd = session_store_open_file(s->store, &s->id, file, O_RDONLY);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t) st.st_size : 0;
}

/* The reply file that the application wrote, else the body it answered with, else nothing, which is
 * a reply as well. */
static int choose_reply(Session *s, uint64_t body_bytes)
{
        if (file_length(s, SESSION_REPLY) == 0 && body_bytes > 0)
                return session_store_move(s->store, &s->id, SESSION_BODY, SESSION_REPLY);
        session_store_remove(s->store, &s->id, SESSION_BODY);
        return 0;
}

static int name_reply(Session *s)
{
        _cleanup_(buf_done) Buf url;
        int r;

        buf_init(&url, BUP_REPLY_URL_BYTES);
        r = session_table_name_reply(s->table, s);
        if (r == 0)
                r = reply_url_build(s->site, s->label.reply_name, s->label.url, &url);
        if (r < 0)
                return r;
        s->reply_url = buf_take_str(&url);
        return s->reply_url ? 0 : -ENOMEM;
}

static void on_reply_durable(void *ctx, int result)
{
        Session *s = ctx;
        BupResult outcome = {
                .why = result < 0 ? session_io_refusal(result) : BUP_FINE,
                .application_status = STATUS_OK,
                .copies = s->copies,
                .reply_url = s->reply_url,
        };

        end(s, &outcome);
}

static int keep_reply(Session *s, const BackendResponse *response)
{
        int r = choose_reply(s, response->body_bytes);
        int fd;

        if (r == 0)
                r = name_reply(s);
        if (r < 0)
                return r;
        fd = session_store_open_file(s->store, &s->id, SESSION_REPLY, O_RDONLY);
        if (fd < 0)
                return fd;
        s->copies = response->copies;
        return sync_queue_add_take(s->world->sync, fd, false, on_reply_durable, s);
}

static void drop_reply(const Session *s)
{
        session_store_remove(s->store, &s->id, SESSION_REPLY);
        session_store_remove(s->store, &s->id, SESSION_BODY);
}

static void on_response(void *ctx, const BackendResponse *response)
{
        Session *s = ctx;
        BupResult result = {.why = response->why,
                            .application_status = response->status,
                            .copies = response->copies};
        char text[SESSION_TEXT_BYTES];
        int r;

        if (response->why != BUP_FINE || response->status != STATUS_OK) {
                s->world->metrics->notification_failures++;
                log_warning("%s: the application of [site %s] did not take it: %s (status %u); the "
                            "client is told",
                            session_describe(s, text), s->site->prefix,
                            bup_refusal_text(response->why), response->status);
                drop_reply(s);
        } else if (response->static_url_is_bad) {
                log_error("%s: the application of [site %s] named a static reply that is no "
                          "absolute URL of at most %d characters; mend the application",
                          session_describe(s, text), s->site->prefix, BUP_REPLY_URL_MAX_CHARS);
                result.why = BUP_URL_TOO_LONG;
                drop_reply(s);
        } else if (*response->static_url) {
                result.reply_url = response->static_url;
                drop_reply(s);
        } else {
                r = keep_reply(s, response);
                if (r == 0)
                        return;
                result.why = session_io_refusal(r);
        }
        end(s, &result);
}

/* Fresh, empty files: an earlier call may have left its own behind. */
static int create_reply_files(const Session *s)
{
        int r;

        drop_reply(s);
        r = session_store_create(s->store, &s->id, SESSION_REPLY);
        return r < 0 ? r : session_store_create(s->store, &s->id, SESSION_BODY);
}

static int call_application(Session *s)
{
        _cleanup_close_ int data_fd =
                session_store_open_file(s->store, &s->id, SESSION_DATA, O_RDONLY);
        _cleanup_free_ char *data = session_store_file_path(s->store, &s->id, SESSION_DATA);
        _cleanup_free_ char *reply = session_store_file_path(s->store, &s->id, SESSION_REPLY);
        _cleanup_close_ int body_fd = -1;
        BackendRequest request;
        int r = data_fd < 0 ? data_fd : create_reply_files(s);

        if (r < 0)
                return r;
        body_fd = session_store_open_file(s->store, &s->id, SESSION_BODY, O_WRONLY);
        if (body_fd < 0)
                return body_fd;
        if (!data || !reply)
                return -ENOMEM;
        request = (BackendRequest){
                .url = s->site->notification_url,
                .origin = *s->config->public_url ? s->config->public_url : s->world->local_origin,
                .ca_file = s->site->notification_ca_file,
                .type = s->site->notification,
                .original_url = s->label.url,
                .session_id = s->server.session.id,
                .content_name = s->server.session.content_name,
                .user = s->label.owner,
                .data_path = data,
                .reply_path = reply,
                .data_fd = data_fd,
                .data_bytes = s->server.session.total_bytes,
                .body_fd = body_fd,
                .max_body_bytes = s->site->max_reply_bytes,
                .timeout_sec = s->site->notification_timeout_sec,
        };
        return backend_start(s->world->backend, &request, on_response, s);
}

bool session_notify(Session *s, BupResult *ret)
{
        int r = call_application(s);
        char text[SESSION_TEXT_BYTES];

        s->world->metrics->notifications++;
        if (r < 0) {
                log_error("%s: the application of [site %s] cannot be called: %s",
                          session_describe(s, text), s->site->prefix, strerror(-r));
                s->world->metrics->notification_failures++;
                ret->why = session_io_refusal(r);
                return true;
        }
        session_pin(s);
        return false;
}
