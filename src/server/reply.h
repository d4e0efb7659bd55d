/* SPDX-License-Identifier: Apache-2.0 */
/* Where replies are found: "<prefix>/.bits/replies/<name>", with a name that cannot be guessed.
 * Pure. */
#pragma once

#include "base/buf.h"
#include "server/site.h"

/* The name in a path below a site's prefix; NULL when it is not of that kind. */
const char *reply_name_in(const char *below);
/* The URL for it: an absolute path, or with a host id in force an absolute URL on that host, with
 * scheme and port of `destination`. 0 or what Buf says. */
_must_use_ int reply_url_build(const Site *site, const char *name, const char *destination,
                               Buf *out);
