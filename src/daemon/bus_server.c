/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/bus_server.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/call.h"
#include "daemon/turn.h"
#include "ipc/error_name.h"
#include "ipc/protocol.h"

static int make_error(Call *call, HRESULT hr, sd_bus_message **ret)
{
        char name[ERROR_NAME_BYTES], subject[CALL_SUBJECT_BYTES], text[CALL_TEXT_BYTES];

        if (hr == BG_E_INVALID_STATE && call->has_job && !*call->detail)
                call_explain_state(call);
        if (call->service->store_refuses && hr == HRESULT_FROM_WIN32(ERROR_WRITE_PROTECT))
                call_explain(call, "%s", call->service->store_note);
        (void) call_subject(call, subject);
        (void) call_error_text(call->method, subject, hr, call->detail, text);
        log_debug("client %llu: %s (0x%08X)", (unsigned long long) call->client->number, text,
                  (unsigned) hr);
        return sd_bus_message_new_method_errorf(call->message, ret, error_name_format(hr, name),
                                                "%s", text);
}

static int answer(Call *call, HRESULT hr)
{
        int r = 0;

        if (sd_bus_message_get_expect_reply(call->message) <= 0)
                return 0;
        if (FAILED(hr)) {
                call->reply = sd_bus_message_unref(call->reply);
                r = make_error(call, hr, &call->reply);
        } else if (!call->reply) {
                r = sd_bus_message_new_method_return(call->message, &call->reply);
        }
        if (r < 0)
                return r;
        client_send(call->client, call->reply);
        return 0;
}

static int serve(sd_bus_message *message, Client *c, const char *method,
                 HRESULT (*handler)(Call *call))
{
        Service *s = client_context(c);
        Call call = {
                .service = s,
                .client = c,
                .message = message,
                .caller = c->caller,
                .method = method,
        };
        HRESULT hr = handler(&call);
        int r = 0;

        turn_request(s->turn);
        if (!call.is_deferred)
                r = answer(&call, hr);
        (void) sd_bus_message_unref(call.reply);
        if (r < 0) { /* out of memory; an answer is owed, so the connection cannot go on */
                log_warning("no memory to answer a client");
                client_drop(c, strerror(-r));
        }
        return 1;
}

#define METHOD(name, in, out, handler)                                                             \
        static int serve_##handler(sd_bus_message *message, void *ctx, sd_bus_error *error)        \
        {                                                                                          \
                return serve(message, ctx, #name, handler);                                        \
        }
#include "ipc/methods.def"
#undef METHOD

#define METHOD(name, in, out, handler)                                                             \
        SD_BUS_METHOD(#name, in, out, serve_##handler, SD_BUS_VTABLE_UNPRIVILEGED),
static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
#include "ipc/methods.def"
        SD_BUS_SIGNAL(IPC_SIGNAL_CHANGED, "ay", 0),
        SD_BUS_VTABLE_END,
};
#undef METHOD

const sd_bus_vtable *bus_server_vtable(void)
{
        return vtable;
}
