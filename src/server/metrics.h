/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the server, as Prometheus text. Plain numbers that their owners add to. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "proto/bup_packet.h"

typedef struct Metrics {
        uint64_t packets[BUP_PACKET_TYPE_MAX];
        uint64_t answers[6]; /* by first digit of the status */
        uint64_t downloads;
        uint64_t framing_flaws;
        uint64_t auth_failures;
        uint64_t received_bytes; /* stored, in order */
        uint64_t sessions_created;
        uint64_t sessions_delivered;
        uint64_t sessions_expired;
        uint64_t notifications;
        uint64_t notification_failures;
        uint64_t connections;
        uint64_t connections_refused;
        /* Now. */
        uint64_t sessions_open;
        uint64_t tombstones;
        uint64_t connections_open;
} Metrics;

void metrics_print(const Metrics *m, Buf *out);
