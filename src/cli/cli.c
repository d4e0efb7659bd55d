/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <langinfo.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/str.h"

#include "message.h"
#include "must.h"
#include "verbs.h"

static bool colour_wanted(const Options *o, const Out *out)
{
        const char *no_colour = getenv("NO_COLOR");

        if (o->colour != COLOUR_AUTO)
                return o->colour == COLOUR_ALWAYS;
        return out->data_tty && out->terminal_able && !(no_colour && *no_colour);
}

static void set_up_output(const Options *o, Out *out)
{
        if (o->json)
                out->format = o->json_form_given ? o->json_form
                              : out->data_tty    ? OUT_JSON_PRETTY
                                                 : OUT_JSON_SHORT;
        out->colour = colour_wanted(o, out);
        out->utf8 = str_equal(nl_langinfo(CODESET), "UTF-8");
        out->quiet = options_has(o, OPT_QUIET);
        out->verbose = options_has(o, OPT_VERBOSE) && !out->quiet;
        out->full = options_has(o, OPT_FULL);
        out->legend =
                (out->data_tty || options_has(o, OPT_LEGEND)) && !options_has(o, OPT_NO_LEGEND);
}

/* An option that another verb takes but not this one. */
static int check_options(const Out *out, const Options *o, const Verb *verb)
{
        uint64_t strange = o->given & ~(OPT_GLOBAL_BITS | verb->options);
        const OptSpec *spec;
        _cleanup_free_ char *hint = NULL;

        if (strange == 0)
                return STATUS_OK;
        spec = options_spec((OptId) __builtin_ctzll(strange));
        hint = must(mem_printf("see what it takes: bitsctl help %s", verb->name));
        return message_usage(out, hint, "%s takes no --%s", verb->name, spec->name);
}

static int check_words(const Out *out, const Options *o, const Verb *verb)
{
        _cleanup_free_ char *usage = NULL;

        if (o->n_args >= verb->min_args && o->n_args <= verb->max_args)
                return STATUS_OK;
        usage = must(mem_printf("usage: bitsctl %s%s%s", verb->name, *verb->args ? " " : "",
                                verb->args));
        if (o->n_args < verb->min_args)
                return message_usage(out, usage, "%s needs %s", verb->name, verb->args);
        return message_usage(out, usage, "%s cannot use \"%s\"", verb->name,
                             o->args[verb->max_args]);
}

static int run_verb(Cli *cli, const Verb *verb)
{
        int status = check_options(&cli->out, cli->opt, verb);

        if (status == STATUS_OK)
                status = check_words(&cli->out, cli->opt, verb);
        if (status == STATUS_OK)
                status = verb->run(cli);
        bits_disconnect(cli->client);
        return status;
}

static int dispatch(Cli *cli)
{
        const Options *o = cli->opt;
        const Verb *verb;

        if (options_has(o, OPT_VERSION))
                return verb_version(cli);
        verb = verbs_find(o->verb ? o->verb : "list");
        if (!verb)
                return verbs_complain_unknown(&cli->out, o->verb);
        if (options_has(o, OPT_HELP))
                return verb_help(cli);
        return run_verb(cli, verb);
}

/* The words of __complete are those of an unfinished line: not for our parser. */
static bool is_completion(int argc, char *const *argv)
{
        return argc > 0 && str_equal(argv[0], "__complete");
}

int cli_run(Out *out, int argc, char *const *argv)
{
        UsageError error = {0};
        Options options;
        Cli cli = {.opt = &options};
        int status;

        out_detect(out);
        if (is_completion(argc, argv)) {
                options = (Options){.verb = argv[0], .args = must(mem_array(argc, sizeof(char *)))};
                for (int i = 1; i < argc; i++)
                        options.args[options.n_args++] = argv[i];
        } else
                options_parse(argc, argv, &options, &error);
        set_up_output(&options, out);
        cli.out = *out;
        status = error.text ? message_usage(out, error.hint, "%s", error.text) : dispatch(&cli);
        usage_error_done(&error);
        options_done(&options);
        return status;
}

/* ---- for the verbs ---- */

void cli_connection_options(const Cli *cli, bits_options *ret)
{
        *ret = (bits_options){
                .socket_path = cli->opt->socket,
                .timeout_ms = cli->opt->timeout_ms,
        };
}

/* Nobody listens and the service may not be started: by our own wish, or by the user's. */
static void complain_not_running(const Cli *cli, HRESULT hr, bool own_wish)
{
        const char *env = getenv("BITSD_AUTOSTART");
        Message m = {
                .what = "cannot reach the transfer service",
                .why = bits_last_message(),
                .code = hr,
                .hint = "start it: bitsd --user",
        };

        if (own_wish && !(env && str_equal(env, "0"))) {
                m.what = "the transfer service is not running";
                m.why = NULL;
                m.hint = "it starts when it is needed: bitsctl list";
        }
        message_print(&cli->out, &m);
}

static int connect_with(Cli *cli, bool no_autostart)
{
        bits_options options;
        HRESULT hr;

        if (cli->client)
                return STATUS_OK;
        cli_connection_options(cli, &options);
        options.no_autostart = no_autostart;
        hr = bits_connect(&options, &cli->client);
        if (SUCCEEDED(hr))
                return STATUS_OK;
        if (hr == HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED))
                complain_not_running(cli, hr, no_autostart);
        else
                (void) message_call_failed(&cli->out, hr, "cannot reach the transfer service",
                                           NULL);
        return STATUS_NO_SERVICE;
}

int cli_connect(Cli *cli)
{
        return connect_with(cli, false);
}

int cli_connect_running(Cli *cli)
{
        return connect_with(cli, true);
}

uint32_t cli_list_flags(const Cli *cli)
{
        return options_has(cli->opt, OPT_ALL_USERS) ? BG_JOB_ENUM_ALL_USERS : 0;
}

int cli_list_jobs(Cli *cli, bits_job_list **ret)
{
        HRESULT hr = bits_jobs_list(cli->client, cli_list_flags(cli), ret);
        Message m = {
                .what = "cannot list the jobs of all users",
                .why = "that is for administrators",
                .code = hr,
                .hint = "your own: bitsctl list",
        };

        if (SUCCEEDED(hr))
                return STATUS_OK;
        if (hr != E_ACCESSDENIED || !options_has(cli->opt, OPT_ALL_USERS))
                return message_call_failed(&cli->out, hr, "cannot list the jobs", NULL);
        message_print(&cli->out, &m);
        return STATUS_DENIED;
}

bits_file_list *read_error_file(Cli *cli, const bits_job_info *job)
{
        bits_file_list *list = NULL;

        if (job->error_file < 0 ||
            FAILED(bits_file_read(cli->client, &job->id, (uint32_t) job->error_file, &list)))
                return NULL;
        if (list->count == 1)
                return list;
        bits_file_list_free(list);
        return NULL;
}

static bool answer_is_yes(void)
{
        char *line = NULL;
        size_t room = 0;
        bool yes;

        yes = getline(&line, &room, stdin) > 0 && (line[0] == 'y' || line[0] == 'Y');
        mem_free(line); /* malloc-compatible, as getline's is */
        return yes;
}

bool cli_confirm(Cli *cli, const char *question, int *ret_status)
{
        if (options_has(cli->opt, OPT_YES))
                return true;
        if (!cli->out.talk_tty || options_has(cli->opt, OPT_NO_INPUT) ||
            !stream_is_terminal(stdin)) {
                *ret_status = message_usage(&cli->out, "say so beforehand: --yes",
                                            "nobody to ask: %s", question);
                return false;
        }
        (void) fprintf(cli->out.talk, "%s [y/N] ", question); /* our own words only */
        (void) fflush(cli->out.talk);
        if (answer_is_yes())
                return true;
        *ret_status = STATUS_FAILED;
        return false;
}
