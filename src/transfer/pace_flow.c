/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "transfer/iface.h"
#include "transfer/pace_state.h"

#define BUFFER_MIN_BYTES 1024 /* curl takes no less */

static PaceConn *find_conn(const Pace *p, int fd)
{
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (c->fd == fd)
                        return c;
        }
        return NULL;
}

static bool is_background(const PaceTask *t)
{
        return pace_task_priority(t) != BG_JOB_PRIORITY_FOREGROUND;
}

/* Curl opens a socket, in place of curl. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *a)
{
        PaceFlow *f = userdata;
        int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
        PaceConn *c;

        if (fd < 0)
                return CURL_SOCKET_BAD;
        if (a->socktype != SOCK_STREAM || (a->family != AF_INET && a->family != AF_INET6))
                return fd;
        c = find_conn(f->pace, fd);
        if (c) /* its descriptor was closed behind our back */
                pace_forget(f->pace, c);
        /* Where memory is short the connection goes uncontrolled. */
        c = pace_conn_new(fd, a->family, is_background(f->task), f->pace->config->window_bytes);
        if (c)
                list_append(&f->pace->conns, &c->link);
        return fd;
}

static int close_socket(void *userdata, curl_socket_t fd)
{
        Pace *p = userdata;
        PaceConn *c = find_conn(p, fd);

        if (c)
                pace_forget(p, c);
        return close(fd);
}

void pace_flow_init(PaceFlow *f, Pace *p, PaceTask *task, bool up)
{
        *f = (PaceFlow){.pace = p, .task = task, .up = up};
        list_init(&f->link);
}

long pace_task_buffer_bytes(const PaceTask *t)
{
        uint8_t priority = pace_task_priority(t);
        const TransferLimits *limits;
        uint64_t limit;

        if (priority == BG_JOB_PRIORITY_FOREGROUND)
                return PACE_BUFFER_BYTES;
        /* Where peers in the subnet are exempt it is not yet known whether this is one. */
        limits = &t->pace->limits;
        limit = MIN(t->job->limit_bps,
                    limits->lan_exempt ? UINT64_MAX : limits->level_bps[priority]);
        return (long) MIN(MAX(limit / 4, (uint64_t) BUFFER_MIN_BYTES),
                          (uint64_t) PACE_BUFFER_BYTES);
}

int pace_flow_begin(PaceFlow *f, CURL *easy, EventCurl *curl, EventCurlTransfer *t)
{
        if (!curl)
                return -ENOMEM;
        f->easy = easy;
        f->curl = curl;
        f->paused = f->held = false;
        if (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) ||
            curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, f) ||
            curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) ||
            curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, f->pace))
                return -ENOMEM;
        return event_curl_add(curl, easy, t);
}

static PaceLine *find_line(Pace *p, unsigned index)
{
        LIST_FOREACH (it, &p->lines) {
                PaceLine *l = list_item(it, PaceLine, link);

                if (l->iface.index == index && !l->gone)
                        return l;
        }
        return NULL;
}

/* Of interfaces that are there: connections over one that is gone may last for minutes. */
static size_t count_lines(const Pace *p)
{
        size_t n = 0;

        LIST_FOREACH (it, &p->lines)
                n += !list_item(it, PaceLine, link)->gone;
        return n;
}

/* One that nothing uses makes room. */
static void drop_unused_line(Pace *p)
{
        LIST_FOREACH (it, &p->lines) {
                PaceLine *l = list_item(it, PaceLine, link);

                if (l->conns == 0 && (l->gone || count_lines(p) >= LINE_REPORT_LINES_MAX))
                        pace_line_free(l);
        }
}

static PaceLine *get_line(Pace *p, unsigned index)
{
        PaceLine *l = find_line(p, index);
        Iface iface;

        if (l)
                return l;
        drop_unused_line(p);
        if (count_lines(p) >= LINE_REPORT_LINES_MAX ||
            iface_read(p->netlink_fd, index, &iface) < 0 ||
            pace_line_new(&iface, p->config, &l) < 0)
                return NULL;
        list_append(&p->lines, &l->link);
        return l;
}

/* 0, or negative errno when it cannot be told now. */
static int ask_way(const Pace *p, const PaceConn *c, struct sockaddr_storage *peer, IfaceRoute *ret)
{
        struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
        socklen_t own_len = sizeof(own), peer_len = sizeof(*peer);

        if (getsockname(c->fd, (struct sockaddr *) &own, &own_len) < 0 ||
            getpeername(c->fd, (struct sockaddr *) peer, &peer_len) < 0)
                return -errno;
        return iface_route(p->netlink_fd, (const struct sockaddr *) &own,
                           (const struct sockaddr *) peer, ret);
}

static void find_way(Pace *p, PaceConn *c)
{
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        IfaceRoute route;
        PaceLine *line;

        c->located = true;
        if (ask_way(p, c, &peer, &route) < 0)
                return;
        line = get_line(p, route.index);
        if (!line || pace_line_path(line, (const struct sockaddr *) &peer, &c->path) < 0)
                return;
        c->line = line;
        line->conns++;
        c->loopback = route.loopback || line->iface.loopback;
        c->direct = route.direct && line->iface.has_subnet;
        c->adaptive =
                c->background && p->config->adapt && (!c->loopback || p->config->control_loopback);
}

/* A tunnel came up, a cable was pulled, an interface was made anew; or there was no place for the
 * line, and now there is. */
static bool has_moved(const Pace *p, const PaceConn *c)
{
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        IfaceRoute route;

        if (!c->line)
                return p->netlink_fd >= 0;
        return ask_way(p, c, &peer, &route) >= 0 &&
               (route.index != c->line->iface.index || c->line->gone);
}

void pace_check_ways(Pace *p, uint64_t now_usec)
{
        LIST_FOREACH (it, &p->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (!pace_conn_is_active(c) || !has_moved(p, c))
                        continue;
                pace_conn_rest(c, now_usec);
                pace_conn_leave(c);
                find_way(p, c);
                pace_conn_begin(c, c->direction, BW_TARGET_USEC(pace_conn_priority(c)), now_usec);
        }
}

static int port_of(const struct sockaddr_storage *a)
{
        if (a->ss_family == AF_INET)
                return ntohs(((const struct sockaddr_in *) a)->sin_port);
        return a->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *) a)->sin6_port) : -1;
}

static bool is_address(const struct sockaddr_storage *a, const char *text)
{
        char own[INET6_ADDRSTRLEN];
        size_t bytes = 0;
        const void *address = iface_address((const struct sockaddr *) a, &bytes);

        return address && inet_ntop(a->ss_family, address, own, sizeof(own)) &&
               str_equal(own, text);
}

/* Of many connections all but one are told apart without a system call. */
static bool has_ends(PaceConn *c, const PaceEnds *ends)
{
        struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof(a);

        if (c->own_port == 0 && getsockname(c->fd, (struct sockaddr *) &a, &len) == 0)
                c->own_port = MAX(port_of(&a), 0);
        if (c->own_port != ends->own_port)
                return false;
        len = sizeof(a);
        return getpeername(c->fd, (struct sockaddr *) &a, &len) == 0 &&
               port_of(&a) == ends->peer_port && is_address(&a, ends->peer);
}

/* Curl does not yet tell the descriptor (CURLINFO_ACTIVESOCKET) when a request is about to go out,
 * but between which ends. */
static PaceConn *find_conn_of(const PaceFlow *f, const PaceEnds *ends)
{
        LIST_FOREACH (it, &f->pace->conns) {
                PaceConn *c = list_item(it, PaceConn, link);

                if (c->background == is_background(f->task) && has_ends(c, ends))
                        return c;
        }
        return NULL;
}

void pace_flow_connected(PaceFlow *f, const PaceEnds *ends)
{
        uint64_t now = pace_now_usec(f->pace);
        PaceConn *c = find_conn_of(f, ends);

        if (!c)
                return;
        if (!c->located)
                find_way(f->pace, c);
        if (f->conn != c) {
                list_remove(&f->link);
                list_append(&c->flows, &f->link);
        }
        f->conn = c;
        f->paused = f->held = false;
        f->yield_usec = 0;
        pace_conn_begin(c, f->up ? BW_UP : BW_DOWN, BW_TARGET_USEC(pace_task_priority(f->task)),
                        now);
        pace_share(f->pace, now);
        pace_conn_apply(c);
        pace_wake(f->pace);
}

static void hold(const PaceFlow *f, PaceConn *c, bool wait)
{
        if (c->reading_held == wait)
                return;
        c->reading_held = wait;
        event_curl_hold(f->curl, c->fd, wait);
}

void pace_flow_check(PaceFlow *f, uint64_t now_usec)
{
        hold(f, f->conn, pace_conn_must_wait(f->conn, now_usec));
}

/* Curl reads on as long as there is something to read, so that to hold the socket is not enough. */
bool pace_flow_may_take(PaceFlow *f, size_t bytes)
{
        uint64_t now;

        if (!f->conn || f->conn->limit_bps == UINT64_MAX)
                return true;
        now = pace_now_usec(f->pace);
        pace_flow_check(f, now);
        f->paused = f->held = f->conn->reading_held;
        if (f->paused)
                return false;
        pace_conn_read(f->conn, now, bytes);
        pace_flow_check(f, now);
        return true;
}

void pace_flow_end(PaceFlow *f)
{
        PaceConn *c = f->conn;

        f->paused = f->held = false;
        f->conn = NULL;
        if (!c)
                return;
        pace_conn_sample(c);
        list_remove(&f->link);
        if (pace_conn_is_active(c))
                return;
        pace_conn_rest(c, pace_now_usec(f->pace));
        hold(f, c, false);
}

void pace_flow_stop(PaceFlow *f, EventCurlTransfer *t)
{
        pace_flow_end(f);
        event_curl_remove(f->curl, f->easy, t);
}

size_t pace_flow_may_send(PaceFlow *f, size_t bytes)
{
        size_t room;

        if (!f->conn)
                return bytes;
        room = pace_conn_room(f->conn, clock_mono_usec(&CLOCK_SYSTEM), bytes, &f->held);
        f->paused = room == 0;
        if (f->paused)
                pace_pump_in(f->pace, pace_conn_room_in_usec(f->conn));
        else
                f->held = false;
        return room;
}

void pace_flow_sent(PaceFlow *f, size_t bytes)
{
        if (f->conn)
                pace_conn_wrote(f->conn, clock_mono_usec(&CLOCK_SYSTEM), bytes);
}

bool pace_flow_is_held(const PaceFlow *f)
{
        if (!f->conn)
                return false;
        return f->up ? f->paused && f->held : f->paused || f->conn->reading_held;
}
