/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about jobs that are followed. */
#pragma once

#include "follow.h"

/* Whether bytes moved or the state is another. */
bool follow_is_change(const bits_job_info *old, const bits_job_info *now);
/* The job goes from job->info (NULL at first) to `now`: a line of JSON, if that was asked for. */
void follow_report_change(const Follow *f, const FollowJob *job, const bits_job_info *now);
/* The job needs no more waiting. Gives its status. */
int follow_report_end(Follow *f, const FollowJob *job);
/* --wait=TIME ran out. */
void follow_report_timeout(const Follow *f);
/* The service does not come back. */
void follow_report_lost(const Follow *f);
/* We leave, the jobs go on. */
void follow_report_left(const Follow *f);
/* Pauses what still runs and says how to go on. Gives the exit status. */
int follow_pause(Follow *f);
/* The moving line, if there is one. */
void follow_draw(Follow *f, uint64_t mono_usec);
