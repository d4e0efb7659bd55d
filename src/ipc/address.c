/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/address.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

#define SOCKET_MAX_BYTES (sizeof(((struct sockaddr_un *) 0)->sun_path) - 1)
#define PASSWD_FIRST_BYTES 1024
#define PASSWD_MAX_BYTES ((size_t) 1024 * 1024)

/* An empty variable counts as unset. A set-user-ID program does not let its caller choose. */
static const char *env(const char *name)
{
        const char *value = secure_getenv(name);

        return value && *value ? value : NULL;
}

/* The base-directory specification has relative paths ignored. */
static const char *env_dir(const char *name)
{
        const char *value = env(name);

        return value && path_is_absolute(value) ? value : NULL;
}

/* After `su` the variable often still names the directory of the user before. */
static bool is_dir_of(const char *path, uint32_t uid)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid;
}

static char *runtime_socket(uint32_t uid)
{
        const char *dir = env_dir("XDG_RUNTIME_DIR");
        char run[sizeof("/run/user/") + 10];

        if (dir && is_dir_of(dir, uid))
                return mem_printf("%s/bitsd/socket", dir);
        (void) snprintf(run, sizeof(run), "/run/user/%" PRIu32, uid);
        if (is_dir_of(run, uid))
                return mem_printf("%s/bitsd/socket", run);
        dir = env_dir("TMPDIR");
        return mem_printf("%s/bitsd-%" PRIu32 "/socket", dir ? dir : "/tmp", uid);
}

int address_user_socket(uint32_t uid, char **ret_path)
{
        const char *given = env("BITSD_SOCKET");
        _cleanup_free_ char *path = given ? mem_strdup(given) : runtime_socket(uid);

        if (!path)
                return -ENOMEM;
        if (strlen(path) > SOCKET_MAX_BYTES)
                return -ENAMETOOLONG;
        *ret_path = TAKE_PTR(path);
        return 0;
}

/* Caller owns *ret_home. -ENOENT when the user has no home directory. */
static int home_of(uint32_t uid, char **ret_home)
{
        _cleanup_free_ char *text = NULL;
        struct passwd pw, *found = NULL;
        size_t bytes = PASSWD_FIRST_BYTES;
        int r;

        for (;; bytes *= 2) {
                char *more = mem_realloc(text, bytes);

                if (!more)
                        return -ENOMEM;
                text = more;
                r = getpwuid_r(uid, &pw, text, bytes, &found);
                if (r != ERANGE || bytes >= PASSWD_MAX_BYTES)
                        break;
        }
        if (!found || !found->pw_dir || !path_is_absolute(found->pw_dir))
                return -ENOENT;
        *ret_home = mem_strdup(found->pw_dir);
        return *ret_home ? 0 : -ENOMEM;
}

static int default_state_dir(uint32_t uid, char **ret_path)
{
        const char *base = env_dir("XDG_STATE_HOME");
        const char *home = env_dir("HOME");
        _cleanup_free_ char *found = NULL;
        int r;

        if (base) {
                *ret_path = mem_printf("%s/bitsd", base);
                return *ret_path ? 0 : -ENOMEM;
        }
        if (!home) {
                r = home_of(uid, &found);
                if (r < 0)
                        return r;
                home = found;
        }
        *ret_path = mem_printf("%s/.local/state/bitsd", home);
        return *ret_path ? 0 : -ENOMEM;
}

int address_user_state_dir(uint32_t uid, char **ret_path)
{
        const char *given = env("BITSD_STATE_DIR");
        char *path = NULL;
        int r;

        if (!given) {
                r = default_state_dir(uid, &path);
                if (r < 0)
                        return r;
        } else {
                path = mem_strdup(given);
                if (!path)
                        return -ENOMEM;
        }
        *ret_path = path;
        return 0;
}
