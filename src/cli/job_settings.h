/* SPDX-License-Identifier: Apache-2.0 */
/* The options that change properties of a job: for create, get and set alike. */
#pragma once

#include "bits_native.h"

#include "cli.h"

/* Options that make no sense together; gives STATUS_USAGE with a message, or 0. `has_job` is true
 * when there is a job already whose proxy may go on as it is. */
int job_settings_check(const Cli *cli, bool has_job);
/* The name is one that can be given to a job, and asked for later; else a message and its status.
 */
int job_name_check(const Cli *cli, const char *name);
/* Number of properties the options would change. */
size_t job_settings_count(const Options *o);
/* Applies what was given to the job; every refusal has its message. Gives the worst status. */
int job_settings_apply(Cli *cli, const bits_job_info *job);
/* The same of --reply and --reply-optional, for create and set; put has its own way. */
int job_settings_check_reply(const Cli *cli);
int job_settings_apply_reply(Cli *cli, const bits_job_info *job);
