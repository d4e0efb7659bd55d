/* SPDX-License-Identifier: Apache-2.0 */
/* When a job in TRANSIENT_ERROR tries again and when it gives up. Pure arithmetic on the mono
 * clock; USEC_INFINITY means never. Waits for outside events (network) have neither a retry time
 * nor an end: they neither count as an error nor use up the no-progress time. */
#pragma once

#include "engine/job.h"

/* The longer of the job's delay and what the server asked for. */
uint64_t retry_delay_usec(const Job *job);
uint64_t retry_due(const Job *job);
uint64_t retry_give_up(const Job *job);
/* Is this transient error fatal for the job right now: time-out 0, delay over time-out, or the
 * time-out is over already? */
bool retry_is_hopeless(const Job *job, const JobError *error, uint64_t now_mono);
/* The first transient error since the last progress starts the no-progress clock. */
void retry_begin(JobRun *run, const JobError *error, uint64_t now_mono);
void retry_progress(JobRun *run);
/* After a restart: the wait goes on from where the wall clock says it was, within its bounds. */
void retry_after_restart(Job *job, uint64_t now_mono, uint64_t now_wall);
