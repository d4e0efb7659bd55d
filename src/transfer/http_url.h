/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of a request, with those parts of it that decide about proxies and go into errors. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

enum {
        HTTP_SCHEME_BYTES = 8,
        HTTP_HOST_BYTES = 256,
};

typedef struct HttpUrl {
        char *text;                     /* NULL: none yet */
        char scheme[HTTP_SCHEME_BYTES]; /* "http" or "https" */
        char host[HTTP_HOST_BYTES];
} HttpUrl;

/* Makes `target`, which may be relative to what *u is, the new *u. 0, -EINVAL for no URL,
 * -EPROTONOSUPPORT for a scheme that must not be followed (https does not lead to http), -ENOMEM;
 * *u is untouched on failure. */
_must_use_ int http_url_resolve(HttpUrl *u, const char *target);
/* Scheme, host and port are the same; false when in doubt (no URL, no memory). */
bool http_url_same_origin(const char *a, const char *b);
void http_url_done(HttpUrl *u);
/* Does the text say that the host is this machine or its link? */
bool http_url_is_local(const char *text);
