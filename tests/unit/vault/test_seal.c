/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>

#include "base/guid.h"
#include "vault/seal.h"

#include "vault_rig.h"

static int make_key(void **state)
{
        VaultKey *key = mem_new(VaultKey);

        *state = key;
        return key ? vault_key_make(key) : -1;
}

static int free_key(void **state)
{
        vault_key_done(*state);
        mem_free(*state);
        return 0;
}

#define key_test(f) cmocka_unit_test_setup_teardown(f, make_key, free_key)

static void seal(const VaultKey *key, const VaultSlot *slot, const char *user, const char *password,
                 uint8_t **ret, uint32_t *ret_bytes)
{
        *ret = NULL;
        assert_int_equal(seal_check(user, password), 0);
        assert_int_equal(seal_make(key, slot, user, password, ret, ret_bytes), 0);
        assert_in_range(*ret_bytes, VAULT_SEALED_BYTES_MIN, VAULT_SEALED_BYTES_MAX);
}

static int try_open(const VaultKey *key, const VaultSlot *slot, const uint8_t *sealed,
                    uint32_t bytes)
{
        Credential c = {0};
        int r = seal_open(key, slot, sealed, bytes, &c);

        if (r < 0)
                assert_true(!c.user && !c.password);
        credential_done(&c);
        return r;
}

static void round_trip(const VaultKey *key, const char *user, const char *password)
{
        Credential c = {0};
        uint8_t *sealed;
        uint32_t bytes;

        seal(key, &RIG_SLOT, user, password, &sealed, &bytes);
        assert_int_equal(seal_open(key, &RIG_SLOT, sealed, bytes, &c), 0);
        assert_string_equal(secret_text(c.user), user);
        assert_string_equal(secret_text(c.password), password);
        assert_int_equal(secret_len_bytes(c.user), strlen(user));
        assert_int_equal(secret_len_bytes(c.password), strlen(password));
        credential_done(&c);
        mem_free(sealed);
}

static void what_is_sealed_comes_back(void **state)
{
        round_trip(*state, "user", "password");
        round_trip(*state, "user", "");
        round_trip(*state, "", "");
        round_trip(*state, "", "password");
        round_trip(*state, "DOM\\jos\xc3\xa9",
                   "\xf0\x9f\x94\x91 \xe5\xaf\x86\xe7\xa0\x81 \x01\x7f");
}

static void implicit_is_told_from_empty(void **state)
{
        Credential c = {(Secret *) 1, (Secret *) 1};
        uint8_t *sealed;
        uint32_t bytes;

        seal(*state, &RIG_SLOT, NULL, NULL, &sealed, &bytes);
        assert_int_equal(seal_open(*state, &RIG_SLOT, sealed, bytes, &c), 0);
        assert_null(c.user);
        assert_null(c.password);
        mem_free(sealed);
}

/* `n` times this character and a terminator. */
static char *repeat(const char *character, size_t n)
{
        size_t len = strlen(character);
        char *text = mem_alloc(n * len + 1);

        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
                memcpy(text + i * len, character, len);
        text[n * len] = '\0';
        return text;
}

/* One byte, two, three; a pair of surrogates (two units in four bytes). */
static const struct {
        const char *character;
        size_t units;
} KINDS[] = {{"x", 1}, {"\xc3\xa9", 1}, {"\xe5\xaf\x86", 1}, {"\xf0\x9f\x94\x91", 2}};

static void the_largest_sizes_fit_and_one_more_does_not(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
                size_t units = KINDS[i].units;
                char *user = repeat(KINDS[i].character, VAULT_USER_UNITS_MAX / units);
                char *password = repeat(KINDS[i].character, VAULT_PASSWORD_UNITS_MAX / units);
                char *long_user = mem_printf("%sy", user);
                char *long_password = mem_printf("%sy", password);

                round_trip(*state, user, password);
                assert_int_equal(seal_check(long_user, ""), -EMSGSIZE);
                assert_int_equal(seal_check("", long_password), -EMSGSIZE);
                mem_free(user);
                mem_free(password);
                mem_free(long_user);
                mem_free(long_password);
        }
}

static void the_largest_blob_is_as_large_as_the_port_says(void **state)
{
        char *user = repeat("\xe5\xaf\x86", VAULT_USER_UNITS_MAX);
        char *password = repeat("\xe5\xaf\x86", VAULT_PASSWORD_UNITS_MAX);
        uint8_t *sealed;
        uint32_t bytes;

        seal(*state, &RIG_SLOT, user, password, &sealed, &bytes);
        assert_int_equal(bytes, VAULT_SEALED_BYTES_MAX);
        mem_free(sealed);
        seal(*state, &RIG_SLOT, NULL, NULL, &sealed, &bytes);
        assert_int_equal(bytes, VAULT_SEALED_BYTES_MIN);
        mem_free(sealed);
        mem_free(user);
        mem_free(password);
}

static void half_a_pair_and_broken_text_are_refused(void **state)
{
        static const char *const broken[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80",
                                             "\xf4\x90\x80\x80"};

        assert_int_equal(seal_check("user", NULL), -EINVAL);
        assert_int_equal(seal_check(NULL, "password"), -EINVAL);
        assert_int_equal(seal_check(NULL, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
                assert_int_equal(seal_check(broken[i], "password"), -EILSEQ);
                assert_int_equal(seal_check("user", broken[i]), -EILSEQ);
        }
}

static void size_tells_little_of_the_password(void **state)
{
        uint32_t first = 0;

        for (size_t n = 0; n <= 53; n++) { /* with a user name of 4 and 7 of head: 64 */
                char *password = repeat("x", n);
                uint8_t *sealed;
                uint32_t bytes;

                seal(*state, &RIG_SLOT, "user", password, &sealed, &bytes);
                assert_int_equal(bytes, first ? first : bytes);
                first = bytes;
                mem_free(sealed);
                mem_free(password);
        }
}

static void no_two_blobs_are_alike(void **state)
{
        uint8_t *a, *b;
        uint32_t bytes;

        seal(*state, &RIG_SLOT, "user", "password", &a, &bytes);
        seal(*state, &RIG_SLOT, "user", "password", &b, &bytes);
        assert_memory_equal(a, b, 17); /* version and name of the key */
        for (uint32_t i = 17; i + 16 <= bytes; i += 16)
                assert_memory_not_equal(a + i, b + i, 16);
        mem_free(a);
        mem_free(b);
}

static void a_change_anywhere_is_refused(void **state)
{
        uint8_t *sealed;
        uint32_t bytes;

        seal(*state, &RIG_SLOT, "user", "password", &sealed, &bytes);
        for (uint32_t i = 0; i < bytes; i++) {
                for (int bit = 0; bit < 8; bit++) {
                        sealed[i] ^= (uint8_t) (1 << bit);
                        assert_int_equal(try_open(*state, &RIG_SLOT, sealed, bytes), -EBADMSG);
                        sealed[i] ^= (uint8_t) (1 << bit);
                }
        }
        assert_int_equal(try_open(*state, &RIG_SLOT, sealed, bytes), 0);
        mem_free(sealed);
}

static void every_other_length_is_refused(void **state)
{
        uint8_t *sealed, *more;
        uint32_t bytes;

        seal(*state, &RIG_SLOT, "user", "password", &sealed, &bytes);
        for (uint32_t n = 0; n < bytes; n++) {
                more = mem_alloc(n); /* its own block, so that a sanitizer sees its end */
                memcpy(more, sealed, n);
                assert_int_equal(try_open(*state, &RIG_SLOT, more, n), -EBADMSG);
                mem_free(more);
        }
        more = mem_zalloc(VAULT_SEALED_BYTES_MAX + 64);
        memcpy(more, sealed, bytes);
        for (uint32_t n = bytes + 1; n < bytes + 200; n++)
                assert_int_equal(try_open(*state, &RIG_SLOT, more, n), -EBADMSG);
        assert_int_equal(try_open(*state, &RIG_SLOT, more, VAULT_SEALED_BYTES_MAX), -EBADMSG);
        assert_int_equal(try_open(*state, &RIG_SLOT, more, VAULT_SEALED_BYTES_MAX + 64), -EBADMSG);
        assert_int_equal(try_open(*state, &RIG_SLOT, more, UINT32_MAX), -EBADMSG);
        assert_int_equal(try_open(*state, &RIG_SLOT, NULL, 0), -EBADMSG);
        mem_free(more);
        mem_free(sealed);
}

static void for_another_slot_it_is_refused(void **state)
{
        uint8_t *sealed, id[16];
        uint32_t bytes;

        seal(*state, &RIG_SLOT, "user", "password", &sealed, &bytes);
        for (uint32_t target = 0; target <= 3; target++) {
                for (uint32_t scheme = 0; scheme <= 6; scheme++) {
                        VaultSlot slot = {RIG_SLOT.job, target, scheme};
                        bool same = target == RIG_SLOT.target && scheme == RIG_SLOT.scheme;

                        assert_int_equal(try_open(*state, &slot, sealed, bytes),
                                         same ? 0 : -EBADMSG);
                }
        }
        for (int i = 0; i < 16; i++) {
                VaultSlot slot = RIG_SLOT;

                guid_to_bytes(&slot.job, id);
                id[i] ^= 1;
                slot.job = guid_from_bytes(id);
                assert_int_equal(try_open(*state, &slot, sealed, bytes), -EBADMSG);
        }
        mem_free(sealed);
}

static void with_another_key_it_is_refused(void **state)
{
        VaultKey other = {0};
        uint8_t *sealed;
        uint32_t bytes;

        assert_int_equal(vault_key_make(&other), 0);
        seal(*state, &RIG_SLOT, "user", "password", &sealed, &bytes);
        assert_memory_equal(seal_key_id(sealed, bytes), ((VaultKey *) *state)->id,
                            VAULT_KEY_ID_BYTES);
        assert_int_equal(try_open(&other, &RIG_SLOT, sealed, bytes), -EBADMSG);
        memcpy(sealed + 1, other.id, VAULT_KEY_ID_BYTES);
        assert_int_equal(try_open(&other, &RIG_SLOT, sealed, bytes), -EBADMSG);
        mem_free(sealed);
        vault_key_done(&other);
}

/* The outcome of opening a blob of any version and content, rightly made with the key. */
static int open_made(const VaultKey *key, uint8_t version, const uint8_t head[7], uint32_t bytes)
{
        uint8_t *content = mem_zalloc(bytes), *sealed = mem_zalloc(bytes + 57), bound[41];
        int r;

        assert_true(content && sealed);
        memcpy(content, head, 7);
        sealed[0] = version;
        memcpy(sealed + 1, key->id, 16);
        memset(bound, 0, sizeof(bound));
        memcpy(bound, sealed, 17);
        guid_to_bytes(&RIG_SLOT.job, bound + 17);
        bound[33] = (uint8_t) RIG_SLOT.target;
        bound[37] = (uint8_t) RIG_SLOT.scheme;
        assert_int_equal(crypto_aead_xchacha20poly1305_ietf_encrypt(
                                 sealed + 41, NULL, content, bytes, bound, sizeof(bound), NULL,
                                 sealed + 17, secret_bytes_of(key->bytes)),
                         0);
        r = try_open(key, &RIG_SLOT, sealed, bytes + 57);
        mem_free(content);
        mem_free(sealed);
        return r;
}

/* Whoever has the key can write any content: even that must not be read beyond its end. */
static void content_that_contradicts_itself_is_refused(void **state)
{
        static const struct {
                uint8_t head[7];
                int result;
        } contents[] = {
                {{1, 57, 0, 0, 0, 0, 0}, 0}, /* exactly full */
                {{1, 58, 0, 0, 0, 0, 0}, -EBADMSG},
                {{1, 0, 0, 57, 0, 0, 0}, 0},
                {{1, 0, 0, 58, 0, 0, 0}, -EBADMSG},
                {{1, 29, 0, 29, 0, 0, 0}, -EBADMSG},
                {{1, 255, 255, 0, 0, 0, 0}, -EBADMSG},
                {{1, 57, 0, 255, 255, 255, 255}, -EBADMSG},
                {{0, 0, 0, 0, 0, 0, 0}, 0},
                {{0, 1, 0, 0, 0, 0, 0}, -EBADMSG},
                {{0, 0, 0, 1, 0, 0, 0}, -EBADMSG},
                {{2, 0, 0, 0, 0, 0, 0}, -EBADMSG},
        };
        for (size_t i = 0; i < ARRAY_LEN(contents); i++)
                assert_int_equal(open_made(*state, 1, contents[i].head, 64), contents[i].result);
}

/* A later version may mean something else by the same bytes. */
static void other_versions_and_forms_are_refused_even_with_the_right_tag(void **state)
{
        static const uint8_t head[7] = {1};

        assert_int_equal(open_made(*state, 1, head, 64), 0);
        assert_int_equal(open_made(*state, 1, head, 128), 0);
        assert_int_equal(open_made(*state, 0, head, 64), -EBADMSG);
        assert_int_equal(open_made(*state, 2, head, 64), -EBADMSG);
        assert_int_equal(open_made(*state, 1, head, 65), -EBADMSG);
        assert_int_equal(open_made(*state, 1, head, 127), -EBADMSG);
        assert_int_equal(open_made(*state, 1, head, 197568), 0);
        assert_int_equal(open_made(*state, 1, head, 197568 + 64), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                key_test(what_is_sealed_comes_back),
                key_test(implicit_is_told_from_empty),
                key_test(the_largest_sizes_fit_and_one_more_does_not),
                key_test(the_largest_blob_is_as_large_as_the_port_says),
                key_test(half_a_pair_and_broken_text_are_refused),
                key_test(size_tells_little_of_the_password),
                key_test(no_two_blobs_are_alike),
                key_test(a_change_anywhere_is_refused),
                key_test(every_other_length_is_refused),
                key_test(for_another_slot_it_is_refused),
                key_test(with_another_key_it_is_refused),
                key_test(content_that_contradicts_itself_is_refused),
                key_test(other_versions_and_forms_are_refused_even_with_the_right_tag),
        };

        return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
