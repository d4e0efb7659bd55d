/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/program_output.h"

#include <errno.h>
#include <unistd.h>

#include "base/attr.h"

enum { READ_BYTES = 16384, READS_PER_TURN = 4 };

void program_output_init(ProgramOutput *o, void (*line)(void *ctx, const char *text), void *ctx)
{
        *o = (ProgramOutput){.line = line, .ctx = ctx};
}

static void end_line(ProgramOutput *o)
{
        o->text[o->len] = '\0';
        o->len = 0;
        o->line(o->ctx, o->text);
}

static void add_byte(ProgramOutput *o, char c)
{
        if (c == '\n') {
                end_line(o);
                return;
        }
        if (o->len == PROGRAM_LINE_BYTES)
                end_line(o);
        o->text[o->len++] = c ? c : ' ';
}

void program_output_add(ProgramOutput *o, const char *data, size_t bytes)
{
        uint64_t kept = o->total_bytes - o->dropped_bytes;
        size_t take = (size_t) MIN((uint64_t) bytes, PROGRAM_OUTPUT_BYTES_MAX - kept);

        o->total_bytes += bytes;
        o->dropped_bytes += bytes - take;
        for (size_t i = 0; i < take; i++)
                add_byte(o, data[i]);
}

void program_output_end(ProgramOutput *o)
{
        if (o->len > 0)
                end_line(o);
}

bool program_output_read(ProgramOutput *o, int fd, bool *ret_end)
{
        char data[READ_BYTES];

        *ret_end = false;
        for (int i = 0; i < READS_PER_TURN; i++) {
                ssize_t n = read(fd, data, sizeof(data));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        *ret_end = n == 0 || errno != EAGAIN;
                        return false;
                }
                program_output_add(o, data, (size_t) n);
        }
        return true;
}
