/* SPDX-License-Identifier: Apache-2.0 */
/* From what a user calls a job to the job: its id, a unique beginning of the id (four digits or
 * more), its name when only one job has it, or a pattern (* ? [a-z]) of names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "bits_native.h"

#include "cli.h"

typedef struct Selection {
        bits_job_list *live;   /* NULL when only whole ids were given */
        bits_job_info **ended; /* jobs that are no longer in the list */
        size_t n_ended;
        const bits_job_info **jobs; /* the picked ones, in the order given, none twice */
        size_t count;
} Selection;

void selection_done(Selection *s);

/* Finds the jobs for all words; each word that fits none or several has its own message on
 * stderr. Gives the worst status; what was found is in *ret all the same. */
int select_jobs(Cli *cli, const char *const *words, size_t n_words, Selection *ret);
/* The same for a verb that takes exactly one job. */
int select_one(Cli *cli, const char *word, Selection *ret);

/* Digits (JOB_PREFIX_DIGITS or more) that tell each job from all others of the list. Caller owns
 * the array of list->count numbers. */
unsigned *select_prefix_digits(const bits_job_list *list, unsigned least);
/* A short unique beginning of the id, for commands in hints; asks the service. */
void select_short_prefix(Cli *cli, const GUID *id, char dst[37]);

bool word_is_pattern(const char *word);
/* Whether the word picks the job, be it as pattern, name or beginning of the id. */
bool job_fits(const bits_job_info *job, const char *word);
/* True when the word could be the beginning of an id: hexadecimal digits and dashes. */
bool word_is_id_prefix(const char *word, size_t *ret_digits);
