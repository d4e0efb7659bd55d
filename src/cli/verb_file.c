/* SPDX-License-Identifier: Apache-2.0 */
/* More files for a job. */
#include <inttypes.h>

#include "file_plan.h"
#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "select.h"
#include "verbs.h"

static int make_plan(Cli *cli, FilePlan *plan)
{
        const Options *o = cli->opt;
        int status;

        if ((o->from != NULL) == (o->n_args > 1))
                return message_usage(&cli->out, "usage: bitsctl add JOB URL [FILE]",
                                     "add needs an address, or --from=FILE");
        if (o->from)
                status = file_plan_add_from(cli, plan, o->from, o->directory);
        else
                status = file_plan_add(cli, plan, o->args[1], o->n_args > 2 ? o->args[2] : NULL,
                                       o->directory);
        if (status == STATUS_OK)
                status = file_plan_check(cli, plan, options_has(o, OPT_FORCE));
        return status;
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

int verb_add(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        _cleanup_(file_plan_done) FilePlan plan = {0};
        int status = make_plan(cli, &plan);
        HRESULT hr;

        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status == STATUS_OK)
                status = select_one(cli, cli->opt->args[0], &s);
        if (status != STATUS_OK)
                return status;
        if (plan.count > 0) {
                hr = bits_job_add_files(cli->client, &s.jobs[0]->id, plan.files, plan.count);
                if (FAILED(hr))
                        return message_call_failed(&cli->out, hr, "cannot add files to", s.jobs[0]);
        }
        tell(cli, s.jobs[0], plan.count);
        return STATUS_OK;
}
