/* SPDX-License-Identifier: Apache-2.0 */
/* put: one file to one address, followed to its end, with the server's reply. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#include "follow.h"
#include "job_settings.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "one_shot.h"
#include "reply_out.h"
#include "select.h"
#include "upload_plan.h"
#include "verbs.h"

typedef struct Put {
        Cli *cli;
        UploadPlan plan;
        OneShot shot;
        bool prints; /* the reply goes to standard output ... */
        FILE *data;  /* ... which is this, and everything else goes to stderr */
        bool data_tty;
} Put;

static int check_usage(const Cli *cli)
{
        const Options *o = cli->opt;
        bool prints = o->reply && str_equal(o->reply, "-");
        int status = one_shot_check(cli);

        if (status != STATUS_OK)
                return status;
        if (prints && out_is_json(&cli->out))
                return message_usage(&cli->out, "name a file: --reply=FILE",
                                     "the reply and JSON cannot both go to standard output");
        if (prints && options_has(o, OPT_DETACH))
                return message_usage(&cli->out, "name a file: --reply=FILE",
                                     "nobody waits to print the reply with --detach");
        if (options_has(o, OPT_REPLY_OPTIONAL) && !o->reply)
                return message_usage(&cli->out, NULL, "--reply-optional needs --reply=FILE");
        return job_settings_check(cli, false);
}

static int make_plan(Put *p)
{
        const Options *o = p->cli->opt;
        int status = upload_plan_make(p->cli, &p->plan, o->args[0], o->args[1]);

        if (status != STATUS_OK || !o->reply || p->prints)
                return status;
        return upload_plan_reply(p->cli, &p->plan, o->reply, options_has(o, OPT_FORCE));
}

static int fill_job(Put *p)
{
        const GUID *id = &p->shot.job.id;
        bits_client *client = p->cli->client;
        HRESULT hr = S_OK;

        /* named before the file comes, so that the service has no reason to make a name */
        if (p->plan.reply)
                hr = bits_job_set_reply_name(client, id, p->plan.reply);
        if (SUCCEEDED(hr) && options_has(p->cli->opt, OPT_REPLY_OPTIONAL))
                hr = bits_job_set_reply_optional(client, id, p->cli->opt->reply_optional);
        if (FAILED(hr))
                return message_call_failed(&p->cli->out, hr, "cannot ask for the reply to",
                                           &p->shot.job);
        hr = bits_job_add_files(client, id, &p->plan.file, 1);
        if (FAILED(hr))
                return message_call_failed(&p->cli->out, hr, "cannot add the file to",
                                           &p->shot.job);
        return one_shot_prepare(&p->shot);
}

/* ---- the reply on standard output ---- */

/* What is too long to be handed over is a file once the job is complete. */
static int print_from_file(Put *p, const char *path)
{
        int status = reply_copy(p->cli, p->data, p->data_tty, path);

        if (status == STATUS_OK)
                upload_plan_drop_reply(&p->plan);
        return status;
}

/* The job is transferred. It is completed only when the reply is out: until then "bitsctl reply"
 * finds it. */
static int print_reply(Put *p)
{
        const bits_job_info *job = p->shot.last;
        bool complete = job->state == BG_JOB_STATE_ACKNOWLEDGED; /* by somebody else */
        uint8_t *data = NULL;
        uint64_t bytes = 0;
        char prefix[37];
        int status = STATUS_OK;
        bool too_large;
        HRESULT hr;

        select_short_prefix(p->cli, &job->id, prefix);
        hr = bits_job_reply_data(p->cli->client, &job->id, &data, &bytes);
        too_large = hr == BG_E_TOO_LARGE;
        if (FAILED(hr) && !too_large)
                return message_call_failed(&p->cli->out, hr, "cannot read the reply of", job);
        if (!too_large)
                status = reply_write(p->cli, p->data, p->data_tty, prefix, data, bytes);
        mem_free(data); /* from malloc, says the library */
        if (status != STATUS_OK)
                return status;
        hr = complete ? S_OK : bits_job_complete(p->cli->client, &job->id);
        if (FAILED(hr))
                return message_call_failed(&p->cli->out, hr, "cannot complete", job);
        if (too_large)
                return print_from_file(p, job->reply_name);
        upload_plan_drop_reply(&p->plan);
        return STATUS_OK;
}

/* ---- the whole ---- */

static int run_job(Put *p)
{
        int status = one_shot_create(&p->shot);

        if (status != STATUS_OK) {
                p->shot.dropped = true; /* there never was a job */
                return status;
        }
        status = fill_job(p);
        return status == STATUS_OK ? one_shot_run(&p->shot) : one_shot_drop(&p->shot, status);
}

static int run(Put *p)
{
        int status;

        if (!p->prints)
                return run_job(p);
        status = upload_plan_private_reply(p->cli, &p->plan);
        if (status != STATUS_OK)
                return status;
        status = run_job(p);
        if (p->shot.dropped)
                upload_plan_drop_reply(&p->plan);
        if (status != STATUS_OK)
                return status;
        signals_release(p->shot.signals); /* who reads the reply may be slow: Ctrl-C must work */
        return print_reply(p);
}

/* Standard output is for the reply alone. */
static void part_streams(Put *p)
{
        Out *out = &p->cli->out;

        p->data = out->data;
        p->data_tty = out->data_tty;
        if (!p->prints)
                return;
        out->data = out->talk;
        out->data_tty = out->talk_tty;
}

static char *job_name(const Options *o, const UploadPlan *plan)
{
        const char *leaf = strrchr(plan->file.local, '/') + 1; /* the path is absolute */
        char shown[ONE_SHOT_NAME_BYTES];

        return must(mem_strdup(o->name ? o->name : str_copy(shown, sizeof(shown), leaf)));
}

static void put_done(Put *p)
{
        upload_plan_done(&p->plan);
        one_shot_done(&p->shot);
}

int verb_put(Cli *cli)
{
        const char *reply = cli->opt->reply;
        _cleanup_(put_done) Put put = {.cli = cli, .prints = reply && str_equal(reply, "-")};
        _cleanup_(logins_done) Logins logins = {0};
        _cleanup_(signals_release) Signals signals = {.fd = -1};
        _cleanup_free_ char *name = NULL;
        int status = check_usage(cli);

        part_streams(&put);
        if (status == STATUS_OK)
                status = make_plan(&put);
        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status == STATUS_OK)
                status = logins_read(cli, &logins);
        if (status == STATUS_OK)
                status = follow_watch_signals(cli, &signals);
        if (status != STATUS_OK)
                return status;
        name = job_name(cli->opt, &put.plan);
        put.shot = (OneShot){
                .cli = cli,
                .what = "send",
                .go_on = put.prints ? "bitsctl reply" : NULL,
                .signals = &signals,
                .logins = &logins,
                .keeps = put.prints,
                .job = {.type = reply ? BG_JOB_TYPE_UPLOAD_REPLY : BG_JOB_TYPE_UPLOAD,
                        .name = name},
        };
        return run(&put);
}
