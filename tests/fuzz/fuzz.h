/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. A target is one file with fuzz_run(), which takes any bytes and may
 * do with them what it likes, except to crash, leak, hang, or break a rule that FUZZ_CHECK()
 * states. It is linked with libFuzzer (`make fuzz`), or with replay.c, which runs the committed
 * corpus and variations of it in any build. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* The target. Inputs over its own limit may be ignored. */
void fuzz_run(const uint8_t *data, size_t bytes);

/* A rule that no input may break: says which one, and aborts. */
#define FUZZ_CHECK(rule) ((rule) ? (void) 0 : fuzz_broken(#rule, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *rule, const char *file, int line);

/* The input as a stream of decisions. When it is used up, everything is 0 and "". */
typedef struct FuzzInput {
        const uint8_t *data;
        size_t left;
} FuzzInput;

uint8_t fuzz_u8(FuzzInput *in);
static inline bool fuzz_bool(FuzzInput *in)
{
        return fuzz_u8(in) & 1;
}
/* 0 … n - 1; n at most 256. */
unsigned fuzz_below(FuzzInput *in, unsigned n);
/* A byte that says how many bytes follow, and these: small numbers are as likely as large ones. */
uint64_t fuzz_number(FuzzInput *in);
/* Up to the next line feed or the end, at most max_bytes, NUL-terminated; it may hold a NUL. A copy
 * of its exact size, so that a read beyond it is seen. Freed with mem_free(); never NULL. */
char *fuzz_line(FuzzInput *in, size_t max_bytes);
/* All that is left, likewise. */
char *fuzz_rest(FuzzInput *in);

/* A directory of the process's own below $TMPDIR, /dev/shm or /tmp, made once, gone at exit; the
 * path is absolute. */
const char *fuzz_directory(void);
/* Makes `leaf` there the file with this content, and returns its path, valid until the next call.
 */
const char *fuzz_file(const char *leaf, const void *data, size_t bytes);
/* Removes what is in it, and in directories of it. */
void fuzz_empty_directory(void);
