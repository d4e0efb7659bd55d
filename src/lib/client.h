/* SPDX-License-Identifier: Apache-2.0 */
/* A bits_client: one connection, made again when it is lost, and the one place for time-outs and
 * for what to do about lost answers. Counted references, because COM objects share it.
 *
 * Threads take turns. After fork(2) the child gets a connection of its own at its first call.
 *
 * A connection found dead before the request is sent is replaced silently. When it dies while an
 * answer is due, the request is repeated once if that is safe: always when the service cannot have
 * read it whole, and for calls marked `repeatable` (reading; setting something to a given value).
 * Otherwise the call fails with 0x800706BE, and *ret_lost says that its effect is unknown. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "base/attr.h"
#include "base/cleanup.h"
#include "bits_native.h"
#include "endpoint.h"

typedef struct Call {
        const char *member;
        const GUID *job;  /* goes first when not NULL */
        const void *blob; /* an array of bytes that goes last, when not NULL */
        size_t blob_bytes;
        bool repeatable;
        bool no_timeout;
        bool secret;    /* the values leave no copy behind in the request's memory */
        bool *ret_lost; /* may be NULL */
        /* Reads a good answer, under the client's lock; NULL when there is nothing to read. */
        HRESULT (*decode)(sd_bus_message *reply, void *ctx);
        void *ctx;
} Call;

/* `types` and the values after it are as for sd_bus_message_append: basic types only. Clears the
 * thread's last message first. */
_must_use_ HRESULT client_call(bits_client *c, const Call *call, const char *types, ...);

_must_use_ HRESULT client_new(const bits_options *options, bits_client **ret);
bits_client *client_ref(bits_client *c);
bits_client *client_unref(bits_client *c); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(bits_client *, client_unref)
const Endpoint *client_endpoint(const bits_client *c);

/* Appends a job's id as 16 bytes. */
_must_use_ int client_append_id(sd_bus_message *m, const GUID *id);
