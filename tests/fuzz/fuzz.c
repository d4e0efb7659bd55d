/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

#define WALK_FDS 16

void fuzz_broken(const char *rule, const char *file, int line)
{
        (void) fprintf(stderr, "%s:%d: broken: %s\n", file, line, rule);
        abort();
}

uint8_t fuzz_u8(FuzzInput *in)
{
        if (in->left == 0)
                return 0;
        in->left--;
        return *in->data++;
}

unsigned fuzz_below(FuzzInput *in, unsigned n)
{
        return fuzz_u8(in) % n;
}

uint64_t fuzz_number(FuzzInput *in)
{
        unsigned bytes = fuzz_below(in, 9);
        uint64_t v = 0;

        for (unsigned i = 0; i < bytes; i++)
                v |= (uint64_t) fuzz_u8(in) << (8 * i);
        return v;
}

static char *copy(FuzzInput *in, size_t bytes)
{
        char *text = mem_alloc(bytes + 1);

        FUZZ_CHECK(text);
        if (bytes > 0)
                memcpy(text, in->data, bytes);
        text[bytes] = '\0';
        in->data += bytes;
        in->left -= bytes;
        return text;
}

char *fuzz_line(FuzzInput *in, size_t max_bytes)
{
        const uint8_t *end = in->left > 0 ? memchr(in->data, '\n', in->left) : NULL;
        size_t bytes = end ? (size_t) (end - in->data) : in->left;
        char *text = copy(in, bytes < max_bytes ? bytes : max_bytes);

        if (in->left > 0 && *in->data == '\n')
                (void) fuzz_u8(in);
        return text;
}

char *fuzz_rest(FuzzInput *in)
{
        return copy(in, in->left);
}

/* ---- files ---- */

static char directory[PATH_MAX];
static pid_t directory_owner;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        if (ftw->level > 0)
                (void) remove(path);
        return 0;
}

void fuzz_empty_directory(void)
{
        (void) nftw(fuzz_directory(), remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS);
}

static void remove_directory(void)
{
        if (getpid() != directory_owner)
                return;
        fuzz_empty_directory();
        (void) rmdir(directory);
}

const char *fuzz_directory(void)
{
        const char *tmp = getenv("TMPDIR");

        if (*directory)
                return directory;
        if (!tmp || *tmp != '/')
                tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        (void) snprintf(directory, sizeof(directory), "%s/bitsd-fuzz-XXXXXX", tmp);
        FUZZ_CHECK(mkdtemp(directory));
        directory_owner = getpid();
        FUZZ_CHECK(atexit(remove_directory) == 0);
        return directory;
}

const char *fuzz_file(const char *leaf, const void *data, size_t bytes)
{
        static char path[PATH_MAX + NAME_MAX];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", fuzz_directory(), leaf);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        FUZZ_CHECK(fd >= 0);
        FUZZ_CHECK(bytes == 0 || write(fd, data, bytes) == (ssize_t) bytes);
        FUZZ_CHECK(close(fd) == 0);
        return path;
}

/* ---- libFuzzer's entry, and replay.c's ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        log_setup("fuzz", LOG_CRIT); /* complaints are what bad input gets */
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
        fuzz_run(data, bytes);
        return 0;
}
