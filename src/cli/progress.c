/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "bits_enums.h"

#include "job_words.h"
#include "must.h"
#include "out_table.h"

enum {
        BAR_COLUMNS_MAX = 40,
        BAR_COLUMNS_MIN = 10,
        INDENT_COLUMNS = 2,
        TAIL_BYTES_MAX = 4096,
        DEFAULT_COLUMNS = 80,
        REDRAW_USEC = 100000, /* ten times a second */
};

/* Half characters of the bar that are filled. */
static unsigned filled_halves(const ProgressView *view, unsigned columns)
{
        if (view->bytes >= view->bytes_total)
                return columns * 2;
        return (unsigned) ((__extension__(unsigned __int128) view->bytes) * columns * 2 /
                           view->bytes_total);
}

static void append_repeated(Buf *to, const char *s, unsigned n)
{
        while (n-- > 0)
                (void) buf_append_str(to, s); /* errors stick to the buffer */
}

static void append_bar_utf8(const ProgressView *view, unsigned columns, bool colour, Buf *to)
{
        unsigned halves = filled_halves(view, columns), whole = halves / 2, half = halves % 2;

        (void) buf_append_str(to, colour ? "\033[36m" : "");
        append_repeated(to, "━", whole);
        append_repeated(to, "╸", half);
        (void) buf_append_str(to, colour ? "\033[0;2m" : "");
        append_repeated(to, colour ? "━" : "─", columns - whole - half);
        (void) buf_append_str(to, colour ? "\033[0m" : "");
}

static void append_bar_ascii(const ProgressView *view, unsigned columns, Buf *to)
{
        unsigned inner = columns - 2, whole = filled_halves(view, inner) / 2;

        (void) buf_append_str(to, "[");
        append_repeated(to, "=", whole > 0 ? whole - 1 : 0);
        append_repeated(to, whole == inner ? "=" : ">", whole > 0);
        append_repeated(to, ".", inner - whole);
        (void) buf_append_str(to, "]");
}

static void append_eta(const ProgressView *view, Buf *to)
{
        uint64_t left;
        char text[JOB_SIZE_BYTES];

        if (view->rate_bps == 0 || view->bytes_total == BG_SIZE_UNKNOWN ||
            view->bytes >= view->bytes_total)
                return;
        left = view->bytes_total - view->bytes;
        (void) buf_printf(
                to, "  ETA %s",
                str_format_duration(text, sizeof(text),
                                    left / view->rate_bps + (left % view->rate_bps != 0)));
}

/* Everything behind the bar. */
static char *format_tail(const ProgressView *view)
{
        int percent = percent_done(view->bytes, view->bytes_total);
        char text[JOB_SIZE_BYTES];
        Buf tail;

        buf_init(&tail, TAIL_BYTES_MAX); /* errors stick to the buffer */
        if (percent < 0 && view->bytes == 0 && view->note)
                return must(mem_strdup(view->note)); /* there is nothing to count yet */
        if (percent >= 0)
                (void) buf_printf(&tail, "%3d%%  ", percent);
        (void) buf_append_str(&tail, format_size_pair(view->bytes, view->bytes_total, text));
        if (view->jobs_total > 1)
                (void) buf_printf(&tail, "  %zu/%zu jobs", view->jobs, view->jobs_total);
        if (view->files_total > 1)
                (void) buf_printf(&tail, "  %" PRIu32 "/%" PRIu32 " files", view->files,
                                  view->files_total);
        if (view->note) {
                (void) buf_printf(&tail, "  %s", view->note);
                return must_take_str(&tail);
        }
        if (view->rate_bps > 0)
                (void) buf_printf(&tail, "  %s", format_rate(view->rate_bps, text));
        append_eta(view, &tail);
        return must_take_str(&tail);
}

char *progress_format(const ProgressView *view, unsigned columns, bool utf8, bool colour)
{
        _cleanup_free_ char *tail = format_tail(view), *safe = NULL, *cut = NULL;
        unsigned room, bar = 0;
        Buf line;

        safe = out_escape(tail);
        room = columns > INDENT_COLUMNS ? columns - INDENT_COLUMNS : columns;
        cut = text_cut(safe, room, utf8);
        room -= MIN(text_columns(cut), room);
        if (room >= BAR_COLUMNS_MIN + INDENT_COLUMNS && view->bytes_total != BG_SIZE_UNKNOWN)
                bar = MIN(room - INDENT_COLUMNS, (unsigned) BAR_COLUMNS_MAX);

        buf_init(&line, TAIL_BYTES_MAX * 8); /* errors stick to the buffer */
        if (columns > INDENT_COLUMNS)
                append_repeated(&line, " ", INDENT_COLUMNS);
        if (bar > 0 && utf8)
                append_bar_utf8(view, bar, colour, &line);
        else if (bar > 0)
                append_bar_ascii(view, bar, &line);
        if (bar > 0)
                append_repeated(&line, " ", INDENT_COLUMNS);
        (void) buf_append_str(&line, cut);
        return must_take_str(&line);
}

/* ---- drawing ---- */

void progress_init(Progress *p, const Out *out)
{
        *p = (Progress){
                .f = out->talk,
                .enabled = out->data_tty && out->talk_tty && out->terminal_able && !out->quiet &&
                           !out_is_json(out),
                .utf8 = out->utf8,
                .colour = out->colour,
        };
}

void progress_draw(Progress *p, const ProgressView *view, uint64_t mono_usec, bool urgent)
{
        _cleanup_free_ char *line = NULL;
        unsigned columns;

        if (!p->enabled || (!urgent && p->drawn && mono_usec - p->drawn_usec < REDRAW_USEC))
                return;
        columns = out_columns(p->f);
        if (columns == 0)
                columns = DEFAULT_COLUMNS;
        /* the last column stays free: some terminals wrap when it is written */
        line = progress_format(view, columns - 1, p->utf8, p->colour);
        (void) fprintf(p->f, "%s\r%s\033[K", p->drawn ? "" : "\033[?25l", line);
        (void) fflush(p->f);
        p->drawn = true;
        p->drawn_usec = mono_usec;
}

void progress_clear(Progress *p)
{
        if (!p->drawn)
                return;
        (void) fputs("\r\033[K\033[?25h", p->f);
        (void) fflush(p->f);
        p->drawn = false;
}
