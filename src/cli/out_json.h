/* SPDX-License-Identifier: Apache-2.0 */
/* JSON documents: a small tree that is built, printed and freed. Keys are borrowed (they are
 * literals), strings are copied; bytes that are not UTF-8 become U+FFFD, so that the output is
 * always valid. A child belongs to its parent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"

#include "out.h"

typedef struct Json Json;

Json *json_object(void);
Json *json_array(void);
Json *json_document(void); /* an object that begins with "v":1 */
Json *json_free(Json *json);
DEFINE_CLEANUP(Json *, json_free)

/* Adding to an object; `key` is NULL when adding to an array. */
void json_add_null(Json *to, const char *key);
void json_add_bool(Json *to, const char *key, bool value);
void json_add_u64(Json *to, const char *key, uint64_t value);
void json_add_i64(Json *to, const char *key, int64_t value);
void json_add_str(Json *to, const char *key, const char *value); /* NULL becomes null */
void json_add_take(Json *to, const char *key, Json *child);      /* takes child */
Json *json_add_object(Json *to, const char *key);                /* gives the new child */
Json *json_add_array(Json *to, const char *key);

/* The value at a path such as "progress.bytes", also null where the path goes through null; NULL
 * when there is no such path. Borrowed. */
const Json *json_find(const Json *json, const char *path);
/* Appends the paths of all values that hold no further keys, separated by ", ". */
void json_append_paths(const Json *json, Buf *to);
/* Appends the value alone: strings without quotes, null as nothing, the rest as JSON. */
void json_append_plain(const Json *json, Buf *to);
/* Appends the document; pretty means indented by two, without a line end behind it. */
void json_append(const Json *json, bool pretty, Buf *to);

/* Prints a document with a line end, in the form the user asked for. */
void out_json(const Out *out, const Json *json);
/* Prints one object of a stream: always on one line, and at once. */
void out_json_line(const Out *out, const Json *json);
