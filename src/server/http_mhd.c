/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd behind http_front.h; nobody else knows it. Its epoll descriptor sits in our
 * loop, and it is run again as long as it says that it has work (its time-out is 0): without that
 * a large body trickles. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "server/eof_watch.h"
#include "server/framing.h"
#include "server/http_front.h"
#include "server/http_mhd_response.h"
#include "server/http_pace.h"
#include "server/line_end.h"
#include "server/linger.h"

#define RUNS_A_TURN 64
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

typedef enum ExchangePhase {
        EXCHANGE_NEW,  /* the request line is there, the head not yet */
        EXCHANGE_HEAD, /* head() was called */
        EXCHANGE_BODY,
        EXCHANGE_END, /* end() was called */
} ExchangePhase;

typedef struct Exchange Exchange;

typedef struct Connection {
        HttpFront *front;
        int fd; /* the library's, which closes it */
        HttpPeer peer;
        HttpClosed closed;
        void *closed_ctx;
        Exchange *exchange; /* NULL between requests */
        HttpPace pace;      /* and its place in the list of connections */
        EofMark eof;
} Connection;

struct HttpFront {
        sd_event *loop; /* borrowed */
        struct MHD_Daemon *daemon;
        HttpHandler handler;
        HttpPacer pacer;
        Linger *linger;
        EofWatch eofs;
        sd_event_source *io;
        sd_event_source *again; /* the library has work that no descriptor announces */
        size_t n;
        Connection *arriving; /* inside http_front_take() */
        bool reads_line_ends; /* of this version of the library, see line_end.h */
        bool draining;
        bool kicked;
};

struct Exchange {
        HttpExchange shown; /* first: the two are cast into each other */
        Connection *connection;
        struct MHD_Connection *mhd;
        ExchangePhase phase;
        bool held;
        bool suspended; /* the library was told so */
        bool aborted;
        bool patient;
        bool inside; /* a call of the handler is on the stack */
        bool body_left;
        struct MHD_Response *response;
        unsigned status;
        char *target;
        const char *head_end; /* behind the last header value, in the receive buffer */
        BupField fields[HTTP_FIELDS_MAX];
};

static Exchange *exchange_of(HttpExchange *x)
{
        return (Exchange *) x;
}

static void note_line_end(Exchange *x, const char *end)
{
        if (!x->connection->front->reads_line_ends)
                return;
        if (line_end_is_odd(end))
                x->shown.head.odd_lines = true;
        else if (!x->head_end || end > x->head_end)
                x->head_end = end;
}

static Exchange *exchange_free(Exchange *x)
{
        if (x->response)
                MHD_destroy_response(x->response);
        mem_free(x->target);
        mem_free(x);
        return NULL;
}

/* First the library says anything about a request: its undecoded target. */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        Connection *c = info ? info->socket_context : NULL;
        const char *version = uri + strlen(uri) + 1;
        Exchange *x;

        if (!c || c->exchange)
                return NULL;
        x = mem_alloc(sizeof(*x)); /* the array of fields needs no zeros */
        if (!x)
                return NULL;
        memset(x, 0, offsetof(Exchange, fields));
        x->connection = c;
        x->shown.peer = &c->peer;
        x->mhd = mhd;
        x->target = mem_strdup(uri);
        if (!x->target)
                return exchange_free(x);
        if (str_starts_with(version, "HTTP/"))
                note_line_end(x, version + strlen(version));
        else /* a NUL inside the target, or no version at all */
                x->shown.head.odd_lines = c->front->reads_line_ends;
        c->exchange = x;
        return x;
}

static enum MHD_Result take_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                  size_t name_bytes, const char *value, size_t value_bytes)
{
        Exchange *x = cls;

        if (!value)
                value = "";
        else
                note_line_end(x, value + value_bytes);
        if (strlen(name) != name_bytes || strlen(value) != value_bytes)
                x->shown.head.odd_lines = true;
        if (x->shown.head.n_fields == HTTP_FIELDS_MAX) {
                x->shown.head.too_many_fields = true;
                return MHD_NO;
        }
        x->fields[x->shown.head.n_fields++] = (BupField){name, value};
        return MHD_YES;
}

static void begin(Exchange *x, const char *method, const char *version)
{
        x->shown.head.method = method;
        x->shown.head.version = version;
        x->shown.head.target = x->target;
        x->shown.head.fields = x->fields;
        (void) MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, take_field, x);
        if (x->head_end && line_end_closes_no_head(x->head_end))
                x->shown.head.odd_lines = true;
        x->phase = EXCHANGE_HEAD;
        http_pace_enter(&x->connection->pace, HTTP_PACE_EXEMPT);
}

static void suspend(Exchange *x)
{
        x->suspended = true;
        MHD_suspend_connection(x->mhd);
}

static enum MHD_Result after_head(Exchange *x)
{
        if (x->aborted)
                return MHD_NO;
        if (x->response && framing_announces_body(&x->shown.head)) {
                x->body_left = true;
                return MHD_queue_response(x->mhd, x->status, x->response);
        }
        if (x->response) { /* at the end, which comes next: sooner would close the connection */
                x->phase = EXCHANGE_END;
                return MHD_YES;
        }
        if (x->held) {
                suspend(x);
                return MHD_YES;
        }
        x->phase = EXCHANGE_BODY;
        if (!x->patient)
                http_pace_enter(&x->connection->pace, HTTP_PACE_BODY);
        return MHD_YES;
}

static enum MHD_Result after_end(Exchange *x)
{
        if (x->aborted)
                return MHD_NO;
        if (x->response)
                return MHD_queue_response(x->mhd, x->status, x->response);
        suspend(x);
        return MHD_YES;
}

static enum MHD_Result on_body(Exchange *x, const char *data, size_t *bytes)
{
        HttpFront *f = x->connection->front;

        if (x->aborted)
                return MHD_NO;
        if (x->head_end && line_end_cuts_short(x->head_end, data)) {
                log_debug("%s: a bare LF ends the head", x->connection->peer.address);
                return MHD_NO;
        }
        x->head_end = NULL;
        x->connection->pace.window_bytes += *bytes;
        x->inside = true;
        f->handler.body(f->handler.ctx, &x->shown, data, *bytes);
        x->inside = false;
        *bytes = 0;
        return x->aborted ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *bytes, void **con_cls)
{
        Exchange *x = *con_cls;
        HttpFront *f = cls;

        if (!x)
                return MHD_NO;
        x->suspended = false;
        switch (x->phase) {
        case EXCHANGE_NEW:
                begin(x, method, version);
                x->inside = true;
                f->handler.head(f->handler.ctx, &x->shown);
                x->inside = false;
                return after_head(x);
        case EXCHANGE_HEAD:
                return after_head(x);
        case EXCHANGE_BODY:
                if (*bytes > 0)
                        return on_body(x, data, bytes);
                x->phase = EXCHANGE_END;
                http_pace_enter(&x->connection->pace, HTTP_PACE_EXEMPT);
                if (x->aborted)
                        return MHD_NO;
                x->inside = true;
                f->handler.end(f->handler.ctx, &x->shown);
                x->inside = false;
                return after_end(x);
        case EXCHANGE_END:
                return after_end(x);
        }
        return MHD_NO;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                         enum MHD_RequestTerminationCode how)
{
        Exchange *x = *con_cls;
        HttpFront *f = cls;
        Connection *c;

        *con_cls = NULL;
        if (!x)
                return;
        c = x->connection;
        c->exchange = NULL;
        http_pace_enter(&c->pace, HTTP_PACE_IDLE);
        if (x->phase != EXCHANGE_NEW) {
                if (x->body_left)
                        linger_on(f->linger, c->fd);
                f->handler.gone(f->handler.ctx, &x->shown,
                                how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        }
        exchange_free(x);
        if (f->draining)
                (void) shutdown(c->fd, SHUT_RDWR);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
        HttpFront *f = cls;
        Connection *c;

        if (what == MHD_CONNECTION_NOTIFY_STARTED) {
                *socket_context = TAKE_PTR(f->arriving);
                return;
        }
        c = *socket_context;
        *socket_context = NULL;
        if (!c)
                return;
        eof_watch_remove(&f->eofs, c->fd, &c->eof);
        list_remove(&c->pace.link);
        f->n--;
        if (c->closed)
                c->closed(c->closed_ctx, &c->peer);
        mem_free(c);
}

static _printf_(2, 0) void on_library_log(void *cls, const char *fmt, va_list args)
{
        char line[256], safe[512];

        (void) vsnprintf(line, sizeof(line), fmt, args);
        line[strcspn(line, "\n")] = '\0';
        log_debug("http: %s", str_escape(safe, sizeof(safe), line));
}

/* Targets are decoded by us, once. */
static size_t leave_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
        return strlen(text);
}

/* Something was resumed: the library looks at it when it is run, and says nothing by itself. */
static void kick(HttpFront *f)
{
        f->kicked = true;
        (void) sd_event_source_set_enabled(f->again, SD_EVENT_ONESHOT);
}

static bool has_work(HttpFront *f)
{
        MHD_UNSIGNED_LONG_LONG timeout_msec = 1;

        return f->kicked ||
               (MHD_get_timeout(f->daemon, &timeout_msec) == MHD_YES && timeout_msec == 0);
}

/* Hangs up, also on a connection that the library is not looking at. */
static void hang_up(Connection *c)
{
        (void) shutdown(c->fd, SHUT_RDWR);
        if (c->exchange)
                http_exchange_abort(&c->exchange->shown);
}

/* Those that have nothing to wait for. */
static void hang_up_on_ended(HttpFront *f)
{
        LIST_FOREACH (it, &f->eofs.ended) {
                Connection *c = list_item(it, Connection, eof.link);
                const Exchange *x = c->exchange;
                bool wants_bytes = !x || x->phase == EXCHANGE_NEW || x->phase == EXCHANGE_BODY;

                if (!wants_bytes || !eof_is_reached(c->fd))
                        continue;
                list_remove(it);
                hang_up(c);
        }
}

static void run(HttpFront *f)
{
        bool more = true;

        for (int i = 0; more && i < RUNS_A_TURN; i++) {
                f->kicked = false;
                (void) MHD_run(f->daemon);
                more = has_work(f);
                if (!more) {
                        hang_up_on_ended(f);
                        more = f->kicked;
                }
        }
        (void) sd_event_source_set_enabled(f->again, more ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_again(sd_event_source *source, void *userdata)
{
        run(userdata);
        return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        return on_again(source, userdata);
}

static void on_overstayed(void *ctx, HttpPace *pace)
{
        Connection *c = list_item(pace, Connection, pace);

        log_debug("%s: too slow or idle, closed", c->peer.address);
        hang_up(c);
}

/* Also for the library's own time-outs, of clients that do not read their answer. */
static void on_looked(void *ctx)
{
        run(ctx);
}

static int start_library(HttpFront *f, const HttpFrontTls *tls)
{
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
                         MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
        struct MHD_OptionItem pem[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? (void *) tls->certificate : NULL},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? (void *) tls->key : NULL},
                {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) TLS_PRIORITIES},
                {MHD_OPTION_END, 0, NULL},
        };
        struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

        f->daemon = MHD_start_daemon(
                flags, 0, NULL, NULL, on_request, f, /* logger first: it hears about the others */
                MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, f->pacer.limits.connection_memory_bytes,
                MHD_OPTION_CONNECTION_LIMIT, f->pacer.limits.connections_max,
                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) f->pacer.limits.idle_sec,
                MHD_OPTION_URI_LOG_CALLBACK, on_request_line, f, MHD_OPTION_UNESCAPE_CALLBACK,
                leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, f,
                MHD_OPTION_NOTIFY_CONNECTION, on_connection, f, MHD_OPTION_ARRAY, tls ? pem : none,
                MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
        return f->daemon ? 0 : -EINVAL;
}

static int watch_library(HttpFront *f)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        int r;

        if (!info)
                return -EINVAL;
        r = sd_event_add_io(f->loop, &f->io, info->epoll_fd, EPOLLIN, on_io, f);
        if (r < 0)
                return r;
        r = sd_event_add_defer(f->loop, &f->again, on_again, f);
        if (r < 0)
                return r;
        /* To the loop it is older than anything else, so as an equal it would keep out new clients.
         */
        r = sd_event_source_set_priority(f->again, SD_EVENT_PRIORITY_NORMAL + 1);
        return r < 0 ? r : sd_event_source_set_enabled(f->again, SD_EVENT_OFF);
}

int http_front_new(sd_event *loop, const HttpFrontLimits *limits, const HttpFrontTls *tls,
                   const HttpHandler *handler, HttpFront **ret)
{
        _cleanup_(http_front_freep) HttpFront *f = mem_new(HttpFront);
        int r;

        if (!f)
                return -ENOMEM;
        f->eofs.epoll_fd = -1;
        f->loop = loop;
        f->handler = *handler;
        f->pacer = (HttpPacer){
                .limits = *limits, .overstayed = on_overstayed, .looked = on_looked, .ctx = f};
        f->reads_line_ends = line_end_is_readable(MHD_get_version());
        r = http_pacer_init(&f->pacer, loop);
        if (r >= 0)
                r = eof_watch_init(&f->eofs, loop, on_looked, f);
        if (r < 0)
                return r;
        r = linger_new(loop, &f->linger);
        if (r < 0)
                return r;
        r = start_library(f, tls);
        if (r < 0)
                return r;
        r = watch_library(f);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

HttpFront *http_front_free(HttpFront *f)
{
        if (!f)
                return NULL;
        /* The library insists that nobody is suspended when it stops. */
        LIST_FOREACH (it, &f->pacer.paces)
                hang_up(list_item(it, Connection, pace.link));
        if (f->daemon) {
                if (f->again)
                        run(f);
                MHD_stop_daemon(f->daemon);
        }
        sd_event_source_disable_unref(f->io);
        sd_event_source_disable_unref(f->again);
        http_pacer_done(&f->pacer);
        linger_free(f->linger);
        eof_watch_done(&f->eofs);
        mem_free(f);
        return NULL;
}

int http_front_take(HttpFront *f, int fd, const struct sockaddr *address, socklen_t address_bytes,
                    const HttpPeer *peer, HttpClosed closed, void *ctx)
{
        Connection *c = mem_new(Connection);

        if (!c) {
                close_fdp(&fd);
                return -ENOMEM;
        }
        *c = (Connection){.front = f, .fd = fd, .peer = *peer, .closed = closed, .closed_ctx = ctx};
        if (eof_watch_add(&f->eofs, fd, &c->eof) < 0)
                log_debug("%s: ends of connections are noticed late", peer->address);
        http_pacer_add(&f->pacer, &c->pace);
        f->n++;
        f->arriving = c;
        if (MHD_add_connection(f->daemon, fd, address, address_bytes) != MHD_YES && f->arriving) {
                /* Not taken; the library has closed the descriptor. */
                f->arriving = NULL;
                list_remove(&c->eof.link);
                list_remove(&c->pace.link);
                f->n--;
                mem_free(c);
                return -ECONNABORTED;
        }
        kick(f);
        return 0;
}

size_t http_front_connections(const HttpFront *f)
{
        return f->n;
}

void http_front_drain(HttpFront *f)
{
        f->draining = true;
        LIST_FOREACH (it, &f->pacer.paces) {
                Connection *c = list_item(it, Connection, pace.link);

                if (!c->exchange || c->exchange->phase == EXCHANGE_NEW)
                        (void) shutdown(c->fd, SHUT_RDWR);
        }
        kick(f);
}

void http_exchange_hold(HttpExchange *exchange)
{
        Exchange *x = exchange_of(exchange);

        x->held = true;
}

static void wake(Exchange *x)
{
        if (x->suspended && !x->inside) {
                x->suspended = false;
                MHD_resume_connection(x->mhd);
                kick(x->connection->front);
        }
}

void http_exchange_go_on(HttpExchange *exchange)
{
        Exchange *x = exchange_of(exchange);

        x->held = false;
        wake(x);
}

void http_exchange_be_patient(HttpExchange *exchange)
{
        Exchange *x = exchange_of(exchange);

        x->patient = true;
}

void http_exchange_abort(HttpExchange *exchange)
{
        Exchange *x = exchange_of(exchange);

        x->aborted = true;
        (void) shutdown(x->connection->fd, SHUT_RDWR);
        wake(x);
}

void http_exchange_answer(HttpExchange *exchange, HttpAnswer *a)
{
        Exchange *x = exchange_of(exchange);

        if (a->close || x->connection->front->draining)
                (void) http_answer_add(a, "Connection", "close");
        if (!x->response && !x->aborted) {
                x->response = http_mhd_response(a);
                x->status = a->status;
                if (!x->response)
                        http_exchange_abort(exchange);
        }
        http_answer_done(a);
        wake(x);
}
