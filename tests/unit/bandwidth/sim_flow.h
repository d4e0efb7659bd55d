/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of path_sim.h: senders, receivers and hosts. */
#pragma once

#include "bandwidth/governor.h"
#include "bandwidth/group.h"
#include "bandwidth/share.h"

#include "path_sim.h"

enum {
        SIM_MSS = 1448,
        SIM_WIRE_MSS = 1500,
        SIM_PIECE = 1152, /* what the persist timer sends */
        SIM_RING = 1 << 14,
        SIM_BBR_ROUNDS = 10,
};

typedef struct SimPacket {
        unsigned flow;
        uint32_t wire;  /* bytes with headers */
        uint64_t seq;   /* number of the segment */
        uint64_t tx;    /* number of the transmission */
        uint64_t edge;  /* ACK: right edge of the window, bytes */
        uint64_t next;  /* ACK: all segments below have arrived */
        uint64_t stamp; /* ms; of the ACK itself, or that of the last ACK echoed in data */
        uint64_t arrive_usec;
        unsigned epoch; /* connection of SIM_WEB that it belongs to */
} SimPacket;

typedef struct SimFifo {
        uint64_t head, tail;
        SimPacket packets[SIM_RING];
} SimFifo;

typedef struct SimTransmission {
        uint64_t seq, sent_usec;
        uint64_t delivered, delivered_usec; /* at that time */
        uint32_t bytes;
        bool is_done;
} SimTransmission;

/* Both ends of a connection. */
typedef struct SimFlow {
        const SimFlowConfig *config;
        unsigned number, epoch;
        uint64_t wire_bytes;
        bool is_open;

        /* Sender. */
        double cwnd, ssthresh; /* segments */
        double cubic_max, cubic_k;
        uint64_t cubic_usec;
        uint64_t srtt_usec, min_rtt_usec, round_min_usec, round_end;
        unsigned round_samples;
        SimTransmission *txs;
        uint64_t tx_una, tx_next, recover_tx;
        uint64_t in_flight;
        uint64_t *retries;
        uint64_t retries_head, retries_tail;
        uint64_t next_seq, una_seq;
        uint32_t *sizes;
        uint64_t sent_bytes, acked_bytes, edge, limit_bytes, echo_stamp;
        uint64_t retransmitted;
        uint64_t heard_usec, persist_usec;
        double pace_bytes; /* may be sent by now, of who is paced */
        uint64_t delivered, delivered_usec;
        double bbr_bw[SIM_BBR_ROUNDS], bbr_full_bw, bbr_gain;
        unsigned bbr_round, bbr_full, bbr_phase;
        uint64_t bbr_round_end, bbr_phase_usec, bbr_min_usec, bbr_min_at_usec, bbr_probe_until;
        bool bbr_started;

        /* Receiver. */
        bool *arrived;
        uint64_t expected, received_bytes, ooo;
        double window, clamp;
        unsigned unacked;
        uint64_t delack_usec, last_tx, last_stamp;
        uint64_t rcv_rtt_usec, window_usec, window_bytes;

        /* Of SIM_BACKGROUND. */
        BwController controller;
        BwDecision decision;
        uint64_t write_limit, floor_write_usec;
        uint64_t fragment_bytes, fragment_end; /* of uploads: the next one waits for an answer */
        bool began;                            /* one did, since the last tick */
        uint64_t fresh_sum_usec, fresh_count;  /* round trips since the last tick */
        uint64_t fresh_rtt_usec, long_rtt_usec, pace_bps;
        uint64_t own_wire;
        ShareNode job, share;

        uint64_t web_next_usec, web_begin_usec;
} SimFlow;

typedef struct SimHost {
        uint64_t iface_bytes;
        PathMemory path; /* all connections of a host have the same server */
        BwGroup group;
        Governor governor;
        ShareTree tree;
        uint64_t cap_bps, governor_usec;
} SimHost;

typedef struct Sim {
        const SimConfig *config;
        SimResult *result;
        uint64_t now_usec, next_timer_usec, last_arrive_usec, random;
        double depart_usec;
        uint64_t queued_bytes;
        SimFifo queue, wire, acks;
        SimFlow flows[SIM_FLOWS];
        SimHost hosts[SIM_HOSTS];
} Sim;

uint64_t sim_random(Sim *s);
void sim_send_data(Sim *s, const SimPacket *p);
void sim_send_ack(Sim *s, const SimPacket *p);

void sim_flow_init(Sim *s, SimFlow *f, unsigned number);
void sim_flow_done(SimFlow *f);
void sim_flow_reset(Sim *s, SimFlow *f); /* a new connection */
void sim_flow_receive(Sim *s, SimFlow *f, const SimPacket *p);
void sim_flow_acked(Sim *s, SimFlow *f, const SimPacket *ack);
void sim_flow_timer(Sim *s, SimFlow *f);
void sim_flow_send(Sim *s, SimFlow *f); /* as much as its windows allow */

/* Congestion control. */
void sim_control_acked(Sim *s, SimFlow *f, const SimTransmission *t, unsigned segments);
void sim_control_lost(Sim *s, SimFlow *f);
void sim_control_timeout(SimFlow *f);
bool sim_control_is_paced(const SimFlow *f);
void sim_control_pace(SimFlow *f);

void sim_host_init(SimHost *h, bool is_upload);
void sim_host_tick(Sim *s, SimHost *h, unsigned number);
