/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/upload.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "proto/bup_client.h"
#include "proto/bup_url.h"
#include "transfer/http_post.h"
#include "transfer/http_url.h"
#include "transfer/transfer_error.h"
#include "transfer/upload_reply.h"
#include "transfer/upload_report.h"
#include "transfer/upload_source.h"

typedef struct Upload {
        Fetch fetch;
        FetchHost host;
        WorkerStart start; /* owned */
        bool farewell;     /* the session is cancelled, and nobody waits for more */
        ProxyPlan proxies;
        BupClient client;
        int source_fd; /* -1: not open, or not needed any more */
        UploadReport report;
        HttpPost *post;
        UploadReply *reply;
        sd_event_source *turn; /* the first step, since no end may come from inside start */
        BupDo todo;            /* what is being done */
        bool saving;           /* … once the broker has stored the session */
        bool new_session;      /* … which has to be stored before anything is sent in it */
        bool sending;
        bool near; /* the destination is this machine or its link, so that others may be, too */
} Upload;

static uint64_t wall_usec(void)
{
        return clock_wall_usec(&CLOCK_SYSTEM);
}

/* Every way to end: the last events, after which the upload is gone. */

static void emit_end(Upload *u, TransferEvent *ev)
{
        int r;

        if (!u->farewell) {
                if (!u->new_session || !upload_report_save(&u->report, &r))
                        upload_report_session(&u->report, false);
                upload_report_progress(&u->report);
        }
        u->host.emit(u->host.ctx, ev);
}

static void fail(Upload *u, const JobError *error)
{
        TransferEvent ev =
                upload_report_event(&u->report, u->farewell ? TRANSFER_FAREWELL : TRANSFER_FAILED);

        ev.error = *error;
        ev.error.file_index = u->farewell ? JOB_NO_FILE : 0;
        ev.result = error->code;
        if (u->farewell && error->fatal) { /* another try would end like this one */
                log_info("worker: an upload session was not cancelled: %s", error->text);
                ev.error = (JobError){.file_index = JOB_NO_FILE};
                ev.result = S_OK;
        }
        emit_end(u, &ev);
}

/* The reply of a job whose server gave none. One that was fetched and is lost is another matter: an
 * empty file in its place would be a lie. */
static void report_no_reply(Upload *u)
{
        TransferEvent ev = upload_report_event(&u->report, TRANSFER_REPLY);

        if (u->start.reply.whole || u->report.replied || u->client.state.reply_url[0] != '\0')
                return;
        u->report.replied = true;
        ev.file_index = JOB_REPLY_INDEX;
        ev.size_bytes = ev.done_bytes = ev.synced_bytes = 0;
        u->host.emit(u->host.ctx, &ev);
}

/* What the machine has reached, told once each. */
static void report_phase(Upload *u)
{
        const BupClientState *s = &u->client.state;

        if (u->farewell || (!s->all_acked && s->phase != BUP_PHASE_CLOSED))
                return;
        upload_report_connected(&u->report);
        upload_report_uploaded(&u->report);
        if (s->wants_reply && s->reply_done)
                report_no_reply(u);
}

static void succeed(Upload *u)
{
        TransferEvent ev;

        if (u->farewell) {
                ev = upload_report_event(&u->report, TRANSFER_FAREWELL);
        } else {
                report_phase(u);
                ev = upload_report_event(&u->report, TRANSFER_DONE);
                ev.done_bytes = ev.synced_bytes = ev.size_bytes;
        }
        emit_end(u, &ev);
}

/* What an outcome says becomes an error; text, host and details are those of the request. */
static void fail_by(Upload *u, const BupOutcome *out, const JobError *detail)
{
        JobError e = detail ? *detail : (JobError){.code = S_OK};

        e.code = out->error;
        e.context = out->context;
        e.fatal = out->verdict == BUP_FATAL;
        e.http_status = out->http_status > 0 ? out->http_status : e.http_status;
        e.retry_after_sec = out->retry_after_sec;
        if (e.text[0] == '\0' && out->why)
                (void) str_copy(e.text, sizeof(e.text), out->why);
        transfer_error_set_host(&e, http_post_host(u->post));
        fail(u, &e);
}

static void advance(Upload *u);

/* The source is looked at before anything that relies on it, and for the last time when the server
 * has every byte: after that it may change. */
static bool source_holds(Upload *u)
{
        const BupClientState *s = &u->client.state;
        JobError error;

        if (u->source_fd < 0)
                return true;
        upload_source_check(u->source_fd, s, &error);
        if (error.code != S_OK) {
                fail(u, &error);
                return false;
        }
        if (s->all_acked && s->phase >= BUP_PHASE_REPLY) {
                close_fdp(&u->source_fd);
                u->source_fd = -1;
        }
        return true;
}

static void source_failed(Upload *u, const HttpAnswer *a)
{
        JobError error = {.code = S_OK};

        if (!a->source_shrank)
                upload_source_check(u->source_fd, &u->client.state, &error);
        if (a->source_shrank)
                error = upload_source_changed();
        else if (error.code == S_OK)
                error = a->error;
        fail(u, &error);
}

/* Credentials go only where the job's own URL points, or where the protocol lets its server send
 * us (a host id whose name TLS has verified). */
static bool is_foreign(const Upload *u)
{
        return !u->todo.credentials_ok ||
               !(u->todo.via_host_id || http_url_same_origin(u->start.remote, u->todo.url));
}

static void auth_failed(Upload *u, uint16_t status)
{
        JobError error = http_post_auth_error(u->post, status);

        (void) bup_client_auth_failed(&u->client, status);
        transfer_error_set_host(&error, http_post_host(u->post));
        fail(u, &error);
}

/* `may_go_on`: the protocol has patience for another try. */
static void authenticate(Upload *u, uint16_t status, bool may_go_on)
{
        if (!http_post_authenticate(u->post, status) || !may_go_on)
                auth_failed(u, status);
        else if (source_holds(u))
                advance(u);
}

static void on_answer(void *ctx, const HttpAnswer *a)
{
        Upload *u = ctx;
        uint64_t now = wall_usec();
        BupOutcome out;

        u->sending = false;
        if (a->source_failed) {
                source_failed(u, a);
                return;
        }
        u->near |= a->peer_is_local && !u->todo.via_host_id;
        out = a->answered ? bup_client_ack(&u->client, &a->ack, &a->exchange, now)
                          : bup_client_failed(&u->client, &a->failure, now);
        if (out.verdict == BUP_AUTHENTICATE ||
            ((out.http_status == 401 || out.http_status == 407) &&
             out.context != BG_ERROR_CONTEXT_REMOTE_APPLICATION)) {
                authenticate(u, out.http_status, out.verdict == BUP_AUTHENTICATE);
                return;
        }
        if (out.restarted || out.moved)
                log_debug("worker: upload: %s, now at %llu", out.why ?: "the offset moved",
                          (unsigned long long) u->client.state.offset_bytes);
        if (!u->farewell && a->answered && a->ack.is_ack && out.verdict == BUP_GO_ON)
                upload_report_connected(&u->report);
        if (out.verdict != BUP_GO_ON) {
                report_phase(u);
                fail_by(u, &out, a->answered ? NULL : &a->error);
                return;
        }
        if (!source_holds(u))
                return;
        if (u->todo.request.type == BUP_CREATE_SESSION && u->client.state.session_id[0] != '\0')
                u->new_session = u->client.state.source.size_bytes > 0; /* else its Close is */
        if (!u->farewell && !u->new_session)
                upload_report_session(&u->report, !out.save && !out.restarted);
        report_phase(u);
        advance(u);
}

static uint32_t shorter(uint32_t usual_sec, uint32_t configured_sec)
{
        return configured_sec > 0 ? MIN(usual_sec, configured_sec) : usual_sec;
}

static void send_packet(Upload *u)
{
        const TransferConfig *config = u->host.http->config;
        HttpPacket packet = {
                .url = u->todo.url,
                .request = &u->todo.request,
                .source_fd = u->source_fd,
                .send_timeout_sec = shorter(BUP_SEND_TIMEOUT_SEC, config->upload_send_timeout_sec),
                .response_timeout_sec =
                        shorter(u->todo.response_timeout_sec, config->upload_response_timeout_sec),
                .foreign = is_foreign(u),
                .keep_out = u->todo.via_host_id && !u->near,
        };
        JobError error;
        int r;

        if (!source_holds(u))
                return;
        r = http_post_send(u->post, &packet);
        if (r < 0) {
                error = fetch_url_error(r);
                fail(u, &error);
                return;
        }
        u->sending = true;
}

static void on_reply_done(void *ctx, const JobError *error)
{
        Upload *u = ctx;
        BupOutcome out;
        JobError e;

        if (error)
                e = *error; /* it is part of what is freed now */
        u->reply = upload_reply_free(u->reply);
        if (!error) {
                u->report.replied = true;
                (void) bup_client_reply_done(&u->client);
                advance(u);
        } else if (e.http_status > 0) {
                out = bup_client_reply_failed(&u->client, (uint16_t) e.http_status,
                                              e.retry_after_sec);
                e.code = out.error;
                e.fatal = out.verdict == BUP_FATAL;
                fail(u, &e);
        } else {
                fail(u, &e);
        }
}

static void fetch_reply(Upload *u)
{
        const UploadReplyHost host = {&u->host, on_reply_done, u};
        JobError error;

        report_phase(u);
        if (upload_reply_start(&host, &u->start, u->todo.url, is_foreign(u),
                               !u->todo.credentials_ok && !u->near, &u->reply, &error) != 0)
                fail(u, &error);
}

static void advance(Upload *u)
{
        JobError error = fetch_no_memory();
        int r = bup_client_next(&u->client, wall_usec(), &u->todo);

        if (r == 0 && (u->todo.save || u->new_session) && !u->farewell)
                u->saving = upload_report_save(&u->report, &r);
        if (r < 0) {
                fail(u, &error);
                return;
        }
        u->new_session = false;
        if (u->saving)
                return; /* session_stored() goes on */
        switch (u->todo.kind) {
        case BUP_DO_SEND:
                send_packet(u);
                break;
        case BUP_DO_GET_REPLY:
                fetch_reply(u);
                break;
        case BUP_DO_NOTHING:
                succeed(u);
                break;
        case BUP_DO_STOP: /* only after an outcome that ended all */
                error = transfer_error_make(E_UNEXPECTED, BG_ERROR_CONTEXT_GENERAL_TRANSPORT, false,
                                            "the upload stopped by itself");
                fail(u, &error);
                break;
        }
}

static int on_turn(sd_event_source *source, void *userdata)
{
        advance(userdata);
        return 0;
}

static Fetch *upload_free(Fetch *f)
{
        Upload *u = (Upload *) f;

        sd_event_source_disable_unref(u->turn);
        upload_reply_free(u->reply);
        http_post_free(u->post);
        bup_client_done(&u->client);
        upload_report_done(&u->report);
        proxy_plan_done(&u->proxies);
        worker_start_done(&u->start);
        close_fdp(&u->source_fd);
        mem_free(u);
        return NULL;
}

static void upload_stop(Fetch *f)
{
        Upload *u = (Upload *) f;
        TransferEvent ev;

        if (u->farewell)
                return; /* nobody asks; it ends by itself */
        if (u->sending)
                http_post_cancel(u->post);
        if (u->reply)
                u->reply = upload_reply_stop(u->reply);
        ev = upload_report_event(&u->report, TRANSFER_STOPPED);
        emit_end(u, &ev);
}

static void upload_tick(Fetch *f)
{
        Upload *u = (Upload *) f;

        if (u->reply)
                upload_reply_tick(u->reply);
        if (u->farewell || u->saving)
                return;
        upload_report_session(&u->report, false);
        upload_report_progress(&u->report);
}

static void upload_session_stored(Fetch *f)
{
        Upload *u = (Upload *) f;

        if (!u->saving) {
                if (u->reply) /* no session is stored while it is fetched */
                        upload_reply_stored(u->reply);
                return;
        }
        u->saving = false;
        upload_report_stored(&u->report);
        advance(u);
}

static const FetchType UPLOAD = {upload_free, upload_stop, upload_tick, upload_session_stored};

/* Where the last attempt stood. What cannot be read is no session. */
static bool known_session(const WorkerStart *s, BupClientState *ret)
{
        return s->session_bytes > 0 &&
               bup_client_state_decode(s->session, s->session_bytes, ret) == 0 &&
               ret->wants_reply == s->has_reply;
}

/* The session says that the reply was fetched, but the job does not have it (any more): as long as
 * the server may know the session, it is fetched once more. */
static void take_up_reply(const WorkerStart *start, BupClientState *state)
{
        if (state->reply_done && state->phase == BUP_PHASE_CLOSE && state->all_acked &&
            state->reply_url[0] != '\0' && !start->reply.whole) {
                state->reply_done = false;
                state->phase = BUP_PHASE_REPLY;
        }
}

/* A file that the server has whole is not needed any more; it may even be gone. */
static void open_source(Upload *u, bool known, BupClientState *state, JobError *ret_error)
{
        BupSource source;

        if (known && state->all_acked && state->phase >= BUP_PHASE_REPLY)
                return;
        if (known && state->phase == BUP_PHASE_CLOSED)
                return;
        upload_source_open(u->start.local, &u->source_fd, &source, ret_error);
        if (ret_error->code != S_OK)
                return;
        if (!known)
                bup_client_state_init(state, &source, u->start.has_reply);
        else if (bup_client_state_source_changed(state, &source))
                *ret_error = upload_source_changed();
}

static void init_client(Upload *u, const BupClientState *state)
{
        uint32_t fragment_bytes = u->host.http->config->upload_fragment_bytes;
        const char *leaf = strrchr(u->start.local, '/');
        const BupClientConfig config = {
                .url = u->start.remote,
                .content_name = leaf ? leaf + 1 : u->start.local,
                .fragment_start_bytes = fragment_bytes,
                .fragment_cap_bytes = fragment_bytes,
                .has_credentials = u->start.credentials && u->start.credentials->slots_len > 0,
                .reply_optional = u->start.reply_optional,
        };

        bup_client_init(&u->client, &config, state);
        bup_client_start(&u->client);
        if (u->farewell)
                bup_client_cancel(&u->client);
        upload_report_init(&u->report, &u->host, &u->start, &u->client.state);
        u->near = http_url_is_local(u->start.remote);
}

static Upload *new_upload(const FetchHost *host, WorkerStart *take_start)
{
        Upload *u = mem_new(Upload);

        if (!u)
                return NULL;
        u->fetch.type = &UPLOAD;
        u->host = *host;
        u->source_fd = -1;
        u->start = *take_start;
        *take_start = (WorkerStart){0};
        return u;
}

/* 0, or 1 with *ret_error. Either way `f` is as far as it got. */
static int set_going(Upload *u, const BupClientState *state, JobError *ret_error)
{
        init_client(u, state);
        if (fetch_init_proxies(&u->start, &u->proxies, ret_error) != 0)
                return 1;
        if (http_post_new(u->host.http, &u->proxies, u->start.credentials, u->start.pace, on_answer,
                          u, &u->post) < 0 ||
            sd_event_add_defer(u->host.loop, &u->turn, on_turn, u) < 0) {
                *ret_error = fetch_no_memory();
                return 1;
        }
        return 0;
}

int upload_start(const FetchHost *host, WorkerStart *take_start, Fetch **ret, JobError *ret_error)
{
        _cleanup_(fetch_freep) Fetch *f = NULL;
        Upload *u = new_upload(host, take_start);
        BupClientState state;
        bool known;

        *ret_error = (JobError){.code = S_OK};
        if (!u) {
                *ret_error = fetch_no_memory();
                return 1;
        }
        f = &u->fetch;
        known = known_session(&u->start, &state);
        if (known)
                take_up_reply(&u->start, &state);
        open_source(u, known, &state, ret_error);
        if (ret_error->code != S_OK || set_going(u, &state, ret_error) != 0)
                return 1;
        *ret = TAKE_PTR(f);
        return 0;
}

int upload_farewell(const FetchHost *host, WorkerStart *take_start, Fetch **ret,
                    JobError *ret_error)
{
        _cleanup_(fetch_freep) Fetch *f = NULL;
        Upload *u = new_upload(host, take_start);
        BupClientState state;

        *ret_error = (JobError){.code = S_OK};
        if (!u) {
                *ret_error = fetch_no_memory();
                return 1;
        }
        f = &u->fetch;
        u->farewell = true;
        if (!known_session(&u->start, &state))
                return 1;
        if (set_going(u, &state, ret_error) != 0)
                return 1;
        *ret = TAKE_PTR(f);
        return 0;
}
