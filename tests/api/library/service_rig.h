/* SPDX-License-Identifier: Apache-2.0 */
/* The real service in a directory of its own, started by the library, and an HTTP server that does
 * what the URL says. Programs and script come as arguments of the test. */
#pragma once

#define COBJMACROS
#include "bits.h"

#include "callback_object.h"
#include "rig.h"

typedef struct ServiceRig {
        char dir[64];
        char url[64]; /* http://127.0.0.1:PORT */
        pid_t server;
        int server_stdin;
        unsigned port;
        unsigned names; /* files given out so far */
        bool is_blocked;
        IBackgroundCopyManager *manager;
} ServiceRig;

/* argv[1] is bitsd, argv[2] the server's script. False: nothing to test with. */
bool service_rig_arguments(int argc, char **argv);
int service_rig_setup(void **state);
int service_rig_teardown(void **state);

/* A path in the rig's directory that nobody has used. */
void service_rig_path(ServiceRig *s, char *path, size_t bytes);
/* GET of a path of the server that steers it ("_open?gate=a"). */
void service_rig_steer(ServiceRig *s, const char *path);
pid_t service_rig_pid(ServiceRig *s);
/* SIGKILL, and waits until nobody listens. */
void service_rig_kill(ServiceRig *s);

/* A job without files. */
IBackgroundCopyJob2 *service_job(ServiceRig *s, GUID *ret_id);
/* Adds SERVER/f?QUERY under a new name; `path` (of PATH_BYTES) gets the name. */
enum { PATH_BYTES = 128 };
void service_job_add(ServiceRig *s, IBackgroundCopyJob2 *job, const char *query, char *path);
BG_JOB_STATE service_job_state(IBackgroundCopyJob2 *job);
void service_job_wait(IBackgroundCopyJob2 *job, BG_JOB_STATE wanted);
/* A job with one file that stands in a state; the file's path in `path` unless NULL. */
IBackgroundCopyJob2 *service_job_in(ServiceRig *s, BG_JOB_STATE wanted, GUID *ret_id, char *path);
/* Size of a file, -1 when it is not there. */
long service_file_size(const char *path);
