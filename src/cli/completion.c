/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates for the shell: "bitsctl __complete WORD…" prints what the last word may become, one a
 * line, or ":files" where a file name follows. It never starts the service and never waits long. */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#include "message.h"
#include "must.h"
#include "option_values.h"
#include "verbs.h"

enum {
        PATIENCE_MS = 100,
};

static void offer(Cli *cli, const char *word, const char *candidate)
{
        if (str_starts_with(candidate, word))
                out_line(&cli->out, "%s", candidate);
}

static void offer_verbs(Cli *cli, const char *word)
{
        for (const Verb *verb = verbs_table(); verb->group; verb++)
                offer(cli, word, verb->name);
}

static void offer_options(Cli *cli, const char *word, const Verb *verb)
{
        uint64_t bits = OPT_GLOBAL_BITS | (verb ? verb->options : 0);
        const char *name = verb ? verb->name : NULL;

        for (int id = 0; id < OPT_COUNT; id++) {
                const OptSpec *spec = options_spec((OptId) id);
                _cleanup_free_ char *text = NULL;

                if (!(bits & OPT_BIT(id)) || !spec->name ||
                    options_find_long(spec->name, strlen(spec->name), name) != spec)
                        continue;
                text = must(
                        mem_printf("--%s%s", spec->name, spec->arg == OPT_ARG_NEEDED ? "=" : ""));
                offer(cli, word, text);
        }
}

static void offer_actions(Cli *cli, const char *word)
{
        const char *action;

        for (size_t i = 0; (action = cred_action(i)); i++)
                offer(cli, word, action);
}

static void offer_jobs(Cli *cli, const char *word)
{
        bits_options options;
        bits_job_list *list = NULL;
        char id[37];

        cli_connection_options(cli, &options);
        options.no_autostart = 1;
        options.timeout_ms = PATIENCE_MS;
        if (FAILED(bits_connect(&options, &cli->client)) ||
            FAILED(bits_jobs_list(cli->client, 0, &list)))
                return;
        for (size_t i = 0; i < list->count; i++) {
                bits_guid_format(&list->jobs[i].id, id);
                if (*word) /* ids only when one is being typed: names tell more */
                        offer(cli, word, id);
                offer(cli, word, list->jobs[i].name);
        }
        bits_job_list_free(list);
}

/* ---- values of options ---- */

static const OptSpec *find_option(const char *word, size_t bytes, const Verb *verb)
{
        const OptSpec *named = NULL;

        if (word[1] == '-' && bytes > 2)
                named = options_find_long(word + 2, bytes - 2, verb ? verb->name : NULL);
        if (bytes == 2)
                named = options_find_short(word[1], verb ? verb->name : NULL);
        return named && named->arg != OPT_ARG_NONE ? named : NULL;
}

static const OptSpec *find_option_word(const char *word, const Verb *verb)
{
        return word[0] == '-' ? find_option(word, strlen(word), verb) : NULL;
}

/* The option whose value the last word is, and what there is of the value; NULL when it is none.
 * The shell may have parted "--name=value" into three words. */
static const OptSpec *find_valued(const Options *o, const Verb *verb, const char **ret_value)
{
        const char *const *last = &o->args[o->n_args - 1];
        const char *equals = strchr(*last, '=');
        const OptSpec *spec;

        if (*last[0] == '-' && equals) {
                *ret_value = equals + 1;
                return find_option(*last, (size_t) (equals - *last), verb);
        }
        *ret_value = str_equal(*last, "=") ? "" : *last;
        if (o->n_args > 1 && str_equal(*last, "="))
                return find_option_word(last[-1], verb);
        if (o->n_args > 2 && str_equal(last[-1], "="))
                return find_option_word(last[-2], verb);
        spec = o->n_args > 1 ? find_option_word(last[-1], verb) : NULL;
        return spec && spec->arg == OPT_ARG_NEEDED ? spec : NULL;
}

static void offer_values(Cli *cli, const OptSpec *spec, const char *value)
{
        static const char *const paths[] = {"FILE", "DIR", "PATH"};
        const char *word;

        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                if (str_equal(spec->arg_name, paths[i]))
                        out_line(&cli->out, ":files");
        for (size_t i = 0; (word = option_word(spec->id, i)); i++)
                offer(cli, value, word);
}

/* ---- the line ---- */

static bool verb_takes_job(const Verb *verb, size_t words_before)
{
        if (!strstr(verb->args, "JOB") && verb->run != verb_list)
                return false;
        return verb->max_args == VERB_ARGS_ANY || words_before == 0;
}

/* How many words behind an option are its value. */
static size_t words_of_value(const Options *o, size_t i, const Verb *verb)
{
        const OptSpec *spec = find_option_word(o->args[i], verb);

        if (!spec || spec->arg != OPT_ARG_NEEDED)
                return 0;
        return i + 1 < o->n_args && str_equal(o->args[i + 1], "=") ? 2 : 1;
}

/* The first word that is no option. */
static const Verb *find_verb(const Options *o, size_t *ret_words_behind)
{
        const Verb *verb = NULL;
        size_t n = 0;

        for (size_t i = 0; i + 1 < o->n_args; i++) {
                if (o->args[i][0] == '-') {
                        i += words_of_value(o, i, verb);
                        continue;
                }
                if (verb)
                        n++;
                else
                        verb = verbs_find(o->args[i]);
        }
        *ret_words_behind = n;
        return verb;
}

int verb_candidates(Cli *cli)
{
        const Options *o = cli->opt;
        const char *word = o->n_args > 0 ? o->args[o->n_args - 1] : "";
        size_t behind;
        const Verb *verb = find_verb(o, &behind);
        const char *value = NULL;
        const OptSpec *valued = o->n_args > 0 ? find_valued(o, verb, &value) : NULL;

        if (valued)
                offer_values(cli, valued, value);
        else if (word[0] == '-')
                offer_options(cli, word, verb);
        else if (!verb)
                offer_verbs(cli, word);
        else if (verb->run == verb_help)
                offer_verbs(cli, word);
        else if (verb->run == verb_cred && behind == 0)
                offer_actions(cli, word);
        else if (verb->run == verb_notify && behind > 0)
                out_line(&cli->out, ":files");
        else if (verb_takes_job(verb, behind))
                offer_jobs(cli, word);
        else if (verb->run == verb_get || verb->run == verb_put || verb->run == verb_add)
                out_line(&cli->out, ":files");
        return STATUS_OK;
}
