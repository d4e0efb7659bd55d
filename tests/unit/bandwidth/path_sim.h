/* SPDX-License-Identifier: Apache-2.0 */
/* A bottleneck, simulated packet by packet: one FIFO of limited bytes in the direction of the data,
 * constant delay, senders that behave as Linux does (window clamp that never withdraws, persist
 * timer, delayed ACKs, timestamps of 1 ms, slow start with HyStart, CUBIC, BBR), and hosts that run
 * the code under test on what a socket would tell. Deterministic under its seed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bandwidth/controller.h"

enum { SIM_FLOWS = 8, SIM_HOSTS = 2, SIM_BIN_USEC = 100 * 1000, SIM_BINS = 3000 };

typedef enum SimKind {
        SIM_BACKGROUND, /* under the controller of its host */
        SIM_CUBIC,
        SIM_BBR,
        SIM_CONSTANT, /* UDP at `rate_bps` */
        SIM_WEB,      /* `object_bytes` every second over new connections */
} SimKind;

typedef struct SimFlowConfig {
        SimKind kind;
        unsigned host; /* whose counters see it; SIM_HOSTS = somebody behind the same router */
        double start_sec, stop_sec;
        uint64_t rate_bps;     /* bytes/s */
        uint32_t object_bytes; /* of SIM_WEB */
        uint32_t target_usec;  /* of SIM_BACKGROUND; 0 = NORMAL */
        bool no_timestamps;
} SimFlowConfig;

typedef struct SimConfig {
        uint64_t rate_bps; /* of the bottleneck, wire bytes/s */
        uint32_t base_usec;
        uint32_t buffer_usec; /* the queue's length in time at the line's rate */
        double end_sec;
        uint64_t seed;
        double loss_part; /* at random */
        uint32_t jitter_usec;
        bool is_upload;
        bool is_paced; /* uploads: as the product writes them, paced and in fragments, and judged by
                        * the round trips of the last tick; else in one burst, by the smoothed one
                        */
        bool has_governor;
        SimFlowConfig flows[SIM_FLOWS];
        size_t flows_len;
        FILE *trace; /* NULL none: samples and decisions of flow 0 as CSV (trace.h) */
} SimConfig;

typedef struct SimResult {
        double bins[SIM_FLOWS][SIM_BINS]; /* wire bytes that arrived, per 100 ms */
        double queue_usec[SIM_BINS];      /* mean of the bottleneck's queue */
        uint64_t dropped[SIM_FLOWS];
        double web_sum_sec; /* fetch times of SIM_WEB */
        unsigned web_count;
        unsigned states[BW_STATE_MAX]; /* ticks that flow 0 spent in each */
        uint64_t bad_ticks;            /* windows outside their bounds */
} SimResult;

/* Aborts on a configuration that does not fit. */
void sim_run(const SimConfig *config, SimResult *ret);

/* Wire bytes/s of a flow over an interval. */
double sim_rate_bps(const SimResult *r, size_t flow, double from_sec, double to_sec);
double sim_queue_usec(const SimResult *r, double from_sec, double to_sec);
/* Seconds from `from_sec` until the mean of `window` bins is below (or above) `bps`; 99 never. */
double sim_time_below(const SimResult *r, size_t flow, double from_sec, size_t window, double bps);
double sim_time_above(const SimResult *r, size_t flow, double from_sec, size_t window, double bps);
