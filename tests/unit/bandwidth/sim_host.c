/* SPDX-License-Identifier: Apache-2.0 */
/* The code under test on a simulated host: what bitsd does with real sockets. */
#include "sim_flow.h"

#include "trace.h"

#define LONG_RTT_TICKS 64

void sim_host_init(SimHost *h, bool is_upload)
{
        path_memory_init(&h->path);
        bw_group_init(&h->group);
        governor_init(&h->governor, is_upload);
        share_tree_init(&h->tree);
        h->cap_bps = UINT64_MAX;
}

static void run_governor(Sim *s, SimHost *h, unsigned number)
{
        bool is_step = s->now_usec % GOVERNOR_STEP_USEC == 0;
        uint64_t own = 0, base = 0, cap;

        for (size_t i = 0; i < s->config->flows_len; i++) {
                SimFlow *f = &s->flows[i];

                if (f->config->kind != SIM_BACKGROUND || f->config->host != number)
                        continue;
                own += f->own_wire;
                base = controller_base_usec(&f->controller);
                if (!is_step)
                        continue;
                f->share.demand_bps =
                        f->is_open ? share_demand_bps(controller_rate_bps(&f->controller),
                                                      f->share.grant_bps)
                                   : 0;
        }
        cap = is_step ? governor_step(&h->governor, s->now_usec, h->iface_bytes, own, base)
                      : governor_glance(&h->governor, s->now_usec, h->iface_bytes, own, base);
        if (!s->config->has_governor)
                cap = UINT64_MAX;
        if (is_step || cap != h->cap_bps)
                share_distribute(&h->tree.line, cap);
        h->cap_bps = cap;
}

static BwSample sample_of(Sim *s, SimFlow *f)
{
        bool up = s->config->is_upload;

        return (BwSample){
                .now_usec = s->now_usec,
                .rtt_usec = !up                   ? f->rcv_rtt_usec
                            : s->config->is_paced ? f->fresh_rtt_usec
                                                  : f->srtt_usec,
                .bytes = up ? f->acked_bytes : f->received_bytes,
                .mss = SIM_MSS,
                .loss = up ? f->retransmitted : f->ooo,
                .has_timestamps = !f->config->no_timestamps,
                .is_idle = s->config->is_paced && (f->began || (f->tx_una == f->tx_next &&
                                                                f->write_limit <= f->acked_bytes)),
        };
}

/* What an upload saw since the last tick, and how its socket is paced. */
static void look_at_upload(SimFlow *f)
{
        if (f->fresh_count > 0)
                f->fresh_rtt_usec = f->fresh_sum_usec / f->fresh_count;
        f->fresh_sum_usec = f->fresh_count = 0;
        f->long_rtt_usec -= f->long_rtt_usec / LONG_RTT_TICKS;
        if (f->long_rtt_usec < f->fresh_rtt_usec)
                f->long_rtt_usec = f->fresh_rtt_usec;
}

static void run_flow(Sim *s, SimHost *h, SimFlow *f)
{
        BwSample sample;
        uint64_t cap = h->cap_bps == UINT64_MAX ? UINT64_MAX : f->share.grant_bps;
        double floor = (s->config->is_upload ? 2 : 1) * SIM_MSS;

        look_at_upload(f);
        sample = sample_of(s, f);
        f->began = false;
        f->decision = bw_group_tick(&h->group, &f->controller, &sample, cap);
        f->clamp = f->decision.stall ? BW_STALL_CLAMP_BYTES : f->decision.window_bytes;
        if (s->config->is_upload)
                f->clamp = 1e9;
        if (s->config->is_paced)
                f->pace_bps = controller_pace_bps(&f->controller, f->long_rtt_usec);
        if (f->number == 0) {
                s->result->states[controller_state(&f->controller)]++;
                if (s->config->trace)
                        trace_write(s->config->trace, &sample, cap, &f->decision,
                                    controller_state(&f->controller));
        }
        if (f->decision.window_bytes < floor)
                s->result->bad_ticks++;
}

void sim_host_tick(Sim *s, SimHost *h, unsigned number)
{
        run_governor(s, h, number);
        for (size_t i = 0; i < s->config->flows_len; i++)
                if (s->flows[i].config->kind == SIM_BACKGROUND && s->flows[i].is_open &&
                    s->flows[i].config->host == number)
                        run_flow(s, h, &s->flows[i]);
}
