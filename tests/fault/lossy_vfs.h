/* SPDX-License-Identifier: Apache-2.0 */
/* A disk below SQLite whose power can be cut: beside each file NAME it keeps NAME.base, the bytes
 * of the last sync, and NAME.log, what was written since. Both survive the process, so that a test
 * can make of them what a machine may find after a power cut. One disk a process; the constructor
 * of lossy_vfs.so installs it in a program that knows nothing of it (LOSSY_VFS=1; "lie": with
 * LOSSY_LIE). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum LossyFault {
        LOSSY_NONE,
        LOSSY_DIE_AT,   /* the process ends with LOSSY_DIED before the n-th write, sync … */
        LOSSY_WRITE_AT, /* the n-th write fails, half of it done */
        LOSSY_SYNC_AT,  /* the n-th sync fails, and what it was for is never written */
        LOSSY_LIE,      /* every sync succeeds and does nothing */
} LossyFault;

enum { LOSSY_DIED = 77 };

/* Becomes what SQLite uses for every database opened from now on. */
void lossy_install(void);
/* n counts from now, 1 = the next. */
void lossy_set(LossyFault fault, uint64_t n);
bool lossy_has_struck(void);

/* Puts into the empty directory `to` what may be found of the databases in `from`: what was synced,
 * and of the rest what the seed chooses, in pieces of a sector. */
void lossy_cut(const char *from, const char *to, uint64_t seed);
