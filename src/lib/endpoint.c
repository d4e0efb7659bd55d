/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/hresult.h"
#include "base/parse.h"
#include "ipc/address.h"
#include "ipc/peer.h"
#include "last_message.h"

static bool env_allows_autostart(void)
{
        const char *value = secure_getenv("BITSD_AUTOSTART");
        bool on;

        return !value || parse_bool(value, &on) < 0 || on;
}

static HRESULT choose_socket(const bits_options *options, char **ret, bool *ret_explicit)
{
        const char *given = options ? options->socket_path : NULL;
        const char *env = secure_getenv("BITSD_SOCKET");
        struct sockaddr_un address;
        int r;

        if (!given) {
                r = address_user_socket(geteuid(), ret);
                if (r == -ENAMETOOLONG) {
                        last_message_set("the path of the service's socket is too long");
                        return E_INVALIDARG;
                }
                if (r < 0)
                        return hresult_from_errno(r);
                *ret_explicit = env && *env;
                return S_OK;
        }
        if (!*given || strlen(given) >= sizeof(address.sun_path))
                return E_INVALIDARG;
        *ret = mem_strdup(given);
        if (!*ret)
                return E_OUTOFMEMORY;
        *ret_explicit = true;
        return S_OK;
}

HRESULT endpoint_init(Endpoint *e, const bits_options *options)
{
        unsigned timeout_ms = options ? options->timeout_ms : 0;
        bool is_explicit = false;
        char *socket = NULL;
        HRESULT hr;

        hr = choose_socket(options, &socket, &is_explicit);
        if (FAILED(hr))
                return hr;
        *e = (Endpoint){
                .socket = socket,
                .is_explicit = is_explicit,
                .autostart = !(options && options->no_autostart) && env_allows_autostart(),
                .timeout_usec = (timeout_ms ? timeout_ms : CALL_TIMEOUT_DEFAULT_MS) * USEC_PER_MSEC,
        };
        return S_OK;
}

HRESULT endpoint_copy(Endpoint *e, const Endpoint *from)
{
        char *socket = mem_strdup(from->socket);

        if (!socket)
                return E_OUTOFMEMORY;
        *e = *from;
        e->socket = socket;
        return S_OK;
}

void endpoint_done(Endpoint *e)
{
        mem_free(e->socket);
        e->socket = NULL;
}

/* The default place may lie in a directory that everybody can write to. */
static bool may_serve_us(const Endpoint *e, int fd)
{
        Peer peer;

        return e->is_explicit ||
               (peer_of_socket(fd, &peer) >= 0 && (peer.uid == geteuid() || peer.uid == 0));
}

int endpoint_connect(const Endpoint *e, int *ret_fd)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;
        size_t bytes = strlen(e->socket);

        if (bytes >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, e->socket, bytes);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        if (!may_serve_us(e, fd))
                return -EPERM;
        *ret_fd = TAKE_FD(fd);
        return 0;
}
