/* SPDX-License-Identifier: Apache-2.0 */
/* The settings there are: section, name, kind and range, and where their values go. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum ConfigKeyKind {
        KEY_COUNT,    /* uint32_t; also "unlimited" */
        KEY_NUMBER,   /* uint32_t */
        KEY_DAYS,     /* uint64_t of seconds; the number is days */
        KEY_MIB,      /* uint64_t of bytes; the number is MiB */
        KEY_SECONDS,  /* uint32_t; a time such as 90s */
        KEY_LONG,     /* uint64_t of seconds; likewise */
        KEY_USECONDS, /* uint64_t of microseconds; likewise */
        KEY_TEXT,     /* char *; empty = not set */
        KEY_PATH,     /* char *; absolute; empty = not set */
        KEY_LIST,     /* char *; joined by commas over several lines; empty = begin anew */
        KEY_LEVEL,    /* int; a level of syslog */
        KEY_SWITCH,   /* bool; yes or no */
        KEY_METERED,  /* MeteredConfig; auto, yes or no */
        KEY_ADAPT,    /* bool; adaptive or off */
        KEY_KBITS,    /* uint64_t of bytes per second; Kbit/s */
} ConfigKeyKind;

typedef struct ConfigKey {
        const char *section;
        const char *name;
        ConfigKeyKind kind;
        size_t offset;     /* in Config */
        uint64_t min, max; /* of numbers, in the unit that is written */
} ConfigKey;

/* The n-th; NULL when there are no more. */
const ConfigKey *config_key(size_t n);
