/* SPDX-License-Identifier: Apache-2.0 */
/* A service of the tests' own, in a thread of the test: it listens on a socket, speaks the methods
 * of methods.def over a handful of jobs in memory, and misbehaves on request. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bits_native.h"

typedef struct FakeService FakeService;

typedef enum FakeFault {
        FAULT_NONE,
        FAULT_ERROR,           /* answer with `hr` and "said by the fake" */
        FAULT_CLOSE_BEFORE,    /* hang up without acting */
        FAULT_CLOSE_AFTER,     /* act, then hang up without answering */
        FAULT_SILENCE,         /* never answer */
        FAULT_WRONG_SIGNATURE, /* answer with something else than was promised */
        FAULT_GARBAGE_RECORD,  /* answer with bytes that are no record */
        FAULT_GARBAGE_BYTES,   /* send noise on the socket */
        FAULT_FOREIGN_ERROR,   /* answer with an error of an unknown name */
} FakeFault;

/* Listens at once. The socket's directory exists. Never NULL (asserts). */
FakeService *fake_start(const char *socket);
/* Hangs up, stops listening and forgets everything. */
void fake_stop(FakeService *f);

/* The next call of `member` (NULL: of any) fares like this, then `times - 1` more. */
void fake_fault(FakeService *f, const char *member, FakeFault fault, HRESULT hr, unsigned times);
/* Hangs up on every client, and listens on. */
void fake_drop_clients(FakeService *f);
/* Stops and starts to listen (the socket file goes and comes). */
void fake_listen(FakeService *f, bool on);

/* How often a member was called (NULL: all but Hello). */
unsigned fake_calls(FakeService *f, const char *member);
/* The arguments of the last call after the job's id: numbers and texts, separated by blanks. */
void fake_last_arguments(FakeService *f, char *text, size_t bytes);

/* A job straight into the service. Owned by it; change it only through fake_edit(). */
GUID fake_add_job(FakeService *f, const char *name, BG_JOB_STATE state);
void fake_add_file(FakeService *f, const GUID *id, const char *remote, const char *local);
/* What ReplyData of an upload-reply job gives in the states that allow it (none: an empty one):
 * `bytes` bytes of i * 31, said to be `claimed`. */
void fake_set_reply(FakeService *f, const GUID *id, size_t bytes, uint64_t claimed);
typedef void FakeEdit(bits_job_info *info, void *ctx);
/* Edits a job and tells the watchers. */
void fake_edit(FakeService *f, const GUID *id, FakeEdit *edit, void *ctx);
/* The job is gone and forgotten. */
void fake_forget_job(FakeService *f, const GUID *id);
/* Sends `n` changes of one job in a row. */
void fake_storm(FakeService *f, const GUID *id, unsigned n);

/* Calls the job's callback; the answer is awaited with fake_notify_result(). False when no
 * connection is registered for it. */
bool fake_notify(FakeService *f, const GUID *id, uint32_t kind);
/* The result of the last Notify of a job; waits for it. E_PENDING after 20 s. */
HRESULT fake_notify_result(FakeService *f, const GUID *id);
/* Waits until a connection takes the job's callbacks (or, with false, none does). */
bool fake_wait_registered(FakeService *f, const GUID *id, bool on);
/* Waits until `n` clients are connected. */
bool fake_wait_clients(FakeService *f, unsigned n);
