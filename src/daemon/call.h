/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a client on its way through the daemon: what the handlers get, and how they read
 * arguments and answer. A handler returns the HRESULT; a failure becomes a D-Bus error with that
 * code and one line for people, success an empty answer unless the handler made another one. */
#pragma once

#include <systemd/sd-bus.h>

#include "base/attr.h"
#include "base/buf.h"
#include "daemon/client.h"
#include "daemon/service.h"

enum {
        /* The largest array of the D-Bus protocol. */
        CALL_REPLY_MAX_BYTES = 64 * 1024 * 1024,
        CALL_DETAIL_BYTES = 400,
};

typedef struct Call {
        Service *service;
        Client *client;
        sd_bus_message *message;
        sd_bus_message *reply; /* made by call_reply…(); owned */
        Caller caller;
        const char *method; /* a name of methods.def */
        bool has_job;
        GUID job;
        bool is_deferred;               /* answered through notifier.h */
        char detail[CALL_DETAIL_BYTES]; /* "" or what the code alone does not tell */
} Call;

/* The handlers: call_credentials.c, call_job.c, call_props.c, call_query.c, call_reply.c,
 * call_service.c, call_watch.c. */
#define METHOD(name, in, out, handler) HRESULT handler(Call *call);
#include "ipc/methods.def"
#undef METHOD

/* Reads arguments as sd_bus_message_read() does; strings are borrowed from the message. */
HRESULT call_read(Call *call, const char *types, ...);
/* Reads a job id from the message into call->job. */
HRESULT call_read_id(Call *call);
HRESULT call_read_bytes(Call *call, const void **ret_data, size_t *ret_bytes);

HRESULT call_reply(Call *call, const char *types, ...);
/* An answer of one byte array; E_OUTOFMEMORY or "too large" when the buffer has failed. */
HRESULT call_reply_bytes(Call *call, const Buf *b);

/* Says more than the code does: why, for the client's error line. */
void call_explain(Call *call, const char *fmt, ...) _printf_(2, 3);

/* The error line: `cannot resume 3f2a91c4 "maps.tar": the job has nothing to transfer; add a file
 * to the job first`. `subject` as made by call_subject(); `detail` may be "". Returns text. */
enum { CALL_TEXT_BYTES = 1000, CALL_SUBJECT_BYTES = 96 };
char *call_error_text(const char *method, const char *subject, HRESULT hr, const char *detail,
                      char text[CALL_TEXT_BYTES]);
/* `3f2a91c4 "maps.tar"` for the job of the call, as far as the caller may know it; "" without. */
char *call_subject(const Call *call, char subject[CALL_SUBJECT_BYTES]);
/* What a job in this state is: "suspended"; "" for an unknown one. */
const char *call_state_words(BG_JOB_STATE state);
/* Explains BG_E_INVALID_STATE by the state of the call's job. */
void call_explain_state(Call *call);
