/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/file_rules.h"
#include "sandbox/hidden_dir.h"
#include "sandbox/syscall_filter.h"

#define FD_NAME_BYTES 64

/* For a system whose resolver or Kerberos plug-ins need what the list does not have; and in builds
 * whose sanitizers do (src/sandbox/meson.build). */
static bool is_left_out(void)
{
#ifdef SANDBOX_LEFT_OUT
        return true;
#else
        const char *word = getenv("BITSD_WORKER_SANDBOX");

        return word && strcmp(word, "off") == 0;
#endif
}

void sandbox_hide_state(int lock_fd)
{
        char name[FD_NAME_BYTES], path[PATH_MAX];
        ssize_t n;
        char *slash;
        int r;

        if (is_left_out())
                return;
        (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", lock_fd);
        n = readlink(name, path, sizeof(path) - 1);
        if (n <= 0 || path[0] != '/')
                return; /* no lock: a test's worker */
        path[n] = '\0';
        slash = strrchr(path, '/');
        if (slash == path)
                return;
        *slash = '\0';
        r = hidden_dir_enter(path);
        if (r < 0)
                log_debug("worker: the state directory stays in sight: %s", strerror(-r));
}

/* Files and directories are all of the user's; making pipes, devices, links and sockets, and
 * running programs, is not part of a transfer. */
static int enter_file_rules(void)
{
        FileRules rules;
        int r = file_rules_new(&rules, FILE_RUNS | FILE_SOCKETS | FILE_SPECIALS, false);

        if (r != 0)
                return r;
        r = file_rules_add(&rules, "/", 0); /* renames between directories */
        if (r == 0)
                r = file_rules_enter(&rules);
        file_rules_done(&rules);
        return r;
}

int sandbox_enter(void)
{
        int r;

        if (is_left_out()) {
                log_debug("worker: no sandbox");
                return 0;
        }
        r = enter_file_rules();
        if (r < 0)
                return r;
        if (r > 0)
                log_debug("worker: this kernel has no Landlock");
        r = syscall_filter_enter(SYSCALLS_OF_WORKER);
        if (r > 0)
                log_debug("worker: system calls cannot be filtered here");
        return r < 0 ? r : 0;
}
