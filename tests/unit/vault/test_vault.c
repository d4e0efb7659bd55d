/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "vault_rig.h"

static void the_key_is_made_by_the_first_seal_only(void **state)
{
        Vault *v = rig_vault(*state, NULL);
        VaultPort port = vault_port(v);
        uint8_t *sealed = NULL, *again = NULL, nothing[VAULT_SEALED_BYTES_MIN] = {1};
        bool pending = true, made = true;
        Credential c = {0};
        uint32_t bytes;

        assert_string_equal(port.why(port.ctx), "");
        assert_int_equal(port.rekey_pending(port.ctx, &pending), 0);
        assert_false(pending);
        assert_int_equal(vault_open(v, &RIG_SLOT, nothing, sizeof(nothing), &c), VAULT_KEY_LOST);
        assert_int_equal(port.reseal(port.ctx, &RIG_SLOT, nothing, sizeof(nothing), &again, &bytes),
                         VAULT_KEY_LOST);
        assert_int_equal(port.rekey_begin(port.ctx, &made), 0);
        assert_false(made);
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", NULL, &sealed, &bytes), -EINVAL);
        assert_false(rig_has(*state, "vault.key"));
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes), 0);
        assert_true(rig_has(*state, "vault.key"));
        rig_assert_opens(v, &RIG_SLOT, sealed, bytes, "user", "password");
        assert_int_equal(port.reseal(port.ctx, &RIG_SLOT, sealed, bytes, &again, &bytes),
                         VAULT_UNCHANGED);
        assert_null(again);
        mem_free(sealed);
        vault_free(v);
}

static void what_is_sealed_opens_in_the_next_life(void **state)
{
        Vault *v = rig_vault(*state, NULL);
        uint8_t *sealed = NULL, *implicit = NULL;
        uint32_t bytes, implicit_bytes;

        assert_int_equal(rig_seal(v, &RIG_SLOT, "jos\xc3\xa9", "", &sealed, &bytes), 0);
        assert_int_equal(rig_seal(v, &RIG_SLOT, NULL, NULL, &implicit, &implicit_bytes), 0);
        vault_free(v);
        v = rig_vault(*state, NULL);
        rig_assert_opens(v, &RIG_SLOT, sealed, bytes, "jos\xc3\xa9", "");
        rig_assert_opens(v, &RIG_SLOT, implicit, implicit_bytes, NULL, NULL);
        mem_free(sealed);
        mem_free(implicit);
        vault_free(v);
}

static void a_handed_key_makes_no_file(void **state)
{
        uint8_t *sealed = NULL;
        Vault *v, *other;
        Credential c = {0};
        uint32_t bytes;
        RigPath dir;

        assert_int_equal(mkdir(rig_path(dir, *state, "handed"), 0700), 0);
        rig_write_key(dir, "bitsd-vault-key", HEX_KEY_A);
        v = rig_vault(*state, dir);
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes), 0);
        rig_assert_opens(v, &RIG_SLOT, sealed, bytes, "user", "password");
        assert_false(rig_has(*state, "vault.key"));
        /* The directory of the credentials is only looked into when it was named. */
        other = rig_vault(*state, NULL);
        assert_int_equal(vault_open(other, &RIG_SLOT, sealed, bytes, &c), VAULT_KEY_LOST);
        vault_free(other);
        mem_free(sealed);
        vault_free(v);
}

static void a_lost_key_is_said_and_heals_when_it_comes_back(void **state)
{
        uint8_t *sealed = NULL, *newer = NULL;
        Vault *v = rig_vault(*state, NULL);
        RigPath from, to;
        Credential c = {0};
        uint32_t bytes, newer_bytes;
        char id[16];

        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes), 0);
        assert_int_equal(rename(rig_path(from, *state, "vault.key"), rig_path(to, *state, "safe")),
                         0);
        assert_int_equal(vault_open(v, &RIG_SLOT, sealed, bytes, &c), VAULT_KEY_LOST);
        (void) snprintf(id, sizeof(id), "%02x%02x%02x%02x", sealed[1], sealed[2], sealed[3],
                        sealed[4]);
        assert_non_null(strstr(vault_why(v), id));
        /* New credentials can be set all the same, with a new key. */
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "other", &newer, &newer_bytes), 0);
        rig_assert_opens(v, &RIG_SLOT, newer, newer_bytes, "user", "other");
        assert_int_equal(vault_open(v, &RIG_SLOT, sealed, bytes, &c), VAULT_KEY_LOST);
        assert_int_equal(rename(to, from), 0);
        rig_assert_opens(v, &RIG_SLOT, sealed, bytes, "user", "password");
        mem_free(sealed);
        mem_free(newer);
        vault_free(v);
}

static void a_refused_key_is_said_and_heals_when_it_is_mended(void **state)
{
        uint8_t *sealed = NULL, *none = NULL;
        Vault *v = rig_vault(*state, NULL);
        VaultPort port = vault_port(v);
        bool flag = true;
        Credential c = {0};
        uint32_t bytes, n = 0;
        RigPath path;

        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes), 0);
        assert_int_equal(chmod(rig_path(path, *state, "vault.key"), 0640), 0);
        assert_int_equal(vault_open(v, &RIG_SLOT, sealed, bytes, &c), VAULT_KEY_REFUSED);
        assert_non_null(strstr(vault_why(v), "vault.key: it is open to others (mode 0640)"));
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "x", &none, &n), VAULT_KEY_REFUSED);
        assert_int_equal(port.reseal(v, &RIG_SLOT, sealed, bytes, &none, &n), VAULT_KEY_REFUSED);
        assert_int_equal(port.rekey_begin(v, &flag), VAULT_KEY_REFUSED);
        assert_int_equal(port.rekey_end(v), VAULT_KEY_REFUSED);
        assert_int_equal(port.rekey_pending(v, &flag), VAULT_KEY_REFUSED);
        assert_true(flag && !none && n == 0);
        assert_non_null(strstr(port.why(v), "vault.key: it is open to others (mode 0640)"));
        assert_int_equal(chmod(path, 0600), 0);
        rig_assert_opens(v, &RIG_SLOT, sealed, bytes, "user", "password");
        mem_free(sealed);
        vault_free(v);
}

static void damage_is_said_in_words_without_the_secret(void **state)
{
        uint8_t *sealed = NULL, *none = NULL;
        Vault *v = rig_vault(*state, NULL);
        VaultSlot other = RIG_SLOT;
        Credential c = {0};
        uint32_t bytes, n;

        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "s3cr3t", &sealed, &bytes), 0);
        other.scheme = BG_AUTH_SCHEME_DIGEST;
        assert_int_equal(vault_open(v, &other, sealed, bytes, &c), -EBADMSG);
        assert_string_equal(vault_why(v), "credentials: damaged, or of another slot");
        for (uint32_t i = 0; i < bytes; i++) {
                int r;

                sealed[i] ^= 0x40;
                r = vault_open(v, &RIG_SLOT, sealed, bytes, &c);
                assert_int_equal(r, i >= 1 && i <= 16 ? VAULT_KEY_LOST : -EBADMSG);
                assert_int_equal(vault_port(v).reseal(v, &RIG_SLOT, sealed, bytes, &none, &n), r);
                assert_string_not_equal(vault_why(v), "");
                assert_null(strstr(vault_why(v), "s3cr3t"));
                sealed[i] ^= 0x40;
        }
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "s3cr3t\xff", &none, &n), -EILSEQ);
        assert_null(strstr(vault_why(v), "s3cr3t"));
        assert_true(!c.user && !c.password && !none);
        mem_free(sealed);
        vault_free(v);
}

/* Without a directory the key lives as long as the vault. */
static void where_nothing_is_kept_nothing_is_written(void **state)
{
        Vault *v = rig_vault(NULL, NULL), *other = rig_vault(NULL, NULL);
        VaultPort port = vault_port(v);
        uint8_t *sealed = NULL, *second = NULL;
        uint32_t bytes, second_bytes;
        bool flag = true;
        Credential c = {0};

        faults_arm(1, FAULT_ERROR, EIO);
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes), 0);
        assert_int_equal(rig_seal(v, &RIG_SLOT, "user", "again", &second, &second_bytes), 0);
        assert_memory_equal(sealed + 1, second + 1, 16); /* one key for both */
        rig_assert_opens(v, &RIG_SLOT, sealed, bytes, "user", "password");
        assert_int_equal(port.rekey_begin(v, &flag), 0);
        assert_false(flag);
        assert_int_equal(port.rekey_end(v), 0);
        assert_int_equal(port.rekey_pending(v, &flag), 0);
        assert_false(flag);
        assert_false(faults_struck());
        assert_int_equal(vault_open(other, &RIG_SLOT, sealed, bytes, &c), VAULT_KEY_LOST);
        mem_free(sealed);
        mem_free(second);
        vault_free(other);
        vault_free(v);
}

static void relative_places_are_refused(void **state)
{
        Vault *v = NULL;

        assert_int_equal(vault_new("state", NULL, 0, &v), -EINVAL);
        assert_int_equal(vault_new("/state", "handed", 0, &v), -EINVAL);
        assert_int_equal(vault_new("/state", "", 0, &v), -EINVAL);
        assert_null(v);
        assert_null(vault_free(NULL));
}

/* A key that cannot be hardened seals nothing: after a power cut the blob might be there and the
 * key not. One that somebody else wrote is hardened once as well. */
static void nothing_is_sealed_before_its_key_is_on_disk(void **state)
{
        uint8_t *sealed = NULL;
        Vault *v = rig_vault(*state, NULL);
        uint32_t bytes;

        rig_write_key(*state, "vault.key", HEX_KEY_A);
        for (unsigned n = 1; n <= 2; n++) {
                faults_arm(n, FAULT_ERROR, EIO);
                assert_int_equal(rig_seal(v, &RIG_SLOT, "u", "p", &sealed, &bytes), -EIO);
                assert_null(sealed);
                assert_non_null(strstr(vault_why(v), "vault.key: Input/output error"));
        }
        faults_arm(0, FAULT_ERROR, 0);
        assert_int_equal(rig_seal(v, &RIG_SLOT, "u", "p", &sealed, &bytes), 0);
        assert_string_equal(faults_trace(), "fsync fsync ");
        mem_free(sealed);
        faults_arm(0, FAULT_ERROR, 0);
        assert_int_equal(rig_seal(v, &RIG_SLOT, "u", "p", &sealed, &bytes), 0);
        assert_string_equal(faults_trace(), "");
        mem_free(sealed);
        /* Another one in its place is another one to harden. */
        rig_write_key(*state, "vault.key", HEX_KEY_B);
        faults_arm(0, FAULT_ERROR, 0);
        assert_int_equal(rig_seal(v, &RIG_SLOT, "u", "p", &sealed, &bytes), 0);
        assert_string_equal(faults_trace(), "fsync fsync ");
        mem_free(sealed);
        vault_free(v);
}

static void any_call_of_the_first_seal_may_fail(void **state)
{
        Vault *v = rig_vault(*state, NULL);
        bool struck = true;

        for (unsigned n = 1; struck; n++) {
                uint8_t *sealed = NULL;
                uint32_t bytes;
                int r;

                faults_arm(n, FAULT_ERROR, EDQUOT);
                r = rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes);
                struck = faults_struck();
                faults_arm(0, FAULT_ERROR, 0);
                assert_int_equal(r, struck ? -EDQUOT : 0);
                assert_true(!sealed == struck);
                mem_free(sealed);
        }
        vault_free(v);
}

/* A whole life: 0 or -ENOMEM. */
static int live(const char *dir)
{
        _cleanup_(vault_freep) Vault *v = NULL;
        _cleanup_(credential_done) Credential c = {0};
        _cleanup_free_ uint8_t *sealed = NULL;
        _cleanup_free_ uint8_t *resealed = NULL;
        uint32_t bytes, resealed_bytes;
        bool made;
        int r = vault_new(dir, dir, geteuid(), &v);

        if (r == 0)
                r = rig_seal(v, &RIG_SLOT, "user", "password", &sealed, &bytes);
        if (r == 0)
                r = vault_open(v, &RIG_SLOT, sealed, bytes, &c);
        if (r == 0)
                r = vault_port(v).rekey_begin(v, &made);
        if (r == 0)
                r = vault_port(v).reseal(v, &RIG_SLOT, sealed, bytes, &resealed, &resealed_bytes);
        if (r == 0)
                r = vault_port(v).rekey_end(v);
        if (v && r < 0)
                assert_string_not_equal(vault_why(v), "");
        return r;
}

static void clean(const char *dir)
{
        if (rig_has(dir, "vault.key"))
                rig_remove_file(dir, "vault.key");
        if (rig_has(dir, "vault.key.new"))
                rig_remove_file(dir, "vault.key.new");
}

static void every_allocation_may_fail(void **state)
{
        bool struck = true;
        unsigned n;
        int r;

        for (n = 1; struck; n++) {
                mem_fail_nth(n);
                r = live(*state);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                clean(*state);
        }
        assert_in_range(n, 20, 1000);
        struck = true;
        for (n = 1; struck; n++) {
                faults_arm_memory(n);
                r = live(*state);
                struck = faults_memory_struck();
                faults_arm_memory(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                clean(*state);
        }
        assert_in_range(n, 20, 1000);
}

static void a_vault_in_memory_survives_failing_allocations_too(void **state)
{
        bool struck = true;

        for (unsigned n = 1; struck; n++) {
                int r;

                faults_arm_memory(n);
                r = live(NULL);
                struck = faults_memory_struck();
                faults_arm_memory(0);
                assert_int_equal(r, struck ? -ENOMEM : VAULT_UNCHANGED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(the_key_is_made_by_the_first_seal_only),
                rig_test(what_is_sealed_opens_in_the_next_life),
                rig_test(a_handed_key_makes_no_file),
                rig_test(a_lost_key_is_said_and_heals_when_it_comes_back),
                rig_test(a_refused_key_is_said_and_heals_when_it_is_mended),
                rig_test(damage_is_said_in_words_without_the_secret),
                rig_test(where_nothing_is_kept_nothing_is_written),
                rig_test(relative_places_are_refused),
                rig_test(nothing_is_sealed_before_its_key_is_on_disk),
                rig_test(any_call_of_the_first_seal_may_fail),
                rig_test(every_allocation_may_fail),
                rig_test(a_vault_in_memory_survives_failing_allocations_too),
        };

        return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
