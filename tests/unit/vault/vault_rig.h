/* SPDX-License-Identifier: Apache-2.0 */
/* A private directory for each test (*state is its path), files in it, slots and vaults. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "bits_enums.h"
#include "engine/port/vault.h"
#include "vault/vault.h"

#include "faulty_calls.h"

#define HEX_KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX_KEY_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

typedef char RigPath[256];

static const VaultSlot RIG_SLOT = {
        .job = {0x12345678, 0x1234, 0x4321, {1, 2, 3, 4, 5, 6, 7, 8}},
        .target = BG_AUTH_TARGET_SERVER,
        .scheme = BG_AUTH_SCHEME_BASIC,
};

static inline int rig_remove_entry(const char *path, const struct stat *st, int kind,
                                   struct FTW *walk)
{
        return remove(path);
}

static inline int rig_make(void **state)
{
        char *dir = mem_strdup("/tmp/test-vault-XXXXXX");

        faults_arm(0, FAULT_ERROR, 0);
        *state = dir ? mkdtemp(dir) : NULL;
        return *state ? 0 : -1;
}

static inline int rig_remove(void **state)
{
        int r = nftw(*state, rig_remove_entry, 8, FTW_DEPTH | FTW_PHYS);

        mem_free(*state);
        return r;
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, rig_make, rig_remove)

static inline const char *rig_path(RigPath path, const char *dir, const char *leaf)
{
        assert_in_range(snprintf(path, sizeof(RigPath), "%s/%s", dir, leaf), 1,
                        sizeof(RigPath) - 1);
        return path;
}

static inline bool rig_has(const char *dir, const char *leaf)
{
        struct stat st;
        RigPath path;

        return lstat(rig_path(path, dir, leaf), &st) == 0;
}

static inline void rig_write(const char *dir, const char *leaf, const void *data, size_t bytes,
                             mode_t mode)
{
        RigPath path;
        int fd;

        (void) unlink(rig_path(path, dir, leaf));
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, bytes), bytes);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(close(fd), 0);
}

static inline void rig_write_key(const char *dir, const char *leaf, const char *hex)
{
        rig_write(dir, leaf, hex, strlen(hex), 0600);
}

static inline void rig_remove_file(const char *dir, const char *leaf)
{
        RigPath path;

        assert_int_equal(unlink(rig_path(path, dir, leaf)), 0);
}

static inline Vault *rig_vault(const char *state_dir, const char *credentials_dir)
{
        Vault *v = NULL;

        assert_int_equal(vault_new(state_dir, credentials_dir, geteuid(), &v), 0);
        return v;
}

static inline int rig_seal(Vault *v, const VaultSlot *slot, const char *user, const char *password,
                           uint8_t **ret, uint32_t *ret_bytes)
{
        VaultPort port = vault_port(v);

        return port.seal(port.ctx, slot, user, password, ret, ret_bytes);
}

/* Opens and compares; NULL and NULL for implicit ones. */
static inline void rig_assert_opens(Vault *v, const VaultSlot *slot, const uint8_t *sealed,
                                    uint32_t sealed_bytes, const char *user, const char *password)
{
        Credential c = {0};

        assert_int_equal(vault_open(v, slot, sealed, sealed_bytes, &c), 0);
        assert_string_equal(vault_why(v), "");
        if (user) {
                assert_string_equal(secret_text(c.user), user);
                assert_int_equal(secret_len_bytes(c.user), strlen(user));
                assert_string_equal(secret_text(c.password), password);
                assert_int_equal(secret_len_bytes(c.password), strlen(password));
        } else {
                assert_null(c.user);
                assert_null(c.password);
        }
        credential_done(&c);
}
