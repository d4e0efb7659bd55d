/* SPDX-License-Identifier: Apache-2.0 */
/* The service at a glance. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "top_view.h"
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
        json_add_bool(json, "metered", st->metered);
        json_add_bool(json, "on_battery", st->on_battery);
        limits = json_add_object(json, "background");
        for (int level = BG_JOB_PRIORITY_HIGH; level < BITS_LEVELS; level++)
                if (st->limit_bps[level] == UINT64_MAX)
                        json_add_null(limits, job_priority_name((BG_JOB_PRIORITY) level));
                else
                        json_add_u64(limits, job_priority_name((BG_JOB_PRIORITY) level),
                                     st->limit_bps[level]);
        json_add_time(limits, "until", st->limits_until);
        limits = json_add_object(json, "limits");
        add_limit(limits, "jobs", st->max_jobs_per_machine);
        add_limit(limits, "jobs_per_user", st->max_jobs_per_user);
        add_limit(limits, "files_per_job", st->max_files_per_job);
        json_add_str(json, "socket", bits_client_socket(cli->client));
        json_add_str(json, "state_dir", st->state_dir);
        json_add_str(json, "store_note", st->store_note && *st->store_note ? st->store_note : NULL);
        out_json(&cli->out, json);
}

static bool is_limited(const bits_status *st)
{
        for (int level = BG_JOB_PRIORITY_HIGH; level < BITS_LEVELS; level++)
                if (st->limit_bps[level] != UINT64_MAX)
                        return true;
        return false;
}

static char *limit_words(uint64_t bps, char dst[JOB_SIZE_BYTES])
{
        if (bps == UINT64_MAX)
                return str_copy(dst, JOB_SIZE_BYTES, "no limit");
        return bps == 0 ? str_copy(dst, JOB_SIZE_BYTES, "nothing") : format_rate(bps, dst);
}

static void print_limits(const Out *out, const bits_status *st)
{
        char high[JOB_SIZE_BYTES], normal[JOB_SIZE_BYTES], low[JOB_SIZE_BYTES];
        char until[JOB_SIZE_BYTES];

        if (!is_limited(st) && st->limits_until == 0)
                return;
        out_line(out, "schedule: high %s, normal %s, low %s%s%s",
                 limit_words(st->limit_bps[BG_JOB_PRIORITY_HIGH], high),
                 limit_words(st->limit_bps[BG_JOB_PRIORITY_NORMAL], normal),
                 limit_words(st->limit_bps[BG_JOB_PRIORITY_LOW], low),
                 st->limits_until != 0 ? "; until " : "",
                 st->limits_until != 0 ? format_local_time(st->limits_until, until) : "");
}

/* The busiest line is the one people mean. */
static void print_network(Cli *cli, const bits_status *st)
{
        bits_line *lines = NULL;
        const bits_line *line = NULL;
        char rate[JOB_SIZE_BYTES];
        size_t n = 0;

        if (FAILED(bits_lines(cli->client, &lines, &n, NULL)))
                n = 0; /* a service before that */
        for (size_t i = 0; i < n; i++)
                if (!line || line_rate(&lines[i]) > line_rate(line))
                        line = &lines[i];
        out_line(&cli->out, "network%s%s %s%s%s; rate now %s%s%s%s", line ? " " : "",
                 line ? line->interface_name : "", st->network_up ? "up" : "down",
                 st->metered ? ", metered" : ", not metered", st->on_battery ? ", on battery" : "",
                 format_rate(st->rate_bps, rate), line ? " (" : "",
                 line ? line_state_words(line) : "", line ? ")" : "");
        mem_free(lines);
        print_limits(&cli->out, st);
}

static void print_text(Cli *cli, const bits_status *st)
{
        char jobs[LIMIT_TEXT_BYTES], per_user[LIMIT_TEXT_BYTES], files[LIMIT_TEXT_BYTES];
        char up[JOB_SIZE_BYTES];
        const Out *out = &cli->out;

        out_line(out, "bitsd %s, pid %" PRIu32 ", up %s; %" PRIu32 " job%s, %" PRIu32 " active",
                 st->version, st->pid, str_format_duration(up, sizeof(up), st->uptime_sec),
                 st->jobs, st->jobs == 1 ? "" : "s", st->jobs_active);
        print_network(cli, st);
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
