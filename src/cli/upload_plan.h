/* SPDX-License-Identifier: Apache-2.0 */
/* Which file goes to which address, and where the reply to it goes: checked as far as that can be
 * done before there is a job. */
#pragma once

#include <stdbool.h>

#include "bits_native.h"

#include "cli.h"

typedef struct UploadPlan {
        bits_file_spec file; /* absolute; the strings are owned by the plan */
        char *reply;         /* absolute; NULL: none was asked for */
        char *reply_dir;     /* made for this reply alone; NULL: it is the user's own */
} UploadPlan;

void upload_plan_done(UploadPlan *p);

/* Each prints its message and gives the status. An address that names a directory is completed
 * with the name of the file. */
int upload_plan_make(Cli *cli, UploadPlan *p, const char *path, const char *url);
/* The reply shall stand at `path`, which is not there yet (unless `force`) and is not the file
 * itself. */
int upload_plan_reply(Cli *cli, UploadPlan *p, const char *path, bool force);
/* The reply shall go through a directory that nobody else has. */
int upload_plan_private_reply(Cli *cli, UploadPlan *p);
/* Removes that directory and what is in it. */
void upload_plan_drop_reply(const UploadPlan *p);

/* The same for a job that was cancelled, known by the name of its reply: removes an empty directory
 * of that kind and nothing else. NULL is allowed. */
void reply_drop_private_place(const char *reply_name);

/* The absolute form of the path at which a reply shall stand; NULL after a message. */
char *reply_path_resolve(Cli *cli, const char *path, bool force);
