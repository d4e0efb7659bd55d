/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a program become one line, which the service takes apart again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/attr.h"
#include "base/cleanup.h"
#include "cli/job_notify.h"
#include "proto/cmd_line.h"

enum {
        ROUNDS = 20000,
        WORDS_MAX = 6,
        WORD_BYTES_MAX = 8,
};

static void check(const char *program, const char *const *words, size_t n)
{
        _cleanup_free_ char *line = notify_join(program, words, n);
        char **argv;
        size_t i;

        assert_int_equal(cmd_line_split(program, line, &argv), 0);
        assert_string_equal(argv[0], program);
        for (i = 0; i < n && argv[i + 1]; i++)
                if (strcmp(argv[i + 1], words[i]) != 0)
                        fail_msg("\"%s\" became \"%s\" in <%s>", words[i], argv[i + 1], line);
        assert_int_equal(i, n);
        assert_null(argv[n + 1]);
        mem_free(argv);
}

static void words_come_back(void **state)
{
        static const char *const words[] = {
                "plain",
                "",
                "two words",
                "a\"b",
                "\"",
                "\\",
                "\\\\",
                "a\\",
                "a b\\",
                "\\\"",
                "a\\\\\"b c",
                "\"\"",
                "tab\there",
                "new\nline",
                "$HOME;`x`%PATH%",
                "gr\303\274n",
                "--option=x y",
                "\\\\host\\share\\ ",
                "'",
                " ",
        };

        check("/bin/true", words, ARRAY_LEN(words));
        check("/a b/c\td", words, ARRAY_LEN(words));
        check("/back\\slash\\", words, ARRAY_LEN(words));
        check("/a b\\", words, ARRAY_LEN(words));
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                check("/x", words + i, 1);
        check("/x", NULL, 0);
}

static void any_words_come_back(void **state)
{
        static const char letters[] = "a \"\\\t'";
        unsigned seed;

        assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
        print_message("seed %u\n", seed);
        srandom(seed);
        for (int round = 0; round < ROUNDS; round++) {
                char text[WORDS_MAX][WORD_BYTES_MAX + 1];
                const char *words[WORDS_MAX];
                size_t n = (size_t) random() % (WORDS_MAX + 1);

                for (size_t i = 0; i < n; i++) {
                        size_t len = (size_t) random() % (WORD_BYTES_MAX + 1);

                        for (size_t k = 0; k < len; k++)
                                text[i][k] = letters[(size_t) random() % (sizeof(letters) - 1)];
                        text[i][len] = '\0';
                        words[i] = text[i];
                }
                check("/bin/x", words, n);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_come_back),
                cmocka_unit_test(any_words_come_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
