/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the service: sd-bus on the private socket. Not for several threads at once;
 * whoever owns a link has the lock around it. No call here raises SIGPIPE, and an interrupted
 * system call ends nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/attr.h"
#include "base/cleanup.h"
#include "endpoint.h"

/* 0x800706BA, 0x80070422, 0x800706BE: nobody to talk to, nobody and none may be started, an answer
 * that never came. */
#define HR_UNAVAILABLE HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)
#define HR_DISABLED HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED)
#define HR_CALL_FAILED HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)

/* What became of a call. */
typedef enum LinkOutcome {
        LINK_ANSWERED, /* *ret_reply holds the answer, maybe an error */
        LINK_UNSENT,   /* the connection is gone; the service cannot have acted on the request */
        LINK_LOST,     /* the connection is gone; it may have */
        LINK_TIMEOUT,  /* no answer in time; the connection still stands */
        LINK_BROKEN,   /* the connection carries nonsense, or memory ran out; close it */
} LinkOutcome;

/* Makes a bus on a connected socket, which is consumed also on failure. Nothing is waited for:
 * requests may be queued at once. Negative errno. */
_must_use_ int link_start(int fd, sd_bus **ret);
/* Connects (starting the service when that is allowed and needed), authenticates and greets. */
_must_use_ HRESULT link_open(const Endpoint *e, sd_bus **ret);
/* Queues the greeting; `done` is called with the answer. Negative errno. */
_must_use_ int link_greet_async(sd_bus *bus, sd_bus_slot **ret_slot, sd_bus_message_handler_t done,
                                void *ctx);

/* True when the other end has hung up, so that a request would be lost. */
bool link_is_hung_up(sd_bus *bus);
/* Sends a request and waits for its answer; timeout UINT64_MAX waits for ever. */
LinkOutcome link_call(sd_bus *bus, sd_bus_message *request, uint64_t timeout_usec,
                      sd_bus_message **ret_reply);
/* The code in an answer: S_OK, or that of the error, whose text becomes the last message. */
HRESULT link_reply_result(sd_bus_message *reply);
/* The code for an outcome that is not LINK_ANSWERED; sets the last message. */
HRESULT link_outcome_result(LinkOutcome outcome);
