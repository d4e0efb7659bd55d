/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "server/request.h"
#include "server/server_config.h"
#include "server/server_listen.h"

#define WHY_MAX_BYTES 4096
#define TEND_USEC (10 * USEC_PER_SEC)
#define TEND_ACCURACY_USEC USEC_PER_SEC
#define STOP_LOOK_USEC (50 * USEC_PER_MSEC)
#define STOP_ACCURACY_USEC (10 * USEC_PER_MSEC)
#define METRICS_MAX_BYTES (64 * 1024)

static void on_metrics_head(void *ctx, HttpExchange *x)
{
        Server *s = ctx;
        HttpAnswer a;

        http_answer_init(&a, 200);
        session_table_count(s->sessions, &s->metrics);
        s->metrics.connections_open = fronts_connections(s->fronts);
        metrics_print(&s->metrics, &a.text);
        (void) http_answer_add(&a, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        http_exchange_answer(x, &a);
}

static void ignore_body(void *ctx, HttpExchange *x, const void *data, size_t bytes)
{
}

static void ignore_end(void *ctx, HttpExchange *x)
{
}

static void ignore_gone(void *ctx, HttpExchange *x, bool whole)
{
}

/* Logs what is in `why`, or else the errno. */
static int complain(const char *what, Buf *why, int error)
{
        const char *text = why->len > 0 ? buf_cstr(why) : NULL;

        log_error("%s: %s", what, text ? text : strerror(-error));
        return error;
}

/* Everything that a configuration is behind; what was there before stays when it fails. */
static int apply(Server *s, Config *config)
{
        _cleanup_(access_log_freep) AccessLog *log = NULL;
        _cleanup_(buf_done) Buf why;
        size_t n_listeners = s->n_listeners;
        int r = access_log_open(config->access_log, &log);

        buf_init(&why, WHY_MAX_BYTES);
        if (r < 0) {
                log_error("access log %s: %s", config->access_log, strerror(-r));
                return r;
        }
        r = session_table_open(s->sessions, config, &why);
        if (r < 0)
                return complain("sessions", &why, r);
        r = server_listen(s, config);
        if (r < 0)
                return r;
        r = fronts_configure(s->fronts, config, &why);
        if (r < 0) {
                server_listen_undo(s, n_listeners);
                return complain("HTTP", &why, r);
        }
        server_listen_no_more(s, config);
        access_log_free(s->access_log);
        s->access_log = TAKE_PTR(log);
        config_unref(s->config);
        s->config = config_ref(config);
        return 0;
}

static void arm_sweep(Server *s)
{
        uint64_t usec = config_sweep_period_sec(s->config) * USEC_PER_SEC;

        if (sd_event_source_set_time_relative(s->sweep, usec) < 0 ||
            sd_event_source_set_enabled(s->sweep, SD_EVENT_ONESHOT) < 0)
                log_warning("the sweep of old sessions cannot be planned");
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
        Server *s = userdata;

        session_table_sweep(s->sessions, s->config);
        arm_sweep(s);
        return 0;
}

static int on_tend(sd_event_source *source, uint64_t usec, void *userdata)
{
        Server *s = userdata;

        session_table_tend(s->sessions);
        fronts_reap(s->fronts);
        if (sd_event_source_set_time_relative(source, TEND_USEC) < 0)
                return 0;
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Server *s = userdata;
        _cleanup_(config_unrefp) Config *config = NULL;

        if (s->stop_mono)
                return 0;
        (void) sd_notify(0, "RELOADING=1");
        if (server_config_prepare(s->options, s->sandbox, &config) == 0 && apply(s, config) == 0 &&
            server_announce(s) == 0) {
                arm_sweep(s);
                log_info("configuration read again");
        } else {
                log_error("the old configuration stays");
                if (access_log_reopen(s->access_log) < 0)
                        log_error("the access log cannot be opened again");
        }
        (void) sd_notify(0, "READY=1");
        return 0;
}

static int on_sweep_now(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Server *s = userdata;

        session_table_sweep(s->sessions, s->config);
        return 0;
}

static int on_stop_look(sd_event_source *source, uint64_t usec, void *userdata)
{
        Server *s = userdata;

        fronts_reap(s->fronts);
        if (fronts_connections(s->fronts) == 0 || clock_mono_usec(&CLOCK_SYSTEM) >= s->stop_mono)
                return sd_event_exit(s->loop, EXIT_OK);
        if (sd_event_source_set_time_relative(source, STOP_LOOK_USEC) < 0)
                return sd_event_exit(s->loop, EXIT_OK);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Requests go on to their answer for a while; cut uploads resume where they were. A second signal
 * waits for nobody. */
static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Server *s = userdata;

        if (s->stop_mono)
                return sd_event_exit(s->loop, EXIT_OK);
        (void) sd_notify(0, "STOPPING=1");
        s->stop_mono = clock_mono_usec(&CLOCK_SYSTEM) + s->config->stop_sec * USEC_PER_SEC;
        server_stop_listening(s);
        fronts_drain(s->fronts);
        if (sd_event_source_set_time_relative(s->stop, 0) < 0 ||
            sd_event_source_set_enabled(s->stop, SD_EVENT_ONESHOT) < 0)
                return sd_event_exit(s->loop, EXIT_OK);
        return 0;
}

static int add_timer(Server *s, sd_event_source **ret, uint64_t usec, uint64_t accuracy_usec,
                     sd_event_time_handler_t handler)
{
        return sd_event_add_time_relative(s->loop, ret, CLOCK_MONOTONIC, usec, accuracy_usec,
                                          handler, s);
}

static int add_sources(Server *s)
{
        int r = sd_event_add_signal(s->loop, NULL, SIGTERM, on_stop, s);

        if (r >= 0)
                r = sd_event_add_signal(s->loop, NULL, SIGINT, on_stop, s);
        if (r >= 0)
                r = sd_event_add_signal(s->loop, NULL, SIGHUP, on_reload, s);
        if (r >= 0)
                r = sd_event_add_signal(s->loop, NULL, SIGUSR1, on_sweep_now, s);
        if (r >= 0)
                r = add_timer(s, &s->tend, TEND_USEC, TEND_ACCURACY_USEC, on_tend);
        if (r >= 0)
                r = add_timer(s, &s->sweep, USEC_PER_SEC, TEND_ACCURACY_USEC, on_sweep);
        if (r >= 0)
                r = add_timer(s, &s->stop, 0, STOP_ACCURACY_USEC, on_stop_look);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->stop, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

static int build(Server *s)
{
        HttpHandler handler = request_handler(s);
        HttpHandler metrics = {.head = on_metrics_head,
                               .body = ignore_body,
                               .end = ignore_end,
                               .gone = ignore_gone,
                               .ctx = s};
        int r = sync_queue_new(s->loop, &s->world.sync);

        if (r == 0)
                r = backend_new(s->loop, &s->world.backend);
        if (r == 0)
                r = auth_new(s->loop, &s->auth);
        if (r < 0)
                return r;
        s->world.loop = s->loop;
        s->world.metrics = &s->metrics;
        s->world.room = &s->room;
        r = session_table_new(&s->world, &s->sessions);
        if (r == 0)
                r = fronts_new(s->loop, &s->metrics, &handler, &metrics, &s->fronts);
        return r;
}

static void server_done(Server *s)
{
        server_stop_listening(s);
        fronts_free(s->fronts); /* hangs up, which still speaks to sessions */
        backend_free(s->world.backend);
        if (s->sessions)
                session_table_flush(s->sessions);
        sync_queue_free(s->world.sync);
        session_table_free(s->sessions);
        auth_free(s->auth);
        access_log_free(s->access_log);
        config_unref(s->config);
        server_sandbox_free(s->sandbox);
        mem_free(s->world.local_origin);
        sd_event_source_disable_unref(s->tend);
        sd_event_source_disable_unref(s->sweep);
        sd_event_source_disable_unref(s->stop);
        sd_event_unref(s->loop);
}

static int start(Server *s)
{
        _cleanup_(config_unrefp) Config *config = NULL;
        int r = server_config_prepare(s->options, NULL, &config);

        if (r < 0)
                return r;
        r = sd_event_new(&s->loop);
        if (r >= 0)
                r = sd_event_set_watchdog(s->loop, 1);
        if (r >= 0)
                r = build(s);
        if (r == 0)
                r = add_sources(s);
        if (r < 0) {
                log_error("cannot start: %s", strerror(-r));
                return r;
        }
        r = server_listen_inherited(s);
        if (r == 0)
                r = apply(s, config);
        if (r == 0)
                r = server_sandbox_enter(s->options, s->config, &s->sandbox);
        if (r == 0) /* nothing can fail any more that would make us leave */
                r = server_announce(s);
        return r;
}

/* As sd_event_loop(), but that lack of memory does not end it: the loop needs more for each thing
 * that it watches, and has kept all that it was told when there is none. */
static int run_loop(sd_event *loop)
{
        static const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
        int code = 0;

        while (sd_event_get_state(loop) != SD_EVENT_FINISHED) {
                int r = sd_event_run(loop, UINT64_MAX);

                if (r < 0 && r != -ENOMEM)
                        return r;
                if (r < 0)
                        (void) nanosleep(&pause, NULL);
        }
        (void) sd_event_get_exit_code(loop, &code);
        return code;
}

int server_run(const Options *options)
{
        _cleanup_(server_done) Server s = {.options = options};
        int r = start(&s);

        if (r < 0)
                return EXIT_FAILED;
        (void) sd_notify(0, "READY=1");
        r = run_loop(s.loop);
        if (r < 0)
                log_error("the loop has failed: %s", strerror(-r));
        return r < 0 ? EXIT_FAILED : r;
}
