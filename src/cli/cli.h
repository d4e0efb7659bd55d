/* SPDX-License-Identifier: Apache-2.0 */
/* One run of bitsctl: the command line, the way of printing and the connection, which every verb is
 * given to work with. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bits_native.h"

#include "options.h"
#include "out.h"

typedef struct Cli {
        const Options *opt;
        Out out;
        bits_client *client; /* NULL until cli_connect() */
} Cli;

/* Runs one command line; argv without the program's name. Gives the exit status. */
int cli_run(Out *out, int argc, char *const *argv);

/* Connects unless that is done already; on failure the message is printed and the status is
 * given. */
int cli_connect(Cli *cli);
/* The same, but never starts the service. */
int cli_connect_running(Cli *cli);
void cli_connection_options(const Cli *cli, bits_options *ret);
/* For bits_jobs_list: with --all-users or not. */
uint32_t cli_list_flags(const Cli *cli);
/* The jobs as --all-users wants them; on failure the message is printed and the status given. */
int cli_list_jobs(Cli *cli, bits_job_list **ret);
/* The file that a job's error is about, as a list of one; NULL when there is none. */
bits_file_list *read_error_file(Cli *cli, const bits_job_info *job);
/* Asks on a terminal; otherwise only --yes will do. True: go on. False: *ret_status is set. */
bool cli_confirm(Cli *cli, const char *question, int *ret_status);
