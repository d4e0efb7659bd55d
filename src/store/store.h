/* SPDX-License-Identifier: Apache-2.0 */
/* Port "store" on SQLite: the queue in the file queue.db of the state directory, mode 0600.
 *
 * Opening reads and checks the whole queue; load() hands it over. A file that cannot be read is
 * set aside (never deleted) and a fresh one begun; the caller is told and must tell people. The
 * state directory's own lock is the daemon's; a database that another process holds is refused
 * all the same. Once open, a failed call leaves the store usable: roll back and try again later. */
#pragma once

#include <limits.h>

#include "base/cleanup.h"
#include "engine/port/store.h"

typedef struct Store Store;

typedef struct StoreOptions {
        const char
                *boot_id; /* what tells one run of the machine from the next; NULL: the kernel's */
} StoreOptions;

typedef enum StoreOutcome {
        STORE_OPENED,
        STORE_CREATED,  /* there was none */
        STORE_REPLACED, /* damaged: set aside as aside_path, `detail` says why; it is fresh now */
        STORE_LOCKED,   /* refused: another process has it open */
        STORE_NEWER,    /* refused: of a newer version of the program; nothing was changed */
        STORE_FAILED,   /* refused: the errno and `detail` say why */
        STORE_OUTCOME_MAX,
} StoreOutcome;

enum { STORE_DETAIL_BYTES = 256 };

typedef struct StoreStatus {
        StoreOutcome outcome;
        uint32_t version;          /* of the file's schema as found; 0 when it was not known */
        char aside_path[PATH_MAX]; /* of STORE_REPLACED, else "" */
        char detail[STORE_DETAIL_BYTES];
} StoreStatus;

const char *store_outcome_to_string(StoreOutcome outcome);

/* `dir` is an absolute path of an existing directory. options may be NULL. *status is always
 * filled in. 0 for the first three outcomes, else a negative errno. */
_must_use_ int store_open(const char *dir, const StoreOptions *options, StoreStatus *status,
                          Store **ret);
/* Rolls back what is open, folds the log into the database. NULL allowed; returns NULL. */
Store *store_close(Store *store);
DEFINE_CLEANUP(Store *, store_close)
/* Valid until store_close(). */
StorePort store_port(Store *store);
/* What the last failed call was about, for the log. Valid until the next call. */
const char *store_detail(const Store *store);
