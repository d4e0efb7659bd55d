/* SPDX-License-Identifier: Apache-2.0 */
/* A service in memory behind the functions of bits_native.h, for tests of bitsctl: a few jobs,
 * simple rules, scripted failures and events. State is the process's: one test at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bits_native.h"

enum {
        FAKE_JOBS_MAX = 64,
        FAKE_FILES_MAX = 64,
        FAKE_EVENTS_MAX = 64,
        FAKE_REPLY_BYTES_MAX = 1 << 20,
};

/* Empties everything. */
void fake_reset(void);
/* A suspended job whose id begins with these eight digits. Borrowed: the test sets its fields. */
bits_job_info *fake_add_job(const char *id8, const char *name);
bits_job_info *fake_job(const char *name); /* NULL when there is none */
size_t fake_job_count(void);
void fake_add_file(bits_job_info *job, const char *remote, const char *local, uint64_t bytes,
                   uint64_t bytes_total, bool completed);
void fake_set_text(char **field, const char *text);

/* What the server answers to every upload-reply job; borrowed. Complete writes it to the reply's
 * file. */
void fake_set_reply(const char *data, size_t bytes);

/* The next call of the function (its name without "bits_") fails so. */
void fake_fail(const char *function, HRESULT hr, const char *message);
/* All calls that change something, as "pause 3f2a91c4\n…". */
const char *fake_calls(void);

/* Where the service says its state is; borrowed. */
void fake_set_state_dir(const char *dir);

/* What the service says of its lines, copied. */
void fake_set_lines(const bits_line *lines, size_t n);
/* What it says of cost, power and what LOW may use (0: no limit). */
void fake_set_conditions(bool metered, bool on_battery, uint64_t low_bps, uint64_t limits_until);

/* Bytes of the password that was set last. */
size_t fake_password_bytes(void);

/* Events, in the order in which bits_events_next() gives them. The function is called when its
 * turn comes, may change jobs, and names the one to report in *ret_job. */
typedef bits_event_kind (*fake_step)(bits_job_info **ret_job);
void fake_add_step(fake_step step);
/* Steps not yet taken. */
size_t fake_steps_left(void);
