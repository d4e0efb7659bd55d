/* SPDX-License-Identifier: Apache-2.0 */
/* What an upload client does with URLs that a server gave it. BITS-Host-Id, BITS-Reply-URL and
 * Location are redirects in disguise, so each comes out of here either as an absolute URL that is
 * safe to ask for or not at all: http and https only, never from https down to http, no user info,
 * hosts in plain ASCII, and no loopback or link-local target unless the destination of the upload
 * is of that kind itself. (A name that resolves to such an address is for the caller's socket to
 * refuse.) */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"

enum { BUP_URL_MAX_BYTES = 32 * 1024 }; /* of a URL that is built here */

typedef enum BupUrlVerdict {
        BUP_URL_OK,
        BUP_URL_MALFORMED,
        BUP_URL_SCHEME,    /* neither http nor https */
        BUP_URL_DOWNGRADE, /* https to http */
        BUP_URL_LOCAL,     /* loopback or link-local, and the destination is not */
        BUP_URL_NO_MEMORY,
} BupUrlVerdict;

/* The destination with its host replaced by that of a host id (bup_host_id_parse()); scheme, path,
 * query and the port stay, unless the host id brings a port. Replaces what is in `out`. */
_must_use_ BupUrlVerdict bup_url_with_host(const char *destination, const char *host_id, Buf *out);
/* A reference resolved against the destination (RFC 3986), after backslashes became slashes and
 * what may not stand in a URL was percent-encoded. No fragment. Replaces what is in `out`.
 * *ret_same_origin: scheme, host and port are those of the destination, so that the job's server
 * credentials may go there. */
_must_use_ BupUrlVerdict bup_url_resolve(const char *destination, const char *reference, Buf *out,
                                         bool *ret_same_origin);
/* Same scheme, host and port; false when either is malformed. */
bool bup_url_same_origin(const char *a, const char *b);
/* Same host, and the same scheme and port or http on 80 turned into https on 443: where a redirect
 * of an upload may lead. */
bool bup_url_is_moved(const char *from, const char *to);
bool bup_url_is_https(const char *url);
/* A few words for the log; never NULL. */
const char *bup_url_verdict_text(BupUrlVerdict verdict);
