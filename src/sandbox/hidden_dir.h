/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that this process is not to see: Landlock gives rights and cannot take one directory
 * out of what it gave, so an empty file system is put over it in a mount namespace of our own
 * (inside a user namespace of our own unless we may mount anyway). Later mounts still reach us;
 * user id and groups stay what they are; rights that came with the namespace are given up. */
#pragma once

#include "base/attr.h"

/* To be called while the process has one thread and may be dumped. Tried in a child first, so that
 * -EPERM and the like (no namespaces here: containers, a policy) leave everything as it was. Open
 * descriptors of files in the directory stay of use. */
_must_use_ int hidden_dir_enter(const char *path);
