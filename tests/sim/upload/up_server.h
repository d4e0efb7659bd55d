/* SPDX-License-Identifier: Apache-2.0 */
/* An upload server in memory: sessions with their data files, stored states, application, replies
 * and published files, decided by the real server machine. It dies before and after each thing it
 * stores, forgets sessions, has a clock of its own, and is checked at every operation against what
 * must never be. It knows the protocol only; which job a packet is of is told for the checks. */
#pragma once

#include "fake_random.h"
#include "proto/bup_server.h"

enum { UP_LATE = 4 };

/* A packet and what its body is a part of. */
typedef struct UpPacket {
        BupRequest request;
        GUID job;
        uint32_t version; /* of the source, when the packet was sent */
} UpPacket;

typedef struct UpSession {
        GUID job;
        char id[BUP_SESSION_ID_BYTES];
        bool gone; /* the server does not know it (any more) … */
        bool lost; /* … though it should */
        BupServer live;
        uint8_t stored[BUP_SESSION_MAX_BYTES];
        size_t stored_bytes;
        uint8_t *data;
        uint64_t data_bytes; /* length of the data file */
        uint64_t counted;    /* offset of the stored state: these bytes are never written again */
        uint64_t synced;
        uint64_t most;    /* bytes that it ever had */
        uint64_t acked;   /* highest offset that an Ack named */
        uint32_t version; /* of the source that the bytes are of */
        bool spliced;     /* … of more than one */
        bool has_reply, was_published, success_acked;
        bool delivered; /* stored as that: it arrived */
        uint32_t app_calls, app_successes;
        /* A body or an application that is waited for after its client left. */
        bool waits;
        BupStep waiting;
        UpPacket waiting_for;
        UpPacket now; /* what is being worked on */
} UpSession;

typedef struct UpServer {
        FakeRandom *random;
        BupServerRules rules;
        const char *host_id;
        bool host_down; /* nobody answers under the host id */
        UpSession **sessions;
        uint32_t n;
        bool faults;      /* whatever may go wrong does now and then … */
        uint32_t odds;    /* … in so many of 1000 places, or a multiple */
        bool may_lose;    /* sessions, without a word */
        bool app_says_no; /* for good */
        int64_t now_sec;  /* set by whoever calls … */
        int64_t jump_sec; /* … and how far the server's own clock is off */
        uint64_t points;  /* places to die so far */
        uint32_t dies_in, died;
        bool power, planned;
        UpPacket late[UP_LATE];
        uint32_t late_n;
        uint64_t packets;
        uint32_t
                again; /* uploads that arrived a second time, because the server forgot the first */
        const char *broken;
} UpServer;

void up_server_init(UpServer *s, FakeRandom *random);
void up_server_done(UpServer *s);
/* `arrived` bytes of the body come in. False: the connection ends without an answer. */
bool up_server_receive(UpServer *s, const UpPacket *packet, uint64_t arrived, BupAck *ret);
/* Something happens to it that no packet asked for. */
void up_server_disturb(UpServer *s);
/* From now on nothing goes wrong. */
void up_server_calm(UpServer *s);
/* By the id as a client has it; also those that the server forgot. NULL: never made. */
UpSession *up_server_session(const UpServer *s, const char *id);
/* 1 and up; NULL: never made. */
UpSession *up_server_number(const UpServer *s, uint32_t number);
uint32_t up_server_number_of(const UpServer *s, const UpSession *session);
/* What the source of a job holds. */
uint8_t up_source_byte(const GUID *job, uint32_t version, uint64_t offset);

static inline void up_server_check(UpServer *s, bool holds, const char *what)
{
        if (!holds && !s->broken)
                s->broken = what;
}

static inline bool up_server_may(UpServer *s, uint32_t times)
{
        return s->faults && fake_random_chance(s->random, s->odds * times);
}
