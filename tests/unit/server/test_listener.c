/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "server/listener.h"

static char directory[] = "/tmp/bitssrv-listen-XXXXXX";

static int remove_entry(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
        return remove(name);
}

static int make_directory(void **state)
{
        return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
        return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void on_connection(void *ctx, ListenerUse use, int fd, const struct sockaddr *address,
                          socklen_t address_bytes, const HttpPeer *peer)
{
        *(HttpPeer *) ctx = *peer;
        close_fdp(&fd);
}

static int open_at(sd_event *loop, const char *address, void *ctx, Listener **ret)
{
        _cleanup_(buf_done) Buf why;
        int r;

        buf_init(&why, 4096);
        r = listener_open(loop, address, LISTENER_PLAIN, on_connection, ctx, &why, ret);
        if (r < 0)
                assert_true(why.len > 0);
        return r;
}

static void addresses_that_are_none(void **state)
{
        static const char *const BAD[] = {"",      "localhost", ":",       "h:",   "::1:80",
                                          "unix:", "unix:x",    "1.2.3.4", "[::1]"};
        sd_event *loop;
        Listener *l;

        assert_true(sd_event_new(&loop) >= 0);
        for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
                assert_int_equal(open_at(loop, BAD[i], NULL, &l), -EINVAL);
        assert_int_equal(open_at(loop, "203.0.113.1:0", NULL, &l), -EADDRNOTAVAIL);
        sd_event_unref(loop);
}

static void a_port_is_found(void **state)
{
        char name[300];
        sd_event *loop;
        Listener *l, *other;
        _cleanup_free_ char *again = NULL;

        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(open_at(loop, "127.0.0.1:0", NULL, &l), 0);
        assert_true(listener_port(l) > 0);
        assert_string_equal(listener_address(l), "127.0.0.1:0");
        again = mem_printf("127.0.0.1:%u", listener_port(l));
        assert_string_equal(listener_name(l, name, sizeof(name)), again);
        assert_int_equal(open_at(loop, again, NULL, &other), -EADDRINUSE);
        listener_free(l);
        sd_event_unref(loop);
}

static void connections_are_handed_on(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/sock", directory);
        _cleanup_free_ char *address = mem_printf("unix:%s", path);
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        HttpPeer peer = {0};
        sd_event *loop;
        Listener *l, *other;
        int fd;

        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(open_at(loop, address, &peer, &l), 0);
        assert_int_equal(open_at(loop, address, &peer, &other), -EADDRINUSE);
        (void) str_copy(to.sun_path, sizeof(to.sun_path), path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &to, sizeof(to)), 0);
        for (int i = 0; i < 10 && !peer.is_unix; i++)
                assert_true(sd_event_run(loop, 1000000) >= 0);
        assert_true(peer.is_unix);
        assert_string_equal(peer.address, "unix");
        close_fdp(&fd);
        listener_free(l);
        assert_int_equal(access(path, F_OK), -1);
        sd_event_unref(loop);
}

static void a_socket_that_was_left_over_is_replaced_and_a_file_is_not(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/old", directory);
        _cleanup_free_ char *address = mem_printf("unix:%s", path);
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        sd_event *loop;
        Listener *l;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        FILE *f;

        (void) str_copy(name.sun_path, sizeof(name.sun_path), path);
        assert_int_equal(bind(fd, (const struct sockaddr *) &name, sizeof(name)), 0);
        close_fdp(&fd);
        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(open_at(loop, address, NULL, &l), 0);
        listener_free(l);
        f = fopen(path, "we");
        assert_non_null(f);
        (void) fclose(f);
        assert_int_equal(open_at(loop, address, NULL, &l), -EEXIST);
        sd_event_unref(loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_that_are_none),
                cmocka_unit_test(a_port_is_found),
                cmocka_unit_test(connections_are_handed_on),
                cmocka_unit_test(a_socket_that_was_left_over_is_replaced_and_a_file_is_not),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
