/* SPDX-License-Identifier: Apache-2.0 */
#include "out_table.h"

#include <limits.h>
#include <string.h>
#include <wchar.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/utf.h"

#include "must.h"

enum {
        GAP_COLUMNS = 2,
        FIRST_CELLS = 64,
};

#define LEFT_OUT UINT_MAX /* instead of the width of a column */

typedef struct Cell {
        char *text;
        unsigned columns; /* that the text takes */
        CellColour colour;
} Cell;

struct Table {
        const TableColumn *columns;
        size_t n_columns;
        Cell *cells;
        size_t n_cells, cap_cells;
};

Table *table_new(const TableColumn *columns, size_t n_columns)
{
        Table *table = must(mem_new(Table));

        table->columns = columns;
        table->n_columns = n_columns;
        return table;
}

Table *table_free(Table *table)
{
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_cells; i++)
                mem_free(table->cells[i].text);
        mem_free(table->cells);
        mem_free(table);
        return NULL;
}

void table_take_cell(Table *table, char *text, CellColour colour)
{
        if (table->n_cells == table->cap_cells) {
                table->cap_cells = MAX(table->cap_cells * 2, (size_t) FIRST_CELLS);
                table->cells =
                        must(mem_realloc(table->cells, table->cap_cells * sizeof(*table->cells)));
        }
        if (!text_is_plain(text)) {
                char *safe = out_escape(text);

                mem_free(text);
                text = safe;
        }
        table->cells[table->n_cells++] =
                (Cell){.text = text, .columns = text_columns(text), .colour = colour};
}

void table_cell(Table *table, const char *text)
{
        table_take_cell(table, must(mem_strdup(text)), CELL_PLAIN);
}

size_t table_rows(const Table *table)
{
        return table->n_cells / table->n_columns;
}

/* Columns of one valid character of several bytes. */
static unsigned char_columns(const char *s, size_t bytes)
{
        _cleanup_free_ wchar_t *wide = NULL;
        char one[5] = "";
        int columns;

        memcpy(one, s, bytes);
        if (utf8_to_wide(one, &wide) < 0)
                return 1;
        columns = wcwidth(wide[0]);
        return columns < 0 ? 1 : (unsigned) columns; /* unknown to this locale: most have one */
}

/* Reads one character: its bytes and the columns it takes. */
static size_t next_char(const char *s, unsigned *ret_columns)
{
        size_t room;

        *ret_columns = 1;
        if (*s >= 0x20 && *s < 0x7f)
                return 1;
        room = strnlen(s, 4);
        for (size_t bytes = 2; bytes <= room; bytes++) {
                if (!utf8_is_valid(s, bytes))
                        continue;
                *ret_columns = char_columns(s, bytes);
                return bytes;
        }
        return 1;
}

unsigned text_columns(const char *s)
{
        unsigned total = 0;

        while (*s) {
                unsigned columns;

                s += next_char(s, &columns);
                total += columns;
        }
        return total;
}

char *text_cut(const char *s, unsigned columns, bool utf8)
{
        const char *more = utf8 ? "…" : "...";
        unsigned more_columns = utf8 ? 1 : 3, used = 0;
        size_t pos = 0;

        if (text_columns(s) <= columns)
                return must(mem_strdup(s));
        if (columns < more_columns)
                return must(mem_strndup("...", columns));
        while (s[pos]) {
                unsigned wide;
                size_t bytes = next_char(s + pos, &wide);

                if (used + wide > columns - more_columns)
                        break;
                used += wide;
                pos += bytes;
        }
        return must(mem_printf("%.*s%s", (int) pos, s, more));
}

static void measure(const Table *table, bool header, unsigned *widths)
{
        for (size_t c = 0; c < table->n_columns; c++)
                widths[c] = header ? text_columns(table->columns[c].title) : 0;
        for (size_t i = 0; i < table->n_cells; i++) {
                size_t c = i % table->n_columns;

                widths[c] = MAX(widths[c], table->cells[i].columns);
        }
}

static unsigned total_width(const Table *table, const unsigned *widths)
{
        unsigned total = 0;

        for (size_t c = 0; c < table->n_columns; c++)
                if (widths[c] != LEFT_OUT)
                        total += widths[c] + (total > 0 ? GAP_COLUMNS : 0);
        return total;
}

/* Takes away from the flexible columns, the last one first, what is over `limit`. */
static void shrink(const Table *table, unsigned limit, unsigned *widths)
{
        unsigned total = total_width(table, widths);

        for (size_t c = table->n_columns; c-- > 0 && total > limit;) {
                unsigned least = table->columns[c].flexible, spare;

                if (least == 0 || widths[c] == LEFT_OUT || widths[c] <= least)
                        continue;
                spare = MIN(widths[c] - least, total - limit);
                widths[c] -= spare;
                total -= spare;
        }
}

/* Leaves the next column out that can be spared; false when there is none. */
static bool leave_out(const Table *table, unsigned *widths)
{
        size_t first = table->n_columns;

        for (size_t c = 0; c < table->n_columns; c++) {
                unsigned spare = table->columns[c].spare;

                if (spare > 0 && widths[c] != LEFT_OUT &&
                    (first == table->n_columns || spare < table->columns[first].spare))
                        first = c;
        }
        if (first == table->n_columns)
                return false;
        widths[first] = LEFT_OUT;
        return true;
}

static void fit(const Table *table, unsigned limit, const unsigned *natural, unsigned *widths)
{
        do {
                for (size_t c = 0; c < table->n_columns; c++)
                        if (widths[c] != LEFT_OUT)
                                widths[c] = natural[c];
                shrink(table, limit, widths);
        } while (total_width(table, widths) > limit && leave_out(table, widths));
}

static const char *colour_code(CellColour colour)
{
        static const char *const codes[] = {
                [CELL_PLAIN] = "",        [CELL_GOOD] = "\033[32m",   [CELL_BAD] = "\033[31m",
                [CELL_WARN] = "\033[33m", [CELL_ACTIVE] = "\033[36m", [CELL_DIM] = "\033[2m",
        };

        return codes[colour];
}

static void append_spaces(Buf *to, unsigned n)
{
        static const char blanks[] = "                                ";

        for (unsigned part; n > 0; n -= part) { /* errors stick to the buffer */
                part = MIN(n, (unsigned) sizeof(blanks) - 1);
                (void) buf_append(to, blanks, part);
        }
}

static void append_cell(const Out *out, const TableColumn *column, const Cell *cell,
                        const char *code, unsigned width, Buf *to)
{
        _cleanup_free_ char *cut = NULL;
        const char *text = cell->text;
        unsigned columns = cell->columns, pad;

        if (width == LEFT_OUT)
                return;
        if (columns > width) {
                text = cut = text_cut(text, width, out->utf8);
                columns = text_columns(cut);
        }
        pad = width - MIN(columns, width);
        if (column->right)
                append_spaces(to, pad);
        if (out->colour && *code && *text)
                (void) buf_printf(to, "%s%s\033[0m", code, text);
        else
                (void) buf_append_str(to, text);
        append_spaces(to, (column->right ? 0 : pad) + GAP_COLUMNS);
}

/* Lines end behind their last text, whatever was padded. */
static void end_line(Buf *to)
{
        while (to->len > 0 && to->data[to->len - 1] == ' ')
                to->len--;
        (void) buf_append_str(to, "\n");
}

static void append_header(const Out *out, const Table *table, const unsigned *widths, Buf *to)
{
        for (size_t c = 0; c < table->n_columns; c++) {
                const char *title = table->columns[c].title;
                Cell cell = {.text = (char *) title, .columns = text_columns(title)};

                append_cell(out, &table->columns[c], &cell, "\033[1m", widths[c], to);
        }
        end_line(to);
}

void out_table(const Out *out, const Table *table, bool header)
{
        _cleanup_free_ unsigned *widths = must(mem_array(table->n_columns, sizeof(*widths)));
        _cleanup_free_ unsigned *natural = must(mem_array(table->n_columns, sizeof(*natural)));
        _cleanup_free_ char *text = NULL;
        Buf buf;

        buf_init(&buf, OUT_TEXT_BYTES_MAX);
        measure(table, header, natural);
        memcpy(widths, natural, table->n_columns * sizeof(*widths));
        if (out->width > 0 && !out->full)
                fit(table, out->width, natural, widths);
        if (header)
                append_header(out, table, widths, &buf);
        for (size_t i = 0; i < table->n_cells; i++) {
                size_t c = i % table->n_columns;
                const Cell *cell = &table->cells[i];

                append_cell(out, &table->columns[c], cell, colour_code(cell->colour), widths[c],
                            &buf);
                if (c + 1 == table->n_columns)
                        end_line(&buf);
        }
        text = must_take_str(&buf);
        (void) fputs(text, out->data); /* a failed write shows when main closes the stream */
}
