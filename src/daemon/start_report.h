/* SPDX-License-Identifier: Apache-2.0 */
/* What a bitsd tells whoever started it (--ready-fd) and sees nothing of its log: "1" when it is
 * ready, or "!" and its last error when it never will be. Said once; then the descriptor is
 * closed. */
#pragma once

#include <stdbool.h>

typedef struct StartReport {
        int fd;          /* -1: nobody is to be told, or has been */
        char error[512]; /* the mark, and the last error so far */
} StartReport;

/* Errors are kept from here on; `r` stays where it is until one of the others was called. */
void start_report_begin(StartReport *r, int fd);
void start_report_ready(StartReport *r);
/* After start_report_ready() this does nothing. */
void start_report_failed(StartReport *r);
