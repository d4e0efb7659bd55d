/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps of many files at once: to the disk (sync), to their final names (publish), or
 * away (discard). Runs on the disk thread; allocates nothing there. All steps may be repeated
 * after a crash at any point: what was done already counts as done. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "transfer/worker_msg.h"

typedef struct BulkFile {
        WorkerBulkFile file;
        const char *dir; /* never NULL; maybe that of a file before */
        char temp_leaf[TEMP_LEAF_BYTES];
        HRESULT result;
} BulkFile;

typedef struct Bulk {
        WorkerBulk what;
        BulkFile *files;
        size_t files_len, files_cap;
        mode_t file_mode; /* of published files */
        HRESULT result;
        JobError error; /* of the first file that failed */
} Bulk;

/* Takes the files of one message over. 0 or -ENOMEM. */
_must_use_ int bulk_add(Bulk *b, WorkerBulkFiles *take_files);
void bulk_done(Bulk *b);

void bulk_sync(Bulk *b);
void bulk_publish(Bulk *b);
void bulk_discard(Bulk *b);
