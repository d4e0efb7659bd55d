/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users. */
#pragma once

#include <stdint.h>

/* The log-on name, or the number when the user is unknown; caller owns it. */
char *owner_name(uint32_t uid);
