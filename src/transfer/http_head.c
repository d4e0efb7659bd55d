/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_head.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "proto/http_date.h"

#define VALUE_BYTES HTTP_LOCATION_BYTES

static void start_anew(HttpHead *h)
{
        size_t seen = h->seen_bytes;

        *h = (HttpHead){
                .length_bytes = BG_SIZE_UNKNOWN,
                .modified_sec = FILE_NO_TIME,
                .date_sec = FILE_NO_TIME,
                .seen_bytes = seen,
        };
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static void feed_status_line(HttpHead *h, const char *s)
{
        start_anew(h);
        s += strlen("HTTP/");
        h->keeps_framing = *s >= '2' && *s <= '9';
        s += strcspn(s, " ");
        s += strspn(s, " ");
        if (!is_digit(s[0]) || !is_digit(s[1]) || !is_digit(s[2]) || is_digit(s[3])) {
                h->malformed = true;
                return;
        }
        h->status = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
}

static void feed_length(HttpHead *h, const char *value)
{
        uint64_t bytes;

        if (http_content_length_parse(value, &bytes) < 0 ||
            (h->length_bytes != BG_SIZE_UNKNOWN && h->length_bytes != bytes))
                h->malformed = true;
        else
                h->length_bytes = bytes;
}

/* One that cannot be read, or several, say nothing. */
static void feed_range(HttpHead *h, const char *value)
{
        h->has_range = !h->range_seen && http_content_range_parse(value, &h->range) == 0;
        h->range_seen = true;
}

/* Only what RFC 9110 §8.8.3 allows inside the quotes, and of that only ASCII. */
static bool is_strong_etag(const char *s)
{
        size_t len = strlen(s);

        if (len < 2 || len >= HTTP_ETAG_BYTES || s[0] != '"' || s[len - 1] != '"')
                return false;
        for (size_t i = 1; i < len - 1; i++)
                if (s[i] <= ' ' || s[i] == '"' || s[i] >= 0x7f)
                        return false;
        return true;
}

static void feed_etag(HttpHead *h, const char *value)
{
        bool strong = is_strong_etag(value);

        /* Two of them prove nothing. */
        if (!strong || (h->etag[0] != '\0' && !str_equal(h->etag, value))) {
                h->weak_etag = true;
                h->etag[0] = '\0';
        } else if (!h->weak_etag) {
                (void) str_copy(h->etag, sizeof(h->etag), value);
        }
}

static void feed_coding(char *dst, size_t dst_bytes, const char *value)
{
        if (!str_equal_nocase(value, "identity") && *value != '\0')
                (void) str_escape(dst, dst_bytes, value);
}

static void feed_transfer(HttpHead *h, const char *value)
{
        if (str_equal_nocase(value, "chunked"))
                h->chunked = true;
        else
                feed_coding(h->transfer, sizeof(h->transfer), value);
}

/* A date that nobody can read counts as none. */
static void feed_date(int64_t *date_sec, const char *value, int64_t now_sec)
{
        int64_t sec;

        if (http_date_parse(value, now_sec, &sec) == 0)
                *date_sec = sec;
}

static void feed_retry_after(HttpHead *h, const char *value, int64_t now_sec)
{
        uint32_t sec;

        if (http_retry_after_parse(value, now_sec, &sec) == 0)
                h->retry_after_sec = sec;
}

static void feed_field(HttpHead *h, const char *name, const char *value, int64_t now_sec)
{
        if (str_equal_nocase(name, "content-length"))
                feed_length(h, value);
        else if (str_equal_nocase(name, "content-range"))
                feed_range(h, value);
        else if (str_equal_nocase(name, "etag"))
                feed_etag(h, value);
        else if (str_equal_nocase(name, "last-modified"))
                feed_date(&h->modified_sec, value, now_sec);
        else if (str_equal_nocase(name, "date"))
                feed_date(&h->date_sec, value, now_sec);
        else if (str_equal_nocase(name, "content-encoding"))
                feed_coding(h->encoding, sizeof(h->encoding), value);
        else if (str_equal_nocase(name, "transfer-encoding"))
                feed_transfer(h, value);
        else if (str_equal_nocase(name, "retry-after"))
                feed_retry_after(h, value, now_sec);
        else if (str_equal_nocase(name, "location") && strlen(value) < sizeof(h->location))
                (void) str_copy(h->location, sizeof(h->location), value);
}

/* Chunks carry the length; a number beside them counts for nothing (RFC 9112 §6.3). */
static int end_of_head(HttpHead *h)
{
        if (h->chunked)
                h->length_bytes = BG_SIZE_UNKNOWN;
        return h->status >= 200 || h->malformed;
}

static void feed_text(HttpHead *h, char *line, int64_t now_sec)
{
        char *colon, *value;

        if (str_starts_with(line, "HTTP/")) {
                feed_status_line(h, line);
                return;
        }
        colon = strchr(line, ':');
        if (!colon || *line == ' ' || *line == '\t')
                return; /* a folded line: none of the fields above has one */
        *colon = '\0';
        value = colon + 1;
        value += strspn(value, " \t");
        feed_field(h, line, value, now_sec);
}

int http_head_feed(HttpHead *h, const char *line, size_t bytes, int64_t now_sec)
{
        char text[VALUE_BYTES + 32];

        h->seen_bytes += bytes;
        if (h->seen_bytes > HTTP_HEAD_MAX_BYTES)
                return -EMSGSIZE;
        while (bytes > 0 && strchr("\r\n\t ", line[bytes - 1]))
                bytes--;
        if (bytes == 0)
                return end_of_head(h);
        if (bytes >= sizeof(text) || memchr(line, '\0', bytes))
                return 0; /* no field that counts looks like that */
        memcpy(text, line, bytes);
        text[bytes] = '\0';
        feed_text(h, text, now_sec);
        return 0;
}

bool http_head_is_redirect(const HttpHead *h)
{
        switch (h->status) {
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
                return h->location[0] != '\0';
        default:
                return false;
        }
}
