/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "vault/key_file.h"

#include "vault_rig.h"

#define LEAF "vault.key"
#define PART "vault.key.part"
#define NOBODY 65534

static VaultWhy why;

static KeyDir open_dir(const char *path, uid_t uid, bool handed)
{
        KeyDir dir = {.fd = -1};

        assert_int_equal(key_dir_open(path, uid, handed, &dir, &why), 0);
        return dir;
}

/* The outcome of reading LEAF; the text in `why` when it is refused. */
static int read_as(const char *path, uid_t uid, bool handed)
{
        KeyDir dir = open_dir(path, uid, handed);
        VaultKey key = {0};
        int r;

        why.text[0] = '\0';
        r = key_file_read(&dir, LEAF, &key, &why);
        vault_key_done(&key);
        key_dir_close(&dir);
        return r;
}

static int read_leaf(const char *path)
{
        return read_as(path, geteuid(), false);
}

static void assert_refused(const char *path, const char *reason)
{
        RigPath file;

        assert_int_equal(read_leaf(path), KEY_FILE_REFUSED);
        assert_memory_equal(why.text, rig_path(file, path, LEAF), strlen(path) + sizeof(LEAF));
        assert_non_null(strstr(why.text, reason));
        assert_null(strstr(why.text, "0011")); /* nothing of the content */
}

static void a_missing_file_is_no_error(void **state)
{
        assert_int_equal(read_leaf(*state), KEY_FILE_NONE);
        assert_string_equal(why.text, "");
}

static void a_private_file_is_read(void **state)
{
        static const mode_t fine[] = {0600, 0400, 0700};

        for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
                rig_write(*state, LEAF, HEX_KEY_A, 64, fine[i]);
                assert_int_equal(read_leaf(*state), 0);
        }
}

static void a_file_open_to_others_is_refused(void **state)
{
        char text[16];

        for (mode_t bit = 1; bit <= 040; bit <<= 1) {
                rig_write(*state, LEAF, HEX_KEY_A, 64, 0600 | bit);
                (void) snprintf(text, sizeof(text), "mode %04o", 0600 | bit);
                assert_refused(*state, text);
        }
}

static void a_file_of_somebody_else_is_refused(void **state)
{
        char text[64];

        rig_write_key(*state, LEAF, HEX_KEY_A);
        assert_int_equal(read_as(*state, geteuid() + 7, false), KEY_FILE_REFUSED);
        (void) snprintf(text, sizeof(text), "belongs to user %u, not to us (%u)", geteuid(),
                        geteuid() + 7);
        assert_non_null(strstr(why.text, text));
}

static void a_handed_file_may_be_roots_and_readable_by_its_group(void **state)
{
        rig_write(*state, LEAF, HEX_KEY_A, 64, 0440);
        assert_int_equal(read_as(*state, geteuid(), true), 0);
        assert_int_equal(read_as(*state, geteuid() + 7, true),
                         geteuid() == 0 ? 0 : KEY_FILE_REFUSED);
        for (mode_t bit = 1; bit <= 020; bit <<= 1) {
                if (bit == 010)
                        continue;
                rig_write(*state, LEAF, HEX_KEY_A, 64, 0400 | bit);
                assert_int_equal(read_as(*state, geteuid(), true), KEY_FILE_REFUSED);
        }
}

static void a_link_is_refused_wherever_it_leads(void **state)
{
        RigPath file, target;

        rig_write_key(*state, "real.key", HEX_KEY_A);
        assert_int_equal(
                symlink(rig_path(target, *state, "real.key"), rig_path(file, *state, LEAF)), 0);
        assert_refused(*state, "symbolic link");
        assert_int_equal(unlink(target), 0);
        assert_refused(*state, "symbolic link");
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        RigPath file;
        int fd;

        assert_int_equal(mkdir(rig_path(file, *state, LEAF), 0700), 0);
        assert_refused(*state, "not a regular file");
        assert_int_equal(rmdir(file), 0);
        assert_int_equal(mkfifo(file, 0600), 0);
        assert_refused(*state, "not a regular file");
        assert_int_equal(unlink(file), 0);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", file);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_refused(*state, LEAF ": ");
        assert_int_equal(close(fd), 0);
}

static void short_and_long_files_are_refused(void **state)
{
        char big[4096];

        memset(big, 'a', sizeof(big));
        for (size_t n = 0; n < 70; n++) {
                if (n == 32 || n == 64)
                        continue;
                rig_write(*state, LEAF, big, n, 0600);
                assert_refused(*state, "it holds no key");
        }
        rig_write(*state, LEAF, big, sizeof(big), 0600);
        assert_refused(*state, "it holds no key");
        rig_write(*state, LEAF, HEX_KEY_A "\n ", 66, 0600);
        assert_refused(*state, "it holds no key");
}

static void read_unreadable_as_nobody(const char *path)
{
        KeyDir dir = {.fd = -1};
        VaultKey key;

        if (geteuid() == 0 && setuid(NOBODY) < 0)
                _exit(3);
        if (key_dir_open(path, geteuid(), false, &dir, &why) != 0 ||
            key_file_read(&dir, LEAF, &key, &why) != KEY_FILE_REFUSED ||
            !strstr(why.text, LEAF ": Permission denied"))
                _exit(4);
        key_dir_close(&dir);
        _exit(0);
}

static void an_unreadable_file_is_refused(void **state)
{
        int status;
        pid_t pid;

        rig_write(*state, LEAF, HEX_KEY_A, 64, 0);
        assert_int_equal(chmod(*state, 0755), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                read_unreadable_as_nobody(*state);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_directory_that_is_none_is_told_from_one_that_is_missing(void **state)
{
        KeyDir dir = {.fd = -1};
        RigPath path;

        assert_int_equal(key_dir_open(rig_path(path, *state, "nothing"), 0, false, &dir, &why),
                         KEY_FILE_NONE);
        rig_write_key(*state, "file", "x");
        assert_int_equal(key_dir_open(rig_path(path, *state, "file"), 0, false, &dir, &why),
                         KEY_FILE_REFUSED);
        assert_non_null(strstr(why.text, "/file: Not a directory"));
        assert_int_equal(dir.fd, -1);
}

static void a_hostile_path_is_shown_harmless(void **state)
{
        VaultWhy w = {0};
        char dir[5000];

        vault_why_set(&w, "/a\033[2J\xff", "l\n", "reason");
        assert_string_equal(w.text, "/a\\x1b[2J\\xff/l\\x0a: reason");
        memset(dir, 'x', sizeof(dir) - 1);
        dir[sizeof(dir) - 1] = '\0';
        vault_why_set(&w, dir, "leaf", "reason");
        assert_non_null(strstr(w.text, "x/leaf: reason"));
}

static int make_leaf(const char *path, VaultKey *ret_key)
{
        KeyDir dir = open_dir(path, geteuid(), false);
        VaultKey key = {0};
        int r;

        why.text[0] = '\0';
        assert_int_equal(vault_key_make(&key), 0);
        r = key_file_make(&dir, LEAF, &key, &why);
        key_dir_close(&dir);
        if (ret_key)
                *ret_key = key;
        else
                vault_key_done(&key);
        return r;
}

static void a_made_file_is_private_and_reads_back(void **state)
{
        mode_t before = umask(0777);
        VaultKey made = {0}, read = {0};
        struct stat st;
        RigPath path;
        KeyDir dir;

        assert_int_equal(make_leaf(*state, &made), 0);
        (void) umask(before);
        assert_int_equal(lstat(rig_path(path, *state, LEAF), &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        assert_int_equal(st.st_size, VAULT_KEY_TEXT_BYTES);
        dir = open_dir(*state, geteuid(), false);
        assert_int_equal(key_file_read(&dir, LEAF, &read, &why), 0);
        assert_true(secret_equal(made.bytes, read.bytes));
        key_dir_close(&dir);
        assert_false(rig_has(*state, PART));
        vault_key_done(&made);
        vault_key_done(&read);
}

/* Content on disk before the name, the name before anybody is told. */
static void making_hardens_in_the_right_order(void **state)
{
        faults_arm(0, FAULT_ERROR, 0);
        assert_int_equal(make_leaf(*state, NULL), 0);
        assert_string_equal(faults_trace(), "unlink create fchmod write fsync rename2 fsync ");
}

static void an_existing_file_is_never_overwritten(void **state)
{
        for (int without = 0; without <= 1; without++) {
                RigPath path;

                rig_write_key(*state, LEAF, HEX_KEY_A);
                faults_no_renameat2(without);
                assert_int_equal(make_leaf(*state, NULL), -EEXIST);
                assert_int_equal(read_leaf(*state), 0);
                assert_false(rig_has(*state, PART));
                rig_remove_file(*state, LEAF);
                /* Nor through a link that leads nowhere yet. */
                assert_int_equal(symlink("elsewhere", rig_path(path, *state, LEAF)), 0);
                assert_int_equal(make_leaf(*state, NULL), -EEXIST);
                assert_false(rig_has(*state, "elsewhere"));
                rig_remove_file(*state, LEAF);
                assert_int_equal(make_leaf(*state, NULL), 0);
                assert_int_equal(read_leaf(*state), 0);
                rig_remove_file(*state, LEAF);
        }
        faults_no_renameat2(false);
}

static void a_link_in_the_place_of_the_part_is_not_followed(void **state)
{
        RigPath path;

        rig_write(*state, "victim", "victim", 6, 0600);
        assert_int_equal(symlink("victim", rig_path(path, *state, PART)), 0);
        assert_int_equal(make_leaf(*state, NULL), 0);
        assert_int_equal(read_leaf(*state), 0);
        rig_remove_file(*state, LEAF);
        assert_true(rig_has(*state, "victim"));
}

static void any_call_of_making_may_fail(void **state)
{
        bool struck = true;

        for (unsigned n = 1; struck; n++) {
                int r;

                faults_arm(n, FAULT_ERROR, ENOSPC);
                r = make_leaf(*state, NULL);
                struck = faults_struck();
                faults_arm(0, FAULT_ERROR, 0);
                assert_int_equal(r, struck ? -ENOSPC : 0);
                assert_true(rig_has(*state, LEAF) == !struck);
                assert_false(rig_has(*state, PART));
                if (struck)
                        assert_non_null(strstr(why.text, LEAF ": No space left on device"));
        }
        assert_int_equal(read_leaf(*state), 0);
}

static void after_a_crash_there_is_a_whole_key_or_none(void **state)
{
        for (unsigned n = 1;; n++) {
                int status;
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        faults_arm(n, FAULT_CRASH, 0);
                        _exit(make_leaf(*state, NULL) == 0 ? 0 : 1);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status));
                if (WEXITSTATUS(status) == 0)
                        break;
                assert_int_equal(WEXITSTATUS(status), CRASH_STATUS);
                if (!rig_has(*state, LEAF)) /* then one can be made */
                        assert_int_equal(make_leaf(*state, NULL), 0);
                assert_int_equal(read_leaf(*state), 0);
                rig_remove_file(*state, LEAF);
        }
        assert_int_equal(read_leaf(*state), 0);
}

static void replacing_removing_and_syncing_say_what_failed(void **state)
{
        KeyDir dir = open_dir(*state, geteuid(), false);

        assert_int_equal(key_file_remove(&dir, LEAF, &why), 0);
        assert_int_equal(key_file_sync(&dir, LEAF, &why), KEY_FILE_NONE);
        assert_int_equal(key_file_replace(&dir, "a", LEAF, &why), -ENOENT);
        rig_write_key(*state, LEAF, HEX_KEY_A);
        for (unsigned n = 1; n <= 2; n++) {
                faults_arm(n, FAULT_ERROR, EIO);
                assert_int_equal(key_file_sync(&dir, LEAF, &why), -EIO);
                assert_non_null(strstr(why.text, LEAF ": Input/output error"));
                rig_write_key(*state, "a", HEX_KEY_B);
                faults_arm(n, FAULT_ERROR, EIO);
                assert_int_equal(key_file_replace(&dir, "a", LEAF, &why), -EIO);
                faults_arm(n, FAULT_ERROR, EIO);
                assert_int_equal(key_file_remove(&dir, LEAF, &why), -EIO);
                faults_arm(0, FAULT_ERROR, 0);
                rig_write_key(*state, LEAF, HEX_KEY_A);
        }
        assert_int_equal(key_file_sync(&dir, LEAF, &why), 0);
        assert_int_equal(chmod((rig_write(*state, LEAF, HEX_KEY_A, 64, 0644), *state), 0700), 0);
        assert_int_equal(key_file_sync(&dir, LEAF, &why), KEY_FILE_REFUSED);
        key_dir_close(&dir);
        key_dir_close(&dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(a_missing_file_is_no_error),
                rig_test(a_private_file_is_read),
                rig_test(a_file_open_to_others_is_refused),
                rig_test(a_file_of_somebody_else_is_refused),
                rig_test(a_handed_file_may_be_roots_and_readable_by_its_group),
                rig_test(a_link_is_refused_wherever_it_leads),
                rig_test(what_is_no_file_is_refused_without_waiting),
                rig_test(short_and_long_files_are_refused),
                rig_test(an_unreadable_file_is_refused),
                rig_test(a_directory_that_is_none_is_told_from_one_that_is_missing),
                rig_test(a_hostile_path_is_shown_harmless),
                rig_test(a_made_file_is_private_and_reads_back),
                rig_test(making_hardens_in_the_right_order),
                rig_test(an_existing_file_is_never_overwritten),
                rig_test(a_link_in_the_place_of_the_part_is_not_followed),
                rig_test(any_call_of_making_may_fail),
                rig_test(after_a_crash_there_is_a_whole_key_or_none),
                rig_test(replacing_removing_and_syncing_say_what_failed),
        };

        return cmocka_run_group_tests_name("key file", tests, NULL, NULL);
}
