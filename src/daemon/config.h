/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: INI files, read at the start and on SIGHUP. First /etc/bitsd/bitsd.conf, then
 * those in /etc/bitsd/bitsd.conf.d that end in ".conf" in the order of their names, then the user's
 * own bitsd.conf; later values replace earlier ones. With --config FILE that file alone is read.
 *
 * The service never refuses to start because of what a file says: an unknown key or a bad value is
 * a warning with file and line, and what was set before stays. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "engine/policy.h"
#include "transfer/transfer_config.h"

#define CONFIG_ETC_DIR "/etc/bitsd"

enum { CONFIG_LOG_LEVEL_UNSET = -1 };
#define CONFIG_IDLE_EXIT_UNSET UINT64_MAX
#define CONFIG_PROGRAM_TIMEOUT_SEC 3600

typedef struct ServiceConfig {        /* the command line has the last word on both */
        uint64_t idle_exit_sec;       /* 0 = stay; CONFIG_IDLE_EXIT_UNSET */
        int log_level;                /* LOG_ERR … LOG_DEBUG; CONFIG_LOG_LEVEL_UNSET */
        uint32_t program_timeout_sec; /* how long a notification program may run */
} ServiceConfig;

/* Does the network cost? */
typedef enum MeteredConfig {
        METERED_AUTO, /* as NetworkManager says; without it, no */
        METERED_YES,
        METERED_NO,
} MeteredConfig;

typedef struct Config {
        Policy policy;
        MeteredConfig metered;
        TransferConfig transfer;
        ServiceConfig service;
} Config;

typedef struct ConfigSource {
        const char *only_file;                     /* NULL: the other two */
        const char *etc_dir;                       /* may be absent */
        const char *user_file;                     /* NULL or absent: none */
        void (*warn)(void *ctx, const char *text); /* NULL: to the log */
        void *ctx;
} ConfigSource;

/* Files in the usual places, or only `file` when it is not NULL. *ret is the caller's to release
 * with config_done(). 0, -ENOMEM, or the errno (logged) of a `file` that cannot be read. */
_must_use_ int config_load(const char *file, Config *ret);
/* The same from any places. */
_must_use_ int config_read(const ConfigSource *source, Config *ret);
void config_done(Config *config);
uint64_t config_program_timeout_usec(const Config *config);

/* Names of the n-th setting there is; false when there are no more. */
bool config_describe(size_t n, const char **ret_section, const char **ret_key);
