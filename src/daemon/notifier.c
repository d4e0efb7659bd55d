/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notifier.h"

#include <errno.h>

#include "base/fd.h"
#include "base/guid.h"
#include "base/hash.h"
#include "base/hresult.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/program_pool.h"
#include "daemon/rekey.h"
#include "daemon/turn.h"
#include "daemon/watch.h"
#include "ipc/error_name.h"
#include "ipc/protocol.h"

/* How long a client's callback may take before it counts as failed. */
#define CALLBACK_TIMEOUT_USEC (60 * USEC_PER_SEC)

/* A Complete or Cancel that is not answered yet. */
typedef struct Pending {
        uint64_t token;
        List link; /* Notifier.pending */
        Client *client;
        sd_bus_message *message;
        const char *method; /* of the table of methods */
        char subject[CALL_SUBJECT_BYTES];
        char state[CALL_DETAIL_BYTES]; /* what the job was when it was asked; "" not known */
} Pending;

/* A callback that the client has not answered yet. */
typedef struct Delivery {
        List link; /* Client.deliveries */
        Notifier *notifier;
        Client *client;
        uint64_t number; /* the engine's */
        sd_bus_slot *slot;
} Delivery;

struct Notifier {
        Service *service;
        List pending;
        Hash *by_token;
        uint64_t next_token;
};

static void pending_free(Notifier *n, Pending *p)
{
        (void) hash_remove(n->by_token, &p->token);
        list_remove(&p->link);
        p->client->calls_pending--;
        (void) sd_bus_message_unref(p->message);
        mem_free(p);
}

static void delivery_free(Delivery *d)
{
        list_remove(&d->link);
        (void) sd_bus_slot_unref(d->slot);
        mem_free(d);
}

HRESULT notifier_defer(Notifier *n, Call *call, uint64_t *ret_token)
{
        Client *c = call->client;
        Pending *p;

        if (c->calls_pending >= IPC_CALLS_PENDING_MAX) {
                call_explain(call,
                             "%d calls of this connection wait for their answer already; wait for "
                             "one of them",
                             IPC_CALLS_PENDING_MAX);
                return HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA);
        }
        p = mem_new(Pending);
        if (!p)
                return E_OUTOFMEMORY;
        *p = (Pending){.token = ++n->next_token, .client = c, .method = call->method};
        if (hash_put(n->by_token, &p->token, p) < 0) {
                mem_free(p);
                return E_OUTOFMEMORY;
        }
        list_append(&n->pending, &p->link);
        p->message = sd_bus_message_ref(call->message);
        /* Words for the answer, which is made where the engine cannot be asked. */
        (void) call_subject(call, p->subject);
        call_explain_state(call);
        (void) str_copy(p->state, sizeof(p->state), call->detail);
        c->calls_pending++;
        call->is_deferred = true;
        *ret_token = p->token;
        return S_OK;
}

static int make_answer(const Pending *p, HRESULT hr, const char *detail, sd_bus_message **ret)
{
        char name[ERROR_NAME_BYTES], text[CALL_TEXT_BYTES];
        int r;

        if (FAILED(hr))
                return sd_bus_message_new_method_errorf(
                        p->message, ret, error_name_format(hr, name), "%s",
                        call_error_text(p->method, p->subject, hr, detail, text));
        r = sd_bus_message_new_method_return(p->message, ret);
        return r < 0 ? r : sd_bus_message_append(*ret, "u", (uint32_t) hr);
}

void notifier_answer(Notifier *n, uint64_t token, HRESULT hr, const char *detail)
{
        Pending *p = hash_get(n->by_token, &token);
        sd_bus_message *answer = NULL;

        if (!p) /* its client has ended */
                return;
        if (sd_bus_message_get_expect_reply(p->message) > 0) {
                if (!detail)
                        detail = hr == BG_E_INVALID_STATE ? p->state : "";
                if (make_answer(p, hr, detail, &answer) < 0)
                        client_drop(p->client, "no memory for an answer");
                else
                        client_send(p->client, answer);
        }
        (void) sd_bus_message_unref(answer);
        pending_free(n, p);
}

/* Which file it was, for the user may have thousands. */
static const char *name_file(const JobFile *file, HRESULT hr, char detail[CALL_DETAIL_BYTES])
{
        char name[CALL_DETAIL_BYTES / 2];

        (void) snprintf(detail, CALL_DETAIL_BYTES, "%s: %s",
                        str_escape(name, sizeof(name), file->local), hresult_text(hr));
        return detail;
}

static void port_reply(void *ctx, uint64_t token, HRESULT hr, const JobFile *file)
{
        char detail[CALL_DETAIL_BYTES];
        Notifier *n = ctx;

        if (token == REKEY_TOKEN)
                rekey_ended(n->service->rekey, hr);
        else
                notifier_answer(n, token, hr, file ? name_file(file, hr, detail) : NULL);
}

static void log_change(const Job *job)
{
        const LogFields fields = {
                .job = &job->id,
                .hresult = FAILED(job->status.error.code) ? &job->status.error.code : NULL,
                .url_host = *job->status.error.host ? job->status.error.host : NULL,
                .owner_uid = (long) job->owner_uid,
        };
        const char *name = job->props.name;
        char id[GUID_TEXT_LEN + 1];

        guid_format(&job->id, id);
        switch (job->status.state) {
        case BG_JOB_STATE_ERROR:
        case BG_JOB_STATE_TRANSIENT_ERROR:
                log_line(job->status.state == BG_JOB_STATE_ERROR ? LOG_WARNING : LOG_NOTICE,
                         &fields, "job %.8s \"%s\": %s (0x%08X)", id, name,
                         *job->status.error.text ? job->status.error.text
                                                 : hresult_text(job->status.error.code),
                         (unsigned) job->status.error.code);
                break;
        case BG_JOB_STATE_TRANSFERRED:
                log_line(LOG_INFO, &fields, "job %.8s \"%s\" is transferred, files: %u", id, name,
                         job->files_len);
                break;
        default:
                log_line(LOG_DEBUG, &fields, "job %.8s \"%s\": state %d", id, name,
                         (int) job->status.state);
        }
}

static void port_changed(void *ctx, const Job *job, bool state_changed)
{
        Notifier *n = ctx;

        if (state_changed)
                log_change(job);
        watch_changed(n->service->watch, job, state_changed);
}

static HRESULT callback_result(sd_bus_message *answer)
{
        uint32_t result;

        if (sd_bus_message_is_method_error(answer, NULL))
                return error_name_to_hresult(sd_bus_message_get_error(answer)->name);
        if (sd_bus_message_read(answer, "u", &result) <= 0)
                return E_UNEXPECTED;
        return (HRESULT) result;
}

static int on_callback_answer(sd_bus_message *answer, void *ctx, sd_bus_error *error)
{
        Delivery *d = ctx;
        Service *s = d->notifier->service;
        HRESULT hr = callback_result(answer);
        uint64_t number = d->number;

        /* A connection that ended is told to the engine as such, in notifier_client_ended(). */
        if (sd_bus_message_is_method_error(answer, NULL) && sd_bus_is_open(d->client->bus) <= 0)
                return 0;
        delivery_free(d);
        manager_notify_result(s->manager, number, hr);
        turn_request(s->turn);
        return 0;
}

static int port_deliver(void *ctx, uint64_t client, uint64_t delivery, const Job *job,
                        NotifyKind kind)
{
        Notifier *n = ctx;
        Client *c = clients_find(n->service->clients, client);
        sd_bus_message *m = NULL;
        uint8_t id[16];
        Delivery *d;
        int r;

        if (!c)
                return -ENOTCONN;
        d = mem_new(Delivery);
        if (!d)
                return -ENOMEM;
        *d = (Delivery){.notifier = n, .client = c, .number = delivery};
        list_append(&c->deliveries, &d->link);
        guid_to_bytes(&job->id, id);
        r = sd_bus_message_new_method_call(c->bus, &m, NULL, IPC_PATH, IPC_CALLBACK_INTERFACE,
                                           IPC_CALL_NOTIFY);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', id, sizeof(id));
        if (r >= 0)
                r = sd_bus_message_append(m, "u", (uint32_t) kind);
        if (r >= 0)
                r = sd_bus_call_async(c->bus, &d->slot, m, on_callback_answer, d,
                                      CALLBACK_TIMEOUT_USEC);
        (void) sd_bus_message_unref(m);
        if (r < 0) {
                delivery_free(d);
                return r;
        }
        return 0;
}

static int port_run_program(void *ctx, uint64_t delivery, const Job *job, NotifyKind kind)
{
        Notifier *n = ctx;

        return program_pool_run(n->service->programs, delivery, job, kind);
}

NotifierPort notifier_port(Notifier *n)
{
        return (NotifierPort){
                .reply = port_reply,
                .changed = port_changed,
                .deliver = port_deliver,
                .run_program = port_run_program,
                .ctx = n,
        };
}

void notifier_client_ended(Notifier *n, Client *c)
{
        LIST_FOREACH (it, &c->deliveries)
                delivery_free(list_item(it, Delivery, link));
        if (c->calls_pending > 0) {
                LIST_FOREACH (it, &n->pending) {
                        Pending *p = list_item(it, Pending, link);

                        if (p->client == c)
                                pending_free(n, p);
                }
        }
        manager_client_gone(n->service->manager, c->number);
}

int notifier_new(Service *s, Notifier **ret)
{
        _cleanup_(notifier_freep) Notifier *n = mem_new(Notifier);
        uint64_t seed;
        int r;

        if (!n)
                return -ENOMEM;
        n->service = s;
        list_init(&n->pending);
        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        n->by_token = hash_new(sizeof(uint64_t), seed);
        if (!n->by_token)
                return -ENOMEM;
        *ret = TAKE_PTR(n);
        return 0;
}

Notifier *notifier_free(Notifier *n)
{
        if (!n)
                return NULL;
        LIST_FOREACH (it, &n->pending)
                pending_free(n, list_item(it, Pending, link));
        (void) hash_free(n->by_token);
        mem_free(n);
        return NULL;
}
