/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "daemon/app_paths.h"
#include "daemon/bus_server.h"
#include "daemon/client.h"
#include "daemon/conditions.h"
#include "daemon/config.h"
#include "daemon/idle.h"
#include "daemon/instance.h"
#include "daemon/listen.h"
#include "daemon/log_file.h"
#include "daemon/notifier.h"
#include "daemon/program_pool.h"
#include "daemon/queue_store.h"
#include "daemon/rekey.h"
#include "daemon/socket_guard.h"
#include "daemon/start_report.h"
#include "daemon/turn.h"
#include "daemon/wall_clock.h"
#include "daemon/watch.h"
#include "daemon/worker_path.h"
#include "daemon/worker_pool.h"
#include "netmon/netmon.h"
#include "vault/vault.h"

#define DEFAULT_IDLE_EXIT_SEC 60
#define WORKER_IDLE_USEC (10 * USEC_PER_SEC)
#define PROGRAM_GRACE_USEC (5 * USEC_PER_SEC)
#define WORKER_ANSWER_USEC (60 * USEC_PER_SEC)
#define ESCAPED_MAX_BYTES 4 /* of one byte, as \xNN */

/* In the order of creation; app_stop() goes backwards. */
typedef struct App {
        const Options *options;
        AppPaths paths;
        StateLock lock;
        Config config;
        sd_event *loop;
        QueueStore *store;
        WorkerPool *pool;
        Netmon *netmon;
        Conditions *conditions;
        Idle *idle;
        Listener *listener;
        SocketGuard *guard;   /* NULL when the socket is not ours to keep */
        Service service;      /* owns nothing: its members are released here too */
        char *state_dir_text; /* as UTF-8, whatever the path is made of */
        char *store_note_text;
        StartReport report;
        LogFile *log; /* NULL: standard error will do */
} App;

/* ---- what comes in ---- */

static void on_transfer_event(void *ctx, const TransferEvent *ev)
{
        App *app = ctx;

        manager_transfer_event(app->service.manager, ev);
        turn_request(app->service.turn);
}

static void on_program_ended(void *ctx, uint64_t delivery, int32_t result)
{
        App *app = ctx;

        manager_program_result(app->service.manager, delivery, result);
        turn_request(app->service.turn);
}

static void on_network(void *ctx, bool up)
{
        App *app = ctx;

        log_info("network %s", up ? "up" : "down");
        manager_network_changed(app->service.manager, up);
        turn_request(app->service.turn);
}

static void on_accepted(void *ctx, int take_fd, const Peer *peer)
{
        App *app = ctx;
        int r = clients_add(app->service.clients, take_fd, peer);

        if (r == -EUSERS)
                log_warning("connection of pid %ld closed: there are %u already", (long) peer->pid,
                            clients_count(app->service.clients));
        else if (r < 0)
                log_warning("connection of pid %ld closed: %s", (long) peer->pid, strerror(-r));
}

static void on_client_ended(void *ctx, Client *c)
{
        Service *s = ctx;

        watch_client_ended(s->watch, c);
        notifier_client_ended(s->notifier, c);
        turn_request(s->turn);
}

/* The idle time is looked at after each turn of the engine. */
static void on_count_changed(void *ctx)
{
        Service *s = ctx;

        turn_request(s->turn);
}

static void after_turn(void *ctx)
{
        App *app = ctx;

        watch_flush(app->service.watch);
        idle_check(app->idle);
}

static void fill_random(void *ctx, void *data, size_t bytes)
{
        if (fd_random(data, bytes) < 0)
                abort(); /* job ids that repeat would be worse */
}

/* ---- signals ---- */

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *si, void *ctx)
{
        App *app = ctx;

        log_info("leaving: %s", si->ssi_signo == SIGINT ? "interrupted" : "told to");
        return sd_event_exit(app->loop, 0);
}

/* The command line has the last word. */
static void apply_log_level(const App *app)
{
        int level = app->config.service.log_level;

        if (app->options->log_level_is_set || level == CONFIG_LOG_LEVEL_UNSET)
                level = app->options->log_level;
        log_setup("bitsd", level);
}

static uint64_t idle_exit_sec(const App *app)
{
        if (app->options->idle_exit_is_set)
                return app->options->idle_exit_sec;
        if (app->config.service.idle_exit_sec != CONFIG_IDLE_EXIT_UNSET)
                return app->config.service.idle_exit_sec;
        return DEFAULT_IDLE_EXIT_SEC;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *ctx)
{
        App *app = ctx;
        Config fresh;

        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                          (unsigned long long) clock_mono_usec(&app->service.clock));
        if (config_load(app->options->config, &fresh) < 0) {
                log_error("the configuration stays as it was");
        } else {
                config_done(&app->config);
                app->config = fresh;
                apply_log_level(app);
                idle_set(app->idle, idle_exit_sec(app));
                app->service.policy = fresh.policy;
                manager_set_policy(app->service.manager, &fresh.policy);
                conditions_set_metered(app->conditions, fresh.metered);
                program_pool_set_timeout(app->service.programs,
                                         config_program_timeout_usec(&fresh));
                if (worker_pool_set_config(app->pool, &fresh.transfer) < 0)
                        log_error("no memory: settings of transfers stay as they were");
                turn_request(app->service.turn);
                log_info("configuration read again");
        }
        (void) sd_notify(0, "READY=1");
        return 0;
}

static void on_idle_expired(void *ctx)
{
        App *app = ctx;

        if (!listener_retire(app->listener))
                return;
        log_info("leaving: nothing to do");
        (void) sd_event_exit(app->loop, 0);
}

static int watch_signals(App *app)
{
        int r = sd_event_add_signal(app->loop, NULL, SIGTERM, on_terminate, app);

        if (r >= 0)
                r = sd_event_add_signal(app->loop, NULL, SIGINT, on_terminate, app);
        if (r >= 0)
                r = sd_event_add_signal(app->loop, NULL, SIGHUP, on_reload, app);
        if (r >= 0)
                r = sd_event_set_watchdog(app->loop, 1);
        return r;
}

/* ---- start ---- */

static int start_failed(const char *what, int r)
{
        log_error("cannot start %s: %s", what, strerror(-r));
        return APP_EXIT_FAILURE;
}

/* Started by the library, say, whose programs do not want our words on their terminals. */
static void open_log(App *app)
{
        int r;

        if (!log_is_lost() || !app->paths.state_dir)
                return;
        r = log_file_open(app->paths.state_dir, LOG_FILE_BYTES_MAX, &app->log);
        if (r < 0)
                log_warning("no log in %s: %s", app->paths.state_dir, strerror(-r));
}

static int claim_instance(App *app, bool *ret_serve)
{
        const InstancePlace place = {
                .lock_dir = app->paths.lock_dir,
                .socket = app->paths.socket,
                .socket_is_chosen = app->paths.socket_is_chosen,
                .uid = app->service.uid,
        };

        *ret_serve = false;
        switch (instance_claim(&place, app->options->if_needed, &app->lock)) {
        case INSTANCE_OURS:
                *ret_serve = true;
                return APP_EXIT_OK;
        case INSTANCE_SERVED:
                start_report_ready(&app->report);
                return APP_EXIT_OK;
        case INSTANCE_TAKEN:
                return APP_EXIT_TAKEN;
        default:
                return APP_EXIT_FAILURE;
        }
}

/* Caller owns the result. NULL when out of memory. */
static char *printable(const char *text)
{
        size_t bytes = strlen(text) * ESCAPED_MAX_BYTES + 1;
        char *copy = mem_alloc(bytes);

        return copy ? str_escape(copy, bytes, text) : NULL;
}

static int start_store(App *app)
{
        int r = queue_store_open(app->paths.lock_dir, app->options->no_persist, &app->store);

        if (r < 0) /* it has been logged */
                return r == -EBUSY ? APP_EXIT_TAKEN : APP_EXIT_FAILURE;
        app->store_note_text = printable(queue_store_note(app->store));
        app->state_dir_text = printable(app->paths.state_dir ? app->paths.state_dir : "");
        if (!app->store_note_text || !app->state_dir_text)
                return start_failed("the queue", -ENOMEM);
        app->service.store_note = app->store_note_text;
        app->service.store_refuses = queue_store_refuses(app->store);
        app->service.state_dir = app->state_dir_text;
        return APP_EXIT_OK;
}

/* $CREDENTIALS_DIRECTORY is the service manager's; it may hold the key. */
static int start_vault(App *app)
{
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        int r;

        if (dir && !path_is_absolute(dir)) {
                log_warning("CREDENTIALS_DIRECTORY is no absolute path, and not used: %s", dir);
                dir = NULL;
        }
        r = vault_new(app->paths.state_dir, dir, app->service.uid, &app->service.vault);
        return r < 0 ? start_failed("the vault", r) : APP_EXIT_OK;
}

static int open_credential(void *ctx, const GUID *job, const JobCredential *c,
                           struct Credential *ret)
{
        App *app = ctx;
        const VaultSlot slot = {.job = *job, .target = c->target, .scheme = c->scheme};
        int r = vault_open(app->service.vault, &slot, c->sealed, c->sealed_bytes, ret);

        if (r != 0)
                log_line(LOG_WARNING, &(LogFields){.job = job},
                         "credentials of a job cannot be opened: %s",
                         vault_why(app->service.vault));
        return r;
}

static int start_pool(App *app)
{
        _cleanup_free_ char *worker = NULL;
        int r = worker_path_find(&worker);

        if (r < 0) {
                log_error("the program bitsd-worker is not there; BITSD_WORKER can name it");
                return APP_EXIT_FAILURE;
        }
        r = worker_pool_new(app->loop,
                            &(WorkerPoolOptions){
                                    .worker_path = worker,
                                    .lock_fd = app->lock.shared_fd,
                                    .config = &app->config.transfer,
                                    .idle_usec = WORKER_IDLE_USEC,
                                    .open_credential = open_credential,
                                    .credential_ctx = app,
                                    .answer_usec = WORKER_ANSWER_USEC,
                            },
                            on_transfer_event, app, &app->pool);
        app->service.pool = app->pool;
        return r < 0 ? start_failed("the worker pool", r) : APP_EXIT_OK;
}

static int start_clients(App *app)
{
        Service *s = &app->service;
        int r = clients_new(
                &(ClientsOptions){
                        .loop = s->loop,
                        .uid = s->uid,
                        .vtable = bus_server_vtable(),
                        .ended = on_client_ended,
                        .count_changed = on_count_changed,
                        .ctx = s,
                },
                &s->clients);

        if (r >= 0)
                r = watch_new(s, &s->watch);
        if (r >= 0)
                r = notifier_new(s, &s->notifier);
        s->rekey = rekey_new(s);
        if (r >= 0 && !s->rekey)
                r = -ENOMEM;
        return r < 0 ? start_failed("the connections", r) : APP_EXIT_OK;
}

static int start_programs(App *app)
{
        const ProgramPoolOptions options = {
                .loop = app->loop,
                .uid = app->service.uid,
                .timeout_usec = config_program_timeout_usec(&app->config),
                .grace_usec = PROGRAM_GRACE_USEC,
                .ended = on_program_ended,
                .ctx = app,
        };
        int r = program_pool_new(&options, &app->service.programs);

        return r < 0 ? start_failed("the programs of jobs", r) : APP_EXIT_OK;
}

static int start_engine(App *app)
{
        Service *s = &app->service;
        const ManagerPorts ports = {
                .store = queue_store_port(app->store),
                .transfer = worker_pool_port(app->pool),
                .notifier = notifier_port(s->notifier),
                .random = {.fill = fill_random},
                .vault = vault_port(s->vault),
                .local_time = wall_clock_port(),
                .clock = s->clock,
        };
        int r;

        s->policy = app->config.policy;
        s->manager = manager_new(&ports, &s->policy);
        if (!s->manager)
                return start_failed("the queue", -ENOMEM);
        rekey_report(s->rekey);
        r = manager_load(s->manager);
        if (r < 0)
                return start_failed("the queue", r);
        r = turn_new(s, after_turn, app, &s->turn);
        if (r >= 0)
                r = netmon_new(s->loop, on_network, app, &app->netmon);
        if (r >= 0)
                r = conditions_new(s, app->config.metered, &app->conditions);
        if (r >= 0)
                r = idle_new(s, idle_exit_sec(app), on_idle_expired, app, &app->idle);
        return r < 0 ? start_failed("the queue", r) : APP_EXIT_OK;
}

/* Where the service is. A program that does not know looks at the usual place. */
static void tell_programs(const App *app)
{
        if (program_pool_set_socket(app->service.programs, listener_path(app->listener)) < 0)
                log_warning("no memory to tell programs of jobs where the socket is");
}

static bool socket_is_there(void *ctx)
{
        App *app = ctx;

        return listener_is_reachable(app->listener);
}

static const char *restore_socket(void *ctx)
{
        _cleanup_free_ char *problem = NULL;
        App *app = ctx;
        int r = app_paths_find_socket_again(app->options, app->service.uid, &app->paths);

        if (r >= 0)
                r = listener_move(app->listener, app->paths.socket, &problem);
        if (r >= 0)
                r = state_lock_announce(&app->lock, app->paths.socket);
        if (r < 0) {
                log_error("the socket is gone, and there is no place for another one: %s",
                          problem ? problem : strerror(-r));
                return NULL;
        }
        tell_programs(app);
        log_line(LOG_NOTICE, NULL, "the socket was removed; listening on %s now",
                 app->paths.socket);
        return app->paths.socket;
}

static void start_guard(App *app)
{
        const SocketGuardOptions options = {
                .loop = app->loop,
                .is_there = socket_is_there,
                .restore = restore_socket,
                .ctx = app,
        };
        int r;

        if (listener_is_activated(app->listener))
                return;
        r = socket_guard_new(&options, listener_path(app->listener), &app->guard);
        if (r < 0)
                log_warning("the directory of the socket cannot be watched: %s", strerror(-r));
}

static int start_listening(App *app)
{
        _cleanup_free_ char *problem = NULL;
        const ListenerOptions options = {
                .loop = app->loop,
                .uid = app->service.uid,
                .path = app->paths.socket,
                .path_is_chosen = app->paths.socket_is_chosen,
                .accepted = on_accepted,
                .ctx = app,
        };
        int r = listener_new(&options, &app->listener, &problem);

        if (r < 0) {
                log_error("cannot listen on %s: %s", app->paths.socket,
                          problem ? problem : strerror(-r));
                return r == -EADDRINUSE ? APP_EXIT_TAKEN : APP_EXIT_FAILURE;
        }
        start_guard(app);
        tell_programs(app);
        r = state_lock_announce(&app->lock, listener_path(app->listener));
        return r < 0 ? start_failed("the service", r) : APP_EXIT_OK;
}

static int start_config(App *app)
{
        Config config;

        if (config_load(app->options->config, &config) < 0) /* it has been logged */
                return APP_EXIT_CONFIG;
        app->config = config;
        apply_log_level(app);
        return APP_EXIT_OK;
}

static int app_start(App *app)
{
        static int (*const steps[])(App * app) = {
                start_store,    start_vault,  start_pool,      start_clients,
                start_programs, start_engine, start_listening,
        };
        int r = sd_event_new(&app->loop);

        if (r >= 0)
                r = watch_signals(app);
        if (r < 0)
                return start_failed("the event loop", r);
        app->service.loop = app->loop;
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                int status = steps[i](app);

                if (status != APP_EXIT_OK)
                        return status;
        }
        turn_request(app->service.turn);
        return APP_EXIT_OK;
}

static int app_serve(App *app)
{
        ManagerCounts counts;
        int r;

        manager_counts(app->service.manager, &counts);
        log_info("bitsd " BITSD_VERSION " listens on %s, jobs: %u", listener_path(app->listener),
                 counts.jobs);
        start_report_ready(&app->report);
        (void) sd_notifyf(0, "READY=1\nSTATUS=Listening on %s", listener_path(app->listener));
        r = sd_event_loop(app->loop);
        (void) sd_notify(0, "STOPPING=1\nSTATUS=Leaving");
        if (r < 0) {
                log_error("event loop: %s", strerror(-r));
                return APP_EXIT_FAILURE;
        }
        r = manager_flush(app->service.manager);
        if (r < 0)
                log_error("the last progress could not be stored: %s", strerror(-r));
        return APP_EXIT_OK;
}

/* ---- end ---- */

/* First the address is given up, so that a new service may start and wait for the workers; then
 * the clients go, and what they were served by. */
static void app_stop(App *app)
{
        Service *s = &app->service;

        (void) socket_guard_free(app->guard);
        (void) listener_free(app->listener);
        state_lock_leave(&app->lock);
        s->turn = turn_free(s->turn); /* the loop has ended, so nothing can be asked of it */
        s->clients = clients_free(s->clients);
        s->programs = program_pool_free(s->programs);
        (void) worker_pool_free(app->pool);
        (void) netmon_free(app->netmon);
        (void) conditions_free(app->conditions);
        (void) idle_free(app->idle);
        (void) manager_free(s->manager);
        (void) rekey_free(s->rekey);
        (void) notifier_free(s->notifier);
        (void) watch_free(s->watch);
        (void) queue_store_close(app->store);
        (void) vault_free(s->vault);
        (void) sd_event_unref(app->loop);
        config_done(&app->config);
        state_lock_done(&app->lock);
        app_paths_done(&app->paths);
        mem_free(app->state_dir_text);
        mem_free(app->store_note_text);
}

int app_run(const Options *options)
{
        App app = {
                .options = options,
                .lock = STATE_LOCK_INIT,
                .service = {.clock = CLOCK_SYSTEM, .uid = geteuid()},
        };
        bool serve = false;
        int status;

        start_report_begin(&app.report, options->ready_fd);
        app.service.started_mono = clock_mono_usec(&app.service.clock);
        status = app_paths_prepare(options, app.service.uid, &app.paths);
        if (status == APP_EXIT_OK)
                status = claim_instance(&app, &serve);
        if (serve) {
                open_log(&app);
                status = start_config(&app);
                if (status == APP_EXIT_OK)
                        status = app_start(&app);
                if (status == APP_EXIT_OK)
                        status = app_serve(&app);
        }
        if (status != APP_EXIT_OK)
                start_report_failed(&app.report);
        app_stop(&app);
        (void) log_file_free(app.log);
        return status;
}
