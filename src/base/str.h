/* SPDX-License-Identifier: Apache-2.0 */
/* String helpers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attr.h"

bool str_equal(const char *a, const char *b);        /* NULL equals only NULL */
bool str_equal_nocase(const char *a, const char *b); /* ASCII only, both non-NULL */
bool str_starts_with(const char *s, const char *prefix);
bool str_starts_with_nocase(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);
/* Copies with truncation on a character border; always terminates. Returns dst. */
char *str_copy(char *dst, size_t dst_bytes, const char *src);
/* Replaces *p by a copy of s (NULL allowed). 0 or -ENOMEM with *p unchanged. */
_must_use_ int str_replace(char **p, const char *s);
/* "2.1 GiB"; "unknown" for UINT64_MAX. Returns dst. */
char *str_format_size(char *dst, size_t dst_bytes, uint64_t bytes);
/* "1:31", "2:03:04", "3 days". Returns dst. */
char *str_format_duration(char *dst, size_t dst_bytes, uint64_t sec);
/* "2026-11-22T08:00:00Z" out of wall microseconds since 1970. Returns dst. */
char *str_format_rfc3339(char *dst, size_t dst_bytes, uint64_t wall_usec);
/* A copy of s for a terminal or a log: control characters, invalid UTF-8 and bidi overrides are
 * shown as \xNN. Always terminates. Returns dst. */
char *str_escape(char *dst, size_t dst_bytes, const char *s);
