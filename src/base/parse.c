/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <errno.h>
#include <stddef.h>

#include "str.h"

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

#define KIB ((uint64_t) 1024)
#define KB ((uint64_t) 1000)

static const Unit SIZE_UNITS[] = {
        {"", 1},
        {"B", 1},
        {"K", KIB},
        {"KiB", KIB},
        {"KB", KB},
        {"M", KIB *KIB},
        {"MiB", KIB *KIB},
        {"MB", KB *KB},
        {"G", KIB *KIB *KIB},
        {"GiB", KIB *KIB *KIB},
        {"GB", KB *KB *KB},
        {"T", KIB *KIB *KIB *KIB},
        {"TiB", KIB *KIB *KIB *KIB},
        {"TB", KB *KB *KB *KB},
};

static const Unit DURATION_UNITS[] = {
        {"", 1}, {"s", 1}, {"m", 60}, {"h", 60 * 60}, {"d", 24 * 60 * 60},
};

/* Reads the digits at the start of s. *ret_rest is set whenever there is one digit at least, also
 * on -ERANGE, so that a grammar error behind a huge number is still a grammar error. */
static int read_digits(const char *s, uint64_t *ret, const char **ret_rest)
{
        uint64_t v = 0;
        bool overflow = false;
        const char *p = s;

        if (!s)
                return -EINVAL;
        for (; *p >= '0' && *p <= '9'; p++)
                overflow |= __builtin_mul_overflow(v, (uint64_t) 10, &v) ||
                            __builtin_add_overflow(v, (uint64_t) (*p - '0'), &v);
        if (p == s)
                return -EINVAL;
        *ret_rest = p;
        if (overflow)
                return -ERANGE;
        *ret = v;
        return 0;
}

static int parse_with_unit(const char *s, const Unit *units, size_t n_units, uint64_t *ret)
{
        const char *rest = NULL;
        uint64_t v = 0;
        int r = read_digits(s, &v, &rest);

        if (r == -EINVAL)
                return r;
        for (size_t i = 0; i < n_units; i++) {
                if (!str_equal_nocase(rest, units[i].name))
                        continue;
                if (r < 0 || __builtin_mul_overflow(v, units[i].factor, &v))
                        return -ERANGE;
                *ret = v;
                return 0;
        }
        return -EINVAL;
}

int parse_u64(const char *s, uint64_t *ret)
{
        return parse_with_unit(s, DURATION_UNITS, 1, ret); /* the empty unit only */
}

int parse_u32(const char *s, uint32_t *ret)
{
        uint64_t v;
        int r = parse_u64(s, &v);

        if (r < 0)
                return r;
        if (v > UINT32_MAX)
                return -ERANGE;
        *ret = (uint32_t) v;
        return 0;
}

int parse_bool(const char *s, bool *ret)
{
        static const char *const words[][2] = {
                {"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

        if (!s)
                return -EINVAL;
        for (size_t i = 0; i < ARRAY_LEN(words) * 2; i++) {
                if (str_equal_nocase(s, words[i / 2][i % 2])) {
                        *ret = i % 2 == 1;
                        return 0;
                }
        }
        return -EINVAL;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
        return parse_with_unit(s, SIZE_UNITS, ARRAY_LEN(SIZE_UNITS), ret_bytes);
}

int parse_duration(const char *s, uint64_t *ret_sec)
{
        return parse_with_unit(s, DURATION_UNITS, ARRAY_LEN(DURATION_UNITS), ret_sec);
}
