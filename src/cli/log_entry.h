/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the service's log, from its file or from the journal. Both are read as text that may
 * hold anything. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wintypes.h"

#include "cli.h"

typedef struct LogEntry {
        uint64_t wall_usec;
        uint64_t pid;
        uint32_t level; /* of syslog(3) */
        bool has_job;
        GUID job;
        const char *text; /* borrowed from the line */
} LogEntry;

/* A line of the file (daemon/log_file.h), without its end. False when it is none. */
bool log_entry_parse(const char *line, LogEntry *ret);
/* Adds what a line "KEY=VALUE" of an entry in the journal's export format says; others are
 * ignored. */
void log_entry_add_field(LogEntry *e, const char *line);
void log_entry_print(const Cli *cli, const LogEntry *e);
