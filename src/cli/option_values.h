/* SPDX-License-Identifier: Apache-2.0 */
/* The values behind options: words and numbers into the fields of Options. */
#pragma once

#include "options.h"

/* `value` is NULL when none was given. A value that does not fit sets the error. */
void option_set_value(Options *o, OptId id, const char *value, UsageError *error);
/* The i-th of the words that the option's value may be; NULL behind the last, and for options whose
 * value is free. */
const char *option_word(OptId id, size_t i);
