/* SPDX-License-Identifier: Apache-2.0 */
/* The program that a job runs at its end, in words and as a command line. */
#pragma once

#include "bits_native.h"

#include "out_json.h"

/* "on transferred, on error"; "never". Caller owns it. */
char *notify_events(uint32_t flags);
/* How the last run ended, "exit status 3" or "killed by signal 9 (Killed)"; NULL when there was
 * none. Caller owns it. */
char *notify_last_run(const bits_job_info *job);
/* The object "notify": events and program. */
void json_add_notify(Json *to, const bits_job_info *job);

/* The words as one line, which the service splits by the rules of Windows into just these again;
 * the first is the program. Its path must not hold a quote. Caller owns it. */
char *notify_join(const char *program, const char *const *words, size_t n_words);
