/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about the service itself. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/hresult.h"
#include "base/log.h"
#include "daemon/call.h"
#include "daemon/worker_pool.h"
#include "ipc/protocol.h"
#include "ipc/record.h"

HRESULT call_hello(Call *call)
{
        const char *name;
        uint32_t version;
        HRESULT hr = call_read(call, "us", &version, &name);

        if (FAILED(hr))
                return hr;
        if (version == 0) {
                call_explain(call, "there is no protocol version 0");
                return E_INVALIDARG;
        }
        log_debug("client %llu is %.64s, protocol %u", (unsigned long long) call->client->number,
                  name, version);
        return call_reply(call, "us", (uint32_t) IPC_VERSION, "bitsd " BITSD_VERSION);
}

typedef struct RateSum {
        const Job **active;
        uint32_t len, cap;
} RateSum;

static void rate_sum_done(RateSum *sum)
{
        mem_free(sum->active);
}

static bool collect_active(void *ctx, const Job *job)
{
        RateSum *sum = ctx;

        if (job->status.state == BG_JOB_STATE_TRANSFERRING && sum->len < sum->cap)
                sum->active[sum->len++] = job;
        return true;
}

/* Bytes per second of all jobs together. */
static HRESULT sum_rates(Service *s, uint32_t jobs_active, uint64_t *ret)
{
        _cleanup_(rate_sum_done) RateSum sum = {.cap = jobs_active};
        const Caller self = service_self(s);
        uint64_t total = 0;
        HRESULT hr;

        if (jobs_active > 0) {
                sum.active = mem_array(jobs_active, sizeof(*sum.active));
                if (!sum.active)
                        return E_OUTOFMEMORY;
                hr = manager_enum_jobs(s->manager, &self, BG_JOB_ENUM_ALL_USERS, collect_active,
                                       &sum);
                if (FAILED(hr))
                        return hr;
        }
        for (uint32_t i = 0; i < sum.len; i++)
                total += manager_job_rate_bps(s->manager, sum.active[i]);
        *ret = total;
        return S_OK;
}

/* What is wrong with the queue: found at the start, or just now. Caller owns it. */
static char *store_note(const Service *s, int store_error)
{
        if (*s->store_note || store_error >= 0)
                return mem_strdup(s->store_note);
        return mem_printf(
                "changes of jobs cannot be saved in %s: %s; they are tried again every few "
                "seconds%s",
                s->state_dir, strerror(-store_error),
                store_error == -ENOSPC || store_error == -EDQUOT ? ": make room there" : "");
}

HRESULT call_status(Call *call)
{
        _cleanup_free_ char *note = NULL;
        _cleanup_(buf_done) Buf b;
        Service *s = call->service;
        ManagerCounts counts;
        bits_status status;
        HRESULT hr;

        buf_init(&b, CALL_REPLY_MAX_BYTES);
        manager_counts(s->manager, &counts);
        note = store_note(s, counts.store_error);
        if (!note)
                return E_OUTOFMEMORY;
        status = (bits_status){
                .version = (char *) BITSD_VERSION,
                .pid = (uint32_t) getpid(),
                .uptime_sec = (clock_mono_usec(&s->clock) - s->started_mono) / USEC_PER_SEC,
                .jobs = counts.jobs,
                .jobs_active = counts.jobs_active,
                .max_jobs_per_machine = s->policy.max_jobs_per_machine,
                .max_jobs_per_user = s->policy.max_jobs_per_user,
                .max_files_per_job = s->policy.max_files_per_job,
                .network_up = counts.network_up,
                .state_dir = (char *) s->state_dir,
                .store_note = note,
                .metered = counts.metered,
                .on_battery = counts.on_battery,
        };
        memcpy(status.limit_bps, counts.limits.level_bps, sizeof(status.limit_bps));
        if (counts.limits_until_wall != USEC_INFINITY)
                status.limits_until = filetime_from_wall_usec(counts.limits_until_wall);
        hr = sum_rates(s, counts.jobs_active, &status.rate_bps);
        if (FAILED(hr))
                return hr;
        record_put_status(&b, &status);
        return call_reply_bytes(call, &b);
}

static int append_line(sd_bus_message *m, const LineState *l)
{
        char name[sizeof(l->interface) + 1] = "";

        memcpy(name, l->interface, sizeof(l->interface));
        return sd_bus_message_append(
                m, "(sttttttttyyuuuu)", name, l->capacity_bps[0], l->capacity_bps[1], l->own_bps[0],
                l->own_bps[1], l->foreground_bps[0], l->foreground_bps[1], l->foreign_bps[0],
                l->foreign_bps[1], l->governor[0], l->governor[1], (uint32_t) l->connections,
                (uint32_t) l->yielding, l->base_usec, l->queue_usec);
}

HRESULT call_lines(Call *call)
{
        static const LineReport NONE = {0};
        const WorkerPool *pool = call->service->pool;
        const LineReport *report = pool ? worker_pool_lines(pool) : NULL;
        HRESULT hr;
        int r;

        if (!report)
                report = &NONE;
        hr = call_reply(call, "t", report->wall_usec);
        if (FAILED(hr))
                return hr;
        r = sd_bus_message_open_container(call->reply, 'a', "(sttttttttyyuuuu)");
        for (size_t i = 0; i < report->lines_len && r >= 0; i++)
                r = append_line(call->reply, &report->lines[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(call->reply);
        return r < 0 ? hresult_from_errno(r) : S_OK;
}
