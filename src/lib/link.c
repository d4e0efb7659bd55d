/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <errno.h>
#include <poll.h>

#include "autostart.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hresult.h"
#include "ipc/error_name.h"
#include "ipc/protocol.h"
#include "last_message.h"

enum { OPEN_TRIES = 3 };

typedef struct PendingCall {
        sd_bus_message *reply;
        bool done;
        bool unsent;
} PendingCall;

static bool is_disconnect(int r)
{
        return r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN || r == -ESHUTDOWN ||
               r == -ECONNABORTED || r == -ECONNREFUSED;
}

int link_start(int fd, sd_bus **ret)
{
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_close_ int owned = fd;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                return r;
        (void) TAKE_FD(owned); /* the bus closes it */
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int new_greeting(sd_bus *bus, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, NULL, IPC_PATH, IPC_INTERFACE, "Hello");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "us", (uint32_t) IPC_VERSION, program_invocation_short_name);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int link_greet_async(sd_bus *bus, sd_bus_slot **ret_slot, sd_bus_message_handler_t done, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = new_greeting(bus, &m);
        if (r < 0)
                return r;
        return sd_bus_call_async(bus, ret_slot, m, done, ctx, UINT64_MAX);
}

static HRESULT read_greeting(sd_bus_message *reply)
{
        HRESULT hr = link_reply_result(reply);
        uint32_t version;

        if (FAILED(hr))
                return hr;
        if (sd_bus_message_read(reply, "us", &version, NULL) < 0 || version != IPC_VERSION) {
                last_message_set("the running service speaks another version of the protocol");
                return HR_UNAVAILABLE;
        }
        return S_OK;
}

/* One try. *ret_hung_up: the other end left before it said anything. */
static HRESULT try_open(const Endpoint *e, bool *ret_hung_up, sd_bus **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        LinkOutcome outcome;
        HRESULT hr;
        int fd, r;

        *ret_hung_up = false;
        hr = autostart_connect(e, &fd);
        if (FAILED(hr))
                return hr;
        r = link_start(fd, &bus);
        if (r >= 0)
                r = new_greeting(bus, &m);
        if (r < 0) {
                *ret_hung_up = is_disconnect(r);
                return hresult_from_errno(r);
        }
        outcome = link_call(bus, m, e->timeout_usec, &reply);
        *ret_hung_up = outcome == LINK_UNSENT || outcome == LINK_LOST;
        hr = outcome == LINK_ANSWERED ? read_greeting(reply) : link_outcome_result(outcome);
        if (SUCCEEDED(hr))
                *ret = TAKE_PTR(bus);
        return hr;
}

HRESULT link_open(const Endpoint *e, sd_bus **ret)
{
        bool hung_up;
        HRESULT hr;

        /* A service that is just leaving may still have taken the connection: the next try finds
         * nobody and starts another one. */
        for (unsigned i = 0; i < OPEN_TRIES; i++) {
                hr = try_open(e, &hung_up, ret);
                if (!hung_up)
                        return hr;
        }
        last_message_set("the service closes every connection at once");
        return HR_UNAVAILABLE;
}

bool link_is_hung_up(sd_bus *bus)
{
        struct pollfd p = {.fd = sd_bus_get_fd(bus), .events = POLLIN};

        if (p.fd < 0 || sd_bus_is_open(bus) <= 0)
                return true;
        return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static int take_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        PendingCall *call = userdata;
        sd_bus *bus = sd_bus_message_get_bus(m);
        uint64_t queued = 0;

        call->done = true;
        if (sd_bus_is_open(bus) > 0) {
                call->reply = sd_bus_message_ref(m);
                return 1;
        }
        /* Made up by sd-bus for a connection that ended. A request that is still (partly) in our
         * queue cannot have been acted on. */
        call->unsent = sd_bus_get_n_queued_write(bus, &queued) >= 0 && queued > 0;
        return 1;
}

/* 0 when the answer or the end of the connection has come; -ETIMEDOUT; other errors of sd-bus. */
static int wait_for(sd_bus *bus, const PendingCall *call, uint64_t timeout_usec)
{
        uint64_t now = clock_mono_usec(&CLOCK_SYSTEM);
        uint64_t deadline = timeout_usec > UINT64_MAX - now ? UINT64_MAX : now + timeout_usec;

        while (!call->done) {
                int r = sd_bus_process(bus, NULL);

                if (r < 0 && r != -EINTR)
                        return r;
                if (r != 0)
                        continue;
                now = clock_mono_usec(&CLOCK_SYSTEM);
                if (now >= deadline)
                        return -ETIMEDOUT;
                r = sd_bus_wait(bus, deadline == UINT64_MAX ? UINT64_MAX : deadline - now);
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

LinkOutcome link_call(sd_bus *bus, sd_bus_message *request, uint64_t timeout_usec,
                      sd_bus_message **ret_reply)
{
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        PendingCall call = {0};
        int r;

        r = sd_bus_call_async(bus, &slot, request, take_reply, &call, UINT64_MAX);
        if (r < 0)
                return is_disconnect(r) ? LINK_UNSENT : LINK_BROKEN;
        r = wait_for(bus, &call, timeout_usec);
        if (call.reply) {
                *ret_reply = call.reply;
                return LINK_ANSWERED;
        }
        if (r == -ETIMEDOUT)
                return LINK_TIMEOUT;
        if (r < 0 && !is_disconnect(r))
                return LINK_BROKEN;
        return call.unsent ? LINK_UNSENT : LINK_LOST;
}

HRESULT link_reply_result(sd_bus_message *reply)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (!error)
                return S_OK;
        last_message_set(error->message);
        return error_name_to_hresult(error->name);
}

HRESULT link_outcome_result(LinkOutcome outcome)
{
        switch (outcome) {
        case LINK_TIMEOUT:
                last_message_set("the service did not answer in time");
                return RPC_E_TIMEOUT;
        case LINK_BROKEN:
                last_message_set("the service sent an answer that makes no sense");
                return HR_CALL_FAILED;
        case LINK_LOST:
                last_message_set("the service ended before it answered; the call may or may not "
                                 "have taken effect");
                return HR_CALL_FAILED;
        default:
                last_message_set("the connection to the service ended");
                return HR_UNAVAILABLE;
        }
}
