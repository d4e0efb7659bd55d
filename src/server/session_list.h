/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of SessionTable, for its two files: session_table.c keeps sessions, session_sweep.c
 * loads and removes them. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "server/session_table.h"

typedef struct Tombstone {
        List link;
        GUID id;
        SessionStore *store;
        int64_t ended_wall_sec;
} Tombstone;

struct SessionTable {
        const SessionWorld *world;
        Hash *by_id;      /* Session */
        Hash *by_reply;   /* Session, by reply name */
        Hash *tombstones; /* Tombstone, by id */
        List tombstones_by_age;
        Hash *owners; /* tallies of the sessions in memory that are no tombstones */
        Hash *addresses;
        SessionStore **stores;
        size_t n_stores;
};

/* Puts a session in that was read or made; takes it, also on failure. `counted`: no tombstone. */
_must_use_ int session_table_insert_take(SessionTable *t, Session *s);
/* Takes it out and frees it; files are left alone. */
void session_table_drop(SessionTable *t, Session *s);
_must_use_ int session_table_bury(SessionTable *t, SessionStore *store, const GUID *id,
                                  int64_t ended_wall_sec);
/* Forgets a tombstone and its file. */
void session_table_exhume(SessionTable *t, Tombstone *tombstone);
/* Out of its state file, fitted to its data file. */
_must_use_ int session_table_load_one(SessionTable *t, SessionStore *store, const GUID *id,
                                      Session **ret);
/* The site of its destination under this configuration; NULL when there is none now. */
const Site *session_table_site(const Session *s, const Config *config);
