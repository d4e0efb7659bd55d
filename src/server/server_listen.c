/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#define WHY_MAX_BYTES 4096
#define NAME_BYTES 320

typedef struct Wish {
        const char *address;
        ListenerUse use;
} Wish;

static size_t list_wishes(const Config *config, Wish wishes[CONFIG_LISTENERS_MAX + 1])
{
        size_t n = 0;

        for (size_t i = 0; i < config->n_listeners; i++)
                wishes[n++] = (Wish){config->listeners[i].address,
                                     config->listeners[i].tls ? LISTENER_TLS : LISTENER_PLAIN};
        if (*config->metrics_address)
                wishes[n++] = (Wish){config->metrics_address, LISTENER_METRICS};
        return n;
}

static bool is_open(const Server *s, const Wish *wish)
{
        for (size_t i = 0; i < s->n_listeners; i++)
                if (str_equal(listener_address(s->listeners[i]), wish->address) &&
                    listener_use(s->listeners[i]) == wish->use)
                        return true;
        return false;
}

static bool is_wished(const Listener *l, const Wish *wishes, size_t n)
{
        const char *address = listener_address(l);

        if (!address)
                return true; /* inherited */
        for (size_t i = 0; i < n; i++)
                if (str_equal(address, wishes[i].address) && listener_use(l) == wishes[i].use)
                        return true;
        return false;
}

static bool any_is_wished(const Server *s, const Wish *wishes, size_t n)
{
        for (size_t i = 0; i < s->n_listeners; i++)
                if (is_wished(s->listeners[i], wishes, n))
                        return true;
        return false;
}

static int open_one(Server *s, const Wish *wish)
{
        _cleanup_(buf_done) Buf why;
        const char *text;
        int r;

        buf_init(&why, WHY_MAX_BYTES);
        if (s->n_listeners == SERVER_LISTENERS_MAX)
                return -E2BIG;
        r = listener_open(s->loop, wish->address, wish->use, fronts_accept, s->fronts, &why,
                          &s->listeners[s->n_listeners]);
        if (r < 0) {
                text = buf_cstr(&why);
                log_error("cannot listen: %s", text ? text : strerror(-r));
                return r;
        }
        s->n_listeners++;
        return 0;
}

int server_listen(Server *s, const Config *config)
{
        Wish wishes[CONFIG_LISTENERS_MAX + 1];
        size_t n = list_wishes(config, wishes), n_before = s->n_listeners;
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = is_open(s, &wishes[i]) ? 0 : open_one(s, &wishes[i]);
        if (r == 0 && !any_is_wished(s, wishes, n)) {
                log_error("nowhere to listen: give --listen HOST:PORT");
                r = -EINVAL;
        }
        if (r < 0)
                server_listen_undo(s, n_before);
        return r;
}

void server_listen_undo(Server *s, size_t n)
{
        while (s->n_listeners > n)
                listener_free(s->listeners[--s->n_listeners]);
}

void server_listen_no_more(Server *s, const Config *config)
{
        Wish wishes[CONFIG_LISTENERS_MAX + 1];
        size_t n = list_wishes(config, wishes), kept = 0;

        for (size_t i = 0; i < s->n_listeners; i++) {
                if (is_wished(s->listeners[i], wishes, n))
                        s->listeners[kept++] = s->listeners[i];
                else
                        listener_free(s->listeners[i]);
        }
        s->n_listeners = kept;
}

static ListenerUse use_of(const char *name)
{
        if (name && str_equal(name, "tls"))
                return LISTENER_TLS;
        return name && str_equal(name, "metrics") ? LISTENER_METRICS : LISTENER_PLAIN;
}

static void free_names(char **names)
{
        for (char **p = names; p && *p; p++)
                mem_free(*p);
        mem_free(names);
}

int server_listen_inherited(Server *s)
{
        char **names = NULL;
        int n = sd_listen_fds_with_names(1, &names);
        int r = n < 0 ? n : 0;

        for (int i = 0; i < n && r == 0; i++) {
                if (s->n_listeners == SERVER_LISTENERS_MAX)
                        r = -E2BIG;
                else
                        r = listener_adopt(s->loop, SD_LISTEN_FDS_START + i,
                                           use_of(names ? names[i] : NULL), fronts_accept,
                                           s->fronts, &s->listeners[s->n_listeners]);
                if (r == 0)
                        s->n_listeners++;
        }
        free_names(names);
        if (r < 0)
                log_error("inherited sockets: %s", strerror(-r));
        return r;
}

void server_stop_listening(Server *s)
{
        for (size_t i = 0; i < s->n_listeners; i++)
                listener_free(s->listeners[i]);
        s->n_listeners = 0;
}

/* By rename, so that whoever waits for it reads it whole. */
static int write_port_file(const char *path, unsigned port)
{
        _cleanup_free_ char *new_path = mem_printf("%s.new", path);
        _cleanup_close_ int fd = -1;
        char text[16];
        int r;

        if (!new_path)
                return -ENOMEM;
        fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        (void) snprintf(text, sizeof(text), "%u\n", port);
        r = fd_write_all(fd, text, strlen(text));
        if (r < 0)
                return r;
        return rename(new_path, path) < 0 ? -errno : 0;
}

/* Where applications on this machine reach us, for relative notification URLs. */
static int set_local_origin(Server *s)
{
        const char *scheme = "http";
        unsigned port = 0;
        char *origin;

        for (size_t i = 0; i < s->n_listeners && port == 0; i++) {
                ListenerUse use = listener_use(s->listeners[i]);

                if (use == LISTENER_METRICS)
                        continue;
                port = listener_port(s->listeners[i]);
                scheme = use == LISTENER_TLS ? "https" : "http";
        }
        origin = port ? mem_printf("%s://127.0.0.1:%u", scheme, port)
                      : mem_strdup("http://127.0.0.1");
        if (!origin)
                return -ENOMEM;
        mem_free(s->world.local_origin);
        s->world.local_origin = origin;
        return 0;
}

int server_announce(Server *s)
{
        static const char *const USES[] = {[LISTENER_PLAIN] = "http",
                                           [LISTENER_TLS] = "https",
                                           [LISTENER_METRICS] = "metrics"};
        char name[NAME_BYTES];
        int r = set_local_origin(s);

        if (r < 0)
                return r;
        if (s->options->port_file)
                r = write_port_file(s->options->port_file, listener_port(s->listeners[0]));
        if (r < 0) {
                log_error("%s: %s", s->options->port_file, strerror(-r));
                return r;
        }
        for (size_t i = 0; i < s->n_listeners; i++)
                (void) printf("listening on %s %s\n",
                              listener_name(s->listeners[i], name, sizeof(name)),
                              USES[listener_use(s->listeners[i])]);
        if (fflush(stdout) != 0)
                log_debug("nobody reads standard output");
        return 0;
}
