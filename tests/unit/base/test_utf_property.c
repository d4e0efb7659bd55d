/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes against a second, slow reading of the grammar of RFC 3629; random text through
 * all conversions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/utf.h"

#include "random.h"

#define MAX_LEN 40

/* The table of section 4: ranges of the first and the second byte, and how many follow. */
static const struct {
        uint8_t first_min, first_max, second_min, second_max;
        size_t len;
} GRAMMAR[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static size_t grammar_len(const uint8_t *p, size_t left)
{
        for (size_t i = 0; i < ARRAY_LEN(GRAMMAR); i++) {
                size_t len = GRAMMAR[i].len;

                if (p[0] < GRAMMAR[i].first_min || p[0] > GRAMMAR[i].first_max || left < len)
                        continue;
                if (len > 1 && (p[1] < GRAMMAR[i].second_min || p[1] > GRAMMAR[i].second_max))
                        continue;
                if (len > 2 && (p[2] < 0x80 || p[2] > 0xbf))
                        continue;
                if (len > 3 && (p[3] < 0x80 || p[3] > 0xbf))
                        continue;
                return len;
        }
        return 0;
}

static bool grammar_accepts(const uint8_t *p, size_t left)
{
        while (left > 0) {
                size_t len = grammar_len(p, left);

                if (len == 0)
                        return false;
                p += len;
                left -= len;
        }
        return true;
}

/* Bytes that often come close to being text. */
static size_t random_bytes(Random *random, uint8_t bytes[MAX_LEN])
{
        static const uint8_t leads[] = {0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee, 0xef,
                                        0xf0, 0xf1, 0xf4, 0xc0, 0xf5, 0xf8, 0xff};
        size_t len = (size_t) random_below(random, MAX_LEN);
        size_t i = 0;

        while (i < len) {
                uint64_t kind = random_below(random, 10);
                uint64_t follow = random_below(random, 4);

                if (kind < 6) {
                        bytes[i++] = (uint8_t) (1 + random_below(random, 0x7f));
                        continue;
                }
                bytes[i++] = leads[random_below(random, sizeof(leads))];
                for (; follow > 0 && i < len; follow--)
                        bytes[i++] = (uint8_t) (0x80 + random_below(random, 0x40));
        }
        return len;
}

static void validity_is_that_of_the_grammar(void **state)
{
        Random random = random_seeded(__func__);
        size_t valid = 0;

        for (int round = 0; round < 500000; round++) {
                uint8_t bytes[MAX_LEN];
                size_t len = random_bytes(&random, bytes);
                bool want = grammar_accepts(bytes, len);

                valid += want;
                if (utf8_is_valid((char *) bytes, len) != want)
                        fail_msg("round %d: %d is wrong", round, !want);
        }
        assert_in_range(valid, 10000, 490000); /* both sides were tried */
}

static void conversion_refuses_exactly_the_malformed(void **state)
{
        Random random = random_seeded(__func__);

        for (int round = 0; round < 100000; round++) {
                _cleanup_free_ wchar_t *wide = NULL;
                _cleanup_free_ char *back = NULL, *text = NULL;
                uint8_t bytes[MAX_LEN];
                size_t len = random_bytes(&random, bytes);
                bool valid = grammar_accepts(bytes, len);
                int r;

                text = mem_strndup((char *) bytes, len); /* exact size for the sanitizer */
                r = utf8_to_wide(text, &wide);
                if (r != (valid ? 0 : -EILSEQ))
                        fail_msg("round %d gives %d", round, r);
                if (!valid)
                        continue;
                assert_int_equal(wide_to_utf8(wide, &back), 0);
                assert_string_equal(back, text);
                assert_int_equal(utf8_utf16_units(text), wide_utf16_units(wide));
        }
}

static void escaping_and_copying_give_text_of_any_room(void **state)
{
        Random random = random_seeded(__func__);

        for (int round = 0; round < 100000; round++) {
                uint8_t bytes[MAX_LEN];
                size_t len = random_bytes(&random, bytes);
                size_t room = 1 + (size_t) random_below(&random, MAX_LEN * 4);
                _cleanup_free_ char *in = mem_strndup((char *) bytes, len);
                _cleanup_free_ char *out = mem_alloc(room);

                (void) str_escape(out, room, in);
                if (!utf8_is_valid(out, strlen(out)))
                        fail_msg("round %d escapes to malformed text", round);
                (void) str_copy(out, room, in);
                if (grammar_accepts(bytes, len) && !utf8_is_valid(out, strlen(out)))
                        fail_msg("round %d is cut inside a character", round);
                assert_true(strncmp(out, in, strlen(out)) == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(validity_is_that_of_the_grammar),
                cmocka_unit_test(conversion_refuses_exactly_the_malformed),
                cmocka_unit_test(escaping_and_copying_give_text_of_any_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
