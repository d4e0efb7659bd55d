/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses go to which files: out of words, options and --from lines, checked as far as
 * that can be done before any byte moves. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bits_native.h"

#include "cli.h"

typedef struct FilePlan {
        bits_file_spec *files; /* the strings are owned by the plan */
        size_t count;
        char *last_dir, *last_real; /* the directory resolved last, for the next file in it */
} FilePlan;

void file_plan_done(FilePlan *p);

/* Each adds to the plan; on failure the message is printed and the status given. `path` is
 * relative to `dir` (NULL: the present directory), or NULL: the name is that of the address. */
int file_plan_add(Cli *cli, FilePlan *p, const char *remote, const char *path, const char *dir);
/* Lines "URL" or "URL PATH"; # begins a comment line; "-" is stdin. */
int file_plan_add_from(Cli *cli, FilePlan *p, const char *from, const char *dir);
/* Nothing that exists is replaced (unless `force`), no two files have the same name. */
int file_plan_check(Cli *cli, const FilePlan *p, bool force);

/* For a single path, with the messages of the plan. The absolute form of one whose directory
 * exists, "cannot SAVE TO it" and NULL otherwise; and whether something stands there already. */
char *file_path_resolve(Cli *cli, const char *doing, const char *path);
int file_target_check(Cli *cli, const char *local, bool force);
