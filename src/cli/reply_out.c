/* SPDX-License-Identifier: Apache-2.0 */
#include "reply_out.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"

#include "message.h"
#include "must.h"

enum {
        HEX_ROW_BYTES = 16,
        COPY_BYTES = 65536,
};

bool reply_is_text(const uint8_t *data, size_t bytes)
{
        _cleanup_free_ char *text = NULL, *safe = NULL;

        if (bytes > 0 && memchr(data, '\0', bytes))
                return false;
        text = must(mem_alloc(bytes + 1));
        for (size_t i = 0; i < bytes; i++)
                text[i] = data[i] != '\0' && strchr("\t\n\r", data[i]) ? ' ' : (char) data[i];
        text[bytes] = '\0';
        safe = out_escape(text);
        return str_equal(text, safe);
}

void reply_write_hex(FILE *f, const uint8_t *data, size_t bytes)
{
        for (size_t at = 0; at < bytes; at += HEX_ROW_BYTES) {
                size_t n = MIN(bytes - at, (size_t) HEX_ROW_BYTES);

                (void) fprintf(f, "%08zx ", at); /* failures show when the stream is flushed */
                for (size_t i = 0; i < HEX_ROW_BYTES; i++)
                        if (i < n)
                                (void) fprintf(f, "%s%02x", i == 8 ? "  " : " ", data[at + i]);
                        else
                                (void) fputs(i == 8 ? "    " : "   ", f);
                (void) fputs("  |", f);
                for (size_t i = 0; i < n; i++)
                        (void) fputc(data[at + i] >= 0x20 && data[at + i] < 0x7f ? data[at + i]
                                                                                 : '.',
                                     f);
                (void) fputs("|\n", f);
        }
}

static int complain_write(Cli *cli, int err)
{
        return message_plain(&cli->out, STATUS_FAILED, NULL, "cannot write the reply: %s",
                             strerrordesc_np(err));
}

static int refuse_terminal(Cli *cli, const char *prefix)
{
        _cleanup_free_ char *hint = NULL;

        hint = must(mem_printf("look at it: bitsctl reply --hex %s; or save it: bitsctl reply "
                               "-o FILE %s",
                               prefix, prefix));
        return message_plain(&cli->out, STATUS_FAILED, hint,
                             "the reply is no plain text and could upset the terminal");
}

static int write_block(Cli *cli, FILE *f, const uint8_t *data, size_t bytes)
{
        if ((bytes > 0 && fwrite(data, 1, bytes, f) != bytes) || fflush(f) != 0)
                return complain_write(cli, errno);
        return STATUS_OK;
}

int reply_write(Cli *cli, FILE *f, bool tty, const char *prefix, const uint8_t *data, size_t bytes)
{
        if (tty && !reply_is_text(data, bytes))
                return refuse_terminal(cli, prefix);
        return write_block(cli, f, data, bytes);
}

/* ---- out of a file ---- */

static int complain_read(Cli *cli, const char *path, int err)
{
        return message_plain(&cli->out, STATUS_FAILED, NULL, "cannot read the reply in %s: %s",
                             path, strerrordesc_np(err));
}

static int copy_all(Cli *cli, FILE *f, const char *path, FILE *from)
{
        _cleanup_free_ uint8_t *block = must(mem_alloc(COPY_BYTES));
        int status = STATUS_OK;
        size_t n;

        do {
                n = fread(block, 1, COPY_BYTES, from);
                if (ferror(from))
                        return complain_read(cli, path, errno);
                status = write_block(cli, f, block, n);
        } while (n > 0 && status == STATUS_OK);
        return status;
}

static int copy_file(Cli *cli, FILE *f, const char *path)
{
        FILE *from = fopen(path, "re");
        int status;

        if (!from)
                return complain_read(cli, path, errno);
        status = copy_all(cli, f, path, from);
        (void) fclose(from); /* it was only read */
        return status;
}

int reply_copy(Cli *cli, FILE *f, bool tty, const char *path)
{
        _cleanup_free_ char *hint = NULL;

        if (!tty)
                return copy_file(cli, f, path);
        hint = must(mem_printf("it stands in %s", path));
        return message_plain(&cli->out, STATUS_FAILED, hint,
                             "the reply is too long for a terminal");
}

/* ---- into a file ---- */

static FILE *open_target(Cli *cli, const char *path, bool force)
{
        FILE *f = fopen(path, force ? "we" : "wxe");

        if (!f)
                (void) message_plain(&cli->out, STATUS_FAILED, NULL, "cannot save to %s: %s", path,
                                     strerrordesc_np(errno));
        return f;
}

static int close_target(Cli *cli, FILE *f, const char *path, int status)
{
        struct stat st;

        /* half a reply would look like a whole one */
        if (status != STATUS_OK && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode))
                (void) unlink(path);
        if (fclose(f) == 0 || status != STATUS_OK)
                return status;
        return complain_write(cli, errno);
}

int reply_save(Cli *cli, const char *path, bool force, const uint8_t *data, size_t bytes)
{
        FILE *f = open_target(cli, path, force);

        return f ? close_target(cli, f, path, write_block(cli, f, data, bytes)) : STATUS_FAILED;
}

int reply_save_copy(Cli *cli, const char *path, bool force, const char *from)
{
        FILE *f = open_target(cli, path, force);

        return f ? close_target(cli, f, path, copy_file(cli, f, from)) : STATUS_FAILED;
}
