/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "server/access_log.h"

static char directory[] = "/tmp/bitssrv-log-XXXXXX";

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

static const AccessEntry ENTRY = {
        .address = "::1",
        .method = "BITS_POST",
        .path = "/a b\"\x1b[0m\n",
        .version = "HTTP/1.1",
        .status = 200,
        .received_bytes = 7,
        .packet = "Fragment",
        .session_id = "{12345678-1234-4321-8765-1234567890ab}",
        .range = "bytes 0-6/9",
        .took_usec = 1000001,
};

/* Whoever calls: only valid ids are asked for. */
static void session_ids_are_words_like_all_others(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/id", directory);
        _cleanup_free_ char *text = NULL;
        _cleanup_(access_log_freep) AccessLog *log = NULL;
        AccessEntry entry = ENTRY;

        entry.session_id = "a\n\" b";
        assert_int_equal(access_log_open(path, &log), 0);
        access_log_write(log, &entry);
        assert_true(fd_read_file(path, 4096, &text) >= 0);
        assert_non_null(strstr(text, " session=a\\x0a__b range="));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void lines_hold_nothing_a_terminal_acts_on(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/a", directory);
        _cleanup_free_ char *text = NULL;
        _cleanup_(access_log_freep) AccessLog *log = NULL;

        assert_int_equal(access_log_open(path, &log), 0);
        access_log_write(log, &ENTRY);
        assert_true(fd_read_file(path, 4096, &text) >= 0);
        assert_non_null(strstr(text, "::1 - - [01/Jan/1970:00:00:00 +0000] \"BITS_POST /a_b_"));
        assert_non_null(strstr(text, "\" 200 0 in=7 packet=Fragment session={12345678 range="
                                     "bytes_0-6/9 time=1.000001\n"));
        assert_null(strchr(text, 0x1b));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void a_rotated_file_is_opened_again(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/b", directory);
        _cleanup_free_ char *old = mem_printf("%s/b.1", directory);
        _cleanup_(access_log_freep) AccessLog *log = NULL;

        assert_int_equal(access_log_open(path, &log), 0);
        assert_int_equal(rename(path, old), 0);
        assert_int_equal(access_log_reopen(log), 0);
        assert_int_equal(access(path, F_OK), 0);
}

static void no_file_is_no_log(void **state)
{
        _cleanup_(access_log_freep) AccessLog *log = NULL;
        AccessLog *none;

        assert_int_equal(access_log_open("", &log), 0);
        access_log_write(log, &ENTRY);
        assert_int_equal(access_log_reopen(log), 0);
        assert_int_equal(access_log_open("/nonexistent/x", &none), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(session_ids_are_words_like_all_others),
                cmocka_unit_test(lines_hold_nothing_a_terminal_acts_on),
                cmocka_unit_test(a_rotated_file_is_opened_again),
                cmocka_unit_test(no_file_is_no_log),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
