/* SPDX-License-Identifier: Apache-2.0 */
#include "autostart.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hresult.h"
#include "base/str.h"
#include "last_message.h"
#include "link.h"
#include "spawn.h"

enum {
        RETRY_FIRST_MS = 2, /* pauses between tries to connect double from here … */
        RETRY_MAX_MS = 64,
        RESPAWN_AFTER_MS = 1000, /* the instance we made way for may have been a dying one */
        ARGS_MAX = 8,
};

/* Variables about the program's own relation to its service manager: the service must not answer
 * in the program's name, nor take sockets that were meant for it. */
static const char *const private_variables[] = {
        "NOTIFY_SOCKET=", "LISTEN_PID=",    "LISTEN_FDS=",     "LISTEN_FDNAMES=",
        "WATCHDOG_PID=",  "WATCHDOG_USEC=", "JOURNAL_STREAM=",
};

static bool is_program(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* dir + "/" + rest when that is a program; 0, -ENOENT or -ENOMEM. */
static int try_beside(const char *dir, const char *rest, char **ret)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", dir, rest);

        if (!path)
                return -ENOMEM;
        if (!is_program(path))
                return -ENOENT;
        *ret = TAKE_PTR(path);
        return 0;
}

/* Installed in PREFIX/lib or PREFIX/lib/TRIPLET, or in a build tree. */
static int find_beside_library(char **ret)
{
        static const char *const places[] = {"../bin/bitsd", "../../bin/bitsd", "../daemon/bitsd"};
        char path[PATH_MAX];
        Dl_info info;
        char *slash;

        if (dladdr((void *) find_beside_library, &info) == 0 || !info.dli_fname ||
            !realpath(info.dli_fname, path))
                return -ENOENT;
        slash = strrchr(path, '/');
        if (!slash)
                return -ENOENT;
        *slash = '\0';
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                int r = try_beside(path, places[i], ret);

                if (r != -ENOENT)
                        return r;
        }
        return -ENOENT;
}

static int find_beside_executable(char **ret)
{
        char path[PATH_MAX];
        ssize_t bytes = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;

        if (bytes <= 0)
                return -ENOENT;
        path[bytes] = '\0';
        slash = strrchr(path, '/');
        if (!slash)
                return -ENOENT;
        *slash = '\0';
        return try_beside(path, "bitsd", ret);
}

/* Caller owns *ret. -ENOENT when there is none. */
static int find_program(char **ret)
{
        const char *given = secure_getenv("BITSD_PATH");
        int r;

        if (given && *given) {
                char path[PATH_MAX]; /* absolute: the service starts in / */

                if (!is_program(given) || !realpath(given, path))
                        return -ENOENT;
                *ret = mem_strdup(path);
                return *ret ? 0 : -ENOMEM;
        }
        r = find_beside_library(ret);
        if (r == -ENOENT)
                r = find_beside_executable(ret);
        if (r != -ENOENT)
                return r;
        if (!is_program(BITSD_PROGRAM))
                return -ENOENT;
        *ret = mem_strdup(BITSD_PROGRAM);
        return *ret ? 0 : -ENOMEM;
}

static bool is_private_variable(const char *variable)
{
        for (size_t i = 0; i < ARRAY_LEN(private_variables); i++)
                if (str_starts_with(variable, private_variables[i]))
                        return true;
        return false;
}

/* Caller frees the array, not the strings. NULL when out of memory. */
static char **make_environment(void)
{
        size_t n = 0, kept = 0;
        char **env;

        while (environ && environ[n])
                n++;
        env = mem_array(n + 1, sizeof(*env));
        if (!env)
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (!is_private_variable(environ[i]))
                        env[kept++] = environ[i];
        return env;
}

static int start_program(const Endpoint *e, const char *program, unsigned timeout_ms, SpawnEnd *ret)
{
        _cleanup_free_ char **env = make_environment();
        char *argv[ARGS_MAX];
        char ready_fd[12];
        size_t n = 0;

        if (!env)
                return -ENOMEM;
        argv[n++] = (char *) "bitsd";
        argv[n++] = (char *) "--user";
        argv[n++] = (char *) "--if-needed";
        if (e->is_explicit) {
                argv[n++] = (char *) "--socket";
                argv[n++] = e->socket;
        }
        if (timeout_ms > 0) {
                (void) snprintf(ready_fd, sizeof(ready_fd), "%d", SPAWN_READY_FD);
                argv[n++] = (char *) "--ready-fd";
                argv[n++] = ready_fd;
        }
        argv[n] = NULL;
        return spawn_detached(program, argv, env, timeout_ms, ret);
}

static void pause_ms(unsigned ms)
{
        struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long) (ms % 1000) * 1000000};

        (void) nanosleep(&t, NULL);
}

static bool is_nobody(int r)
{
        return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR;
}

/* Tries until somebody accepts or the time is up; the last error otherwise. */
static int connect_until(const Endpoint *e, uint64_t until_mono, int *ret_fd)
{
        unsigned pause = RETRY_FIRST_MS;

        for (;;) {
                int r = endpoint_connect(e, ret_fd);

                if (r >= 0 || (!is_nobody(r) && r != -EAGAIN) ||
                    clock_mono_usec(&CLOCK_SYSTEM) >= until_mono)
                        return r;
                pause_ms(pause);
                pause = MIN(pause * 2, RETRY_MAX_MS);
        }
}

static HRESULT connect_result(const Endpoint *e, int r)
{
        if (r >= 0)
                return S_OK;
        if (r == -ENOMEM)
                return E_OUTOFMEMORY;
        if (r == -EPERM) {
                last_message_format("another user listens on %s", e->socket);
                return E_ACCESSDENIED;
        }
        last_message_format("%s: %s", e->socket, strerrordesc_np(-r));
        return r == -EACCES ? E_ACCESSDENIED : HR_UNAVAILABLE;
}

static HRESULT start_and_connect(const Endpoint *e, const char *program, int *ret_fd)
{
        uint64_t now = clock_mono_usec(&CLOCK_SYSTEM);
        uint64_t deadline = now + AUTOSTART_TIMEOUT_MS * USEC_PER_MSEC, until;
        SpawnEnd end;
        int r;

        do {
                unsigned left_ms = (unsigned) ((deadline - now) / USEC_PER_MSEC) + 1;

                r = start_program(e, program, left_ms, &end);
                if (r < 0) {
                        last_message_format("%s: %s", program, strerrordesc_np(-r));
                        return r == -ENOMEM ? E_OUTOFMEMORY : HR_UNAVAILABLE;
                }
                now = clock_mono_usec(&CLOCK_SYSTEM);
                until = end.outcome == SPAWN_LEFT ? now + RESPAWN_AFTER_MS * USEC_PER_MSEC : now;
                r = connect_until(e, MIN(until, deadline), ret_fd);
                if (!is_nobody(r))
                        return connect_result(e, r);
                now = clock_mono_usec(&CLOCK_SYSTEM);
        } while (end.outcome == SPAWN_LEFT && now < deadline);

        if (end.outcome == SPAWN_FAILED && *end.why)
                last_message_format("%s could not start: %s", program, end.why);
        else if (end.outcome == SPAWN_FAILED)
                last_message_format("%s could not start (exit status %d)", program, end.status);
        else
                last_message_format("%s did not start to listen on %s", program, e->socket);
        return HR_UNAVAILABLE;
}

HRESULT autostart_connect(const Endpoint *e, int *ret_fd)
{
        _cleanup_free_ char *program = NULL;
        int r;

        r = endpoint_connect(e, ret_fd);
        if (r == -EAGAIN) /* its queue of callers is full */
                r = connect_until(e, clock_mono_usec(&CLOCK_SYSTEM) + e->timeout_usec, ret_fd);
        if (!is_nobody(r))
                return connect_result(e, r);
        if (!e->autostart) {
                last_message_format("nobody listens on %s, and starting the service is off",
                                    e->socket);
                return HR_DISABLED;
        }
        r = find_program(&program);
        if (r == -ENOMEM)
                return E_OUTOFMEMORY;
        if (r < 0) {
                last_message_set("the program bitsd is not installed (BITSD_PATH can name it)");
                return HR_UNAVAILABLE;
        }
        return start_and_connect(e, program, ret_fd);
}

void autostart_spawn(const Endpoint *e)
{
        _cleanup_free_ char *program = NULL;
        SpawnEnd end;

        if (find_program(&program) >= 0 && start_program(e, program, 0, &end) < 0)
                last_message_format("%s could not be started", program);
}
