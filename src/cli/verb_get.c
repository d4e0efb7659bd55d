/* SPDX-License-Identifier: Apache-2.0 */
/* get: one job for all addresses, followed to its end. */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#include "file_plan.h"
#include "follow.h"
#include "job_settings.h"
#include "message.h"
#include "must.h"
#include "one_shot.h"
#include "url_name.h"
#include "verbs.h"

static int check_usage(const Cli *cli)
{
        const Options *o = cli->opt;
        int status;

        if (o->n_args == 0 && !o->from)
                return message_usage(&cli->out, "usage: bitsctl get URL…", "get needs an address");
        if (o->output && str_equal(o->output, "-"))
                return message_usage(&cli->out, "save it: -o FILE",
                                     "cannot print to standard output: a job in the background "
                                     "needs a file");
        status = one_shot_check(cli);
        if (status != STATUS_OK)
                return status;
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
        char shown[ONE_SHOT_NAME_BYTES - 32];

        if (o->name)
                return must(mem_strdup(o->name));
        (void) str_copy(shown, sizeof(shown), leaf);
        if (plan->count == 1)
                return must(mem_strdup(shown));
        return must(mem_printf("%s and %zu more", shown, plan->count - 1));
}

static int get_plan(Cli *cli, const FilePlan *plan, Logins *logins, Signals *signals)
{
        _cleanup_free_ char *name = job_name(cli->opt, plan);
        _cleanup_(one_shot_done) OneShot shot = {
                .cli = cli,
                .what = "get",
                .signals = signals,
                .logins = logins,
                .job = {.type = BG_JOB_TYPE_DOWNLOAD, .name = name},
        };
        int status = one_shot_create(&shot);
        HRESULT hr;

        if (status != STATUS_OK)
                return status;
        hr = bits_job_add_files(cli->client, &shot.job.id, plan->files, plan->count);
        if (FAILED(hr))
                status = message_call_failed(&cli->out, hr, "cannot add files to", &shot.job);
        if (status == STATUS_OK)
                status = one_shot_prepare(&shot);
        return status == STATUS_OK ? one_shot_run(&shot) : one_shot_drop(&shot, status);
}

int verb_get(Cli *cli)
{
        _cleanup_(file_plan_done) FilePlan plan = {0};
        _cleanup_(logins_done) Logins logins = {0};
        _cleanup_(signals_release) Signals signals = {.fd = -1};
        int status = check_usage(cli);

        if (status == STATUS_OK)
                status = make_plan(cli, &plan);
        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status == STATUS_OK)
                status = logins_read(cli, &logins);
        if (status == STATUS_OK)
                status = follow_watch_signals(cli, &signals);
        return status == STATUS_OK ? get_plan(cli, &plan, &logins, &signals) : status;
}
