/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker_path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

static bool is_program(const char *path)
{
        struct stat st;

        return path_is_absolute(path) && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
               access(path, X_OK) == 0;
}

static int take_program(const char *path, char **ret)
{
        if (!is_program(path))
                return -ENOENT;
        *ret = mem_strdup(path);
        return *ret ? 0 : -ENOMEM;
}

static int find_beside(const char *dir, char **ret)
{
        static const char *const places[] = {
                "bitsd-worker",
                "../libexec/bitsd/bitsd-worker",
                "../transfer/bitsd-worker",
        };

        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                _cleanup_free_ char *path = mem_printf("%s/%s", dir, places[i]);

                if (!path)
                        return -ENOMEM;
                if (is_program(path)) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        return -ENOENT;
}

int worker_path_find(char **ret)
{
        const char *given = secure_getenv("BITSD_WORKER");
        char self[PATH_MAX];
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        ssize_t n;
        int r;

        if (given && *given) /* meant, so nothing else will do */
                return take_program(given, ret);
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n > 0) {
                self[n] = '\0';
                r = path_split(self, &dir, &leaf);
                if (r == 0)
                        r = find_beside(dir, ret);
                if (r != -ENOENT && r != -EINVAL)
                        return r;
        }
        return take_program(BITSD_WORKER_PROGRAM, ret);
}
