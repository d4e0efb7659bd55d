/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails when told to, and that forgets what was not synced: stands between SQLite and
 * the real files of this process. Calls are counted over all files. One disk a process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum DiskFault {
        DISK_FULL_AT,    /* from the n-th write on, every write fails: no space */
        DISK_BREAK_AT,   /* from the n-th write, sync or truncation on, all of them fail */
        DISK_NO_SYNC_AT, /* from the n-th sync on, every sync fails; later ones of the same file
                            succeed, but bring only what was written since, as the kernel has it */
        DISK_NO_READ_AT, /* from the n-th read on, none succeeds */
        DISK_MISREAD_AT, /* the n-th read fails, once */
} DiskFault;

/* Becomes what SQLite uses for every database opened from now on. */
void disk_install(void);
/* n counts from now, 1 = the next. */
void disk_fail_at(DiskFault fault, uint64_t n);
/* The errno that failures since then have left; 0: whatever stands there. Until disk_repair(). */
void disk_say(int system_errno);
void disk_repair(void);
/* True when a fault has struck since disk_fail_at(). */
bool disk_has_failed(void);
uint64_t disk_syncs(void);

/* Copies the files of a database as they would be found after a power loss now: of each only what
 * it held at its last sync. With `keep_all` as after a kill: all that was written. `to` is an
 * empty directory. */
void disk_copy(const char *from, const char *to, bool keep_all);
