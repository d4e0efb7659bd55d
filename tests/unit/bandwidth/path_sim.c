/* SPDX-License-Identifier: Apache-2.0 */
#include "path_sim.h"

#include <stdlib.h>
#include <string.h>

#include "sim_flow.h"
#include "trace.h"

static void sim_check(const SimConfig *k)
{
        if (k->flows_len > SIM_FLOWS || k->end_sec * 1e6 > (double) SIM_BINS * SIM_BIN_USEC ||
            k->rate_bps == 0)
                abort();
}

static void sim_fifo_push(SimFifo *f, const SimPacket *p)
{
        if (f->tail - f->head >= SIM_RING)
                abort();
        f->packets[f->tail++ % SIM_RING] = *p;
}

static SimPacket *sim_fifo_first(SimFifo *f)
{
        return f->head < f->tail ? &f->packets[f->head % SIM_RING] : NULL;
}

uint64_t sim_random(Sim *s)
{
        uint64_t z = s->random += 0x9e3779b97f4a7c15; /* splitmix64 */

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
}

void sim_send_data(Sim *s, const SimPacket *p)
{
        uint64_t limit = (uint64_t) s->config->rate_bps * s->config->buffer_usec / 1000000;

        if (limit < 4 * SIM_WIRE_MSS)
                limit = 4 * SIM_WIRE_MSS;
        if (s->queued_bytes + p->wire > limit) {
                s->result->dropped[p->flow]++;
                return;
        }
        if (s->queued_bytes == 0)
                s->depart_usec = (double) s->now_usec;
        s->queued_bytes += p->wire;
        if (s->queue.head == s->queue.tail)
                s->depart_usec = (double) s->now_usec +
                                 (double) p->wire * 1e6 / (double) s->config->rate_bps;
        sim_fifo_push(&s->queue, p);
}

void sim_send_ack(Sim *s, const SimPacket *p)
{
        SimPacket ack = *p;

        ack.arrive_usec = s->now_usec + s->config->base_usec / 2;
        sim_fifo_push(&s->acks, &ack);
}

/* The head of the queue has left the bottleneck. */
static void sim_depart(Sim *s)
{
        SimPacket *p = sim_fifo_first(&s->queue), *next;
        SimPacket moved = *p;
        uint64_t delay = s->config->base_usec - s->config->base_usec / 2;

        s->queue.head++;
        s->queued_bytes -= p->wire;
        next = sim_fifo_first(&s->queue);
        if (next)
                s->depart_usec += (double) next->wire * 1e6 / (double) s->config->rate_bps;
        if (s->config->loss_part > 0 &&
            (double) (sim_random(s) >> 11) < s->config->loss_part * 0x1p53) {
                s->result->dropped[moved.flow]++;
                return;
        }
        if (s->config->jitter_usec > 0)
                delay += sim_random(s) % s->config->jitter_usec;
        moved.arrive_usec = s->now_usec + delay;
        if (moved.arrive_usec < s->last_arrive_usec)
                moved.arrive_usec = s->last_arrive_usec; /* order is kept */
        s->last_arrive_usec = moved.arrive_usec;
        sim_fifo_push(&s->wire, &moved);
}

static void sim_arrive(Sim *s)
{
        SimPacket p = *sim_fifo_first(&s->wire);
        uint64_t bin = s->now_usec / SIM_BIN_USEC;
        SimFlow *f = &s->flows[p.flow];

        s->wire.head++;
        if (bin < SIM_BINS)
                s->result->bins[p.flow][bin] += p.wire;
        if (f->config->host < SIM_HOSTS)
                s->hosts[f->config->host].iface_bytes += p.wire;
        f->wire_bytes += p.wire;
        sim_flow_receive(s, f, &p);
}

static void sim_acked(Sim *s)
{
        SimPacket p = *sim_fifo_first(&s->acks);

        s->acks.head++;
        sim_flow_acked(s, &s->flows[p.flow], &p);
}

/* What happens by the clock, in steps of 1 ms. */
static void sim_timers(Sim *s)
{
        uint64_t bin = s->now_usec / SIM_BIN_USEC;

        for (size_t i = 0; i < s->config->flows_len; i++)
                sim_flow_timer(s, &s->flows[i]);
        if (s->now_usec % BW_TICK_USEC == 0)
                for (size_t i = 0; i < SIM_HOSTS; i++)
                        sim_host_tick(s, &s->hosts[i], (unsigned) i);
        if (bin < SIM_BINS)
                s->result->queue_usec[bin] += (double) s->queued_bytes * 1e6 /
                                              (double) s->config->rate_bps /
                                              (SIM_BIN_USEC / 1000.0);
}

static uint64_t sim_next_usec(Sim *s)
{
        uint64_t next = s->next_timer_usec;
        SimPacket *wire = sim_fifo_first(&s->wire), *ack = sim_fifo_first(&s->acks);

        if (sim_fifo_first(&s->queue) && (uint64_t) s->depart_usec < next)
                next = (uint64_t) s->depart_usec;
        if (wire && wire->arrive_usec < next)
                next = wire->arrive_usec;
        if (ack && ack->arrive_usec < next)
                next = ack->arrive_usec;
        return next;
}

static void sim_step(Sim *s)
{
        SimPacket *wire, *ack;

        s->now_usec = sim_next_usec(s);
        while (sim_fifo_first(&s->queue) && (uint64_t) s->depart_usec <= s->now_usec)
                sim_depart(s);
        while ((wire = sim_fifo_first(&s->wire)) && wire->arrive_usec <= s->now_usec)
                sim_arrive(s);
        while ((ack = sim_fifo_first(&s->acks)) && ack->arrive_usec <= s->now_usec)
                sim_acked(s);
        if (s->now_usec >= s->next_timer_usec) {
                sim_timers(s);
                s->next_timer_usec += 1000;
        }
}

void sim_run(const SimConfig *config, SimResult *ret)
{
        Sim *s = calloc(1, sizeof(*s));

        sim_check(config);
        if (!s)
                abort();
        memset(ret, 0, sizeof(*ret));
        s->config = config;
        s->result = ret;
        s->random = config->seed;
        s->next_timer_usec = 1000;
        for (size_t i = 0; i < SIM_HOSTS; i++)
                sim_host_init(&s->hosts[i], config->is_upload);
        for (size_t i = 0; i < config->flows_len; i++)
                sim_flow_init(s, &s->flows[i], (unsigned) i);
        while ((double) s->now_usec < config->end_sec * 1e6)
                sim_step(s);
        for (size_t i = 0; i < config->flows_len; i++)
                sim_flow_done(&s->flows[i]);
        free(s);
}

double sim_rate_bps(const SimResult *r, size_t flow, double from_sec, double to_sec)
{
        double sum = 0;

        for (size_t i = (size_t) (from_sec * 10 + 0.5); i < (size_t) (to_sec * 10 + 0.5); i++)
                sum += r->bins[flow][i];
        return sum / (to_sec - from_sec);
}

double sim_queue_usec(const SimResult *r, double from_sec, double to_sec)
{
        double sum = 0;

        for (size_t i = (size_t) (from_sec * 10 + 0.5); i < (size_t) (to_sec * 10 + 0.5); i++)
                sum += r->queue_usec[i];
        return sum / (to_sec - from_sec) / 10;
}

static double sim_time_until(const SimResult *r, size_t flow, double from_sec, size_t window,
                             double bps, bool below)
{
        size_t from = (size_t) (from_sec * 10 + 0.5);

        for (size_t i = from; i + window < SIM_BINS; i++) {
                double rate = sim_rate_bps(r, flow, (double) i / 10, (double) (i + window) / 10);

                if (below ? rate < bps : rate > bps)
                        return (double) (i - from) / 10;
        }
        return 99;
}

double sim_time_below(const SimResult *r, size_t flow, double from_sec, size_t window, double bps)
{
        return sim_time_until(r, flow, from_sec, window, bps, true);
}

double sim_time_above(const SimResult *r, size_t flow, double from_sec, size_t window, double bps)
{
        return sim_time_until(r, flow, from_sec, window, bps, false);
}
