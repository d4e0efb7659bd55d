/* SPDX-License-Identifier: Apache-2.0 */
/* What the client makes of every answer: statuses, codes, offsets, lost sessions, replies. Hosts,
 * handshakes, cancelling and broken connections are in test_bup_client_way.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bitsmsg.h"

#include "bup_upload.h"

#define URL "http://up.example.net/drop/report.bin"
#define DISK_FULL ((HRESULT) 0x80070070u)

static void upload_in_the_middle(Upload *u)
{
        upload_begin(u, URL, 20000, false);
        upload_create(u);
        upload_expect_fragment(u, 0, 8191);
        upload_goes_on_at(u, 200, 8192);
        upload_expect_fragment(u, 8192, 16383);
}

/* To the point where Close has been sent. */
static void upload_to_close(Upload *u)
{
        upload_begin(u, URL, 100, false);
        upload_create(u);
        upload_expect_fragment(u, 0, 99);
        upload_goes_on_at(u, 200, 100);
        (void) upload_expect(u, BUP_CLOSE_SESSION);
}

/* §5.3 5: the class of each status, for an answer that says nothing else. */
static void statuses_are_classified_as_documented(void **state)
{
        for (unsigned status = 100; status <= 599; status++) {
                bool fatal = (status >= 300 && status <= 305) || status == 307 || status == 308 ||
                             (status >= 400 && status <= 499 && status != 408 && status != 409 &&
                              status != 425 && status != 429) ||
                             status == 501 || status == 505;
                HRESULT code = (HRESULT) (0x80190000u + status);
                BupOutcome out;
                Upload u;

                if (status == 200 || status == 201 || status == 401 || status == 407 ||
                    status == 413 || status == 416)
                        continue;
                upload_in_the_middle(&u);
                out = upload_stops(&u, (uint16_t) status, ACK, fatal ? BUP_FATAL : BUP_TRANSIENT,
                                   code);
                assert_int_equal(out.context, BG_ERROR_CONTEXT_REMOTE_FILE);
                upload_end(&u);
        }
}

/* §5.3 4 and 6 */
static void codes_decide_before_statuses(void **state)
{
        static const struct {
                uint16_t status;
                const char *text;
                BupVerdict verdict;
                HRESULT error;
                BG_ERROR_CONTEXT context;
        } rows[] = {
                {500, ERROR_TEXT("0x80200020"), BUP_FATAL, BG_E_TOO_LARGE, 5},
                {400, ERROR_TEXT("0x80070057"), BUP_FATAL, E_INVALIDARG, 5},
                {500, ERROR_TEXT("0x80070057"), BUP_FATAL, E_INVALIDARG, 5},
                {501, ERROR_TEXT("0x80070005"), BUP_FATAL, E_ACCESSDENIED, 5},
                {403, ERROR_TEXT("0x80070005"), BUP_FATAL, E_ACCESSDENIED, 5},
                {403, ERROR_TEXT("0x80200023"), BUP_FATAL, BG_E_SERVER_EXECUTE_ENABLE, 5},
                {500, ERROR_TEXT("0x80070070"), BUP_TRANSIENT, DISK_FULL, 5},
                {500, ERROR_TEXT("0x80070112"), BUP_TRANSIENT, DISK_FULL, 5},
                {503, ACK "BITS-Error-Code: 80070070\n", BUP_TRANSIENT, DISK_FULL, 5},
                {500, ERROR_TEXT("0x0"), BUP_TRANSIENT, BG_E_HTTP_ERROR_500, 5},
                {500, APPLICATION_ERROR("0x801901F4"), BUP_TRANSIENT, BG_E_HTTP_ERROR_500, 7},
                {503, APPLICATION_ERROR("0x801901F7"), BUP_TRANSIENT, BG_E_HTTP_ERROR_503, 7},
                {408, APPLICATION_ERROR("0x800705B4"), BUP_TRANSIENT, (HRESULT) 0x800705b4u, 7},
                {403, APPLICATION_ERROR("0x80190193"), BUP_FATAL, BG_E_HTTP_ERROR_403, 7},
                {501, APPLICATION_ERROR("0x801901F5"), BUP_FATAL, BG_E_HTTP_ERROR_501, 7},
                /* Statuses that mean something else when the server itself says them. */
                {401, APPLICATION_ERROR("0x80190191"), BUP_FATAL, BG_E_HTTP_ERROR_401, 7},
                {413, APPLICATION_ERROR("0x8019019D"), BUP_FATAL, BG_E_HTTP_ERROR_413, 7},
                {416, APPLICATION_ERROR("0x801901A0"), BUP_FATAL, BG_E_HTTP_ERROR_416, 7},
                {500, APPLICATION_ERROR("0x8020001F"), BUP_TRANSIENT, BG_E_SESSION_NOT_FOUND, 7},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                BupOutcome out;
                Upload u;

                upload_in_the_middle(&u);
                out = upload_stops(&u, rows[i].status, rows[i].text, rows[i].verdict,
                                   rows[i].error);
                assert_int_equal(out.context, rows[i].context);
                upload_end(&u);
        }
}

static void a_server_that_asks_for_patience_gets_it(void **state)
{
        Upload u;

        upload_in_the_middle(&u);
        assert_int_equal(
                upload_stops(&u, 503, ACK "Retry-After: 120\n", BUP_TRANSIENT, BG_E_HTTP_ERROR_503)
                        .retry_after_sec,
                120);
        upload_end(&u);
}

/* C4 */
static void a_success_is_none_the_worse_for_an_error_code(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_goes_on(&u, 200, CREATED "BITS-Error-Code: 1\nBITS-Error-Context: 0x7\n");
        upload_expect_fragment(&u, 0, 99);
        upload_goes_on(&u, 200,
                       ACK "BITS-Received-Content-Range: 100\nBITS-Error: 0x8020001F\n"
                           "BITS-Error-Context: 0x7\n");
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_goes_on(&u, 200, SESSION_LOST);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

/* C2 */
static void acks_may_leave_out_what_iis_leaves_out(void **state)
{
        Upload u;

        upload_begin(&u, URL, 10000, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_goes_on(&u, 201, CREATED);
        upload_expect_fragment(&u, 0, 8191);
        upload_goes_on_at(&u, 200, 8192);
        upload_expect_fragment(&u, 8192, 9999);
        upload_goes_on(&u, 200,
                       ACK "BITS-Received-Content-Range: 10000\nBITS-Session-Id: "
                           "{3F0C6D0A-51B5-4C0E-9C7A-0B6C1C1D2E33}\n");
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_goes_on(&u, 200, ACK);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

static void create_needs_a_protocol_and_a_session(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        (void) upload_stops(&u, 200, ACK "BITS-Session-Id: x\n", BUP_FATAL,
                            BG_E_CLIENT_SERVER_PROTOCOL_MISMATCH);
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        (void) upload_stops(&u, 200,
                            ACK "BITS-Session-Id: x\nBITS-Protocol: "
                                "{00000000-249b-430f-820d-3d2a9bef4931}\n",
                            BUP_FATAL, BG_E_CLIENT_SERVER_PROTOCOL_MISMATCH);
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        (void) upload_stops(&u, 200, ACK "BITS-Protocol: {7DF0354D-249B-430F-820D-3D2A9BEF4931}\n",
                            BUP_TRANSIENT, BG_E_INVALID_SERVER_RESPONSE);
        upload_end(&u);
}

/* 16.7 */
static void an_existing_target_is_fatal_at_create(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        (void) upload_stops(&u, 409, ACK, BUP_FATAL, BG_E_HTTP_ERROR_409);
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        (void) upload_stops(&u, 403, ERROR_TEXT("0x80070005"), BUP_FATAL, E_ACCESSDENIED);
        upload_end(&u);
}

/* C12 */
static void answers_of_other_servers_are_not_taken_for_acks(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        (void) upload_stops(&u, 200, "Content-Type: text/html\n", BUP_TRANSIENT,
                            BG_E_INVALID_SERVER_RESPONSE);
        for (size_t i = 0; i < 3; i++) {
                static const uint16_t statuses[] = {404, 405, 501};

                bup_client_start(&u.client);
                (void) upload_expect(&u, BUP_CREATE_SESSION);
                (void) upload_stops(&u, statuses[i], "Server: nginx\n", BUP_FATAL,
                                    (HRESULT) (0x80190000u + statuses[i]));
        }
        upload_end(&u);
        upload_in_the_middle(&u);
        (void) upload_stops(&u, 200, "BITS-Received-Content-Range: 16384\n", BUP_TRANSIENT,
                            BG_E_INVALID_SERVER_RESPONSE);
        upload_end(&u);
        upload_to_close(&u);
        (void) upload_stops(&u, 200, "Content-Type: text/html\n", BUP_TRANSIENT,
                            BG_E_INVALID_SERVER_RESPONSE);
        upload_end(&u);
}

static void acks_that_make_no_sense_are_tried_again(void **state)
{
        static const char *const texts[] = {
                ACK,
                ACK "BITS-Received-Content-Range: x\n",
                ACK "BITS-Received-Content-Range: 20001\n",
                ACK "BITS-Received-Content-Range: 1\nBITS-Received-Content-Range: 2\n",
                ACK "BITS-Received-Content-Range: 16384\nBITS-Session-Id: {other}\n",
        };

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                Upload u;

                upload_in_the_middle(&u);
                (void) upload_stops(&u, 200, texts[i], BUP_TRANSIENT, BG_E_INVALID_SERVER_RESPONSE);
                assert_int_equal(u.client.state.offset_bytes, 8192);
                upload_end(&u);
        }
}

/* C5 */
static void the_servers_offset_is_followed_forward_and_back(void **state)
{
        Upload u;

        upload_in_the_middle(&u);
        upload_goes_on_at(&u, 416, 12000);
        upload_expect_fragment(&u, 12000, 19999);
        upload_goes_on_at(&u, 416, 5);
        assert_int_equal(u.client.state.offset_bytes, 5);
        assert_int_equal(u.client.state.best_bytes, 12000);
        upload_expect_fragment(&u, 5, 8196);
        upload_goes_on_at(&u, 200, 19999); /* beyond what was sent: 16.25 */
        upload_expect_fragment(&u, 19999, 19999);
        upload_goes_on_at(&u, 416, 20000); /* all is there: a strict server's way to say so */
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_end(&u);
}

/* C5: missing or misspelt header */
static void a_416_without_an_offset_is_no_help(void **state)
{
        Upload u;

        upload_in_the_middle(&u);
        (void) upload_stops(&u, 416, ACK "BITS-Recieved-Content-Range: 0\n", BUP_TRANSIENT,
                            BG_E_INVALID_SERVER_RESPONSE);
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        (void) upload_expect(&u, BUP_FRAGMENT);
        (void) upload_stops(&u, 416, "Server: nginx\n", BUP_FATAL, BG_E_HTTP_ERROR_416);
        upload_end(&u);
}

/* C5: loop guard */
static void a_server_that_takes_nothing_is_left_alone_for_a_while(void **state)
{
        Upload u;

        for (unsigned status = 200; status <= 416; status += 216) {
                upload_in_the_middle(&u);
                upload_goes_on_at(&u, (uint16_t) status, 8192);
                upload_expect_fragment(&u, 8192, 16383);
                upload_goes_on_at(&u, (uint16_t) status, 8192);
                upload_expect_fragment(&u, 8192, 16383);
                (void) upload_stops(&u, (uint16_t) status,
                                    ACK "BITS-Received-Content-Range: 8192\n", BUP_TRANSIENT,
                                    BG_E_INVALID_SERVER_RESPONSE);
                upload_end(&u);
        }
}

static void a_server_that_goes_to_and_fro_is_left_alone_too(void **state)
{
        unsigned packets = 0;
        Upload u;

        upload_in_the_middle(&u);
        for (;;) { /* forward it goes, back it goes */
                BupAck ack;
                BupExchange x = {0};

                bup_ack_init(&ack, 200);
                ack.has_received = true;
                ack.received_bytes = u.what.request.range.first_byte == 0 ? 8192 : 0;
                if (bup_client_ack(&u.client, &ack, &x, u.now_usec).verdict != BUP_GO_ON)
                        break;
                assert_true(++packets < 10);
                (void) upload_expect(&u, BUP_FRAGMENT);
        }
        upload_end(&u);
}

/* C6, §10.3 */
static void a_413_halves_the_fragments_down_to_the_floor(void **state)
{
        Upload u;

        upload_begin(&u, URL, 20000, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        assert_true(upload_answer(&u, 413, "Server: nginx\n").save); /* also from a proxy */
        upload_expect_fragment(&u, 0, 5119);
        upload_restart(&u); /* it is remembered */
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 0, 5119);
        (void) upload_stops(&u, 413, ACK, BUP_FATAL, BG_E_HTTP_ERROR_413);
        upload_end(&u);
}

/* C7, §10.4 */
static void a_lost_session_begins_anew(void **state)
{
        BupOutcome out;
        Upload u;

        upload_in_the_middle(&u);
        out = upload_answer(&u, 500, SESSION_LOST);
        assert_int_equal(out.verdict, BUP_GO_ON);
        assert_true(out.restarted && out.save);
        assert_int_equal(u.client.state.offset_bytes, 0);
        assert_int_equal(u.client.state.best_bytes, 8192);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        upload_end(&u);
}

static void a_session_lost_at_a_ping_begins_anew_as_well(void **state)
{
        Upload u;

        upload_in_the_middle(&u);
        upload_restart(&u);
        (void) upload_expect(&u, BUP_PING);
        assert_true(upload_answer(&u, 500, SESSION_LOST).restarted);
        upload_create(&u);
        upload_end(&u);
}

static void a_server_that_keeps_losing_sessions_makes_no_progress(void **state)
{
        Upload u;

        upload_in_the_middle(&u);
        for (int i = 0; i < BUP_RESTARTS_MAX; i++) {
                upload_goes_on(&u, 500, SESSION_LOST);
                upload_create(&u);
                upload_expect_fragment(&u, 0, 8191);
        }
        (void) upload_stops(&u, 500, SESSION_LOST, BUP_TRANSIENT, BG_E_NO_PROGRESS);
        bup_client_start(&u.client); /* each later attempt may try once */
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        (void) upload_stops(&u, 500, SESSION_LOST, BUP_TRANSIENT, BG_E_NO_PROGRESS);

        bup_client_start(&u.client); /* new bytes are progress, the count begins anew */
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        upload_goes_on_at(&u, 200, 8192);
        upload_expect_fragment(&u, 8192, 16383);
        upload_goes_on_at(&u, 200, 16384);
        upload_expect_fragment(&u, 16384, 19999);
        upload_goes_on(&u, 500, SESSION_LOST);
        (void) upload_expect(&u, BUP_CREATE_SESSION);
        upload_end(&u);
}

/* C7: the whole point of the rule is that only the Ack of Close was lost. */
static void a_session_lost_at_close_was_closed(void **state)
{
        Upload u;

        upload_to_close(&u);
        upload_goes_on(&u, 500, SESSION_LOST);
        assert_int_equal(u.client.state.phase, BUP_PHASE_CLOSED);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

/* Retry of Close: on 5xx yes, on 4xx no. */
static void close_is_tried_again_where_that_helps(void **state)
{
        Upload u;

        upload_to_close(&u);
        (void) upload_stops(&u, 503, ACK, BUP_TRANSIENT, BG_E_HTTP_ERROR_503);
        upload_restart(&u);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        (void) upload_stops(&u, 404, ACK, BUP_FATAL, BG_E_HTTP_ERROR_404);
        upload_end(&u);
}

/* 16.10 */
static void an_empty_file_is_delivered_by_close_alone(void **state)
{
        Upload u;

        upload_begin(&u, URL, 0, true);
        upload_create(&u);
        assert_int_equal(upload_expect(&u, BUP_CLOSE_SESSION)->body_bytes, 0);
        assert_true(u.client.state.reply_done);
        upload_goes_on(&u, 200, ACK);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

static void the_session_of_an_empty_file_may_be_lost_before_close_but_not_after(void **state)
{
        BupFailure refused = {.code = BG_E_CONNECT_FAILURE};
        BupFailure cut = {.code = BG_E_CONNECTION_CLOSED, .maybe_received = true};
        Upload u;

        upload_begin(&u, URL, 0, false);
        upload_create(&u);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_true(u.what.save);
        assert_int_equal(upload_fail(&u, &refused).verdict, BUP_TRANSIENT);
        upload_restart(&u);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_goes_on(&u, 500, SESSION_LOST); /* it never got there: nothing was delivered */
        upload_create(&u);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_int_equal(upload_fail(&u, &cut).verdict, BUP_TRANSIENT);
        upload_restart(&u);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_goes_on(&u, 500, SESSION_LOST); /* the Ack was lost */
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

/* C9, §7 */
static void a_reply_is_fetched_before_the_session_is_closed(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, true);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        assert_int_equal(u.what.response_timeout_sec, BUP_LAST_RESPONSE_TIMEOUT_SEC); /* C17 */
        upload_goes_on(&u, 200,
                       ACK "BITS-Received-Content-Range: 100\n"
                           "BITS-Reply-URL: BITS-Sessions\\Replies\\{C85B}\\responsefile.bin\n");
        assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
        assert_string_equal(
                u.what.url,
                "http://up.example.net/drop/BITS-Sessions/Replies/%7BC85B%7D/responsefile.bin");
        assert_true(u.what.credentials_ok);
        upload_restart(&u); /* C14 */
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
        assert_true(bup_client_reply_done(&u.client).save);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_true(u.what.save);
        upload_goes_on(&u, 200, ACK);
        assert_int_equal(upload_next(&u), BUP_DO_NOTHING);
        upload_end(&u);
}

static void credentials_do_not_follow_a_reply_to_another_origin(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, true);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        upload_goes_on(&u, 200,
                       ACK "BITS-Received-Content-Range: 100\n"
                           "BITS-Reply-URL: http://cdn.example.net/pkg/42.bin\n");
        assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
        assert_string_equal(u.what.url, "http://cdn.example.net/pkg/42.bin");
        assert_false(u.what.credentials_ok);
        upload_end(&u);
}

/* 16.11 */
static void a_missing_reply_url_is_asked_for_once_more_with_one_byte(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, true);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        (void) upload_stops(&u, 200, ACK "BITS-Received-Content-Range: 100\n", BUP_TRANSIENT,
                            BG_E_INVALID_SERVER_RESPONSE);
        upload_restart(&u);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 99, 99);
        (void) upload_stops(&u, 200, ACK "BITS-Received-Content-Range: 100\n", BUP_FATAL,
                            BG_E_INVALID_SERVER_RESPONSE);
        bup_client_start(&u.client); /* somebody has mended the server and resumed the job */
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 99, 99);
        upload_goes_on(&u, 200, ACK "BITS-Received-Content-Range: 100\nBITS-Reply-URL: /r\n");
        assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
        upload_end(&u);
}

static void a_reply_url_that_leads_astray_is_no_reply_url(void **state)
{
        Upload u;

        upload_begin(&u, "https://up.example.net/x", 100, true);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        (void) upload_stops(&u, 200,
                            ACK "BITS-Received-Content-Range: 100\n"
                                "BITS-Reply-URL: http://up.example.net/r\n",
                            BUP_TRANSIENT, BG_E_INVALID_SERVER_RESPONSE);
        upload_end(&u);
}

static void a_job_may_do_without_a_reply(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, true);
        u.client.config.reply_optional = true;
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        upload_goes_on_at(&u, 200, 100);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        assert_true(u.client.state.reply_done);
        assert_string_equal(u.client.state.reply_url, "");
        upload_end(&u);
}

/* Uploading again could run the application twice. */
static void a_session_lost_with_its_reply_does_not_upload_again(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, true);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        (void) upload_answer(&u, 200, ACK "BITS-Received-Content-Range: 100\n");
        bup_client_start(&u.client);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 99, 99);
        (void) upload_stops(&u, 500, SESSION_LOST, BUP_FATAL, BG_E_INVALID_SERVER_RESPONSE);
        upload_end(&u);
}

/* §7.5 */
static void a_reply_that_is_gone_is_fatal(void **state)
{
        static const uint16_t statuses[] = {404, 410, 503};

        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                BupOutcome out;
                Upload u;

                upload_begin(&u, URL, 100, true);
                upload_create(&u);
                upload_expect_fragment(&u, 0, 99);
                upload_goes_on(&u, 200,
                               ACK "BITS-Received-Content-Range: 100\nBITS-Reply-URL: /r\n");
                assert_int_equal(upload_next(&u), BUP_DO_GET_REPLY);
                out = bup_client_reply_failed(&u.client, statuses[i], 7);
                assert_int_equal(out.verdict, statuses[i] == 503 ? BUP_TRANSIENT : BUP_FATAL);
                assert_int_equal(out.error, (HRESULT) (0x80190000u + statuses[i]));
                assert_int_equal(out.context, BG_ERROR_CONTEXT_REMOTE_FILE);
                assert_int_equal(out.retry_after_sec, 7);
                assert_int_equal(upload_next(&u), BUP_DO_STOP);
                upload_end(&u);
        }
}

/* A reply URL in the Ack of a plain upload means nothing to it. */
static void a_plain_upload_wants_no_reply(void **state)
{
        Upload u;

        upload_begin(&u, URL, 100, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 99);
        upload_goes_on(&u, 200, ACK "BITS-Received-Content-Range: 100\nBITS-Reply-URL: /r\n");
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_end(&u);
}

/* §15.3: the retried last fragment makes the server call the application again. */
static void a_failed_application_is_asked_again_by_the_last_fragment(void **state)
{
        Upload u;

        upload_begin(&u, URL, 10000, false);
        upload_create(&u);
        upload_expect_fragment(&u, 0, 8191);
        upload_goes_on_at(&u, 200, 8192);
        upload_expect_fragment(&u, 8192, 9999);
        assert_int_equal(bup_client_state_progress(&u.client.state), 8192);
        (void) upload_stops(&u, 503, APPLICATION_ERROR("0x801901F7"), BUP_TRANSIENT,
                            BG_E_HTTP_ERROR_503);
        assert_int_equal(bup_client_state_progress(&u.client.state), 10000);
        upload_restart(&u);
        assert_int_equal(bup_client_state_progress(&u.client.state), 10000);
        (void) upload_expect(&u, BUP_PING);
        upload_goes_on(&u, 200, ACK);
        upload_expect_fragment(&u, 8192, 9999);
        upload_goes_on_at(&u, 200, 10000);
        (void) upload_expect(&u, BUP_CLOSE_SESSION);
        upload_end(&u);
}

static void progress_is_what_the_server_has_never_had_before(void **state)
{
        BupOutcome out;
        Upload u;

        upload_in_the_middle(&u);
        out = upload_answer(&u, 200, ACK "BITS-Received-Content-Range: 16384\n");
        assert_true(out.progressed && !out.moved);
        (void) upload_expect(&u, BUP_FRAGMENT);
        out = upload_answer(&u, 416, ACK "BITS-Received-Content-Range: 0\n");
        assert_true(!out.progressed && out.moved);
        (void) upload_expect(&u, BUP_FRAGMENT);
        out = upload_answer(&u, 200, ACK "BITS-Received-Content-Range: 8192\n");
        assert_true(!out.progressed && !out.moved);
        upload_end(&u);
}

/* What nobody asked for is not answered. */
static void stray_results_change_nothing(void **state)
{
        BupFailure failure = {.code = BG_E_CONNECT_FAILURE};
        Upload u;

        upload_begin(&u, URL, 100, true);
        upload_goes_on(&u, 500, SESSION_LOST);
        assert_int_equal(upload_fail(&u, &failure).verdict, BUP_GO_ON);
        (void) bup_client_reply_done(&u.client);
        upload_create(&u);
        upload_goes_on(&u, 500, SESSION_LOST);
        upload_expect_fragment(&u, 0, 99);
        upload_expect_fragment(&u, 0, 99); /* asked twice */
        upload_end(&u);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(statuses_are_classified_as_documented),
                cmocka_unit_test(codes_decide_before_statuses),
                cmocka_unit_test(a_server_that_asks_for_patience_gets_it),
                cmocka_unit_test(a_success_is_none_the_worse_for_an_error_code),
                cmocka_unit_test(acks_may_leave_out_what_iis_leaves_out),
                cmocka_unit_test(create_needs_a_protocol_and_a_session),
                cmocka_unit_test(an_existing_target_is_fatal_at_create),
                cmocka_unit_test(answers_of_other_servers_are_not_taken_for_acks),
                cmocka_unit_test(acks_that_make_no_sense_are_tried_again),
                cmocka_unit_test(the_servers_offset_is_followed_forward_and_back),
                cmocka_unit_test(a_416_without_an_offset_is_no_help),
                cmocka_unit_test(a_server_that_takes_nothing_is_left_alone_for_a_while),
                cmocka_unit_test(a_server_that_goes_to_and_fro_is_left_alone_too),
                cmocka_unit_test(a_413_halves_the_fragments_down_to_the_floor),
                cmocka_unit_test(a_lost_session_begins_anew),
                cmocka_unit_test(a_session_lost_at_a_ping_begins_anew_as_well),
                cmocka_unit_test(a_server_that_keeps_losing_sessions_makes_no_progress),
                cmocka_unit_test(a_session_lost_at_close_was_closed),
                cmocka_unit_test(close_is_tried_again_where_that_helps),
                cmocka_unit_test(an_empty_file_is_delivered_by_close_alone),
                cmocka_unit_test(
                        the_session_of_an_empty_file_may_be_lost_before_close_but_not_after),
                cmocka_unit_test(a_reply_is_fetched_before_the_session_is_closed),
                cmocka_unit_test(credentials_do_not_follow_a_reply_to_another_origin),
                cmocka_unit_test(a_missing_reply_url_is_asked_for_once_more_with_one_byte),
                cmocka_unit_test(a_reply_url_that_leads_astray_is_no_reply_url),
                cmocka_unit_test(a_job_may_do_without_a_reply),
                cmocka_unit_test(a_session_lost_with_its_reply_does_not_upload_again),
                cmocka_unit_test(a_reply_that_is_gone_is_fatal),
                cmocka_unit_test(a_plain_upload_wants_no_reply),
                cmocka_unit_test(a_failed_application_is_asked_again_by_the_last_fragment),
                cmocka_unit_test(progress_is_what_the_server_has_never_had_before),
                cmocka_unit_test(stray_results_change_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
