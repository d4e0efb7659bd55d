/* SPDX-License-Identifier: Apache-2.0 */
/* Congestion control of the simulated senders: CUBIC with HyStart, and BBR in short. */
#include "sim_flow.h"

#include <math.h>

#define CUBIC_C 0.4
#define CUBIC_BETA 0.7
#define PROBE_RTT_USEC 200000
#define MIN_RTT_WINDOW_USEC 10000000

static bool is_bbr(const SimFlow *f)
{
        return f->config->kind == SIM_BBR;
}

/* Slow start ends when the round trip has grown, not only by loss. */
static void hystart(SimFlow *f, uint64_t rtt)
{
        uint64_t room = f->min_rtt_usec / 8;

        if (f->tx_una >= f->round_end) {
                f->round_end = f->tx_next;
                f->round_min_usec = UINT64_MAX;
                f->round_samples = 0;
        }
        if (rtt < f->round_min_usec)
                f->round_min_usec = rtt;
        room = room < 4000 ? 4000 : room > 16000 ? 16000 : room;
        if (++f->round_samples == 8 && f->cwnd >= 16 && f->round_min_usec >= f->min_rtt_usec + room)
                f->ssthresh = f->cwnd;
}

static void cubic_acked(Sim *s, SimFlow *f, unsigned segments)
{
        double t, want, reno;

        if (f->in_flight + segments + 3 < (uint64_t) f->cwnd / 2)
                return; /* it is not the window that limits */
        if (f->cwnd < f->ssthresh) {
                f->cwnd += segments;
                return;
        }
        if (f->cubic_usec == 0) {
                f->cubic_usec = s->now_usec;
                if (f->cubic_max < f->cwnd)
                        f->cubic_max = f->cwnd;
                f->cubic_k = cbrt((f->cubic_max - f->cwnd) / CUBIC_C);
        }
        t = (double) (s->now_usec - f->cubic_usec + f->min_rtt_usec) / 1e6;
        want = CUBIC_C * pow(t - f->cubic_k, 3) + f->cubic_max;
        reno = f->cubic_max * CUBIC_BETA +
               3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA) * t * 1e6 / ((double) f->srtt_usec + 1);
        if (want < reno)
                want = reno;
        if (want > 1.5 * f->cwnd)
                want = 1.5 * f->cwnd;
        if (want > f->cwnd)
                f->cwnd += (want - f->cwnd) / f->cwnd * segments;
}

static double bbr_bandwidth(const SimFlow *f)
{
        double best = 0;

        for (unsigned i = 0; i < SIM_BBR_ROUNDS; i++)
                if (f->bbr_bw[i] > best)
                        best = f->bbr_bw[i];
        return best;
}

static void bbr_round(SimFlow *f)
{
        double best = bbr_bandwidth(f);

        f->bbr_round++;
        f->bbr_bw[f->bbr_round % SIM_BBR_ROUNDS] = 0;
        if (f->bbr_started)
                return;
        if (best > 1.25 * f->bbr_full_bw) {
                f->bbr_full_bw = best;
                f->bbr_full = 0;
        } else if (++f->bbr_full >= 3) {
                f->bbr_started = true;
                f->bbr_gain = 0.35; /* drain */
        }
}

static void bbr_gains(Sim *s, SimFlow *f)
{
        static const double gains[8] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
        double pipe = bbr_bandwidth(f) * (double) f->bbr_min_usec / 1e6 / SIM_MSS;

        if (s->now_usec < f->bbr_probe_until) {
                f->cwnd = 4;
                return;
        }
        if (f->bbr_started && f->bbr_gain < 0.5 && (double) f->in_flight > pipe + 3) {
                f->cwnd = 2 * pipe + 4;
                return;
        }
        if (f->bbr_started && s->now_usec - f->bbr_phase_usec >= f->bbr_min_usec) {
                f->bbr_phase = (f->bbr_phase + 1) % 8;
                f->bbr_phase_usec = s->now_usec;
                f->bbr_gain = gains[f->bbr_phase];
        }
        f->cwnd = (f->bbr_started ? 2 : 2.89) * pipe + 4;
        if (f->cwnd < 10)
                f->cwnd = 10;
}

static void bbr_acked(Sim *s, SimFlow *f, const SimTransmission *t)
{
        uint64_t span = f->delivered_usec - t->delivered_usec, rtt = s->now_usec - t->sent_usec;
        double bw;

        if (span < rtt)
                span = rtt;
        bw = (double) (f->delivered - t->delivered) * 1e6 / ((double) span + 1);
        if (f->delivered >= f->bbr_round_end) {
                f->bbr_round_end = f->delivered + f->in_flight * SIM_MSS;
                bbr_round(f);
        }
        if (bw > f->bbr_bw[f->bbr_round % SIM_BBR_ROUNDS])
                f->bbr_bw[f->bbr_round % SIM_BBR_ROUNDS] = bw;
        if (f->bbr_min_usec == 0 || rtt <= f->bbr_min_usec) {
                f->bbr_min_usec = rtt;
                f->bbr_min_at_usec = s->now_usec;
        } else if (s->now_usec - f->bbr_min_at_usec > MIN_RTT_WINDOW_USEC) {
                f->bbr_probe_until = s->now_usec + PROBE_RTT_USEC;
                f->bbr_min_at_usec = s->now_usec;
                f->bbr_min_usec = rtt;
        }
        bbr_gains(s, f);
}

void sim_control_acked(Sim *s, SimFlow *f, const SimTransmission *t, unsigned segments)
{
        if (is_bbr(f)) {
                bbr_acked(s, f, t);
                return;
        }
        if (f->cwnd < f->ssthresh)
                hystart(f, s->now_usec - t->sent_usec);
        cubic_acked(s, f, segments);
}

void sim_control_lost(Sim *s, SimFlow *f)
{
        if (is_bbr(f))
                return;
        f->cubic_max = f->cwnd < f->cubic_max ? f->cwnd * (1 + CUBIC_BETA) / 2 : f->cwnd;
        f->cwnd = fmax(2, f->cwnd * CUBIC_BETA);
        f->ssthresh = f->cwnd;
        f->cubic_usec = s->now_usec;
        f->cubic_k = cbrt((f->cubic_max - f->cwnd) / CUBIC_C);
}

void sim_control_timeout(SimFlow *f)
{
        if (is_bbr(f))
                return;
        f->ssthresh = fmax(2, f->cwnd / 2);
        f->cwnd = 2;
        f->cubic_usec = 0;
}

bool sim_control_is_paced(const SimFlow *f)
{
        if (f->config->kind == SIM_BACKGROUND)
                return f->pace_bps != UINT64_MAX;
        return is_bbr(f) && bbr_bandwidth(f) > 0;
}

void sim_control_pace(SimFlow *f)
{
        double rate = bbr_bandwidth(f) * f->bbr_gain * SIM_WIRE_MSS / SIM_MSS;

        if (f->config->kind == SIM_BACKGROUND)
                rate = (double) f->pace_bps * SIM_WIRE_MSS / SIM_MSS;
        if (!sim_control_is_paced(f))
                return;
        f->pace_bytes += rate / 1000;
        if (f->pace_bytes > rate / 1000 + 2 * SIM_WIRE_MSS)
                f->pace_bytes = rate / 1000 + 2 * SIM_WIRE_MSS;
}
