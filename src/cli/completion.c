/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates for the shell: "bitsctl __complete WORD…" prints what the last word may become, one a
 * line, or ":files" where a file name follows. It never starts the service and never waits long. */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#include "message.h"
#include "must.h"
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

        for (int id = 0; id < OPT_COUNT; id++) {
                const OptSpec *spec = options_spec((OptId) id);
                _cleanup_free_ char *text = NULL;

                if (!(bits & OPT_BIT(id)) || !spec->name)
                        continue;
                text = must(
                        mem_printf("--%s%s", spec->name, spec->arg == OPT_ARG_NEEDED ? "=" : ""));
                offer(cli, word, text);
        }
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

static bool verb_takes_job(const Verb *verb, size_t words_before)
{
        if (!strstr(verb->args, "JOB") && verb->run != verb_list)
                return false;
        return verb->max_args == VERB_ARGS_ANY || words_before == 0;
}

/* The first word that is no option. */
static const Verb *find_verb(const Options *o, size_t *ret_words_behind)
{
        const Verb *verb = NULL;
        size_t n = 0;

        for (size_t i = 0; i + 1 < o->n_args; i++) {
                if (o->args[i][0] == '-')
                        continue;
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

        if (word[0] == '-')
                offer_options(cli, word, verb);
        else if (!verb)
                offer_verbs(cli, word);
        else if (verb->run == verb_help)
                offer_verbs(cli, word);
        else if (verb_takes_job(verb, behind))
                offer_jobs(cli, word);
        else if (verb->run == verb_get || verb->run == verb_add)
                out_line(&cli->out, ":files");
        return STATUS_OK;
}
