/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/retry.h"

#include "base/clock.h"

static uint64_t after(uint64_t since, uint64_t usec)
{
        return usec >= USEC_INFINITY - since ? USEC_INFINITY : since + usec;
}

uint64_t retry_delay_usec(const Job *job)
{
        uint64_t sec = MAX(job->props.retry_delay_sec, job->status.error.retry_after_sec);

        return sec * USEC_PER_SEC;
}

static bool waits_for_event(const Job *job)
{
        return job->status.state != BG_JOB_STATE_TRANSIENT_ERROR || job->status.error.event_driven;
}

uint64_t retry_due(const Job *job)
{
        uint64_t delay = retry_delay_usec(job);
        uint64_t waited = MIN(job->run->error_waited_usec, delay);

        return waits_for_event(job) ? USEC_INFINITY : after(job->run->error_since, delay - waited);
}

uint64_t retry_give_up(const Job *job)
{
        uint64_t limit_usec = job->props.no_progress_sec * USEC_PER_SEC;

        if (waits_for_event(job) || job->run->trouble_since == USEC_INFINITY)
                return USEC_INFINITY;
        return after(job->run->trouble_since, limit_usec);
}

bool retry_is_hopeless(const Job *job, const JobError *error, uint64_t now_mono)
{
        uint64_t limit_usec = job->props.no_progress_sec * USEC_PER_SEC;
        uint64_t since = MIN(job->run->trouble_since, now_mono);

        if (error->event_driven)
                return false;
        return job->props.retry_delay_sec > job->props.no_progress_sec ||
               now_mono - since >= limit_usec;
}

void retry_begin(JobRun *run, const JobError *error, uint64_t now_mono)
{
        run->error_since = now_mono;
        run->error_waited_usec = 0;
        if (!error->event_driven && run->trouble_since == USEC_INFINITY)
                run->trouble_since = now_mono;
}

void retry_progress(JobRun *run)
{
        run->trouble_since = USEC_INFINITY;
        run->workers_lost = 0;
}

void retry_after_restart(Job *job, uint64_t now_mono, uint64_t now_wall)
{
        JobRun *run = job->run;
        uint64_t since_wall = job->status.modified_wall;

        if (job->status.state != BG_JOB_STATE_TRANSIENT_ERROR)
                return;
        run->error_since = now_mono;
        run->error_waited_usec = now_wall > since_wall ? now_wall - since_wall : 0;
        if (!job->status.error.event_driven)
                run->trouble_since = now_mono;
}
