/* SPDX-License-Identifier: Apache-2.0 */
/* What the service wrote to the journal, by way of journalctl. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"

typedef struct JournalQuery {
        const GUID *job; /* NULL: all */
        uint32_t lines;  /* at most so many of the last; UINT32_MAX: all */
        bool follow;     /* goes on until this program is ended */
} JournalQuery;

/* Prints the entries and gives their number; 0 also when there is no journal, or no journalctl. */
uint64_t log_journal_print(const Cli *cli, const JournalQuery *query);
