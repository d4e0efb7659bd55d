/* SPDX-License-Identifier: Apache-2.0 */
#include "one_shot.h"

#include <stdio.h>

#include "base/str.h"

#include "follow.h"
#include "job_json.h"
#include "job_settings.h"
#include "job_words.h"
#include "message.h"

void one_shot_done(OneShot *s)
{
        bits_job_info_free(s->last);
        s->last = NULL;
}

int one_shot_check(const Cli *cli)
{
        const Options *o = cli->opt;

        if (options_has(o, OPT_DETACH) && options_has(o, OPT_WAIT))
                return message_usage(&cli->out, NULL, "either --detach or --wait, not both");
        return logins_check(cli);
}

int one_shot_create(OneShot *s)
{
        Cli *cli = s->cli;
        HRESULT hr;

        s->job.priority = BG_JOB_PRIORITY_NORMAL;
        if (options_has(cli->opt, OPT_PRIORITY))
                s->job.priority = cli->opt->priority;
        hr = bits_job_create(cli->client, s->job.name, s->job.type, &s->job.id);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot create the job", NULL);
        return STATUS_OK;
}

/* A person who looks on wants it now. */
static bool is_watched(const Cli *cli)
{
        return !options_has(cli->opt, OPT_DETACH) && cli->out.data_tty && cli->out.talk_tty;
}

int one_shot_prepare(OneShot *s)
{
        Cli *cli = s->cli;
        HRESULT hr = S_OK;
        int status;

        if (!s->keeps)
                hr = bits_job_set_auto_complete(cli->client, &s->job.id, 1);
        if (SUCCEEDED(hr) && !options_has(cli->opt, OPT_PRIORITY) && is_watched(cli)) {
                s->job.priority = BG_JOB_PRIORITY_FOREGROUND;
                hr = bits_job_set_priority(cli->client, &s->job.id, s->job.priority);
        }
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot prepare", &s->job);
        status = logins_set(cli, s->logins, &s->job);
        logins_done(s->logins);
        return status == STATUS_OK ? job_settings_apply(cli, &s->job) : status;
}

static void announce(const OneShot *s)
{
        const Out *out = &s->cli->out;
        const bits_job_info *job = &s->job;
        char id[JOB_ID_BYTES];

        if (out_is_json(out)) {
                _cleanup_(json_freep) Json *json = event_json("created", &job->id);

                json_add_str(json, "name", job->name);
                json_add_str(json, "priority", job_priority_name(job->priority));
                out_json_line(out, json);
        } else if (options_has(s->cli->opt, OPT_DETACH)) {
                bits_guid_format(&job->id, id);
                out_line(out, "%s", id);
        } else if (out->verbose)
                out_line(out, "job %s  %s  (priority %s)", job_short_id(&job->id, id), job->name,
                         job_priority_name(job->priority));
        else if (out_is_chatty(out))
                out_line(out, "job %s  %s", job_short_id(&job->id, id), job->name);
}

static int start(const OneShot *s)
{
        HRESULT hr = bits_job_resume(s->cli->client, &s->job.id);

        if (FAILED(hr))
                return message_call_failed(&s->cli->out, hr, "cannot start", &s->job);
        return STATUS_OK;
}

int one_shot_drop(OneShot *s, int status)
{
        s->dropped = true;
        (void) bits_job_cancel(s->cli->client, &s->job.id); /* the first failure was told */
        return status;
}

static int follow_to_end(OneShot *s)
{
        _cleanup_(follow_close) Follow follow = {0};
        const bits_job_info *job = &s->job;
        int status = follow_open(&follow, s->cli, &job, 1, s->what, s->signals);

        if (status == STATUS_OK)
                status = start(s);
        if (status != STATUS_OK)
                return one_shot_drop(s, status);
        follow.pauses = true;
        follow.go_on = s->go_on;
        (void) fflush(s->cli->out.data); /* the first line stands before the moving one */
        status = follow_run(&follow);
        s->last = follow.jobs[0].info;
        follow.jobs[0].info = NULL;
        return status;
}

int one_shot_run(OneShot *s)
{
        int status;

        announce(s);
        if (!options_has(s->cli->opt, OPT_DETACH))
                return follow_to_end(s);
        status = start(s);
        return status == STATUS_OK ? status : one_shot_drop(s, status);
}
