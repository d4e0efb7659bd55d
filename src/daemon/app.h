/* SPDX-License-Identifier: Apache-2.0 */
/* The whole service: creates every port, hands them to the manager, serves until it is told to
 * leave or is idle for long enough, and takes everything down in reverse. */
#pragma once

#include "base/attr.h"
#include "daemon/options.h"

/* Exit statuses (bitsd(8)). */
enum {
        APP_EXIT_OK = 0,
        APP_EXIT_FAILURE = 1,
        APP_EXIT_USAGE = 64,
        APP_EXIT_TAKEN = 75, /* another one serves this state directory or socket */
        APP_EXIT_CONFIG = 78,
};

/* SIGTERM, SIGINT, SIGHUP and SIGCHLD must be blocked. Returns the exit status; what went wrong
 * has been logged. */
int app_run(const Options *options);
