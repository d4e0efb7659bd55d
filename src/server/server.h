/* SPDX-License-Identifier: Apache-2.0 */
/* Everything wired together: configuration, listeners, fronts, sessions, and the signals that
 * reload, sweep and stop. One loop, no threads. */
#pragma once

#include <stdbool.h>

#include "server/access_log.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/fronts.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/sandbox.h"
#include "server/session_table.h"

enum { SERVER_LISTENERS_MAX = CONFIG_LISTENERS_MAX + OPTIONS_LISTENERS_MAX + 32 };

typedef struct Server {
        sd_event *loop;
        const Options *options;
        Config *config;
        ServerSandbox *sandbox;
        SessionWorld world;
        Room room;
        SessionTable *sessions;
        Auth *auth;
        AccessLog *access_log;
        Metrics metrics;
        Fronts *fronts;
        Listener *listeners[SERVER_LISTENERS_MAX];
        size_t n_listeners;
        sd_event_source *tend;
        sd_event_source *sweep;
        sd_event_source *stop; /* looks whether all have gone */
        uint64_t stop_mono;    /* when nobody is waited for any more */
} Server;

/* Runs until a signal ends it; an exit status of main(). */
_must_use_ int server_run(const Options *options);
/* Says whether the configuration is sound; an exit status of main(). */
_must_use_ int server_check_config(const Options *options);
