/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: makes the n-th call of a kind fail in a real program, as a test says through the page
 * of fault_control.h. Every call is passed on otherwise. Counts memory that is not freed. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fault_control.h"

#define EXPORT __attribute__((visibility("default")))
enum { FRAMES = 16, EARLY_BYTES = 65536 };

static FaultControl nowhere;
static FaultControl *control = &nowhere;
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

/* Until dlsym() has found the real allocator, which may itself want memory. Never freed. */
static char early[EARLY_BYTES] __attribute__((aligned(16)));
static size_t early_used;

static bool is_early(const void *p)
{
        return (const char *) p >= early && (const char *) p < early + EARLY_BYTES;
}

static void *early_alloc(size_t bytes)
{
        void *p = early + early_used;

        if (bytes > EARLY_BYTES - 16 - early_used)
                abort();
        early_used += (bytes + 15) & ~(size_t) 15;
        return p;
}

static void *real_of(const char *name)
{
        void *p = dlsym(RTLD_NEXT, name);

        if (!p)
                abort();
        return p;
}

/* The real function of that name, looked up once. */
#define REAL(type, name)                                                                           \
        static type real_fn;                                                                       \
        if (!real_fn)                                                                              \
        real_fn = (type) real_of(name)

static void note_where(const char *what)
{
        void *frames[FRAMES];
        int n = backtrace(frames, FRAMES);
        size_t used = 0;

        (void) snprintf(control->what, sizeof(control->what), "%s", what);
        control->where[0] = '\0';
        for (int i = 2; i < n; i++) {
                Dl_info info;
                const char *name;

                if (dladdr(frames[i], &info) == 0 || !info.dli_fname)
                        continue;
                name = strrchr(info.dli_fname, '/');
                used += (size_t) snprintf(control->where + used, sizeof(control->where) - used,
                                          "%s+0x%zx ", name ? name + 1 : info.dli_fname,
                                          (size_t) ((char *) frames[i] - (char *) info.dli_fbase));
                if (used >= sizeof(control->where))
                        return;
        }
}

/* Counts a call; true when it has to fail. */
static bool strikes(FaultKind kind, const char *what)
{
        FaultControl *c = control;
        uint64_t call;

        if (inside || !__atomic_load_n(&c->armed, __ATOMIC_ACQUIRE) || c->kind != kind)
                return false;
        call = __atomic_add_fetch(&c->calls, 1, __ATOMIC_RELAXED);
        if (c->nth == 0 || call < c->nth || (call > c->nth && !c->lasting))
                return false;
        inside = true;
        if (__atomic_add_fetch(&c->fired, 1, __ATOMIC_RELAXED) == 1)
                note_where(what);
        inside = false;
        errno = c->error;
        return true;
}

static void count_live(int change)
{
        if (!inside)
                (void) __atomic_add_fetch(&control->live, change, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void begin(void)
{
        const char *dir = getenv("FAULT_DIR");
        void *frames[2], *page;
        char path[512];
        int fd;

        if (!dir)
                return;
        inside = true;
        (void) backtrace(frames, 2); /* loads what it needs now */
        (void) snprintf(path, sizeof(path), "%s/%s", dir, program_invocation_short_name);
        fd = (int) syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
        if (fd >= 0) {
                page = mmap(NULL, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                (void) syscall(SYS_close, fd);
                if (page != MAP_FAILED) {
                        control = page;
                        control->live = 0;
                        (void) __atomic_add_fetch(&control->loaded, 1, __ATOMIC_RELAXED);
                }
        }
        inside = false;
}

/* ---- memory ---- */

typedef void *(*AllocFn)(size_t);
typedef void *(*CallocFn)(size_t, size_t);
typedef void *(*ReallocFn)(void *, size_t);
typedef void (*FreeFn)(void *);
typedef int (*MemalignFn)(void **, size_t, size_t);

static AllocFn real_malloc;
static CallocFn real_calloc;
static ReallocFn real_realloc;
static FreeFn real_free;
static bool finding;

static bool allocator_is_known(void)
{
        if (real_free)
                return true;
        if (finding)
                return false;
        finding = true;
        real_malloc = (AllocFn) real_of("malloc");
        real_calloc = (CallocFn) real_of("calloc");
        real_realloc = (ReallocFn) real_of("realloc");
        real_free = (FreeFn) real_of("free");
        return true;
}

EXPORT void *malloc(size_t bytes)
{
        void *p;

        if (!allocator_is_known())
                return early_alloc(bytes);
        if (strikes(FAULT_ALLOC, "malloc"))
                return NULL;
        p = real_malloc(bytes);
        if (p)
                count_live(1);
        return p;
}

EXPORT void *calloc(size_t n, size_t bytes)
{
        void *p;

        if (!allocator_is_known())
                return early_alloc(n * bytes);
        if (strikes(FAULT_ALLOC, "calloc"))
                return NULL;
        p = real_calloc(n, bytes);
        if (p)
                count_live(1);
        return p;
}

EXPORT void *realloc(void *old, size_t bytes)
{
        void *p;

        if (!allocator_is_known())
                abort();
        if (bytes > 0 && strikes(FAULT_ALLOC, "realloc"))
                return NULL;
        if (is_early(old)) {
                size_t left = (size_t) (early + EARLY_BYTES - (char *) old);

                p = real_malloc(bytes);
                if (p)
                        memcpy(p, old, bytes < left ? bytes : left);
                return p;
        }
        p = real_realloc(old, bytes);
        if (p && !old)
                count_live(1);
        if (!p && old && bytes == 0)
                count_live(-1);
        return p;
}

EXPORT void *reallocarray(void *old, size_t n, size_t bytes)
{
        size_t total;

        if (__builtin_mul_overflow(n, bytes, &total)) {
                errno = ENOMEM;
                return NULL;
        }
        return realloc(old, total);
}

EXPORT int posix_memalign(void **ret, size_t align, size_t bytes)
{
        int r;
        REAL(MemalignFn, "posix_memalign");

        if (strikes(FAULT_ALLOC, "posix_memalign"))
                return ENOMEM;
        r = real_fn(ret, align, bytes);
        if (r == 0)
                count_live(1);
        return r;
}

EXPORT void *aligned_alloc(size_t align, size_t bytes)
{
        void *p;
        REAL(CallocFn, "aligned_alloc");

        if (strikes(FAULT_ALLOC, "aligned_alloc"))
                return NULL;
        p = real_fn(align, bytes);
        if (p)
                count_live(1);
        return p;
}

EXPORT void free(void *p)
{
        if (!p || is_early(p) || !allocator_is_known() || strikes(FAULT_FREE, "free"))
                return;
        count_live(-1);
        real_free(p);
}

/* ---- descriptors: what a call is about depends on what stands behind the number ---- */

static FaultKind kind_of(int fd, FaultKind file, FaultKind local, FaultKind net)
{
        int saved = errno, domain = 0;
        socklen_t bytes = sizeof(domain);
        FaultKind kind = FAULT_NONE;
        struct stat st;

        if (!control->armed)
                return FAULT_NONE;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0)
                kind = domain == AF_UNIX ? local : domain == AF_NETLINK ? FAULT_NONE : net;
        else if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
                kind = file;
        errno = saved;
        return kind;
}

static bool read_strikes(int fd, const char *what)
{
        FaultKind kind = kind_of(fd, FAULT_READ, FAULT_RECV, FAULT_NET_RECV);

        return kind != FAULT_NONE && strikes(kind, what);
}

static bool write_strikes(int fd, const char *what)
{
        FaultKind kind = kind_of(fd, FAULT_WRITE, FAULT_SEND, FAULT_NET_SEND);

        return kind != FAULT_NONE && strikes(kind, what);
}

/* PARAMS and ARGS in parentheses; WHEN is what makes it fail, PRETENDED what it gives when it is to
 * look well. */
#define PASS(ret, name, params, args, pretended, when)                                             \
        EXPORT ret name params;                                                                    \
        EXPORT ret name params                                                                     \
        {                                                                                          \
                REAL(__typeof__(&name), #name);                                                    \
                if (when)                                                                          \
                        return control->error ? -1 : (ret) (pretended);                            \
                return real_fn args;                                                               \
        }

PASS(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), n, read_strikes(fd, "read"))
PASS(ssize_t, __read_chk, (int fd, void *p, size_t n, size_t room), (fd, p, n, room), n,
     read_strikes(fd, "read"))
PASS(ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), n,
     read_strikes(fd, "pread"))
PASS(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n), 0,
     read_strikes(fd, "readv"))
PASS(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags), n,
     read_strikes(fd, "recv"))
PASS(ssize_t, __recv_chk, (int fd, void *p, size_t n, size_t room, int flags),
     (fd, p, n, room, flags), n, read_strikes(fd, "recv"))
PASS(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), 0,
     read_strikes(fd, "recvmsg"))
PASS(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), n, write_strikes(fd, "write"))
PASS(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), n,
     write_strikes(fd, "pwrite"))
PASS(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), 0,
     write_strikes(fd, "writev"))
PASS(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), n,
     write_strikes(fd, "send"))
PASS(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), 0,
     write_strikes(fd, "sendmsg"))
PASS(ssize_t, sendfile, (int out, int in, off_t *at, size_t n), (out, in, at, n), n,
     write_strikes(out, "sendfile"))
PASS(ssize_t, copy_file_range,
     (int in, off64_t *at, int out, off64_t *to, size_t n, unsigned flags),
     (in, at, out, to, n, flags), n, write_strikes(out, "copy_file_range"))

PASS(int, fsync, (int fd), (fd), 0, strikes(FAULT_SYNC, "fsync"))
PASS(int, fdatasync, (int fd), (fd), 0, strikes(FAULT_SYNC, "fdatasync"))
PASS(int, syncfs, (int fd), (fd), 0, strikes(FAULT_SYNC, "syncfs"))

PASS(int, rename, (const char *from, const char *to), (from, to), 0,
     strikes(FAULT_RENAME, "rename"))
PASS(int, renameat, (int fd, const char *from, int to_fd, const char *to), (fd, from, to_fd, to), 0,
     strikes(FAULT_RENAME, "renameat"))
PASS(int, renameat2, (int fd, const char *from, int to_fd, const char *to, unsigned flags),
     (fd, from, to_fd, to, flags), 0, strikes(FAULT_RENAME, "renameat2"))
PASS(int, linkat, (int fd, const char *from, int to_fd, const char *to, int flags),
     (fd, from, to_fd, to, flags), 0, strikes(FAULT_RENAME, "linkat"))

PASS(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), 0,
     strikes(FAULT_FALLOCATE, "fallocate"))
PASS(int, ftruncate, (int fd, off_t n), (fd, n), 0, strikes(FAULT_TRUNCATE, "ftruncate"))
PASS(int, unlink, (const char *name), (name), 0, strikes(FAULT_UNLINK, "unlink"))
PASS(int, unlinkat, (int fd, const char *name, int flags), (fd, name, flags), 0,
     strikes(FAULT_UNLINK, "unlinkat"))

PASS(int, socket, (int domain, int type, int protocol), (domain, type, protocol), 0,
     strikes(FAULT_FD, "socket"))
PASS(int, socketpair, (int domain, int type, int protocol, int ret[2]),
     (domain, type, protocol, ret), 0, strikes(FAULT_FD, "socketpair"))
PASS(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags), 0,
     strikes(FAULT_FD, "accept4"))
PASS(int, pipe2, (int ret[2], int flags), (ret, flags), 0, strikes(FAULT_FD, "pipe2"))
PASS(int, epoll_create1, (int flags), (flags), 0, strikes(FAULT_FD, "epoll_create1"))
PASS(int, eventfd, (unsigned value, int flags), (value, flags), 0, strikes(FAULT_FD, "eventfd"))
PASS(int, timerfd_create, (int clock, int flags), (clock, flags), 0,
     strikes(FAULT_FD, "timerfd_create"))

PASS(int, close, (int fd), (fd), 0, strikes(FAULT_CLOSE, "close"))

/* The test wants to look at the descriptors of a program that lets nobody look. */
EXPORT int prctl(int option, ...)
{
        typedef int (*Fn)(int, ...);
        REAL(Fn, "prctl");
        unsigned long a[4];
        va_list ap;

        va_start(ap, option);
        for (size_t i = 0; i < 4; i++)
                a[i] = va_arg(ap, unsigned long);
        va_end(ap);
        if (option == PR_SET_DUMPABLE && control != &nowhere)
                return 0;
        return real_fn(option, a[0], a[1], a[2], a[3]);
}

EXPORT ssize_t recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *from, socklen_t *len)
{
        typedef ssize_t (*Fn)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
        REAL(Fn, "recvfrom");

        return read_strikes(fd, "recvfrom") ? -1 : real_fn(fd, p, n, flags, from, len);
}

EXPORT ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
                      socklen_t len)
{
        typedef ssize_t (*Fn)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
        REAL(Fn, "sendto");

        return write_strikes(fd, "sendto") ? -1 : real_fn(fd, p, n, flags, to, len);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n)
{
        typedef int (*Fn)(int, off_t, off_t);
        REAL(Fn, "posix_fallocate");

        return strikes(FAULT_FALLOCATE, "posix_fallocate") ? control->error : real_fn(fd, at, n);
}

/* ---- opening: the mode is there only when a file may be made ---- */

static mode_t mode_of(int flags, va_list ap)
{
        return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

EXPORT int open(const char *name, int flags, ...)
{
        typedef int (*Fn)(const char *, int, ...);
        REAL(Fn, "open");
        va_list ap;
        mode_t mode;

        va_start(ap, flags);
        mode = mode_of(flags, ap);
        va_end(ap);
        return strikes(FAULT_OPEN, "open") ? -1 : real_fn(name, flags, mode);
}

EXPORT int openat(int fd, const char *name, int flags, ...)
{
        typedef int (*Fn)(int, const char *, int, ...);
        REAL(Fn, "openat");
        va_list ap;
        mode_t mode;

        va_start(ap, flags);
        mode = mode_of(flags, ap);
        va_end(ap);
        return strikes(FAULT_OPEN, "openat") ? -1 : real_fn(fd, name, flags, mode);
}

EXPORT int __open_2(const char *name, int flags);
EXPORT int __open_2(const char *name, int flags)
{
        return open(name, flags);
}

EXPORT int __openat_2(int fd, const char *name, int flags);
EXPORT int __openat_2(int fd, const char *name, int flags)
{
        return openat(fd, name, flags);
}

/* glibc has a second set of names for files over 2 GiB, which are the same functions here. Programs
 * and libraries use either; defined by name, since the headers map one to the other. */
#define ALSO(name64, name)                                                                         \
        EXPORT __typeof__(name) fault_##name64 __asm__(#name64) __attribute__((alias(#name)));
ALSO(open64, open)
ALSO(openat64, openat)
ALSO(pread64, pread)
ALSO(pwrite64, pwrite)
ALSO(fallocate64, fallocate)
ALSO(posix_fallocate64, posix_fallocate)
ALSO(ftruncate64, ftruncate)
ALSO(sendfile64, sendfile)

/* What has no wrapper in glibc 2.36. */
EXPORT long syscall(long number, ...)
{
        typedef long (*Fn)(long, ...);
        REAL(Fn, "syscall");
        long a[6];
        va_list ap;

        va_start(ap, number);
        for (size_t i = 0; i < 6; i++)
                a[i] = va_arg(ap, long);
        va_end(ap);
        if ((number == SYS_openat2 && strikes(FAULT_OPEN, "openat2")) ||
            (number == SYS_io_submit && strikes(FAULT_SYNC, "io_submit")) ||
            (number == SYS_renameat2 && strikes(FAULT_RENAME, "renameat2")))
                return -1;
        return real_fn(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- SQLite: a transaction that cannot be committed ---- */

typedef struct sqlite3_stmt sqlite3_stmt;

EXPORT int sqlite3_step(sqlite3_stmt *stmt);
EXPORT int sqlite3_step(sqlite3_stmt *stmt)
{
        typedef int (*StepFn)(sqlite3_stmt *);
        typedef const char *(*SqlFn)(sqlite3_stmt *);
        static SqlFn sql_of;
        REAL(StepFn, "sqlite3_step");
        const char *sql;

        if (!sql_of)
                sql_of = (SqlFn) real_of("sqlite3_sql");
        sql = sql_of(stmt);
        if (sql && strncmp(sql, "COMMIT", 6) == 0 && strikes(FAULT_COMMIT, "sqlite3_step COMMIT"))
                return control->error;
        return real_fn(stmt);
}
