/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may do with files and its neighbours from now on (Landlock, Linux 5.13; newer
 * kernels refuse more). Rights are given to a directory with all that is below it, or to a file;
 * what a set handles and no rule gives is refused with EACCES. A process in such a set can look
 * into, and from Linux 6.12 on send signals to, only those that are in it too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

typedef enum FileRights {
        FILE_READS = 1 << 0,    /* files, and the list of a directory */
        FILE_WRITES = 1 << 1,   /* and make, rename and remove files and directories */
        FILE_RUNS = 1 << 2,     /* execve; loading a library only reads */
        FILE_SOCKETS = 1 << 3,  /* make Unix sockets */
        FILE_SPECIALS = 1 << 4, /* make devices, pipes and symbolic links */
        FILE_ANY = (1 << 5) - 1,
} FileRights;

typedef struct FileRules {
        int fd;  /* -1: none */
        int abi; /* Landlock's version in the kernel; 0: none */
        uint64_t handled;
} FileRules;

/* A set that refuses `handled` where it is not given. 0; 1: this kernel has no Landlock, all that
 * follows does nothing then; or negative errno. `allow_tcp_bind`: may listen on TCP. */
_must_use_ int file_rules_new(FileRules *ret, unsigned handled, bool allow_tcp_bind);
void file_rules_done(FileRules *r);
/* 0, -ENOENT when nothing has the name, or negative errno. */
_must_use_ int file_rules_add(FileRules *r, const char *path, unsigned rights);
/* For this thread and all that it starts. PR_SET_NO_NEW_PRIVS has to be set. */
_must_use_ int file_rules_enter(const FileRules *r);
