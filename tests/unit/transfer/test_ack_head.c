/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "transfer/ack_head.h"
#include "transfer/http_client.h"
#include "transfer/http_url.h"

#include "../base/random.h"

#define FUZZ_ROUNDS 20000

/* Feeds lines that are separated by \n, and an empty one at the end. */
static int feed(AckHead *h, const char *text)
{
        int r = 0;

        while (*text && r == 0) {
                size_t n = strcspn(text, "\n") + 1;

                r = ack_head_feed(h, text, n);
                text += n;
        }
        return r ? r : ack_head_feed(h, "\r\n", 2);
}

static BupAck read_ack(const AckHead *h)
{
        BupAck ack;

        assert_int_equal(ack_head_read(h, 0, &ack), 0);
        return ack;
}

static void an_ack_is_read(void **state)
{
        AckHead h;
        BupAck ack;

        ack_head_init(&h);
        assert_int_equal(feed(&h, "HTTP/1.1 200 OK\r\nbits-packet-type: ack\r\n"
                                  "BITS-Received-Content-Range:  77  \r\nContent-Length: 0\r\n"),
                         1);
        ack = read_ack(&h);
        assert_true(ack.is_ack && ack.status == 200 && ack.received_bytes == 77);
        assert_true(h.has_length && h.length_bytes == 0 && !h.closes && !h.chunked);
        ack_head_done(&h);
}

static void interim_answers_are_passed_over(void **state)
{
        AckHead h;
        BupAck ack;

        ack_head_init(&h);
        assert_int_equal(feed(&h, "HTTP/1.1 100 Continue\r\nBITS-Packet-Type: Ack\r\n"), 0);
        assert_int_equal(feed(&h, "HTTP/1.1 503 Later\r\nRetry-After: 9\r\n"), 1);
        ack = read_ack(&h);
        assert_true(!ack.is_ack && ack.status == 503 && ack.retry_after_sec == 9);
        ack_head_done(&h);
}

static void how_the_connection_goes_on(void **state)
{
        static const struct {
                const char *text;
                bool closes, has_length, chunked;
        } CASES[] = {
                {"HTTP/1.1 200 OK\r\n", false, false, false},
                {"HTTP/1.0 200 OK\r\n", true, false, false},
                {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", false, false, false},
                {"HTTP/1.1 200 OK\r\nConnection: Close\r\n", true, false, false},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", false, false, true},
                {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n", false, true, false},
        };

        for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
                AckHead h;

                ack_head_init(&h);
                assert_int_equal(feed(&h, CASES[i].text), 1);
                assert_int_equal(h.closes, CASES[i].closes);
                assert_int_equal(h.has_length, CASES[i].has_length);
                assert_int_equal(h.chunked, CASES[i].chunked);
                ack_head_done(&h);
        }
}

static void bad_heads_are_refused(void **state)
{
        static const char *const BAD[] = {
                "HTTP/1.1 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1\r\n", "Name: value\r\n", "",
        };
        AckHead h;

        for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
                ack_head_init(&h);
                assert_int_equal(feed(&h, BAD[i]), -EBADMSG);
                ack_head_done(&h);
        }
        ack_head_init(&h);
        assert_int_equal(ack_head_feed(&h, "A: b\0c\r\n", 8), -EBADMSG);
        ack_head_done(&h);
}

static void heads_have_an_end(void **state)
{
        AckHead h;
        int r = 0;
        size_t n;

        ack_head_init(&h);
        assert_int_equal(ack_head_feed(&h, "HTTP/1.1 200 OK\r\n", 17), 0);
        for (n = 0; r == 0; n++)
                r = ack_head_feed(&h, "A: b\r\n", 6);
        assert_int_equal(r, -EMSGSIZE);
        assert_int_equal(n, ACK_HEAD_FIELDS_MAX + 1);
        ack_head_clear(&h);
        for (n = 0, r = 0; r == 0; n++) /* never a final one */
                r = ack_head_feed(&h, "HTTP/1.1 102 Wait\r\n", 19);
        assert_int_equal(r, -EMSGSIZE);
        ack_head_clear(&h);
        assert_int_equal(feed(&h, "HTTP/1.1 200 OK\r\n"), 1); /* the next one starts afresh */
        ack_head_done(&h);
}

static void random_lines_do_no_harm(void **state)
{
        static const char ALPHABET[] = "HTTP/1. 0235:BITS-Packet-Type Ack\r\n\t{}\\%\xff";
        Random random = random_seeded("random lines");

        for (int i = 0; i < FUZZ_ROUNDS; i++) {
                AckHead h;
                int r = 0;

                ack_head_init(&h);
                for (int lines = 0; lines < 10 && r == 0; lines++) {
                        char line[64];
                        size_t n = random_below(&random, sizeof(line));

                        for (size_t j = 0; j < n; j++)
                                line[j] = ALPHABET[random_below(&random, sizeof(ALPHABET))];
                        r = ack_head_feed(&h, line, n);
                }
                if (r == 1)
                        (void) read_ack(&h);
                ack_head_done(&h);
        }
}

static void which_addresses_are_local(void **state)
{
        static const char *const LOCAL[] = {
                "127.0.0.1", "127.9.9.9", "0.0.0.0",          "169.254.1.1",
                "::1",       "::",        "::ffff:127.0.0.1", "fe80::1%eth0",
        };
        static const char *const FAR[] = {"128.0.0.1",       "10.0.0.1", "::2",      "2001:db8::1",
                                          "::ffff:10.0.0.1", "",         "localhost"};

        for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++)
                assert_true(http_address_is_local(LOCAL[i]));
        for (size_t i = 0; i < ARRAY_LEN(FAR); i++)
                assert_false(http_address_is_local(FAR[i]));
}

static void a_name_that_leads_home_is_kept_out_unless_a_proxy_looks_it_up(void **state)
{
        (void) unsetenv("http_proxy");
        (void) unsetenv("all_proxy");
        (void) unsetenv("ALL_PROXY");
        assert_true(http_client_keeps_out("127.0.0.1", "", "http"));
        assert_true(http_client_keeps_out("127.0.0.1", NULL, "http"));
        assert_false(http_client_keeps_out("10.0.0.1", "", "http"));
        assert_false(http_client_keeps_out("127.0.0.1", "http://127.0.0.1:3128", "http"));
        assert_int_equal(setenv("http_proxy", "http://127.0.0.1:3128", 1), 0);
        assert_false(http_client_keeps_out("127.0.0.1", NULL, "http"));
        assert_true(http_client_keeps_out("127.0.0.1", "", "http"));
        assert_int_equal(unsetenv("http_proxy"), 0);
}

static void urls_are_resolved_and_never_fall_to_plain_http(void **state)
{
        HttpUrl u = {.text = NULL};

        assert_int_equal(http_url_resolve(&u, "no url"), -EINVAL);
        assert_int_equal(http_url_resolve(&u, "ftp://h/"), -EPROTONOSUPPORT);
        assert_int_equal(http_url_resolve(&u, "http://h.example:81/a/b"), 0);
        assert_int_equal(http_url_resolve(&u, "../c?d"), 0);
        assert_string_equal(u.text, "http://h.example:81/c?d");
        assert_string_equal(u.host, "h.example");
        assert_int_equal(http_url_resolve(&u, "https://s.example/"), 0);
        assert_int_equal(http_url_resolve(&u, "http://s.example/"), -EPROTONOSUPPORT);
        assert_string_equal(u.text, "https://s.example/");
        http_url_done(&u);
}

static void a_url_says_whether_it_stays_here(void **state)
{
        assert_true(http_url_is_local("http://localhost:8080/x"));
        assert_true(http_url_is_local("https://127.0.0.1/"));
        assert_true(http_url_is_local("http://[::1]:81/"));
        assert_true(http_url_is_local("http://[fe80::1]/"));
        assert_false(http_url_is_local("http://example.org/localhost"));
        assert_false(http_url_is_local("http://10.0.0.1/"));
        assert_false(http_url_is_local("no url"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_ack_is_read),
                cmocka_unit_test(interim_answers_are_passed_over),
                cmocka_unit_test(how_the_connection_goes_on),
                cmocka_unit_test(bad_heads_are_refused),
                cmocka_unit_test(heads_have_an_end),
                cmocka_unit_test(random_lines_do_no_harm),
                cmocka_unit_test(which_addresses_are_local),
                cmocka_unit_test(a_name_that_leads_home_is_kept_out_unless_a_proxy_looks_it_up),
                cmocka_unit_test(a_url_says_whether_it_stays_here),
                cmocka_unit_test(urls_are_resolved_and_never_fall_to_plain_http),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
