/* SPDX-License-Identifier: Apache-2.0 */
/* The values behind options: words and numbers into the fields of Options. */
#pragma once

#include "options.h"

/* `value` is NULL when none was given. A value that does not fit sets the error. */
void option_set_value(Options *o, OptId id, const char *value, UsageError *error);
