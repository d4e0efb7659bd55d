/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines as Windows programs get them: one string, which the C runtime there splits into
 * words. The rules (api-core §9.1):
 *
 *   1. Words are separated by spaces and tabs outside quotes. Nothing else is special: no `$`, `%`,
 *      `~`, `;` or newline.
 *   2. The first word, the program's name, ends at the next blank, or at the closing quote if it
 *      begins with one. Backslashes in it are ordinary. A line that begins with a blank has an
 *      empty first word.
 *   3. In later words a quote switches quoting on or off and is dropped.
 *   4. 2n backslashes before a quote stand for n of them, and the quote acts as in 3; 2n+1 stand
 * for n and a literal quote. Other backslashes are literal.
 *   5. Inside quotes two quotes in a row are one literal quote, and the quoting goes on.
 *
 * A missing closing quote is closed by the end of the line. */
#pragma once

#include "base/attr.h"
#include "base/cleanup.h"

enum {
        /* What 4,000 UTF-16 units of the API can take in UTF-8. */
        CMD_LINE_BYTES_MAX = 12000,
};

/* The words of `line`; NULL or "" stands for the program's path alone. *ret_argv ends with NULL and
 * is one block, freed with mem_free(). 0, -ENOMEM, -EILSEQ (not UTF-8), or -E2BIG (line or program
 * longer than CMD_LINE_BYTES_MAX). */
_must_use_ int cmd_line_split(const char *program, const char *line, char ***ret_argv);
/* The line that cmd_line_split() takes apart into just these words; `argv` ends with NULL. The
 * caller owns *ret. 0, -ENOMEM, -EILSEQ, -E2BIG, or -EINVAL: without words, or with a first one
 * that no line can carry (it has a quote). */
_must_use_ int cmd_line_join(char *const *argv, char **ret);
