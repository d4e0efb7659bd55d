/* SPDX-License-Identifier: Apache-2.0 */
#include "link_queue.h"

#include <math.h>
#include <string.h>

enum {
        QUANTUM = 1514,
        CODEL_TARGET_NSEC = 5 * 1000 * 1000,
        CODEL_INTERVAL_NSEC = 100 * 1000 * 1000,
};

void packet_list_push(PacketList *l, Packet *p)
{
        p->next = NULL;
        if (l->last)
                l->last->next = p;
        else
                l->first = p;
        l->last = p;
        l->bytes += p->len;
}

Packet *packet_list_pop(PacketList *l)
{
        Packet *p = l->first;

        if (!p)
                return NULL;
        l->first = p->next;
        if (!l->first)
                l->last = NULL;
        l->bytes -= p->len;
        return p;
}

static void flow_list_push(FlowList *l, Flow *f)
{
        f->next = NULL;
        if (l->last)
                l->last->next = f;
        else
                l->first = f;
        l->last = f;
}

static Flow *flow_list_pop(FlowList *l)
{
        Flow *f = l->first;

        l->first = f->next;
        if (!l->first)
                l->last = NULL;
        return f;
}

void queue_init(Queue *q, uint64_t limit_bytes, bool fair, QueueDrop on_drop, void *ctx)
{
        memset(q, 0, sizeof(*q));
        q->limit_bytes = limit_bytes;
        q->fair = fair;
        q->on_drop = on_drop;
        q->ctx = ctx;
}

/* RFC 8290 §4.1: what does not fit is taken from the head of the longest flow. */
static void drop_from_fattest(Queue *q)
{
        Flow *fattest = &q->flows[0];
        Packet *p;

        for (size_t i = 1; i < QUEUE_FLOWS; i++)
                if (q->flows[i].packets.bytes > fattest->packets.bytes)
                        fattest = &q->flows[i];
        p = packet_list_pop(&fattest->packets);
        if (!p)
                return;
        q->bytes -= p->len;
        q->on_drop(q->ctx, p);
}

void queue_push(Queue *q, Packet *p, uint64_t now_nsec)
{
        Flow *f;

        p->queued_nsec = now_nsec;
        if (!q->fair) {
                if (q->bytes + p->len > q->limit_bytes) {
                        q->on_drop(q->ctx, p);
                        return;
                }
                q->bytes += p->len;
                packet_list_push(&q->fifo, p);
                return;
        }
        f = &q->flows[p->flow & (QUEUE_FLOWS - 1)];
        q->bytes += p->len;
        packet_list_push(&f->packets, p);
        if (!f->listed) {
                f->listed = true;
                f->deficit = QUANTUM;
                flow_list_push(&q->young, f);
        }
        while (q->bytes > q->limit_bytes)
                drop_from_fattest(q);
}

static Packet *flow_take(Queue *q, Flow *f, uint64_t now_nsec, bool *ret_may_drop)
{
        Packet *p = packet_list_pop(&f->packets);

        *ret_may_drop = false;
        if (!p) {
                f->first_above_nsec = 0;
                return NULL;
        }
        q->bytes -= p->len;
        if (now_nsec - p->queued_nsec < CODEL_TARGET_NSEC || f->packets.bytes <= QUANTUM)
                f->first_above_nsec = 0;
        else if (f->first_above_nsec == 0)
                f->first_above_nsec = now_nsec + CODEL_INTERVAL_NSEC;
        else
                *ret_may_drop = now_nsec >= f->first_above_nsec;
        return p;
}

static uint64_t control_law(uint64_t t_nsec, uint32_t count)
{
        return t_nsec + (uint64_t) (CODEL_INTERVAL_NSEC / sqrt(count));
}

/* The pseudo code of RFC 8289 §5.5. */
static Packet *codel_pop(Queue *q, Flow *f, uint64_t now_nsec)
{
        bool may_drop;
        Packet *p = flow_take(q, f, now_nsec, &may_drop);

        if (f->dropping) {
                if (!may_drop)
                        f->dropping = false;
                while (f->dropping && now_nsec >= f->drop_next_nsec) {
                        q->on_drop(q->ctx, p);
                        f->count++;
                        p = flow_take(q, f, now_nsec, &may_drop);
                        if (may_drop)
                                f->drop_next_nsec = control_law(f->drop_next_nsec, f->count);
                        else
                                f->dropping = false;
                }
        } else if (may_drop) {
                uint32_t delta = f->count - f->last_count;

                q->on_drop(q->ctx, p);
                p = flow_take(q, f, now_nsec, &may_drop);
                f->dropping = true;
                f->count = delta > 1 && now_nsec - f->drop_next_nsec < 16ull * CODEL_INTERVAL_NSEC
                                   ? delta
                                   : 1;
                f->drop_next_nsec = control_law(now_nsec, f->count);
                f->last_count = f->count;
        }
        return p;
}

Packet *queue_pop(Queue *q, uint64_t now_nsec)
{
        Packet *p;

        if (!q->fair) {
                p = packet_list_pop(&q->fifo);
                if (p)
                        q->bytes -= p->len;
                return p;
        }
        for (;;) {
                FlowList *list = q->young.first ? &q->young : &q->old;
                Flow *f = list->first;

                if (!f)
                        return NULL;
                if (f->deficit <= 0) {
                        f->deficit += QUANTUM;
                        flow_list_push(&q->old, flow_list_pop(list));
                        continue;
                }
                p = codel_pop(q, f, now_nsec);
                if (p) {
                        f->deficit -= p->len;
                        return p;
                }
                flow_list_pop(list);
                if (list == &q->young && q->old.first) /* else a trickle would always be new */
                        flow_list_push(&q->old, f);
                else
                        f->listed = false;
        }
}
