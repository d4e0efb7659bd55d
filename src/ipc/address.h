/* SPDX-License-Identifier: Apache-2.0 */
/* Where an instance listens and keeps its state (design §4); the same rules for client and daemon.
 * Pure functions of the environment handed in. Caller owns the results. */
#pragma once

#include <stdint.h>

#include "base/attr.h"

/* $BITSD_SOCKET, else $XDG_RUNTIME_DIR/bitsd/socket when that directory is there and the user's
 * own, else the same below /run/user/UID, else $TMPDIR (or /tmp)/bitsd-UID/socket. Empty variables
 * count as unset. 0, -ENOMEM, -ENAMETOOLONG (sockets allow 107 bytes). */
_must_use_ int address_user_socket(uint32_t uid, char **ret_path);
/* $BITSD_STATE_DIR, else $XDG_STATE_HOME/bitsd, else $HOME/.local/state/bitsd (home from the
 * password database when HOME is not set). 0, -ENOMEM, -ENOENT: the user has no home. */
_must_use_ int address_user_state_dir(uint32_t uid, char **ret_path);
