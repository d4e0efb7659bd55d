/* SPDX-License-Identifier: Apache-2.0 */
/* What uploads add to a job: the session, the source's progress, and the reply with its name. */
#pragma once

#include "engine/job_file.h"

/* Replaces what is known of the session (copied; 0 bytes: none). 0, -ENOMEM or -EMSGSIZE, unchanged
 * then. */
_must_use_ int job_set_session(Job *job, const uint8_t *data, uint32_t bytes);

/* The server acknowledged so many bytes, maybe less than before: it may have forgotten the session.
 * Returns the bytes that it never had before. */
uint64_t job_upload_learn(Job *job, uint64_t size_bytes, uint64_t done_bytes);
/* The server has every byte. True when that is news. */
bool job_upload_complete(Job *job, uint64_t size_bytes);

/* A name nobody has chosen: `local` with ".reply-" and eight hex digits of `number` behind it, the
 * leaf cut to fit. *ret is the caller's. S_OK, E_OUTOFMEMORY, or E_INVALIDARG when `local` leaves
 * no room. */
HRESULT job_reply_generate(const char *local, uint32_t number, char **ret);
/* Has its download begun? Then its name is fixed. */
bool job_reply_begun(const Job *job);

/* Is there something to move that needs the network? */
bool job_needs_network(const Job *job);
/* May the server hold a session that nobody closed? */
bool job_has_session(const Job *job);
