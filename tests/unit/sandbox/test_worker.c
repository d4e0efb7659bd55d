/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker that strangers have taken over could still do: each attempt in a process that has
 * gone through the same doors as bitsd-worker. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "transfer/iface.h"
#include "transfer/lan_meter.h"
#include "transfer/sandbox.h"
#include "../../fakes/skip_test.h"
#include "walled.h"

#define SOMEBODY 12345
#define PATH_BYTES 128

typedef struct Place {
        char dir[PATH_BYTES];   /* everybody's */
        char state[PATH_BYTES]; /* the directory with queue, key and lock */
        char key[PATH_BYTES];
        int lock_fd;
        bool hidden; /* is the state directory to be hidden from the next child? */
        pid_t bystander;
} Place;

static void enter(void *ctx)
{
        Place *p = ctx;

        if (p->hidden)
                sandbox_hide_state(p->lock_fd);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_enter() < 0)
                _exit(WALLED_BROKEN);
}

static int outcome(long r)
{
        return r < 0 ? errno : 0;
}

static int try_with(Place *p, int (*attempt)(void *ctx), bool hidden, uid_t uid)
{
        p->hidden = hidden;
        return walled_try(&(Walled){.enter = enter, .attempt = attempt, .ctx = p, .uid = uid});
}

static int try_it(Place *p, int (*attempt)(void *ctx))
{
        return try_with(p, attempt, false, (uid_t) -1);
}

/* ---- what ends it ---- */

static int run_a_program(void *ctx)
{
        return outcome(execl("/bin/true", "true", NULL));
}

static int run_a_descriptor(void *ctx)
{
        int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
        char *const none[] = {NULL};

        return outcome(syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH));
}

static int look_into_a_process(void *ctx)
{
        return outcome(ptrace(PTRACE_ATTACH, ((Place *) ctx)->bystander, NULL, NULL));
}

static int read_the_memory_of_a_process(void *ctx)
{
        return outcome(
                syscall(SYS_process_vm_readv, ((Place *) ctx)->bystander, NULL, 0, NULL, 0, 0));
}

static int mount_something(void *ctx)
{
        return outcome(mount("tmpfs", "/mnt", "tmpfs", 0, NULL));
}

static int unmount_what_hides(void *ctx)
{
        return outcome(umount2(((Place *) ctx)->state, MNT_DETACH));
}

static int load_a_program_for_the_kernel(void *ctx)
{
        return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static void hostile_calls_end_the_process(void **state)
{
        static int (*const HOSTILE[])(void *) = {
                run_a_program,
                run_a_descriptor,
                look_into_a_process,
                mount_something,
                unmount_what_hides,
                load_a_program_for_the_kernel,
                read_the_memory_of_a_process,
        };

        for (size_t i = 0; i < sizeof(HOSTILE) / sizeof(HOSTILE[0]); i++)
                assert_int_equal(try_it(*state, HOSTILE[i]), WALLED_KILLED);
}

/* ---- what is refused ---- */

static int start_a_process(void *ctx)
{
        return outcome(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int make_a_namespace(void *ctx)
{
        return outcome(unshare(CLONE_NEWUSER));
}

static int signal_a_process(void *ctx)
{
        return outcome(kill(((Place *) ctx)->bystander, SIGKILL));
}

static int signal_a_thread_of_a_process(void *ctx)
{
        pid_t pid = ((Place *) ctx)->bystander;

        return outcome(syscall(SYS_tgkill, pid, pid, SIGKILL));
}

static int write_code(void *ctx)
{
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);

        return p == MAP_FAILED ? errno : 0;
}

static int make_memory_code(void *ctx)
{
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return outcome(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int open_a_raw_socket(void *ctx)
{
        return outcome(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int see_all_packets(void *ctx)
{
        return outcome(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int be_told_by_the_audit(void *ctx)
{
        return outcome(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
}

static int wait_for_visitors(void *ctx)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return fd < 0 ? 0 : outcome(listen(fd, 1));
}

static int type_on_the_terminal(void *ctx)
{
        return outcome(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int put_a_key(void *ctx)
{
        return outcome(syscall(SYS_add_key, "user", "x", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int drop_the_keyring(void *ctx)
{
        return outcome(syscall(SYS_keyctl, KEYCTL_CLEAR, KEY_SPEC_USER_KEYRING, 0, 0, 0));
}

static int be_dumpable(void *ctx)
{
        return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int be_somebody_else(void *ctx)
{
        return outcome(syscall(SYS_setresuid, SOMEBODY, SOMEBODY, SOMEBODY));
}

static int make_a_device(void *ctx)
{
        return outcome(syscall(SYS_mknodat, AT_FDCWD, "/tmp/x", S_IFIFO | 0600, 0));
}

static int use_the_ring(void *ctx)
{
        return outcome(syscall(SYS_io_uring_setup, 1, NULL));
}

static void other_calls_are_refused(void **state)
{
        static int (*const REFUSED[])(void *) = {
                start_a_process,
                make_a_namespace,
                signal_a_process,
                write_code,
                make_memory_code,
                open_a_raw_socket,
                see_all_packets,
                be_told_by_the_audit,
                wait_for_visitors,
                put_a_key,
                type_on_the_terminal,
                drop_the_keyring,
                be_dumpable,
                be_somebody_else,
                make_a_device,
                use_the_ring,
                signal_a_thread_of_a_process,
        };
        Place *p = *state;

        for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
                assert_int_equal(try_it(p, REFUSED[i]), EPERM);
        assert_int_equal(kill(p->bystander, 0), 0);
}

static int call_from_the_future(void *ctx)
{
        return outcome(syscall(500, 0));
}

static int clone3_is_there(void *ctx)
{
        return outcome(syscall(SYS_clone3, NULL, 0));
}

/* The C library then takes the older way; EPERM would be an answer. */
static void newer_calls_look_as_if_the_kernel_were_older(void **state)
{
        assert_int_equal(try_it(*state, call_from_the_future), ENOSYS);
        assert_int_equal(try_it(*state, clone3_is_there), ENOSYS);
}

/* ---- files ---- */

static int read_the_key(void *ctx)
{
        return outcome(open(((Place *) ctx)->key, O_RDONLY | O_CLOEXEC));
}

static int read_the_key_through_the_lock(void *ctx)
{
        return outcome(openat(((Place *) ctx)->lock_fd, "../vault.key", O_RDONLY | O_CLOEXEC));
}

/* Another process of this user sees the directory; its root leads there. */
static int read_the_key_through_a_process(void *ctx)
{
        Place *p = ctx;
        char path[2 * PATH_BYTES];

        (void) snprintf(path, sizeof(path), "/proc/%d/root%s", (int) p->bystander, p->key);
        return outcome(open(path, O_RDONLY | O_CLOEXEC));
}

static int put_a_key_file(void *ctx)
{
        Place *p = ctx;
        char path[2 * PATH_BYTES];

        (void) snprintf(path, sizeof(path), "%s/new", p->state);
        return outcome(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int use_the_lock(void *ctx)
{
        return outcome(ftruncate(((Place *) ctx)->lock_fd, 0));
}

static void check_hidden(Place *p, uid_t uid)
{
        if (!walled_has_namespaces(uid))
                SKIP_TEST("no mount namespaces here");
        assert_int_equal(try_with(p, read_the_key, false, uid), 0); /* else nothing is shown */
        assert_int_equal(try_with(p, read_the_key, true, uid), uid == 0 ? ENOENT : EACCES);
        assert_int_not_equal(try_with(p, read_the_key_through_the_lock, true, uid), 0);
        assert_int_not_equal(try_with(p, put_a_key_file, true, uid), 0);
        assert_int_equal(try_with(p, use_the_lock, true, uid), 0);
}

static void the_vault_key_cannot_be_opened(void **state)
{
        check_hidden(*state, geteuid());
}

static void nor_by_a_user_without_rights(void **state)
{
        Place *p = *state;

        if (geteuid() != 0)
                SKIP_TEST("only root can be somebody else");
        assert_int_equal(chown(p->state, SOMEBODY, SOMEBODY), 0);
        assert_int_equal(chown(p->key, SOMEBODY, SOMEBODY), 0);
        check_hidden(p, SOMEBODY);
}

static void nor_through_another_process(void **state)
{
        if (!walled_has_landlock() || !walled_has_namespaces((uid_t) -1))
                SKIP_TEST("no Landlock, or no mount namespaces here");
        assert_int_equal(try_with(*state, read_the_key_through_a_process, true, (uid_t) -1),
                         EACCES);
}

static int work_with_files(void *ctx)
{
        Place *p = ctx;
        char a[2 * PATH_BYTES], b[2 * PATH_BYTES], sub[2 * PATH_BYTES];
        int fd;

        (void) snprintf(a, sizeof(a), "%s/a", p->dir);
        (void) snprintf(sub, sizeof(sub), "%s/sub", p->dir);
        (void) snprintf(b, sizeof(b), "%s/sub/b", p->dir);
        fd = open(a, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || mkdir(sub, 0700) < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) < 0 ||
            fallocate(fd, 0, 0, 4096) < 0 || fchmod(fd, 0644) < 0 || syncfs(fd) < 0 ||
            rename(a, b) < 0 || unlink(b) < 0)
                return errno;
        return 0;
}

/* The way to a peer, and what the neighbours move. */
static int ask_the_kernel(void *ctx)
{
        LanMeter *meter;
        uint64_t moved[2];
        int fd = iface_open();
        int r = fd < 0 ? fd : lan_meter_new(1, &meter);

        if (r >= 0)
                r = lan_meter_find_nets(meter, fd);
        if (r >= 0)
                r = lan_meter_read(meter, 0, moved);
        return r < 0 ? -r : 0;
}

static void *in_a_thread(void *arg)
{
        return arg;
}

/* What resolver, curl and Kerberos are made of. */
static int use_the_network(void *ctx)
{
        const struct sockaddr_in nowhere = {
                .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        struct addrinfo *found = NULL;
        pthread_t thread;
        int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (pthread_create(&thread, NULL, in_a_thread, NULL) != 0 ||
            pthread_join(thread, NULL) != 0)
                return EAGAIN;
        if (getaddrinfo("localhost", "80", NULL, &found) != 0)
                return ENOENT;
        freeaddrinfo(found);
        if (sendto(udp, "x", 1, 0, (const struct sockaddr *) &nowhere, sizeof(nowhere)) != 1)
                return errno;
        if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) < 0 &&
            errno == EPERM)
                return errno;
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int abort_as_ever(void *ctx)
{
        abort();
}

static void what_a_transfer_needs_works(void **state)
{
        Place *p = *state;

        assert_int_equal(try_it(p, work_with_files), 0);
        assert_int_equal(try_it(p, use_the_network), 0);
        assert_int_equal(try_it(p, ask_the_kernel), 0);
        assert_int_equal(try_it(p, abort_as_ever), WALLED_BROKEN); /* SIGABRT, not SIGSYS */
        assert_int_equal(rmdir(strcat(strcpy((char[2 *PATH_BYTES]){0}, p->dir), "/sub")), 0);
}

/* A container or service manager that forbids walls of our own: the worker works without them. */
static void enter_where_walls_are_forbidden(void *ctx)
{
        scmp_filter_ctx outer = seccomp_init(SCMP_ACT_ALLOW);
        static const int FORBIDDEN[] = {
                SCMP_SYS(seccomp),
                SCMP_SYS(landlock_create_ruleset),
                SCMP_SYS(unshare),
                SCMP_SYS(mount),
        };

        if (!outer || seccomp_rule_add(outer, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
                                       SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP)) < 0)
                _exit(WALLED_BROKEN);
        for (size_t i = 0; i < sizeof(FORBIDDEN) / sizeof(FORBIDDEN[0]); i++)
                if (seccomp_rule_add(outer, SCMP_ACT_ERRNO(EPERM), FORBIDDEN[i], 0) < 0)
                        _exit(WALLED_BROKEN);
        if (seccomp_load(outer) < 0)
                _exit(WALLED_BROKEN);
        seccomp_release(outer);
        ((Place *) ctx)->hidden = true;
        enter(ctx);
}

static void where_there_can_be_no_walls_it_works_without(void **state)
{
        const Walled w = {
                .enter = enter_where_walls_are_forbidden,
                .attempt = read_the_key,
                .ctx = *state,
                .uid = (uid_t) -1,
        };

        assert_int_equal(walled_try(&w), 0);
}

static int setup(void **state)
{
        static Place p;
        char lock[2 * PATH_BYTES];
        int fd;

        p = (Place){.bystander = fork()};
        if (p.bystander == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void) pause();
        }
        (void) strcpy(p.dir, "/tmp/test-sandbox-XXXXXX");
        if (!mkdtemp(p.dir) || chmod(p.dir, 0711) < 0)
                return -1;
        (void) snprintf(p.state, sizeof(p.state), "%.90s/state", p.dir);
        (void) snprintf(p.key, sizeof(p.key), "%.100s/vault.key", p.state);
        (void) snprintf(lock, sizeof(lock), "%s/lock", p.state);
        if (mkdir(p.state, 0700) < 0)
                return -1;
        fd = open(p.key, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        p.lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || p.lock_fd < 0)
                return -1;
        (void) close(fd);
        *state = &p;
        return 0;
}

static int teardown(void **state)
{
        Place *p = *state;
        char lock[2 * PATH_BYTES];

        (void) snprintf(lock, sizeof(lock), "%s/lock", p->state);
        (void) kill(p->bystander, SIGKILL);
        (void) waitpid(p->bystander, NULL, 0);
        (void) close(p->lock_fd);
        (void) unlink(lock);
        (void) unlink(p->key);
        (void) rmdir(p->state);
        return rmdir(p->dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hostile_calls_end_the_process),
                cmocka_unit_test(other_calls_are_refused),
                cmocka_unit_test(newer_calls_look_as_if_the_kernel_were_older),
                cmocka_unit_test(the_vault_key_cannot_be_opened),
                cmocka_unit_test(nor_by_a_user_without_rights),
                cmocka_unit_test(nor_through_another_process),
                cmocka_unit_test(what_a_transfer_needs_works),
                cmocka_unit_test(where_there_can_be_no_walls_it_works_without),
        };

#ifdef SANDBOX_LEFT_OUT
        (void) printf("1..0 # SKIP sanitized builds have no sandbox\n");
        return 0;
#endif
        return cmocka_run_group_tests(tests, setup, teardown);
}
