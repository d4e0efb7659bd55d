/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "transfer/iface.h"
#include "transfer/pace_report.h"
#include "transfer/pace_state.h"

#define TICK_ACCURACY_USEC 500
#define PUMP_ACCURACY_USEC 100

uint64_t pace_now_usec(const Pace *p)
{
        uint64_t now = 0;

        (void) sd_event_now(p->loop, CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        return now;
}

static void arm(sd_event_source *timer, uint64_t usec)
{
        if (sd_event_source_set_time_relative(timer, usec) >= 0)
                (void) sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* Then, or earlier when that was set already. */
static void arm_by(sd_event_source *timer, uint64_t usec)
{
        int enabled = SD_EVENT_OFF;
        uint64_t due = 0;

        (void) sd_event_source_get_enabled(timer, &enabled);
        (void) sd_event_source_get_time(timer, &due);
        if (enabled == SD_EVENT_OFF || due > clock_mono_usec(&CLOCK_SYSTEM) + usec)
                arm(timer, usec);
}

void pace_pump_in(Pace *p, uint64_t usec)
{
        arm_by(p->pump, usec);
}

static void go_on(PaceFlow *f)
{
        f->paused = f->held = false;
        (void) curl_easy_pause(f->easy, CURLPAUSE_CONT); /* what went wrong is told at the end */
}

/* Lets transfers go on that had to wait, where there is room now. */
static void pump_conn(Pace *p, PaceConn *c, uint64_t now)
{
        LIST_FOREACH (it, &c->flows) {
                PaceFlow *f = list_item(it, PaceFlow, link);

                if (!f->paused || f->conn != c)
                        continue;
                if (!f->up) {
                        if (!c->reading_held)
                                go_on(f);
                        continue;
                }
                if (pace_conn_room(c, now, SIZE_MAX, &f->held) > 0) {
                        go_on(f);
                } else {
                        pace_pump_in(p, pace_conn_room_in_usec(c));
                }
        }
}

static int on_pump(sd_event_source *source, uint64_t usec, void *userdata)
{
        Pace *p = userdata;
        uint64_t now = clock_mono_usec(&CLOCK_SYSTEM);

        LIST_FOREACH (it, &p->conns)
                pump_conn(p, list_item(it, PaceConn, link), now);
        return 0;
}

static void sample_all(Pace *p, bool step)
{
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (pace_conn_is_active(c) && (c->background || step))
                        pace_conn_sample(c);
        }
}

uint64_t pace_line_base_usec(const Pace *p, const PaceLine *l)
{
        double least = 0;

        LIST_FOREACH (it, &p->conns) {
                const PaceConn *c = list_item(it, PaceConn, link);
                double base;

                if (!c->adaptive || c->line != l || !pace_conn_is_active(c))
                        continue;
                base = path_memory_base_usec(&c->path->memory[c->direction]);
                if (base > 0 && (least == 0 || base < least))
                        least = base;
        }
        return (uint64_t) least;
}

/* True: those on this line that are to keep out of others' way are all meant for behind the router.
 */
static bool leads_beyond(const Pace *p, const PaceLine *l)
{
        bool any = false;

        LIST_FOREACH (it, &p->conns) {
                const PaceConn *c = list_item(it, PaceConn, link);

                if (!c->adaptive || c->line != l || !pace_conn_is_active(c))
                        continue;
                if (c->direct)
                        return false;
                any = true;
        }
        return any;
}

static void step(Pace *p, uint64_t now)
{
        LIST_FOREACH (it, &p->lines) {
                PaceLine *l = list_item(it, PaceLine, link);

                if (l->conns == 0)
                        continue;
                l->only_beyond = leads_beyond(p, l);
                pace_line_step(l, p->netlink_fd, now, pace_line_base_usec(p, l));
        }
        pace_share(p, now);
        p->step_usec = now;
}

/* Between two steps: somebody else may just have come. */
static void glance(Pace *p, uint64_t now)
{
        bool changed = false;

        LIST_FOREACH (it, &p->lines) {
                PaceLine *l = list_item(it, PaceLine, link);

                if (l->conns == 0)
                        continue;
                l->only_beyond = leads_beyond(p, l);
                changed |= pace_line_glance(l, p->netlink_fd, now, pace_line_base_usec(p, l));
        }
        if (changed)
                pace_share(p, now);
}

static void control(Pace *p, PaceConn *c, uint64_t now)
{
        bool yields;

        pace_conn_control(c, now);
        pace_flow_check(list_item(c->flows.next, PaceFlow, link), now);
        c->limit_ticks += c->reading_held;
        yields = pace_conn_yields(c);
        LIST_FOREACH (it, &c->flows)
                list_item(it, PaceFlow, link)->yield_usec += yields ? now - p->tick_usec : 0;
        pump_conn(p, c, now);
}

/* True when background requests are under way; *ret_any: requests at all. */
static bool control_all(Pace *p, uint64_t now, bool *ret_any)
{
        bool background = false;

        *ret_any = false;
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (!pace_conn_is_active(c))
                        continue;
                *ret_any = true;
                background |= c->background;
                if (c->background)
                        control(p, c, now);
        }
        return background;
}

/* It goes on for a second after the last request: another one mostly follows, and what the line did
 * in between is worth knowing. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Pace *p = userdata;
        uint64_t now = clock_mono_usec(&CLOCK_SYSTEM);
        bool stepping = now - p->step_usec >= PACE_STEP_USEC;
        bool any, background;

        sample_all(p, stepping);
        if (stepping)
                step(p, now);
        else
                glance(p, now);
        background = control_all(p, now, &any);
        p->tick_usec = now;
        if (any)
                p->flow_usec = now;
        if (now - p->report_usec >= PACE_REPORT_USEC) {
                pace_check_ways(p, now);
                pace_report(p, now - p->report_usec, now - p->flow_usec < PACE_REPORT_USEC);
                p->report_usec = now;
        }
        p->ticking = now - p->flow_usec < PACE_REPORT_USEC;
        if (!p->ticking && p->report_usec != now)
                pace_report(p, now - p->report_usec, false);
        if (p->ticking)
                arm(p->timer, background ? PACE_TICK_USEC : PACE_SLOW_TICK_USEC);
        return 0;
}

void pace_wake(Pace *p)
{
        uint64_t now = clock_mono_usec(&CLOCK_SYSTEM);

        p->flow_usec = now;
        if (p->ticking) {
                arm_by(p->timer, PACE_TICK_USEC);
                return;
        }
        p->ticking = true;
        p->tick_usec = p->report_usec = now;
        step(p, now);
        arm(p->timer, PACE_TICK_USEC);
}

void pace_forget(Pace *p, PaceConn *c)
{
        LIST_FOREACH (it, &c->flows) {
                PaceFlow *f = list_item(it, PaceFlow, link);

                list_remove(&f->link);
                f->conn = NULL;
                f->paused = f->held = false;
        }
        pace_conn_rest(c, pace_now_usec(p));
        pace_conn_free(c);
}

void pace_set_limits(Pace *p, const TransferLimits *limits)
{
        p->limits = *limits;
        pace_share(p, clock_mono_usec(&CLOCK_SYSTEM));
}

static int get_job(Pace *p, const GUID *id, PaceJob **ret)
{
        PaceJob *j;

        LIST_FOREACH (it, &p->jobs) {
                j = list_item(it, PaceJob, link);
                if (memcmp(&j->id, id, sizeof(*id)) != 0)
                        continue;
                j->refs++;
                *ret = j;
                return 0;
        }
        j = mem_new(PaceJob);
        if (!j)
                return -ENOMEM;
        j->refs = 1;
        j->id = *id;
        list_append(&p->jobs, &j->link);
        *ret = j;
        return 0;
}

PaceJob *pace_job_ref(PaceJob *j)
{
        if (j)
                j->refs++;
        return j;
}

PaceJob *pace_job_unref(PaceJob *j)
{
        if (!j || --j->refs > 0)
                return NULL;
        list_remove(&j->link);
        mem_free(j);
        return NULL;
}

static void set_job(PaceJob *j, uint8_t priority, uint64_t limit_bps)
{
        j->priority = priority;
        j->limit_bps = limit_bps > 0 ? limit_bps : UINT64_MAX;
}

int pace_task_init(PaceTask *t, Pace *p, const GUID *job, uint64_t op, uint32_t file_index,
                   uint8_t priority, uint64_t limit_bps)
{
        PaceJob *j;
        int r = get_job(p, job, &j);

        if (r < 0)
                return r;
        *t = (PaceTask){.pace = p, .job = j, .op = op, .file_index = file_index};
        set_job(j, priority, limit_bps);
        return 0;
}

void pace_task_done(PaceTask *t)
{
        pace_job_unref(t->job);
        *t = (PaceTask){.pace = NULL};
}

void pace_task_retune(PaceTask *t, uint8_t priority, uint64_t limit_bps)
{
        set_job(t->job, priority, limit_bps);
        pace_share(t->pace, clock_mono_usec(&CLOCK_SYSTEM));
}

uint8_t pace_task_priority(const PaceTask *t)
{
        return t ? t->job->priority : (uint8_t) BG_JOB_PRIORITY_FOREGROUND;
}

PaceJob *pace_task_limited_job(const PaceTask *t)
{
        if (!t || t->job->limit_bps == UINT64_MAX || t->job->priority == BG_JOB_PRIORITY_FOREGROUND)
                return NULL;
        return t->job;
}

static int add_timer(Pace *p, uint64_t accuracy_usec, sd_event_time_handler_t handler,
                     sd_event_source **ret)
{
        int r = sd_event_add_time_relative(p->loop, ret, CLOCK_MONOTONIC, 0, accuracy_usec, handler,
                                           p);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int pace_new(sd_event *loop, const TransferConfig *config, const PaceHost *host, Pace **ret)
{
        _cleanup_(pace_freep) Pace *p = mem_new(Pace);
        int r;

        if (!p)
                return -ENOMEM;
        p->loop = loop;
        p->config = config;
        p->host = *host;
        list_init(&p->conns);
        list_init(&p->jobs);
        list_init(&p->lines);
        for (size_t i = 0; i < ARRAY_LEN(p->limits.level_bps); i++)
                p->limits.level_bps[i] = UINT64_MAX;
        p->netlink_fd = iface_open();
        if (p->netlink_fd < 0)
                log_debug("worker: no rtnetlink: transfers are not kept in the background");
        r = add_timer(p, TICK_ACCURACY_USEC, on_timer, &p->timer);
        if (r < 0)
                return r;
        r = add_timer(p, PUMP_ACCURACY_USEC, on_pump, &p->pump);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

Pace *pace_free(Pace *p)
{
        if (!p)
                return NULL;
        while (!list_is_empty(&p->conns))
                pace_forget(p, list_item(p->conns.next, PaceConn, link));
        while (!list_is_empty(&p->lines))
                pace_line_free(list_item(p->lines.next, PaceLine, link));
        sd_event_source_disable_unref(p->timer);
        sd_event_source_disable_unref(p->pump);
        close_fdp(&p->netlink_fd);
        mem_free(p);
        return NULL;
}
