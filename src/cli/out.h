/* SPDX-License-Identifier: Apache-2.0 */
/* Where and how this run prints. Data goes to stdout, talk to stderr, and everything that is text
 * passes through here or through out_table, which escape it: names and addresses come from
 * strangers and may hold control characters. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/buf.h"

typedef enum OutFormat {
        OUT_TEXT,
        OUT_JSON_SHORT,
        OUT_JSON_PRETTY,
} OutFormat;

typedef struct Out {
        FILE *data; /* stdout, or a test's stream */
        FILE *talk; /* stderr */
        OutFormat format;
        bool data_tty;
        bool talk_tty;
        bool terminal_able; /* escape sequences are understood: TERM is set and not "dumb" */
        bool colour;
        bool utf8;
        bool legend;
        bool full;
        bool quiet;
        bool verbose;
        unsigned width; /* columns of the terminal at `data`; 0 = no limit */
} Out;

enum {
        OUT_TEXT_BYTES_MAX = 1 << 30, /* one document or table */
};

/* Finds out about the two streams; the rest of *out is left as it is. */
void out_detect(Out *out);
bool stream_is_terminal(FILE *f);
/* Columns of the terminal at `f` just now; 0 when that is unknown. */
unsigned out_columns(FILE *f);

/* One line of data. */
void out_line(const Out *out, const char *fmt, ...) _printf_(2, 3);
/* One line of talk; nothing with --quiet or JSON. */
void out_note(const Out *out, const char *fmt, ...) _printf_(2, 3);
/* One line of talk, always. */
void out_complain(const Out *out, const char *fmt, ...) _printf_(2, 3);

/* True when a short word about what was done is welcome: a person watches, or asked for it. */
bool out_is_chatty(const Out *out);

static inline bool out_is_json(const Out *out)
{
        return out->format != OUT_TEXT;
}

/* True for text of printable ASCII characters alone, which needs no care. */
bool text_is_plain(const char *s);
/* The escaped form of s; caller owns it. */
char *out_escape(const char *s);
