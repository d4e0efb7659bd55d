/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that make a job, change it or end it. */
#include <inttypes.h>

#include "base/alloc.h"

#include "follow.h"
#include "job_settings.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "results.h"
#include "select.h"
#include "upload_plan.h"
#include "verbs.h"

/* ---- one call for each job ---- */

typedef struct Action {
        HRESULT (*call)(bits_client *client, const GUID *id);
        const char *failing; /* "cannot pause" */
        const char *done;    /* "paused" */
        const char *dry;     /* "would pause" */
} Action;

static const Action PAUSE = {bits_job_suspend, "cannot pause", "paused", NULL};
static const Action RESUME = {bits_job_resume, "cannot resume", "resumed", NULL};
static const Action COMPLETE = {bits_job_complete, "cannot complete", "completed",
                                "would complete"};
static const Action CANCEL = {bits_job_cancel, "cannot cancel", "cancelled", "would cancel"};

static int act_on(Results *r, const Action *action, const bits_job_info *job)
{
        Cli *cli = r->cli;
        HRESULT hr;

        if (options_has(cli->opt, OPT_DRY_RUN)) {
                results_add(r, job, action->dry);
                return STATUS_OK;
        }
        hr = action->call(cli->client, &job->id);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, action->failing, job);
        if (action == &CANCEL)
                reply_drop_private_place(job->reply_name);
        if (r->json || hr != BG_S_PARTIAL_COMPLETE) /* of which the message tells all */
                results_add(r, job, action->done);
        return message_end_result(&cli->out, hr, job);
}

static int act_on_all(Cli *cli, const Action *action, const bits_job_info *const *jobs,
                      size_t count)
{
        int status = STATUS_OK;
        Results results;

        results_init(&results, cli);
        for (size_t i = 0; i < count; i++)
                status = status_worse(status, act_on(&results, action, jobs[i]));
        results_print(&results);
        return status;
}

/* The jobs named by the words of the line. */
static int act_on_words(Cli *cli, const Action *action)
{
        _cleanup_(selection_done) Selection s = {0};
        int status = cli_connect(cli);

        if (status != STATUS_OK)
                return status;
        status = select_jobs(cli, cli->opt->args, cli->opt->n_args, &s);
        return status_worse(status, act_on_all(cli, action, s.jobs, s.count));
}

int verb_pause(Cli *cli)
{
        return act_on_words(cli, &PAUSE);
}

/* ---- resume ---- */

static int resume_and_wait(Cli *cli, const Selection *s)
{
        _cleanup_(follow_close) Follow follow = {0};
        _cleanup_(signals_release) Signals signals = {.fd = -1};
        int status = follow_watch_signals(cli, &signals);

        if (status == STATUS_OK)
                status = follow_open(&follow, cli, s->jobs, s->count, "finish", &signals);
        if (status != STATUS_OK)
                return status;
        follow.pauses = true;
        for (size_t i = 0; i < s->count; i++) {
                HRESULT hr = bits_job_resume(cli->client, &s->jobs[i]->id);

                if (FAILED(hr))
                        follow_drop(&follow, i,
                                    message_call_failed(&cli->out, hr, RESUME.failing, s->jobs[i]));
        }
        return follow_run(&follow);
}

int verb_resume(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        int status;

        if (!options_has(cli->opt, OPT_WAIT))
                return act_on_words(cli, &RESUME);
        status = cli_connect(cli);
        if (status != STATUS_OK)
                return status;
        status = select_jobs(cli, cli->opt->args, cli->opt->n_args, &s);
        return s.count > 0 ? status_worse(status, resume_and_wait(cli, &s)) : status;
}

/* ---- the ends ---- */

static int check_words_or_all(Cli *cli, const char *verb)
{
        bool all = options_has(cli->opt, OPT_ALL);

        if (all && cli->opt->n_args > 0)
                return message_usage(&cli->out, NULL, "either jobs or --all, not both");
        if (!all && cli->opt->n_args == 0)
                return message_usage(&cli->out, NULL, "%s needs jobs, or --all", verb);
        return STATUS_OK;
}

/* All jobs of the list, or those in one state. Fills s->jobs. */
static int pick_all(Cli *cli, bool only_transferred, Selection *s)
{
        int status = cli_list_jobs(cli, &s->live);

        if (status != STATUS_OK)
                return status;
        s->jobs = must(mem_array(s->live->count + 1, sizeof(*s->jobs)));
        for (size_t i = 0; i < s->live->count; i++)
                if (!only_transferred || s->live->jobs[i].state == BG_JOB_STATE_TRANSFERRED)
                        s->jobs[s->count++] = &s->live->jobs[i];
        return STATUS_OK;
}

int verb_complete(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        int status = check_words_or_all(cli, "complete");

        if (status != STATUS_OK)
                return status;
        if (!options_has(cli->opt, OPT_ALL))
                return act_on_words(cli, &COMPLETE);
        status = cli_connect(cli);
        if (status == STATUS_OK)
                status = pick_all(cli, true, &s);
        if (status != STATUS_OK)
                return status;
        if (s.count == 0)
                out_note(&cli->out, "no job waits to be completed");
        return act_on_all(cli, &COMPLETE, s.jobs, s.count);
}

static bool confirm_cancel(Cli *cli, size_t count, int *ret_status)
{
        _cleanup_free_ char *question = NULL;

        if (options_has(cli->opt, OPT_DRY_RUN) || count == 0)
                return true;
        question = must(mem_printf("cancel %zu job%s and drop what %s transferred?", count,
                                   count == 1 ? "" : "s", count == 1 ? "it has" : "they have"));
        return cli_confirm(cli, question, ret_status);
}

int verb_cancel(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        bool all = options_has(cli->opt, OPT_ALL);
        int status = check_words_or_all(cli, "cancel"), refused = STATUS_OK;

        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status != STATUS_OK)
                return status;
        status = all ? pick_all(cli, false, &s)
                     : select_jobs(cli, cli->opt->args, cli->opt->n_args, &s);
        if (all && s.count == 0 && status == STATUS_OK)
                out_note(&cli->out, "no job to cancel");
        if ((all || options_has(cli->opt, OPT_ALL_USERS)) &&
            !confirm_cancel(cli, s.count, &refused))
                return status_worse(status, refused);
        return status_worse(status, act_on_all(cli, &CANCEL, s.jobs, s.count));
}

/* ---- create, set ---- */

static int check_create(const Cli *cli)
{
        const Options *o = cli->opt;
        int status = job_settings_check(cli, false);

        if (status == STATUS_OK)
                status = job_name_check(cli, o->args[0]);
        if (status == STATUS_OK)
                status = job_settings_check_reply(cli);
        if (status == STATUS_OK && o->type != BG_JOB_TYPE_UPLOAD_REPLY &&
            (options_has(o, OPT_REPLY) || options_has(o, OPT_REPLY_OPTIONAL)))
                return message_usage(&cli->out, NULL, "a reply needs --type=upload-reply");
        return status;
}

int verb_create(Cli *cli)
{
        bits_job_info job = {.name = (char *) cli->opt->args[0], /* read only */
                             .type = cli->opt->type};
        int status = check_create(cli);
        Results results;
        char id[37];
        HRESULT hr;

        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status != STATUS_OK)
                return status;
        hr = bits_job_create(cli->client, job.name, job.type, &job.id);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot create the job", NULL);
        status = job_settings_apply(cli, &job);
        if (status == STATUS_OK)
                status = job_settings_apply_reply(cli, &job);
        if (status != STATUS_OK) {
                (void) bits_job_cancel(cli->client, &job.id); /* the first failure was told */
                return status;
        }
        if (out_is_json(&cli->out)) {
                results_init(&results, cli);
                results_add(&results, &job, "created");
                results_print(&results);
                return STATUS_OK;
        }
        bits_guid_format(&job.id, id);
        out_line(&cli->out, "%s", id);
        return STATUS_OK;
}

static int set_job(Results *r, const bits_job_info *job)
{
        int status;

        if (options_has(r->cli->opt, OPT_DRY_RUN)) {
                results_add(r, job, "would change");
                return STATUS_OK;
        }
        status = job_settings_apply(r->cli, job);
        status = status_worse(status, job_settings_apply_reply(r->cli, job));
        if (status == STATUS_OK)
                results_add(r, job, "changed");
        return status;
}

int verb_set(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        int status = job_settings_check(cli, true);
        Results results;

        if (status == STATUS_OK)
                status = job_settings_check_reply(cli);
        if (status != STATUS_OK)
                return status;
        if (job_settings_count(cli->opt) == 0)
                return message_usage(&cli->out, "see what there is: bitsctl help set",
                                     "set needs an option that says what to change");
        status = cli_connect(cli);
        if (status != STATUS_OK)
                return status;
        status = select_jobs(cli, cli->opt->args, cli->opt->n_args, &s);
        if (cli->opt->reply && *cli->opt->reply && s.count > 1)
                return message_usage(&cli->out, "set it for one after the other",
                                     "several jobs cannot save their replies in one file");
        results_init(&results, cli);
        for (size_t i = 0; i < s.count; i++)
                status = status_worse(status, set_job(&results, s.jobs[i]));
        results_print(&results);
        return status;
}
