/* SPDX-License-Identifier: Apache-2.0 */
/* get: one job for all addresses, followed to its end. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#include "file_plan.h"
#include "follow.h"
#include "job_json.h"
#include "job_settings.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "url_name.h"
#include "verbs.h"

enum {
        JOB_NAME_BYTES = 256, /* no more UTF-16 units than bytes: within the API's limit */
};

static int check_usage(const Cli *cli)
{
        const Options *o = cli->opt;

        if (o->n_args == 0 && !o->from)
                return message_usage(&cli->out, "usage: bitsctl get URL…", "get needs an address");
        if (options_has(o, OPT_DETACH) && options_has(o, OPT_WAIT))
                return message_usage(&cli->out, NULL, "either --detach or --wait, not both");
        if (o->output && (o->n_args != 1 || o->from))
                return message_usage(&cli->out, "for several: URL=FILE",
                                     "-o names the file of one address alone");
        return job_settings_check(cli, false);
}

static int add_word(Cli *cli, FilePlan *plan, const char *word)
{
        const Options *o = cli->opt;
        const char *equals = o->output ? NULL : url_split_file(word);
        _cleanup_free_ char *url = NULL;

        if (!equals)
                return file_plan_add(cli, plan, word, o->output, o->directory);
        url = must(mem_strndup(word, (size_t) (equals - word)));
        return file_plan_add(cli, plan, url, equals + 1, o->directory);
}

static int make_plan(Cli *cli, FilePlan *plan)
{
        const Options *o = cli->opt;
        int status = STATUS_OK;

        for (size_t i = 0; i < o->n_args && status == STATUS_OK; i++)
                status = add_word(cli, plan, o->args[i]);
        if (status == STATUS_OK && o->from)
                status = file_plan_add_from(cli, plan, o->from, o->directory);
        if (status == STATUS_OK && plan->count == 0)
                status = message_usage(&cli->out, NULL, "%s holds no address", o->from);
        if (status == STATUS_OK)
                status = file_plan_check(cli, plan, options_has(o, OPT_FORCE));
        return status;
}

static char *job_name(const Options *o, const FilePlan *plan)
{
        const char *leaf = strrchr(plan->files[0].local, '/') + 1; /* the path is absolute */
        char shown[JOB_NAME_BYTES - 32];

        if (o->name)
                return must(mem_strdup(o->name));
        (void) str_copy(shown, sizeof(shown), leaf);
        if (plan->count == 1)
                return must(mem_strdup(shown));
        return must(mem_printf("%s and %zu more", shown, plan->count - 1));
}

/* A person who looks on wants it now. */
static bool is_watched(const Cli *cli)
{
        return !options_has(cli->opt, OPT_DETACH) && cli->out.data_tty && cli->out.talk_tty;
}

/* Everything between create and resume. */
static int prepare(Cli *cli, bits_job_info *job, const FilePlan *plan)
{
        HRESULT hr;

        hr = bits_job_add_files(cli->client, &job->id, plan->files, plan->count);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot add files to", job);
        hr = bits_job_set_auto_complete(cli->client, &job->id, 1);
        if (SUCCEEDED(hr) && !options_has(cli->opt, OPT_PRIORITY) && is_watched(cli)) {
                job->priority = BG_JOB_PRIORITY_FOREGROUND;
                hr = bits_job_set_priority(cli->client, &job->id, job->priority);
        }
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot prepare", job);
        return job_settings_apply(cli, job);
}

static void announce(Cli *cli, const bits_job_info *job)
{
        char id[JOB_ID_BYTES];

        if (out_is_json(&cli->out)) {
                _cleanup_(json_freep) Json *json = event_json("created", &job->id);

                json_add_str(json, "name", job->name);
                json_add_str(json, "priority", job_priority_name(job->priority));
                out_json_line(&cli->out, json);
        } else if (options_has(cli->opt, OPT_DETACH)) {
                bits_guid_format(&job->id, id);
                out_line(&cli->out, "%s", id);
        } else if (cli->out.verbose)
                out_line(&cli->out, "job %s  %s  (priority %s)", job_short_id(&job->id, id),
                         job->name, job_priority_name(job->priority));
        else if (out_is_chatty(&cli->out))
                out_line(&cli->out, "job %s  %s", job_short_id(&job->id, id), job->name);
}

static int start(Cli *cli, const bits_job_info *job)
{
        HRESULT hr = bits_job_resume(cli->client, &job->id);

        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot start", job);
        return STATUS_OK;
}

/* A job that could not be started would only lie about. */
static int drop(Cli *cli, const bits_job_info *job, int status)
{
        (void) bits_job_cancel(cli->client, &job->id); /* the first failure was told */
        return status;
}

static int follow_to_end(Cli *cli, const bits_job_info *job, Signals *signals)
{
        _cleanup_(follow_close) Follow follow = {0};
        int status = follow_open(&follow, cli, &job, 1, "get", signals);

        if (status == STATUS_OK)
                status = start(cli, job);
        if (status != STATUS_OK)
                return drop(cli, job, status);
        follow.pauses = true;
        (void) fflush(cli->out.data); /* the first line stands before the moving one */
        return follow_run(&follow);
}

static int get_plan(Cli *cli, const FilePlan *plan, Signals *signals)
{
        _cleanup_free_ char *name = job_name(cli->opt, plan);
        bits_job_info job = {.name = name, .priority = BG_JOB_PRIORITY_NORMAL};
        int status;
        HRESULT hr;

        if (options_has(cli->opt, OPT_PRIORITY))
                job.priority = cli->opt->priority;
        hr = bits_job_create(cli->client, name, BG_JOB_TYPE_DOWNLOAD, &job.id);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot create the job", NULL);
        status = prepare(cli, &job, plan);
        if (status != STATUS_OK)
                return drop(cli, &job, status);
        announce(cli, &job);
        if (!options_has(cli->opt, OPT_DETACH))
                return follow_to_end(cli, &job, signals);
        status = start(cli, &job);
        return status == STATUS_OK ? status : drop(cli, &job, status);
}

int verb_get(Cli *cli)
{
        _cleanup_(file_plan_done) FilePlan plan = {0};
        _cleanup_(signals_release) Signals signals = {.fd = -1};
        int status = check_usage(cli);

        if (status == STATUS_OK)
                status = make_plan(cli, &plan);
        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status == STATUS_OK)
                status = follow_watch_signals(cli, &signals);
        return status == STATUS_OK ? get_plan(cli, &plan, &signals) : status;
}
