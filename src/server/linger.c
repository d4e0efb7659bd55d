/* SPDX-License-Identifier: Apache-2.0 */
#include "server/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/list.h"

#define ACCURACY_USEC (100 * USEC_PER_MSEC)
#define READS_A_TURN 32

struct Linger {
        sd_event *loop; /* borrowed */
        List connections;
        unsigned n;
};

typedef struct Lingering {
        List link;
        Linger *parent;
        int fd;
        uint64_t left_bytes;
        sd_event_source *io;
        sd_event_source *timer;
} Lingering;

static Lingering *lingering_free(Lingering *c)
{
        list_remove(&c->link);
        c->parent->n--;
        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->timer);
        close_fdp(&c->fd);
        mem_free(c);
        return NULL;
}
DEFINE_CLEANUP(Lingering *, lingering_free)

static int on_late_bytes(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Lingering *c = userdata;
        char waste[16 * 1024];

        for (int i = 0; i < READS_A_TURN; i++) {
                ssize_t n = recv(fd, waste, sizeof(waste), MSG_DONTWAIT);

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                if (n <= 0 || (uint64_t) n > c->left_bytes) {
                        lingering_free(c);
                        return 0;
                }
                c->left_bytes -= (uint64_t) n;
        }
        return 0;
}

static int on_time_over(sd_event_source *source, uint64_t usec, void *userdata)
{
        lingering_free(userdata);
        return 0;
}

int linger_new(sd_event *loop, Linger **ret)
{
        Linger *l = mem_new(Linger);

        if (!l)
                return -ENOMEM;
        l->loop = loop;
        list_init(&l->connections);
        *ret = l;
        return 0;
}

Linger *linger_free(Linger *l)
{
        if (!l)
                return NULL;
        LIST_FOREACH (it, &l->connections)
                lingering_free(list_item(it, Lingering, link));
        mem_free(l);
        return NULL;
}

void linger_on(Linger *l, int fd)
{
        _cleanup_(lingering_freep) Lingering *c = NULL;

        if (l->n >= LINGER_CONNECTIONS_MAX)
                return;
        c = mem_new(Lingering);
        if (!c)
                return;
        c->parent = l;
        c->left_bytes = LINGER_MAX_BYTES;
        list_init(&c->link);
        list_append(&l->connections, &c->link);
        l->n++;
        c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (c->fd < 0 || shutdown(c->fd, SHUT_WR) < 0)
                return;
        if (sd_event_add_io(l->loop, &c->io, c->fd, EPOLLIN, on_late_bytes, c) < 0 ||
            sd_event_add_time_relative(l->loop, &c->timer, CLOCK_MONOTONIC,
                                       LINGER_SEC * USEC_PER_SEC, ACCURACY_USEC, on_time_over,
                                       c) < 0)
                return;
        (void) TAKE_PTR(c);
}
