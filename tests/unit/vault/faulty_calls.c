/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The linker sends the calls of the program's own objects here (--wrap). */
int __real_openat64(int dir, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t bytes);
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __real_unlinkat(int dir, const char *path, int flags);
void *__real_sodium_malloc(size_t bytes);

int __wrap_openat64(int dir, const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_unlinkat(int dir, const char *path, int flags);
void *__wrap_sodium_malloc(size_t bytes);

static struct {
        unsigned countdown;
        FaultKind kind;
        int error;
        bool struck;
        char trace[4096];
        unsigned memory_countdown;
        bool memory_struck;
        bool no_renameat2;
} faults;

void faults_arm(unsigned n, FaultKind kind, int error)
{
        faults.countdown = n;
        faults.kind = kind;
        faults.error = error;
        faults.struck = false;
        faults.trace[0] = '\0';
}

bool faults_struck(void)
{
        return faults.struck;
}

const char *faults_trace(void)
{
        return faults.trace;
}

void faults_arm_memory(unsigned n)
{
        faults.memory_countdown = n;
        faults.memory_struck = false;
}

bool faults_memory_struck(void)
{
        return faults.memory_struck;
}

void faults_no_renameat2(bool on)
{
        faults.no_renameat2 = on;
}

static bool strikes(const char *call)
{
        size_t len = strlen(faults.trace);

        (void) snprintf(faults.trace + len, sizeof(faults.trace) - len, "%s ", call);
        if (faults.countdown == 0 || --faults.countdown > 0)
                return false;
        if (faults.kind == FAULT_CRASH)
                _exit(CRASH_STATUS);
        faults.struck = true;
        errno = faults.error;
        return true;
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
        mode_t mode = 0;
        va_list ap;

        if (!(flags & O_CREAT))
                return __real_openat64(dir, path, flags);
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
        return strikes("create") ? -1 : __real_openat64(dir, path, flags, mode);
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
        if (!strikes("write"))
                return __real_write(fd, data, bytes);
        /* A full disk takes half of it. */
        if (bytes > 1)
                (void) !__real_write(fd, data, bytes / 2);
        errno = faults.error;
        return -1;
}

int __wrap_fsync(int fd)
{
        return strikes("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_fchmod(int fd, mode_t mode)
{
        return strikes("fchmod") ? -1 : __real_fchmod(fd, mode);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
        return strikes("rename") ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
        if (faults.no_renameat2) {
                errno = EINVAL;
                return -1;
        }
        return strikes("rename2") ? -1 : __real_renameat2(from_dir, from, to_dir, to, flags);
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
        return strikes("unlink") ? -1 : __real_unlinkat(dir, path, flags);
}

void *__wrap_sodium_malloc(size_t bytes)
{
        if (faults.memory_countdown > 0 && --faults.memory_countdown == 0) {
                faults.memory_struck = true;
                return NULL;
        }
        return __real_sodium_malloc(bytes);
}
