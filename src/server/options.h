/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bitssrv. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
        EXIT_OK = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        OPTIONS_LISTENERS_MAX = 8,
};

typedef enum OptionsVerdict {
        OPTIONS_RUN,
        OPTIONS_CHECK_CONFIG, /* read the configuration, say whether it is sound */
        OPTIONS_DONE,         /* --help, --version: printed */
        OPTIONS_WRONG,        /* said so on standard error */
} OptionsVerdict;

typedef struct OptionsListener {
        const char *address;
        bool tls;
} OptionsListener;

typedef struct Options { /* texts borrowed from argv; NULL = not given */
        OptionsListener listeners[OPTIONS_LISTENERS_MAX];
        size_t n_listeners;
        const char *root;
        const char *session_directory;
        const char *config;
        const char *tls_certificate;
        const char *tls_key;
        const char *metrics_address;
        const char *access_log;
        const char *port_file;
        bool allow_overwrites;
        int log_level;
} Options;

OptionsVerdict options_parse(int argc, char **argv, Options *ret);
