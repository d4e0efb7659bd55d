/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bitsd. Strings are borrowed from argv. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

typedef struct Options {
        const char *socket;    /* NULL: the default place */
        const char *state_dir; /* likewise */
        const char *config;    /* likewise */
        bool no_persist;
        bool if_needed;
        bool idle_exit_is_set; /* else the configuration's or the default */
        uint64_t idle_exit_sec;
        bool log_level_is_set;
        int log_level;
        int ready_fd; /* -1 = none */
} Options;

typedef enum OptionsVerdict {
        OPTIONS_RUN,
        OPTIONS_DONE,  /* what was asked for (help, version) has been printed */
        OPTIONS_WRONG, /* a line on stderr says what */
} OptionsVerdict;

_must_use_ OptionsVerdict options_parse(int argc, char **argv, Options *ret);
