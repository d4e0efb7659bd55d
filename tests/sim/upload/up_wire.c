/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/http_post.h without curl: a packet is on its way for a step, and then there is an answer
 * or none. It may be lost, be late, come twice or in part, be answered by others, and its Ack may
 * be lost, be shortened on the way, or lie. */
#include "transfer/http_post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/proto/bup_wire.h"
#include "base/attr.h"
#include "transfer/transfer_error.h"
#include "up_port.h"

struct HttpPost {
        UpPort *port;
        HttpPostDone done;
        void *ctx;
        UpPacket packet;
        bool via_host_id;
        bool busy, arrived;
        HttpAnswer answer;
};

int http_post_new(HttpClient *c, const ProxyPlan *proxies, const AuthSet *credentials,
                  PaceTask *task, HttpPostDone done, void *ctx, HttpPost **ret)
{
        UpPort *port = list_item(c, UpPort, http);
        HttpPost *p = calloc(1, sizeof(*p));

        (void) proxies;
        (void) credentials;
        (void) task;
        if (!p)
                abort();
        p->port = port;
        p->done = done;
        p->ctx = ctx;
        p->packet.job = port->current->op->job;
        port->current->post = p;
        *ret = p;
        return 0;
}

HttpPost *http_post_free(HttpPost *p)
{
        free(p);
        return NULL;
}

int http_post_send(HttpPost *p, const HttpPacket *packet)
{
        const FakeOp *op = p->port->current->op;

        up_server_check(&p->port->server, !p->busy, "two packets at a time");
        up_server_check(&p->port->server, !op->waits,
                        "a packet goes out before its session is stored");
        up_server_check(&p->port->server,
                        packet->request->body_bytes == 0 || packet->source_fd >= 0,
                        "a body without a source");
        p->packet.request = *packet->request;
        p->packet.version =
                op->source ? fake_disk_remote(p->port->transfer->disk, op->source)->version : 0;
        p->via_host_id = p->port->server.host_id && strstr(packet->url, p->port->server.host_id);
        p->busy = true;
        p->arrived = false;
        return 0;
}

bool http_post_authenticate(HttpPost *p, int status)
{
        (void) status;
        return fake_random_chance(&p->port->random, 500);
}

JobError http_post_auth_error(const HttpPost *p, int status)
{
        (void) p;
        return transfer_error_make((HRESULT) (0x80190000u + (unsigned) status),
                                   BG_ERROR_CONTEXT_REMOTE_FILE, true, "no credentials");
}

void http_post_cancel(HttpPost *p)
{
        p->busy = false;
}

const char *http_post_host(const HttpPost *p)
{
        (void) p;
        return "host";
}

bool up_wire_is_busy(const HttpPost *post)
{
        return post->busy;
}

static bool is_unlucky(HttpPost *p, uint32_t times)
{
        return up_server_may(&p->port->server, times);
}

/* *failure without an answer. */
static void no_answer(HttpPost *p, HRESULT code, bool maybe_received, uint64_t sent)
{
        HttpAnswer *a = &p->answer;

        a->answered = false;
        a->failure = (BupFailure){
                .code = code,
                .maybe_received = maybe_received,
                .reused_connection = maybe_received && fake_random_chance(&p->port->random, 300),
                .body_sent_bytes = sent,
        };
        a->error =
                transfer_error_make(code, BG_ERROR_CONTEXT_GENERAL_TRANSPORT, false, "no answer");
}

static void foreign_answer(HttpPost *p, uint16_t status)
{
        bup_ack_init(&p->answer.ack, status);
        p->answer.ack.is_ack = false;
        p->answer.answered = true;
}

/* What the network makes of a packet before a server sees it. True: that was all. */
static bool ends_on_the_way(HttpPost *p)
{
        static const uint16_t STATUSES[] = {502, 503, 408, 429, 200, 401};
        FakeRandom *random = &p->port->random;

        if ((p->via_host_id && p->port->server.host_down) || is_unlucky(p, 8)) {
                no_answer(p, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT), false, 0);
                return true;
        }
        if (is_unlucky(p, 4)) {
                foreign_answer(p, STATUSES[fake_random_below(random, ARRAY_LEN(STATUSES))]);
                return true;
        }
        if (is_unlucky(p, 6)) {
                no_answer(p, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR), true,
                          fake_random_below(random, p->packet.request.body_bytes + 1));
                return true;
        }
        return false;
}

static void keep_late(HttpPost *p)
{
        UpServer *s = &p->port->server;

        if (s->late_n < UP_LATE && is_unlucky(p, 20))
                s->late[s->late_n++] = p->packet;
}

/* A server, or something before it, that says less or something else than is so. Never more bytes
 * than it has: nothing could find that out. */
static void lie(HttpPost *p, BupAck *ack)
{
        FakeRandom *random = &p->port->random;

        switch (fake_random_below(random, 4)) {
        case 0:
                if (ack->has_received)
                        ack->received_bytes = fake_random_below(random, ack->received_bytes + 1);
                break;
        case 1:
                if (ack->has_received)
                        ack->received_bytes = UINT64_MAX - fake_random_below(random, 3);
                break;
        case 2:
                (void) snprintf(ack->session_id, sizeof(ack->session_id), "{not-it}");
                break;
        default:
                ack->is_ack = false;
                break;
        }
}

static void travel(HttpPost *p, const BupAck *sent)
{
        BupAck ack = *sent;
        Wire wire;

        if (is_unlucky(p, 20) && !ack.is_our_protocol)
                ack.session_id[0] = '\0';
        /* Creating is believed: there is nothing to compare it with. */
        if (p->port->transfer->faults.lies > 0 && p->packet.request.type == BUP_FRAGMENT &&
            is_unlucky(p, 10))
                lie(p, &ack);
        wire_print_ack(&wire, &ack);
        bup_ack_parse(ack.status, wire.fields, wire.n, 0, &p->answer.ack);
        if (!ack.is_ack)
                p->answer.ack.is_ack = false;
        p->answer.answered = true;
}

static void transmit(HttpPost *p)
{
        UpServer *s = &p->port->server;
        uint64_t arrived = p->packet.request.body_bytes;
        BupAck ack, nobody;
        bool answered;

        p->answer = (HttpAnswer){
                .exchange = {.usec = 1 + fake_random_below(&p->port->random, 8 * USEC_PER_SEC),
                             .connection_closed = is_unlucky(p, 20)},
        };
        keep_late(p);
        if (ends_on_the_way(p))
                return;
        if (is_unlucky(p, 4)) /* twice, the first time in part */
                (void) up_server_receive(s, &p->packet,
                                         fake_random_below(&p->port->random, arrived + 1), &nobody);
        if (is_unlucky(p, 8))
                arrived = fake_random_below(&p->port->random, arrived + 1);
        answered = up_server_receive(s, &p->packet, arrived, &ack);
        if (!answered || arrived < p->packet.request.body_bytes || is_unlucky(p, 8))
                no_answer(p, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR), true, arrived);
        else
                travel(p, &ack);
}

static void trace(const HttpPost *p)
{
        const BupRequest *r = &p->packet.request;
        const HttpAnswer *a = &p->answer;

        if (!*p->port->trace)
                return;
        (void) printf("job %08x: %s %s [%lu, %lu] of %lu: ", (unsigned) p->packet.job.Data1,
                      bup_packet_type_text(r->type), r->session_id,
                      (unsigned long) r->range.first_byte, (unsigned long) r->range.last_byte,
                      (unsigned long) r->range.total_bytes);
        if (a->answered)
                (void) printf("%u %08x at %lu\n", a->ack.status, (unsigned) a->ack.error,
                              (unsigned long) a->ack.received_bytes);
        else
                (void) printf("no answer\n");
}

void up_wire_step(HttpPost *p)
{
        if (!p->arrived) {
                p->arrived = true;
                transmit(p);
                trace(p);
                return;
        }
        p->busy = false;
        p->done(p->ctx, &p->answer); /* may free it */
}
