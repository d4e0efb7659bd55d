/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a TCP connection over loopback. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* `prepare` (NULL: nothing) is called for the connecting socket before it connects. */
static inline void loopback_connect(int family, void (*prepare)(int fd, void *ctx), void *ctx,
                                    int ret[2])
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        struct sockaddr *at = family == AF_INET ? (struct sockaddr *) &v4 : (struct sockaddr *) &v6;
        socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
        int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(listener >= 0);
        assert_int_equal(bind(listener, at, len), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, at, &len), 0);
        ret[0] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (prepare)
                prepare(ret[0], ctx);
        assert_int_equal(connect(ret[0], at, len), 0);
        ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(ret[1] >= 0);
        (void) close(listener);
}
