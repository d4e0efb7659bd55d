/* SPDX-License-Identifier: Apache-2.0 */
/* How a line of a request's head ended. libmicrohttpd takes a bare LF for a line end, which the
 * server in front may not do, and tells nobody. But up to 0.9.76 it cuts the strings of a head out
 * of its receive buffer in place: CR LF leaves two NULs behind a value, a bare LF only one, and a
 * folded line a blank behind them. Later versions refuse all that in strict mode. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

static inline bool line_end_is_readable(const char *library_version)
{
        return str_starts_with(library_version, "0.9.7") && library_version[5] >= '0' &&
               library_version[5] <= '6' && !library_version[6];
}

/* `end`: where the value ends, inside the receive buffer. */
static inline bool line_end_is_odd(const char *end)
{
        return end[0] != '\0' || end[1] != '\0' || end[2] == ' ' || end[2] == '\t';
}

/* `last`: where the last value of the whole head ends. Four NULs follow, of CR LF CR LF; where
 * there are fewer, something else has ended the head for the library, like a bare LF or a line
 * that begins with a colon. */
static inline bool line_end_closes_no_head(const char *last)
{
        return last[0] != '\0' || last[1] != '\0' || last[2] != '\0' || last[3] != '\0';
}

/* The same, told by where the body begins: behind a bare LF there may be a NUL by chance. A body
 * that lies elsewhere says nothing. */
static inline bool line_end_cuts_short(const char *last, const char *body)
{
        return body == last + 2 || body == last + 3;
}
