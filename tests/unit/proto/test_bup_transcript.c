/* SPDX-License-Identifier: Apache-2.0 */
/* Whole exchanges as the protocol's documentation shows them, each played twice: our client against
 * the recorded Acks, and the recorded requests against our server. What is recorded must be there;
 * values are compared without case, since GUIDs and codes have none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bup_drop.h"
#include "bup_upload.h"

typedef struct Line {
        uint16_t status; /* 0: a request */
        const char *text;
} Line;

#define REPORT "http://up.example.net/drop/report.bin"
#define PLAIN_ID "{3F0C6D0A-51B5-4C0E-9C7A-0B6C1C1D2E33}"
#define DISK_ID "{9A4E2B10-7C55-4E0B-8D11-5A0F6B7C8D9E}"
#define ORDER_ID "{B7D1F2A0-0E3C-4B52-A6D4-91E07C3A5F10}"

/* 15.1 */
static const Line PLAIN_UPLOAD[] = {
        {0, "BITS-Packet-Type: Create-Session\n"
            "BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\n"
            "Content-Name: report.bin\n"
            "Content-Length: 0\n"},
        {200, "BITS-Packet-Type: Ack\n"
              "BITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\n"
              "BITS-Session-Id: " PLAIN_ID "\n"
              "Accept-Encoding: identity\n"
              "Content-Length: 0\n"},
        {0, "BITS-Packet-Type: Fragment\n"
            "BITS-Session-Id: " PLAIN_ID "\n"
            "Content-Name: report.bin\n"
            "Content-Range: bytes 0-8191/10000\n"
            "Content-Length: 8192\n"},
        {200, "BITS-Packet-Type: Ack\n"
              "BITS-Session-Id: " PLAIN_ID "\n"
              "BITS-Received-Content-Range: 8192\n"
              "Content-Length: 0\n"},
        {0, "BITS-Packet-Type: Fragment\n"
            "BITS-Session-Id: " PLAIN_ID "\n"
            "Content-Range: bytes 8192-9999/10000\n"
            "Content-Length: 1808\n"},
        {200, "BITS-Packet-Type: Ack\n"
              "BITS-Session-Id: " PLAIN_ID "\n"
              "BITS-Received-Content-Range: 10000\n"
              "Content-Length: 0\n"},
        {0, "BITS-Packet-Type: Close-Session\n"
            "BITS-Session-Id: " PLAIN_ID "\n"
            "Content-Length: 0\n"},
        {200, "BITS-Packet-Type: Ack\n"
              "BITS-Session-Id: " PLAIN_ID "\n"
              "Content-Length: 0\n"},
};

/* 15.2; the variants differ in the last line. */
#define RESUMED(status, answer)                                                                    \
        {0, "BITS-Packet-Type: Ping\nContent-Length: 0\n"},                                        \
                {200, "BITS-Packet-Type: Ack\nContent-Length: 0\n"},                               \
                {0, "BITS-Packet-Type: Fragment\n"                                                 \
                    "BITS-Session-Id: " DISK_ID "\n"                                               \
                    "Content-Range: bytes 262144-524287/1048576\n"                                 \
                    "Content-Length: 262144\n"},                                                   \
        {                                                                                          \
                status, answer                                                                     \
        }
static const Line DUPLICATE[] = {
        RESUMED(200, "BITS-Packet-Type: Ack\nBITS-Session-Id: " DISK_ID "\n"
                     "BITS-Received-Content-Range: 524288\nContent-Length: 0\n"),
};
static const Line STRICT[] = {
        RESUMED(416, "BITS-Packet-Type: Ack\nBITS-Session-Id: " DISK_ID "\n"
                     "BITS-Received-Content-Range: 524288\nContent-Length: 0\n"),
};
static const Line RESTORED[] = {
        RESUMED(416, "BITS-Packet-Type: Ack\nBITS-Session-Id: " DISK_ID "\n"
                     "BITS-Received-Content-Range: 0\nContent-Length: 0\n"),
};
static const Line PURGED[] = {
        RESUMED(500, "BITS-Packet-Type: Ack\nBITS-Session-Id: " DISK_ID "\n"
                     "BITS-Error: 0x8020001F\nBITS-Error-Code: 0x8020001F\n"
                     "BITS-Error-Context: 0x5\nContent-Length: 0\n"),
};

/* 15.3 */
static const Line UPLOAD_REPLY[] = {
        {0, "BITS-Packet-Type: Fragment\n"
            "BITS-Session-Id: " ORDER_ID "\n"
            "Content-Name: o-17.xml\n"
            "Content-Range: bytes 0-4999/5000\n"
            "Content-Length: 5000\n"},
        {200, "BITS-Packet-Type: Ack\n"
              "BITS-Session-Id: " ORDER_ID "\n"
              "BITS-Received-Content-Range: 5000\n"
              "BITS-Reply-URL: /orders/.bits/replies/5zv0kq2m7c9t4w1x8y3r6n\n"
              "Content-Length: 0\n"},
};
static const Line CLOSING[] = {
        {0, "BITS-Packet-Type: Close-Session\nBITS-Session-Id: " ORDER_ID "\nContent-Length: 0\n"},
        {200, "BITS-Packet-Type: Ack\nBITS-Session-Id: " ORDER_ID "\nContent-Length: 0\n"},
};

/* Every field of the record stands in what was printed. */
static void expect_fields(const Wire *printed, const char *recorded)
{
        Wire w;

        wire_read(&w, recorded);
        for (size_t i = 0; i < w.n; i++) {
                const char *value = wire_get(printed, w.fields[i].name);

                if (!value)
                        fail_msg("%s is missing", w.fields[i].name);
                if (strcasecmp(value, w.fields[i].value) != 0)
                        fail_msg("%s: %s instead of %s", w.fields[i].name, value,
                                 w.fields[i].value);
        }
}

/* C1: our client says what is recorded, and takes the recorded answers. */
static BupOutcome play_client(Upload *u, const Line *lines, size_t n)
{
        BupOutcome out = {0};

        for (size_t i = 0; i < n; i++) {
                Wire w;

                if (lines[i].status == 0) {
                        assert_int_equal(upload_next(u), BUP_DO_SEND);
                        wire_print_request(&w, &u->what.request);
                        expect_fields(&w, lines[i].text);
                } else {
                        out = upload_answer(u, lines[i].status, lines[i].text);
                        assert_int_equal(out.verdict, BUP_GO_ON);
                }
        }
        return out;
}

/* Operations succeed; the application gives a reply. */
static void drop_answer(Drop *d, const char *reply_url)
{
        while (d->step.kind == BUP_STEP_DO)
                drop_did(d, (BupResult){.stored_bytes = d->step.store_bytes,
                                        .application_status = 200,
                                        .reply_url = reply_url});
        assert_int_equal(d->step.kind, BUP_STEP_ANSWER);
}

/* Our server understands what is recorded, and answers as recorded. */
static void play_server(Drop *d, const Line *lines, size_t n, const char *reply_url)
{
        for (size_t i = 0; i < n; i++) {
                BupRequest request;
                BupRefusal why;
                Wire w;

                if (lines[i].status != 0) {
                        assert_int_equal(d->step.ack.status, lines[i].status);
                        wire_print_ack(&w, &d->step.ack);
                        expect_fields(&w, lines[i].text);
                        continue;
                }
                assert_int_equal(wire_parse_request(lines[i].text, &request, &why), 0);
                d->step = (BupStep){0};
                if (request.type == BUP_PING) {
                        bup_server_ping(&d->step.ack);
                } else if (request.type == BUP_CREATE_SESSION) {
                        BupSession session;

                        assert_true(bup_server_create(&d->rules, &d->facts, &request, DROP_ID,
                                                      &session, &d->step.ack));
                        bup_server_init(&d->server, &session);
                } else {
                        bup_server_feed(&d->server, &d->rules, &d->facts, &request, &d->step);
                        drop_answer(d, reply_url);
                }
        }
}

static void a_plain_upload_in_two_fragments(void **state)
{
        Upload u;
        Drop d;

        upload_begin(&u, REPORT, 10000, false);
        (void) play_client(&u, PLAIN_UPLOAD, ARRAY_LEN(PLAIN_UPLOAD));
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
        drop_begin(&d, BUP_NOTIFY_NONE);
        play_server(&d, PLAIN_UPLOAD, ARRAY_LEN(PLAIN_UPLOAD), NULL);
        assert_true(d.server.session.published);
        assert_int_equal(d.server.session.phase, BUP_SESSION_CLOSED);
}

/* The client believes in 262144. */
static void disk_begin(Upload *u)
{
        upload_begin(u, "http://up.example.net/drop/disk.img", 1048576, false);
        u->config.fragment_start_bytes = u->config.fragment_cap_bytes = 262144;
        u->client.state.phase = BUP_PHASE_UPLOAD;
        u->client.state.offset_bytes = u->client.state.best_bytes = 262144;
        (void) strcpy(u->client.state.session_id, DISK_ID);
        upload_restart(u);
}

static void disk_session(Drop *d, uint64_t next)
{
        drop_begin(d, BUP_NOTIFY_NONE);
        assert_int_equal(bup_session_id_canonical(DISK_ID, d->server.session.id), 0);
        d->server.session.fragment_seen = d->server.session.total_known = true;
        d->server.session.total_bytes = 1048576;
        d->server.session.next_bytes = next;
}

static void a_resume_after_a_lost_ack(void **state)
{
        Upload u;
        Drop d;

        disk_begin(&u);
        assert_true(play_client(&u, DUPLICATE, ARRAY_LEN(DUPLICATE)).progressed);
        upload_expect_fragment(&u, 524288, 786431);
        upload_end(&u);
        disk_session(&d, 524288);
        play_server(&d, DUPLICATE, ARRAY_LEN(DUPLICATE), NULL);

        /* The server kept 100,000 bytes of the fragment. */
        disk_session(&d, 362144);
        play_server(&d, DUPLICATE, ARRAY_LEN(DUPLICATE), NULL);
        assert_int_equal(d.server.session.next_bytes, 524288);
}

static void a_resume_with_a_server_that_is_strict(void **state)
{
        Upload u;

        disk_begin(&u);
        assert_false(play_client(&u, STRICT, ARRAY_LEN(STRICT)).moved);
        upload_expect_fragment(&u, 524288, 786431);
        upload_end(&u);
}

static void a_resume_with_a_server_that_was_restored_from_a_backup(void **state)
{
        Upload u;
        Drop d;

        disk_begin(&u);
        assert_true(play_client(&u, RESTORED, ARRAY_LEN(RESTORED)).moved);
        upload_expect_fragment(&u, 0, 262143);
        assert_string_equal(u.client.state.session_id, DISK_ID); /* in the same session */
        upload_end(&u);
        disk_session(&d, 0);
        play_server(&d, RESTORED, ARRAY_LEN(RESTORED), NULL);
}

static void a_resume_with_a_server_that_purged_the_session(void **state)
{
        Upload u;

        disk_begin(&u);
        assert_true(play_client(&u, PURGED, ARRAY_LEN(PURGED)).restarted);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_goes_on(&u, 200, CREATED);
        upload_expect_fragment(&u, 0, 262143);
        upload_end(&u);
}

static void an_upload_reply_by_value(void **state)
{
        Upload u;
        Drop d;

        upload_begin(&u, "https://up.example.net/orders/o-17.xml?site=7", 5000, true);
        u.config.content_name = "o-17.xml";
        upload_restart(&u);
        upload_create(&u);
        (void) strcpy(u.client.state.session_id, ORDER_ID);
        (void) play_client(&u, UPLOAD_REPLY, ARRAY_LEN(UPLOAD_REPLY));
        assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
        assert_string_equal(u.what.url,
                            "https://up.example.net/orders/.bits/replies/5zv0kq2m7c9t4w1x8y3r6n");
        (void) bup_client_reply_done(&u.client);
        (void) play_client(&u, CLOSING, ARRAY_LEN(CLOSING));
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        assert_int_equal(bup_session_id_canonical(ORDER_ID, d.server.session.id), 0);
        play_server(&d, UPLOAD_REPLY, ARRAY_LEN(UPLOAD_REPLY),
                    "/orders/.bits/replies/5zv0kq2m7c9t4w1x8y3r6n");
        assert_false(d.server.session.published); /* no copy was asked for */
        play_server(&d, CLOSING, ARRAY_LEN(CLOSING), NULL);
}

/* 15.3, last paragraph */
static void an_upload_reply_whose_application_is_down(void **state)
{
        BupOutcome out;
        Upload u;

        upload_begin(&u, "https://up.example.net/orders/o-17.xml?site=7", 5000, true);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 4999);
        out = upload_stops(&u, 503,
                           "BITS-Packet-Type: Ack\nBITS-Error: 0x801901F7\n"
                           "BITS-Error-Context: 0x7\nContent-Length: 0\n",
                           BUP_TRANSIENT, BG_E_HTTP_ERROR_503);
        assert_int_equal(out.context, BG_ERROR_CONTEXT_REMOTE_APPLICATION);
        upload_end(&u);
}

/* 15.4 */
static void a_static_reply_and_a_kept_copy(void **state)
{
        static const char ANSWER[] = "BITS-Packet-Type: Ack\n"
                                     "BITS-Received-Content-Range: 73114\n"
                                     "BITS-Reply-URL: http://cdn.example.net/pkg/update-42.bin\n"
                                     "Content-Length: 0\n";
        Upload u;
        Drop d;
        Wire w;

        upload_begin(&u, "http://up.example.net/inv/host7.cab", 73114, true);
        u.config.fragment_start_bytes = u.config.fragment_cap_bytes = 100000;
        upload_restart(&u);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 73113);
        upload_goes_on(&u, 200, ANSWER);
        assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
        assert_string_equal(u.what.url, "http://cdn.example.net/pkg/update-42.bin");
        assert_false(u.what.credentials_ok);
        upload_end(&u);

        drop_begin(&d, BUP_NOTIFY_BY_REFERENCE);
        drop_fragment(&d, 0, 73113, 73114);
        drop_stored(&d, 73114);
        drop_did(&d, (BupResult){0});
        drop_asks(&d, BUP_OP_NOTIFY, true);
        drop_did(&d, (BupResult){.application_status = 200,
                                 .copies = true,
                                 .reply_url = "http://cdn.example.net/pkg/update-42.bin"});
        drop_asks(&d, BUP_OP_PUBLISH, true);
        drop_did(&d, (BupResult){0});
        wire_print_ack(&w, &d.step.ack);
        expect_fields(&w, ANSWER);
}

/* 15.5 */
static void authentication_on_a_ping_and_then_a_host_id(void **state)
{
        Upload u;

        upload_begin(&u, "http://up.example.net/farm/a.bin", 100, false);
        u.config.has_credentials = true;
        upload_restart(&u);
        (void) upload_expect(&u, BUP_PING);
        assert_int_equal(
                upload_answer(&u, 401, "WWW-Authenticate: Negotiate\nContent-Length: 0\n").verdict,
                BUP_AUTHENTICATE);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, "BITS-Packet-Type: Ack\nContent-Length: 0\n");
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_goes_on(&u, 200,
                       "BITS-Packet-Type: Ack\n"
                       "BITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\n"
                       "BITS-Session-Id: {0D6E}\n"
                       "BITS-Host-Id: node3.up.example.net\n"
                       "BITS-Host-Id-Fallback-Timeout: 3600\n"
                       "Accept-Encoding: identity\nContent-Length: 0\n");
        (void) upload_expect(&u, BUP_PING);
        assert_string_equal(u.what.url, "http://node3.up.example.net/farm/a.bin");
        upload_goes_on(&u, 200, "BITS-Packet-Type: Ack\nContent-Length: 0\n");
        upload_expect_fragment(&u, 0, 99);
        assert_string_equal(u.what.url, "http://node3.up.example.net/farm/a.bin");
        assert_int_equal(u.client.state.fallback_sec, 3600);
        upload_end(&u);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_plain_upload_in_two_fragments),
                cmocka_unit_test(a_resume_after_a_lost_ack),
                cmocka_unit_test(a_resume_with_a_server_that_is_strict),
                cmocka_unit_test(a_resume_with_a_server_that_was_restored_from_a_backup),
                cmocka_unit_test(a_resume_with_a_server_that_purged_the_session),
                cmocka_unit_test(an_upload_reply_by_value),
                cmocka_unit_test(an_upload_reply_whose_application_is_down),
                cmocka_unit_test(a_static_reply_and_a_kept_copy),
                cmocka_unit_test(authentication_on_a_ping_and_then_a_host_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
