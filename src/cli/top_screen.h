/* SPDX-License-Identifier: Apache-2.0 */
/* The whole terminal for a picture that is drawn anew in place: each time in one write, over what
 * was there, so that nothing flickers. The terminal is as before when the screen is left. */
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "out.h"

typedef struct TopScreen {
        const Out *out;
        struct termios before;
        bool raw; /* keys come one by one; `before` is valid */
        bool entered;
} TopScreen;

void top_screen_enter(TopScreen *s, const Out *out);
void top_screen_leave(TopScreen *s);
/* Lines of the terminal; 24 when it does not say. */
unsigned top_screen_rows(const TopScreen *s);
/* `text` is whole lines. */
void top_screen_draw(TopScreen *s, const char *text);
/* A key that was pressed, 0 when none was. */
int top_screen_key(void);
