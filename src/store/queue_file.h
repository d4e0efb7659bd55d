/* SPDX-License-Identifier: Apache-2.0 */
/* The file queue.db and its way into memory: making it, opening it, checking it whole, setting it
 * aside when it is damaged. */
#pragma once

#include "store/db.h"
#include "store/image.h"
#include "store/store.h"

#define QUEUE_FILE_NAME "queue.db"

enum { BOOT_ID_BYTES = 64 };

typedef struct QueueFile {
        Db db;
        Image image;                 /* all its jobs */
        char boot_id[BOOT_ID_BYTES]; /* boot of the last write; "" when none is named */
} QueueFile;

/* On success the caller owns what is in *ret; on failure it is empty. *status is always filled
 * in. 0 or negative errno. */
_must_use_ int queue_file_open(const char *dir, StoreStatus *status, QueueFile *ret);

/* Reads all jobs and files, checking every value. *ret is untouched on failure. */
_must_use_ int queue_file_read(Db *db, Image *ret);
