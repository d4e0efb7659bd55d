/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/event_curl.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/list.h"
#include "transfer/curl_memory.h"

/* sd-event takes an accuracy of 0 for its default of 250 ms, which every small transfer would
 * pay for. */
#define TIMER_ACCURACY_USEC 1
#define CONNECTIONS_KEPT 16L
#define CONNECTIONS_MAX 128L /* to all hosts; more transfers wait for one of these */

struct EventCurl {
        sd_event *loop; /* borrowed */
        CURLM *multi;
        List sockets;
        sd_event_source *timer;
        sd_event_source *kick; /* stands for a timer of 0 ms, without the system calls of one */
        List running;          /* EventCurlTransfer.link */
        bool starved;          /* we could not do what curl asked for */
        unsigned depth;        /* inside act(): what is freed meanwhile goes at its end */
        bool freed;
        void (*around)(void *ctx, bool before);
        void *ctx;
};

/* One per socket of curl; lives from the first to the last report about it. */
typedef struct EventSocket {
        List link;
        EventCurl *parent;
        sd_event_source *io;
        int fd;
        int what;  /* CURL_POLL_*, as last asked for */
        bool held; /* not to be read */
} EventSocket;

static void take_out(EventCurl *c, EventCurlTransfer *t)
{
        CURL *easy = t->easy;

        t->running = false;
        t->easy = NULL;
        list_remove(&t->link);
        (void) curl_multi_remove_handle(c->multi, easy);      /* it is in, so it goes out */
        (void) curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL); /* `t` may go before it */
}

/* Those that run now; `done` may start others. */
static void fail_all(EventCurl *c)
{
        List doomed;

        list_init(&doomed);
        while (!list_is_empty(&c->running)) {
                List *link = c->running.next;

                list_remove(link);
                list_append(&doomed, link);
        }
        while (!list_is_empty(&doomed)) {
                EventCurlTransfer *t = list_item(doomed.next, EventCurlTransfer, link);

                take_out(c, t);
                t->starved = true;
                t->done(t->ctx, CURLE_OUT_OF_MEMORY);
        }
}

/* Takes all completions: one wake-up may stand for many. */
static void reap_completions(EventCurl *c)
{
        CURLMsg *msg;
        int left;

        while ((msg = curl_multi_info_read(c->multi, &left))) {
                EventCurlTransfer *t = NULL;
                CURL *easy = msg->easy_handle;
                CURLcode code = msg->data.result;

                if (msg->msg != CURLMSG_DONE)
                        continue;
                /* `msg` dies with the removal. */
                (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
                take_out(c, t);
                t->done(t->ctx, code);
        }
}

static void act(EventCurl *c, curl_socket_t fd, int mask)
{
        uint64_t refusals = curl_memory_refusals();
        int running;

        c->starved = false;
        c->depth++;
        if (c->around)
                c->around(c->ctx, true);
        /* Errors of single transfers arrive as completions; others only mean wrong use. */
        (void) curl_multi_socket_action(c->multi, fd, mask, &running);
        if (c->around)
                c->around(c->ctx, false);
        if (c->starved || curl_memory_refusals() != refusals)
                fail_all(c);
        reap_completions(c);
        if (--c->depth == 0 && c->freed)
                (void) event_curl_free(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        EventSocket *s = userdata;
        int mask = 0;

        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
                mask |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                mask |= CURL_CSELECT_OUT;
        if (revents & EPOLLERR)
                mask |= CURL_CSELECT_ERR;
        act(s->parent, fd, mask); /* `s` may be gone now */
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        EventCurl *c = userdata;

        act(c, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int on_kick(sd_event_source *source, void *userdata)
{
        EventCurl *c = userdata;

        act(c, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *userp)
{
        EventCurl *c = userp;

        (void) sd_event_source_set_enabled(c->kick,
                                           timeout_ms == 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (timeout_ms <= 0) {
                (void) sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
                return 0;
        }
        if (sd_event_source_set_time_relative(c->timer, (uint64_t) timeout_ms * USEC_PER_MSEC) <
                    0 ||
            sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT) < 0) {
                c->starved = true;
                return -1;
        }
        return 0;
}

static uint32_t epoll_mask(int what)
{
        return (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
}

static int watch(EventSocket *s)
{
        return sd_event_source_set_io_events(
                s->io, epoll_mask(s->held ? s->what & ~CURL_POLL_IN : s->what));
}

void event_curl_hold(EventCurl *c, int fd, bool hold)
{
        LIST_FOREACH (it, &c->sockets) {
                EventSocket *s = list_item(it, EventSocket, link);

                if (s->fd != fd || s->held == hold)
                        continue;
                s->held = hold;
                (void) watch(s); /* only ever fails for want of memory, and has it already */
        }
}

/* curl tells the socket of a running transfer by no other way. */
static void note_socket(CURL *easy, curl_socket_t fd, int what)
{
        EventCurlTransfer *t = NULL;

        (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
        if (!t)
                return;
        if (what != CURL_POLL_REMOVE)
                t->fd = fd;
        else if (t->fd == fd)
                t->fd = -1;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *userp, void *socketp)
{
        EventCurl *c = userp;
        EventSocket *s = socketp;

        note_socket(easy, fd, what);
        if (what == CURL_POLL_REMOVE) {
                if (s) {
                        (void) curl_multi_assign(c->multi, fd, NULL);
                        list_remove(&s->link);
                        s->io = sd_event_source_disable_unref(s->io);
                        mem_free(s);
                }
                return 0;
        }
        if (s) {
                s->what = what;
                return watch(s) < 0 ? -1 : 0;
        }

        s = mem_new(EventSocket);
        if (!s) {
                c->starved = true;
                return -1;
        }
        s->parent = c;
        s->fd = fd;
        s->what = what;
        list_init(&s->link);
        if (sd_event_add_io(c->loop, &s->io, fd, epoll_mask(what), on_io, s) < 0) {
                mem_free(s);
                c->starved = true;
                return -1;
        }
        list_append(&c->sockets, &s->link);
        (void) curl_multi_assign(c->multi, fd, s); /* the socket is one of this handle */
        return 0;
}

static int set_up_timers(EventCurl *c)
{
        int r = sd_event_add_time_relative(c->loop, &c->timer, CLOCK_MONOTONIC, 0,
                                           TIMER_ACCURACY_USEC, on_timer, c);

        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(c->loop, &c->kick, on_kick, c);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(c->kick, SD_EVENT_OFF);
}

CURLcode event_curl_global_init(void)
{
        return curl_memory_global_init();
}

int event_curl_new(sd_event *loop, long connections_per_host, EventCurl **ret)
{
        _cleanup_(event_curl_freep) EventCurl *c = mem_new(EventCurl);
        int r;

        if (!c)
                return -ENOMEM;
        c->loop = loop;
        list_init(&c->running);
        list_init(&c->sockets);
        r = set_up_timers(c);
        if (r < 0)
                return r;
        c->multi = curl_multi_init();
        if (!c->multi)
                return -ENOMEM;
        if (curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket) ||
            curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) ||
            curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer) ||
            curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) ||
            curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX) ||
            curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) ||
            curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX) ||
            curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections_per_host))
                return -EINVAL;
        *ret = TAKE_PTR(c);
        return 0;
}

void event_curl_set_around(EventCurl *c, void (*around)(void *ctx, bool before), void *ctx)
{
        c->around = around;
        c->ctx = ctx;
}

EventCurl *event_curl_free(EventCurl *c)
{
        if (!c)
                return NULL;
        c->freed = true;
        if (c->depth > 0)
                return NULL;
        if (c->multi)
                (void) curl_multi_cleanup(c->multi); /* reports its sockets removed */
        sd_event_source_disable_unref(c->timer);
        sd_event_source_disable_unref(c->kick);
        mem_free(c);
        return NULL;
}

int event_curl_add(EventCurl *c, CURL *easy, EventCurlTransfer *t)
{
        t->fd = -1;
        if (curl_easy_setopt(easy, CURLOPT_PRIVATE, t) ||
            curl_multi_add_handle(c->multi, easy) != CURLM_OK)
                return -ENOMEM;
        t->running = true;
        t->easy = easy;
        list_append(&c->running, &t->link);
        return 0;
}

void event_curl_remove(EventCurl *c, CURL *easy, EventCurlTransfer *t)
{
        if (!t->running)
                return;
        take_out(c, t);
}
