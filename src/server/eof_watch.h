/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that have stopped sending. libmicrohttpd takes a short read for an empty socket and then
 * waits for the next edge; when the end of the stream came together with the last bytes there is
 * none, and the connection would stay until its time-out. So the ends are watched here as well, in
 * an epoll set of their own. An end is not a wish to leave: whoever has asked gets his answer. */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/list.h"

typedef struct EofMark { /* part of a connection */
        List link;       /* in the list of those that have ended */
} EofMark;

typedef struct EofWatch {
        int epoll_fd;
        sd_event_source *io;
        List ended;
        void (*seen)(void *ctx); /* there is one more in `ended` */
        void *ctx;
} EofWatch;

/* 0 or negative errno; eof_watch_done() in any case. */
_must_use_ int eof_watch_init(EofWatch *w, sd_event *loop, void (*seen)(void *ctx), void *ctx);
void eof_watch_done(EofWatch *w);
/* The mark stays where it is until eof_watch_remove(), which comes before fd is closed. */
_must_use_ int eof_watch_add(EofWatch *w, int fd, EofMark *mark);
void eof_watch_remove(EofWatch *w, int fd, EofMark *mark);
/* Whether all that the client sent has been read as well. */
bool eof_is_reached(int fd);
