/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upload.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "server/publish.h"
#include "server/server.h"
#include "server/session_table.h"

#define RETRY_AFTER_SEC 60

typedef struct Upload {
        SessionClient client; /* first: the two are cast into each other */
        Request *request;
        Session *session; /* while it works on the packet */
} Upload;

static Upload *upload_of(SessionClient *c)
{
        return (Upload *) c;
}

static void on_store_body(SessionClient *c)
{
        request_read_body(upload_of(c)->request);
}

static void on_answer(SessionClient *c, const BupAck *ack, bool drop_body)
{
        Upload *u = upload_of(c);

        u->session = NULL;
        /* What is refused for its size alone is not read to its end. */
        request_answer_ack(u->request, ack, drop_body && ack->status != 413);
}

static void on_hang_up(SessionClient *c)
{
        Upload *u = upload_of(c);

        u->session = NULL;
        http_exchange_abort(u->request->x);
}

static const SessionClientCalls CALLS = {
        .store_body = on_store_body,
        .drop_body = on_store_body, /* nobody takes it there */
        .answer = on_answer,
        .hang_up = on_hang_up,
};

static void refuse(Request *r, BupRefusal why)
{
        BupAck ack;

        bup_refuse(why, &ack);
        if (why == BUP_OVERLOADED)
                ack.retry_after_sec = RETRY_AFTER_SEC;
        request_answer_ack(r, &ack, false);
}

static void ping(Request *r)
{
        BupAck ack;

        bup_server_ping(&ack);
        request_answer_ack(r, &ack, false);
}

static bool has_room(const Request *r)
{
        const SessionStore *store = session_table_store(r->server->sessions, r->site);

        return !store || room_is_there(&r->server->room, &r->site->min_free,
                                       session_store_fd(store), 0, session_store_path(store));
}

/* What can be said against a new session, in the order in which the protocol's answers go. */
static BupRefusal check_create(const Request *r, const SessionOrigin *origin)
{
        PublishPlace place = {r->site->root_fd, r->below, r->site->allow_overwrites};
        SessionTable *table = r->server->sessions;
        BupRefusal where, admitted;

        if (!r->site->uploads)
                return BUP_UPLOADS_DISABLED;
        if (site_path_is_private(r->below))
                return BUP_DENIED;
        where = publish_check(&place, session_table_store(table, r->site));
        if (where == BUP_DENIED || where == BUP_DIRECTORY_MISSING)
                return where;
        admitted = session_table_admits(table, r->config, r->site, origin);
        if (admitted == BUP_OVERLOADED)
                return admitted;
        if (where != BUP_FINE)
                return where;
        return admitted == BUP_FINE && !has_room(r) ? BUP_DISK_FULL : admitted;
}

static void create(Request *r, Upload *u)
{
        BupServerRules rules = site_rules(r->site);
        _cleanup_free_ char *url = request_url(r);
        SessionOrigin origin = {&r->target, url, r->user, r->address};
        Session *s;
        BupAck ack;

        if (!url) {
                refuse(r, BUP_NO_MEMORY);
                return;
        }
        u->client.facts = (BupServerFacts){
                .access = check_create(r, &origin),
                .retry_after_sec = RETRY_AFTER_SEC,
                .now_wall_sec = session_table_now_sec(),
        };
        s = session_table_create(r->server->sessions, r->site, &origin, &rules, &u->client.facts,
                                 &u->client.request, &ack);
        if (s)
                (void) str_copy(u->client.request.session_id, sizeof(u->client.request.session_id),
                                ack.session_id);
        request_answer_ack(r, &ack, false);
}

static void hand_over(Request *r, Upload *u)
{
        char id[BUP_SESSION_ID_BYTES];
        Session *s = NULL;
        BupAck ack;

        if (bup_session_id_canonical(u->client.request.session_id, id) == 0)
                s = session_table_find(r->server->sessions, r->config, id);
        if (!s) {
                bup_server_unknown(&ack);
                request_answer_ack(r, &ack, true);
                return;
        }
        u->client.facts = (BupServerFacts){
                .access = r->site->uploads ? BUP_FINE : BUP_UPLOADS_DISABLED,
                .other_owner = !str_equal(s->label.owner, r->user),
                .other_target = !str_equal(s->label.target_key, r->target.key),
                .now_wall_sec = session_table_now_sec(),
        };
        u->session = s;
        session_take_packet(s, &u->client);
}

void upload_begin(Request *r)
{
        BupRequestRules rules = {.length_optional = r->site->length_optional};
        Upload *u = mem_new(Upload);
        BupRefusal why = BUP_FINE;

        if (!u) {
                refuse(r, BUP_OVERLOADED);
                return;
        }
        r->upload = u;
        u->request = r;
        u->client.calls = &CALLS;
        u->client.config = r->config;
        u->client.site = r->site;
        if (bup_request_parse(r->x->head.fields, r->x->head.n_fields, &rules, &u->client.request,
                              &why) < 0) {
                u->client.request.type = BUP_PACKET_TYPE_MAX;
                refuse(r, why);
                return;
        }
        r->server->metrics.packets[u->client.request.type]++;
        if (*r->user)
                http_exchange_be_patient(r->x);
        switch (u->client.request.type) {
        case BUP_PING:
                ping(r);
                break;
        case BUP_CREATE_SESSION:
                create(r, u);
                break;
        default:
                hand_over(r, u);
        }
}

void upload_body(Request *r, const void *data, size_t bytes)
{
        Upload *u = r->upload;

        if (u->session)
                session_body(u->session, &u->client, data, bytes);
}

void upload_end(Request *r)
{
        Upload *u = r->upload;

        if (u->session)
                session_body_end(u->session, &u->client);
}

void upload_gone(Request *r)
{
        Upload *u = r->upload;

        if (u->session)
                session_client_gone(u->session, &u->client);
        mem_free(u);
        r->upload = NULL;
}

const char *upload_packet_text(const Request *r)
{
        const Upload *u = r->upload;

        if (!u || u->client.request.type == BUP_PACKET_TYPE_MAX)
                return "";
        return bup_packet_type_text(u->client.request.type);
}

const char *upload_session_id(const Request *r)
{
        return r->upload ? r->upload->client.request.session_id : "";
}

void upload_range_text(const Request *r, char text[BUP_RANGE_TEXT_BYTES])
{
        text[0] = '\0';
        if (r->upload && r->upload->client.request.type == BUP_FRAGMENT)
                bup_range_format(&r->upload->client.request.range, text);
}
