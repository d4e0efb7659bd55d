/* SPDX-License-Identifier: Apache-2.0 */
/* Where an instance listens and keeps its state (design §4); the same rules for client and daemon.
 * Pure functions of the environment handed in. Caller owns the results. */
#pragma once

#include <stdint.h>

#include "base/attr.h"

/* $BITSD_SOCKET, else $XDG_RUNTIME_DIR/bitsd/socket, else /run/user/UID/bitsd/socket when that
 * directory exists, else $TMPDIR (or /tmp)/bitsd-UID/socket. 0, -ENOMEM, -ENAMETOOLONG (sockets
 * allow 107 bytes). */
_must_use_ int address_user_socket(uint32_t uid, char **ret_path);
/* $BITSD_STATE_DIR, else $XDG_STATE_HOME/bitsd, else $HOME/.local/state/bitsd (home from the
 * password database when HOME is not set). */
_must_use_ int address_user_state_dir(uint32_t uid, char **ret_path);
