/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/guid.h"
#include "base/hresult.h"
#include "ipc/protocol.h"
#include "last_message.h"
#include "link.h"

/* What belongs to one process. A child after fork(2) makes its own and leaves the parent's alone:
 * its lock may be held by a thread that does not exist here. */
typedef struct Line {
        pthread_mutex_t lock;
        sd_bus *bus; /* NULL while not connected */
        pid_t pid;
        struct Line *inherited; /* of the parent process */
} Line;

struct bits_client {
        atomic_uint refs;
        Endpoint endpoint;
        _Atomic(Line *) line;
};

static Line *line_new(Line *inherited)
{
        Line *line = mem_new(Line);

        if (!line)
                return NULL;
        if (pthread_mutex_init(&line->lock, NULL) != 0) {
                mem_free(line);
                return NULL;
        }
        line->pid = getpid();
        line->inherited = inherited;
        return line;
}

/* In a child sd-bus closes nothing but the descriptor. A bus that another thread was using at the
 * moment of the fork stays as it is. */
static void line_hang_up(Line *line)
{
        if (pthread_mutex_trylock(&line->lock) != 0)
                return;
        line->bus = sd_bus_close_unref(line->bus);
        (void) pthread_mutex_unlock(&line->lock);
}

static void line_free(Line *line)
{
        while (line) {
                Line *next = line->inherited;

                line_hang_up(line);
                if (line->pid == getpid())
                        (void) pthread_mutex_destroy(&line->lock);
                mem_free(line);
                line = next;
        }
}

/* This process's line, locked. NULL when out of memory. */
static Line *lock_line(bits_client *c)
{
        Line *line = atomic_load(&c->line);

        while (line->pid != getpid()) {
                Line *own = line_new(line);

                if (!own)
                        return NULL;
                if (atomic_compare_exchange_strong(&c->line, &line, own)) {
                        line_hang_up(line); /* else the service would not see the parent leave */
                        line = own;
                        break;
                }
                own->inherited = NULL;
                line_free(own);
        }
        (void) pthread_mutex_lock(&line->lock);
        return line;
}

static void hang_up(Line *line)
{
        line->bus = sd_bus_close_unref(line->bus);
}

HRESULT client_new(const bits_options *options, bits_client **ret)
{
        _cleanup_(client_unrefp) bits_client *c = mem_new(bits_client);
        Line *line;
        HRESULT hr;

        if (!c)
                return E_OUTOFMEMORY;
        atomic_init(&c->refs, 1);
        hr = endpoint_init(&c->endpoint, options);
        if (FAILED(hr))
                return hr;
        line = line_new(NULL);
        if (!line)
                return E_OUTOFMEMORY;
        atomic_init(&c->line, line);
        hr = link_open(&c->endpoint, &line->bus);
        if (FAILED(hr))
                return hr;
        *ret = TAKE_PTR(c);
        return S_OK;
}

bits_client *client_ref(bits_client *c)
{
        (void) atomic_fetch_add(&c->refs, 1);
        return c;
}

bits_client *client_unref(bits_client *c)
{
        if (c && atomic_fetch_sub(&c->refs, 1) == 1) {
                line_free(atomic_load(&c->line));
                endpoint_done(&c->endpoint);
                mem_free(c);
        }
        return NULL;
}

const Endpoint *client_endpoint(const bits_client *c)
{
        return &c->endpoint;
}

int client_append_id(sd_bus_message *m, const GUID *id)
{
        uint8_t bytes[16];

        guid_to_bytes(id, bytes);
        return sd_bus_message_append_array(m, 'y', bytes, sizeof(bytes));
}

static int make_request(sd_bus *bus, const Call *call, const char *types, va_list values,
                        sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, NULL, IPC_PATH, IPC_INTERFACE, call->member);
        if (r >= 0 && call->secret)
                r = sd_bus_message_sensitive(m);
        if (r >= 0 && call->job)
                r = client_append_id(m, call->job);
        if (r >= 0 && types && *types)
                r = sd_bus_message_appendv(m, types, values);
        if (r >= 0 && call->blob)
                r = sd_bus_message_append_array(m, 'y', call->blob, call->blob_bytes);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

static HRESULT read_answer(const Call *call, sd_bus_message *reply)
{
        HRESULT hr = link_reply_result(reply);

        if (FAILED(hr) || !call->decode)
                return hr;
        hr = call->decode(reply, call->ctx);
        if (hr == HR_CALL_FAILED)
                return link_outcome_result(LINK_BROKEN);
        return hr;
}

/* Ready to send: reconnects when there is no connection or the other end has hung up. */
static HRESULT ensure_connected(bits_client *c, Line *line)
{
        if (line->bus && link_is_hung_up(line->bus))
                hang_up(line);
        return line->bus ? S_OK : link_open(&c->endpoint, &line->bus);
}

static HRESULT call_locked(bits_client *c, Line *line, const Call *call, const char *types,
                           va_list values)
{
        uint64_t timeout_usec = call->no_timeout ? UINT64_MAX : c->endpoint.timeout_usec;

        for (bool repeated = false;; repeated = true) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
                LinkOutcome outcome;
                HRESULT hr;
                va_list copy;
                int r;

                hr = ensure_connected(c, line);
                if (FAILED(hr))
                        return hr;
                va_copy(copy, values);
                r = make_request(line->bus, call, types, copy, &m);
                va_end(copy);
                if (r < 0)
                        return hresult_from_errno(r);

                outcome = link_call(line->bus, m, timeout_usec, &reply);
                if (outcome == LINK_ANSWERED)
                        return read_answer(call, reply);
                if (outcome != LINK_TIMEOUT) {
                        m = sd_bus_message_unref(m);
                        hang_up(line);
                }
                if (!repeated &&
                    (outcome == LINK_UNSENT || (outcome == LINK_LOST && call->repeatable)))
                        continue;
                if (call->ret_lost)
                        *call->ret_lost = outcome != LINK_UNSENT;
                return link_outcome_result(outcome);
        }
}

HRESULT client_call(bits_client *c, const Call *call, const char *types, ...)
{
        va_list values;
        HRESULT hr;
        Line *line;

        last_message_clear();
        if (call->ret_lost)
                *call->ret_lost = false;
        line = lock_line(c);
        if (!line)
                return E_OUTOFMEMORY;
        va_start(values, types);
        hr = call_locked(c, line, call, types, values);
        va_end(values);
        (void) pthread_mutex_unlock(&line->lock);
        return hr;
}

_public_ HRESULT bits_connect(const bits_options *options, bits_client **ret)
{
        last_message_clear();
        if (!ret)
                return E_INVALIDARG;
        *ret = NULL;
        return client_new(options, ret);
}

_public_ void bits_disconnect(bits_client *client)
{
        (void) client_unref(client);
}

_public_ const char *bits_client_socket(bits_client *client)
{
        return client ? client->endpoint.socket : "";
}
