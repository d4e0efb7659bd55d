/* SPDX-License-Identifier: Apache-2.0 */
/* What the server is told: an INI file with a [server] section and one [site /prefix] section for
 * each virtual directory, or only --root DIR. A section for a sub-directory starts out with the
 * properties of the one above it. Counted, because requests that began under an old configuration
 * end under it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "server/site.h"
#include "server/target.h"
#include "server/trusted.h"

enum {
        CONFIG_LISTENERS_MAX = 32,
        CONFIG_SITES_MAX = 256,
        CONFIG_VALUE_MAX_BYTES = 4096,
};

/* max_connections_per_address when nothing is said: address_limit.h knows what that means. */
#define CONFIG_PER_ADDRESS_DEFAULT UINT32_MAX

typedef struct ConfigListener {
        char *address; /* HOST:PORT, [ADDR]:PORT, :PORT, or unix:PATH */
        bool tls;
} ConfigListener;

typedef struct Config {
        unsigned refs;
        Site *sites; /* longest prefix first */
        size_t n_sites;
        ConfigListener listeners[CONFIG_LISTENERS_MAX];
        size_t n_listeners;
        char *metrics_address; /* "" = none */
        char *tls_certificate; /* names of PEM files */
        char *tls_key;
        char *access_log; /* a file name, "-" = standard error, "" = none */
        char *public_url; /* scheme and host that clients use, "" = as they say */
        uint32_t max_connections;
        uint32_t max_connections_per_address; /* 0 = no limit, or CONFIG_PER_ADDRESS_DEFAULT */
        uint32_t max_sessions;
        uint32_t max_sessions_per_address;
        uint32_t idle_sec;
        uint64_t body_rate_min_bytes;
        uint32_t body_rate_window_sec;
        uint32_t stop_sec; /* how long requests may go on after SIGTERM */
        Trusted trusted;
} Config;

/* 0 or -ENOMEM. */
_must_use_ int config_new(Config **ret);
Config *config_ref(Config *c);
Config *config_unref(Config *c);
DEFINE_CLEANUP(Config *, config_unref)
/* Reads a file on top of the defaults. Negative errno with the reason in `why`. */
_must_use_ int config_read(Config *c, const char *path, Buf *why);
_must_use_ int config_add_listener(Config *c, const char *address, bool tls);
/* Adds "/" for --root: uploads are on. -EEXIST: the file has it as well. */
_must_use_ int config_add_root(Config *c, const char *directory, Site **ret_site);
/* All is said: opens the directories of all sites. */
_must_use_ int config_open(Config *c, Buf *why);
/* How often old sessions are removed: as the site wishes that wants it most often. */
uint64_t config_sweep_period_sec(const Config *c);
/* The site for a decoded path, NULL when there is none. */
const Site *config_find_site(const Config *c, const char *path);
