/* SPDX-License-Identifier: Apache-2.0 */
#include "top_screen.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"

#include "must.h"

/* Other screen, no cursor, empty; what is too wide for it does not go on in the next row. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_OF_LINE "\033[K"
#define REST_OF_SCREEN "\033[J"

enum { ROWS_USUAL = 24 };

static void put(const TopScreen *s, const char *text)
{
        (void) fputs(text, s->out->data);
        (void) fflush(s->out->data); /* a terminal that is gone shows in the next signal */
}

void top_screen_enter(TopScreen *s, const Out *out)
{
        struct termios raw;

        *s = (TopScreen){.out = out, .entered = true};
        if (tcgetattr(STDIN_FILENO, &s->before) == 0) {
                raw = s->before;
                raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
                raw.c_cc[VMIN] = 0;
                raw.c_cc[VTIME] = 0;
                s->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
        }
        put(s, ENTER);
}

void top_screen_leave(TopScreen *s)
{
        if (!s->entered)
                return;
        put(s, LEAVE);
        if (s->raw)
                (void) tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
        s->entered = s->raw = false;
}

unsigned top_screen_rows(const TopScreen *s)
{
        struct winsize size;

        if (ioctl(fileno(s->out->data), TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
                return ROWS_USUAL;
        return size.ws_row;
}

void top_screen_draw(TopScreen *s, const char *text)
{
        _cleanup_free_ char *all = NULL;
        Buf page;
        unsigned rows = top_screen_rows(s);

        buf_init(&page, OUT_TEXT_BYTES_MAX);
        (void) buf_append_str(&page, HOME);
        for (unsigned row = 1; *text && row <= rows; row++) {
                size_t len = strcspn(text, "\n");

                (void) buf_append(&page, text, len);
                /* A line end on the last row would scroll. */
                (void) buf_append_str(&page, row < rows ? END_OF_LINE "\n" : END_OF_LINE);
                text += len + (text[len] == '\n');
        }
        (void) buf_append_str(&page, REST_OF_SCREEN);
        all = must_take_str(&page);
        put(s, all);
}

int top_screen_key(void)
{
        unsigned char key;

        return read(STDIN_FILENO, &key, 1) == 1 ? key : 0;
}
