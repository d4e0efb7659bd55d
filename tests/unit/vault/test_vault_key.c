/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "vault/vault_key.h"

#include "vault_rig.h"

static int parse(const void *data, size_t bytes, VaultKey *ret)
{
        Secret *content = NULL;
        int r;

        assert_int_equal(secret_copy(data, bytes, &content), 0);
        r = vault_key_parse(content, ret);
        secret_free(content);
        return r;
}

static void raw_and_hexadecimal_are_the_same_key(void **state)
{
        static const char *const texts[] = {
                HEX_KEY_A, HEX_KEY_A "\n",
                "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"};
        VaultKey raw = {0}, text = {0};
        uint8_t bytes[32];

        for (int i = 0; i < 32; i++)
                bytes[i] = (uint8_t) (0x11 * (i % 16));
        assert_int_equal(parse(bytes, sizeof(bytes), &raw), 0);
        assert_memory_equal(secret_bytes_of(raw.bytes), bytes, sizeof(bytes));
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                assert_int_equal(parse(texts[i], strlen(texts[i]), &text), 0);
                assert_true(secret_equal(raw.bytes, text.bytes));
                assert_true(vault_key_has_id(&text, raw.id));
                vault_key_done(&text);
        }
        vault_key_done(&raw);
}

static void anything_else_is_no_key(void **state)
{
        static const char zeros[65] =
                "0000000000000000000000000000000000000000000000000000000000000000";
        static const uint8_t zero_bytes[65];
        char text[67] = HEX_KEY_A "\n\n";
        VaultKey key = {0};

        for (size_t n = 0; n <= 66; n++) {
                int r = parse(text, n, &key);

                /* 32 characters of text are 32 bytes like any others. */
                assert_int_equal(r, n == 32 || n == 64 || n == 65 ? 0 : -EBADMSG);
                vault_key_done(&key);
        }
        text[64] = 'f';
        assert_int_equal(parse(text, 65, &key), -EBADMSG);
        for (size_t i = 0; i < 64; i++) {
                static const char wrong[] = "gG:/@`\0\n -";

                for (size_t k = 0; k < sizeof(wrong) - 1; k++) {
                        (void) memcpy(text, HEX_KEY_A, 64);
                        text[i] = wrong[k];
                        assert_int_equal(parse(text, 64, &key), -EBADMSG);
                }
        }
        assert_int_equal(parse(zeros, 64, &key), -EBADMSG);
        assert_int_equal(parse(zero_bytes, 32, &key), -EBADMSG);
        assert_int_equal(parse(zero_bytes, 65, &key), -EBADMSG);
        assert_null(key.bytes);
}

static void a_made_key_is_like_no_other_and_survives_its_text(void **state)
{
        VaultKey a = {0}, b = {0}, again = {0};
        Secret *text = NULL;

        assert_int_equal(vault_key_make(&a), 0);
        assert_int_equal(vault_key_make(&b), 0);
        assert_false(secret_equal(a.bytes, b.bytes));
        assert_false(vault_key_has_id(&a, b.id));
        assert_int_equal(vault_key_format(&a, &text), 0);
        assert_int_equal(secret_len_bytes(text), VAULT_KEY_TEXT_BYTES);
        assert_int_equal(secret_text(text)[VAULT_KEY_TEXT_BYTES - 1], '\n');
        assert_int_equal(vault_key_parse(text, &again), 0);
        assert_true(secret_equal(a.bytes, again.bytes));
        secret_free(text);
        vault_key_done(&again);
        vault_key_done(&b);
        vault_key_done(&a);
        vault_key_done(&a);
}

/* Blobs of released versions name their key by this. */
static void the_name_of_a_key_never_changes(void **state)
{
        static const uint8_t id[VAULT_KEY_ID_BYTES] = {0xac, 0x9c, 0x62, 0x9a, 0xdf, 0x34,
                                                       0x99, 0x1b, 0xe3, 0xa0, 0xb3, 0x17,
                                                       0x4f, 0xf9, 0xaa, 0xa4};
        VaultKey key = {0};

        assert_int_equal(parse(HEX_KEY_A, 64, &key), 0);
        assert_memory_equal(key.id, id, sizeof(id));
        vault_key_done(&key);
}

static int everything(void)
{
        VaultKey a = {0}, b = {0};
        Secret *text = NULL;
        int r = vault_key_make(&a);

        if (r == 0)
                r = vault_key_format(&a, &text);
        if (r == 0)
                r = vault_key_parse(text, &b);
        secret_free(text);
        vault_key_done(&a);
        vault_key_done(&b);
        return r;
}

static void every_allocation_may_fail(void **state)
{
        bool struck = true;

        for (unsigned n = 1; struck; n++) {
                int r;

                faults_arm_memory(n);
                r = everything();
                struck = faults_memory_struck();
                faults_arm_memory(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
        }
        struck = true;
        for (unsigned n = 1; struck; n++) {
                int r;

                mem_fail_nth(n);
                r = everything();
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(raw_and_hexadecimal_are_the_same_key),
                cmocka_unit_test(anything_else_is_no_key),
                cmocka_unit_test(a_made_key_is_like_no_other_and_survives_its_text),
                cmocka_unit_test(the_name_of_a_key_never_changes),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests_name("vault key", tests, NULL, NULL);
}
