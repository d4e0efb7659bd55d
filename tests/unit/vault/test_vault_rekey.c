/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the key over a small queue of blobs, with everything that may go wrong in it. The
 * queue is one file, replaced as a whole: the store's transaction. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>

#include "base/fd.h"

#include "vault_rig.h"

enum { BLOBS = 3, BLOB_BYTES = VAULT_SEALED_BYTES_MIN };

typedef struct Queue {
        uint8_t blobs[BLOBS][BLOB_BYTES]; /* as long as the shortest, by short passwords */
} Queue;

static VaultSlot slot_of(int i)
{
        VaultSlot slot = RIG_SLOT;

        slot.scheme = (uint32_t) i + 1;
        return slot;
}

static void password_of(int i, char text[16])
{
        (void) snprintf(text, 16, "password %d", i);
}

static int queue_save(const char *dir, const Queue *q)
{
        RigPath part, whole;
        int r, fd = openat(AT_FDCWD, rig_path(part, dir, "queue.part"),
                           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, q, sizeof(*q));
        (void) close(fd);
        if (r == 0 && renameat(AT_FDCWD, part, AT_FDCWD, rig_path(whole, dir, "queue")) < 0)
                r = -errno;
        return r;
}

static void queue_load(const char *dir, Queue *q)
{
        RigPath path;
        int fd = open(rig_path(path, dir, "queue"), O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(read(fd, q, sizeof(*q)), sizeof(*q));
        assert_int_equal(close(fd), 0);
}

static void queue_fill(const char *dir)
{
        Vault *v = rig_vault(dir, NULL);
        Queue q;

        for (int i = 0; i < BLOBS; i++) {
                VaultSlot slot = slot_of(i);
                uint8_t *sealed = NULL;
                char password[16];
                uint32_t bytes;

                password_of(i, password);
                assert_int_equal(rig_seal(v, &slot, "user", password, &sealed, &bytes), 0);
                assert_int_equal(bytes, BLOB_BYTES);
                memcpy(q.blobs[i], sealed, bytes);
                mem_free(sealed);
        }
        assert_int_equal(queue_save(dir, &q), 0);
        vault_free(v);
}

static void assert_all_open(const char *dir)
{
        Vault *v = rig_vault(dir, NULL);
        Queue q;

        queue_load(dir, &q);
        for (int i = 0; i < BLOBS; i++) {
                VaultSlot slot = slot_of(i);
                char password[16];

                password_of(i, password);
                rig_assert_opens(v, &slot, q.blobs[i], BLOB_BYTES, "user", password);
        }
        vault_free(v);
}

static bool is_pending(const char *dir)
{
        Vault *v = rig_vault(dir, NULL);
        bool pending = false;

        assert_int_equal(vault_port(v).rekey_pending(v, &pending), 0);
        vault_free(v);
        return pending;
}

/* What the daemon does; 0 or negative errno. */
static int change_key(const char *dir)
{
        _cleanup_(vault_freep) Vault *v = rig_vault(dir, NULL);
        VaultPort port = vault_port(v);
        bool made;
        Queue q;
        int r;

        queue_load(dir, &q);
        r = port.rekey_begin(v, &made);
        for (int i = 0; r == 0 && i < BLOBS; i++) {
                VaultSlot slot = slot_of(i);
                uint8_t *sealed = NULL;
                uint32_t bytes;

                r = port.reseal(v, &slot, q.blobs[i], BLOB_BYTES, &sealed, &bytes);
                if (r == 0)
                        memcpy(q.blobs[i], sealed, BLOB_BYTES);
                mem_free(sealed);
                r = r == VAULT_UNCHANGED ? 0 : r;
        }
        if (r == 0)
                r = queue_save(dir, &q);
        return r == 0 ? port.rekey_end(v) : r;
}

static void first_key_id(const char *dir, uint8_t id[16])
{
        Queue q;

        queue_load(dir, &q);
        memcpy(id, q.blobs[0] + 1, 16);
}

static void assert_settled(const char *dir, const uint8_t old_id[16])
{
        uint8_t id[16];

        assert_false(is_pending(dir));
        assert_false(rig_has(dir, "vault.key.new"));
        assert_true(rig_has(dir, "vault.key"));
        assert_all_open(dir);
        first_key_id(dir, id);
        assert_memory_not_equal(id, old_id, 16);
}

static void everything_opens_with_the_new_key_and_nothing_with_the_old(void **state)
{
        uint8_t old_id[16];
        Credential c = {0};
        VaultSlot slot = slot_of(0);
        Vault *v;
        Queue q;

        queue_fill(*state);
        first_key_id(*state, old_id);
        queue_load(*state, &q);
        assert_int_equal(change_key(*state), 0);
        assert_settled(*state, old_id);
        v = rig_vault(*state, NULL);
        assert_int_equal(vault_open(v, &slot, q.blobs[0], BLOB_BYTES, &c), VAULT_KEY_LOST);
        vault_free(v);
        first_key_id(*state, old_id);
        assert_int_equal(change_key(*state), 0); /* and again */
        assert_settled(*state, old_id);
}

static void a_seal_during_a_change_takes_the_new_key(void **state)
{
        Vault *v;
        VaultPort port;
        VaultSlot slot = slot_of(0);
        uint8_t *sealed = NULL, old_id[16];
        uint32_t bytes;
        bool made;
        Queue q;

        queue_fill(*state);
        first_key_id(*state, old_id);
        v = rig_vault(*state, NULL);
        port = vault_port(v);
        assert_int_equal(port.rekey_begin(v, &made), 0);
        assert_true(made);
        assert_all_open(*state);
        assert_int_equal(port.seal(v, &slot, "user", "password 0", &sealed, &bytes), 0);
        assert_memory_not_equal(sealed + 1, old_id, 16);
        queue_load(*state, &q);
        memcpy(q.blobs[0], sealed, BLOB_BYTES);
        assert_int_equal(queue_save(*state, &q), 0);
        mem_free(sealed);
        vault_free(v);
        assert_true(is_pending(*state)); /* the process died here */
        assert_int_equal(change_key(*state), 0);
        assert_settled(*state, old_id);
}

static void a_crash_anywhere_loses_nothing_and_is_finished_later(void **state)
{
        unsigned n, crashes = 0;

        for (n = 1;; n++) {
                uint8_t old_id[16];
                int status;
                pid_t pid;

                queue_fill(*state);
                first_key_id(*state, old_id);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        faults_arm(n, FAULT_CRASH, 0);
                        _exit(change_key(*state) == 0 ? 0 : 1);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status));
                assert_all_open(*state);
                if (WEXITSTATUS(status) == 0)
                        break;
                assert_int_equal(WEXITSTATUS(status), CRASH_STATUS);
                crashes++;
                /* Twice dead at the same point is no worse. */
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        faults_arm(n, FAULT_CRASH, 0);
                        _exit(!is_pending(*state) || change_key(*state) == 0 ? 0 : 1);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_all_open(*state);
                if (is_pending(*state)) {
                        assert_int_equal(change_key(*state), 0);
                        assert_settled(*state, old_id);
                }
        }
        assert_in_range(crashes, 10, 100);
}

static void any_call_may_fail_and_is_tried_again(void **state)
{
        bool struck = true;

        for (unsigned n = 1; struck; n++) {
                uint8_t old_id[16];
                int r;

                queue_fill(*state);
                first_key_id(*state, old_id);
                faults_arm(n, FAULT_ERROR, ENOSPC);
                r = change_key(*state);
                struck = faults_struck();
                faults_arm(0, FAULT_ERROR, 0);
                assert_int_equal(r, struck ? -ENOSPC : 0);
                assert_all_open(*state);
                assert_int_equal(change_key(*state), 0);
                assert_settled(*state, old_id);
        }
}

/* From the file to a handed key, and from that to the next. */
static void a_change_to_a_handed_key_takes_all_along(void **state)
{
        RigPath dir;
        uint8_t *sealed = NULL, *resealed = NULL;
        uint32_t bytes;
        VaultSlot slot = RIG_SLOT;
        Credential c = {0};
        bool flag = true;
        Vault *v;

        v = rig_vault(*state, rig_path(dir, *state, "handed"));
        assert_int_equal(rig_seal(v, &slot, "user", "password", &sealed, &bytes), 0);
        assert_int_equal(mkdir(dir, 0700), 0);
        rig_write_key(dir, "bitsd-vault-key", HEX_KEY_A);
        assert_int_equal(vault_port(v).rekey_pending(v, &flag), 0);
        assert_true(flag);
        assert_int_equal(vault_port(v).rekey_begin(v, &flag), 0);
        assert_false(flag);
        assert_int_equal(vault_port(v).reseal(v, &slot, sealed, bytes, &resealed, &bytes), 0);
        assert_int_equal(vault_port(v).rekey_end(v), 0);
        assert_false(rig_has(*state, "vault.key"));
        assert_int_equal(vault_open(v, &slot, sealed, bytes, &c), VAULT_KEY_LOST);
        mem_free(sealed);
        sealed = TAKE_PTR(resealed);
        rig_assert_opens(v, &slot, sealed, bytes, "user", "password");

        rig_write_key(dir, "bitsd-vault-key", HEX_KEY_B);
        assert_int_equal(vault_open(v, &slot, sealed, bytes, &c), VAULT_KEY_LOST);
        rig_write_key(dir, "bitsd-vault-key-previous", HEX_KEY_A);
        assert_int_equal(vault_port(v).reseal(v, &slot, sealed, bytes, &resealed, &bytes), 0);
        rig_remove_file(dir, "bitsd-vault-key-previous");
        rig_assert_opens(v, &slot, resealed, bytes, "user", "password");
        mem_free(sealed);
        mem_free(resealed);
        vault_free(v);
}

static void implicit_ones_are_taken_along(void **state)
{
        uint8_t *sealed = NULL, *resealed = NULL;
        Vault *v = rig_vault(*state, NULL);
        uint32_t bytes;
        bool made;

        assert_int_equal(rig_seal(v, &RIG_SLOT, NULL, NULL, &sealed, &bytes), 0);
        assert_int_equal(vault_port(v).rekey_begin(v, &made), 0);
        assert_int_equal(vault_port(v).reseal(v, &RIG_SLOT, sealed, bytes, &resealed, &bytes), 0);
        rig_assert_opens(v, &RIG_SLOT, resealed, bytes, NULL, NULL);
        mem_free(sealed);
        mem_free(resealed);
        vault_free(v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(everything_opens_with_the_new_key_and_nothing_with_the_old),
                rig_test(a_seal_during_a_change_takes_the_new_key),
                rig_test(a_crash_anywhere_loses_nothing_and_is_finished_later),
                rig_test(any_call_may_fail_and_is_tried_again),
                rig_test(a_change_to_a_handed_key_takes_all_along),
                rig_test(implicit_ones_are_taken_along),
        };

        return cmocka_run_group_tests_name("vault rekey", tests, NULL, NULL);
}
