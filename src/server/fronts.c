/* SPDX-License-Identifier: Apache-2.0 */
#include "server/fronts.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "server/address_limit.h"
#include "server/tally.h"

#define PEM_MAX_BYTES (1024 * 1024)

static const char BUSY[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
                           "Content-Length: 0\r\nConnection: close\r\n\r\n";

typedef enum FrontKind {
        FRONT_PLAIN_ROOMY,
        FRONT_PLAIN_SMALL,
        FRONT_TLS_ROOMY,
        FRONT_TLS_SMALL,
        FRONT_METRICS,
        FRONT_KIND_MAX,
} FrontKind;

typedef struct Retired {
        List link;
        HttpFront *front;
} Retired;

struct Fronts {
        sd_event *loop; /* borrowed */
        Metrics *metrics;
        HttpHandler handler;
        HttpHandler metrics_handler;
        HttpFront *fronts[FRONT_KIND_MAX];
        List retired;
        Hash *addresses; /* tally of connections */
        uint32_t max_connections;
        AddressLimit per_address;
};

int fronts_new(sd_event *loop, Metrics *metrics, const HttpHandler *handler,
               const HttpHandler *metrics_handler, Fronts **ret)
{
        _cleanup_(fronts_freep) Fronts *f = mem_new(Fronts);
        uint64_t seed;
        int r;

        if (!f)
                return -ENOMEM;
        list_init(&f->retired);
        f->loop = loop;
        f->metrics = metrics;
        f->handler = *handler;
        f->metrics_handler = *metrics_handler;
        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        f->addresses = tally_new(seed);
        if (!f->addresses)
                return -ENOMEM;
        *ret = TAKE_PTR(f);
        return 0;
}

Fronts *fronts_free(Fronts *f)
{
        if (!f)
                return NULL;
        for (FrontKind kind = 0; kind < FRONT_KIND_MAX; kind++)
                http_front_free(f->fronts[kind]);
        LIST_FOREACH (it, &f->retired) {
                Retired *retired = list_item(it, Retired, link);

                http_front_free(retired->front);
                mem_free(retired);
        }
        tally_free(f->addresses);
        mem_free(f);
        return NULL;
}

static int read_pem(const char *path, char **ret, Buf *why)
{
        int r = fd_read_file(path, PEM_MAX_BYTES, ret);

        if (r < 0)
                (void) buf_printf(why, "%s: %s", path, strerror(-r));
        return r;
}

typedef struct Pem {
        char *certificate;
        char *key;
} Pem;

static void pem_done(Pem *pem)
{
        mem_free(pem->certificate);
        if (pem->key)
                explicit_bzero(pem->key, strlen(pem->key));
        mem_free(pem->key);
}

static int make_front(Fronts *f, FrontKind kind, const Config *config, const HttpFrontTls *tls,
                      HttpFront **ret)
{
        bool roomy = kind == FRONT_PLAIN_ROOMY || kind == FRONT_TLS_ROOMY;
        HttpFrontLimits limits = {
                .connection_memory_bytes = roomy ? FRONT_ROOMY_BYTES : FRONT_SMALL_BYTES,
                .connections_max = config->max_connections,
                .idle_sec = config->idle_sec,
                .body_rate_min_bytes = (uint32_t) config->body_rate_min_bytes,
                .body_rate_window_sec = config->body_rate_window_sec,
        };

        return http_front_new(f->loop, &limits, tls,
                              kind == FRONT_METRICS ? &f->metrics_handler : &f->handler, ret);
}

static int make_fronts(Fronts *f, const Config *config, HttpFront *made[FRONT_KIND_MAX], Buf *why)
{
        bool has_tls = *config->tls_certificate && *config->tls_key;
        _cleanup_(pem_done) Pem pem = {0};
        HttpFrontTls tls;
        int r = 0;

        if (has_tls)
                r = read_pem(config->tls_certificate, &pem.certificate, why);
        if (r >= 0 && has_tls)
                r = read_pem(config->tls_key, &pem.key, why);
        tls = (HttpFrontTls){pem.certificate, pem.key};
        for (FrontKind kind = 0; r >= 0 && kind < FRONT_KIND_MAX; kind++) {
                bool is_tls = kind == FRONT_TLS_ROOMY || kind == FRONT_TLS_SMALL;

                if (is_tls && !has_tls)
                        continue;
                r = make_front(f, kind, config, is_tls ? &tls : NULL, &made[kind]);
                if (r < 0 && is_tls)
                        (void) buf_printf(why, "%s, %s: not a certificate and its key",
                                          config->tls_certificate, config->tls_key);
        }
        return r < 0 ? r : 0;
}

/* Its connections end after what they are doing. */
static void retire(Fronts *f, HttpFront *front)
{
        Retired *retired = front ? mem_new(Retired) : NULL;

        if (!retired) {
                http_front_free(front);
                return;
        }
        retired->front = front;
        list_append(&f->retired, &retired->link);
        http_front_drain(front);
}

int fronts_configure(Fronts *f, const Config *config, Buf *why)
{
        HttpFront *made[FRONT_KIND_MAX] = {0};
        int r = make_fronts(f, config, made, why);

        for (FrontKind kind = 0; kind < FRONT_KIND_MAX; kind++) {
                if (r < 0) {
                        http_front_free(made[kind]);
                        continue;
                }
                retire(f, f->fronts[kind]);
                f->fronts[kind] = made[kind];
        }
        if (r < 0)
                return r;
        f->max_connections = config->max_connections;
        address_limit_init(&f->per_address, config);
        return 0;
}

static size_t count(const Fronts *f, FrontKind first, FrontKind last)
{
        size_t n = 0;

        for (FrontKind kind = first; kind <= last; kind++)
                if (f->fronts[kind])
                        n += http_front_connections(f->fronts[kind]);
        return n;
}

static HttpFront *choose(const Fronts *f, ListenerUse use)
{
        FrontKind roomy = use == LISTENER_TLS ? FRONT_TLS_ROOMY : FRONT_PLAIN_ROOMY;

        if (use == LISTENER_METRICS)
                return f->fronts[FRONT_METRICS];
        if (f->fronts[roomy] && http_front_connections(f->fronts[roomy]) < FRONT_ROOMY_CONNECTIONS)
                return f->fronts[roomy];
        return f->fronts[roomy + 1];
}

static bool is_within_limits(const Fronts *f, ListenerUse use, const HttpPeer *peer,
                             const char *key)
{
        if (use == LISTENER_METRICS)
                return count(f, FRONT_METRICS, FRONT_METRICS) < FRONT_METRICS_CONNECTIONS;
        if (count(f, FRONT_PLAIN_ROOMY, FRONT_TLS_SMALL) >= f->max_connections)
                return false;
        return address_limit_admits(&f->per_address, peer, tally_get(f->addresses, key));
}

static void refuse(Fronts *f, ListenerUse use, int fd)
{
        f->metrics->connections_refused++;
        if (use != LISTENER_TLS)
                (void) send(fd, BUSY, strlen(BUSY), MSG_DONTWAIT | MSG_NOSIGNAL);
        close_fdp(&fd);
}

static void on_closed(void *ctx, const HttpPeer *peer)
{
        Fronts *f = ctx;
        char key[HTTP_ADDRESS_BYTES];

        address_limit_key(peer, key);
        tally_remove(f->addresses, key);
}

void fronts_accept(void *ctx, ListenerUse use, int fd, const struct sockaddr *address,
                   socklen_t address_bytes, const HttpPeer *peer)
{
        Fronts *f = ctx;
        HttpFront *front = choose(f, use);
        char key[HTTP_ADDRESS_BYTES];

        address_limit_key(peer, key);
        if (!front || !is_within_limits(f, use, peer, key) || tally_add(f->addresses, key)) {
                refuse(f, use, fd);
                return;
        }
        f->metrics->connections++;
        if (http_front_take(front, fd, address, address_bytes, peer, on_closed, f) < 0)
                tally_remove(f->addresses, key);
}

void fronts_drain(Fronts *f)
{
        for (FrontKind kind = 0; kind < FRONT_KIND_MAX; kind++)
                if (f->fronts[kind])
                        http_front_drain(f->fronts[kind]);
}

void fronts_reap(Fronts *f)
{
        LIST_FOREACH (it, &f->retired) {
                Retired *retired = list_item(it, Retired, link);

                if (http_front_connections(retired->front) > 0)
                        continue;
                list_remove(it);
                http_front_free(retired->front);
                mem_free(retired);
        }
}

size_t fronts_connections(const Fronts *f)
{
        size_t n = count(f, 0, FRONT_KIND_MAX - 1);

        LIST_FOREACH (it, &f->retired)
                n += http_front_connections(list_item(it, Retired, link)->front);
        return n;
}
