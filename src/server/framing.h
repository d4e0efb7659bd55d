/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the head of a request can be read in one way only. The HTTP library takes both lengths,
 * two lengths, bare line ends and more; a proxy in front may take the same bytes for another
 * request, and what one of them counts as body is the next request of the other (request
 * smuggling). So nothing of a body is used before this has been asked. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/http_front.h"

enum { FRAMING_TARGET_MAX_BYTES = 8 * 1024 };

typedef enum FramingFlaw {
        FRAMING_FINE,
        FRAMING_ODD_LINES,       /* bare LF, folded line, NUL */
        FRAMING_TOO_MANY_FIELDS, /* 431 */
        FRAMING_BAD_NAME,        /* a field name with a blank or another character of no token */
        FRAMING_BAD_VALUE,       /* control characters */
        FRAMING_BAD_VERSION,     /* neither HTTP/1.1 nor HTTP/1.0: 505 */
        FRAMING_BAD_METHOD,
        FRAMING_BAD_TARGET, /* characters that cannot stand there; too long is 414 */
        FRAMING_LONG_TARGET,
        FRAMING_NO_HOST,
        FRAMING_TWO_HOSTS,
        FRAMING_BAD_HOST,
        FRAMING_BOTH_LENGTHS, /* Content-Length and Transfer-Encoding */
        FRAMING_TWO_LENGTHS,  /* also when they are equal */
        FRAMING_BAD_LENGTH,
        FRAMING_CHUNKED, /* 411: an upload says its length */
        FRAMING_FLAW_MAX,
} FramingFlaw;

typedef struct Framing {
        bool has_length;
        uint64_t length_bytes; /* 0 without one */
        const char *host;      /* borrowed from the head; "" when HTTP/1.0 has none */
        bool expects_continue;
} Framing;

/* *ret is set whenever the flaw is FRAMING_FINE. */
FramingFlaw framing_check(const HttpHead *head, Framing *ret);
uint16_t framing_status(FramingFlaw flaw);
/* A few words for the log; never NULL. */
const char *framing_text(FramingFlaw flaw);
/* First field of that name (any case); NULL. */
const char *framing_field(const HttpHead *head, const char *name);
/* Also for a head that has flaws. */
bool framing_announces_body(const HttpHead *head);
