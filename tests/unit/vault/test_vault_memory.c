/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for secrets in the whole memory of this process, as somebody with a debugger or a core
 * dump would. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "vault_rig.h"

enum { NEEDLE_BYTES = 24, KEY_PART_BYTES = 16, BLOCK_BYTES = 1 << 16 };

/* A text to look for, kept inverted so that looking for it does not find the search itself. */
typedef struct Needle {
        uint8_t inverted[64];
        size_t len;
} Needle;

static void fill_secret(char text[NEEDLE_BYTES + 1], Needle *needle)
{
        uint8_t random[NEEDLE_BYTES];
        int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(read(fd, random, sizeof(random)), sizeof(random));
        assert_int_equal(close(fd), 0);
        for (int i = 0; i < NEEDLE_BYTES; i++) {
                text[i] = (char) ('A' + random[i] % 26);
                needle->inverted[i] = (uint8_t) ~text[i];
        }
        text[NEEDLE_BYTES] = '\0';
        needle->len = NEEDLE_BYTES;
}

static unsigned count_in(const uint8_t *data, size_t bytes, const Needle *needle)
{
        unsigned found = 0;

        for (size_t i = 0; i + needle->len <= bytes; i++) {
                size_t k = 0;

                while (k < needle->len && (data[i + k] ^ needle->inverted[k]) == 0xff)
                        k++;
                found += k == needle->len;
        }
        return found;
}

/* The block read into is in memory itself: it is wiped after each look, and not looked at. */
static unsigned count_in_range(int mem, unsigned long from, unsigned long to, uint8_t *block,
                               const Needle *needle)
{
        unsigned found = 0;

        for (unsigned long at = from; at < to; at += BLOCK_BYTES) {
                ssize_t n = pread(mem, block, BLOCK_BYTES + 64, (off_t) at);
                size_t end;

                if (n <= 0)
                        continue; /* guard pages, the kernel's own */
                end = MIN((size_t) n, to - at);
                found += count_in(block, MIN(end, (size_t) BLOCK_BYTES + needle->len - 1), needle);
                secret_wipe(block, BLOCK_BYTES + 64);
        }
        return found;
}

static unsigned count_in_memory(const Needle *needle)
{
        static uint8_t block[BLOCK_BYTES + 64];
        int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        FILE *maps = fopen("/proc/self/maps", "re");
        unsigned long from, to;
        unsigned found = 0;
        char line[512], mode[8];

        assert_true(mem >= 0);
        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps)) {
                /* The shadow of a sanitizer has terabytes and no data. */
                if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r' ||
                    to - from > 1UL << 30)
                        continue;
                if (from <= (unsigned long) block && (unsigned long) block < to) {
                        unsigned long at = (unsigned long) block;

                        found += count_in_range(mem, from, at, block, needle);
                        from = at + sizeof(block);
                }
                found += count_in_range(mem, from, to, block, needle);
        }
        (void) fclose(maps);
        assert_int_equal(close(mem), 0);
        return found;
}

static void the_search_finds_what_is_there(void **state)
{
        char text[NEEDLE_BYTES + 1], *on_the_heap;
        Needle needle;

        fill_secret(text, &needle);
        assert_int_equal(count_in_memory(&needle), 1);
        on_the_heap = mem_strdup(text);
        assert_int_equal(count_in_memory(&needle), 2);
        secret_wipe(on_the_heap, NEEDLE_BYTES);
        mem_free(on_the_heap);
        secret_wipe(text, sizeof(text));
        assert_int_equal(count_in_memory(&needle), 0);
}

static void a_freed_secret_is_gone(void **state)
{
        char text[NEEDLE_BYTES + 1];
        Secret *s = NULL;
        Needle needle;

        fill_secret(text, &needle);
        assert_int_equal(secret_copy(text, NEEDLE_BYTES, &s), 0);
        secret_wipe(text, sizeof(text));
        assert_int_equal(count_in_memory(&needle), 1);
        secret_free(s);
        assert_int_equal(count_in_memory(&needle), 0);
}

static void nothing_of_user_and_password_stays_behind(void **state)
{
        char user[NEEDLE_BYTES + 1], password[NEEDLE_BYTES + 1];
        uint8_t *sealed = NULL, *resealed = NULL;
        Vault *v = rig_vault(*state, NULL);
        Needle user_needle, password_needle;
        uint32_t bytes, resealed_bytes;
        Credential c = {0};
        bool made;

        fill_secret(user, &user_needle);
        fill_secret(password, &password_needle);
        assert_int_equal(rig_seal(v, &RIG_SLOT, user, password, &sealed, &bytes), 0);
        secret_wipe(user, sizeof(user));
        secret_wipe(password, sizeof(password));
        assert_int_equal(count_in_memory(&user_needle), 0);
        assert_int_equal(count_in_memory(&password_needle), 0);

        assert_int_equal(vault_open(v, &RIG_SLOT, sealed, bytes, &c), 0);
        assert_int_equal(count_in_memory(&user_needle), 1);
        assert_int_equal(count_in_memory(&password_needle), 1);
        credential_done(&c);
        assert_int_equal(vault_port(v).rekey_begin(v, &made), 0);
        assert_int_equal(
                vault_port(v).reseal(v, &RIG_SLOT, sealed, bytes, &resealed, &resealed_bytes), 0);
        assert_int_equal(count_in_memory(&user_needle), 0);
        assert_int_equal(count_in_memory(&password_needle), 0);
        mem_free(sealed);
        mem_free(resealed);
        vault_free(v);
}

static void key_needle(const char *dir, Needle *raw, Needle *text)
{
        RigPath path;
        char digits[64], pair[3] = "";
        int fd = open(rig_path(path, dir, "vault.key"), O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(read(fd, digits, sizeof(digits)), sizeof(digits));
        assert_int_equal(close(fd), 0);
        for (int i = 0; i < KEY_PART_BYTES; i++) {
                memcpy(pair, digits + 2 * i, 2);
                raw->inverted[i] = (uint8_t) ~strtoul(pair, NULL, 16);
                text->inverted[i] = (uint8_t) ~digits[i];
        }
        raw->len = text->len = KEY_PART_BYTES;
        secret_wipe(digits, sizeof(digits));
}

/* Half a key is looked for: the half that some register may have been saved with. */
static void the_key_is_in_memory_only_while_it_is_used(void **state)
{
        Vault *v = rig_vault(*state, NULL);
        uint8_t *sealed = NULL;
        Credential c = {0};
        Needle raw, text;
        uint32_t bytes;

        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes), 0);
        key_needle(*state, &raw, &text);
        assert_int_equal(count_in_memory(&raw), 0);
        assert_int_equal(count_in_memory(&text), 0);
        assert_int_equal(vault_open(v, &RIG_SLOT, sealed, bytes, &c), 0);
        assert_int_equal(count_in_memory(&raw), 0);
        assert_int_equal(count_in_memory(&text), 0);
        credential_done(&c);
        mem_free(sealed);
        vault_free(v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_search_finds_what_is_there),
                cmocka_unit_test(a_freed_secret_is_gone),
                rig_test(nothing_of_user_and_password_stays_behind),
                rig_test(the_key_is_in_memory_only_while_it_is_used),
        };

        return cmocka_run_group_tests_name("vault memory", tests, NULL, NULL);
}
