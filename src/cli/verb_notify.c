/* SPDX-License-Identifier: Apache-2.0 */
/* notify: which program is run when a job is transferred or fails. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"

#include "job_json.h"
#include "job_notify.h"
#include "message.h"
#include "must.h"
#include "out_table.h"
#include "results.h"
#include "select.h"
#include "verbs.h"

static const TableColumn COLUMNS[] = {{.title = ""}, {.title = ""}};

static int check_usage(const Cli *cli)
{
        const Options *o = cli->opt;
        bool words = o->n_args > 1;

        if (options_has(o, OPT_CLEAR) && (o->program || o->parameters || words))
                return message_usage(&cli->out, NULL, "either --clear or a program, not both");
        if (!o->program && words)
                return message_usage(&cli->out, "usage: bitsctl notify JOB --program FILE -- ARG…",
                                     "of which program is \"%s\" a word? --program=FILE says it",
                                     o->args[1]);
        if (!o->program && o->parameters)
                return message_usage(&cli->out, NULL, "--parameters needs --program=FILE");
        if (o->parameters && words)
                return message_usage(&cli->out, NULL,
                                     "either --parameters or words behind the job, not both");
        return STATUS_OK;
}

/* ---- the program ---- */

static int complain_program(const Cli *cli, const char *path, const char *why)
{
        return message_plain(&cli->out, STATUS_FAILED, NULL, "cannot run %s: %s", path, why);
}

/* As it is called, from the root on: the service has another directory, and links may be changed
 * later. */
static char *absolute_path(const char *path)
{
        _cleanup_free_ char *here = NULL;

        if (path[0] == '/')
                return must(mem_strdup(path));
        while (path[0] == '.' && path[1] == '/')
                path += 1 + strspn(path + 1, "/");
        here = must(getcwd(NULL, 0)); /* malloc-compatible */
        return must(mem_printf("%s/%s", str_equal(here, "/") ? "" : here, path));
}

static int find_program(const Cli *cli, char **ret)
{
        const char *given = cli->opt->program;
        _cleanup_free_ char *path = NULL, *hint = NULL;
        struct stat st;

        if (!strchr(given, '/')) {
                hint = must(mem_printf("one in this directory: --program=./%s", given));
                return message_usage(&cli->out, hint,
                                     "\"%s\" is not looked for anywhere: --program takes a path",
                                     given);
        }
        if (strchr(given, '"'))
                return complain_program(cli, given, "no command line can name a path with a quote");
        path = absolute_path(given);
        if (stat(path, &st) < 0)
                return complain_program(cli, path, strerrordesc_np(errno));
        if (!S_ISREG(st.st_mode))
                return complain_program(cli, path, "it is no file");
        if (access(path, X_OK) < 0)
                return complain_program(cli, path, strerrordesc_np(errno));
        *ret = TAKE_PTR(path);
        return STATUS_OK;
}

static int set_program(Cli *cli, const char *path, const bits_job_info *job)
{
        const Options *o = cli->opt;
        _cleanup_free_ char *line = NULL;
        const char *parameters = o->parameters;
        HRESULT hr;

        if (path && o->n_args > 1)
                parameters = line = notify_join(path, o->args + 1, o->n_args - 1);
        hr = bits_job_set_notify_cmd_line(cli->client, &job->id, path, parameters);
        if (SUCCEEDED(hr))
                return STATUS_OK;
        return message_call_failed(&cli->out, hr, "cannot set the program of", job);
}

/* What is told to callbacks of other kinds stays as it is. */
static int set_events(Cli *cli, const bits_job_info *job)
{
        const uint32_t ours = BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR | BG_NOTIFY_DISABLE;
        uint32_t on = cli->opt->notify_on;
        HRESULT hr = bits_job_set_notify_flags(
                cli->client, &job->id, (job->notify_flags & ~ours) | (on ? on : BG_NOTIFY_DISABLE));

        if (SUCCEEDED(hr))
                return STATUS_OK;
        return message_call_failed(&cli->out, hr, "cannot set the events of", job);
}

static int change(Cli *cli, const bits_job_info *job)
{
        const Options *o = cli->opt;
        _cleanup_free_ char *path = NULL;
        int status = STATUS_OK;
        Results results;

        if (o->program)
                status = find_program(cli, &path);
        /* The events first: a program that is set late runs at once for what has happened. */
        if (status == STATUS_OK && options_has(o, OPT_ON))
                status = set_events(cli, job);
        if (status == STATUS_OK && (o->program || options_has(o, OPT_CLEAR)))
                status = set_program(cli, path, job);
        if (status != STATUS_OK)
                return status;
        results_init(&results, cli);
        results_add(&results, job, "changed");
        results_print(&results);
        return STATUS_OK;
}

/* ---- what is set ---- */

static void print_line(Table *table, const char *key, const char *value)
{
        table_cell(table, key);
        table_cell(table, value);
}

static void print_text(Cli *cli, const bits_job_info *job)
{
        _cleanup_(table_freep) Table *table = table_new(COLUMNS, ARRAY_LEN(COLUMNS));
        _cleanup_free_ char *events = notify_events(job->notify_flags);
        _cleanup_free_ char *last = notify_last_run(job);

        print_line(table, "notify", events);
        print_line(table, "program", job->notify_program ? job->notify_program : "none");
        if (job->notify_parameters)
                print_line(table, "command line", job->notify_parameters);
        if (last)
                print_line(table, "last run", last);
        out_table(&cli->out, table, false);
}

static void print(Cli *cli, const bits_job_info *job)
{
        _cleanup_(json_freep) Json *json = NULL;

        if (!out_is_json(&cli->out)) {
                print_text(cli, job);
                return;
        }
        json = json_document();
        json_add_guid(json, "job", &job->id);
        json_add_notify(json, job);
        out_json(&cli->out, json);
}

int verb_notify(Cli *cli)
{
        const Options *o = cli->opt;
        _cleanup_(selection_done) Selection s = {0};
        int status = check_usage(cli);

        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status == STATUS_OK)
                status = select_one(cli, o->args[0], &s);
        if (status != STATUS_OK)
                return status;
        if (o->program || options_has(o, OPT_CLEAR) || options_has(o, OPT_ON))
                return change(cli, s.jobs[0]);
        print(cli, s.jobs[0]);
        return STATUS_OK;
}
