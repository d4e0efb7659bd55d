/* SPDX-License-Identifier: Apache-2.0 */
/* Processes as tests of programs look at them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"

enum { PROCESS_WAIT_MSEC = 5000 };

/* A line that a program wrote; 0 when it is no number. */
static inline pid_t process_number(const char *text)
{
        uint32_t pid;

        return parse_u32(text, &pid) == 0 ? (pid_t) pid : 0;
}

/* Not there any more, or dead and waiting for init to notice. */
static inline bool process_is_dead(pid_t pid)
{
        _cleanup_free_ char *path = mem_printf("/proc/%d/stat", (int) pid);
        _cleanup_free_ char *stat = NULL;
        const char *state;

        assert_non_null(path);
        if (fd_read_file(path, 4096, &stat) < 0)
                return true;
        state = strrchr(stat, ')');
        return state && (state[2] == 'Z' || state[2] == 'X');
}

/* A killed process needs a moment: the test asks until then, and fails when it never is. */
static inline void assert_process_ends(pid_t pid)
{
        const struct timespec moment = {.tv_nsec = 1000000};

        assert_true(pid > 0);
        for (int i = 0; i < PROCESS_WAIT_MSEC; i++) {
                if (process_is_dead(pid))
                        return;
                (void) nanosleep(&moment, NULL);
        }
        fail_msg("process %d is still there", (int) pid);
}

static inline int limit_descriptors(rlim_t n)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -1;
        limit.rlim_cur = MIN(n, limit.rlim_max);
        return setrlimit(RLIMIT_NOFILE, &limit);
}
