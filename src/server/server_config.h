/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration out of the command line and a file. */
#pragma once

#include "server/server.h"

/* Says on the log what is wrong. `sandbox`: all has to be inside of it; NULL at the start. 0 or
 * negative errno. */
_must_use_ int server_config_prepare(const Options *options, const ServerSandbox *sandbox,
                                     Config **ret);
