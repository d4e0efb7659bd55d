/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines in one string: what is split joins to a line that splits into the same words, and
 * none of the words is longer than what there was. */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "proto/cmd_line.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 2 * CMD_LINE_BYTES_MAX };

#define PROGRAM "/opt/tool/run"

static void check_same(char *const *a, char *const *b)
{
        for (; *a && *b; a++, b++)
                FUZZ_CHECK(str_equal(*a, *b));
        FUZZ_CHECK(!*a && !*b);
}

static void check_line(const char *line)
{
        char **words, **again;
        size_t bytes = 0;
        char *joined;

        if (cmd_line_split(PROGRAM, line, &words) < 0)
                return;
        FUZZ_CHECK(words[0]);
        for (size_t i = 0; words[i]; i++)
                bytes += strlen(words[i]);
        FUZZ_CHECK(bytes <= (*line ? strlen(line) : strlen(PROGRAM)));
        /* Quoting may need more room than there is, and nothing else can be in the way. */
        if (cmd_line_join(words, &joined) == 0) {
                FUZZ_CHECK(cmd_line_split(PROGRAM, joined, &again) == 0);
                check_same(words, again);
                mem_free(again);
                mem_free(joined);
        } else {
                FUZZ_CHECK(strlen(line) > CMD_LINE_BYTES_MAX / 4 || strchr(words[0], '"') ||
                           (!words[0][0] && !words[1]));
        }
        mem_free(words);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        char *line;

        if (bytes > INPUT_MAX_BYTES)
                return;
        line = fuzz_rest(&in);
        check_line(line);
        mem_free(line);
}
