/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving end of a fetch: the temporary file, the version its bytes belong to, and what the
 * broker is told about both. Whoever fetches says where bytes come from and when they end.
 *
 * Order that crashes rely on: the version is in the file (tag) and reported (META) before any byte
 * of it is reported as kept. Short files skip both and go straight to DONE.
 *
 * Before that, the broker may have stored that bytes of an earlier version are kept. When these go,
 * and nothing in the file would tell the new ones from them after a crash, the target is held: META
 * asks the broker to store durably that they are gone, and until it has (target_stored) nothing is
 * written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "transfer/fetch.h"
#include "transfer/local_file.h"

typedef struct Checkpoint Checkpoint;

typedef struct Target {
        const FetchHost *host; /* borrowed */
        WorkerStart start;     /* owned */
        LocalFile file;

        /* The version of the bytes in the file. */
        char etag[HTTP_ETAG_BYTES]; /* "" when none */
        int64_t modified_sec;       /* strong, for resuming; FILE_NO_TIME when none */
        int64_t file_time_sec;      /* for the finished file; FILE_NO_TIME when none */
        uint64_t size_bytes;        /* BG_SIZE_UNKNOWN when not known */

        bool connected; /* CONNECTED was sent */
        bool announced; /* the broker knows the version */
        uint64_t synced_bytes;
        uint64_t reported_bytes;
        Checkpoint *checkpoint;   /* the sync under way, NULL = none */
        uint64_t checkpoint_usec; /* when the last one began */
        uint32_t version_count;   /* counts target_begin() */

        /* What the broker may have stored as kept and would resume. */
        bool promised;
        uint64_t promised_tag;          /* of this version */
        uint64_t promised_synced_bytes; /* of these over a power loss, too */
        bool held;
} Target;

/* A version of the remote file. */
typedef struct TargetVersion {
        const char *etag; /* strong; NULL or "" when none */
        int64_t modified_sec;
        int64_t file_time_sec;
        uint64_t size_bytes;
} TargetVersion;

/* Takes `start` over, opens the directory and, when they can be resumed, the bytes kept. code of
 * *ret_error is S_OK, or the target must not be used but for target_done(). */
void target_init(Target *t, const FetchHost *host, WorkerStart *take_start, JobError *ret_error);
void target_done(Target *t);

/* A usable answer has come. */
void target_connected(Target *t);
/* Begins afresh with this version, or goes on with the bytes kept from `from_byte` on. S_OK in
 * *ret_error or why not. After target_begin() the target may be `held`: nothing is to be appended
 * then before target_stored(). */
void target_begin(Target *t, const TargetVersion *v, JobError *ret_error);
void target_continue(Target *t, uint64_t from_byte, uint64_t size_bytes, int64_t file_time_sec,
                     JobError *ret_error);
/* The broker has stored what held the target up. */
void target_stored(Target *t);
bool target_append(Target *t, const void *data, uint64_t bytes, JobError *ret_error);
void target_tick(Target *t);

/* The three ends; each emits its event last, after which the fetch may be freed. */
void target_finish(Target *t);
void target_fail(Target *t, const JobError *error);
void target_stop(Target *t);
