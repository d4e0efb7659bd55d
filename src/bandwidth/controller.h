/* SPDX-License-Identifier: Apache-2.0 */
/* The delay controller of one background connection: samples of the socket in, window out, every
 * 10 ms. It keeps a small queue of its own at the bottleneck while it is alone there, and leaves
 * the line as soon as the queue is somebody else's (docs/design/bandwidth.md). Pure: time is in the
 * sample; nothing is allocated, nothing fails, and no sample, however absurd, breaks it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bandwidth/history.h"
#include "bandwidth/path.h"

enum {
        BW_TICK_USEC = 10 * 1000,           /* how often controller_tick() wants to be called */
        BW_STALL_CLAMP_BYTES = 1152,        /* least clamp that Linux takes: below one segment */
        BW_PRECONNECT_CLAMP_BYTES = 4000000 /* before connect(): fixes the window scale */
};

typedef enum BwDirection { BW_DOWN, BW_UP } BwDirection;

typedef enum BwState { BW_START, BW_CRUISE, BW_DRAIN, BW_YIELD, BW_RAMP, BW_STATE_MAX } BwState;

typedef struct BwSample {
        uint64_t now_usec;     /* monotonic */
        uint64_t rtt_usec;     /* tcpi_rcv_rtt or tcpi_rtt, 0 = none yet */
        uint64_t bytes;        /* tcpi_bytes_received or tcpi_bytes_acked */
        uint32_t mss;          /* tcpi_rcv_mss or tcpi_snd_mss */
        uint64_t loss;         /* tcpi_rcv_ooopack or tcpi_total_retrans */
        uint32_t rcv_ssthresh; /* 0 = unknown; only without timestamps */
        bool is_idle;          /* uploads: nothing is under way, and since the last tick */
        bool has_timestamps;   /* downloads: without them the round trip is estimated */
} BwSample;

typedef struct BwDecision {
        uint32_t window_bytes; /* clamp, or limit for SIOCOUTQ */
        bool stall;            /* clamp BW_STALL_CLAMP_BYTES, or write nothing */
        bool at_floor;         /* down: TCP_QUICKACK 0 each tick; up: 2 mss per 60 ms, only when
                                * the queue is empty */
} BwDecision;

typedef struct BwController {
        PathMemory *path; /* borrowed */
        BwDirection direction;
        double target_usec;
        BwState state;
        double window; /* bytes */
        double mss;
        History history;
        bool has_sample;
        BwSample last;
        BwDecision decision;

        /* Derived on each tick; usec, bytes, bytes/s. */
        uint64_t now_usec;
        double tick_usec, rtt_usec, base_usec, queue_usec, queue_now_usec;
        double own_queue_usec;
        double rate_bps, capacity_bps, goal_usec;
        double floor_bytes;
        bool lost;        /* in this tick */
        uint64_t cap_bps; /* of the last one; UINT64_MAX none */

        uint64_t loss_usec;        /* of the last loss; 0 none */
        uint64_t grace_until_usec; /* reactions to our own last step are not ours to judge */
        uint64_t state_usec;       /* when the state was entered */
        double window_before_drain;
        uint64_t quiet_usec;   /* since when the queue is empty; 0 it is not */
        uint64_t rival_usec;   /* since when a queue is not ours; 0 it is */
        uint64_t pushed_usec;  /* since when we are pushed to the floor; 0 we are not */
        uint64_t strong_usec;  /* when most of the capacity was last ours; 0 never */
        uint64_t company_usec; /* when a queue last stood that our window does not explain; 0 never
                                */
        uint64_t company_since_usec; /* and when such signs began */
        uint64_t alone_usec;         /* the same, and nothing was seen of others; 0 it is not */
        uint64_t whole_usec;         /* since when the whole line is ours; 0 it is not */
        double usual_queue_usec;     /* mean of the last 0.3 s, or three rounds */
        uint64_t tame_usec;         /* in YIELD: since when the others keep a queue as ours; 0 no */
        uint64_t weak_usec;         /* since when little of it is, though a queue stands; 0 no */
        uint64_t refill_until_usec; /* the rate still shows the last DRAIN */
        uint64_t back_until_usec;   /* how long a comeback may take; 0 there is none */
        uint64_t fresh_usec;        /* when the socket's round trip last changed */
        uint64_t calm_usec;         /* in YIELD: since when the queue is small; 0 it is not */
        uint64_t settle_until_usec; /* after a stall: samples are not believed; 0 they are */
        uint64_t yield_usec, sensor_turn; /* of the BwGroup */
} BwController;

/* Target of the standing queue by BG_JOB_PRIORITY (1 HIGH, 2 NORMAL, 3 LOW): the larger one wins
 * against the smaller one between connections and between hosts. */
#define BW_TARGET_HIGH_USEC 10000U
#define BW_TARGET_NORMAL_USEC 7000U
#define BW_TARGET_LOW_USEC 5000U
#define BW_TARGET_USEC(priority)                                                                   \
        ((priority) <= 1   ? BW_TARGET_HIGH_USEC                                                   \
         : (priority) == 2 ? BW_TARGET_NORMAL_USEC                                                 \
                           : BW_TARGET_LOW_USEC)

/* `path` is borrowed for the life of the controller; connections of one thread may share it. */
void controller_init(BwController *c, BwDirection direction, PathMemory *path,
                     uint32_t target_usec);
/* `cap_bytes_per_sec` is the governor's share for this connection: UINT64_MAX none, 0 stall.
 * `sensor`: this one keeps the floor in BW_YIELD, others stall there and wait for
 * controller_resume() or for their turn (bandwidth/group.h does both). */
BwDecision controller_tick(BwController *c, const BwSample *s, uint64_t cap_bytes_per_sec,
                           bool sensor);
/* How fast an upload may leave the host, in bytes/s, where round trips of `rtt_usec` were seen
 * lately. Unpaced, the whole window leaves as one burst when a fragment begins, and stands as a
 * queue at the bottleneck. UINT64_MAX: no matter, too little is under way. */
uint64_t controller_pace_bps(const BwController *c, uint64_t rtt_usec);
/* Another connection of the line found it free: leaves BW_YIELD. No-op in other states. */
void controller_resume(BwController *c, uint64_t now_usec);
BwState controller_state(const BwController *c);
uint64_t controller_rate_bps(const BwController *c);   /* bytes/s, of the last 150 ms or 1.5 RTT */
uint64_t controller_queue_usec(const BwController *c); /* standing queue seen, 0 when none */
uint64_t controller_base_usec(const BwController *c);  /* least round trip, 0 = unknown */
const char *bw_state_to_string(BwState state);         /* NULL outside the enumeration */
