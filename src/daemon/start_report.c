/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/start_report.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

void start_report_begin(StartReport *r, int fd)
{
        *r = (StartReport){.fd = fd, .error = "!"};
        log_keep_error(r->error + 1, sizeof(r->error) - 1);
}

static void report(StartReport *r, const char *text)
{
        log_keep_error(NULL, 0);
        if (r->fd < 0)
                return;
        if (fd_write_all(r->fd, text, strlen(text)) < 0)
                log_debug("whoever waited for us has gone");
        (void) close(r->fd);
        r->fd = -1;
}

void start_report_ready(StartReport *r)
{
        report(r, "1");
}

void start_report_failed(StartReport *r)
{
        report(r, r->error);
}
