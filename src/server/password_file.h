/* SPDX-License-Identifier: Apache-2.0 */
/* A file of users and password hashes as htpasswd writes it, one "user:hash" a line. Hashes are
 * whatever libcrypt knows: bcrypt (htpasswd -B), yescrypt, SHA-512 … */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

enum { PASSWORD_FILE_MAX_BYTES = 1024 * 1024 };

/* Takes as long for a user who does not exist as for one who does. False also when the file cannot
 * be read, which is logged. */
_must_use_ bool password_file_verify(const char *path, const char *user, const char *password);
