/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <crypt.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "server/password_file.h"

static char directory[] = "/tmp/bitssrv-users-XXXXXX";

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

static char *write_file(const char *text)
{
        char *path = mem_printf("%s/users", directory);
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
        return path;
}

/* The hash of a password as libcrypt makes it. */
static char *hash(const char *password)
{
        char setting[CRYPT_GENSALT_OUTPUT_SIZE];

        assert_non_null(crypt_gensalt_rn("$2y$", 4, NULL, 0, setting, sizeof(setting)));
        return mem_strdup(crypt(password, setting));
}

static void the_right_password_of_the_right_user(void **state)
{
        _cleanup_free_ char *anna = hash("one"), *bert = hash("two");
        _cleanup_free_ char *text =
                mem_printf("# users\n\nanna:%s:comment\r\nbert:%s\nanna:%s\n", anna, bert, bert);
        _cleanup_free_ char *path = write_file(text);

        assert_true(password_file_verify(path, "anna", "one"));
        assert_true(password_file_verify(path, "bert", "two"));
        assert_false(password_file_verify(path, "anna", "two")); /* the first line counts */
        assert_false(password_file_verify(path, "bert", "one"));
        assert_false(password_file_verify(path, "carl", "one"));
        assert_false(password_file_verify(path, "", "one"));
        assert_false(password_file_verify(path, "# users", "one"));
}

static void what_is_no_hash_lets_nobody_in(void **state)
{
        static const char *const LINES[] = {
                "anna:secret\n",      "anna:\n", "anna\n", "anna:*\n", "", "anna:*0\n", "anna:!\n",
                "anna:$2y$04$short\n"};

        for (size_t i = 0; i < sizeof(LINES) / sizeof(*LINES); i++) {
                _cleanup_free_ char *path = write_file(LINES[i]);

                assert_false(password_file_verify(path, "anna", "secret"));
                assert_false(password_file_verify(path, "anna", ""));
                assert_false(password_file_verify(path, "anna", "*"));
                assert_false(password_file_verify(path, "anna", "*0"));
        }
        assert_false(password_file_verify("/nonexistent/users", "anna", ""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_right_password_of_the_right_user),
                cmocka_unit_test(what_is_no_hash_lets_nobody_in),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
