/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace_state.h"

/* Without a controller half of the line is all that can be taken unseen. */
#define BLIND_PART 2
#define RATE_WEIGHT 8 /* the rate is an average of so many steps */

/* The job whose share a connection has: that of its highest request. */
static PaceJob *job_of(const PaceConn *c)
{
        PaceJob *best = NULL;

        LIST_FOREACH (it, &c->flows) {
                const PaceFlow *f = list_item(it, PaceFlow, link);

                if (f->task && (!best || f->task->job->priority < best->priority))
                        best = f->task->job;
        }
        return best;
}

uint8_t pace_conn_priority(const PaceConn *c)
{
        const PaceJob *j = job_of(c);

        return j ? j->priority : (uint8_t) BG_JOB_PRIORITY_NORMAL;
}

static bool takes_part(const PaceConn *c)
{
        return c->background && pace_conn_is_active(c) && job_of(c);
}

static unsigned level_of(const PaceJob *j)
{
        return j->priority <= BG_JOB_PRIORITY_HIGH     ? SHARE_HIGH
               : j->priority == BG_JOB_PRIORITY_NORMAL ? SHARE_NORMAL
                                                       : SHARE_LOW;
}

/* The leaf of a connection, below its job, below its level. */
static void plant(ShareTree *t, PaceConn *c, uint64_t demand_bps)
{
        PaceJob *j = job_of(c);

        if (!j)
                return; /* nobody who takes part is without a job */
        if (!j->share.parent) {
                share_node_init(&j->share, true);
                j->share.limit_bps = j->limit_bps;
                share_node_attach(&t->levels[level_of(j)], &j->share);
        }
        share_node_init(&c->share, false);
        c->share.demand_bps = demand_bps;
        share_node_attach(&j->share, &c->share);
}

static void clear_jobs(Pace *p)
{
        LIST_FOREACH (it, &p->jobs)
                list_item(it, PaceJob, link)->share.parent = NULL;
}

static void measure(Pace *p, uint64_t usec)
{
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);
                uint64_t rate;

                if (!takes_part(c))
                        continue;
                rate = (c->bytes - c->rate_bytes) * USEC_PER_SEC / MAX(usec, (uint64_t) 1);
                c->rate_bytes = c->bytes;
                c->rate_bps = (c->rate_bps * (RATE_WEIGHT - 1) + rate) / RATE_WEIGHT;
        }
}

/* Of the one cap that the governor of a line and direction gives. */
static void share_line(Pace *p, PaceLine *l, BwDirection d)
{
        ShareTree tree;

        share_tree_init(&tree);
        clear_jobs(p);
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (!takes_part(c) || !c->adaptive || c->line != l || c->direction != d)
                        continue;
                c->cap_bps = UINT64_MAX;
                if (l->cap_bps[d] != UINT64_MAX)
                        plant(&tree, c, share_demand_bps(c->rate_bps, c->share_line_bps));
        }
        if (l->cap_bps[d] == UINT64_MAX)
                return;
        share_distribute(&tree.line, l->cap_bps[d]);
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (takes_part(c) && c->adaptive && c->line == l && c->direction == d)
                        c->cap_bps = c->share_line_bps = c->share.grant_bps;
        }
}

/* Peers in the same subnet are no Internet; nor is this machine. */
static bool is_exempt(const Pace *p, const PaceConn *c)
{
        if (c->loopback)
                return !p->config->control_loopback;
        return c->direct && p->limits.lan_exempt;
}

/* Of the limits of levels and jobs, over all lines. Who is exempt has those of its job only. */
static void share_limits(Pace *p, bool exempt, uint64_t now_usec)
{
        ShareTree tree;

        share_tree_init(&tree);
        clear_jobs(p);
        for (unsigned i = 0; i < SHARE_LEVELS && !exempt; i++)
                tree.levels[i].limit_bps = p->limits.level_bps[BG_JOB_PRIORITY_HIGH + i];
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (takes_part(c) && is_exempt(p, c) == exempt)
                        plant(&tree, c,
                              c->was_short || c->limit_bps == UINT64_MAX
                                      ? SHARE_NO_LIMIT
                                      : share_demand_bps(c->rate_bps, c->limit_bps));
        }
        share_distribute(&tree.line, SHARE_NO_LIMIT);
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);
                uint64_t limit = c->share.grant_bps;

                if (!takes_part(c) || is_exempt(p, c) != exempt)
                        continue;
                if (c->blind && c->adaptive) {
                        uint64_t line = governor_capacity_bps(&c->line->governor[c->direction]);

                        limit = MIN(MIN(limit, c->cap_bps), line > 0 ? line / BLIND_PART : limit);
                }
                pace_conn_set_limit(c, limit, now_usec);
                c->was_short = false;
        }
}

void pace_share(Pace *p, uint64_t now_usec)
{
        uint64_t usec = now_usec - p->share_usec;

        if (usec >= PACE_STEP_USEC) {
                measure(p, usec);
                p->share_usec = now_usec;
        }
        LIST_FOREACH (it, &p->lines) {
                PaceLine *l = list_item(it, PaceLine, link);

                share_line(p, l, BW_DOWN);
                share_line(p, l, BW_UP);
        }
        share_limits(p, false, now_usec);
        share_limits(p, true, now_usec);
}
