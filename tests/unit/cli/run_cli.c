/* SPDX-License-Identifier: Apache-2.0 */
#include "run_cli.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"

enum {
        WORDS_MAX = 32,
};

static int split_words(char *line, char **words)
{
        int n = 0;

        for (char *p = line; *p;) {
                char end = ' ';

                p += strspn(p, " ");
                if (*p == '\'') {
                        end = '\'';
                        p++;
                }
                if (*p)
                        words[n++] = p;
                p = strchrnul(p, end);
                if (*p)
                        *p++ = '\0';
        }
        return n;
}

Ran run_cli(const char *line)
{
        _cleanup_free_ char *copy = mem_strdup(line);
        char *words[WORDS_MAX];
        int n = split_words(copy, words);
        size_t data_bytes, talk_bytes;
        Ran ran = {0};
        Out out = {0};

        out.data = open_memstream(&ran.data, &data_bytes);
        out.talk = open_memstream(&ran.talk, &talk_bytes);
        ran.status = cli_run(&out, n, words);
        (void) fclose(out.data);
        (void) fclose(out.talk);
        return ran;
}

void ran_done(Ran *r)
{
        mem_free(r->data);
        mem_free(r->talk);
        *r = (Ran){0};
}
