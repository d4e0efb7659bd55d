/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include "job_json.h"
#include "job_words.h"

void results_init(Results *r, Cli *cli)
{
        *r = (Results){.cli = cli};
        if (!out_is_json(&cli->out))
                return;
        r->json = json_document();
        r->jobs = json_add_array(r->json, "jobs");
}

void results_print(Results *r)
{
        if (r->json)
                out_json(&r->cli->out, r->json);
        r->json = json_free(r->json);
}

void results_add(Results *r, const bits_job_info *job, const char *result)
{
        char id[JOB_ID_BYTES];
        Json *one;

        if (!r->json) { /* of a dry run the words are all there is */
                if (out_is_chatty(&r->cli->out) || options_has(r->cli->opt, OPT_DRY_RUN))
                        out_line(&r->cli->out, "%s %s  %s", result, job_short_id(&job->id, id),
                                 job->name);
                return;
        }
        one = json_add_object(r->jobs, NULL);
        json_add_guid(one, "id", &job->id);
        json_add_str(one, "name", job->name);
        json_add_str(one, "result", result);
}
