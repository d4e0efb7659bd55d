/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

/* Invariants: cap is 0 or holds len + 1 bytes at least, so that a terminator always fits;
 * cap <= max_bytes + 1, so that spare room never has to be compared with the maximum again;
 * the allocation starts at data - head. */

#define FIRST_CAP_BYTES 64

void buf_init(Buf *b, size_t max_bytes)
{
        *b = (Buf){.max_bytes = MIN(max_bytes, (size_t) PTRDIFF_MAX - 1)};
}

static void wipe(const Buf *b, void *data, size_t bytes)
{
        if (b->wipes && bytes > 0)
                explicit_bzero(data, bytes);
}

static void release_memory(Buf *b)
{
        if (b->data) {
                wipe(b, b->data - b->head, b->head + b->cap);
                mem_free(b->data - b->head);
        }
        b->data = NULL;
        b->len = b->cap = b->head = 0;
}

void buf_done(Buf *b)
{
        release_memory(b);
        b->error = 0;
}

/* Gives the room of consumed bytes back. */
static void move_to_front(Buf *b)
{
        if (b->head == 0)
                return;
        if (b->len > 0)
                memmove(b->data - b->head, b->data, b->len);
        b->data -= b->head;
        wipe(b, b->data + b->len, b->head);
        b->cap += b->head;
        b->head = 0;
}

void buf_clear(Buf *b)
{
        wipe(b, b->data, b->len);
        b->len = 0;
        b->error = 0;
        move_to_front(b);
}

/* realloc() leaves the old bytes where they were. */
static uint8_t *grow(const Buf *b, size_t cap)
{
        uint8_t *data;

        if (!b->wipes)
                return mem_realloc(b->data, cap);
        data = mem_alloc(cap);
        if (data && b->data) {
                memcpy(data, b->data, b->len);
                wipe(b, b->data, b->cap);
                mem_free(b->data);
        }
        return data;
}

/* Makes room for `bytes` more bytes and a terminator. */
static int reserve(Buf *b, size_t bytes)
{
        size_t cap;
        uint8_t *data;

        if (b->error)
                return b->error;
        if (bytes < b->cap - b->len)
                return 0;
        if (bytes > b->max_bytes - b->len)
                return b->error = -EMSGSIZE;

        /* Moving costs len bytes; it is paid for when as many bytes were consumed before. */
        if (b->head >= b->len)
                move_to_front(b);
        if (bytes < b->cap - b->len)
                return 0;
        move_to_front(b);
        cap = MAX(b->len + bytes + 1, b->cap + b->cap / 2);
        cap = MIN(MAX(cap, (size_t) FIRST_CAP_BYTES), b->max_bytes + 1);
        data = grow(b, cap);
        if (!data)
                return b->error = -ENOMEM;
        b->data = data;
        b->cap = cap;
        return 0;
}

int buf_append(Buf *b, const void *data, size_t bytes)
{
        int r = reserve(b, bytes);

        if (r < 0)
                return r;
        if (bytes > 0)
                memcpy(b->data + b->len, data, bytes);
        b->len += bytes;
        return 0;
}

int buf_append_str(Buf *b, const char *s)
{
        return buf_append(b, s, strlen(s));
}

int buf_printf(Buf *b, const char *fmt, ...)
{
        va_list ap;
        size_t room;
        int n, r;

        if (b->error)
                return b->error;
        room = b->cap - b->len;
        va_start(ap, fmt);
        n = vsnprintf(room > 0 ? (char *) b->data + b->len : NULL, room, fmt, ap);
        va_end(ap);
        if (n < 0) /* the only portable reason is a result over INT_MAX */
                return b->error = -EMSGSIZE;

        if ((size_t) n >= room) {
                r = reserve(b, (size_t) n);
                if (r < 0)
                        return r;
                va_start(ap, fmt);
                (void) vsnprintf((char *) b->data + b->len, (size_t) n + 1, fmt, ap);
                va_end(ap);
        }
        b->len += (size_t) n;
        return 0;
}

const char *buf_cstr(Buf *b)
{
        if (b->error)
                return NULL;
        if (b->cap == 0)
                return "";
        b->data[b->len] = '\0';
        return (const char *) b->data;
}

void buf_consume(Buf *b, size_t bytes)
{
        bytes = MIN(bytes, b->len);
        if (bytes == 0)
                return;
        wipe(b, b->data, bytes);
        b->data += bytes;
        b->head += bytes;
        b->cap -= bytes;
        b->len -= bytes;
        if (b->len == 0)
                move_to_front(b);
}

char *buf_take_str(Buf *b)
{
        char *text;

        if (reserve(b, 0) < 0) {
                release_memory(b);
                return NULL;
        }
        move_to_front(b);
        b->data[b->len] = '\0';
        text = (char *) b->data;
        b->data = NULL;
        b->len = b->cap = 0;
        return text;
}
