/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/ack_head.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "proto/http_range.h"

void ack_head_init(AckHead *h)
{
        *h = (AckHead){.status = 0};
        buf_init(&h->text, ACK_HEAD_MAX_BYTES);
}

void ack_head_done(AckHead *h)
{
        buf_done(&h->text);
}

static void start_anew(AckHead *h)
{
        Buf text = h->text;
        size_t seen_bytes = h->seen_bytes;

        buf_clear(&text);
        *h = (AckHead){.text = text, .seen_bytes = seen_bytes};
}

void ack_head_clear(AckHead *h)
{
        start_anew(h);
        h->seen_bytes = 0;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK" */
static void feed_status_line(AckHead *h, const char *s)
{
        start_anew(h);
        h->closes = str_starts_with(s, "HTTP/1.0");
        s += strcspn(s, " ");
        s += strspn(s, " ");
        if (is_digit(s[0]) && is_digit(s[1]) && is_digit(s[2]) && !is_digit(s[3]))
                h->status = (uint16_t) ((s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0'));
}

/* What decides about the connection; the rest is for the protocol. */
static void look_at(AckHead *h, const char *name, const char *value)
{
        if (str_equal_nocase(name, "connection")) {
                if (strcasestr(value, "close"))
                        h->closes = true;
                else if (strcasestr(value, "keep-alive"))
                        h->closes = false;
        } else if (str_equal_nocase(name, "content-length")) {
                h->has_length = true;
                if (http_content_length_parse(value, &h->length_bytes) < 0)
                        h->length_bytes = UINT64_MAX;
        } else if (str_equal_nocase(name, "transfer-encoding")) {
                h->chunked = true;
        }
}

static int feed_field(AckHead *h, char *line)
{
        char *colon = strchr(line, ':'), *value;

        if (!colon || *line == ' ' || *line == '\t')
                return 0; /* a folded line: no field of the protocol has one */
        if (h->fields_len == ACK_HEAD_FIELDS_MAX)
                return -EMSGSIZE;
        *colon = '\0';
        value = colon + 1;
        value += strspn(value, " \t");
        look_at(h, line, value);
        h->fields_len++;
        (void) buf_append(&h->text, line, strlen(line) + 1);
        return buf_append(&h->text, value, strlen(value) + 1);
}

int ack_head_feed(AckHead *h, const char *line, size_t bytes)
{
        _cleanup_free_ char *text = NULL;

        h->seen_bytes += bytes;
        if (h->seen_bytes > ACK_HEAD_MAX_BYTES)
                return -EMSGSIZE;
        while (bytes > 0 && strchr("\r\n \t", line[bytes - 1]))
                bytes--;
        if (bytes == 0) {
                if (h->status == 0)
                        return -EBADMSG;
                return h->status >= 200;
        }
        text = mem_strndup(line, bytes);
        if (!text)
                return -ENOMEM;
        if (strlen(text) != bytes)
                return -EBADMSG; /* a NUL: what follows would be hidden */
        if (str_starts_with(text, "HTTP/")) {
                feed_status_line(h, text);
                return 0;
        }
        return feed_field(h, text);
}

int ack_head_read(const AckHead *h, int64_t now_wall_sec, BupAck *ret)
{
        _cleanup_free_ BupField *fields = mem_array(h->fields_len + 1, sizeof(*fields));
        const char *s = (const char *) h->text.data;

        if (!fields)
                return -ENOMEM;
        for (size_t i = 0; i < h->fields_len; i++) {
                fields[i].name = s;
                s += strlen(s) + 1;
                fields[i].value = s;
                s += strlen(s) + 1;
        }
        bup_ack_parse(h->status, fields, h->fields_len, now_wall_sec, ret);
        return 0;
}
