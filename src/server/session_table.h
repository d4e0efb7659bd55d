/* SPDX-License-Identifier: Apache-2.0 */
/* All sessions of the server: those in memory by id and by the name of their reply, and tombstones,
 * of which only the id and the time stay in memory and the rest on disk. Owns the stores, loads
 * what an earlier process left, keeps the limits, and sweeps. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/session.h"

enum { SESSION_TOMBSTONES_MAX = 50000 }; /* over that the oldest go early */

_must_use_ int session_table_new(const SessionWorld *world, SessionTable **ret);
SessionTable *session_table_free(SessionTable *t);
DEFINE_CLEANUP(SessionTable *, session_table_free)

/* Opens the stores of all sites, also those that a reload has brought, and loads their sessions.
 * Negative errno with the reason in `why`. */
_must_use_ int session_table_open(SessionTable *t, Config *config, Buf *why);

typedef struct SessionOrigin { /* of a Create-Session; all borrowed */
        const Target *target;
        const char *url; /* absolute */
        const char *owner;
        const char *address;
} SessionOrigin;

/* Why there cannot be one more for him: OVERLOADED, TARGET_BUSY, or FINE. */
BupRefusal session_table_admits(SessionTable *t, const Config *config, const Site *site,
                                const SessionOrigin *origin);
/* Makes a session with its files; *ret_ack is what to answer in any case. NULL: refused. */
Session *session_table_create(SessionTable *t, const Site *site, const SessionOrigin *origin,
                              const BupServerRules *rules, const BupServerFacts *facts,
                              const BupRequest *request, BupAck *ret_ack);
/* By the canonical id that a client sent. Tombstones come back for as long as they are needed.
 * NULL when there is none, or its time is over. */
Session *session_table_find(SessionTable *t, const Config *config, const char *id);
/* NULL when there is none. */
Session *session_table_find_reply(SessionTable *t, const char *name);
/* Gives the session a name for its reply that nobody can guess. 0 or negative errno. */
_must_use_ int session_table_name_reply(SessionTable *t, Session *s);
/* Where sessions of this site lie; NULL when it was not opened. */
SessionStore *session_table_store(const SessionTable *t, const Site *site);
int64_t session_table_now_sec(void);
/* Frees a session that has ended, when nobody needs it any more. */
void session_table_tend_one(SessionTable *t, Session *s);
/* Removes a session and its files. */
void session_table_expire(SessionTable *t, Session *s);
/* Writes down what is behind, and makes durable what has not been for a while. */
void session_table_tend(SessionTable *t);
/* Removes what is over. */
void session_table_sweep(SessionTable *t, Config *config);
/* Before the end: what was received survives a reboot. */
void session_table_flush(SessionTable *t);
void session_table_count(const SessionTable *t, Metrics *m);
