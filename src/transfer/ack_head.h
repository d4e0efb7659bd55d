/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer to a BITS_POST, fed line by line, kept whole until it ends. Pure text work;
 * the lines come from a stranger. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "proto/bup_packet.h"

enum {
        ACK_HEAD_MAX_BYTES = 64 * 1024,
        ACK_HEAD_FIELDS_MAX = 256,
};

typedef struct AckHead {
        Buf text; /* name, NUL, value, NUL, … */
        size_t fields_len;
        size_t seen_bytes; /* interim answers count as well */
        uint16_t status;   /* 0: no status line yet, or none that can be read */
        bool closes;       /* the connection ends with this answer */
        bool has_length;   /* Content-Length is there */
        uint64_t length_bytes;
        bool chunked;
} AckHead;

void ack_head_init(AckHead *h);
void ack_head_done(AckHead *h);
void ack_head_clear(AckHead *h); /* for the next answer */
/* Takes one line with its line end. 1 at the end of a final head, 0 otherwise, -EMSGSIZE for a head
 * that is too large, -EBADMSG for one without a status, -ENOMEM. */
_must_use_ int ack_head_feed(AckHead *h, const char *line, size_t bytes);
/* What it says; `now_wall_sec` is for a Retry-After that is a date. 0 or -ENOMEM. */
_must_use_ int ack_head_read(const AckHead *h, int64_t now_wall_sec, BupAck *ret);
