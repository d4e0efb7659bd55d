/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/netlink_dump.h"

#include <errno.h>

#include <linux/netlink.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "base/cleanup.h"

#define PART_MAX_BYTES 32768 /* the kernel sends no larger ones to who reads so much at a time */
#define ANSWER_WAIT_SEC 1    /* it comes at once */

int netlink_open(int protocol)
{
        const struct timeval wait = {.tv_sec = ANSWER_WAIT_SEC};
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

uint32_t netlink_number(void)
{
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint32_t) now.tv_nsec | 1;
}

static int error_of(const struct nlmsghdr *m)
{
        const struct nlmsgerr *e = NLMSG_DATA(m);

        return m->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error < 0 ? e->error : -EBADMSG;
}

/* Of one datagram. 1: that was the last one; 0; or negative errno. */
static int visit_all(const void *answer, size_t bytes, uint32_t number,
                     void (*visit)(void *ctx, const struct nlmsghdr *part), void *ctx)
{
        for (const struct nlmsghdr *m = answer; NLMSG_OK(m, bytes); m = NLMSG_NEXT(m, bytes)) {
                if (m->nlmsg_seq != number)
                        continue;
                if (m->nlmsg_type == NLMSG_DONE)
                        return 1;
                if (m->nlmsg_type == NLMSG_ERROR)
                        return error_of(m);
                visit(ctx, m);
        }
        return 0;
}

int netlink_dump(int fd, struct nlmsghdr *request,
                 void (*visit)(void *ctx, const struct nlmsghdr *part), void *ctx)
{
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        int r = 0;

        request->nlmsg_seq = netlink_number();
        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        if (sendto(fd, request, request->nlmsg_len, 0, (const struct sockaddr *) &kernel,
                   sizeof(kernel)) < 0)
                return -errno;
        while (r == 0) {
                alignas(struct nlmsghdr) uint8_t answer[PART_MAX_BYTES];
                struct sockaddr_nl from = {.nl_family = AF_NETLINK};
                socklen_t from_len = sizeof(from);
                ssize_t n = recvfrom(fd, answer, sizeof(answer), MSG_TRUNC,
                                     (struct sockaddr *) &from, &from_len);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > (ssize_t) sizeof(answer))
                        return -EMSGSIZE;
                if (n >= 0 && from.nl_pid == 0)
                        r = visit_all(answer, (size_t) n, request->nlmsg_seq, visit, ctx);
        }
        return r < 0 ? r : 0;
}
