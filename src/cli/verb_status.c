/* SPDX-License-Identifier: Apache-2.0 */
/* The service at a glance. */
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"

#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "verbs.h"

enum {
        LIMIT_TEXT_BYTES = 16,
};

static const char *limit_text(uint32_t limit, char dst[LIMIT_TEXT_BYTES])
{
        if (limit == UINT32_MAX)
                return "no limit";
        (void) snprintf(dst, LIMIT_TEXT_BYTES, "%" PRIu32, limit);
        return dst;
}

static void add_limit(Json *to, const char *key, uint32_t limit)
{
        if (limit == UINT32_MAX)
                json_add_null(to, key);
        else
                json_add_u64(to, key, limit);
}

static void print_json(Cli *cli, const bits_status *st)
{
        _cleanup_(json_freep) Json *json = json_document();
        Json *limits;

        json_add_str(json, "version", st->version);
        json_add_u64(json, "pid", st->pid);
        json_add_u64(json, "uptime", st->uptime_sec);
        json_add_u64(json, "jobs", st->jobs);
        json_add_u64(json, "jobs_active", st->jobs_active);
        json_add_bool(json, "network_up", st->network_up);
        json_add_u64(json, "rate", st->rate_bps);
        limits = json_add_object(json, "limits");
        add_limit(limits, "jobs", st->max_jobs_per_machine);
        add_limit(limits, "jobs_per_user", st->max_jobs_per_user);
        add_limit(limits, "files_per_job", st->max_files_per_job);
        json_add_str(json, "socket", bits_client_socket(cli->client));
        json_add_str(json, "state_dir", st->state_dir);
        json_add_str(json, "store_note", st->store_note && *st->store_note ? st->store_note : NULL);
        out_json(&cli->out, json);
}

static void print_text(Cli *cli, const bits_status *st)
{
        char jobs[LIMIT_TEXT_BYTES], per_user[LIMIT_TEXT_BYTES], files[LIMIT_TEXT_BYTES];
        char up[JOB_SIZE_BYTES], rate[JOB_SIZE_BYTES];
        const Out *out = &cli->out;

        out_line(out, "bitsd %s, pid %" PRIu32 ", up %s; %" PRIu32 " job%s, %" PRIu32 " active",
                 st->version, st->pid, str_format_duration(up, sizeof(up), st->uptime_sec),
                 st->jobs, st->jobs == 1 ? "" : "s", st->jobs_active);
        out_line(out, "network %s; rate now %s", st->network_up ? "up" : "down",
                 format_rate(st->rate_bps, rate));
        out_line(out, "limits: jobs %s (%s per user), files per job %s",
                 limit_text(st->max_jobs_per_machine, jobs),
                 limit_text(st->max_jobs_per_user, per_user),
                 limit_text(st->max_files_per_job, files));
        out_line(out, "socket %s", bits_client_socket(cli->client));
        out_line(out, "state %s", st->state_dir);
        if (st->store_note && *st->store_note)
                out_line(out, "queue: %s", st->store_note);
}

int verb_status(Cli *cli)
{
        bits_status *st = NULL;
        int status = cli_connect_running(cli);
        HRESULT hr;

        if (status != STATUS_OK)
                return status;
        hr = bits_service_status(cli->client, &st);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot read the service's status", NULL);
        if (out_is_json(&cli->out))
                print_json(cli, st);
        else if (!cli->out.quiet)
                print_text(cli, st);
        bits_status_free(st);
        return STATUS_OK;
}
