/* SPDX-License-Identifier: Apache-2.0 */
/* Where an application is told about an upload: the configured URL, made absolute, with the query
 * of the destination. The host never comes from the client. Pure. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

enum { BACKEND_URL_MAX_BYTES = 16 * 1024 };

/* `configured`: BITSServerNotificationURL; relative ones are resolved against the directory of the
 * destination on `origin` ("http://127.0.0.1:8080"). `destination`: absolute or origin form.
 * "http://unix:/run/app.sock:/handle" gives a socket in `ret_socket`, which is empty otherwise.
 * 0, -EINVAL, or what Buf says. */
_must_use_ int backend_url_build(const char *configured, const char *destination,
                                 const char *origin, Buf *ret_url, Buf *ret_socket);
/* What BITS-Static-Response-URL may hold: absolute, http or https, fit for a header. */
bool backend_url_is_static(const char *url);
