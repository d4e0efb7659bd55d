/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/socket_path.h"

/* Connections that wait to be accepted; the kernel caps it by its own limit. */
#define BACKLOG 128
/* Accepted in one go, so that the established ones get their turn. */
#define ACCEPTS_PER_TURN 16

struct Listener {
        ListenerOptions options;
        char *path;
        bool is_ours; /* the path is ours to remove */
        dev_t dev;    /* of the socket file that we made */
        ino_t ino;
        int fd;
        int spare_fd; /* given up for a moment to turn a connection away without descriptors */
        sd_event_source *source;
};

/* No descriptor is left: without this the connection would stay in the queue, and the loop would
 * spin on it. */
static void turn_away(Listener *l)
{
        int fd;

        if (l->spare_fd < 0)
                return;
        (void) close(l->spare_fd);
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
                (void) close(fd);
        l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        log_warning(
                "no descriptor left for a connection, which was closed; raise LimitNOFILE of the "
                "unit, or end clients");
}

static void take_connection(Listener *l, int take_fd)
{
        _cleanup_close_ int fd = take_fd;
        Peer peer;
        int r = peer_of_socket(fd, &peer);

        if (r < 0) {
                log_warning("connection refused, its owner is not known: %s", strerror(-r));
                return;
        }
        if (peer.uid != l->options.uid && peer.uid != 0) {
                log_warning("connection refused: uid %ld (pid %ld) is not the user of this service",
                            (long) peer.uid, (long) peer.pid);
                return;
        }
        l->options.accepted(l->options.ctx, TAKE_FD(fd), &peer);
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t events, void *ctx)
{
        Listener *l = ctx;

        for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
                int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0) {
                        take_connection(l, fd);
                        continue;
                }
                if (errno == EMFILE || errno == ENFILE)
                        turn_away(l);
                else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        log_error("accept: %s", strerror(errno));
                break;
        }
        return 0;
}

/* The path a handed-over socket is bound to; "" when it has none. */
static char *bound_path(int fd)
{
        struct sockaddr_un sa = {0};
        socklen_t len = sizeof(sa);

        if (getsockname(fd, (struct sockaddr *) &sa, &len) < 0 || len <= sizeof(sa.sun_family))
                return mem_strdup("");
        return mem_strndup(sa.sun_path, sizeof(sa.sun_path));
}

/* 1 taken over, 0 there is none, or negative errno. */
static int take_activated(Listener *l, char **ret_problem)
{
        int n = sd_listen_fds(1);

        if (n <= 0)
                return n;
        if (n > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0) {
                *ret_problem = mem_strdup("the service manager handed over something else than "
                                          "one listening Unix socket");
                return -EINVAL;
        }
        l->fd = SD_LISTEN_FDS_START;
        l->path = bound_path(l->fd);
        return l->path ? 1 : -ENOMEM;
}

/* Where a socket of our own is bound. */
typedef struct Place {
        int fd;
        char *path;
        dev_t dev; /* of the socket file */
        ino_t ino;
} Place;

static int open_place(const ListenerOptions *options, const char *path, Place *ret,
                      char **ret_problem)
{
        _cleanup_free_ char *copy = mem_strdup(path);
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (!copy)
                return -ENOMEM;
        r = socket_path_prepare_dir(path, options->uid, options->path_is_chosen, ret_problem);
        if (r < 0)
                return r;
        r = socket_path_clear(path, ret_problem);
        if (r < 0)
                return r;
        r = socket_path_bind(path, &fd);
        if (r < 0)
                return r;
        if (lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        *ret = (Place){
                .fd = TAKE_FD(fd),
                .path = TAKE_PTR(copy),
                .dev = st.st_dev,
                .ino = st.st_ino,
        };
        return 0;
}

static void take_place(Listener *l, Place *place)
{
        l->fd = place->fd;
        mem_free(l->path);
        l->path = place->path;
        l->is_ours = true;
        l->dev = place->dev;
        l->ino = place->ino;
}

static int open_path(Listener *l, char **ret_problem)
{
        Place place;
        int r = open_place(&l->options, l->options.path, &place, ret_problem);

        if (r < 0)
                return r;
        take_place(l, &place);
        l->options.path = NULL; /* the caller's, and from now on there is our own */
        return 0;
}

int listener_new(const ListenerOptions *options, Listener **ret, char **ret_problem)
{
        _cleanup_(listener_freep) Listener *l = mem_new(Listener);
        int r;

        *ret_problem = NULL;
        if (!l)
                return -ENOMEM;
        *l = (Listener){.options = *options, .fd = -1, .spare_fd = -1};
        r = take_activated(l, ret_problem);
        if (r == 0)
                r = open_path(l, ret_problem);
        if (r < 0)
                return r;
        l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (l->spare_fd < 0)
                return -errno;
        /* The handed-over one may block, and a connection may vanish before it is accepted. */
        if (fcntl(l->fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(options->loop, &l->source, l->fd, EPOLLIN, on_connection, l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

/* Somebody may have put another socket there. */
static bool path_is_still_ours(const Listener *l)
{
        struct stat st;

        return l->is_ours && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino;
}

Listener *listener_free(Listener *l)
{
        if (!l)
                return NULL;
        (void) sd_event_source_disable_unref(l->source);
        if (path_is_still_ours(l))
                (void) unlink(l->path); /* a dead socket left behind is removed by the next one */
        if (l->fd >= 0)
                (void) close(l->fd);
        if (l->spare_fd >= 0)
                (void) close(l->spare_fd);
        mem_free(l->path);
        mem_free(l);
        return NULL;
}

const char *listener_path(const Listener *l)
{
        return l->path;
}

bool listener_is_activated(const Listener *l)
{
        return !l->is_ours;
}

bool listener_is_reachable(const Listener *l)
{
        return !l->is_ours || path_is_still_ours(l);
}

int listener_move(Listener *l, const char *path, char **ret_problem)
{
        sd_event_source *source;
        Place place;
        int r;

        *ret_problem = NULL;
        r = open_place(&l->options, path, &place, ret_problem);
        if (r < 0)
                return r;
        r = sd_event_add_io(l->options.loop, &source, place.fd, EPOLLIN, on_connection, l);
        if (r < 0) {
                (void) unlink(place.path);
                (void) close(place.fd);
                mem_free(place.path);
                return r;
        }
        (void) sd_event_source_disable_unref(l->source);
        if (path_is_still_ours(l))
                (void) unlink(l->path); /* nobody is to find a socket that nobody serves */
        (void) close(l->fd);
        l->source = source;
        take_place(l, &place);
        return 0;
}

static bool someone_waits(const Listener *l)
{
        struct pollfd p = {.fd = l->fd, .events = POLLIN};

        return poll(&p, 1, 0) > 0;
}

/* Whoever connects after the rename finds nobody; whoever came before it is seen by the poll. */
bool listener_retire(Listener *l)
{
        _cleanup_free_ char *aside = NULL;

        if (!path_is_still_ours(l)) /* the service manager keeps it, and starts us again */
                return !someone_waits(l);
        aside = mem_printf("%s.closing", l->path);
        if (!aside || rename(l->path, aside) < 0)
                return false;
        if (!someone_waits(l)) {
                (void) unlink(aside);
                l->is_ours = false;
                return true;
        }
        if (rename(aside, l->path) < 0)
                log_error("the socket %s could not be put back: %s", l->path, strerror(errno));
        return false;
}
