/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/cmd_line.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf.h"

/* Words go to `out` one after the other, each with its terminator. That never takes more bytes than
 * the line and its own terminator: a word that does not end the line is followed by a blank, or
 * stood in quotes. */
typedef struct Splitter {
        const char *in;
        char *out;
        char **argv;
} Splitter;

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static void skip_blanks(Splitter *s)
{
        while (is_blank(*s->in))
                s->in++;
}

static void begin_word(Splitter *s)
{
        *s->argv++ = s->out;
}

static void end_word(Splitter *s)
{
        *s->out++ = '\0';
}

static void split_first(Splitter *s)
{
        bool quoted = *s->in == '"';

        begin_word(s);
        s->in += quoted;
        while (*s->in != '\0' && (quoted ? *s->in != '"' : !is_blank(*s->in)))
                *s->out++ = *s->in++;
        if (quoted && *s->in == '"')
                s->in++;
        end_word(s);
}

/* A run of backslashes; a literal quote after it is taken too. */
static void take_backslashes(Splitter *s)
{
        size_t n = strspn(s->in, "\\");
        size_t kept = s->in[n] == '"' ? n / 2 : n;

        s->in += n;
        memset(s->out, '\\', kept);
        s->out += kept;
        if (*s->in == '"' && n % 2 == 1)
                *s->out++ = *s->in++;
}

static void split_later(Splitter *s)
{
        bool quoted = false;

        begin_word(s);
        while (*s->in != '\0' && (quoted || !is_blank(*s->in))) {
                if (*s->in == '\\') {
                        take_backslashes(s);
                } else if (*s->in != '"') {
                        *s->out++ = *s->in++;
                } else if (quoted && s->in[1] == '"') {
                        *s->out++ = '"';
                        s->in += 2;
                } else {
                        quoted = !quoted;
                        s->in++;
                }
        }
        end_word(s);
}

/* Room for the words of a line: each but the first takes a blank and a byte, or the quotes of the
 * first one. */
static size_t words_max(size_t bytes)
{
        return bytes / 2 + 2;
}

static int check(const char *text)
{
        size_t bytes = strnlen(text, CMD_LINE_BYTES_MAX + 1);

        if (bytes > CMD_LINE_BYTES_MAX)
                return -E2BIG;
        return utf8_is_valid(text, bytes) ? 0 : -EILSEQ;
}

int cmd_line_split(const char *program, const char *line, char ***ret_argv)
{
        bool alone = !line || *line == '\0';
        size_t bytes, words;
        Splitter s;
        char **argv;
        int r = check(program);

        if (r == 0 && !alone)
                r = check(line);
        if (r < 0)
                return r;
        bytes = strlen(alone ? program : line) + 1;
        words = (alone ? 1 : words_max(bytes)) + 1;
        argv = mem_alloc(words * sizeof(*argv) + bytes);
        if (!argv)
                return -ENOMEM;
        s = (Splitter){.in = line, .out = (char *) (argv + words), .argv = argv};
        if (alone) {
                begin_word(&s);
                memcpy(s.out, program, bytes);
        } else {
                split_first(&s);
                for (skip_blanks(&s); *s.in != '\0'; skip_blanks(&s))
                        split_later(&s);
        }
        *s.argv = NULL;
        *ret_argv = argv;
        return 0;
}

/* ---- the way back ---- */

static bool needs_quotes(const char *word)
{
        return *word == '\0' || strpbrk(word, " \t\"");
}

static void join_first(Buf *b, const char *word)
{
        bool quote = *word == '\0' || strpbrk(word, " \t");

        (void) buf_append_str(b, quote ? "\"" : ""); /* failures stay in the buffer */
        (void) buf_append_str(b, word);
        (void) buf_append_str(b, quote ? "\"" : "");
}

static void repeat_backslash(Buf *b, size_t n)
{
        while (n-- > 0)
                (void) buf_append(b, "\\", 1);
}

static void join_later(Buf *b, const char *word)
{
        if (!needs_quotes(word)) {
                (void) buf_printf(b, " %s", word);
                return;
        }
        (void) buf_append_str(b, " \"");
        while (*word != '\0') {
                size_t n = strspn(word, "\\");
                bool before_quote = word[n] == '"' || word[n] == '\0';

                repeat_backslash(b, before_quote ? 2 * n : n);
                word += n;
                if (*word == '"')
                        (void) buf_append_str(b, "\\");
                if (*word != '\0')
                        (void) buf_append(b, word++, 1);
        }
        (void) buf_append_str(b, "\"");
}

int cmd_line_join(char *const *argv, char **ret)
{
        Buf b;
        char *line;
        int r = 0;

        if (!argv[0] || strchr(argv[0], '"'))
                return -EINVAL;
        for (size_t i = 0; argv[i] && r == 0; i++)
                r = check(argv[i]);
        if (r < 0)
                return r;
        buf_init(&b, CMD_LINE_BYTES_MAX);
        join_first(&b, argv[0]);
        for (size_t i = 1; argv[i]; i++)
                join_later(&b, argv[i]);
        r = buf_error(&b);
        line = r == 0 ? buf_take_str(&b) : NULL;
        buf_done(&b);
        if (!line)
                return r == -EMSGSIZE ? -E2BIG : -ENOMEM;
        *ret = line;
        return 0;
}
