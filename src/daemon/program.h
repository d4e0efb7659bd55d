/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a notification program on the event loop: its output as lines, its end, and the bound
 * of its time. When it ends, everything that still runs in its process group is killed; what left
 * the group is found by orphans.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "daemon/program_exec.h"

typedef struct Program Program;

typedef struct ProgramEnd {
        int32_t result; /* as JobStatus.program_result */
        bool timed_out; /* it was ended for having run too long */
        uint64_t duration_usec;
        uint64_t dropped_bytes; /* of its output */
} ProgramEnd;

typedef struct ProgramOptions {
        const char *path; /* absolute; this and the next two are used during the start only */
        char *const *argv;
        char *const *envp;
        uint64_t timeout_usec;                     /* then SIGTERM to its group … */
        uint64_t grace_usec;                       /* … and after this SIGKILL */
        void (*line)(void *ctx, const char *text); /* program_output.h */
        /* Once, from the loop. It may free the program. */
        void (*ended)(void *ctx, Program *p, const ProgramEnd *end);
        void *ctx;
} ProgramOptions;

/* 0 or negative errno. That the program itself cannot be started is told by `ended` too. */
_must_use_ int program_start(sd_event *loop, const ProgramOptions *options, Program **ret);
/* Kills its group when it still runs. */
Program *program_free(Program *p);
DEFINE_CLEANUP(Program *, program_free)

pid_t program_pid(const Program *p);
/* Asks its group to end: SIGTERM. */
void program_terminate(const Program *p);
/* Waits up to `msec` for its end, which `ended` is not told of. False when it still runs. */
bool program_wait(const Program *p, int msec);
