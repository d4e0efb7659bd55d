/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

int rig_setup_bare(void **state)
{
        Rig *rig = mem_new(Rig);

        assert_non_null(rig);
        (void) snprintf(rig->dir, sizeof(rig->dir), "/tmp/bits-api-XXXXXX");
        assert_non_null(mkdtemp(rig->dir));
        (void) snprintf(rig->socket, sizeof(rig->socket), "%s/socket", rig->dir);
        assert_int_equal(setenv("BITSD_SOCKET", rig->socket, 1), 0);
        assert_int_equal(setenv("BITSD_AUTOSTART", "0", 1), 0);
        assert_int_equal(unsetenv("BITSD_PATH"), 0);
        *state = rig;
        return 0;
}

int rig_setup(void **state)
{
        Rig *rig;

        (void) rig_setup_bare(state);
        rig = *state;
        rig->fake = fake_start(rig->socket);
        assert_hr(bits_connect(NULL, &rig->client), S_OK);
        return 0;
}

static void remove_dir(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                (void) unlinkat(dirfd(dir), entry->d_name, 0);
        if (dir)
                (void) closedir(dir);
        (void) rmdir(path);
}

int rig_teardown(void **state)
{
        Rig *rig = *state;

        bits_disconnect(rig->client);
        if (rig->fake)
                fake_stop(rig->fake);
        remove_dir(rig->dir);
        mem_free(rig);
        return 0;
}

uint64_t rig_now_ms(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

unsigned rig_count_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        (void) closedir(dir);
        return n;
}
