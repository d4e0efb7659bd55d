/* SPDX-License-Identifier: Apache-2.0 */
/* Values of single HTTP fields: ranges, lengths, dates, Retry-After, a server's Range, Basic. */
#include <string.h>

#include "base/alloc.h"
#include "proto/http_date.h"
#include "proto/http_range.h"
#include "server/basic.h"
#include "server/byte_range.h"
#include "server/trusted.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 4096 };

static void check_range(const char *text)
{
        HttpContentRange r;
        uint64_t bytes = 0;

        if (http_content_range_parse(text, &r) == 0) {
                FUZZ_CHECK(!r.satisfied || r.first_byte <= r.last_byte);
                FUZZ_CHECK(!r.satisfied || r.total_bytes == HTTP_RANGE_UNKNOWN ||
                           r.last_byte < r.total_bytes);
        }
        if (http_content_length_parse(text, &bytes) == 0)
                FUZZ_CHECK(*text && strspn(text, "0123456789, \t") == strlen(text));
}

static void check_date(const char *text, int64_t now_sec)
{
        char again[HTTP_DATE_BYTES];
        int64_t sec = 0, sec_again = 0;
        uint32_t retry_sec = 0;

        if (http_date_parse(text, now_sec, &sec) == 0) {
                FUZZ_CHECK(http_date_format(sec, again) == 0);
                FUZZ_CHECK(http_date_parse(again, now_sec, &sec_again) == 0);
                FUZZ_CHECK(sec == sec_again);
        }
        if (http_retry_after_parse(text, now_sec, &retry_sec) < 0)
                FUZZ_CHECK(retry_sec == 0);
}

static void check_served_range(const char *text, uint64_t total_bytes)
{
        uint64_t first = 0, length = 0;

        if (byte_range_parse(text, total_bytes, &first, &length) != BYTE_RANGE_PART)
                return;
        FUZZ_CHECK(length > 0);
        FUZZ_CHECK(first < total_bytes);
        FUZZ_CHECK(length <= total_bytes - first);
}

static void check_basic(const char *text)
{
        BasicCredentials c;

        if (basic_parse(text, &c) < 0)
                FUZZ_CHECK(!c.user[0] && !c.password[0]);
        else
                FUZZ_CHECK(strlen(c.user) < sizeof(c.user) && !strchr(c.user, ':'));
        basic_wipe(&c);
}

static void check_trusted(const char *text)
{
        static const char list[] = "127.0.0.1, 10.0.0.0/8 ::1";
        Trusted t = {0}, ours = {0};
        char client[64] = "";

        if (trusted_add(&t, text) == 0)
                (void) trusted_has(&t, "10.1.2.3");
        FUZZ_CHECK(trusted_add(&ours, list) == 0);
        (void) trusted_has(&ours, text);
        if (trusted_client(&ours, text, client, sizeof(client)))
                FUZZ_CHECK(*client && strlen(client) < sizeof(client));
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        uint64_t number;
        char *text;

        if (bytes > INPUT_MAX_BYTES)
                return;
        number = fuzz_number(&in);
        text = fuzz_rest(&in);
        check_range(text);
        check_date(text, (int64_t) number);
        check_served_range(text, number);
        check_basic(text);
        check_trusted(text);
        mem_free(text);
}
