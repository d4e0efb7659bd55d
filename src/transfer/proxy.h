/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy a request goes through. The lists have the grammar of SetProxySettings:
 *
 *   proxies  blanks or semicolons between [scheme=][scheme://]server[:port]; an entry without
 *            "scheme=" serves the schemes that no entry names; entries are tried in order
 *   bypass   host names and addresses; '*' only at the left end; <local>: names without a dot
 *
 * Nobody checks them before a transfer runs, so a malformed list is an error of the transfer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "engine/types.h"

enum { PROXY_ENTRIES_MAX = 256 };

typedef struct ProxyEntry {
        char *for_scheme; /* NULL: for all others */
        char *url;        /* "http://server:port" */
} ProxyEntry;

typedef struct ProxyPlan {
        BG_JOB_PROXY_USAGE usage;
        ProxyEntry *entries;
        size_t entries_len;
        char **bypass;
        size_t bypass_len;
} ProxyPlan;

/* 0, -EINVAL when a list is malformed, -ENOMEM; the plan is untouched on failure. Lists may be
 * NULL. */
_must_use_ int proxy_plan_init(ProxyPlan *p, BG_JOB_PROXY_USAGE usage, const char *list,
                               const char *bypass);
void proxy_plan_done(ProxyPlan *p);

/* The nth (from 0) way to reach `host` by `scheme`, in curl's terms: NULL lets curl look at the
 * environment, "" is a direct connection, all else a proxy. false when there are no more ways.
 * *ret is borrowed from the plan. */
bool proxy_plan_pick(const ProxyPlan *p, const char *scheme, const char *host, size_t nth,
                     const char **ret);
