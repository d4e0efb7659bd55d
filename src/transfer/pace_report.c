/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace_report.h"

#include "transfer/pace_state.h"

/* Of a second: a limit binds when it was met again and again, or nearly used up; others have the
 * line when they had it all the time. */
#define LIMIT_PART_OF 4
#define LIMIT_PERCENT 85
#define YIELD_PERCENT 90

static bool limit_binds(const PaceConn *c, uint64_t usec)
{
        uint64_t bytes = c->bytes - c->told_bytes;

        if (c->limit_bps == UINT64_MAX)
                return false;
        if (c->limit_ticks * LIMIT_PART_OF >= c->ticks)
                return true;
        return bytes * USEC_PER_SEC / MAX(usec, (uint64_t) 1) >= c->limit_bps / 100 * LIMIT_PERCENT;
}

static TransferPaceKind kind_of(const PaceConn *c, uint64_t usec)
{
        if (c->ticks == 0)
                return PACE_FREE;
        if (limit_binds(c, usec))
                return PACE_LIMIT;
        if (c->yield_ticks * 100 >= c->ticks * YIELD_PERCENT)
                return PACE_LINK_BUSY;
        return PACE_FREE;
}

static void tell_flows(Pace *p, PaceConn *c, uint64_t usec)
{
        TransferPaceKind kind = kind_of(c, usec);

        LIST_FOREACH (it, &c->flows) {
                PaceTask *t = list_item(it, PaceFlow, link)->task;

                if (!t || t->kind == kind)
                        continue;
                t->kind = kind;
                p->host.told(p->host.ctx, t->op, t->file_index, kind);
        }
        c->ticks = c->yield_ticks = c->limit_ticks = 0;
        c->told_bytes = c->bytes;
}

static void add_conn(LineState *s, const PaceConn *c)
{
        uint64_t base = controller_base_usec(&c->controller);
        uint64_t queue = controller_queue_usec(&c->controller);

        s->connections++;
        s->yielding += pace_conn_yields(c);
        if (base > 0 && (s->base_usec == 0 || base < s->base_usec))
                s->base_usec = (uint32_t) MIN(base, (uint64_t) UINT32_MAX);
        s->queue_usec = MAX(s->queue_usec, (uint32_t) MIN(queue, (uint64_t) UINT32_MAX));
}

static void report_line(Pace *p, PaceLine *l, uint64_t usec, bool running, LineState *s)
{
        pace_line_report(l, usec, s);
        if (!running) {
                s->own_bps[0] = s->own_bps[1] = 0;
                s->foreground_bps[0] = s->foreground_bps[1] = 0;
        }
        LIST_FOREACH (it, &p->conns) {
                const PaceConn *c = list_item(it, PaceConn, link);

                if (!c->background || c->line != l || !pace_conn_is_active(c))
                        continue;
                if (c->adaptive)
                        add_conn(s, c);
                else
                        s->connections++;
        }
}

void pace_report(Pace *p, uint64_t usec, bool running)
{
        LineReport report = {.wall_usec = clock_wall_usec(&CLOCK_SYSTEM)};

        LIST_FOREACH (it, &p->lines) {
                PaceLine *l = list_item(it, PaceLine, link);

                if (!l->gone) /* there may be another one of this name */
                        report_line(p, l, usec, running, &report.lines[report.lines_len++]);
        }
        p->host.lines(p->host.ctx, &report);
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (c->background)
                        tell_flows(p, c, usec);
        }
}
