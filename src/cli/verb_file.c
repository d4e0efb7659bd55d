/* SPDX-License-Identifier: Apache-2.0 */
/* More files for a job. */
#include "base/str.h"

#include "file_plan.h"
#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "select.h"
#include "upload_plan.h"
#include "verbs.h"

static int check_usage(const Cli *cli)
{
        const Options *o = cli->opt;

        if ((o->from != NULL) == (o->n_args > 1))
                return message_usage(&cli->out, "usage: bitsctl add JOB URL [FILE]",
                                     "add needs an address, or --from=FILE");
        return STATUS_OK;
}

static void tell(Cli *cli, const bits_job_info *job, size_t count)
{
        char id[JOB_ID_BYTES];

        if (out_is_json(&cli->out)) {
                _cleanup_(json_freep) Json *json = json_document();

                json_add_guid(json, "job", &job->id);
                json_add_u64(json, "files_added", count);
                out_json(&cli->out, json);
        } else if (out_is_chatty(&cli->out))
                out_line(&cli->out, "%s %s  %zu file%s added", job_short_id(&job->id, id),
                         job->name, count, count == 1 ? "" : "s");
}

static int add_files(Cli *cli, const bits_job_info *job, const bits_file_spec *files, size_t count)
{
        HRESULT hr = S_OK;

        if (count > 0)
                hr = bits_job_add_files(cli->client, &job->id, files, count);
        if (FAILED(hr))
                return message_call_failed(
                        &cli->out, hr,
                        job_is_upload(job) ? "cannot add the file to" : "cannot add files to", job);
        tell(cli, job, count);
        return STATUS_OK;
}

static int add_downloads(Cli *cli, const bits_job_info *job)
{
        _cleanup_(file_plan_done) FilePlan plan = {0};
        const Options *o = cli->opt;
        int status;

        if (o->from)
                status = file_plan_add_from(cli, &plan, o->from, o->directory);
        else
                status = file_plan_add(cli, &plan, o->args[1], o->n_args > 2 ? o->args[2] : NULL,
                                       o->directory);
        if (status == STATUS_OK)
                status = file_plan_check(cli, &plan, options_has(o, OPT_FORCE));
        return status == STATUS_OK ? add_files(cli, job, plan.files, plan.count) : status;
}

/* The file is there already, and it is one. */
static int add_upload(Cli *cli, const bits_job_info *job)
{
        _cleanup_(upload_plan_done) UploadPlan plan = {0};
        const Options *o = cli->opt;
        int status;

        if (o->from || o->directory || o->n_args != 3)
                return message_usage(&cli->out, "usage: bitsctl add JOB URL FILE",
                                     "an upload is one address and one file");
        status = upload_plan_make(cli, &plan, o->args[2], o->args[1]);
        return status == STATUS_OK ? add_files(cli, job, &plan.file, 1) : status;
}

int verb_add(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        int status = check_usage(cli);

        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status == STATUS_OK)
                status = select_one(cli, cli->opt->args[0], &s);
        if (status != STATUS_OK)
                return status;
        return job_is_upload(s.jobs[0]) ? add_upload(cli, s.jobs[0])
                                        : add_downloads(cli, s.jobs[0]);
}
