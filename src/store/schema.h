/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of the database file and the way from each to the next. A step that has been released
 * is never edited; a change is a new step at the end. */
#pragma once

#include "store/db.h"

/* "BITS"; tells our files from other people's. */
#define SCHEMA_APPLICATION_ID 0x42495453

/* A version over this is not a newer program's but damage. */
enum { SCHEMA_PLAUSIBLE_VERSIONS = 1000 };

typedef struct SchemaSteps { /* sql[i] takes a file from version i to i + 1 */
        const char *const *sql;
        uint32_t n;
} SchemaSteps;

typedef enum SchemaVerdict {
        SCHEMA_READY,  /* as it was */
        SCHEMA_FRESH,  /* the file was empty */
        SCHEMA_RAISED, /* migrated from *ret_version */
        SCHEMA_NEWER,  /* of a newer program; nothing was changed */
        SCHEMA_VERDICT_MAX,
} SchemaVerdict;

const SchemaSteps *schema_steps(void);

/* Brings the file to the last version, all steps in one transaction: afterwards it has the last
 * version or is as it was. A file of another application counts as damaged. *ret_version is what
 * was found. */
_must_use_ int schema_apply(Db *db, const SchemaSteps *steps, SchemaVerdict *ret,
                            uint32_t *ret_version);

/* Compares every table with what the steps make; a difference is damage. */
_must_use_ int schema_check(Db *db, const SchemaSteps *steps);
