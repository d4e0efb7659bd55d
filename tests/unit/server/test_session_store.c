/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "server/session_store.h"

#define ID_TEXT "{12345678-1234-4321-8765-1234567890ab}"

static char directory[] = "/tmp/bitssrv-store-XXXXXX";

static int remove_entry(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
        return remove(name);
}

static int make_directory(void **state)
{
        return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
        return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static SessionStore *open_store(void)
{
        SessionStoreOptions options = {.path = directory};
        SessionStore *s;

        assert_int_equal(session_store_open(&options, &s), 0);
        return s;
}

static GUID parse_id(void)
{
        GUID id;

        assert_int_equal(guid_parse("12345678-1234-4321-8765-1234567890ab", &id), 0);
        return id;
}

static void save(SessionStore *s, const GUID *id)
{
        SessionLabel label = {.target_key = (char *) "/f?q",
                              .url = (char *) "http://h/f?q",
                              .owner = (char *) "anna",
                              .address = (char *) "::1",
                              .reply_name = "abc"};
        BupSession session;
        int fd;

        bup_session_init(&session, ID_TEXT, 4711);
        assert_int_equal(session_store_write_new(s, id, &session, &label, &fd), 0);
        close_fdp(&fd);
        assert_int_equal(session_store_commit_new(s, id), 0);
}

static void a_state_comes_back_as_it_was(void **state)
{
        _cleanup_(session_store_freep) SessionStore *s = open_store();
        _cleanup_(session_label_done) SessionLabel label = {0};
        BupSession session;
        bool same_boot = false;
        GUID id = parse_id();

        save(s, &id);
        assert_int_equal(session_store_load(s, &id, &session, &label, &same_boot), 0);
        assert_true(same_boot);
        assert_string_equal(session.id, ID_TEXT);
        assert_int_equal(session.created_wall_sec, 4711);
        assert_string_equal(label.url, "http://h/f?q");
        assert_string_equal(label.owner, "anna");
        assert_string_equal(label.reply_name, "abc");
}

/* Every single bit, and every shorter length. */
static void a_damaged_state_is_noticed(void **state)
{
        _cleanup_(session_store_freep) SessionStore *s = open_store();
        uint8_t bytes[2048];
        GUID id = parse_id();
        int fd;
        ssize_t n;

        save(s, &id);
        fd = session_store_open_file(s, &id, SESSION_STATE, O_RDWR);
        assert_true(fd >= 0);
        n = pread(fd, bytes, sizeof(bytes), 0);
        assert_true(n > 0 && n < (ssize_t) sizeof(bytes));
        for (ssize_t i = 0; i < 8 * n; i++) {
                uint8_t wrong = (uint8_t) (bytes[i / 8] ^ (1 << i % 8));
                SessionLabel label = {0};
                BupSession session;
                bool same_boot;

                assert_int_equal(pwrite(fd, &wrong, 1, i / 8), 1);
                assert_int_equal(session_store_load(s, &id, &session, &label, &same_boot),
                                 -EBADMSG);
                assert_null(label.url);
                assert_int_equal(pwrite(fd, &bytes[i / 8], 1, i / 8), 1);
        }
        for (ssize_t i = n - 1; i >= 0; i--) {
                SessionLabel label = {0};
                BupSession session;
                bool same_boot;

                assert_int_equal(ftruncate(fd, i), 0);
                assert_int_equal(session_store_load(s, &id, &session, &label, &same_boot),
                                 -EBADMSG);
        }
        close_fdp(&fd);
        session_store_remove(s, &id, SESSION_STATE);
}

static void a_directory_has_one_server(void **state)
{
        _cleanup_(session_store_freep) SessionStore *s = open_store();
        SessionStoreOptions options = {.path = directory};
        SessionStore *other;
        struct stat st;

        assert_int_equal(session_store_open(&options, &other), -EBUSY);
        assert_int_equal(stat(directory, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
}

static void links_are_not_opened(void **state)
{
        _cleanup_(session_store_freep) SessionStore *s = open_store();
        GUID id = parse_id();
        _cleanup_free_ char *name = session_store_file_path(s, &id, SESSION_REPLY);

        assert_int_equal(symlink("/etc/passwd", name), 0);
        assert_int_equal(session_store_open_file(s, &id, SESSION_REPLY, O_RDONLY), -ELOOP);
        assert_int_equal(session_store_create(s, &id, SESSION_REPLY), -EEXIST);
        assert_int_equal(unlink(name), 0);
        assert_int_equal(mkfifo(name, 0600), 0);
        assert_int_equal(session_store_open_file(s, &id, SESSION_REPLY, O_RDONLY), -EBADF);
        session_store_remove_content(s, &id);
        assert_int_equal(access(name, F_OK), -1);
}

static int count(void *ctx, const GUID *id)
{
        ++*(unsigned *) ctx;
        return 0;
}

static void orphans_are_removed_and_strangers_left(void **state)
{
        _cleanup_(session_store_freep) SessionStore *s = open_store();
        _cleanup_free_ char *stranger = mem_printf("%s/notes.data", directory);
        GUID id = parse_id(), other = id;
        unsigned n = 0;

        other.Data1++;
        save(s, &id);
        assert_int_equal(session_store_create(s, &id, SESSION_DATA), 0);
        assert_int_equal(session_store_create(s, &id, SESSION_NEW), 0);
        assert_int_equal(session_store_create(s, &other, SESSION_DATA), 0);
        close(open(stranger, O_CREAT | O_WRONLY, 0600));
        assert_int_equal(session_store_each(s, count, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(session_store_open_file(s, &other, SESSION_DATA, O_RDONLY), -ENOENT);
        assert_int_equal(session_store_open_file(s, &id, SESSION_NEW, O_RDONLY), -ENOENT);
        assert_int_equal(session_store_create(s, &id, SESSION_DATA), -EEXIST);
        assert_int_equal(access(stranger, F_OK), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_state_comes_back_as_it_was),
                cmocka_unit_test(a_damaged_state_is_noticed),
                cmocka_unit_test(a_directory_has_one_server),
                cmocka_unit_test(links_are_not_opened),
                cmocka_unit_test(orphans_are_removed_and_strangers_left),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
