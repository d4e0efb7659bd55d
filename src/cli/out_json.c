/* SPDX-License-Identifier: Apache-2.0 */
#include "out_json.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/utf.h"

#include "must.h"

typedef enum JsonKind {
        JSON_NULL,
        JSON_BOOL,
        JSON_NUMBER,
        JSON_SIGNED,
        JSON_STRING,
        JSON_OBJECT,
        JSON_ARRAY,
} JsonKind;

struct Json {
        JsonKind kind;
        const char *key; /* in an object */
        uint64_t number; /* also the bool */
        char *text;
        Json *first, *last; /* children */
        Json *next;
};

enum {
        INDENT_COLUMNS = 2,
};

static Json *node_new(JsonKind kind)
{
        Json *json = must(mem_new(Json));

        json->kind = kind;
        return json;
}

Json *json_object(void)
{
        return node_new(JSON_OBJECT);
}

Json *json_array(void)
{
        return node_new(JSON_ARRAY);
}

Json *json_document(void)
{
        Json *json = json_object();

        json_add_u64(json, "v", 1);
        return json;
}

Json *json_free(Json *json)
{
        Json *child;

        if (!json)
                return NULL;
        child = json->first;
        while (child) {
                Json *next = child->next;

                (void) json_free(child);
                child = next;
        }
        mem_free(json->text);
        mem_free(json);
        return NULL;
}

void json_add_take(Json *to, const char *key, Json *child)
{
        child->key = key;
        if (to->last)
                to->last->next = child;
        else
                to->first = child;
        to->last = child;
}

void json_add_null(Json *to, const char *key)
{
        json_add_take(to, key, node_new(JSON_NULL));
}

void json_add_bool(Json *to, const char *key, bool value)
{
        Json *json = node_new(JSON_BOOL);

        json->number = value;
        json_add_take(to, key, json);
}

void json_add_u64(Json *to, const char *key, uint64_t value)
{
        Json *json = node_new(JSON_NUMBER);

        json->number = value;
        json_add_take(to, key, json);
}

void json_add_i64(Json *to, const char *key, int64_t value)
{
        Json *json = node_new(JSON_SIGNED);

        json->number = (uint64_t) value;
        json_add_take(to, key, json);
}

void json_add_str(Json *to, const char *key, const char *value)
{
        Json *json = node_new(value ? JSON_STRING : JSON_NULL);

        if (value)
                json->text = must(mem_strdup(value));
        json_add_take(to, key, json);
}

Json *json_add_object(Json *to, const char *key)
{
        Json *child = json_object();

        json_add_take(to, key, child);
        return child;
}

Json *json_add_array(Json *to, const char *key)
{
        Json *child = json_array();

        json_add_take(to, key, child);
        return child;
}

const Json *json_find(const Json *json, const char *path)
{
        const char *dot = strchr(path, '.');
        size_t len = dot ? (size_t) (dot - path) : strlen(path);

        if (json->kind == JSON_NULL)
                return json; /* what is not there has no parts either */
        if (json->kind != JSON_OBJECT)
                return NULL;
        for (const Json *child = json->first; child; child = child->next)
                if (strlen(child->key) == len && memcmp(child->key, path, len) == 0)
                        return dot ? json_find(child, dot + 1) : child;
        return NULL;
}

static void append_paths_below(const Json *json, const char *prefix, Buf *to)
{
        for (const Json *child = json->first; child; child = child->next) {
                _cleanup_free_ char *path = NULL;

                path = must(mem_printf("%s%s%s", prefix, *prefix ? "." : "", child->key));
                if (child->kind == JSON_OBJECT) {
                        append_paths_below(child, path, to);
                        continue;
                }
                if (to->len > 0)
                        (void) buf_append_str(to, ", "); /* errors stick to the buffer */
                (void) buf_append_str(to, path);
        }
}

void json_append_paths(const Json *json, Buf *to)
{
        append_paths_below(json, "", to);
}

/* Bytes of the valid UTF-8 character at s; 0 when there is none. */
static size_t valid_char_bytes(const char *s)
{
        size_t room = strnlen(s, 4);

        for (size_t n = 1; n <= room; n++)
                if (utf8_is_valid(s, n))
                        return n;
        return 0;
}

/* Bytes from s on that stand for themselves. */
static size_t plain_bytes(const char *s)
{
        size_t n = 0;

        while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
                n++;
        return n;
}

/* One character that needs care; gives its bytes. */
static size_t append_special(const char *s, Buf *to)
{
        size_t bytes = valid_char_bytes(s);

        if (bytes == 0)
                (void) buf_append_str(to, "\xef\xbf\xbd"); /* U+FFFD */
        else if (bytes > 1)
                (void) buf_append(to, s, bytes);
        else if (*s == '"' || *s == '\\')
                (void) buf_printf(to, "\\%c", *s);
        else if (*s == '\n')
                (void) buf_append_str(to, "\\n");
        else if (*s == '\t')
                (void) buf_append_str(to, "\\t");
        else
                (void) buf_printf(to, "\\u%04x", (unsigned char) *s);
        return MAX(bytes, (size_t) 1);
}

static void append_string(const char *s, Buf *to)
{
        (void) buf_append_str(to, "\"");
        while (*s) {
                size_t plain = plain_bytes(s);

                (void) buf_append(to, s, plain);
                s += plain;
                if (*s)
                        s += append_special(s, to);
        }
        (void) buf_append_str(to, "\"");
}

static void append_line_end(bool pretty, unsigned depth, Buf *to)
{
        if (pretty)
                (void) buf_printf(to, "\n%*s", (int) (depth * INDENT_COLUMNS), "");
}

static void append_node(const Json *json, bool pretty, unsigned depth, Buf *to);

static void append_children(const Json *json, bool pretty, unsigned depth, Buf *to)
{
        (void) buf_append_str(to, json->kind == JSON_OBJECT ? "{" : "[");
        for (const Json *child = json->first; child; child = child->next) {
                append_line_end(pretty, depth + 1, to);
                if (json->kind == JSON_OBJECT) {
                        append_string(child->key, to);
                        (void) buf_append_str(to, pretty ? ": " : ":");
                }
                append_node(child, pretty, depth + 1, to);
                if (child->next)
                        (void) buf_append_str(to, ",");
        }
        if (json->first)
                append_line_end(pretty, depth, to);
        (void) buf_append_str(to, json->kind == JSON_OBJECT ? "}" : "]");
}

static void append_node(const Json *json, bool pretty, unsigned depth, Buf *to)
{
        switch (json->kind) {
        case JSON_NULL:
                (void) buf_append_str(to, "null");
                break;
        case JSON_BOOL:
                (void) buf_append_str(to, json->number ? "true" : "false");
                break;
        case JSON_NUMBER:
                (void) buf_printf(to, "%" PRIu64, json->number);
                break;
        case JSON_SIGNED:
                (void) buf_printf(to, "%" PRId64, (int64_t) json->number);
                break;
        case JSON_STRING:
                append_string(json->text, to);
                break;
        case JSON_OBJECT:
        case JSON_ARRAY:
                append_children(json, pretty, depth, to);
                break;
        }
}

void json_append(const Json *json, bool pretty, Buf *to)
{
        append_node(json, pretty, 0, to);
}

void json_append_plain(const Json *json, Buf *to)
{
        if (json->kind == JSON_STRING)
                (void) buf_append_str(to, json->text);
        else if (json->kind != JSON_NULL)
                append_node(json, false, 0, to);
}

static void print(FILE *f, const Json *json, bool pretty)
{
        _cleanup_free_ char *text = NULL;
        Buf buf;

        buf_init(&buf, OUT_TEXT_BYTES_MAX);
        json_append(json, pretty, &buf);
        (void) buf_append_str(&buf, "\n");
        text = must_take_str(&buf);
        (void) fputs(text, f); /* a failed write shows when main closes the stream */
}

void out_json(const Out *out, const Json *json)
{
        print(out->data, json, out->format == OUT_JSON_PRETTY);
}

void out_json_line(const Out *out, const Json *json)
{
        print(out->data, json, false);
        (void) fflush(out->data);
}
