/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "bitsmsg.h"
#include "proto/bup_packet.h"

#include "../base/random.h"
#include "bup_wire.h"

#define OURS "{7df0354d-249b-430f-820d-3d2a9bef4931}"
#define OTHER "{00000000-249b-430f-820d-3d2a9bef4931}"
#define ID "{3F0C6D0A-51B5-4C0E-9C7A-0B6C1C1D2E33}"
#define CREATE "BITS-Packet-Type: Create-Session\n"
#define PROTOCOLS "BITS-Supported-Protocols: " OURS "\n"
#define FRAGMENT "BITS-Packet-Type: Fragment\nBITS-Session-Id: " ID "\n"
#define CLOSE "BITS-Packet-Type: Close-Session\nBITS-Session-Id: " ID "\n"
#define CANCEL "BITS-Packet-Type: Cancel-Session\nBITS-Session-Id: " ID "\n"
#define NO_BODY "Content-Length: 0\n"

static BupRequest expect_request(const char *text, BupPacketType type)
{
        BupRequest request = {0};
        BupRefusal why = BUP_FINE;

        if (wire_parse_request(text, &request, &why) < 0)
                fail_msg("refused: %s\n%s", bup_refusal_text(why), text);
        assert_int_equal(request.type, type);
        return request;
}

static void expect_refusal(const char *text, BupRefusal expected)
{
        BupRequest request = {.body_bytes = 77};
        BupRefusal why = BUP_FINE;

        assert_int_equal(wire_parse_request(text, &request, &why), -EBADMSG);
        if (why != expected)
                fail_msg("%s instead of %s", bup_refusal_text(why), bup_refusal_text(expected));
        assert_int_equal(request.body_bytes, 77);
}

/* S1 */
static void packet_types_are_known_in_any_case(void **state)
{
        (void) expect_request("BITS-Packet-Type: Create-Session\n" PROTOCOLS NO_BODY,
                              BUP_CREATE_SESSION);
        (void) expect_request("bits-packet-type: CREATE-SESSION\n" PROTOCOLS NO_BODY,
                              BUP_CREATE_SESSION);
        (void) expect_request("BITS-PACKET-TYPE: create-session\n" PROTOCOLS NO_BODY,
                              BUP_CREATE_SESSION);
        (void) expect_request("BITS-Packet-Type: PING\n" NO_BODY, BUP_PING);
        (void) expect_request("BITS-Packet-Type: ping\n" NO_BODY, BUP_PING);
        (void) expect_request("BITS-Packet-Type: FRAGMENT\nBITS-Session-Id: x\n"
                              "Content-Range: bytes 0-0/1\nContent-Length: 1\n",
                              BUP_FRAGMENT);
        (void) expect_request("BITS-Packet-Type: fragment\nBITS-Session-Id: x\n"
                              "CONTENT-RANGE: Bytes 0-0/1\ncontent-length: 1\n",
                              BUP_FRAGMENT);
        (void) expect_request("BITS-Packet-Type: CLOSE-SESSION\nBITS-Session-Id: x\n" NO_BODY,
                              BUP_CLOSE_SESSION);
        (void) expect_request("BITS-Packet-Type: close-session\nBITS-Session-Id: x\n" NO_BODY,
                              BUP_CLOSE_SESSION);
        (void) expect_request("BITS-Packet-Type: CANCEL-SESSION\nBITS-Session-Id: x\n" NO_BODY,
                              BUP_CANCEL_SESSION);
        (void) expect_request("BITS-Packet-Type: cancel-session\nBITS-Session-Id: x\n" NO_BODY,
                              BUP_CANCEL_SESSION);
        expect_refusal(NO_BODY, BUP_BAD_PACKET_TYPE);
        expect_refusal("BITS-Packet-Type: Ack\n" NO_BODY, BUP_BAD_PACKET_TYPE);
        expect_refusal("BITS-Packet-Type: \n" NO_BODY, BUP_BAD_PACKET_TYPE);
        expect_refusal("BITS-Packet-Type: Fragments\n" NO_BODY, BUP_BAD_PACKET_TYPE);
        expect_refusal("BITS-Package-Type: Ping\n" NO_BODY, BUP_BAD_PACKET_TYPE); /* 16.2 */
}

/* S2 */
static void create_needs_our_protocol_in_its_list(void **state)
{
        (void) expect_request(CREATE NO_BODY "BITS-Supported-Protocols: " OTHER ", " OURS "\n",
                              BUP_CREATE_SESSION);
        (void) expect_request(CREATE NO_BODY "BITS-Supported-Protocols: " OTHER "\n" PROTOCOLS,
                              BUP_CREATE_SESSION); /* a list in two fields */
        expect_refusal(CREATE NO_BODY, BUP_NO_PROTOCOLS);
        expect_refusal(CREATE NO_BODY "BITS-Supported-Protocols: " OTHER "\n",
                       BUP_NO_COMMON_PROTOCOL);
        expect_refusal(CREATE NO_BODY "BITS-Supported-Protocols: \n", BUP_NO_COMMON_PROTOCOL);
}

/* S3 */
static void packets_without_a_body_must_not_have_one(void **state)
{
        expect_refusal(CREATE PROTOCOLS "Content-Length: 1\n", BUP_BAD_BODY);
        expect_refusal("BITS-Packet-Type: Ping\nContent-Length: 1\n", BUP_BAD_BODY);
        expect_refusal(CLOSE "Content-Length: 5\n", BUP_BAD_BODY);
        expect_refusal(CANCEL "Content-Length: 5\n", BUP_BAD_BODY);
}

/* S29, 16.17 */
static void a_length_is_needed_and_chunks_are_refused(void **state)
{
        const BupRequestRules lenient = {.length_optional = true};
        BupRequest request;
        BupRefusal why;
        Wire w;

        expect_refusal(CREATE PROTOCOLS, BUP_NO_LENGTH);
        expect_refusal(FRAGMENT "Content-Range: bytes 0-0/1\n", BUP_NO_LENGTH);
        expect_refusal(FRAGMENT "Content-Range: bytes 0-0/1\nTransfer-Encoding: chunked\n",
                       BUP_NO_LENGTH);
        expect_refusal(FRAGMENT "Content-Range: bytes 0-0/1\nContent-Length: 1\n"
                                "Transfer-Encoding: chunked\n",
                       BUP_NO_LENGTH);
        expect_refusal(CLOSE "Content-Length: \n", BUP_BAD_LENGTH);
        expect_refusal(CLOSE "Content-Length: -0\n", BUP_BAD_LENGTH);
        expect_refusal(CLOSE "Content-Length: 0, 0\n", BUP_BAD_LENGTH);
        expect_refusal(CLOSE "Content-Length: 99999999999999999999\n", BUP_BAD_LENGTH);

        wire_read(&w, CLOSE);
        assert_int_equal(bup_request_parse(w.fields, w.n, &lenient, &request, &why), 0);
        wire_read(&w, FRAGMENT "Content-Range: bytes 0-0/1\n");
        assert_int_equal(bup_request_parse(w.fields, w.n, &lenient, &request, &why), -EBADMSG);
        assert_int_equal(why, BUP_NO_LENGTH);
        wire_read(&w, CLOSE "Transfer-Encoding: chunked\n");
        assert_int_equal(bup_request_parse(w.fields, w.n, &lenient, &request, &why), -EBADMSG);
}

/* S11 */
static void the_range_of_a_fragment_is_as_long_as_its_body(void **state)
{
        BupRequest r = expect_request(FRAGMENT "Content-Range: bytes 8192-9999/10000\n"
                                               "Content-Length: 1808\nContent-Name: report.bin\n",
                                      BUP_FRAGMENT);

        assert_int_equal(r.range.first_byte, 8192);
        assert_int_equal(r.range.last_byte, 9999);
        assert_int_equal(r.range.total_bytes, 10000);
        assert_int_equal(r.body_bytes, 1808);
        assert_string_equal(r.session_id, ID);
        assert_string_equal(r.content_name, "report.bin");
        expect_refusal(FRAGMENT "Content-Range: bytes 0-9/10\nContent-Length: 9\n",
                       BUP_BAD_RANGE_LENGTH);
        expect_refusal(FRAGMENT "Content-Range: bytes 0-9/10\nContent-Length: 11\n",
                       BUP_BAD_RANGE_LENGTH);
        expect_refusal(FRAGMENT "Content-Range: bytes 0-9/10\nContent-Length: 0\n",
                       BUP_BAD_RANGE_LENGTH);
        expect_refusal(FRAGMENT "Content-Range: bytes 5-4/10\nContent-Length: 0\n", BUP_BAD_RANGE);
        expect_refusal(FRAGMENT "Content-Range: bytes 0-9/*\nContent-Length: 10\n", BUP_BAD_RANGE);
        expect_refusal(FRAGMENT "Content-Length: 10\n", BUP_BAD_RANGE);
        expect_refusal(FRAGMENT "Content-Range: bytes 0-0/1\nContent-Length: 1\n"
                                "Content-Encoding: gzip\n",
                       BUP_BAD_ENCODING);
        (void) expect_request(FRAGMENT "Content-Range: bytes 0-0/1\nContent-Length: 1\n"
                                       "Content-Encoding: Identity\n",
                              BUP_FRAGMENT);
}

/* S18, 16.3 */
static void session_ids_are_needed_where_they_mean_something(void **state)
{
        assert_string_equal(
                expect_request("BITS-Packet-Type: Ping\nBITS-Session-Id: a b\n" NO_BODY, BUP_PING)
                        .session_id,
                "");
        expect_refusal("BITS-Packet-Type: Close-Session\n" NO_BODY, BUP_BAD_SESSION_ID);
        expect_refusal("BITS-Packet-Type: Close-Session\nBITS-Session-Id: \n" NO_BODY,
                       BUP_BAD_SESSION_ID);
        expect_refusal("BITS-Packet-Type: Cancel-Session\nBITS-Session-Id: a b\n" NO_BODY,
                       BUP_BAD_SESSION_ID);
        assert_string_equal(expect_request("BITS-Packet-Type: Close-Session\n"
                                           "BITS-Session-Id: ../../root\n" NO_BODY,
                                           BUP_CLOSE_SESSION)
                                    .session_id,
                            "../../root"); /* for the server to not find */
        assert_string_equal(
                expect_request(CLOSE NO_BODY "Content-Name: ../../etc/pass:wd\n", BUP_CLOSE_SESSION)
                        .content_name,
                "pass_wd");
}

/* Two values for one field are how requests are smuggled. */
static void fields_that_contradict_themselves_are_refused(void **state)
{
        expect_refusal(CLOSE "Content-Length: 0\nContent-Length: 5\n", BUP_BAD_REPEATED);
        expect_refusal(CLOSE NO_BODY "BITS-Session-Id: {other}\n", BUP_BAD_REPEATED);
        expect_refusal(CLOSE NO_BODY "BITS-Packet-Type: Ping\n", BUP_BAD_REPEATED);
        expect_refusal(FRAGMENT "Content-Length: 1\nContent-Range: bytes 0-0/1\n"
                                "Content-Range: bytes 0-0/2\n",
                       BUP_BAD_REPEATED);
        (void) expect_request(CLOSE NO_BODY NO_BODY, BUP_CLOSE_SESSION);
}

/* S22 */
static void values_over_four_kibibytes_are_refused(void **state)
{
        static char text[12 * 1024];
        static char lengthy[BUP_VALUE_MAX_BYTES + 2];

        memset(lengthy, 'a', BUP_VALUE_MAX_BYTES + 1);
        (void) snprintf(text, sizeof(text), CLOSE NO_BODY "Content-Name: %s\n", lengthy);
        expect_refusal(text, BUP_BAD_VALUE_LENGTH);
        (void) snprintf(text, sizeof(text), CLOSE NO_BODY "X-Unknown: %s\n", lengthy);
        expect_refusal(text, BUP_BAD_VALUE_LENGTH);
        (void) snprintf(text, sizeof(text), CLOSE NO_BODY "Authorization: Negotiate %s\n", lengthy);
        (void) expect_request(text, BUP_CLOSE_SESSION);
        lengthy[BUP_VALUE_MAX_BYTES] = '\0';
        (void) snprintf(text, sizeof(text), CLOSE NO_BODY "X-Unknown: %s\n", lengthy);
        (void) expect_request(text, BUP_CLOSE_SESSION);
}

static void requests_are_printed_as_the_examples_show(void **state)
{
        BupRequest r = {.type = BUP_CREATE_SESSION, .content_name = "report.bin"};
        Wire w;

        wire_print_request(&w, &r);
        assert_int_equal(w.n, 4);
        assert_string_equal(wire_get(&w, "BITS-Packet-Type"), "Create-Session");
        assert_string_equal(wire_get(&w, "BITS-Supported-Protocols"), OURS);
        assert_string_equal(wire_get(&w, "Content-Name"), "report.bin");
        assert_null(wire_get(&w, "BITS-Session-Id"));

        r = (BupRequest){.type = BUP_FRAGMENT,
                         .session_id = ID,
                         .range = {8192, 9999, 10000},
                         .body_bytes = 1808};
        wire_print_request(&w, &r);
        assert_int_equal(w.n, 4);
        assert_string_equal(wire_get(&w, "BITS-Packet-Type"), "Fragment");
        assert_string_equal(wire_get(&w, "BITS-Session-Id"), ID);
        assert_string_equal(wire_get(&w, "Content-Range"), "bytes 8192-9999/10000");
        assert_null(wire_get(&w, "Content-Encoding"));

        r = (BupRequest){.type = BUP_PING};
        wire_print_request(&w, &r);
        assert_int_equal(w.n, 2);
        assert_string_equal(wire_get(&w, "BITS-Packet-Type"), "Ping");
        r = (BupRequest){.type = BUP_CLOSE_SESSION, .session_id = ID};
        wire_print_request(&w, &r);
        assert_int_equal(w.n, 3);
        assert_string_equal(wire_get(&w, "BITS-Packet-Type"), "Close-Session");
        r.type = BUP_CANCEL_SESSION;
        wire_print_request(&w, &r);
        assert_string_equal(wire_get(&w, "BITS-Packet-Type"), "Cancel-Session");
}

static void acks_are_printed_as_the_examples_show(void **state)
{
        BupAck a;
        Wire w;

        bup_ack_init(&a, 200);
        a.has_protocol = a.is_our_protocol = a.accepts_identity = true;
        (void) strcpy(a.session_id, ID);
        (void) strcpy(a.host_id, "node3.up.example.net");
        a.fallback_sec = 3600;
        wire_print_ack(&w, &a);
        assert_int_equal(w.n, 7);
        assert_string_equal(wire_get(&w, "BITS-Packet-Type"), "Ack");
        assert_string_equal(wire_get(&w, "BITS-Protocol"), OURS);
        assert_string_equal(wire_get(&w, "BITS-Session-Id"), ID);
        assert_string_equal(wire_get(&w, "Accept-Encoding"), "identity");
        assert_string_equal(wire_get(&w, "BITS-Host-Id"), "node3.up.example.net");
        assert_string_equal(wire_get(&w, "BITS-Host-Id-Fallback-Timeout"), "3600");

        bup_refuse(BUP_SESSION_UNKNOWN, &a);
        wire_print_ack(&w, &a);
        assert_int_equal(w.n, 5);
        assert_string_equal(wire_get(&w, "BITS-Error"), "0x8020001f");
        assert_string_equal(wire_get(&w, "BITS-Error-Code"), "0x8020001f");
        assert_string_equal(wire_get(&w, "BITS-Error-Context"), "0x5");
        assert_string_equal(w.fields[1].name, "BITS-Error"); /* this one first */

        bup_ack_init(&a, 200);
        (void) strcpy(a.host_id, "[2001:db8::1]");
        wire_print_ack(&w, &a);
        assert_string_equal(wire_get(&w, "BITS-Host-Id"), "2001:db8::1");
        assert_null(wire_get(&w, "BITS-Host-Id-Fallback-Timeout"));
}

/* C3, 5.2 */
static void errors_are_read_from_either_header_and_nothing_counts_as_nothing(void **state)
{
        static const struct {
                const char *text;
                HRESULT error;
                BG_ERROR_CONTEXT context;
        } rows[] = {
                {"BITS-Error: 0x8020001F\nBITS-Error-Context: 0x5\n", BG_E_SESSION_NOT_FOUND, 5},
                {"BITS-Error-Code: 8020001F\nBITS-Error-Context: 5\n", BG_E_SESSION_NOT_FOUND, 5},
                {"BITS-Error-Code: 0x80070005\nBITS-Error: x8020001f\n", BG_E_SESSION_NOT_FOUND, 0},
                {"BITS-Error: 0x0\nBITS-Error-Code: 0x80070005\n", E_ACCESSDENIED, 0},
                {"BITS-Error: nonsense\nBITS-Error-Code: 0x80070005\n", E_ACCESSDENIED, 0},
                {"BITS-Error: 0x801901F7\nBITS-Error-Context: 0x7\n", BG_E_HTTP_ERROR_503, 7},
                {"BITS-Error: 0x801901F7\nBITS-Error-Context: 0x4\n", BG_E_HTTP_ERROR_503, 0},
                {"BITS-Error: 0x801901F7\nBITS-Error-Context: x\n", BG_E_HTTP_ERROR_503, 0},
                {"BITS-Error-Code: 1\n", S_OK, 0},
                {"BITS-Error-Code: 0\n", S_OK, 0},
                {"BITS-Error: \nBITS-Error-Context: 0x5\n", S_OK, 0},
                {"BITS-Error: 0x80070112\n", (HRESULT) 0x80070070u, 0}, /* 16.9 */
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                BupAck a = wire_parse_ack(500, rows[i].text);

                assert_int_equal(a.error, rows[i].error);
                assert_int_equal(a.context, rows[i].context);
        }
}

static void acks_are_read_with_all_that_may_be_missing(void **state)
{
        BupAck a = wire_parse_ack(201, "bits-packet-type: ACK\nbits-protocol: "
                                       "{7DF0354D-249B-430F-820D-3D2A9BEF4931}\n"
                                       "bits-session-id: x\n");

        assert_int_equal(a.status, 201);
        assert_true(a.is_ack && a.has_protocol && a.is_our_protocol);
        assert_false(a.accepts_identity || a.has_received || a.malformed);
        assert_int_equal(a.fallback_sec, BUP_FALLBACK_NEVER);

        a = wire_parse_ack(200, "Content-Type: text/html\n");
        assert_false(a.is_ack);
        a = wire_parse_ack(200, "BITS-Packet-Type: Ping\n");
        assert_false(a.is_ack);
        a = wire_parse_ack(200, "BITS-Protocol: " OTHER "\n");
        assert_true(a.has_protocol && !a.is_our_protocol);
        a = wire_parse_ack(200, "BITS-Received-Content-Range: 213\n");
        assert_true(a.has_received);
        assert_int_equal(a.received_bytes, 213);
        a = wire_parse_ack(416, "BITS-Recieved-Content-Range: 213\n");
        assert_false(a.has_received);
        a = wire_parse_ack(200, "BITS-Received-Content-Range: bytes 0-212\n");
        assert_false(a.has_received);
        a = wire_parse_ack(200, "BITS-Host-Id: h\nBITS-Host-Id-Fallback-Timeout: 110\n");
        assert_string_equal(a.host_id, "h");
        assert_int_equal(a.fallback_sec, 110);
        a = wire_parse_ack(200, "BITS-Host-Id: h\nBITS-Host-Id-Fallback-Timeout: 4294967295\n");
        assert_int_equal(a.fallback_sec, BUP_FALLBACK_NEVER);
        a = wire_parse_ack(200, "BITS-Host-Id: http://h/\n");
        assert_string_equal(a.host_id, "");
        a = wire_parse_ack(503, "Retry-After: 120\n");
        assert_int_equal(a.retry_after_sec, 120);
        a = wire_parse_ack(503, "Retry-After: Thu, 01 Jan 1970 00:01:00 GMT\n");
        assert_int_equal(a.retry_after_sec, 60);
        a = wire_parse_ack(503, "Retry-After: soon\n");
        assert_int_equal(a.retry_after_sec, 0);
        a = wire_parse_ack(302, "Location: /other\n");
        assert_string_equal(a.location, "/other");
}

static void contradictory_and_oversized_acks_are_malformed(void **state)
{
        static char text[8 * 1024];
        static char lengthy[BUP_VALUE_MAX_BYTES + 2];

        assert_true(wire_parse_ack(200, "BITS-Received-Content-Range: 1\n"
                                        "BITS-Received-Content-Range: 2\n")
                            .malformed);
        assert_false(wire_parse_ack(200, "BITS-Received-Content-Range: 1\n"
                                         "BITS-Received-Content-Range: 1\n")
                             .malformed);
        assert_true(wire_parse_ack(200, "BITS-Session-Id: a\nBITS-Session-Id: b\n").malformed);
        assert_true(wire_parse_ack(200, "BITS-Session-Id: a b\n").malformed);
        assert_false(wire_parse_ack(200, "Retry-After: 1\nRetry-After: 2\n").malformed);
        memset(lengthy, 'a', BUP_VALUE_MAX_BYTES + 1);
        (void) snprintf(text, sizeof(text), "BITS-Reply-URL: %s\n", lengthy);
        assert_true(wire_parse_ack(200, text).malformed);
        (void) snprintf(text, sizeof(text), "Location: %s\n", lengthy);
        assert_false(wire_parse_ack(302, text).malformed);
        assert_string_equal(wire_parse_ack(302, text).location, "");
        lengthy[BUP_VALUE_MAX_BYTES] = '\0';
        (void) snprintf(text, sizeof(text), "BITS-Reply-URL: %s\n", lengthy);
        assert_string_equal(wire_parse_ack(200, text).reply_url, lengthy);
}

static int stop_at(void *ctx, const char *name, const char *value)
{
        unsigned *left = ctx;

        return (*left)-- == 0 ? -ENOSPC : 0;
}

static void printing_stops_where_the_sink_says_so(void **state)
{
        BupRequest r = {.type = BUP_FRAGMENT, .session_id = ID, .range = {0, 0, 1}};
        BupAck a;

        bup_refuse(BUP_SESSION_UNKNOWN, &a);
        for (unsigned n = 0; n < 5; n++) {
                unsigned left = n;

                assert_int_equal(bup_request_print(&r, stop_at, &left), n < 3 ? -ENOSPC : 0);
                left = n;
                assert_int_equal(bup_ack_print(&a, stop_at, &left), n < 4 ? -ENOSPC : 0);
        }
}

static void random_text(Random *random, char *text, size_t max, const char *letters)
{
        size_t len = (size_t) random_below(random, max);

        for (size_t i = 0; i < len; i++)
                text[i] = letters[random_below(random, strlen(letters))];
        text[len] = '\0';
}

static BupRequest random_request(Random *random)
{
        BupRequest r = {.type = (BupPacketType) random_below(random, BUP_PACKET_TYPE_MAX)};
        char name[300];

        if (r.type >= BUP_FRAGMENT) {
                random_text(random, r.session_id, 100, "abcDEF0123456789{}-/.!~");
                (void) strcat(r.session_id, "x");
        }
        if (r.type == BUP_FRAGMENT) {
                r.range.total_bytes = 1 + (random_u64(random) >> (2 + random_below(random, 60)));
                r.range.first_byte = random_below(random, r.range.total_bytes);
                r.range.last_byte = r.range.first_byte +
                                    random_below(random, r.range.total_bytes - r.range.first_byte);
                r.body_bytes = bup_range_length(&r.range);
        }
        if (r.type != BUP_PING) {
                random_text(random, name, sizeof(name), "abc.-_ /\\:\xc3\xbc\xff");
                bup_name_sanitise(name, r.content_name);
        }
        return r;
}

static void printed_requests_parse_to_themselves(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 20000; i++) {
                BupRequest r = random_request(&random), back;
                BupRefusal why = BUP_FINE;
                Wire w;

                wire_print_request(&w, &r);
                if (bup_request_parse(w.fields, w.n, NULL, &back, &why) < 0)
                        fail_msg("refused: %s", bup_refusal_text(why));
                assert_int_equal(back.type, r.type);
                assert_string_equal(back.session_id, r.session_id);
                assert_memory_equal(&back.range, &r.range, sizeof(r.range));
                assert_int_equal(back.body_bytes, r.body_bytes);
                assert_string_equal(back.content_name, r.content_name);
        }
}

static BupAck random_ack(Random *random)
{
        static const HRESULT errors[] = {S_OK,
                                         E_INVALIDARG,
                                         BG_E_TOO_LARGE,
                                         BG_E_HTTP_ERROR_503,
                                         BG_E_SESSION_NOT_FOUND,
                                         (HRESULT) 0xffffffffu};
        static const BG_ERROR_CONTEXT contexts[] = {BG_ERROR_CONTEXT_NONE,
                                                    BG_ERROR_CONTEXT_REMOTE_FILE,
                                                    BG_ERROR_CONTEXT_REMOTE_APPLICATION};
        static const char *const hosts[] = {"", "node", "node:81", "[::1]", "[2001:db8::1]:444"};
        BupAck a;

        bup_ack_init(&a, (uint16_t) (100 + random_below(random, 500)));
        a.is_ack = random_below(random, 8) > 0;
        a.accepts_identity = random_below(random, 2);
        a.has_protocol = a.is_our_protocol = random_below(random, 2);
        a.has_received = random_below(random, 2);
        a.received_bytes =
                a.has_received ? random_u64(random) >> (1 + random_below(random, 62)) : 0;
        (void) strcpy(a.host_id, hosts[random_below(random, ARRAY_LEN(hosts))]);
        if (a.host_id[0] != '\0' && random_below(random, 2))
                a.fallback_sec = (uint32_t) random_u64(random);
        if (random_below(random, 3) == 0)
                a.retry_after_sec = (uint32_t) random_u64(random);
        a.error = errors[random_below(random, ARRAY_LEN(errors))];
        if (a.error != S_OK)
                a.context = contexts[random_below(random, ARRAY_LEN(contexts))];
        random_text(random, a.session_id, 101, "abcDEF0123456789{}-");
        random_text(random, a.reply_url, 300, "abc/\\{}%:?=&");
        return a;
}

static void printed_acks_parse_to_themselves(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 20000; i++) {
                BupAck a = random_ack(&random), back;
                Wire w;

                wire_print_ack(&w, &a);
                bup_ack_parse(a.status, w.fields, w.n, 0, &back);
                assert_int_equal(back.status, a.status);
                assert_int_equal(back.is_ack, a.is_ack);
                assert_false(back.malformed);
                assert_int_equal(back.accepts_identity, a.accepts_identity);
                assert_int_equal(back.is_our_protocol, a.is_our_protocol);
                assert_int_equal(back.has_received, a.has_received);
                assert_int_equal(back.received_bytes, a.received_bytes);
                assert_int_equal(back.fallback_sec, a.fallback_sec);
                assert_int_equal(back.retry_after_sec, a.retry_after_sec);
                assert_int_equal(back.error, a.error);
                assert_int_equal(back.context, a.context);
                assert_string_equal(back.session_id, a.session_id);
                assert_string_equal(back.host_id, a.host_id);
                assert_string_equal(back.reply_url, a.reply_url);
        }
}

/* Fields of strangers: known names, unknown ones, good values, damaged ones, noise. */
static void random_fields_give_a_value_or_a_refusal(void **state)
{
        static const char *const NAMES[] = {
                "BITS-Packet-Type",
                "BITS-Supported-Protocols",
                "BITS-Session-Id",
                "Content-Length",
                "Transfer-Encoding",
                "Content-Range",
                "Content-Encoding",
                "Content-Name",
                "BITS-Protocol",
                "BITS-Host-Id",
                "BITS-Host-Id-Fallback-Timeout",
                "BITS-Received-Content-Range",
                "BITS-Reply-URL",
                "BITS-Error",
                "BITS-Error-Code",
                "BITS-Error-Context",
                "Accept-Encoding",
                "Retry-After",
                "Location",
                "",
                "x",
        };
        static const char *const VALUES[] = {
                "Create-Session",
                "Ping",
                "Fragment",
                "Close-Session",
                "Cancel-Session",
                "Ack",
                OURS,
                ID,
                "0",
                "1",
                "bytes 0-0/1",
                "identity",
                "0x8020001f",
                "0x5",
                "chunked",
                "name",
                "http://h/r",
                "[::1]:80",
                "",
                "Thu, 01 Jan 1970 00:01:00 GMT",
        };
        Random random = random_seeded(__func__);
        unsigned good = 0;

        for (int i = 0; i < 50000; i++) {
                BupRequest r = random_request(&random), back;
                BupRefusal why = BUP_FINE;
                char values[4][64];
                BupAck a;
                Wire w;

                wire_print_request(&w, &r);
                for (size_t k = random_below(&random, 5); k-- > 0;) {
                        BupField *f = &w.fields[random_below(&random, w.n)];

                        (void) strcpy(values[k], VALUES[random_below(&random, ARRAY_LEN(VALUES))]);
                        if (random_below(&random, 4) == 0)
                                values[k][random_below(&random, 63)] = (char) random_u64(&random);
                        values[k][63] = '\0';
                        if (random_below(&random, 2) == 0)
                                f = &w.fields[w.n++];
                        *f = (BupField){NAMES[random_below(&random, ARRAY_LEN(NAMES))], values[k]};
                }
                bup_ack_parse(200, w.fields, w.n, 0, &a);
                assert_true(a.error <= S_OK);
                if (bup_request_parse(w.fields, w.n, NULL, &r, &why) < 0) {
                        assert_true(why > BUP_FINE && why < BUP_REFUSAL_MAX);
                        continue;
                }
                good++;
                assert_true(r.type < BUP_PACKET_TYPE_MAX);
                wire_print_request(&w, &r); /* what was taken can be sent on */
                assert_int_equal(bup_request_parse(w.fields, w.n, NULL, &back, &why), 0);
                assert_string_equal(back.session_id, r.session_id);
        }
        assert_in_range(good, 10000, 40000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(packet_types_are_known_in_any_case),
                cmocka_unit_test(create_needs_our_protocol_in_its_list),
                cmocka_unit_test(packets_without_a_body_must_not_have_one),
                cmocka_unit_test(a_length_is_needed_and_chunks_are_refused),
                cmocka_unit_test(the_range_of_a_fragment_is_as_long_as_its_body),
                cmocka_unit_test(session_ids_are_needed_where_they_mean_something),
                cmocka_unit_test(fields_that_contradict_themselves_are_refused),
                cmocka_unit_test(values_over_four_kibibytes_are_refused),
                cmocka_unit_test(requests_are_printed_as_the_examples_show),
                cmocka_unit_test(acks_are_printed_as_the_examples_show),
                cmocka_unit_test(errors_are_read_from_either_header_and_nothing_counts_as_nothing),
                cmocka_unit_test(acks_are_read_with_all_that_may_be_missing),
                cmocka_unit_test(contradictory_and_oversized_acks_are_malformed),
                cmocka_unit_test(printing_stops_where_the_sink_says_so),
                cmocka_unit_test(printed_requests_parse_to_themselves),
                cmocka_unit_test(printed_acks_parse_to_themselves),
                cmocka_unit_test(random_fields_give_a_value_or_a_refusal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
