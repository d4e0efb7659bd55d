/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and the file names they suggest. Pure functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* The name under which the thing at `url` is saved: its last path segment, percent-decoded where
 * that gives valid UTF-8. Characters that cannot or should not stand in a file name (slashes,
 * control characters, * and ?, a leading dot) become "_". NULL when the address names nothing, or
 * something too long for a name; caller owns the result. */
char *url_file_name(const char *url);

/* Whether it begins like an http or https address with a host. */
bool url_is_http(const char *url);
/* What is wrong with such an address as the place for an upload, in a few words; NULL: nothing that
 * can be seen from here. */
const char *url_upload_problem(const char *url);
/* The address with the name of the file behind it, percent-encoded, when its path ends in a slash
 * or there is none, and as it is otherwise. A query forbids completing it. Caller owns the
 * result. */
char *url_with_file_name(const char *url, const char *leaf);

/* Where "URL=FILE" has its "=": the last one outside a query with a name behind it that is plain
 * (no slash) or says itself where it begins (/, ./ or ../). NULL when there is none, so that a
 * lone URL is a URL. */
const char *url_split_file(const char *word);
