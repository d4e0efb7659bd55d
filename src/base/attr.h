/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes in one place. Only gcc and clang are supported. */
#pragma once

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _must_use_ __attribute__((warn_unused_result))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _nonnull_ __attribute__((nonnull))
#define _noreturn_ __attribute__((noreturn))
#define _unused_ __attribute__((unused))
#define _public_ __attribute__((visibility("default")))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
