/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/hresult.h"
#include "base/list.h"
#include "base/log.h"
#include "daemon/open_credentials.h"
#include "daemon/worker_order.h"
#include "daemon/worker_settings.h"
#include "daemon/worker_watch.h"
#include "transfer/worker_msg.h"

#define END_WAIT_MSEC 1000
#define IDLE_ACCURACY_USEC USEC_PER_SEC
/* What one worker may say in one turn, so that a mad one cannot keep the broker for itself. */
#define FILLS_PER_TURN 4

/* One owner's worker: a place where a process may run. While the old process is not known to be
 * dead no new one starts, so that two never write the same files; what is asked meanwhile waits
 * in the link's buffer. */
typedef struct Worker {
        List link_in_pool;
        WorkerPool *pool;
        uint32_t owner_uid;
        WorkerLink link;  /* fd -1: no process, or a dying one */
        int pid_fd;       /* -1: no process */
        uint64_t process; /* number of the process that is running or will run next */
        sd_event_source *io;
        sd_event_source *end;
        sd_event_source *flush; /* once a turn, so that many messages travel together */
        sd_event_source *idle;
        WorkerWatch watch;
        bool undead; /* killed, and still there */
        bool stale;  /* knows an older configuration: ends with its last operation */
        List ops;    /* of Op, in the order they were asked */
} Worker;

typedef struct Op {
        uint64_t number;
        List link;
        Worker *worker;
        uint64_t process; /* the one it was given to */
        WorkerOpRules rules;
} Op;

struct WorkerPool {
        sd_event *loop;
        char *worker_path;
        int lock_fd; /* borrowed */
        WorkerSettings settings;
        uint64_t idle_usec;
        uint64_t answer_usec;
        OpenCredential open_credential;
        LineReport lines;
        bool has_lines;
        void (*on_event)(void *ctx, const TransferEvent *ev);
        void *ctx;
        List workers; /* at most one per owner */
        Hash *ops;
};

static Worker *worker_slot_free(Worker *w);
DEFINE_CLEANUP(Worker *, worker_slot_free)

static void forget_op(WorkerPool *p, Op *op)
{
        hash_remove(p->ops, &op->number);
        list_remove(&op->link);
        mem_free(op);
}

/* Closes the socket and makes sure that the process goes; `on_process_end` does the rest. */
static void let_go(Worker *w)
{
        if (w->link.fd < 0)
                return;
        w->io = sd_event_source_disable_unref(w->io);
        close_fdp(&w->link.fd);
        w->link.fd = -1;
        buf_clear(&w->link.in);
        buf_clear(&w->link.out);
        w->process++;
        w->stale = false;
        if (w->pid_fd < 0)
                return;
        (void) pidfd_send_signal(w->pid_fd, SIGKILL, NULL, 0); /* may be gone already */
        worker_watch_dying(&w->watch);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_process_end(sd_event_source *source, int fd, uint32_t revents, void *userdata);

static int start_process(Worker *w)
{
        int r = worker_settings_prepend(&w->pool->settings, &w->link.out);

        if (r < 0)
                return r;
        r = worker_link_spawn(&w->link, w->pool->worker_path, w->pool->lock_fd, &w->pid_fd);
        if (r < 0) {
                log_error("worker %s: cannot start: %s", w->pool->worker_path,
                          hresult_text(hresult_from_errno(r)));
                return r;
        }
        r = sd_event_add_io(w->pool->loop, &w->io, w->link.fd, EPOLLIN, on_io, w);
        if (r >= 0)
                r = sd_event_add_io(w->pool->loop, &w->end, w->pid_fd, EPOLLIN, on_process_end, w);
        return r < 0 ? r : 0;
}

static int flush(Worker *w)
{
        int r = worker_link_flush(&w->link);

        if (r < 0)
                return r;
        return sd_event_source_set_io_events(w->io, EPOLLIN | (r == 0 ? EPOLLOUT : 0u));
}

static int on_flush(sd_event_source *source, void *userdata)
{
        Worker *w = userdata;

        if (w->link.fd >= 0 && flush(w) < 0)
                let_go(w);
        return 0;
}

static void report_lost(WorkerPool *p, const Op *op)
{
        TransferEvent ev = worker_op_lost(&op->rules, op->number);

        p->on_event(p->ctx, &ev);
}

/* Of all operations given to processes up to `last_process`. The list may grow meanwhile. */
static void report_all_lost(Worker *w, uint64_t last_process)
{
        while (!list_is_empty(&w->ops)) {
                Op *op = list_item(w->ops.next, Op, link);
                Op copy = *op;

                if (op->process > last_process)
                        break;
                forget_op(w->pool, op);
                report_lost(w->pool, &copy);
        }
}

static void restart_if_asked(Worker *w)
{
        if (list_is_empty(&w->ops))
                return;
        if (start_process(w) == 0) {
                worker_watch_begin(&w->watch);
                (void) sd_event_source_set_enabled(w->flush, SD_EVENT_ONESHOT);
                return;
        }
        if (w->pid_fd < 0) {
                buf_clear(&w->link.out);
                report_all_lost(w, w->process);
        } else {
                let_go(w);
        }
}

static int on_process_end(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Worker *w = userdata;
        bool expected = w->link.fd < 0;
        siginfo_t info = {.si_pid = 0};

        if (waitid(P_PIDFD, (id_t) w->pid_fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
                return 0;
        if (!expected)
                log_warning("worker %d ended unexpectedly (%s %d)", (int) info.si_pid,
                            info.si_code == CLD_EXITED ? "status" : "signal", info.si_status);
        w->end = sd_event_source_disable_unref(w->end);
        close_fdp(&w->pid_fd);
        w->pid_fd = -1;
        worker_watch_rest(&w->watch);
        w->pool->lines.lines_len = 0; /* one owner has one worker, and it is gone */
        if (w->undead)
                log_info("worker %d is gone at last", (int) info.si_pid);
        w->undead = false;
        if (!expected)
                let_go(w);
        report_all_lost(w, w->process - 1);
        restart_if_asked(w);
        return 0;
}

static void schedule_retirement(Worker *w)
{
        if (!list_is_empty(&w->ops))
                return;
        worker_watch_rest(&w->watch);
        if (sd_event_source_set_time_relative(w->idle, w->pool->idle_usec) >= 0)
                (void) sd_event_source_set_enabled(w->idle, SD_EVENT_ONESHOT);
}

/* An event that its operation cannot have: the worker is broken or not ours any more. */
static int take_event(Worker *w, const WorkerMsg *m)
{
        const TransferEvent *ev = &m->event.event;
        Op *op = m->kind == WORKER_MSG_EVENT ? hash_get(w->pool->ops, &ev->op) : NULL;
        bool ends;

        worker_watch_heard(&w->watch);
        if (m->kind == WORKER_MSG_PONG)
                return 0;
        if (m->kind == WORKER_MSG_LINES) {
                w->pool->lines = m->lines;
                w->pool->has_lines = true;
                return 0;
        }
        if (!op || op->worker != w || op->process != w->process ||
            !worker_op_allows(&op->rules, ev, &ends))
                return -EBADMSG;
        if (ends) {
                forget_op(w->pool, op);
                schedule_retirement(w);
        }
        w->pool->on_event(w->pool->ctx, ev);
        return 0;
}

static int take_all(Worker *w)
{
        WorkerMsg m;
        int r;

        while ((r = worker_link_next(&w->link, &m)) > 0) {
                r = take_event(w, &m);
                worker_msg_done(&m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Worker *w = userdata;
        int r = 1;

        if (revents & EPOLLOUT)
                r = flush(w);
        for (int i = 0; r >= 0 && w->link.fd >= 0 && i < FILLS_PER_TURN; i++) {
                r = worker_link_fill(&w->link);
                if (r == -EAGAIN)
                        break;
                if (r == 0)
                        r = -ECONNRESET;
                if (r > 0)
                        r = take_all(w);
        }
        if (r == -EAGAIN)
                r = 0;
        if (r == -EBADMSG)
                log_error("worker: a malformed message; ending it");
        if (r < 0 || (w->stale && list_is_empty(&w->ops)))
                let_go(w); /* what it had is reported once it is dead */
        return 0;
}

static void on_ping(void *ctx)
{
        Worker *w = ctx;

        worker_msg_encode_ping(&w->link.out);
        if (buf_error(&w->link.out) < 0 || flush(w) < 0)
                let_go(w);
}

static void on_hang(void *ctx)
{
        log_error("worker: no answer for too long; ending it");
        let_go(ctx);
}

/* The signal does not reach it while it sleeps in the kernel, and it might still write when it
 * wakes: no other takes its place, and nobody waits. */
static void on_undead(void *ctx)
{
        Worker *w = ctx;

        log_error("worker: it was killed and does not end; nothing is transferred until it does");
        w->undead = true;
        buf_clear(&w->link.out);
        report_all_lost(w, w->process);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
        Worker *w = userdata;

        if (list_is_empty(&w->ops) && w->link.fd >= 0)
                let_go(w);
        return 0;
}

static Worker *worker_slot_free(Worker *w)
{
        struct pollfd end;

        if (!w)
                return NULL;
        while (!list_is_empty(&w->ops))
                forget_op(w->pool, list_item(w->ops.next, Op, link));
        let_go(w);
        if (w->pid_fd >= 0) {
                /* No zombie stays; a worker that hangs in the kernel is init's then. */
                end = (struct pollfd){.fd = w->pid_fd, .events = POLLIN};
                if (poll(&end, 1, END_WAIT_MSEC) > 0)
                        (void) waitid(P_PIDFD, (id_t) w->pid_fd, NULL, WEXITED | WNOHANG);
        }
        sd_event_source_disable_unref(w->end);
        sd_event_source_disable_unref(w->flush);
        sd_event_source_disable_unref(w->idle);
        worker_watch_done(&w->watch);
        close_fdp(&w->pid_fd);
        worker_link_done(&w->link);
        list_remove(&w->link_in_pool);
        mem_free(w);
        return NULL;
}

static int new_worker(WorkerPool *p, uint32_t owner_uid, Worker **ret)
{
        _cleanup_(worker_slot_freep) Worker *w = mem_new(Worker);
        int r;

        if (!w)
                return -ENOMEM;
        w->pool = p;
        w->owner_uid = owner_uid;
        w->pid_fd = -1;
        list_init(&w->link_in_pool);
        list_init(&w->ops);
        worker_link_init(&w->link, -1);
        r = sd_event_add_defer(p->loop, &w->flush, on_flush, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->flush, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(p->loop, &w->idle, CLOCK_MONOTONIC, p->idle_usec,
                                       IDLE_ACCURACY_USEC, on_idle, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->idle, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = worker_watch_init(&w->watch, p->loop, p->answer_usec,
                              &(WorkerWatchHost){on_ping, on_hang, on_undead, w});
        if (r < 0)
                return r;
        list_append(&p->workers, &w->link_in_pool);
        *ret = TAKE_PTR(w);
        return 0;
}

/* Workers run with our own rights, so only our own jobs can have one. */
static int get_worker(WorkerPool *p, uint32_t owner_uid, Worker **ret)
{
        if (owner_uid != geteuid())
                return -EPERM;
        LIST_FOREACH (it, &p->workers) {
                Worker *w = list_item(it, Worker, link_in_pool);

                if (w->owner_uid == owner_uid) {
                        *ret = w;
                        return 0;
                }
        }
        return new_worker(p, owner_uid, ret);
}

static int new_op(Worker *w, uint64_t number, const WorkerOpRules *rules, Op **ret)
{
        _cleanup_free_ Op *op = mem_new(Op);
        int r;

        if (w->undead)
                return -EBUSY;
        if (!op)
                return -ENOMEM;
        *op = (Op){.number = number, .worker = w, .rules = *rules};
        op->process = w->process;
        list_init(&op->link);
        r = hash_put(w->pool->ops, &op->number, op);
        if (r < 0)
                return r;
        list_append(&w->ops, &op->link);
        *ret = TAKE_PTR(op);
        return 0;
}

/* A message was appended after `out_len` bytes: makes sure that somebody reads it, or takes it
 * out again. */
static int hand_over(Worker *w, size_t out_len)
{
        int r = buf_error(&w->link.out);

        if (r < 0) {
                w->link.out.len = out_len;
                w->link.out.error = 0;
                return r;
        }
        if (w->pid_fd < 0) {
                r = start_process(w);
                if (r < 0) {
                        buf_clear(&w->link.out); /* without a process nothing else waits */
                        if (w->pid_fd >= 0)
                                let_go(w);
                        return r;
                }
        }
        worker_watch_begin(&w->watch);
        return sd_event_source_set_enabled(w->flush, SD_EVENT_ONESHOT);
}

static int encode_order(const WorkerPool *p, Buf *b, uint64_t number, WorkerOpKind kind,
                        const WorkerOrder *order)
{
        _cleanup_(auth_set_unrefp) AuthSet *credentials = NULL;
        int r;

        if (!worker_op_is_transfer(kind) && kind != WORKER_OP_FAREWELL)
                return worker_msg_encode_bulk(b, number, order->bulk, order->job);
        r = open_credentials(&p->open_credential, order->job, &credentials);
        if (r < 0)
                return r;
        if (kind == WORKER_OP_FAREWELL)
                worker_msg_encode_farewell(b, number, order->job, credentials);
        else
                worker_msg_encode_start(b, number, order->job, order->file, credentials);
        return 0;
}

int worker_pool_begin(WorkerPool *p, uint64_t number, const WorkerOpRules *rules,
                      const WorkerOrder *order)
{
        size_t out_len;
        Worker *w;
        Op *op;
        int r = get_worker(p, order->job->owner_uid, &w);

        if (r < 0)
                return r;
        r = new_op(w, number, rules, &op);
        if (r < 0)
                return r;
        out_len = w->link.out.len;
        r = encode_order(p, &w->link.out, number, rules->kind, order);
        if (r == 0)
                r = hand_over(w, out_len);
        if (r < 0)
                forget_op(p, op);
        return r;
}

static Worker *worker_of(const WorkerPool *p, uint64_t number)
{
        Op *op = hash_get(p->ops, &number);

        return op && worker_op_is_transfer(op->rules.kind) ? op->worker : NULL;
}

/* A message was appended after `out_len` bytes. One that cannot be told is ended. */
static void hand_over_or_end(Worker *w, size_t out_len)
{
        if (hand_over(w, out_len) < 0)
                let_go(w);
}

void worker_pool_tell(WorkerPool *p, uint64_t number, void (*encode)(Buf *b, uint64_t op))
{
        Worker *w = worker_of(p, number);
        size_t out_len;

        if (!w)
                return;
        out_len = w->link.out.len;
        encode(&w->link.out, number);
        hand_over_or_end(w, out_len);
}

void worker_pool_retune(WorkerPool *p, uint64_t number, const Job *job)
{
        Worker *w = worker_of(p, number);
        size_t out_len;

        if (!w)
                return;
        out_len = w->link.out.len;
        worker_msg_encode_retune(&w->link.out, number, job);
        hand_over_or_end(w, out_len);
}

/* Not by way of hand_over(): limits are no reason to start a process or to watch an idle one, and a
 * process that is yet to start gets them with its configuration. */
void worker_pool_set_limits(WorkerPool *p, const TransferLimits *limits)
{
        worker_settings_set_limits(&p->settings, limits);
        LIST_FOREACH (it, &p->workers) {
                Worker *w = list_item(it, Worker, link_in_pool);

                if (w->link.fd < 0)
                        continue;
                worker_msg_encode_limits(&w->link.out, limits);
                if (buf_error(&w->link.out) < 0 ||
                    sd_event_source_set_enabled(w->flush, SD_EVENT_ONESHOT) < 0)
                        let_go(w);
        }
}

const LineReport *worker_pool_lines(const WorkerPool *p)
{
        return p->has_lines ? &p->lines : NULL;
}

int worker_pool_new(sd_event *loop, const WorkerPoolOptions *options,
                    void (*on_event)(void *ctx, const TransferEvent *ev), void *ctx,
                    WorkerPool **ret)
{
        _cleanup_(worker_pool_freep) WorkerPool *p = mem_new(WorkerPool);
        uint64_t seed;
        int r;

        if (!p)
                return -ENOMEM;
        p->loop = sd_event_ref(loop);
        list_init(&p->workers);
        p->lock_fd = options->lock_fd;
        p->idle_usec = options->idle_usec;
        p->answer_usec = options->answer_usec;
        p->open_credential = (OpenCredential){options->open_credential, options->credential_ctx};
        p->on_event = on_event;
        p->ctx = ctx;
        r = worker_settings_set_config(&p->settings, options->config);
        if (r < 0)
                return r;
        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        p->worker_path = mem_strdup(options->worker_path);
        p->ops = hash_new(sizeof(uint64_t), seed);
        if (!p->worker_path || !p->ops)
                return -ENOMEM;
        *ret = TAKE_PTR(p);
        return 0;
}

int worker_pool_set_config(WorkerPool *p, const TransferConfig *config)
{
        int r = worker_settings_set_config(&p->settings, config);

        if (r < 0)
                return r;
        LIST_FOREACH (it, &p->workers) {
                Worker *w = list_item(it, Worker, link_in_pool);

                if (w->link.fd >= 0 && list_is_empty(&w->ops))
                        let_go(w);
                else if (w->link.fd >= 0)
                        w->stale = true;
        }
        return 0;
}

WorkerPool *worker_pool_free(WorkerPool *p)
{
        if (!p)
                return NULL;
        while (!list_is_empty(&p->workers))
                worker_slot_free(list_item(p->workers.next, Worker, link_in_pool));
        hash_free(p->ops);
        worker_settings_done(&p->settings);
        mem_free(p->worker_path);
        sd_event_unref(p->loop);
        mem_free(p);
        return NULL;
}
