/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf.h"
#include "proto/cmd_line.h"

#include "../base/random.h"

enum { WORDS_MAX = 12 };

typedef struct Case {
        const char *line;
        const char *words[WORDS_MAX];
} Case;

static size_t count(char *const *argv)
{
        size_t n = 0;

        while (argv[n])
                n++;
        return n;
}

static void assert_words(const Case *c)
{
        _cleanup_free_ char **argv = NULL;
        size_t n = 0;

        assert_int_equal(cmd_line_split("/bin/x", c->line, &argv), 0);
        for (; c->words[n]; n++) {
                if (!argv[n])
                        fail_msg("[%s]: %zu words only", c->line, n);
                if (strcmp(argv[n], c->words[n]) != 0)
                        fail_msg("[%s]: word %zu is [%s], not [%s]", c->line, n, argv[n],
                                 c->words[n]);
        }
        if (argv[n])
                fail_msg("[%s]: one word too many: [%s]", c->line, argv[n]);
}

#define ALL(cases)                                                                                 \
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)                                              \
        assert_words(&(cases)[i])

static void without_a_line_the_program_is_the_only_word(void **state)
{
        static const Case cases[] = {{NULL, {"/bin/x"}}, {"", {"/bin/x"}}};

        ALL(cases);
}

static void words_end_at_blanks(void **state)
{
        static const Case cases[] = {
                {"a", {"a"}},
                {"a b", {"a", "b"}},
                {"a \t b\tc ", {"a", "b", "c"}},
                {"a  ", {"a"}},
                {"a b\nc", {"a", "b\nc"}},
                {"a $HOME %PATH% ~ ; | * `x` 'y z'",
                 {"a", "$HOME", "%PATH%", "~", ";", "|", "*", "`x`", "'y", "z'"}},
                {"a \u00fc\u00a0\u20ac", {"a", "\u00fc\u00a0\u20ac"}},
        };

        ALL(cases);
}

static void the_first_word_has_rules_of_its_own(void **state)
{
        static const Case cases[] = {
                {"\"/a b/c\" d", {"/a b/c", "d"}},
                {"\"/a b/c\"d e", {"/a b/c", "d", "e"}},
                {"\"a\\\" b", {"a\\", "b"}}, /* backslashes are ordinary */
                {"a\\\\b c", {"a\\\\b", "c"}},
                {"a\"b c\" d", {"a\"b", "c d"}}, /* quotes count at its beginning only */
                {"\"a", {"a"}},
                {"\"\"", {""}},
                {"\"", {""}},
                {"\"\" a", {"", "a"}},
                {" a b", {"", "a", "b"}},
                {"\t", {""}},
        };

        ALL(cases);
}

static void quotes_switch_quoting(void **state)
{
        static const Case cases[] = {
                {"x \"a b\" c", {"x", "a b", "c"}},
                {"x a\"b c\"d e", {"x", "ab cd", "e"}},
                {"x \"\" y", {"x", "", "y"}},
                {"x \"a b", {"x", "a b"}},
                {"x \"", {"x", ""}},
                {"x \"a\tb\"", {"x", "a\tb"}},
        };

        ALL(cases);
}

static void backslashes_count_before_quotes_only(void **state)
{
        static const Case cases[] = {
                {"x a\\b\\\\c", {"x", "a\\b\\\\c"}},
                {"x \\\"a b", {"x", "\"a", "b"}},
                {"x \\\\\"a b\"", {"x", "\\a b"}},
                {"x \\\\\\\"a b", {"x", "\\\"a", "b"}},
                {"x \"a\\\"b c\" d", {"x", "a\"b c", "d"}},
                {"x \"a b\\\\\" d", {"x", "a b\\", "d"}},
                {"x a\\ b", {"x", "a\\", "b"}},
                {"x a\\", {"x", "a\\"}},
                {"x \"a\\", {"x", "a\\"}},
                {"x \"\\\\\"\" y\"", {"x", "\\\" y"}},
        };

        ALL(cases);
}

static void two_quotes_inside_quotes_are_one(void **state)
{
        static const Case cases[] = {
                {"x \"a \"\"b\"\" c\" d", {"x", "a \"b\" c", "d"}},
                {"x \"\"\"a b\"\"\" c", {"x", "\"a b\"", "c"}},
                {"x \"a\"\"", {"x", "a\""}},
                {"x \"\"a b", {"x", "a", "b"}}, /* not inside: empty quotes */
        };

        ALL(cases);
}

static void bad_lines_are_refused(void **state)
{
        _cleanup_free_ char *longest = mem_alloc(CMD_LINE_BYTES_MAX + 2);
        _cleanup_free_ char **argv = NULL;
        char *before = NULL, **none = (char **) &before;
        char **ret = none;

        assert_non_null(longest);
        memset(longest, 'a', CMD_LINE_BYTES_MAX + 1);
        longest[CMD_LINE_BYTES_MAX + 1] = '\0';
        assert_int_equal(cmd_line_split("/x", longest, &ret), -E2BIG);
        assert_int_equal(cmd_line_split(longest, NULL, &ret), -E2BIG);
        assert_int_equal(cmd_line_split("/x", "x \xff", &ret), -EILSEQ);
        assert_int_equal(cmd_line_split("/x", "x \xc0\xaf", &ret), -EILSEQ);
        assert_int_equal(cmd_line_split("/x", "x \xed\xa0\x80", &ret), -EILSEQ);
        assert_int_equal(cmd_line_split("/\xe2\x82", "x", &ret), -EILSEQ);
        assert_int_equal(cmd_line_split("/\xe2\x82", NULL, &ret), -EILSEQ);
        assert_ptr_equal(ret, none);
        longest[CMD_LINE_BYTES_MAX] = '\0';
        assert_int_equal(cmd_line_split("/x", longest, &argv), 0);
        assert_string_equal(argv[0], longest);
        assert_null(argv[1]);
}

static void as_many_words_as_fit(void **state)
{
        _cleanup_free_ char *line = mem_alloc(CMD_LINE_BYTES_MAX + 1);
        _cleanup_free_ char **argv = NULL;

        assert_non_null(line);
        for (size_t i = 0; i < CMD_LINE_BYTES_MAX; i++)
                line[i] = i % 2 == 0 ? ' ' : 'a';
        line[CMD_LINE_BYTES_MAX] = '\0';
        assert_int_equal(cmd_line_split("/x", line, &argv), 0);
        assert_int_equal(count(argv), CMD_LINE_BYTES_MAX / 2 + 1);
        assert_string_equal(argv[CMD_LINE_BYTES_MAX / 2], "a");
}

static void words_that_no_line_carries_are_refused(void **state)
{
        char *before = NULL, *ret = before;
        char *nothing[] = {NULL}, *quote[] = {(char *) "a\"b", NULL};
        char *bad[] = {(char *) "a", (char *) "\xff", NULL};
        char longest[CMD_LINE_BYTES_MAX + 1], *big[] = {longest, (char *) "", NULL};

        assert_int_equal(cmd_line_join(nothing, &ret), -EINVAL);
        assert_int_equal(cmd_line_join(quote, &ret), -EINVAL);
        assert_int_equal(cmd_line_join(bad, &ret), -EILSEQ);
        memset(longest, 'a', CMD_LINE_BYTES_MAX);
        longest[CMD_LINE_BYTES_MAX] = '\0';
        assert_int_equal(cmd_line_join(big, &ret), -E2BIG);
        assert_null(ret);
}

static void simple_words_stay_as_they_are(void **state)
{
        char *argv[] = {(char *) "/bin/sh", (char *) "-c", (char *) "exit \"$1\"",
                        (char *) "C:\\dir\\", NULL};
        _cleanup_free_ char *line = NULL;

        assert_int_equal(cmd_line_join(argv, &line), 0);
        assert_string_equal(line, "/bin/sh -c \"exit \\\"$1\\\"\" C:\\dir\\");
}

/* Mostly what the rules are about. */
static char any_byte(Random *r)
{
        static const char SPECIAL[] = "\"\"\"\\\\\\  \tab";

        return random_below(r, 4) > 0 ? SPECIAL[random_below(r, sizeof(SPECIAL) - 1)]
                                      : (char) (1 + random_below(r, 127));
}

static void any_words(Random *r, char text[WORDS_MAX][24], char **argv)
{
        size_t n = 1 + random_below(r, WORDS_MAX - 1);

        for (size_t i = 0; i < n; i++) {
                size_t len = random_below(r, 23);

                for (size_t k = 0; k < len; k++) {
                        text[i][k] = any_byte(r);
                        if (i == 0 && text[i][k] == '"')
                                text[i][k] = '\\';
                }
                text[i][len] = '\0';
                argv[i] = text[i];
        }
        argv[n] = NULL;
}

static void what_is_joined_splits_into_the_same_words(void **state)
{
        Random r = random_seeded("join and split");

        for (int round = 0; round < 20000; round++) {
                _cleanup_free_ char **back = NULL;
                _cleanup_free_ char *line = NULL;
                char text[WORDS_MAX][24], *argv[WORDS_MAX + 1];
                size_t i = 0;

                any_words(&r, text, argv);
                assert_int_equal(cmd_line_join(argv, &line), 0);
                assert_int_equal(cmd_line_split("/x", line, &back), 0);
                for (; argv[i]; i++) {
                        assert_non_null(back[i]);
                        assert_string_equal(back[i], argv[i]);
                }
                assert_null(back[i]);
        }
}

/* Whatever bytes come: words that stand inside the one block (the sanitizer watches), of valid
 * text, and none longer than the line; bad text is refused as such. */
static void any_bytes_do_no_harm(void **state)
{
        Random r = random_seeded("any bytes");

        for (int round = 0; round < 20000; round++) {
                _cleanup_free_ char **argv = NULL;
                char line[64];
                size_t len = random_below(&r, sizeof(line)), total = 0;
                bool ascii = random_below(&r, 3) > 0;
                int result;

                for (size_t i = 0; i < len; i++)
                        line[i] = ascii ? any_byte(&r) : (char) (1 + random_below(&r, 255));
                line[len] = '\0';
                result = cmd_line_split("/x", line, &argv);
                if (!utf8_is_valid(line, len)) {
                        assert_int_equal(result, -EILSEQ);
                        continue;
                }
                assert_int_equal(result, 0);
                assert_non_null(argv[0]);
                for (size_t i = 0; argv[i]; i++) {
                        assert_true(utf8_is_valid(argv[i], strlen(argv[i])));
                        total += strlen(argv[i]);
                }
                assert_true(total <= (len > 0 ? len : 2));
        }
}

static void no_memory_is_told(void **state)
{
        char *argv[] = {(char *) "a", (char *) "b c", NULL}, **split = NULL, *line = NULL;

        mem_fail_nth(1);
        assert_int_equal(cmd_line_split("/x", "a b", &split), -ENOMEM);
        mem_fail_nth(1);
        assert_int_equal(cmd_line_join(argv, &line), -ENOMEM);
        mem_fail_nth(0);
        assert_null(split);
        assert_null(line);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_line_the_program_is_the_only_word),
                cmocka_unit_test(words_end_at_blanks),
                cmocka_unit_test(the_first_word_has_rules_of_its_own),
                cmocka_unit_test(quotes_switch_quoting),
                cmocka_unit_test(backslashes_count_before_quotes_only),
                cmocka_unit_test(two_quotes_inside_quotes_are_one),
                cmocka_unit_test(bad_lines_are_refused),
                cmocka_unit_test(as_many_words_as_fit),
                cmocka_unit_test(words_that_no_line_carries_are_refused),
                cmocka_unit_test(simple_words_stay_as_they_are),
                cmocka_unit_test(what_is_joined_splits_into_the_same_words),
                cmocka_unit_test(any_bytes_do_no_harm),
                cmocka_unit_test(no_memory_is_told),
        };

        return cmocka_run_group_tests_name("command line", tests, NULL, NULL);
}
