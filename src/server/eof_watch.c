/* SPDX-License-Identifier: Apache-2.0 */
#include "server/eof_watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/attr.h"

#define EVENTS_A_TURN 64

static int on_ends(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        EofWatch *w = userdata;
        struct epoll_event events[EVENTS_A_TURN];
        int n = epoll_wait(fd, events, ARRAY_LEN(events), 0);

        for (int i = 0; i < n; i++) {
                EofMark *mark = events[i].data.ptr;

                list_remove(&mark->link);
                list_append(&w->ended, &mark->link);
        }
        if (n > 0)
                w->seen(w->ctx);
        return 0;
}

int eof_watch_init(EofWatch *w, sd_event *loop, void (*seen)(void *ctx), void *ctx)
{
        int r;

        *w = (EofWatch){.seen = seen, .ctx = ctx};
        list_init(&w->ended);
        w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (w->epoll_fd < 0)
                return -errno;
        r = sd_event_add_io(loop, &w->io, w->epoll_fd, EPOLLIN, on_ends, w);
        return r < 0 ? r : 0;
}

void eof_watch_done(EofWatch *w)
{
        w->io = sd_event_source_disable_unref(w->io);
        close_fdp(&w->epoll_fd);
        w->epoll_fd = -1;
}

int eof_watch_add(EofWatch *w, int fd, EofMark *mark)
{
        struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = mark};

        list_init(&mark->link);
        return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void eof_watch_remove(EofWatch *w, int fd, EofMark *mark)
{
        struct epoll_event none = {0};

        (void) epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, &none); /* it may be gone already */
        list_remove(&mark->link);
}

bool eof_is_reached(int fd)
{
        char byte;
        ssize_t n = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

        return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}
