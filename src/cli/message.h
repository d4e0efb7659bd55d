/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, told in one shape: what failed and on which job or file; why, with the code
 * once; what to do next. With --json the same as one object. Also the exit statuses. */
#pragma once

#include "bits_native.h"

#include "out.h"

/* Documented and stable: docs/man/bitsctl.1. */
enum {
        STATUS_OK = 0,
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
        STATUS_JOB_ERROR = 3,
        STATUS_STILL_WAITS = 4,
        STATUS_NO_JOB = 5,
        STATUS_DENIED = 6,
        STATUS_NO_SERVICE = 7,
        STATUS_PARTIAL = 8,
        STATUS_LIMIT = 9,
        STATUS_INTERRUPTED = 130,
};

/* What a failed call means for the exit status; 0 for success codes but BG_S_PARTIAL_COMPLETE. */
int status_of(HRESULT hr);
/* Of two statuses the one that the program ends with. */
int status_worse(int a, int b);

typedef struct Message {
        const char *what; /* "cannot resume"; the job is added from the next two */
        const GUID *job;  /* NULL: no job is concerned */
        const char *job_name;
        const char *why; /* NULL: `what` says it all */
        HRESULT code;    /* S_OK: none */
        BG_ERROR_CONTEXT context;
        const char *file; /* address or path; NULL */
        const char *hint; /* NULL or "": none */
} Message;

void message_print(const Out *out, const Message *m);
/* A sentence of the library as part of one of ours: "There is no such job." becomes "there is no
 * such job". Caller owns it. */
char *message_clause(const char *sentence);
/* The same without what `hint`, a clause too, says again at its end. In place. */
void message_cut_hint(char *clause, const char *hint);
/* What may help with the error a job is in: a clause, "" when nothing fits. Caller owns it. */
char *message_job_advice(const bits_job_info *job);
/* A call of the library failed: the rest is asked from the library. Must follow the call directly.
 * Gives the exit status. */
int message_call_failed(const Out *out, HRESULT hr, const char *what, const bits_job_info *job);
/* The job itself is in error. `file` is the file concerned, NULL when there is none. */
void message_job_error(const Out *out, const char *what, const bits_job_info *job,
                       const bits_file_info *file, const char *hint);
/* Complete or Cancel ended the job with less than everything; S_OK says nothing. Gives the exit
 * status. */
int message_end_result(const Out *out, HRESULT hr, const bits_job_info *job);
/* One sentence and perhaps a hint; gives the status it is given. */
int message_plain(const Out *out, int status, const char *hint, const char *fmt, ...)
        _printf_(4, 5);
/* Wrong usage: the same with STATUS_USAGE. */
int message_usage(const Out *out, const char *hint, const char *fmt, ...) _printf_(3, 4);

/* "0x80190194 BG_E_HTTP_ERROR_404", without the name when there is none. */
char *code_format(HRESULT hr, char *dst, size_t dst_bytes);
/* "BG_ERROR_CONTEXT_REMOTE_FILE"; NULL for none. */
const char *context_name(BG_ERROR_CONTEXT context);
