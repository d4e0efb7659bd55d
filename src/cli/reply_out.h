/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a reply on their way out: to a stream or a file, raw or as a hex dump. They come
 * from a stranger, so a terminal is given text only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"

/* Nothing in it that could do something to a terminal. */
bool reply_is_text(const uint8_t *data, size_t bytes);
/* "00000000  7b 22 61 …  |{"a…|" */
void reply_write_hex(FILE *f, const uint8_t *data, size_t bytes);

/* Each prints its message and gives the status. When `f` is a terminal, what is no text is refused,
 * and the hint names the job by its `prefix`. */
int reply_write(Cli *cli, FILE *f, bool tty, const char *prefix, const uint8_t *data, size_t bytes);
/* The same out of a file, which may be of any size; too much for a terminal. */
int reply_copy(Cli *cli, FILE *f, bool tty, const char *path);
/* To a new file, or in the place of one when `force`. Nothing is left of it after a failure. */
int reply_save(Cli *cli, const char *path, bool force, const uint8_t *data, size_t bytes);
int reply_save_copy(Cli *cli, const char *path, bool force, const char *from);
