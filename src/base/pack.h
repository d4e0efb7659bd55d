/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian, length-prefixed packing of plain values: the byte form of job records on the
 * socket and of the messages between bitsd and its workers. Reading is total: a reader that ran
 * past the end or met a malformed value turns sticky-bad, returns zeros, and says so once at the
 * end with pack_reader_end(). Strings are strict UTF-8 without NUL; NULL is told apart from "". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "wintypes.h"

void pack_u8(Buf *b, uint8_t v);
void pack_u32(Buf *b, uint32_t v);
void pack_u64(Buf *b, uint64_t v);
void pack_i64(Buf *b, int64_t v);
void pack_guid(Buf *b, const GUID *g);
void pack_str(Buf *b, const char *s); /* NULL allowed */
void pack_blob(Buf *b, const void *data, size_t bytes);

/* A record is a u32 length and its bytes; readers skip what a newer writer appended. Returns
 * the position to hand to pack_record_end(). */
size_t pack_record_begin(Buf *b);
void pack_record_end(Buf *b, size_t begin);

typedef struct PackReader {
        const uint8_t *data;
        size_t len;
        size_t pos;
        bool bad;
        bool no_memory; /* and only therefore bad */
} PackReader;

void pack_reader_init(PackReader *r, const void *data, size_t bytes);
uint8_t unpack_u8(PackReader *r);
uint32_t unpack_u32(PackReader *r);
uint64_t unpack_u64(PackReader *r);
int64_t unpack_i64(PackReader *r);
GUID unpack_guid(PackReader *r);
/* Caller owns the string; NULL when NULL was packed, when the reader is bad or memory ran out
 * (which makes the reader bad). Strings over max_bytes make the reader bad. */
_must_use_ char *unpack_str(PackReader *r, size_t max_bytes);
/* Borrowed bytes inside the input. */
const uint8_t *unpack_blob(PackReader *r, size_t *ret_bytes);
/* Cuts the next record out as a reader of its own and steps over it. */
PackReader unpack_record(PackReader *r);
bool unpack_at_end(const PackReader *r);
/* Turns the reader bad for want of memory, unless it is bad already; returns NULL. */
void *pack_reader_no_memory(PackReader *r);
/* 0 when everything read was well-formed, -ENOMEM when there was no memory for it (so it may well
 * be), else -EBADMSG. Trailing bytes are allowed. */
_must_use_ int pack_reader_end(const PackReader *r);
