/* SPDX-License-Identifier: Apache-2.0 */
#include "pack.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "guid.h"
#include "utf.h"

#define NULL_LENGTH UINT32_MAX /* the length that stands for a NULL string */
#define GUID_BYTES 16

/* Room that is there needs neither growing nor a look at the maximum (invariants of buf.c), so
 * that the usual append is a compare and a store. */
static inline void append(Buf *b, const void *data, size_t bytes)
{
        if (__builtin_expect(!b->error && bytes < b->cap - b->len, 1)) {
                memcpy(b->data + b->len, data, bytes);
                b->len += bytes;
                return;
        }
        (void) buf_append(b, data, bytes); /* the error is sticky */
}

void pack_u8(Buf *b, uint8_t v)
{
        append(b, &v, sizeof(v));
}

void pack_u32(Buf *b, uint32_t v)
{
        v = htole32(v);
        append(b, &v, sizeof(v));
}

void pack_u64(Buf *b, uint64_t v)
{
        v = htole64(v);
        append(b, &v, sizeof(v));
}

void pack_i64(Buf *b, int64_t v)
{
        pack_u64(b, (uint64_t) v);
}

void pack_guid(Buf *b, const GUID *g)
{
        uint8_t bytes[GUID_BYTES];

        guid_to_bytes(g, bytes);
        append(b, bytes, sizeof(bytes));
}

void pack_str(Buf *b, const char *s)
{
        if (s)
                pack_blob(b, s, strlen(s));
        else
                pack_u32(b, NULL_LENGTH);
}

void pack_blob(Buf *b, const void *data, size_t bytes)
{
        if (bytes >= NULL_LENGTH) {
                if (!b->error)
                        b->error = -EMSGSIZE;
                return;
        }
        pack_u32(b, (uint32_t) bytes);
        if (bytes > 0)
                append(b, data, bytes);
}

size_t pack_record_begin(Buf *b)
{
        size_t begin = b->len;

        pack_u32(b, 0);
        return begin;
}

void pack_record_end(Buf *b, size_t begin)
{
        size_t bytes;
        uint32_t v;

        if (b->error)
                return;
        bytes = b->len - begin - sizeof(v);
        if (bytes >= NULL_LENGTH) {
                b->error = -EMSGSIZE;
                return;
        }
        v = htole32((uint32_t) bytes);
        memcpy(b->data + begin, &v, sizeof(v));
}

void pack_reader_init(PackReader *r, const void *data, size_t bytes)
{
        *r = (PackReader){
                .data = data ? data : (const uint8_t *) "", /* borrowed pointers are never NULL */
                .len = data ? bytes : 0,
        };
}

/* A bad reader has nothing left, so that the length check alone stops every later read. */
static const uint8_t *turn_bad(PackReader *r)
{
        r->bad = true;
        r->pos = r->len;
        return NULL;
}

static inline const uint8_t *cut(PackReader *r, size_t bytes)
{
        const uint8_t *p = r->data + r->pos;

        if (__builtin_expect(bytes > r->len - r->pos, 0))
                return turn_bad(r);
        r->pos += bytes;
        return p;
}

void *pack_reader_no_memory(PackReader *r)
{
        if (!r->bad)
                r->no_memory = true;
        (void) turn_bad(r);
        return NULL;
}

static inline uint32_t cut_u32(PackReader *r)
{
        const uint8_t *p = cut(r, sizeof(uint32_t));
        uint32_t v;

        if (!p)
                return 0;
        memcpy(&v, p, sizeof(v));
        return le32toh(v);
}

uint8_t unpack_u8(PackReader *r)
{
        const uint8_t *p = cut(r, 1);

        return p ? *p : 0;
}

uint32_t unpack_u32(PackReader *r)
{
        return cut_u32(r);
}

uint64_t unpack_u64(PackReader *r)
{
        const uint8_t *p = cut(r, sizeof(uint64_t));
        uint64_t v;

        if (!p)
                return 0;
        memcpy(&v, p, sizeof(v));
        return le64toh(v);
}

int64_t unpack_i64(PackReader *r)
{
        return (int64_t) unpack_u64(r);
}

GUID unpack_guid(PackReader *r)
{
        const uint8_t *p = cut(r, GUID_BYTES);

        return p ? guid_from_bytes(p) : (GUID){0};
}

char *unpack_str(PackReader *r, size_t max_bytes)
{
        uint32_t bytes = cut_u32(r);
        const uint8_t *p;
        char *s;

        if (r->bad || bytes == NULL_LENGTH)
                return NULL;
        if (bytes > max_bytes) {
                (void) turn_bad(r);
                return NULL;
        }
        p = cut(r, bytes);
        if (!p)
                return NULL;
        if (memchr(p, '\0', bytes) || !utf8_is_valid((const char *) p, bytes)) {
                (void) turn_bad(r);
                return NULL;
        }
        s = mem_alloc((size_t) bytes + 1);
        if (!s)
                return pack_reader_no_memory(r);
        memcpy(s, p, bytes);
        s[bytes] = '\0';
        return s;
}

const uint8_t *unpack_blob(PackReader *r, size_t *ret_bytes)
{
        uint32_t bytes = cut_u32(r);
        const uint8_t *p = r->bad ? NULL : cut(r, bytes);

        *ret_bytes = p ? bytes : 0;
        return p;
}

PackReader unpack_record(PackReader *r)
{
        PackReader record;
        size_t bytes;
        const uint8_t *p = unpack_blob(r, &bytes);

        pack_reader_init(&record, p, bytes);
        record.bad = r->bad;
        record.no_memory = r->no_memory;
        return record;
}

bool unpack_at_end(const PackReader *r)
{
        return r->pos == r->len; /* a bad reader is at its end, so that loops stop */
}

int pack_reader_end(const PackReader *r)
{
        if (r->no_memory)
                return -ENOMEM;
        return r->bad ? -EBADMSG : 0;
}
