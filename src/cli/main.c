/* SPDX-License-Identifier: Apache-2.0 */
/* bitsctl: see and steer background transfers. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "message.h"

/* The last of the output may fail to be written: a full disk must not look like success. */
static int close_output(Out *out, int status)
{
        if (!ferror(out->data) && fclose(out->data) == 0)
                return status;
        if (errno == EPIPE) /* the reader had enough */
                return status;
        return status_worse(status,
                            message_plain(out, STATUS_FAILED, NULL, "cannot write the output: %s",
                                          strerrordesc_np(errno)));
}

int main(int argc, char **argv)
{
        Out out = {.data = stdout, .talk = stderr};

        if (!setlocale(LC_CTYPE, ""))
                (void) setlocale(LC_CTYPE, "C"); /* always there */
        return close_output(&out, cli_run(&out, argc - 1, argv + 1));
}
