/* SPDX-License-Identifier: Apache-2.0 */
/* All heap memory of the project goes through here, so that tests can count it, limit it and
 * make the n-th allocation fail. Memory is malloc-compatible (the public API hands it to free).
 * Every function that returns a pointer returns NULL when memory is exhausted. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "attr.h"

_must_use_ void *mem_alloc(size_t bytes);            /* uninitialised */
_must_use_ void *mem_zalloc(size_t bytes);           /* zeroed */
_must_use_ void *mem_array(size_t n, size_t bytes);  /* zeroed; NULL when n * bytes overflows */
_must_use_ void *mem_realloc(void *p, size_t bytes); /* old block stays valid on failure */
_must_use_ char *mem_strdup(const char *s);          /* NULL in, NULL out */
_must_use_ char *mem_strndup(const char *s, size_t max_bytes);
_must_use_ char *mem_printf(const char *fmt, ...) _printf_(1, 2);
void mem_free(void *p); /* NULL allowed */

#define mem_new(type) ((type *) mem_zalloc(sizeof(type)))

/* Fault injection for tests: the n-th allocation from now (1 = the next) fails once; 0 = off. */
void mem_fail_nth(uint64_t n);
/* True when the failure armed by mem_fail_nth() has struck. */
int mem_fail_struck(void);
