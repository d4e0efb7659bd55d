/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of bitsctl: one table with their words, options and functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"

typedef struct Verb {
        const char *name;
        const char *alias; /* NULL */
        const char *group; /* heading in the overview; NULL = not shown there */
        const char *args;  /* "JOB…" */
        const char *summary;
        uint64_t options; /* OPT_BITs beside the global ones */
        size_t min_args, max_args;
        int (*run)(Cli *cli);     /* gives the exit status */
        const char *const *notes; /* lines of the help text, NULL-terminated; may be NULL */
} Verb;

#define VERB_ARGS_ANY SIZE_MAX

/* All verbs, ended by one without a name. */
const Verb *verbs_table(void);
/* By name or alias; NULL when there is none. */
const Verb *verbs_find(const char *word);
/* The i-th action of cred, for completion; NULL behind the last. */
const char *cred_action(size_t i);
/* True for verbs that the conventions promise for later versions. */
bool verb_is_later(const char *word);
/* Says that there is no such verb, and which may have been meant. Gives STATUS_USAGE. */
int verbs_complain_unknown(const Out *out, const char *word);

int verb_list(Cli *cli);
int verb_show(Cli *cli);
int verb_files(Cli *cli);
int verb_status(Cli *cli);
int verb_top(Cli *cli);
int verb_create(Cli *cli);
int verb_add(Cli *cli);
int verb_set(Cli *cli);
int verb_cred(Cli *cli);
int verb_notify(Cli *cli);
int verb_resume(Cli *cli);
int verb_pause(Cli *cli);
int verb_complete(Cli *cli);
int verb_cancel(Cli *cli);
int verb_get(Cli *cli);
int verb_put(Cli *cli);
int verb_reply(Cli *cli);
int verb_log(Cli *cli);
int verb_wait(Cli *cli);
int verb_watch(Cli *cli);
int verb_help(Cli *cli);
int verb_version(Cli *cli);
int verb_candidates(Cli *cli); /* __complete */
