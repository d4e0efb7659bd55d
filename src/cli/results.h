/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs that something was done to: in text told one by one, in JSON as one document at the
 * end. */
#pragma once

#include "bits_native.h"

#include "cli.h"
#include "out_json.h"

typedef struct Results {
        Cli *cli;
        Json *json; /* NULL in text */
        Json *jobs;
} Results;

void results_init(Results *r, Cli *cli);
/* `result` is "paused" and the like. */
void results_add(Results *r, const bits_job_info *job, const char *result);
/* Prints the document and releases it. */
void results_print(Results *r);
