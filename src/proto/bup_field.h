/* SPDX-License-Identifier: Apache-2.0 */
/* Single header values of the BITS Upload Protocol: text to value and back, by the grammar of the
 * protocol and nothing more lenient. Parsers return 0 or -EINVAL and leave *ret alone then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wintypes.h"

#define BUP_METHOD "BITS_POST"
#define BUP_PROTOCOL_TEXT "{7df0354d-249b-430f-820d-3d2a9bef4931}"
#define BUP_FALLBACK_NEVER UINT32_MAX

enum {
        BUP_VALUE_MAX_BYTES = 4096,   /* a longer header value is refused */
        BUP_PROTOCOLS_MAX = 100,      /* entries of a list that are looked at */
        BUP_SESSION_ID_BYTES = 101,   /* 100 visible characters and the terminator */
        BUP_HOST_ID_BYTES = 301,      /* BITSHostId: 300 characters */
        BUP_NAME_BYTES = 260 * 4 + 1, /* Content-Name: 260 characters, UTF-8 */
        BUP_NAME_MAX_CHARS = 260,
        BUP_REPLY_URL_MAX_CHARS = 2200,                /* what a server may send */
        BUP_REPLY_URL_BYTES = BUP_VALUE_MAX_BYTES + 1, /* what a client takes */
        BUP_NUMBER_BYTES = 21,
        BUP_RANGE_TEXT_BYTES = 3 * BUP_NUMBER_BYTES + 8,
        BUP_CODE_TEXT_BYTES = 11, /* "0x8020001f" */
};

/* One header as an HTTP library hands it over; both borrowed, without line end. */
typedef struct BupField {
        const char *name;
        const char *value;
} BupField;

/* Bytes of a file that a fragment carries: first <= last < total. */
typedef struct BupRange {
        uint64_t first_byte;
        uint64_t last_byte; /* inclusive */
        uint64_t total_bytes;
} BupRange;

/* 0 … 2^63-1: digits only. */
_must_use_ int bup_number_parse(const char *value, uint64_t *ret);
/* "bytes 0-99/200", unit in any case, no "*" forms. */
_must_use_ int bup_range_parse(const char *value, BupRange *ret);
void bup_range_format(const BupRange *range, char text[BUP_RANGE_TEXT_BYTES]);
static inline uint64_t bup_range_length(const BupRange *range)
{
        return range->last_byte - range->first_byte + 1;
}
/* One or more GUIDs, separated by blanks and commas: is the protocol that we speak among the first
 * *left entries? *left is counted down, so that several fields are one list. Entries that are no
 * GUIDs are protocols that we do not know. */
bool bup_protocols_have_ours(const char *value, unsigned *left);
/* 1 to 100 visible ASCII characters: anything that may be sent back. */
bool bup_session_id_is_valid(const char *id);
/* The stricter form that our server hands out, and may look up: 1 to 64 of hex digits, braces and
 * hyphens, in lower case afterwards. Everything else is no session of ours. -EINVAL. */
_must_use_ int bup_session_id_canonical(const char *id, char ret[BUP_SESSION_ID_BYTES]);
/* "0x8020001F", "X8020001f" or "8020001F". 0 is a value; the caller decides that it says nothing.
 */
_must_use_ int bup_hresult_parse(const char *value, HRESULT *ret);
void bup_hresult_format(HRESULT hr, char text[BUP_CODE_TEXT_BYTES]);
/* A name, an IPv4 address or an IPv6 address, bare or in brackets. A port is understood, although
 * it has no business there. *ret: host as it goes into a URL (IPv6 in brackets), with ":port" when
 * there was one. */
_must_use_ int bup_host_id_parse(const char *value, char ret[BUP_HOST_ID_BYTES]);
/* The leaf of a file name as it may travel and be shown: without directories, control characters,
 * or any of \ / : * ? " < > |, valid UTF-8, at most 260 UTF-16 units. "" when nothing is left. It
 * is a label, never a path. */
void bup_name_sanitise(const char *name, char ret[BUP_NAME_BYTES]);
