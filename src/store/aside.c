/* SPDX-License-Identifier: Apache-2.0 */
#include "store/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { NAMES_MAX = 1000 };

/* The database goes first. When a crash strikes before its log has followed, the next start finds
 * an orphaned log and sets that aside as well. */
static const char *const companions[] = {"", "-wal", "-journal", "-shm"};

static void companion_name(char dst[ASIDE_NAME_BYTES], const char *name, const char *suffix)
{
        (void) snprintf(dst, ASIDE_NAME_BYTES, "%s%s", name, suffix);
}

static bool exists(int dir_fd, const char *name)
{
        struct stat st;

        return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_content(int dir_fd, const char *name)
{
        struct stat st;

        return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

bool aside_is_orphaned(int dir_fd, const char *name)
{
        char other[ASIDE_NAME_BYTES];

        if (has_content(dir_fd, name))
                return false;
        companion_name(other, name, "-wal");
        if (has_content(dir_fd, other))
                return true;
        companion_name(other, name, "-journal");
        return has_content(dir_fd, other);
}

/* A name under which none of the files exists yet. */
static int choose_name(int dir_fd, const char *name, uint64_t wall_usec,
                       char ret_name[ASIDE_NAME_BYTES])
{
        time_t sec = (time_t) (wall_usec / USEC_PER_SEC);
        char stamp[32], base[ASIDE_NAME_BYTES], file[ASIDE_NAME_BYTES];
        struct tm tm;

        if (!gmtime_r(&sec, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
                return -ERANGE;
        for (unsigned i = 1; i <= NAMES_MAX; i++) {
                bool taken = false;
                int n;

                if (i == 1)
                        n = snprintf(base, sizeof(base), "%s.corrupt-%s", name, stamp);
                else
                        n = snprintf(base, sizeof(base), "%s.corrupt-%s-%u", name, stamp, i);
                if (n < 0 || (size_t) n + strlen("-journal") >= sizeof(base))
                        return -ENAMETOOLONG;
                for (size_t k = 0; k < ARRAY_LEN(companions); k++) {
                        companion_name(file, base, companions[k]);
                        taken = taken || exists(dir_fd, file);
                }
                if (!taken) {
                        memcpy(ret_name, base, sizeof(base));
                        return 0;
                }
        }
        return -EEXIST;
}

int aside_move(int dir_fd, const char *name, uint64_t wall_usec, char ret_name[ASIDE_NAME_BYTES])
{
        char base[ASIDE_NAME_BYTES] = "", from[ASIDE_NAME_BYTES], to[ASIDE_NAME_BYTES];
        int r;

        r = choose_name(dir_fd, name, wall_usec, base);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_LEN(companions); i++) {
                companion_name(from, name, companions[i]);
                companion_name(to, base, companions[i]);
                if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0)
                        continue;
                /* File systems without the flag: choose_name() has looked, and nobody else works
                 * in this directory. */
                if (errno == EINVAL && renameat(dir_fd, from, dir_fd, to) == 0)
                        continue;
                if (errno != ENOENT)
                        return -errno;
        }
        if (fsync(dir_fd) < 0)
                return -errno;
        memcpy(ret_name, base, sizeof(base));
        return 0;
}
