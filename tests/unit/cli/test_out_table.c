/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/out_table.h"

static const TableColumn COLUMNS[] = {
        {.title = "ID"},
        {.title = "NAME", .flexible = 6},
        {.title = "DONE", .right = true},
        {.title = "WHY", .flexible = 4},
};

/* Four cells a row. */
static char *print(const Out *how, const char *const *cells, bool header)
{
        _cleanup_(table_freep) Table *table = table_new(COLUMNS, ARRAY_LEN(COLUMNS));
        Out out = *how;
        char *text;
        size_t bytes;

        for (; *cells; cells++)
                table_cell(table, *cells);
        out.data = open_memstream(&text, &bytes);
        out_table(&out, table, header);
        (void) fclose(out.data);
        return text;
}

static void columns_line_up_by_display_width(void **state)
{
        const Out out = {.utf8 = true};
        const char *const cells[] = {"1", "grün", "7%",       "x", "2", "日本語", "100%",
                                     "y", "3",    "e\u0301e", "-", "",  NULL};
        _cleanup_free_ char *text = print(&out, cells, true);

        assert_string_equal(text, "ID  NAME    DONE  WHY\n"
                                  "1   grün      7%  x\n"
                                  "2   日本語  100%  y\n"
                                  "3   e\u0301e         -\n");
}

static void nothing_is_cut_without_a_limit(void **state)
{
        const Out out = {.utf8 = true, .width = 0};
        const char *const cells[] = {"1", "a name that is rather long for a terminal", "7%",
                                     "a reason that is rather long", NULL};
        _cleanup_free_ char *text = print(&out, cells, false);

        assert_string_equal(text, "1  a name that is rather long for a terminal  7%  a reason "
                                  "that is rather long\n");
}

static void flexible_columns_give_way_from_the_right(void **state)
{
        const char *const cells[] = {"12345678", "a-long-name", "100%", "a long reason", NULL};
        Out out = {.utf8 = true, .width = 40};
        _cleanup_free_ char *less = print(&out, cells, false), *least = NULL, *ascii = NULL;
        _cleanup_free_ char *full = NULL;

        assert_string_equal(less, "12345678  a-long-name  100%  a long rea…\n");
        out.width = 27;
        least = print(&out, cells, false);
        assert_string_equal(least, "12345678  a-lon…  100%  a l…\n"); /* ids stay usable */
        out.utf8 = false;
        out.width = 40;
        ascii = print(&out, cells, false);
        assert_string_equal(ascii, "12345678  a-long-name  100%  a long r...\n");
        out.full = true;
        full = print(&out, cells, false);
        assert_string_equal(full, "12345678  a-long-name  100%  a long reason\n");
}

static void columns_that_can_be_spared_go_in_their_order(void **state)
{
        static const TableColumn columns[] = {
                {.title = "ID"},
                {.title = "TYPE", .spare = 2},
                {.title = "PRIO", .spare = 1},
                {.title = "NAME", .flexible = 4},
        };
        static const struct {
                unsigned width;
                const char *row;
        } cases[] = {
                {40, "12345678  down  norm  a-long-name\n"},
                {26, "12345678  down  norm  a-l…\n"},
                {25, "12345678  down  a-long-n…\n"},
                {19, "12345678  a-long-n…\n"},
                {14, "12345678  a-l…\n"},
                {5, "12345678  a-l…\n"}, /* no less than this */
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_(table_freep) Table *table = table_new(columns, ARRAY_LEN(columns));
                Out out = {.utf8 = true, .width = cases[i].width};
                char *text;
                size_t bytes;

                table_cell(table, "12345678");
                table_cell(table, "down");
                table_cell(table, "norm");
                table_cell(table, "a-long-name");
                out.data = open_memstream(&text, &bytes);
                out_table(&out, table, false);
                (void) fclose(out.data);
                assert_string_equal(text, cases[i].row);
                mem_free(text);
        }
}

static void escape_bytes_of_strangers_are_shown_not_sent(void **state)
{
        const Out out = {.utf8 = true};
        const char *const cells[] = {"1", "\033[31mred\a", "7%", "a\nb", NULL};
        _cleanup_free_ char *text = print(&out, cells, false);

        assert_null(strchr(text, '\033'));
        assert_string_equal(text, "1  \\x1b[31mred\\x07  7%  a\\x0ab\n");
}

static void colour_stands_only_where_it_is_asked_for(void **state)
{
        Out out = {.utf8 = true, .colour = true};
        _cleanup_(table_freep) Table *table = table_new(COLUMNS, 2);
        char *text;
        size_t bytes;

        table_take_cell(table, mem_strdup("a"), CELL_BAD);
        table_take_cell(table, mem_strdup(""), CELL_BAD);
        out.data = open_memstream(&text, &bytes);
        out_table(&out, table, false);
        out.colour = false;
        out_table(&out, table, false);
        (void) fclose(out.data);
        assert_string_equal(text, "\033[31ma\033[0m\na\n");
        mem_free(text);
}

static void texts_are_cut_on_character_borders(void **state)
{
        static const struct {
                const char *text;
                unsigned columns;
                bool utf8;
                const char *cut;
        } cases[] = {
                {"abcdef", 6, true, "abcdef"}, {"abcdef", 5, true, "abcd…"},
                {"日本語", 6, true, "日本語"}, {"日本語", 5, true, "日本…"},
                {"日本語", 4, true, "日…"},    {"abcdef", 5, false, "ab..."},
                {"abcdef", 2, false, ".."},    {"abcdef", 0, true, ""},
                {"abcdef", 1, true, "…"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_free_ char *cut = text_cut(cases[i].text, cases[i].columns, cases[i].utf8);

                assert_string_equal(cut, cases[i].cut);
        }
        assert_int_equal(text_columns("e\u0301"), 1);
        assert_int_equal(text_columns("\xff\xfe"), 2); /* no characters: one each */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(columns_line_up_by_display_width),
                cmocka_unit_test(nothing_is_cut_without_a_limit),
                cmocka_unit_test(flexible_columns_give_way_from_the_right),
                cmocka_unit_test(columns_that_can_be_spared_go_in_their_order),
                cmocka_unit_test(escape_bytes_of_strangers_are_shown_not_sent),
                cmocka_unit_test(colour_stands_only_where_it_is_asked_for),
                cmocka_unit_test(texts_are_cut_on_character_borders),
        };

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
