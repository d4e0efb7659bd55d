/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a simulated connection. */
#include "sim_flow.h"

#include <stdlib.h>
#include <string.h>

#define DELACK_USEC 40000
#define PERSIST_USEC 200000
#define RTO_LEAST_USEC 200000
#define WEB_PERIOD_USEC 1000000
#define CHUNK_BYTES 16384
#define WRITE_USEC 2000
#define FRAGMENT_FIRST_BYTES 1000000U
#define FRAGMENT_FIRST_MSEC 400 /* or so long */
#define FRAGMENT_MOST_SEC 5

void sim_flow_init(Sim *s, SimFlow *f, unsigned number)
{
        f->config = &s->config->flows[number];
        f->number = number;
        f->txs = calloc(SIM_RING, sizeof(*f->txs));
        f->retries = calloc(SIM_RING, sizeof(*f->retries));
        f->sizes = calloc(SIM_RING, sizeof(*f->sizes));
        f->arrived = calloc(SIM_RING, sizeof(*f->arrived));
        if (!f->txs || !f->retries || !f->sizes || !f->arrived)
                abort();
        if (f->config->kind == SIM_BACKGROUND) {
                SimHost *h = &s->hosts[f->config->host];

                controller_init(&f->controller, s->config->is_upload ? BW_UP : BW_DOWN, &h->path,
                                f->config->target_usec);
                share_node_init(&f->job, true);
                share_node_init(&f->share, false);
                share_node_attach(&h->tree.levels[SHARE_NORMAL], &f->job);
                share_node_attach(&f->job, &f->share);
        }
        sim_flow_reset(s, f);
        f->web_next_usec = (uint64_t) (f->config->start_sec * 1e6);
}

void sim_flow_done(SimFlow *f)
{
        free(f->txs);
        free(f->retries);
        free(f->sizes);
        free(f->arrived);
}

void sim_flow_reset(Sim *s, SimFlow *f)
{
        bool is_download = f->config->kind == SIM_BACKGROUND && !s->config->is_upload;

        f->epoch++;
        f->cwnd = 10;
        f->ssthresh = 1e9;
        f->cubic_max = 0;
        f->fragment_bytes = s->config->rate_bps * FRAGMENT_FIRST_MSEC / 1000;
        if (f->fragment_bytes < FRAGMENT_FIRST_BYTES)
                f->fragment_bytes = FRAGMENT_FIRST_BYTES;
        f->fragment_end = f->fragment_bytes;
        f->pace_bps = UINT64_MAX;
        f->cubic_usec = 0;
        f->srtt_usec = f->min_rtt_usec = f->round_min_usec = f->round_end = 0;
        f->round_samples = 0;
        f->tx_una = f->tx_next = f->recover_tx = f->in_flight = 0;
        f->retries_head = f->retries_tail = f->next_seq = f->una_seq = 0;
        f->sent_bytes = f->acked_bytes = f->echo_stamp = 0;
        f->limit_bytes = UINT64_MAX;
        f->window = f->clamp = is_download ? 10 * SIM_MSS : 1e9;
        f->edge = (uint64_t) f->window;
        f->heard_usec = s->now_usec;
        f->persist_usec = 0;
        memset(f->arrived, 0, SIM_RING * sizeof(*f->arrived));
        f->expected = f->received_bytes = 0;
        f->unacked = 0;
        f->delack_usec = 0;
        f->write_limit = s->config->is_upload && f->config->kind == SIM_BACKGROUND ? 0 : UINT64_MAX;
        f->delivered = 0;
        f->delivered_usec = s->now_usec;
        f->bbr_gain = 2.89;
}

static void transmit(Sim *s, SimFlow *f, uint64_t seq, uint32_t bytes)
{
        SimTransmission *t = &f->txs[f->tx_next % SIM_RING];
        SimPacket p = {.flow = f->number,
                       .wire = bytes + SIM_WIRE_MSS - SIM_MSS,
                       .seq = seq,
                       .tx = f->tx_next,
                       .stamp = f->echo_stamp,
                       .epoch = f->epoch};

        if (f->tx_next - f->tx_una >= SIM_RING)
                abort();
        if (f->tx_next == f->tx_una)
                f->heard_usec = f->delivered_usec = s->now_usec;
        *t = (SimTransmission){.seq = seq,
                               .sent_usec = s->now_usec,
                               .bytes = bytes,
                               .delivered = f->delivered,
                               .delivered_usec = f->delivered_usec};
        f->tx_next++;
        f->in_flight++;
        f->pace_bytes -= p.wire;
        sim_send_data(s, &p);
}

static void transmit_new(Sim *s, SimFlow *f, uint32_t bytes)
{
        f->sizes[f->next_seq % SIM_RING] = bytes;
        f->sent_bytes += bytes;
        transmit(s, f, f->next_seq++, bytes);
}

/* Bytes of new data that may go as the next segment; 0 none. */
static uint32_t next_bytes(const SimFlow *f)
{
        uint64_t left = f->limit_bytes > f->sent_bytes ? f->limit_bytes - f->sent_bytes : 0;
        uint64_t bytes = left < SIM_MSS ? left : SIM_MSS;

        uint64_t written = f->write_limit > f->sent_bytes ? f->write_limit - f->sent_bytes : 0;

        if (bytes > written)
                bytes = written; /* TCP_NODELAY: what was written goes, full segment or not */
        if (f->sent_bytes + bytes > f->edge || f->next_seq - f->una_seq >= SIM_RING - 1)
                return 0;
        return (uint32_t) bytes;
}

void sim_flow_send(Sim *s, SimFlow *f)
{
        while (f->is_open && f->in_flight < (uint64_t) f->cwnd &&
               (!sim_control_is_paced(f) || f->pace_bytes > 0)) {
                uint32_t bytes;

                if (f->retries_head < f->retries_tail) {
                        uint64_t seq = f->retries[f->retries_head++ % SIM_RING];

                        if (seq >= f->una_seq) {
                                f->retransmitted++;
                                transmit(s, f, seq, f->sizes[seq % SIM_RING]);
                        }
                        continue;
                }
                bytes = next_bytes(f);
                if (bytes == 0)
                        break;
                transmit_new(s, f, bytes);
        }
}

/* Without timestamps: how long a window of data takes to come. It is only ever lowered. */
static void sample_by_window(Sim *s, SimFlow *f)
{
        uint64_t usec = s->now_usec - f->window_usec;

        if (f->received_bytes < f->window_bytes)
                return;
        if (f->window_usec > 0 && usec > 0 && (f->rcv_rtt_usec == 0 || usec < f->rcv_rtt_usec))
                f->rcv_rtt_usec = usec;
        f->window_usec = s->now_usec;
        f->window_bytes = f->received_bytes + (uint64_t) f->window;
}

/* Round trip as a receiver sees it: from an ACK's timestamp to the data that echoes it. */
static void sample_rcv_rtt(Sim *s, SimFlow *f, const SimPacket *p)
{
        uint64_t usec, now_ms = s->now_usec / 1000;

        if (f->config->no_timestamps) {
                sample_by_window(s, f);
                return;
        }
        if (p->stamp == 0 || p->stamp == f->last_stamp)
                return;
        f->last_stamp = p->stamp;
        usec = (now_ms - p->stamp) * 1000;
        if (usec == 0)
                return;
        if (f->rcv_rtt_usec == 0 || usec < f->rcv_rtt_usec)
                f->rcv_rtt_usec = usec;
        else
                f->rcv_rtt_usec += (usec - f->rcv_rtt_usec) / 8;
}

static void send_ack(Sim *s, SimFlow *f)
{
        double window = f->window < f->clamp ? f->window : f->clamp;
        SimPacket ack = {.flow = f->number,
                         .tx = f->last_tx,
                         .next = f->expected,
                         .edge = f->received_bytes + (uint64_t) window,
                         .stamp = s->now_usec / 1000,
                         .epoch = f->epoch};

        f->unacked = 0;
        f->delack_usec = 0;
        sim_send_ack(s, &ack);
}

void sim_flow_receive(Sim *s, SimFlow *f, const SimPacket *p)
{
        bool in_order = p->seq == f->expected;

        if (f->config->kind == SIM_CONSTANT || p->epoch != f->epoch)
                return;
        if (f->config->kind == SIM_BACKGROUND)
                f->own_wire += p->wire;
        f->last_tx = p->tx;
        sample_rcv_rtt(s, f, p);
        if (p->seq >= f->expected)
                f->arrived[p->seq % SIM_RING] = true;
        if (p->seq > f->expected)
                f->ooo++;
        while (f->arrived[f->expected % SIM_RING]) {
                f->arrived[f->expected % SIM_RING] = false;
                f->received_bytes += f->sizes[f->expected % SIM_RING];
                f->expected++;
        }
        /* Raising the clamp shows slowly, lowering it at once. */
        f->window = f->window + 2 * SIM_MSS < f->clamp ? f->window + 2 * SIM_MSS : f->clamp;
        f->unacked++;
        if (f->unacked >= 2 || !in_order || f->clamp < 3 * SIM_MSS)
                send_ack(s, f);
        else
                f->delack_usec = s->now_usec + DELACK_USEC;
}

static void mark_lost(SimFlow *f, SimTransmission *t)
{
        t->is_done = true;
        f->in_flight--;
        if (t->seq >= f->una_seq) {
                if (f->retries_tail - f->retries_head >= SIM_RING)
                        abort();
                f->retries[f->retries_tail++ % SIM_RING] = t->seq;
        }
}

static void sample_rtt(SimFlow *f, uint64_t usec)
{
        f->fresh_sum_usec += usec;
        f->fresh_count++;
        if (f->srtt_usec == 0)
                f->srtt_usec = usec;
        else
                f->srtt_usec = (7 * f->srtt_usec + usec) / 8;
        if (f->min_rtt_usec == 0 || usec < f->min_rtt_usec)
                f->min_rtt_usec = usec;
}

void sim_flow_acked(Sim *s, SimFlow *f, const SimPacket *ack)
{
        SimTransmission first = {0};
        unsigned segments = 0;
        bool lost = false;

        if (ack->epoch != f->epoch)
                return;
        f->heard_usec = s->now_usec;
        f->echo_stamp = ack->stamp;
        for (; f->una_seq < ack->next; f->una_seq++)
                f->acked_bytes += f->sizes[f->una_seq % SIM_RING];
        if (ack->edge > f->edge)
                f->edge = ack->edge;
        /* The path keeps the order, so whatever was sent before and is not covered is lost. A
         * transmission is covered if its segment is below `next` or it caused this ACK. */
        for (; f->tx_una <= ack->tx && f->tx_una < f->tx_next; f->tx_una++) {
                SimTransmission *t = &f->txs[f->tx_una % SIM_RING];

                if (t->is_done)
                        continue;
                if (t->seq < f->una_seq || f->tx_una == ack->tx || f->arrived[t->seq % SIM_RING]) {
                        t->is_done = true;
                        f->in_flight--;
                        f->delivered += t->bytes;
                        f->delivered_usec = s->now_usec;
                        if (segments++ == 0)
                                first = *t;
                } else {
                        mark_lost(f, t);
                        lost = f->tx_una >= f->recover_tx || lost;
                }
        }
        if (segments > 0) {
                sample_rtt(f, s->now_usec - first.sent_usec);
                sim_control_acked(s, f, &first, segments);
        }
        if (lost) {
                f->recover_tx = f->tx_next;
                sim_control_lost(s, f);
        }
        sim_flow_send(s, f);
}

static void time_out(Sim *s, SimFlow *f)
{
        uint64_t rto = 2 * f->srtt_usec > RTO_LEAST_USEC ? 2 * f->srtt_usec : RTO_LEAST_USEC;

        if (f->tx_una == f->tx_next || s->now_usec - f->heard_usec < rto + f->srtt_usec)
                return;
        for (; f->tx_una < f->tx_next; f->tx_una++)
                if (!f->txs[f->tx_una % SIM_RING].is_done)
                        mark_lost(f, &f->txs[f->tx_una % SIM_RING]);
        f->heard_usec = s->now_usec;
        f->recover_tx = f->tx_next;
        sim_control_timeout(f);
        sim_flow_send(s, f);
}

/* With nothing in flight and a window below one segment a small piece goes now and then. */
static void persist(Sim *s, SimFlow *f)
{
        bool is_blocked = f->tx_una == f->tx_next && f->sent_bytes + SIM_MSS > f->edge &&
                          f->retries_head == f->retries_tail;

        if (!is_blocked) {
                f->persist_usec = 0;
        } else if (f->persist_usec == 0) {
                f->persist_usec =
                        s->now_usec + PERSIST_USEC + f->srtt_usec + sim_random(s) % PERSIST_USEC;
        } else if (s->now_usec >= f->persist_usec) {
                if (f->sent_bytes + SIM_PIECE <= f->edge)
                        transmit_new(s, f, SIM_PIECE);
                f->persist_usec = 0;
        }
}

static void run_constant(Sim *s, SimFlow *f)
{
        f->pace_bytes += (double) f->config->rate_bps / 1000;
        while (f->pace_bytes >= SIM_WIRE_MSS) {
                SimPacket p = {.flow = f->number, .wire = SIM_WIRE_MSS, .epoch = f->epoch};

                f->pace_bytes -= SIM_WIRE_MSS;
                sim_send_data(s, &p);
        }
}

static void run_web(Sim *s, SimFlow *f)
{
        if (f->is_open && f->received_bytes >= f->limit_bytes) {
                s->result->web_sum_sec += (double) (s->now_usec - f->web_begin_usec) / 1e6;
                s->result->web_count++;
                f->is_open = false;
        }
        if (!f->is_open && s->now_usec >= f->web_next_usec) {
                sim_flow_reset(s, f);
                f->limit_bytes = f->config->object_bytes;
                f->is_open = true;
                f->web_begin_usec = s->now_usec - s->config->base_usec; /* handshake */
                f->web_next_usec += WEB_PERIOD_USEC;
        }
}

/* The last one was acknowledged; the next one is larger, until it takes some seconds. */
static void begin_fragment(Sim *s, SimFlow *f)
{
        uint64_t most = FRAGMENT_MOST_SEC * s->config->rate_bps;

        f->fragment_bytes *= 4;
        if (f->fragment_bytes > most)
                f->fragment_bytes = most;
        f->fragment_end = f->write_limit + f->fragment_bytes;
        f->began = true;
}

/* SIOCOUTQ < W: the writer looks at it now and then. */
static void write_more(Sim *s, SimFlow *f)
{
        uint64_t queued = f->write_limit > f->acked_bytes ? f->write_limit - f->acked_bytes : 0;
        uint64_t window = f->decision.window_bytes;

        if (f->write_limit < f->acked_bytes)
                f->write_limit = f->acked_bytes;
        if (s->config->is_paced && f->write_limit >= f->fragment_end) {
                if (queued > 0)
                        return;
                begin_fragment(s, f);
        }
        if (f->decision.stall || s->now_usec == 0)
                return;
        if (f->decision.at_floor) {
                if (queued == 0 && s->now_usec - f->floor_write_usec >= 60000) {
                        f->floor_write_usec = s->now_usec;
                        f->write_limit += 2 * SIM_MSS;
                }
        } else {
                while (queued + SIM_MSS <= window) {
                        uint64_t chunk = window - queued;

                        if (chunk > CHUNK_BYTES)
                                chunk = CHUNK_BYTES;
                        f->write_limit += chunk;
                        queued += chunk;
                }
        }
}

void sim_flow_timer(Sim *s, SimFlow *f)
{
        double sec = (double) s->now_usec / 1e6;
        bool is_active = sec >= f->config->start_sec && sec < f->config->stop_sec;

        if (f->config->kind == SIM_CONSTANT) {
                if (is_active)
                        run_constant(s, f);
                return;
        }
        if (f->config->kind == SIM_WEB && (is_active || f->is_open))
                run_web(s, f);
        else if (f->config->kind != SIM_WEB)
                f->is_open = is_active;
        if (!f->is_open)
                return;
        if (s->config->is_upload && f->config->kind == SIM_BACKGROUND &&
            s->now_usec % WRITE_USEC == 0)
                write_more(s, f);
        if (f->delack_usec > 0 && s->now_usec >= f->delack_usec)
                send_ack(s, f);
        sim_control_pace(f);
        persist(s, f);
        time_out(s, f);
        sim_flow_send(s, f);
}
