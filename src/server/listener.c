/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#define BACKLOG 1024
#define ACCEPTS_A_TURN 64
#define REST_USEC (500 * USEC_PER_MSEC) /* out of descriptors */
#define REST_ACCURACY_USEC (50 * USEC_PER_MSEC)
#define UNIX_PREFIX "unix:"
#define HOST_BYTES 256

struct Listener {
        sd_event *loop; /* borrowed */
        int fd;
        ListenerUse use;
        ListenerAccept accept;
        void *ctx;
        char *address; /* NULL: inherited */
        char *path;    /* of a Unix socket that is ours */
        sd_event_source *io;
        sd_event_source *rest;
};

static void describe_peer(const Listener *l, const struct sockaddr_storage *address,
                          socklen_t bytes, HttpPeer *ret)
{
        *ret = (HttpPeer){.is_tls = l->use == LISTENER_TLS,
                          .is_unix = address->ss_family == AF_UNIX};
        if (ret->is_unix || getnameinfo((const struct sockaddr *) address, bytes, ret->address,
                                        sizeof(ret->address), NULL, 0, NI_NUMERICHOST) != 0)
                (void) str_copy(ret->address, sizeof(ret->address), "unix");
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        const Listener *l = userdata;

        (void) sd_event_source_set_enabled(l->io, SD_EVENT_ON);
        return 0;
}

/* Without descriptors the socket would stay readable and the loop spin. */
static void rest(Listener *l)
{
        log_warning("no descriptors left, connections wait");
        if (sd_event_source_set_time_relative(l->rest, REST_USEC) < 0 ||
            sd_event_source_set_enabled(l->rest, SD_EVENT_ONESHOT) < 0)
                return;
        (void) sd_event_source_set_enabled(l->io, SD_EVENT_OFF);
}

static int on_connections(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Listener *l = userdata;

        for (int i = 0; i < ACCEPTS_A_TURN; i++) {
                struct sockaddr_storage address = {.ss_family = AF_UNIX};
                socklen_t bytes = sizeof(address);
                HttpPeer peer;
                int client = accept4(fd, (struct sockaddr *) &address, &bytes,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (client < 0) {
                        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                            errno == ENOMEM)
                                rest(l);
                        if (errno == ECONNABORTED || errno == EINTR)
                                continue;
                        return 0;
                }
                describe_peer(l, &address, bytes, &peer);
                l->accept(l->ctx, l->use, client, (const struct sockaddr *) &address, bytes, &peer);
        }
        return 0;
}

static int watch(Listener *l)
{
        int r = fd_set_nonblock(l->fd);

        if (r < 0)
                return r;
        r = sd_event_add_io(l->loop, &l->io, l->fd, EPOLLIN, on_connections, l);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(l->loop, &l->rest, CLOCK_MONOTONIC, 0, REST_ACCURACY_USEC,
                                       on_rested, l);
        return r < 0 ? r : sd_event_source_set_enabled(l->rest, SD_EVENT_OFF);
}

static Listener *listener_new(sd_event *loop, ListenerUse use, ListenerAccept accept, void *ctx)
{
        Listener *l = mem_new(Listener);

        if (l)
                *l = (Listener){.loop = loop, .fd = -1, .use = use, .accept = accept, .ctx = ctx};
        return l;
}

/* "host:port" → its two parts; the host may be empty, which means all addresses. */
static int split_address(const char *address, char host[HOST_BYTES], const char **ret_port)
{
        const char *colon = strrchr(address, ':');
        size_t bytes;

        if (!colon || !colon[1])
                return -EINVAL;
        bytes = (size_t) (colon - address);
        if (bytes >= 2 && address[0] == '[' && colon[-1] == ']') {
                address++;
                bytes -= 2;
        } else if (memchr(address, ':', bytes)) {
                return -EINVAL;
        }
        if (bytes >= HOST_BYTES)
                return -EINVAL;
        memcpy(host, address, bytes);
        host[bytes] = '\0';
        *ret_port = colon + 1;
        return 0;
}

static int bind_one(Listener *l, const struct addrinfo *info)
{
        _cleanup_close_ int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int yes = 1;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
            bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        l->fd = TAKE_FD(fd);
        return 0;
}

static int open_inet(Listener *l, const char *address)
{
        struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
        struct addrinfo *infos;
        char host[HOST_BYTES];
        const char *port;
        int r = split_address(address, host, &port);

        if (r < 0)
                return r;
        if (getaddrinfo(*host ? host : NULL, port, &hints, &infos) != 0)
                return -EADDRNOTAVAIL;
        r = -EADDRNOTAVAIL;
        for (const struct addrinfo *info = infos; info && l->fd < 0; info = info->ai_next)
                r = bind_one(l, info);
        freeaddrinfo(infos);
        return l->fd < 0 ? r : 0;
}

/* A socket that somebody listens on is his; one that nobody does is left over. */
static int remove_stale(const struct sockaddr_un *name)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct stat st;

        if (lstat(name->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) name, sizeof(*name)) == 0)
                return -EADDRINUSE;
        return unlink(name->sun_path) < 0 ? -errno : 0;
}

static int open_unix(Listener *l, const char *path)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;
        int r;

        if (*path != '/' || strlen(path) >= sizeof(name.sun_path))
                return -EINVAL;
        (void) str_copy(name.sun_path, sizeof(name.sun_path), path);
        r = remove_stale(&name);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *) &name, sizeof(name)) < 0)
                return -errno;
        l->path = mem_strdup(path);
        if (!l->path)
                return -ENOMEM;
        if (listen(fd, BACKLOG) < 0)
                return -errno;
        l->fd = TAKE_FD(fd);
        return 0;
}

int listener_open(sd_event *loop, const char *address, ListenerUse use, ListenerAccept accept,
                  void *ctx, Buf *why, Listener **ret)
{
        _cleanup_(listener_freep) Listener *l = listener_new(loop, use, accept, ctx);
        int r;

        if (!l)
                return -ENOMEM;
        l->address = mem_strdup(address);
        if (!l->address)
                return -ENOMEM;
        if (str_starts_with(address, UNIX_PREFIX))
                r = open_unix(l, address + strlen(UNIX_PREFIX));
        else
                r = open_inet(l, address);
        if (r == 0)
                r = watch(l);
        if (r < 0) {
                (void) buf_printf(why, "%s: %s", address,
                                  r == -EINVAL ? "not HOST:PORT, [ADDRESS]:PORT or unix:/PATH"
                                               : strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

int listener_adopt(sd_event *loop, int fd, ListenerUse use, ListenerAccept accept, void *ctx,
                   Listener **ret)
{
        _cleanup_(listener_freep) Listener *l = listener_new(loop, use, accept, ctx);
        int r;

        if (!l) {
                close_fdp(&fd);
                return -ENOMEM;
        }
        l->fd = fd;
        r = watch(l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

Listener *listener_free(Listener *l)
{
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->io);
        sd_event_source_disable_unref(l->rest);
        close_fdp(&l->fd);
        if (l->path)
                (void) unlink(l->path);
        mem_free(l->path);
        mem_free(l->address);
        mem_free(l);
        return NULL;
}

ListenerUse listener_use(const Listener *l)
{
        return l->use;
}

const char *listener_address(const Listener *l)
{
        return l->address;
}

static int own_name(const Listener *l, char *host, size_t host_bytes, char *port, size_t port_bytes)
{
        struct sockaddr_storage address = {0};
        socklen_t bytes = sizeof(address);

        if (getsockname(l->fd, (struct sockaddr *) &address, &bytes) < 0)
                return -errno;
        if (address.ss_family == AF_UNIX)
                return AF_UNIX;
        if (getnameinfo((const struct sockaddr *) &address, bytes, host, (socklen_t) host_bytes,
                        port, (socklen_t) port_bytes, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
                return -EINVAL;
        return address.ss_family;
}

char *listener_name(const Listener *l, char *dst, size_t dst_bytes)
{
        char host[HOST_BYTES] = "", port[16] = "";
        int family = own_name(l, host, sizeof(host), port, sizeof(port));

        if (family == AF_UNIX)
                (void) snprintf(dst, dst_bytes, "unix:%s", l->path ? l->path : "inherited");
        else if (family < 0)
                (void) snprintf(dst, dst_bytes, "%s", l->address ? l->address : "inherited");
        else
                (void) snprintf(dst, dst_bytes, family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                                port);
        return dst;
}

unsigned listener_port(const Listener *l)
{
        char host[HOST_BYTES], port[16] = "";
        unsigned n = 0;

        if (own_name(l, host, sizeof(host), port, sizeof(port)) < 0)
                return 0;
        for (const char *p = port; *p >= '0' && *p <= '9'; p++)
                n = n * 10 + (unsigned) (*p - '0');
        return n;
}
