/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "vault/key_ring.h"

#include "vault_rig.h"

#define HEX_KEY_C "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX_KEY_D "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

typedef struct Places {
        RigPath state, credentials;
        KeyPlaces places;
} Places;

static VaultWhy why;

static const KeyPlaces *two_dirs(Places *p, const char *dir)
{
        (void) mkdir(rig_path(p->state, dir, "state"), 0700);
        (void) mkdir(rig_path(p->credentials, dir, "credentials"), 0700);
        p->places = (KeyPlaces){p->state, p->credentials, geteuid()};
        return &p->places;
}

/* The ring must hold these keys in this order. */
static void assert_ring(const KeyPlaces *places, const char *sealing_leaf, bool changing, ...)
{
        KeyRing ring = {0};
        const char *hex;
        unsigned i = 0;
        va_list ap;

        assert_int_equal(key_ring_load(places, &ring, &why), 0);
        va_start(ap, changing);
        for (; (hex = va_arg(ap, const char *)); i++) {
                Secret *text = NULL;

                assert_true(i < ring.len);
                assert_int_equal(vault_key_format(&ring.keys[i], &text), 0);
                assert_memory_equal(secret_text(text), hex, 64);
                assert_ptr_equal(key_ring_find(&ring, ring.keys[i].id), &ring.keys[i]);
                secret_free(text);
        }
        va_end(ap);
        assert_int_equal(ring.len, i);
        if (sealing_leaf)
                assert_string_equal(ring.sealing_leaf, sealing_leaf);
        else
                assert_null(ring.sealing_leaf);
        assert_true(key_ring_is_changing(&ring) == changing);
        key_ring_done(&ring);
}

static void without_any_place_or_file_there_is_no_key(void **state)
{
        KeyPlaces nowhere = {NULL, NULL, geteuid()};
        KeyPlaces missing = {(char *) "/nonexistent/a", (char *) "/nonexistent/b", geteuid()};
        Places p;

        assert_ring(two_dirs(&p, *state), NULL, false, NULL);
        assert_ring(&nowhere, NULL, false, NULL);
        assert_ring(&missing, NULL, false, NULL);
}

static void a_handed_key_comes_first_and_all_others_open(void **state)
{
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        rig_write_key(p.state, "vault.key", HEX_KEY_A);
        assert_ring(places, "vault.key", false, HEX_KEY_A, NULL);
        rig_write_key(p.state, "vault.key.new", HEX_KEY_B);
        assert_ring(places, "vault.key.new", true, HEX_KEY_B, HEX_KEY_A, NULL);
        rig_write_key(p.credentials, "bitsd-vault-key-previous", HEX_KEY_C);
        assert_ring(places, "vault.key.new", true, HEX_KEY_B, HEX_KEY_A, NULL);
        rig_write_key(p.credentials, "bitsd-vault-key", HEX_KEY_D);
        assert_ring(places, NULL, true, HEX_KEY_D, HEX_KEY_C, HEX_KEY_B, HEX_KEY_A, NULL);
        rig_remove_file(p.credentials, "bitsd-vault-key-previous");
        rig_remove_file(p.state, "vault.key.new");
        rig_remove_file(p.state, "vault.key");
        assert_ring(places, NULL, false, HEX_KEY_D, NULL);
}

static void the_same_key_twice_is_one(void **state)
{
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        rig_write_key(p.state, "vault.key", HEX_KEY_A);
        rig_write_key(p.state, "vault.key.new", HEX_KEY_A);
        assert_ring(places, "vault.key.new", true, HEX_KEY_A, NULL);
        rig_write_key(p.credentials, "bitsd-vault-key", HEX_KEY_A "\n");
        assert_ring(places, NULL, false, HEX_KEY_A, NULL);
}

static void one_bad_file_spoils_the_ring(void **state)
{
        static const char *const leaves[][2] = {
                {"credentials", "bitsd-vault-key"},
                {"credentials", "bitsd-vault-key-previous"},
                {"state", "vault.key.new"},
                {"state", "vault.key"},
        };

        for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
                KeyRing ring = {0};
                RigPath dir;
                Places p;
                const KeyPlaces *places = two_dirs(&p, *state);

                rig_write_key(p.credentials, "bitsd-vault-key", HEX_KEY_A);
                rig_write_key(p.credentials, "bitsd-vault-key-previous", HEX_KEY_B);
                rig_write_key(p.state, "vault.key.new", HEX_KEY_C);
                rig_write_key(p.state, "vault.key", HEX_KEY_D);
                rig_write(rig_path(dir, *state, leaves[i][0]), leaves[i][1], "short", 5, 0600);
                assert_int_equal(key_ring_load(places, &ring, &why), KEY_FILE_REFUSED);
                assert_non_null(strstr(why.text, leaves[i][1]));
                assert_int_equal(ring.len, 0);
        }
}

static void a_change_goes_from_one_file_over_two_to_one(void **state)
{
        KeyRing before = {0}, between = {0}, after = {0};
        bool made = false;
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        assert_int_equal(key_ring_begin(places, &made, &why), 0);
        assert_false(made); /* no key, nothing to change */
        assert_int_equal(key_ring_end(places, &why), 0);
        assert_int_equal(key_ring_make_first(places, &why), 0);
        assert_int_equal(key_ring_load(places, &before, &why), 0);
        assert_int_equal(key_ring_end(places, &why), 0); /* none under way: nothing happens */
        assert_int_equal(key_ring_begin(places, &made, &why), 0);
        assert_true(made);
        assert_int_equal(key_ring_load(places, &between, &why), 0);
        assert_int_equal(between.len, 2);
        assert_true(key_ring_is_changing(&between));
        assert_true(secret_equal(between.keys[1].bytes, before.keys[0].bytes));
        assert_int_equal(key_ring_begin(places, &made, &why), 0);
        assert_false(made); /* never a third one */
        assert_int_equal(key_ring_end(places, &why), 0);
        assert_int_equal(key_ring_load(places, &after, &why), 0);
        assert_int_equal(after.len, 1);
        assert_string_equal(after.sealing_leaf, "vault.key");
        assert_true(secret_equal(after.keys[0].bytes, between.keys[0].bytes));
        assert_false(rig_has(p.state, "vault.key.new"));
        key_ring_done(&before);
        key_ring_done(&between);
        key_ring_done(&after);
}

static void an_end_hardens_the_new_name(void **state)
{
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        rig_write_key(p.state, "vault.key", HEX_KEY_A);
        rig_write_key(p.state, "vault.key.new", HEX_KEY_B);
        faults_arm(0, FAULT_ERROR, 0);
        assert_int_equal(key_ring_end(places, &why), 0);
        assert_string_equal(faults_trace(), "rename fsync ");
        assert_ring(places, "vault.key", false, HEX_KEY_B, NULL);
}

static void a_lone_new_key_is_put_in_its_place(void **state)
{
        bool made = true;
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        rig_write_key(p.state, "vault.key.new", HEX_KEY_A);
        assert_ring(places, "vault.key.new", true, HEX_KEY_A, NULL);
        assert_int_equal(key_ring_begin(places, &made, &why), 0);
        assert_false(made);
        assert_int_equal(key_ring_end(places, &why), 0);
        assert_ring(places, "vault.key", false, HEX_KEY_A, NULL);
}

static void once_a_key_is_handed_the_files_go(void **state)
{
        bool made = true;
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        rig_write_key(p.credentials, "bitsd-vault-key", HEX_KEY_A);
        rig_write_key(p.state, "vault.key", HEX_KEY_B);
        rig_write_key(p.state, "vault.key.new", HEX_KEY_C);
        assert_int_equal(key_ring_begin(places, &made, &why), 0);
        assert_false(made);
        assert_ring(places, NULL, true, HEX_KEY_A, HEX_KEY_C, HEX_KEY_B, NULL);
        assert_int_equal(key_ring_end(places, &why), 0);
        assert_ring(places, NULL, false, HEX_KEY_A, NULL);
        assert_false(rig_has(p.state, "vault.key"));
        assert_true(rig_has(p.credentials, "bitsd-vault-key"));
        /* Also without a state directory to look into. */
        assert_int_equal(rmdir(p.state), 0);
        assert_int_equal(key_ring_end(places, &why), 0);
}

static void nothing_is_made_where_there_is_no_directory(void **state)
{
        KeyRing ring = {.len = 1, .sealing_leaf = "vault.key"};
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        assert_int_equal(rmdir(p.state), 0);
        assert_int_equal(key_ring_make_first(places, &why), KEY_FILE_REFUSED);
        assert_non_null(strstr(why.text, "/state: there is no such directory"));
        p.places.state_dir = NULL;
        assert_int_equal(key_ring_make_first(places, &why), -ENOTDIR);
        p.places.state_dir = *state;
        assert_int_equal(key_ring_sync(places, &ring, &why), -EAGAIN); /* gone meanwhile */
}

static void a_handed_key_needs_no_sync(void **state)
{
        KeyRing ring = {0};
        Places p;
        const KeyPlaces *places = two_dirs(&p, *state);

        assert_int_equal(key_ring_sync(places, &ring, &why), 0);
        rig_write_key(p.credentials, "bitsd-vault-key", HEX_KEY_A);
        assert_int_equal(key_ring_load(places, &ring, &why), 0);
        faults_arm(1, FAULT_ERROR, EIO);
        assert_int_equal(key_ring_sync(places, &ring, &why), 0);
        assert_false(faults_struck());
        key_ring_done(&ring);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(without_any_place_or_file_there_is_no_key),
                rig_test(a_handed_key_comes_first_and_all_others_open),
                rig_test(the_same_key_twice_is_one),
                rig_test(one_bad_file_spoils_the_ring),
                rig_test(a_change_goes_from_one_file_over_two_to_one),
                rig_test(an_end_hardens_the_new_name),
                rig_test(a_lone_new_key_is_put_in_its_place),
                rig_test(once_a_key_is_handed_the_files_go),
                rig_test(nothing_is_made_where_there_is_no_directory),
                rig_test(a_handed_key_needs_no_sync),
        };

        return cmocka_run_group_tests_name("key ring", tests, NULL, NULL);
}
