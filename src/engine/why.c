/* SPDX-License-Identifier: Apache-2.0 */
/* Why a job moves no bytes just now, in one word a user can act on. */
#include "base/attr.h"
#include "engine/job_error.h"
#include "engine/job_upload.h"
#include "engine/manager_state.h"
#include "engine/retry.h"

static const char *const WHY_NAMES[WHY_MAX] = {
        [WHY_NONE] = "",
        [WHY_QUEUED_BEHIND] = "queued-behind",
        [WHY_RETRY_AT] = "retry-at",
        [WHY_NETWORK_DOWN] = "network-down",
        [WHY_PAUSED_BY_USER] = "paused-by-user",
        [WHY_DISK_FULL] = "disk-full",
        [WHY_NEEDS_COMPLETE] = "needs-complete",
        [WHY_NEEDS_CREDENTIALS] = "needs-credentials",
        [WHY_ERROR] = "error",
        [WHY_EMPTY] = "empty",
        [WHY_LINK_BUSY] = "link-busy",
        [WHY_LIMIT_RATE] = "limit-rate",
        [WHY_SCHEDULE] = "schedule",
        [WHY_METERED] = "metered",
        [WHY_BATTERY] = "battery",
        [WHY_CANNOT_SAVE] = "cannot-save",
};

const char *why_code_to_string(WhyCode code)
{
        return (unsigned) code < WHY_MAX ? WHY_NAMES[code] : "";
}

static uint64_t retry_wall(const Manager *m, const Job *job)
{
        uint64_t due = MIN(retry_due(job), retry_give_up(job));
        uint64_t now = manager_now(m);

        if (due == USEC_INFINITY)
                return 0;
        return manager_wall(m) + (due > now ? due - now : 0);
}

static WhyCode why_obstacle(HRESULT obstacle)
{
        switch (obstacle) {
        case BG_E_NETWORK_DISCONNECTED:
                return WHY_NETWORK_DOWN;
        case BG_E_BLOCKED_BY_POLICY:
                return WHY_SCHEDULE;
        case BG_E_BLOCKED_BY_COST_TRANSFER_POLICY:
                return WHY_METERED;
        case BG_E_BLOCKED_BY_BATTERY_POLICY:
                return WHY_BATTERY;
        default:
                return WHY_NONE;
        }
}

static bool set_obstacle(const Manager *m, HRESULT obstacle, Why *ret)
{
        ret->code = why_obstacle(obstacle);
        if (ret->code == WHY_SCHEDULE && m->limits_until_wall != USEC_INFINITY)
                ret->retry_wall = m->limits_until_wall;
        return ret->code != WHY_NONE;
}

static void why_queued(const Manager *m, const Job *job, Why *ret)
{
        if (set_obstacle(m, manager_obstacle(m, job), ret))
                return;
        ret->behind = scheduler_behind(&m->scheduler, &m->policy, job);
        if (ret->behind)
                ret->code = WHY_QUEUED_BEHIND;
}

static void why_transient(const Manager *m, const Job *job, Why *ret)
{
        HRESULT code = job->status.error.code;

        if (code == BG_E_NETWORK_DISCONNECTED) /* also when a server's words mean it */
                ret->code = WHY_NETWORK_DOWN;
        else if (job->status.error.event_driven && set_obstacle(m, code, ret))
                return;
        else
                ret->code = job_error_is_disk_full(code) ? WHY_DISK_FULL : WHY_RETRY_AT;
        ret->retry_wall = retry_wall(m, job);
}

static WhyCode why_error(HRESULT code)
{
        if (job_error_wants_credentials(code))
                return WHY_NEEDS_CREDENTIALS;
        return job_error_is_disk_full(code) ? WHY_DISK_FULL : WHY_ERROR;
}

/* Of several files the one that is held by a limit tells most. */
static WhyCode why_active(const Job *job)
{
        WhyCode code = WHY_NONE;

        LIST_FOREACH (it, &job->run->ops) {
                const Op *op = list_item(it, Op, in_job);

                if (op->kind != OP_FILE || op->file->pace == PACE_FREE)
                        continue;
                if (op->file->pace == PACE_LIMIT)
                        return WHY_LIMIT_RATE;
                code = WHY_LINK_BUSY;
        }
        return code;
}

void manager_why(Manager *m, const Job *job, Why *ret)
{
        *ret = (Why){.code = job->run->unsaved ? WHY_CANNOT_SAVE : WHY_NONE};
        if (ret->code != WHY_NONE)
                return; /* whatever else there is, it does not come to that */
        if (job->status.intent != INTENT_NONE)
                return; /* its end is under way */
        switch (job->status.state) {
        case BG_JOB_STATE_QUEUED:
                why_queued(m, job, ret);
                break;
        case BG_JOB_STATE_CONNECTING:
        case BG_JOB_STATE_TRANSFERRING:
                ret->code = why_active(job);
                break;
        case BG_JOB_STATE_TRANSIENT_ERROR:
                why_transient(m, job, ret);
                break;
        case BG_JOB_STATE_SUSPENDED:
                ret->code = job->files_len == 0 ? WHY_EMPTY : WHY_PAUSED_BY_USER;
                break;
        case BG_JOB_STATE_ERROR:
                ret->code = why_error(job->status.error.code);
                break;
        case BG_JOB_STATE_TRANSFERRED:
                ret->code = WHY_NEEDS_COMPLETE;
                break;
        default:
                break;
        }
}
