/* SPDX-License-Identifier: Apache-2.0 */
/* What a session does to its files. Those that return a bool say whether it is over (true, with
 * the outcome in *ret) or goes on beside the loop, to end in session_operation_ended(). */
#pragma once

#include "server/session.h"

/* The body that comes goes to the data file. BUP_FINE, or why that cannot be. */
BupRefusal session_io_begin_store(Session *s, const BupStep *step);
void session_io_store(Session *s, const void *data, size_t bytes);
/* Ends it; `cut`: the body was not whole. */
void session_io_end_store(Session *s, bool cut, BupResult *ret);

_must_use_ bool session_io_sync(Session *s, BupResult *ret);
_must_use_ bool session_io_publish(Session *s, BupResult *ret);
void session_io_discard(Session *s, BupResult *ret);
_must_use_ bool session_notify(Session *s, BupResult *ret);

/* Writes the state: it outlives the process, though not the machine. 0 or negative errno. */
_must_use_ int session_io_save(Session *s);
/* So that it outlives the machine, too: 0, then `saved` later with 0 or negative errno. */
_must_use_ int session_io_save_durably(Session *s, void (*saved)(Session *s, int result));
/* Makes what was received so far durable, beside the loop. */
void session_io_checkpoint(Session *s);
BupRefusal session_io_refusal(int error);
