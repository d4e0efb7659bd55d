/* SPDX-License-Identifier: Apache-2.0 */
/* How the client gets to its server and leaves it: hosts and their fall-back, handshakes,
 * redirects, broken connections, pauses, cancelling. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bitsmsg.h"

#include "bup_upload.h"

#define URL "http://up.example.net/farm/a.bin"
#define HOST_URL "http://node3.up.example.net/farm/a.bin"
#define HOST_ID CREATED "BITS-Host-Id: node3.up.example.net\n"
#define HOST_ID_3600 HOST_ID "BITS-Host-Id-Fallback-Timeout: 3600\n"

static const BupFailure UNREACHABLE = {.code = BG_E_CONNECT_FAILURE};
static const BupFailure CUT = {
        .code = BG_E_CONNECTION_CLOSED, .maybe_received = true, .body_sent_bytes = 4000};
static const BupFailure STALE = {
        .code = BG_E_CONNECTION_CLOSED, .maybe_received = true, .reused_connection = true};

static void resume(Upload *u)
{
        upload_restart(u);
        (void) upload_expect(u, BUP_PING);
}

static void upload_on_host(Upload *u, const char *ack)
{
        upload_begin(u, URL, 20000, false);
        (void) upload_expect(u, BUP_CREATE_SESSION);
        assert_false(u->what.via_host_id);
        upload_goes_on(u, 200, ack);
        (void) upload_expect(u, BUP_PING);
        upload_goes_on(u, 200, ACK);
        upload_expect_fragment(u, 0, 8191);
}

/* C8 */
static void packets_go_to_the_host_id_once_it_is_known(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        assert_string_equal(u.what.url, URL);
        assert_true(u.what.credentials_ok);
        upload_goes_on(&u, 200, HOST_ID_3600);
        (void) upload_expect(&u, BUP_PING);
        assert_string_equal(u.what.url, HOST_URL);
        assert_true(u.what.via_host_id);
        assert_false(u.what.credentials_ok); /* of the origin, in clear, to another name */
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 99);
        assert_string_equal(u.what.url, HOST_URL);
        upload_goes_on_at(&u, 200, 100);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_string_equal(u.what.url, HOST_URL);
        upload_end(&u);

        upload_begin(&u, "https://up.example.net:8443/a", 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_goes_on(&u, 200, HOST_ID);
        (void) upload_expect(&u, BUP_PING);
        assert_string_equal(u.what.url, "https://node3.up.example.net:8443/a");
        assert_true(u.what.credentials_ok); /* TLS proves the name */
        upload_end(&u);
}

static void a_host_id_into_the_local_machine_is_ignored(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_goes_on(&u, 200, CREATED "BITS-Host-Id: 127.0.0.1\n");
        upload_expect_fragment(&u, 0, 99);
        assert_string_equal(u.what.url, URL);
        upload_end(&u);
}

/* C8, 16.23 */
static void an_unreachable_host_is_left_after_its_time_for_good(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID_3600);
        assert_int_equal(upload_fail(&u, &UNREACHABLE).verdict, BUP_TRANSIENT);
        u.now_usec += 3599 * USEC_PER_SEC;
        resume(&u);
        assert_string_equal(u.what.url, HOST_URL);
        assert_int_equal(upload_fail(&u, &UNREACHABLE).verdict, BUP_TRANSIENT);
        u.now_usec += 1 * USEC_PER_SEC;
        resume(&u);
        assert_string_equal(u.what.url, URL);
        assert_true(u.what.save && u.what.credentials_ok);
        assert_int_equal(u.client.state.fallback_sec, BUP_FALLBACK_NEVER);
        upload_goes_on(&u, 200, ACK);
        (void) upload_expect(&u, BUP_FRAGMENT);
        upload_goes_on(&u, 500, SESSION_LOST); /* the origin knows nothing of it */
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        assert_string_equal(u.what.url, URL);
        upload_end(&u);
}

static void an_acknowledged_fragment_stops_the_fall_back_timer(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID_3600);
        (void) upload_fail(&u, &UNREACHABLE);
        u.now_usec += 3000 * USEC_PER_SEC;
        resume(&u);
        upload_goes_on(&u, 200, ACK); /* a Ping does not */
        upload_expect_fragment(&u, 0, 8191);
        upload_goes_on_at(&u, 416, 0);
        u.now_usec += 3000 * USEC_PER_SEC;
        upload_expect_fragment(&u, 0, 8191);
        assert_string_equal(u.what.url, HOST_URL);
        (void) upload_fail(&u, &CUT); /* from here on again */
        u.now_usec += 3599 * USEC_PER_SEC;
        resume(&u);
        assert_string_equal(u.what.url, HOST_URL);
        u.now_usec += 1 * USEC_PER_SEC;
        (void) upload_expect(&u, BUP_PING);
        assert_string_equal(u.what.url, URL);
        upload_end(&u);
}

static void errors_of_the_host_start_the_timer_as_silence_does(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID_3600);
        (void) upload_stops(&u, 503, ACK, BUP_TRANSIENT, BG_E_HTTP_ERROR_503);
        assert_int_equal(u.client.state.fallback_at_usec, START_USEC + 3600 * USEC_PER_SEC);
        upload_end(&u);

        upload_on_host(&u, HOST_ID_3600);
        assert_true(upload_stops(&u, 200, "Content-Type: text/html\n", BUP_TRANSIENT,
                                 BG_E_INVALID_SERVER_RESPONSE)
                            .save);
        assert_int_equal(u.client.state.fallback_at_usec, START_USEC + 3600 * USEC_PER_SEC);
        upload_end(&u);

        upload_on_host(&u, HOST_ID_3600);
        u.client.state.restarts = BUP_RESTARTS_MAX;
        (void) upload_stops(&u, 500, SESSION_LOST, BUP_TRANSIENT, BG_E_NO_PROGRESS);
        assert_int_equal(u.client.state.fallback_at_usec, START_USEC + 3600 * USEC_PER_SEC);
        upload_end(&u);

        upload_on_host(&u, HOST_ID_3600);
        (void) upload_stops(&u, 404, ACK, BUP_FATAL, BG_E_HTTP_ERROR_404);
        assert_int_equal(u.client.state.fallback_at_usec, 0); /* it is there, it only says no */
        upload_end(&u);
}

static void without_a_time_the_host_is_never_left(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID);
        (void) upload_fail(&u, &UNREACHABLE);
        u.now_usec += (uint64_t) 1000 * 86400 * USEC_PER_SEC;
        resume(&u);
        assert_string_equal(u.what.url, HOST_URL);
        upload_end(&u);

        upload_on_host(&u, HOST_ID "BITS-Host-Id-Fallback-Timeout: 0\n");
        (void) upload_fail(&u, &UNREACHABLE);
        resume(&u);
        assert_string_equal(u.what.url, URL); /* no patience at all */
        upload_end(&u);
}

static void a_clock_that_jumps_back_does_not_prolong_the_wait(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID_3600);
        (void) upload_fail(&u, &UNREACHABLE);
        u.now_usec -= 365 * 86400 * USEC_PER_SEC;
        resume(&u);
        assert_string_equal(u.what.url, HOST_URL);
        u.now_usec += 3600 * USEC_PER_SEC;
        resume(&u);
        assert_string_equal(u.what.url, URL);
        upload_end(&u);
}

/* §8: no body is spent on a handshake. */
static void credentials_are_tried_on_a_ping(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        u.client.config.has_credentials = true;
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_PING);
        assert_int_equal(upload_answer(&u, 401, "WWW-Authenticate: Negotiate\n").verdict,
                         BUP_AUTHENTICATE);
        (void) upload_expect(&u, BUP_PING);
        u.exchange.credentials_sent = true;
        upload_goes_on(&u, 200, ACK);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        upload_end(&u);
}

/* S27 from the other side */
static void a_challenged_fragment_is_repeated_behind_a_ping(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        assert_int_equal(upload_answer(&u, 401, "").verdict, BUP_AUTHENTICATE);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 99);
        upload_goes_on_at(&u, 200, 100);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_end(&u);
}

/* C15 */
static void proxies_challenge_as_servers_do(void **state)
{
        BupOutcome out;
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        out = upload_answer(&u, 407, "Proxy-Authenticate: Basic\n");
        assert_int_equal(out.verdict, BUP_AUTHENTICATE);
        assert_int_equal(out.http_status, 407);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        out = bup_client_auth_failed(&u.client, 407);
        assert_int_equal(out.verdict, BUP_FATAL);
        assert_int_equal(out.error, BG_E_HTTP_ERROR_407);
        assert_int_equal(upload_next(&u), BUP_DO_STOP);
        upload_end(&u);
}

/* §5.3 2 */
static void credentials_refused_twice_are_fatal(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        assert_int_equal(upload_answer(&u, 401, "").verdict, BUP_AUTHENTICATE);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        u.exchange.credentials_sent = true;
        assert_int_equal(upload_answer(&u, 401, "").verdict, BUP_AUTHENTICATE);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        u.exchange.credentials_sent = true;
        (void) upload_stops(&u, 401, "", BUP_FATAL, BG_E_HTTP_ERROR_401);
        upload_end(&u);
}

static void a_server_that_lets_pings_pass_and_nothing_else_is_not_asked_for_ever(void **state)
{
        unsigned rounds = 0;
        BupOutcome out;
        Upload u;

        upload_begin(&u, URL, 100, false);
        upload_create(&u);
        for (;;) {
                upload_expect_fragment(&u, 0, 99);
                out = upload_answer(&u, 401, "");
                if (out.verdict != BUP_AUTHENTICATE)
                        break;
                assert_true(++rounds < 20);
                (void) upload_expect(&u, BUP_PING);
                upload_goes_on(&u, 200, ACK);
        }
        assert_int_equal(out.verdict, BUP_FATAL);
        assert_int_equal(out.error, BG_E_HTTP_ERROR_401);
        upload_end(&u);
}

static void a_new_connection_is_authenticated_before_a_body_goes_over_it(void **state)
{
        Upload u;

        upload_begin(&u, URL, 20000, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        u.exchange.connection_closed = true;
        upload_goes_on_at(&u, 200, 8192); /* C10: normal, and nobody asked for credentials */
        upload_expect_fragment(&u, 8192, 16383);
        (void) upload_answer(&u, 401, "");
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 8192, 16383);
        u.exchange.connection_closed = true;
        upload_goes_on_at(&u, 200, 16384);
        (void) upload_expect(&u, BUP_PING);
        u.exchange.connection_closed = true; /* even after the Ping: go on all the same */
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 16384, 19999);
        upload_end(&u);
}

/* §4.2 */
static void pings_and_creates_follow_redirects_on_their_host(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        u.config.has_credentials = true;
        upload_restart(&u);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 302, "Location: /farm1/a.bin\n");
        (void) upload_expect(&u, BUP_PING);
        assert_string_equal(u.what.url, "http://up.example.net/farm1/a.bin");
        upload_end(&u);

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_goes_on(&u, 308, "Location: /farm2/a.bin\n");
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        assert_string_equal(u.what.url, "http://up.example.net/farm2/a.bin");
        upload_goes_on(&u, 301, "Location: https://up.example.net/farm2/a.bin\n");
        upload_restart(&u); /* remembered */
        upload_create(&u);
        assert_string_equal(u.what.url, "https://up.example.net/farm2/a.bin");
        upload_expect_fragment(&u, 0, 99);
        assert_string_equal(u.what.url, "https://up.example.net/farm2/a.bin");
        upload_end(&u);
}

static void a_stored_redirect_to_another_host_is_forgotten(void **state)
{
        static const struct {
                const char *stored;
                bool holds;
        } rows[] = {{"http://up.example.net/moved.bin", true},
                    {"https://up.example.net/moved.bin", true},
                    {"http://evil.example/drop/report.bin", false},
                    {"http://up.example.net:81/moved.bin", false},
                    {"ftp://up.example.net/moved.bin", false},
                    {"nonsense", false}};

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                BupClientState stored;
                Upload u;

                upload_begin(&u, "http://up.example.net/drop/report.bin", 100, false);
                stored = u.client.state;
                (void) strcpy(stored.moved_url, rows[i].stored);
                bup_client_done(&u.client);
                bup_client_init(&u.client, &u.config, &stored);
                bup_client_start(&u.client);
                (void) upload_expect(&u, BUP_CREATE_SESSION);
                assert_string_equal(u.what.url, rows[i].holds ? rows[i].stored : u.config.url);
                upload_end(&u);
        }
}

static void other_redirects_are_errors(void **state)
{
        static const struct {
                uint16_t status;
                const char *text;
        } rows[] = {
                {302, "Location: http://evil.example.net/x\n"},
                {302, "Location: http://up.example.net:81/x\n"},
                {302, "Location: ftp://up.example.net/x\n"},
                {302, ""},
                {303, "Location: /x\n"},
                {304, "Location: /x\n"},
        };
        unsigned hops = 0;
        Upload u;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                upload_begin(&u, URL, 100, false);
                (void) upload_expect(&u, BUP_CREATE_SESSION);
                (void) upload_stops(&u, rows[i].status, rows[i].text, BUP_FATAL,
                                    (HRESULT) (0x80190000u + rows[i].status));
                upload_end(&u);
        }
        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        while (upload_answer(&u, 307, "Location: /x\n").verdict == BUP_GO_ON) { /* a loop */
                (void) upload_expect(&u, BUP_CREATE_SESSION);
                assert_true(++hops <= BUP_REDIRECTS_MAX);
        }
        upload_end(&u);
        upload_begin(&u, URL, 100, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        (void) upload_stops(&u, 307, "Location: /x\n", BUP_FATAL, BG_E_HTTP_ERROR_307);
        upload_end(&u);
}

/* C10 */
static void a_stale_connection_is_replaced_once_without_a_word(void **state)
{
        Upload u;

        upload_begin(&u, URL, 20000, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        assert_int_equal(upload_fail(&u, &STALE).verdict, BUP_GO_ON);
        upload_expect_fragment(&u, 0, 8191);
        upload_goes_on_at(&u, 200, 8192);
        upload_expect_fragment(&u, 8192, 16383);
        assert_int_equal(upload_fail(&u, &STALE).verdict, BUP_GO_ON);
        upload_expect_fragment(&u, 8192, 16383);
        assert_int_equal(upload_fail(&u, &STALE).verdict, BUP_TRANSIENT);
        assert_int_equal(upload_next(&u), BUP_DO_STOP);
        bup_client_start(&u.client); /* another attempt, another chance */
        (void) upload_expect(&u, BUP_PING);
        assert_int_equal(upload_fail(&u, &STALE).verdict, BUP_GO_ON);
        upload_end(&u);
}

static void a_connection_that_replaces_a_stale_one_is_authenticated_first(void **state)
{
        Upload u;

        upload_begin(&u, URL, 20000, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        (void) upload_answer(&u, 401, "");
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 8191);
        assert_int_equal(upload_fail(&u, &STALE).verdict, BUP_GO_ON);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 8191);
        upload_goes_on_at(&u, 200, 20000);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_int_equal(upload_fail(&u, &STALE).verdict, BUP_GO_ON);
        (void) upload_expect(&u, BUP_CLOSE_SESSION); /* has no body to lose */
        upload_end(&u);
}

/* What one attempt has used up is there again for the next. */
static void a_new_attempt_has_its_patience_back(void **state)
{
        Upload u;

        upload_begin(&u, URL, 20000, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        for (int attempt = 0; attempt < 3; attempt++) {
                upload_goes_on_at(&u, 416, 0);
                upload_expect_fragment(&u, 0, 8191);
                upload_goes_on_at(&u, 416, 0);
                bup_client_start(&u.client);
                (void) upload_expect(&u, BUP_PING);
                assert_int_equal(upload_answer(&u, 401, "").verdict, BUP_AUTHENTICATE);
                u.exchange.credentials_sent = true;
                (void) upload_expect(&u, BUP_PING);
                assert_int_equal(upload_answer(&u, 401, "").verdict, BUP_AUTHENTICATE);
                bup_client_start(&u.client);
                (void) upload_expect(&u, BUP_PING);
                upload_goes_on(&u, 200, ACK);
                upload_expect_fragment(&u, 0, 8191);
        }
        u.exchange.connection_closed = true; /* nobody asked for credentials in this attempt */
        upload_goes_on_at(&u, 200, 8192);
        upload_expect_fragment(&u, 8192, 16383);
        upload_end(&u);
}

static void failures_say_what_the_caller_said(void **state)
{
        BupFailure untrusted = {.code = (HRESULT) 0x80072f8fu,
                                .context = BG_ERROR_CONTEXT_REMOTE_FILE,
                                .fatal = true,
                                .reused_connection = true};
        BupOutcome out;
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        out = upload_fail(&u, &UNREACHABLE);
        assert_int_equal(out.verdict, BUP_TRANSIENT);
        assert_int_equal(out.error, BG_E_CONNECT_FAILURE);
        assert_int_equal(out.context, BG_ERROR_CONTEXT_GENERAL_TRANSPORT);
        assert_int_equal(out.http_status, 0);
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        out = upload_fail(&u, &untrusted);
        assert_int_equal(out.verdict, BUP_FATAL);
        assert_int_equal(out.error, (HRESULT) 0x80072f8fu);
        assert_int_equal(out.context, BG_ERROR_CONTEXT_REMOTE_FILE);
        upload_end(&u);
}

static void cut_fragments_are_followed_by_smaller_ones(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100000, false);
        u.config.fragment_start_bytes = u.config.fragment_cap_bytes = 65536;
        upload_restart(&u);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 65535);
        (void) upload_fail(&u, &UNREACHABLE); /* not the fragment's fault */
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_PING);
        (void) upload_fail(&u, &CUT); /* nor a Ping's */
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 65535);
        (void) upload_fail(&u, &CUT);
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 32767);
        u.exchange.usec = USEC_PER_SEC / 10;
        upload_goes_on_at(&u, 200, 32768);
        upload_expect_fragment(&u, 32768, 98303); /* and larger ones when it goes well */
        u.exchange.usec = 600 * USEC_PER_SEC;
        upload_goes_on_at(&u, 416, 0); /* what was not taken says nothing about the line */
        upload_expect_fragment(&u, 0, 65535);
        upload_end(&u);
}

/* C14: in every state */
static void an_upload_goes_on_where_it_was_after_a_crash(void **state)
{
        Upload u;

        upload_begin(&u, URL, 20000, false);
        upload_restart(&u);
        upload_create(&u);
        resume(&u);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 8191);
        upload_goes_on_at(&u, 200, 8192);
        resume(&u);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 8192, 16383);
        upload_goes_on_at(&u, 200, 20000);
        resume(&u);
        upload_goes_on(&u, 200, ACK);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_true(u.what.save); /* from here on nothing is ever uploaded again */
        resume(&u);
        upload_goes_on(&u, 200, ACK);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_goes_on(&u, 200, ACK);
        upload_restart(&u);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

/* C14: what the server has beyond our knowledge is not sent again, but for the question. */
static void a_large_fragment_waits_until_the_offset_is_known(void **state)
{
        const uint64_t size = 8 << 20;
        Upload u;

        upload_begin(&u, URL, size, false);
        u.config.fragment_start_bytes = u.config.fragment_cap_bytes = 1 << 20;
        upload_restart(&u);
        upload_create(&u);
        upload_expect_fragment(&u, 0, (1 << 20) - 1); /* of a new session it is known */
        upload_goes_on_at(&u, 200, 1 << 20);
        resume(&u);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 1 << 20, (1 << 20) + BUP_FRAGMENT_FLOOR_BYTES - 1);
        upload_goes_on_at(&u, 200, 3 << 20);
        upload_expect_fragment(&u, 3 << 20, (4 << 20) - 1);
        resume(&u);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 3 << 20, (3 << 20) + BUP_FRAGMENT_FLOOR_BYTES - 1);
        upload_goes_on(&u, 500, SESSION_LOST);
        upload_create(&u);
        upload_expect_fragment(&u, 0, (1 << 20) - 1);
        upload_end(&u);
}

static void close_is_announced_to_the_store_until_it_is_answered(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        assert_false(u.what.save);
        upload_goes_on_at(&u, 200, 100);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_true(u.what.save);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_true(u.what.save); /* asked twice, answered twice the same */
        assert_int_equal(upload_answer(&u, 401, "").verdict, BUP_AUTHENTICATE);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_false(u.what.save); /* it was stored before the first one was sent */
        upload_end(&u);
}

static void the_name_of_the_file_is_told_where_it_belongs_or_not_at_all(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        assert_string_equal(upload_expect(&u, BUP_CREATE_SESSION)->content_name, "report.bin");
        upload_goes_on(&u, 200, CREATED);
        assert_string_equal(upload_expect(&u, BUP_FRAGMENT)->content_name, "report.bin");
        upload_goes_on_at(&u, 200, 100);
        assert_string_equal(upload_expect(&u, BUP_CLOSE_SESSION)->content_name, "");
        upload_end(&u);
        upload_begin(&u, URL, 100, false);
        u.config.content_name = NULL;
        upload_restart(&u);
        assert_string_equal(upload_expect(&u, BUP_CREATE_SESSION)->content_name, "");
        upload_goes_on(&u, 200, CREATED);
        assert_string_equal(upload_expect(&u, BUP_FRAGMENT)->content_name, "");
        upload_end(&u);
}

static void a_machine_that_was_not_started_does_nothing(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        bup_client_done(&u.client);
        bup_client_init(&u.client, &u.config, &u.client.state);
        assert_int_equal(upload_next(&u), BUP_DO_STOP);
        upload_end(&u);
}

static void cancelling_without_a_session_needs_no_packet(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        bup_client_cancel(&u.client);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

/* §4.3; the 24 hours are the caller's. */
static void cancelling_goes_on_until_the_server_has_heard_of_it(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID_3600);
        bup_client_cancel(&u.client);
        (void) upload_expect(&u, BUP_CANCEL_SESSION);
        assert_true(u.what.save);
        assert_string_equal(u.what.url, HOST_URL);
        assert_int_equal(upload_fail(&u, &UNREACHABLE).verdict, BUP_TRANSIENT);
        upload_restart(&u);
        (void) upload_expect(&u, BUP_CANCEL_SESSION);
        (void) upload_stops(&u, 503, ACK, BUP_TRANSIENT, BG_E_HTTP_ERROR_503);
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_CANCEL_SESSION);
        upload_goes_on(&u, 200, ACK);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

/* C7 */
static void cancelling_what_is_gone_is_success_and_what_is_refused_is_given_up(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID);
        bup_client_cancel(&u.client);
        (void) upload_expect(&u, BUP_CANCEL_SESSION);
        upload_goes_on(&u, 500, SESSION_LOST);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);

        upload_on_host(&u, HOST_ID);
        (void) upload_fail(&u, &UNREACHABLE); /* between two attempts */
        bup_client_cancel(&u.client);
        (void) upload_expect(&u, BUP_CANCEL_SESSION);
        (void) upload_stops(&u, 405, "", BUP_FATAL, BG_E_HTTP_ERROR_405);
        upload_end(&u);
}

/* The answer of what was under way when the user cancelled may still come in. */
static void a_session_created_while_cancelling_is_cancelled_too(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        bup_client_cancel(&u.client);
        upload_goes_on(&u, 200, CREATED);
        (void) upload_expect(&u, BUP_CANCEL_SESSION);
        assert_true(u.what.save);
        upload_end(&u);

        upload_begin(&u, URL, 100, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        upload_goes_on_at(&u, 200, 100);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        bup_client_cancel(&u.client);
        upload_goes_on(&u, 200, ACK); /* too late: it is closed */
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

/* C13 */
static void a_changed_source_is_noticed(void **state)
{
        BupSource same = {.size_bytes = 100, .modified_nsec = 5, .inode = 6}, now = same;
        BupClientState s;

        bup_client_state_init(&s, &same, false);
        assert_false(bup_client_state_source_changed(&s, &now));
        now.size_bytes++;
        assert_true(bup_client_state_source_changed(&s, &now));
        now = same;
        now.modified_nsec--;
        assert_true(bup_client_state_source_changed(&s, &now));
        now = same;
        now.inode++;
        assert_true(bup_client_state_source_changed(&s, &now));
        now.inode = 0; /* a file system that has none that last */
        assert_false(bup_client_state_source_changed(&s, &now));
}

/* What was checked when it came is checked again when it is used: the job's URL, or what the store
 * gave back, may not be what it was. */
static void stored_hosts_and_replies_that_lead_astray_are_not_followed(void **state)
{
        Upload u;

        upload_on_host(&u, HOST_ID);
        (void) strcpy(u.client.state.host_id, "127.0.0.1");
        resume(&u);
        assert_string_equal(u.what.url, URL);
        assert_true(u.what.save);
        assert_string_equal(u.client.state.host_id, "");
        upload_end(&u);

        upload_begin(&u, URL, 100, true);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        upload_goes_on(&u, 200, ACK "BITS-Received-Content-Range: 100\nBITS-Reply-URL: /r\n");
        (void) strcpy(u.client.state.reply_url, "http://127.0.0.1/r");
        upload_expect_fragment(&u, 99, 99); /* for another one */
        upload_goes_on(&u, 200, ACK "BITS-Received-Content-Range: 100\nBITS-Reply-URL: /r\n");
        assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
        upload_end(&u);
}

static int next_without_memory(void)
{
        Upload u;
        int r;

        u = (Upload){.now_usec = START_USEC};
        upload_begin(&u, URL, 100, true);
        u.client.state.phase = BUP_PHASE_REPLY;
        u.client.ping_due = true;
        (void) strcpy(u.client.state.host_id, "node3.up.example.net");
        (void) strcpy(u.client.state.session_id, SESSION);
        (void) strcpy(u.client.state.reply_url, "/r");
        r = bup_client_next(&u.client, u.now_usec, &u.what); /* a Ping */
        if (r == 0) {
                BupAck ack;

                bup_ack_init(&ack, 200);
                (void) bup_client_ack(&u.client, &ack, &u.exchange, u.now_usec);
                u.client.ping_due = false;
                r = bup_client_next(&u.client, u.now_usec, &u.what);
        }
        upload_end(&u);
        return r;
}

static void memory_may_run_out_and_come_back(void **state)
{
        for (uint64_t n = 1;; n++) {
                int struck, r;

                mem_fail_nth(n);
                r = next_without_memory();
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -12 /* ENOMEM */ : 0);
                if (!struck)
                        break;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(packets_go_to_the_host_id_once_it_is_known),
                cmocka_unit_test(a_host_id_into_the_local_machine_is_ignored),
                cmocka_unit_test(an_unreachable_host_is_left_after_its_time_for_good),
                cmocka_unit_test(an_acknowledged_fragment_stops_the_fall_back_timer),
                cmocka_unit_test(errors_of_the_host_start_the_timer_as_silence_does),
                cmocka_unit_test(without_a_time_the_host_is_never_left),
                cmocka_unit_test(a_clock_that_jumps_back_does_not_prolong_the_wait),
                cmocka_unit_test(credentials_are_tried_on_a_ping),
                cmocka_unit_test(a_challenged_fragment_is_repeated_behind_a_ping),
                cmocka_unit_test(proxies_challenge_as_servers_do),
                cmocka_unit_test(credentials_refused_twice_are_fatal),
                cmocka_unit_test(
                        a_server_that_lets_pings_pass_and_nothing_else_is_not_asked_for_ever),
                cmocka_unit_test(a_new_connection_is_authenticated_before_a_body_goes_over_it),
                cmocka_unit_test(pings_and_creates_follow_redirects_on_their_host),
                cmocka_unit_test(a_stored_redirect_to_another_host_is_forgotten),
                cmocka_unit_test(other_redirects_are_errors),
                cmocka_unit_test(a_stale_connection_is_replaced_once_without_a_word),
                cmocka_unit_test(a_connection_that_replaces_a_stale_one_is_authenticated_first),
                cmocka_unit_test(a_new_attempt_has_its_patience_back),
                cmocka_unit_test(failures_say_what_the_caller_said),
                cmocka_unit_test(cut_fragments_are_followed_by_smaller_ones),
                cmocka_unit_test(an_upload_goes_on_where_it_was_after_a_crash),
                cmocka_unit_test(a_large_fragment_waits_until_the_offset_is_known),
                cmocka_unit_test(close_is_announced_to_the_store_until_it_is_answered),
                cmocka_unit_test(the_name_of_the_file_is_told_where_it_belongs_or_not_at_all),
                cmocka_unit_test(a_machine_that_was_not_started_does_nothing),
                cmocka_unit_test(cancelling_without_a_session_needs_no_packet),
                cmocka_unit_test(cancelling_goes_on_until_the_server_has_heard_of_it),
                cmocka_unit_test(
                        cancelling_what_is_gone_is_success_and_what_is_refused_is_given_up),
                cmocka_unit_test(a_session_created_while_cancelling_is_cancelled_too),
                cmocka_unit_test(a_changed_source_is_noticed),
                cmocka_unit_test(stored_hosts_and_replies_that_lead_astray_are_not_followed),
                cmocka_unit_test(memory_may_run_out_and_come_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
