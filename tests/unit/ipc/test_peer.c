/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ipc/peer.h"

#define OTHER_ID 12345

static void the_other_end_of_a_pair_is_ourselves(void **state)
{
        int fds[2];
        Peer peer;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(peer_of_socket(fds[0], &peer), 0);
        assert_int_equal(peer.uid, geteuid());
        assert_int_equal(peer.gid, getegid());
        assert_int_equal(peer.pid, getpid());
        (void) close(fds[0]);
        (void) close(fds[1]);
}

/* A listening socket with a name that the kernel chooses. */
static int listen_somewhere(struct sockaddr_un *sa, socklen_t *len)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) sa, sizeof(sa->sun_family)), 0);
        *len = sizeof(*sa);
        assert_int_equal(getsockname(fd, (struct sockaddr *) sa, len), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void another_process_and_user_is_told_apart(void **state)
{
        struct sockaddr_un sa;
        socklen_t len;
        _cleanup_close_ int listen_fd = listen_somewhere(&sa, &len);
        bool is_root = geteuid() == 0;
        int status;
        Peer peer;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                char byte;

                if (is_root && (setgid(OTHER_ID) < 0 || setuid(OTHER_ID) < 0))
                        _exit(1);
                if (connect(fd, (struct sockaddr *) &sa, len) < 0)
                        _exit(2);
                _exit(read(fd, &byte, 1) == 0 ? 0 : 3); /* stays until it has been looked at */
        }
        {
                _cleanup_close_ int fd = accept(listen_fd, NULL, NULL);

                assert_true(fd >= 0);
                assert_int_equal(peer_of_socket(fd, &peer), 0);
                assert_int_equal(peer.pid, pid);
                assert_int_equal(peer.uid, is_root ? OTHER_ID : geteuid());
                assert_int_equal(peer.gid, is_root ? OTHER_ID : getegid());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void what_has_no_peer_is_refused(void **state)
{
        _cleanup_close_ int unconnected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        Peer peer = {.uid = 7};
        int fds[2];

        assert_int_equal(peer_of_socket(unconnected, &peer), -ENODATA);
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(peer_of_socket(fds[0], &peer), -ENOTSOCK);
        assert_int_equal(peer_of_socket(-1, &peer), -EBADF);
        assert_int_equal(peer.uid, 7);
        (void) close(fds[0]);
        (void) close(fds[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_other_end_of_a_pair_is_ourselves),
                cmocka_unit_test(another_process_and_user_is_told_apart),
                cmocka_unit_test(what_has_no_peer_is_refused),
        };

        return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
