/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns. Widths are those of the display, so that wide and combining characters line
 * up. On a terminal the columns marked as flexible give way, from the right, until a row fits; if
 * that is not enough, those that can be spared are left out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "out.h"

typedef enum CellColour {
        CELL_PLAIN,
        CELL_GOOD,
        CELL_BAD,
        CELL_WARN,
        CELL_ACTIVE,
        CELL_DIM,
} CellColour;

typedef struct TableColumn {
        const char *title;
        bool right;        /* aligned to the right */
        unsigned flexible; /* least width it may be cut to; 0 = never cut */
        unsigned spare;    /* 1 = left out first, 2 = next …; 0 = never */
} TableColumn;

typedef struct Table Table;

/* `columns` is borrowed and stays valid for the life of the table. */
Table *table_new(const TableColumn *columns, size_t n_columns);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free)
/* The next cell of the row being filled; a full row begins the next by itself. Takes text. */
void table_take_cell(Table *table, char *text, CellColour colour);
void table_cell(Table *table, const char *text); /* copies */
size_t table_rows(const Table *table);
/* With the header only when `header`. */
void out_table(const Out *out, const Table *table, bool header);

/* Columns that a text takes on a display; bytes that are no character count as one each. */
unsigned text_columns(const char *s);
/* A copy of at most `columns` columns, ending in the mark for "more" when it was cut. */
char *text_cut(const char *s, unsigned columns, bool utf8);
