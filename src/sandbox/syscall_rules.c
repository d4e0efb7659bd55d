/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the build: compiles the lists of system calls to BPF with libseccomp, and writes
 * them to the standard output as C. At run time libseccomp would not do: when memory runs out while
 * it compiles it may turn for ever, crash, or say that all is well and load a part of the list. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

#include "sandbox/syscall_program.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define WORD 0xffffffffULL /* arguments that the kernel takes for 32 bits */

/* Calls that came after the headers we are built with, on all architectures: a C library that is
 * newer than those tries them and has an older way. */
#define FIRST_NEW_CALL 452
#define END_OF_NEW_CALLS 512

#ifdef __s390__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

#ifndef SOCK_TYPE_MASK
#define SOCK_TYPE_MASK 0xf
#endif

#define CLONE_NEW_ANY                                                                              \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
         CLONE_NEWPID | CLONE_NEWNET)

#define CALL(name) SCMP_SYS(name)

typedef struct Policy {
        const char *name;
        bool listens;       /* listen and accept */
        bool spawns;        /* starts programs, waits for them and ends them */
        bool kernel_aio;    /* io_submit and its kin */
        bool lists_sockets; /* of the machine, over netlink, as /proc/net/tcp does */
        bool reads_keyring; /* Kerberos tickets in the kernel's keyring; nothing is put there */
} Policy;

static const Policy POLICIES[] = {
        {.name = "WORKER_CALLS", .lists_sockets = true, .reads_keyring = true},
        {.name = "SERVER_CALLS", .listens = true, .spawns = true, .kernel_aio = true},
};

/* A number that this architecture does not have is skipped by libseccomp. */
static const int ALLOWED[] = {
        /* memory */
        CALL(brk),
        CALL(munmap),
        CALL(mremap),
        CALL(madvise),
        CALL(mlock),
        CALL(mlock2),
        CALL(munlock),
        CALL(msync),
        CALL(mincore),
        CALL(membarrier),
        CALL(memfd_create),
        /* threads and signals of this process */
        CALL(futex),
        CALL(futex_waitv),
        CALL(set_robust_list),
        CALL(get_robust_list),
        CALL(rseq),
        CALL(set_tid_address),
        CALL(exit),
        CALL(exit_group),
        CALL(sched_yield),
        CALL(sched_getaffinity),
        CALL(getcpu),
        CALL(rt_sigaction),
        CALL(rt_sigprocmask),
        CALL(rt_sigreturn),
        CALL(sigreturn),
        CALL(rt_sigtimedwait),
        CALL(rt_sigpending),
        CALL(rt_sigsuspend),
        CALL(sigaltstack),
        CALL(restart_syscall),
        CALL(pause),
        /* who and where we are */
        CALL(gettid),
        CALL(getpid),
        CALL(getppid),
        CALL(getpgrp),
        CALL(getpgid),
        CALL(getsid),
        CALL(getuid),
        CALL(geteuid),
        CALL(getgid),
        CALL(getegid),
        CALL(getresuid),
        CALL(getresgid),
        CALL(getgroups),
        CALL(capget),
        CALL(uname),
        CALL(sysinfo),
        CALL(getrusage),
        CALL(getrlimit),
        CALL(ugetrlimit),
        CALL(getpriority),
        CALL(getcwd),
        CALL(umask),
        /* time and randomness */
        CALL(clock_gettime),
        CALL(clock_getres),
        CALL(clock_nanosleep),
        CALL(gettimeofday),
        CALL(time),
        CALL(times),
        CALL(nanosleep),
        CALL(getrandom),
        CALL(timerfd_create),
        CALL(timerfd_settime),
        CALL(timerfd_gettime),
        CALL(clock_gettime64),
        CALL(clock_nanosleep_time64),
        CALL(clock_getres_time64),
        CALL(futex_time64),
        /* descriptors */
        CALL(read),
        CALL(write),
        CALL(readv),
        CALL(writev),
        CALL(pread64),
        CALL(pwrite64),
        CALL(preadv),
        CALL(pwritev),
        CALL(preadv2),
        CALL(pwritev2),
        CALL(lseek),
        CALL(_llseek),
        CALL(close),
        CALL(close_range),
        CALL(dup),
        CALL(dup2),
        CALL(dup3),
        CALL(fcntl),
        CALL(fcntl64),
        CALL(pipe),
        CALL(pipe2),
        CALL(eventfd2),
        CALL(signalfd4),
        CALL(epoll_create1),
        CALL(epoll_ctl),
        CALL(epoll_wait),
        CALL(epoll_pwait),
        CALL(epoll_pwait2),
        CALL(poll),
        CALL(ppoll),
        CALL(select),
        CALL(_newselect),
        CALL(pselect6),
        CALL(inotify_init1),
        CALL(inotify_add_watch),
        CALL(inotify_rm_watch),
        CALL(splice),
        CALL(tee),
        CALL(sendfile),
        CALL(copy_file_range),
        /* files */
        CALL(open),
        CALL(openat),
        CALL(openat2),
        CALL(stat),
        CALL(lstat),
        CALL(fstat),
        CALL(newfstatat),
        CALL(statx),
        CALL(stat64),
        CALL(lstat64),
        CALL(fstat64),
        CALL(fstatat64),
        CALL(access),
        CALL(faccessat),
        CALL(faccessat2),
        CALL(readlink),
        CALL(readlinkat),
        CALL(getdents),
        CALL(getdents64),
        CALL(statfs),
        CALL(fstatfs),
        CALL(statfs64),
        CALL(fstatfs64),
        CALL(mkdir),
        CALL(mkdirat),
        CALL(rename),
        CALL(renameat),
        CALL(renameat2),
        CALL(link),
        CALL(linkat),
        CALL(unlink),
        CALL(unlinkat),
        CALL(chmod),
        CALL(fchmod),
        CALL(fchmodat),
        CALL(chown),
        CALL(fchown),
        CALL(fchownat),
        CALL(utimensat),
        CALL(futimesat),
        CALL(flock),
        CALL(fallocate),
        CALL(ftruncate),
        CALL(ftruncate64),
        CALL(truncate),
        CALL(fsync),
        CALL(fdatasync),
        CALL(sync_file_range),
        CALL(syncfs),
        CALL(fadvise64),
        CALL(fadvise64_64),
        CALL(readahead),
        CALL(getxattr),
        CALL(fgetxattr),
        CALL(lgetxattr),
        CALL(fsetxattr),
        CALL(fremovexattr),
        CALL(listxattr),
        CALL(flistxattr),
        CALL(llistxattr),
        /* sockets; which kinds: below */
        CALL(socketpair),
        CALL(connect),
        CALL(bind),
        CALL(getsockname),
        CALL(getpeername),
        CALL(getsockopt),
        CALL(setsockopt),
        CALL(shutdown),
        CALL(sendto),
        CALL(sendmsg),
        CALL(sendmmsg),
        CALL(recvfrom),
        CALL(recvmsg),
        CALL(recvmmsg),
        CALL(send),
        CALL(recv),
};

static const int LISTENING[] = {CALL(listen), CALL(accept), CALL(accept4)};

static const int SPAWNING[] = {CALL(execve), CALL(vfork),     CALL(wait4),
                               CALL(waitid), CALL(kill),      CALL(pidfd_open),
                               CALL(chdir),  CALL(prlimit64), CALL(arch_prctl)};

static const int KERNEL_AIO[] = {CALL(io_setup),      CALL(io_submit), CALL(io_getevents),
                                 CALL(io_pgetevents), CALL(io_cancel), CALL(io_destroy)};

/* No library that we use comes here by itself. */
static const int HOSTILE[] = {
        CALL(execve),
        CALL(execveat),
        CALL(ptrace),
        CALL(process_vm_readv),
        CALL(process_vm_writev),
        CALL(pidfd_getfd),
        CALL(bpf),
        CALL(perf_event_open),
        CALL(userfaultfd),
        CALL(mount),
        CALL(umount),
        CALL(umount2),
        CALL(move_mount),
        CALL(open_tree),
        CALL(fsopen),
        CALL(fsmount),
        CALL(mount_setattr),
        CALL(pivot_root),
        CALL(chroot),
        CALL(init_module),
        CALL(finit_module),
        CALL(delete_module),
        CALL(kexec_load),
        CALL(kexec_file_load),
        CALL(swapon),
        CALL(swapoff),
        CALL(reboot),
        CALL(open_by_handle_at),
        CALL(iopl),
        CALL(ioperm),
        CALL(personality),
};

/* Reading, of tickets that are there: KEYRING: caches are what Fedora and its kin are set to. */
static const uint64_t KEYRING_READS[] = {KEYCTL_GET_KEYRING_ID, KEYCTL_DESCRIBE, KEYCTL_SEARCH,
                                         KEYCTL_READ, KEYCTL_GET_PERSISTENT};

/* What C library, curl and resolver ask of descriptors; not TIOCSTI, which types for others. */
static const uint64_t IOCTLS[] = {TCGETS,       FIONREAD,        FIONBIO,     FIOCLEX,
                                  FIONCLEX,     TIOCGWINSZ,      TIOCOUTQ,    FICLONE,
                                  FICLONERANGE, FS_IOC_GETFLAGS, SIOCGIFCONF, SIOCGIFNAME,
                                  SIOCGIFINDEX, SIOCGIFFLAGS,    SIOCGIFADDR};

static const uint64_t PRCTLS[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_SECCOMP,
                                  PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, 0x53564d41 /* naming of
                                  memory, by newer C libraries */};

static int allow_all(scmp_filter_ctx ctx, const int *calls, size_t n)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
        return r;
}

/* Where argument `arg` is one of these numbers of 32 bits. */
static int allow_values(scmp_filter_ctx ctx, int call, unsigned arg, const uint64_t *values,
                        size_t n)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
                                     SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, WORD, values[i]));
        return r;
}

/* Plug-ins of resolver and Kerberos are loaded, so that code may be mapped; never what can be
 * written to. */
static int allow_memory(scmp_filter_ctx ctx)
{
        static const int MAPS[] = {CALL(mmap), CALL(mmap2)};
        int r = 0;

        for (size_t i = 0; r == 0 && i < LEN(MAPS); i++) {
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, MAPS[i], 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
                if (r == 0)
                        r = seccomp_rule_add(
                                ctx, SCMP_ACT_ALLOW, MAPS[i], 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
        }
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        return r;
}

/* Threads; processes only for who spawns. clone3 hides its flags from us, so it is not there. */
static int allow_clone(scmp_filter_ctx ctx, bool spawns)
{
        uint64_t mask = CLONE_NEW_ANY | (spawns ? 0 : CLONE_THREAD);
        uint64_t wanted = spawns ? 0 : CLONE_THREAD;
        int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);

        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(clone), 1,
                                     SCMP_CMP(CLONE_FLAGS_ARG, SCMP_CMP_MASKED_EQ, mask, wanted));
        return r;
}

/* abort() and the C library's own signals. A child of ours has a number that is not known yet;
 * Landlock keeps the signals of those in the family. */
static int allow_own_signals(scmp_filter_ctx ctx, bool spawns)
{
        if (spawns)
                return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(tgkill), 0);
        return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(tgkill), 1,
                                SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, SYSCALL_OWN_PID));
}

/* Streams and datagrams over IP and Unix sockets. */
static int allow_sockets(scmp_filter_ctx ctx)
{
        static const uint64_t FAMILIES[] = {AF_INET, AF_INET6, AF_UNIX};
        static const uint64_t TYPES[] = {SOCK_STREAM, SOCK_DGRAM};
        int r = 0;

        for (size_t i = 0; r == 0 && i < LEN(FAMILIES) * LEN(TYPES); i++)
                r = seccomp_rule_add(
                        ctx, SCMP_ACT_ALLOW, CALL(socket), 2,
                        SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, FAMILIES[i / LEN(TYPES)]),
                        SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, TYPES[i % LEN(TYPES)]));
        return r;
}

static int allow_netlink(scmp_filter_ctx ctx, uint64_t protocol)
{
        return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(socket), 2,
                                SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, AF_NETLINK),
                                SCMP_A2(SCMP_CMP_MASKED_EQ, WORD, protocol));
}

static int allow_common(scmp_filter_ctx ctx, const Policy *p)
{
        int r = allow_all(ctx, ALLOWED, LEN(ALLOWED));

        if (r == 0)
                r = allow_memory(ctx);
        if (r == 0)
                r = allow_clone(ctx, p->spawns);
        if (r == 0)
                r = allow_own_signals(ctx, p->spawns);
        if (r == 0)
                r = allow_sockets(ctx);
        if (r == 0) /* the kernel's list of addresses and routes */
                r = allow_netlink(ctx, NETLINK_ROUTE);
        if (r == 0)
                r = allow_values(ctx, CALL(ioctl), 1, IOCTLS, LEN(IOCTLS));
        if (r == 0)
                r = allow_values(ctx, CALL(prctl), 0, PRCTLS, LEN(PRCTLS));
        if (r == 0 && !p->spawns) /* limits are read, not set */
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(prlimit64), 1,
                                     SCMP_A2(SCMP_CMP_EQ, 0));
        return r;
}

static int allow_asked(scmp_filter_ctx ctx, const Policy *p)
{
        int r = 0;

        if (p->listens)
                r = allow_all(ctx, LISTENING, LEN(LISTENING));
        if (r == 0 && p->spawns)
                r = allow_all(ctx, SPAWNING, LEN(SPAWNING));
        if (r == 0 && p->kernel_aio)
                r = allow_all(ctx, KERNEL_AIO, LEN(KERNEL_AIO));
        if (r == 0 && p->lists_sockets)
                r = allow_netlink(ctx, NETLINK_SOCK_DIAG);
        if (r == 0 && p->reads_keyring)
                r = allow_values(ctx, CALL(keyctl), 0, KEYRING_READS, LEN(KEYRING_READS));
        return r;
}

static int refuse(scmp_filter_ctx ctx, const Policy *p)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < LEN(HOSTILE); i++)
                if (HOSTILE[i] != CALL(execve) || !p->spawns)
                        r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, HOSTILE[i], 0);
        for (int call = FIRST_NEW_CALL; r == 0 && call < END_OF_NEW_CALLS; call++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), call, 0);
        return r;
}

static int add_rules(scmp_filter_ctx ctx, const Policy *p)
{
        int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

        if (r == 0)
                r = allow_common(ctx, p);
        if (r == 0)
                r = allow_asked(ctx, p);
        return r == 0 ? refuse(ctx, p) : r;
}

/* ---- writing it down ---- */

/* How often the own process is named, or negative errno. */
static int write_steps(FILE *in)
{
        struct sock_filter step;
        unsigned n = 0, pids = 0;

        for (; fread(&step, sizeof(step), 1, in) == 1; n++) {
                pids += step.k == SYSCALL_OWN_PID;
                (void) printf("        {0x%x, %u, %u, 0x%x},\n", step.code, step.jt, step.jf,
                              step.k);
        }
        return n == 0 || n > SYSCALL_PROGRAM_MAX ? -E2BIG : (int) pids;
}

static int write_program(const Policy *p)
{
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        FILE *file = tmpfile();
        int r = ctx && file ? add_rules(ctx, p) : -ENOMEM;

        if (r == 0)
                r = seccomp_export_bpf(ctx, fileno(file));
        if (r == 0) {
                rewind(file);
                (void) printf("static const struct sock_filter %s[] = {\n", p->name);
                r = write_steps(file);
                (void) printf("};\n");
        }
        if (r >= 0) /* only who spawns may signal others */
                r = r == (p->spawns ? 0 : 1) ? 0 : -EINVAL;
        if (ctx)
                seccomp_release(ctx);
        if (file)
                (void) fclose(file);
        return r;
}

int main(void)
{
        int r = seccomp_api_set(3); /* of what the program will run on, not of where it is built */

        for (size_t i = 0; r == 0 && i < LEN(POLICIES); i++)
                r = write_program(&POLICIES[i]);
        if (r == 0 && fflush(stdout) != 0)
                r = -errno;
        if (r < 0)
                (void) fprintf(stderr, "the list of system calls: error %d\n", -r);
        return r == 0 ? 0 : 1;
}
