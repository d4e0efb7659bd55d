/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer that cannot be created without a maximum. Failure is sticky: after the
 * first failed append, every later append fails too and buf_error() says why, so that a writer
 * may check once at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attr.h"
#include "cleanup.h"

typedef struct Buf {
        uint8_t *data;
        size_t len;
        size_t cap;
        size_t max_bytes;
        int error;   /* 0, -ENOMEM, -EMSGSIZE (maximum reached) */
        size_t head; /* bytes consumed before data; the allocation starts at data - head */
        bool wipes;  /* what it held is overwritten before the memory goes; to be set while empty */
} Buf;

void buf_init(Buf *b, size_t max_bytes);
void buf_done(Buf *b);  /* frees; the buffer may be initialised again */
void buf_clear(Buf *b); /* empties, keeps the memory and clears the error */
int buf_append(Buf *b, const void *data, size_t bytes); /* 0, -ENOMEM, -EMSGSIZE */
int buf_append_str(Buf *b, const char *s);              /* without terminator */
int buf_printf(Buf *b, const char *fmt, ...) _printf_(2, 3);
/* NUL-terminated view of the content, or NULL on a sticky error. Valid until the next append. */
const char *buf_cstr(Buf *b);
/* Drops the first `bytes` bytes. */
void buf_consume(Buf *b, size_t bytes);
/* Hands the memory over (NUL-terminated); NULL on error. The buffer is empty afterwards. */
_must_use_ char *buf_take_str(Buf *b);

static inline int buf_error(const Buf *b)
{
        return b->error;
}
