/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "transfer/http_head.h"

#include "../base/random.h"

#define NOW 1795000000

/* Feeds a head line by line, as curl does. What the last line returned. */
static int feed(HttpHead *h, const char *text)
{
        int r = 0;

        *h = (HttpHead){0};
        while (*text) {
                const char *end = strchr(text, '\n');
                size_t bytes = end ? (size_t) (end - text) + 1 : strlen(text);

                assert_int_equal(r, 0);
                r = http_head_feed(h, text, bytes, NOW);
                text += bytes;
        }
        return r;
}

static void a_usual_head_is_understood(void **state)
{
        HttpHead h;

        assert_int_equal(feed(&h, "HTTP/1.1 206 Partial Content\r\nServer: x\r\n"
                                  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                  "CONTENT-LENGTH:10\r\nContent-Range:  bytes 5-14/15  \r\n"
                                  "ETag: \"abc\"\r\n"
                                  "last-modified: Sun, 06 Nov 1994 08:48:37 GMT\r\n\r\n"),
                         1);
        assert_int_equal(h.status, 206);
        assert_false(h.malformed || h.chunked || h.keeps_framing);
        assert_int_equal(h.length_bytes, 10);
        assert_true(h.has_range && h.range.first_byte == 5 && h.range.total_bytes == 15);
        assert_string_equal(h.etag, "\"abc\"");
        assert_int_equal(h.date_sec - h.modified_sec, 60);
        assert_string_equal(h.encoding, "");
}

static void what_is_missing_is_unknown(void **state)
{
        HttpHead h;

        assert_int_equal(feed(&h, "HTTP/2 200\r\n\r\n"), 1);
        assert_true(h.keeps_framing);
        assert_true(h.length_bytes == BG_SIZE_UNKNOWN);
        assert_true(h.modified_sec == FILE_NO_TIME && h.date_sec == FILE_NO_TIME);
        assert_string_equal(h.etag, "");
        assert_false(h.has_range);
}

static void interim_answers_leave_nothing_behind(void **state)
{
        HttpHead h;

        assert_int_equal(feed(&h, "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\n"
                                  "Content-Length: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
                         1);
        assert_int_equal(h.status, 200);
        assert_string_equal(h.etag, "");
        assert_true(h.length_bytes == BG_SIZE_UNKNOWN);
}

static void only_strong_etags_count(void **state)
{
        static const struct {
                const char *field, *etag;
        } CASES[] = {
                {"ETag: \"a\"\r\n", "\"a\""},
                {"ETag: \"\"\r\n", "\"\""},
                {"ETag: W/\"a\"\r\n", ""},
                {"ETag: a\r\n", ""},
                {"ETag: \"a\r\n", ""},
                {"ETag: \"a\"b\"\r\n", ""},
                {"ETag: \"a b\"\r\n", ""},
                {"ETag: \"\xc3\xa9\"\r\n", ""},
                {"ETag: \"a\"\r\nETag: \"a\"\r\n", "\"a\""},
                {"ETag: \"a\"\r\nETag: \"b\"\r\n", ""},
                {"ETag: \"a\"\r\nETag: W/\"b\"\r\n", ""},
                {"ETag: W/\"b\"\r\nETag: \"a\"\r\n", ""},
        };

        for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
                char text[200] = "HTTP/1.1 200 OK\r\n";
                HttpHead h;

                strncat(text, CASES[i].field, 100);
                strncat(text, "\r\n", 3);
                assert_int_equal(feed(&h, text), 1);
                assert_string_equal(h.etag, CASES[i].etag);
                assert_false(h.malformed);
        }
}

static void contradictions_are_malformed(void **state)
{
        static const char *const BAD[] = {
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
                "HTTP/1.1 20x OK\r\n\r\n",
                "HTTP/1.1 2000 OK\r\n\r\n",
                "HTTP/1.1\r\n\r\n",
        };
        HttpHead h;

        for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
                assert_int_equal(feed(&h, BAD[i]), 1);
                assert_true(h.malformed);
        }
        assert_int_equal(feed(&h, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                                  "Content-Length: 2\r\n\r\n"),
                         1);
        assert_false(h.malformed);
}

static void ranges_that_cannot_be_read_say_nothing(void **state)
{
        HttpHead h;

        assert_int_equal(feed(&h, "HTTP/1.1 206 OK\r\nContent-Range: x\r\n\r\n"), 1);
        assert_false(h.has_range || h.malformed);
        assert_int_equal(feed(&h, "HTTP/1.1 206 OK\r\nContent-Range: bytes 0-1/2\r\n"
                                  "Content-Range: bytes 0-1/2\r\n\r\n"),
                         1);
        assert_false(h.has_range);
}

static void chunks_count_more_than_a_length(void **state)
{
        HttpHead h;

        assert_int_equal(feed(&h, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                                  "Transfer-Encoding: Chunked\r\n\r\n"),
                         1);
        assert_true(h.chunked && h.length_bytes == BG_SIZE_UNKNOWN);
        assert_string_equal(h.transfer, "");
        assert_int_equal(feed(&h, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
                         1);
        assert_string_equal(h.transfer, "gzip, chunked");
}

static void only_five_statuses_redirect(void **state)
{
        static const int REDIRECTS[] = {301, 302, 303, 307, 308};

        for (int status = 200; status < 600; status++) {
                HttpHead h = {.status = status, .location = "/x"};
                bool wanted = false;

                for (size_t i = 0; i < ARRAY_LEN(REDIRECTS); i++)
                        wanted |= status == REDIRECTS[i];
                assert_int_equal(http_head_is_redirect(&h), wanted);
                h.location[0] = '\0';
                assert_false(http_head_is_redirect(&h));
        }
}

static void an_endless_head_has_an_end(void **state)
{
        HttpHead h = {0};
        int r = http_head_feed(&h, "HTTP/1.1 200 OK\r\n", 17, NOW);
        size_t fed = 17;

        while (r == 0) {
                r = http_head_feed(&h, "X: 0123456789\r\n", 15, NOW);
                fed += 15;
        }
        assert_int_equal(r, -EMSGSIZE);
        assert_true(fed > HTTP_HEAD_MAX_BYTES && fed < HTTP_HEAD_MAX_BYTES + 100);
        /* A new status line does not make room again. */
        assert_int_equal(http_head_feed(&h, "HTTP/1.1 200 OK\r\n", 17, NOW), -EMSGSIZE);
}

static void any_bytes_may_come(void **state)
{
        static const char *const NAMES[] = {
                "HTTP/1.1 ",  "Content-Length:", "Content-Range: bytes ", "ETag: \"", "Date: Sun, ",
                "Location: ", "Retry-After:",    "Transfer-Encoding:",    ""};
        Random random = random_seeded("random heads");

        for (int i = 0; i < 20000; i++) {
                HttpHead h = {0};

                for (int line = 0; line < 5; line++) {
                        char text[9000];
                        const char *name = NAMES[random_below(&random, ARRAY_LEN(NAMES))];
                        size_t len = strlen(name);
                        size_t more = random_below(&random, 50);

                        if (random_below(&random, 500) == 0)
                                more = sizeof(text) - len;
                        memcpy(text, name, len);
                        for (size_t j = 0; j < more; j++)
                                text[len + j] = (char) random_below(&random, 256);
                        if (http_head_feed(&h, text, len + more, NOW) != 0)
                                break;
                }
                assert_true(memchr(h.etag, '\0', sizeof(h.etag)));
                assert_true(memchr(h.location, '\0', sizeof(h.location)));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_usual_head_is_understood),
                cmocka_unit_test(what_is_missing_is_unknown),
                cmocka_unit_test(interim_answers_leave_nothing_behind),
                cmocka_unit_test(only_strong_etags_count),
                cmocka_unit_test(contradictions_are_malformed),
                cmocka_unit_test(ranges_that_cannot_be_read_say_nothing),
                cmocka_unit_test(chunks_count_more_than_a_length),
                cmocka_unit_test(only_five_statuses_redirect),
                cmocka_unit_test(an_endless_head_has_an_end),
                cmocka_unit_test(any_bytes_may_come),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
