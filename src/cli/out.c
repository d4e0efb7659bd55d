/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"

#include "must.h"

bool stream_is_terminal(FILE *f)
{
        int fd = fileno(f);

        return fd >= 0 && isatty(fd);
}

unsigned out_columns(FILE *f)
{
        struct winsize size = {0};
        int fd = fileno(f);

        if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0)
                return 0;
        return size.ws_col;
}

void out_detect(Out *out)
{
        const char *term = getenv("TERM");

        out->data_tty = stream_is_terminal(out->data);
        out->talk_tty = stream_is_terminal(out->talk);
        out->terminal_able = term && *term && !str_equal(term, "dumb");
        out->width = out->data_tty ? out_columns(out->data) : 0;
}

bool text_is_plain(const char *s)
{
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || (unsigned char) *s >= 0x7f)
                        return false;
        return true;
}

char *out_escape(const char *s)
{
        size_t room = strlen(s) * 4 + 1; /* \xNN at worst */
        char *text;

        if (text_is_plain(s))
                return must(mem_strdup(s));
        text = must(mem_alloc(room));
        return str_escape(text, room, s);
}

_printf_(2, 0) static void print_line(FILE *f, const char *fmt, va_list ap)
{
        _cleanup_free_ char *text = must_vprintf(fmt, ap), *safe = NULL;

        safe = out_escape(text);
        (void) fprintf(f, "%s\n", safe); /* a failed write shows when main closes the stream */
}

void out_line(const Out *out, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        print_line(out->data, fmt, ap);
        va_end(ap);
}

void out_note(const Out *out, const char *fmt, ...)
{
        va_list ap;

        if (out->quiet || out_is_json(out))
                return;
        va_start(ap, fmt);
        print_line(out->talk, fmt, ap);
        va_end(ap);
}

void out_complain(const Out *out, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        print_line(out->talk, fmt, ap);
        va_end(ap);
}

bool out_is_chatty(const Out *out)
{
        return !out->quiet && !out_is_json(out) && (out->data_tty || out->verbose);
}
