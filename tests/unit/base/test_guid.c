/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/guid.h"

#include "random.h"

static const uint8_t BYTES[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const char TEXT[] = "00112233-4455-6677-8899-aabbccddeeff";

static void bytes_are_in_rfc_order(void **state)
{
        GUID g = guid_from_bytes(BYTES);
        uint8_t back[16];

        assert_int_equal(g.Data1, 0x00112233);
        assert_int_equal(g.Data2, 0x4455);
        assert_int_equal(g.Data3, 0x6677);
        assert_memory_equal(g.Data4, BYTES + 8, 8);
        guid_to_bytes(&g, back);
        assert_memory_equal(back, BYTES, 16);
}

static void text_is_lower_case_without_braces(void **state)
{
        GUID g = guid_from_bytes(BYTES);
        char text[GUID_TEXT_LEN + 1];

        guid_format(&g, text);
        assert_string_equal(text, TEXT);
}

static void any_case_and_braces_are_read(void **state)
{
        static const char *const texts[] = {
                TEXT,
                "{00112233-4455-6677-8899-aabbccddeeff}",
                "00112233-4455-6677-8899-AABBCCDDEEFF",
                "{00112233-4455-6677-8899-AaBbCcDdEeFf}",
        };
        GUID want = guid_from_bytes(BYTES);

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                GUID g;

                assert_int_equal(guid_parse(texts[i], &g), 0);
                assert_true(guid_equal(&g, &want));
        }
}

static void anything_else_is_refused(void **state)
{
        static const char *const texts[] = {
                NULL,
                "",
                "{}",
                "00112233-4455-6677-8899-aabbccddeef",
                "00112233-4455-6677-8899-aabbccddeeff0",
                "00112233-4455-6677-8899-aabbccddeefff0",
                "{00112233-4455-6677-8899-aabbccddeeff",
                "00112233-4455-6677-8899-aabbccddeeff}",
                "{00112233-4455-6677-8899-aabbccddeeff0",
                "000112233-4455-6677-8899-aabbccddeeff}",
                "}00112233-4455-6677-8899-aabbccddeeff{",
                "{00112233-4455-6677-8899-aabbccddeeff}}",
                "00112233-4455-6677-8899-aabbccddeefg",
                "0011223-34455-6677-8899-aabbccddeeff",
                "00112233445566778899aabbccddeeff----",
                "00112233_4455_6677_8899_aabbccddeeff",
                " 0112233-4455-6677-8899-aabbccddeeff",
                "+0112233-4455-6677-8899-aabbccddeeff",
                "00112233-4455-6677-8899-aabbccddeef\xef",
        };
        GUID before = guid_from_bytes(BYTES), g = before;
        char text[] = "00112233-4455-6677-8899-aabbccddeeff";

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                assert_int_equal(guid_parse(texts[i], &g), -EINVAL);
                assert_true(guid_equal(&g, &before));
        }
        for (size_t i = 0; i < GUID_TEXT_LEN; i++) {
                text[i] = TEXT[i] == '-' ? '0' : '-';
                assert_int_equal(guid_parse(text, &g), -EINVAL);
                text[i] = TEXT[i];
        }
        assert_int_equal(guid_parse(text, &g), 0);
}

static void equality_looks_at_every_byte(void **state)
{
        GUID a = guid_from_bytes(BYTES);

        for (size_t i = 0; i < sizeof(BYTES); i++) {
                uint8_t bytes[16];
                GUID b;

                memcpy(bytes, BYTES, sizeof(bytes));
                bytes[i] ^= 0x10;
                b = guid_from_bytes(bytes);
                assert_false(guid_equal(&a, &b));
        }
}

static void random_guids_are_version_4_and_round_trip(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 1000; i++) {
                uint64_t words[2] = {random_u64(&random), random_u64(&random)};
                uint8_t bytes[16];
                char text[GUID_TEXT_LEN + 1];
                GUID g, back;

                memcpy(bytes, words, sizeof(bytes));
                g = guid_from_random(bytes);
                guid_format(&g, text);
                assert_int_equal(text[14], '4');
                assert_non_null(strchr("89ab", text[19]));
                assert_int_equal(guid_parse(text, &back), 0);
                assert_true(guid_equal(&g, &back));
                guid_to_bytes(&g, bytes);
                back = guid_from_bytes(bytes);
                assert_true(guid_equal(&g, &back));
                assert_int_equal(g.Data1, __builtin_bswap32((uint32_t) words[0]));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bytes_are_in_rfc_order),
                cmocka_unit_test(text_is_lower_case_without_braces),
                cmocka_unit_test(any_case_and_braces_are_read),
                cmocka_unit_test(anything_else_is_refused),
                cmocka_unit_test(equality_looks_at_every_byte),
                cmocka_unit_test(random_guids_are_version_4_and_round_trip),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
