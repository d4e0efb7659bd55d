/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "base/cleanup.h"
#include "bits_enums.h"
#include "cli/out_table.h"
#include "cli/progress.h"

#define GIB ((uint64_t) 1 << 30)

static ProgressView iso(void)
{
        return (ProgressView){
                .bytes = GIB * 21 / 10 + (1 << 27),
                .bytes_total = GIB * 37 / 10,
                .rate_bps = 43200000,
                .files_total = 1,
                .jobs_total = 1,
        };
}

static void a_wide_line_has_a_bar_and_numbers(void **state)
{
        ProgressView view = iso();
        _cleanup_free_ char *utf8 = progress_format(&view, 100, true, false);
        _cleanup_free_ char *ascii = progress_format(&view, 100, false, false);

        assert_string_equal(utf8, "  ━━━━━━━━━━━━━━━━━━━━━━━━──────────────── "
                                  "  60%  2.2 / 3.7 GiB  41.2 MiB/s  ETA 0:37");
        assert_string_equal(ascii, "  [=====================>................]"
                                   "   60%  2.2 / 3.7 GiB  41.2 MiB/s  ETA 0:37");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
        ProgressView view = iso();

        view.note = "retrying: HTTP 503, next try in 4:12";
        for (unsigned columns = 0; columns < 120; columns++)
                for (int how = 0; how < 4; how++) {
                        _cleanup_free_ char *line = NULL;

                        view.files_total = how & 2 ? 40 : 1;
                        line = progress_format(&view, columns, how & 1, false);
                        assert_true(text_columns(line) <= columns);
                }
}

static void an_unknown_size_has_no_bar_and_no_percent(void **state)
{
        ProgressView view = iso();
        _cleanup_free_ char *line = NULL;

        view.bytes_total = BG_SIZE_UNKNOWN;
        line = progress_format(&view, 100, true, false);
        assert_string_equal(line, "  2.2 GiB  41.2 MiB/s");
}

static void several_files_and_jobs_are_counted(void **state)
{
        ProgressView view = iso();
        _cleanup_free_ char *line = NULL;

        view.files = 12;
        view.files_total = 40;
        view.jobs = 1;
        view.jobs_total = 3;
        line = progress_format(&view, 60, false, false);
        assert_non_null(strstr(line, "1/3 jobs  12/40 files"));
}

static void waiting_is_told_instead_of_a_rate(void **state)
{
        ProgressView view = iso();
        _cleanup_free_ char *line = NULL;

        view.note = "retrying: \033[5mHTTP 503, next try in 4:12";
        line = progress_format(&view, 100, true, false);
        assert_non_null(strstr(line, "retrying: \\x1b[5mHTTP 503, next try in 4:12"));
        assert_null(strchr(line, '\033'));
        assert_null(strstr(line, "MiB/s"));
}

static void before_the_first_byte_only_the_note_is_there(void **state)
{
        ProgressView view = {.bytes_total = BG_SIZE_UNKNOWN, .note = "connecting"};
        _cleanup_free_ char *line = progress_format(&view, 100, true, false);

        assert_string_equal(line, "  connecting");
}

static void the_bar_fills_from_nothing_to_all(void **state)
{
        ProgressView view = {.bytes_total = 1000, .jobs_total = 1, .files_total = 1};
        _cleanup_free_ char *none = NULL, *half = NULL, *all = NULL;

        none = progress_format(&view, 40, false, false);
        assert_non_null(strstr(none, "[..................]"));
        view.bytes = 31; /* half a character of sixteen */
        half = progress_format(&view, 40, true, false);
        assert_null(strstr(half, "━"));
        view.bytes = 1000;
        all = progress_format(&view, 40, false, false);
        assert_non_null(strstr(all, "==]"));
        assert_null(strstr(all, "."
                                "]"));
}

static Progress on_terminal(FILE *f)
{
        return (Progress){.f = f, .enabled = true, .utf8 = true};
}

static void drawing_is_bounded_and_leaves_the_cursor(void **state)
{
        ProgressView view = iso();
        Progress p;
        char *text;
        size_t bytes, after_first;
        FILE *f = open_memstream(&text, &bytes);

        p = on_terminal(f);
        progress_draw(&p, &view, 1000000, false);
        assert_non_null(strstr(text, "\033[?25l")); /* hidden while it moves */
        after_first = bytes;
        progress_draw(&p, &view, 1099999, false);
        assert_int_equal(bytes, after_first); /* too fresh */
        progress_draw(&p, &view, 1099999, true);
        assert_true(bytes > after_first);
        after_first = bytes;
        progress_draw(&p, &view, 1200000, false);
        assert_true(bytes > after_first);
        progress_clear(&p);
        assert_non_null(strstr(text, "\r\033[K\033[?25h"));
        after_first = bytes;
        progress_clear(&p);
        (void) fflush(f);
        assert_int_equal(bytes, after_first);
        (void) fclose(f);
        mem_free(text);
}

static void nothing_is_drawn_where_nobody_looks(void **state)
{
        ProgressView view = iso();
        Out out = {.data_tty = true, .talk_tty = true, .terminal_able = true};
        Progress p;
        char *text;
        size_t bytes;

        out.talk = open_memstream(&text, &bytes);
        progress_init(&p, &out);
        assert_true(p.enabled);
        for (int without = 0; without < 5; without++) {
                Out less = out;

                less.data_tty = without != 0;
                less.talk_tty = without != 1;
                less.terminal_able = without != 2;
                less.quiet = without == 3;
                less.format = without == 4 ? OUT_JSON_SHORT : OUT_TEXT;
                progress_init(&p, &less);
                progress_draw(&p, &view, 1, true);
                progress_clear(&p);
        }
        (void) fclose(out.talk);
        assert_int_equal(bytes, 0);
        mem_free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_wide_line_has_a_bar_and_numbers),
                cmocka_unit_test(no_line_is_wider_than_the_terminal),
                cmocka_unit_test(an_unknown_size_has_no_bar_and_no_percent),
                cmocka_unit_test(several_files_and_jobs_are_counted),
                cmocka_unit_test(waiting_is_told_instead_of_a_rate),
                cmocka_unit_test(before_the_first_byte_only_the_note_is_there),
                cmocka_unit_test(the_bar_fills_from_nothing_to_all),
                cmocka_unit_test(drawing_is_bounded_and_leaves_the_cursor),
                cmocka_unit_test(nothing_is_drawn_where_nobody_looks),
        };

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
