/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command line of bitsctl in this process and keeps what it printed. */
#pragma once

typedef struct Ran {
        int status;
        char *data; /* stdout */
        char *talk; /* stderr */
} Ran;

/* Words are separated by blanks; 'single quotes' keep them together. */
Ran run_cli(const char *line);
void ran_done(Ran *r);
