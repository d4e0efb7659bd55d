/* SPDX-License-Identifier: Apache-2.0 */
/* For the two files that build a Config. */
#pragma once

#include "server/config.h"

/* A site with defaults; valid until the next one is added. */
_must_use_ int config_add_site(Config *c, const char *prefix, Site **ret);
