/* SPDX-License-Identifier: Apache-2.0 */
/* What get and put share: a job that is made, started, followed to its end, and thrown away when
 * it cannot even be started. */
#pragma once

#include "bits_native.h"

#include "cli.h"
#include "login.h"
#include "signals.h"

enum {
        ONE_SHOT_NAME_BYTES = 256, /* no more UTF-16 units than bytes: the API's limit */
};

typedef struct OneShot {
        Cli *cli;
        const char *what;    /* "get", "send": names the undertaking in messages */
        const char *go_on;   /* what else to run when the job is resumed by hand; NULL */
        Signals *signals;    /* borrowed, watched already */
        bool keeps;          /* does not complete itself: somebody completes it */
        Logins *logins;      /* borrowed; wiped as soon as the job has them */
        bits_job_info job;   /* id, type, name (borrowed) and priority are of use */
        bits_job_info *last; /* as last heard, after one_shot_run(); NULL when nothing was */
        bool dropped;        /* could not be started and was thrown away */
} OneShot;

void one_shot_done(OneShot *s);
/* Options that make no sense together. */
int one_shot_check(const Cli *cli);
/* Each prints its message and gives the status. Of these the first makes the job, the second
 * applies the options to it. */
int one_shot_create(OneShot *s);
int one_shot_prepare(OneShot *s);
/* Tells of the job, starts it and, unless detached, follows it to its end. */
int one_shot_run(OneShot *s);
/* Throws the job away and gives the status of what failed before. */
int one_shot_drop(OneShot *s, int status);
