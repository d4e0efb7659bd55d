/* SPDX-License-Identifier: Apache-2.0 */
/* What a test and the shim inside a program share: a page of a file that both have mapped, named
 * like the program, in the directory FAULT_DIR. No such file: the shim does nothing. */
#pragma once

#include <stdint.h>

typedef enum FaultKind {
        FAULT_NONE,
        FAULT_ALLOC,     /* malloc, calloc, realloc … */
        FAULT_READ,      /* read, pread … of a regular file */
        FAULT_WRITE,     /* write, pwrite … of a regular file */
        FAULT_SYNC,      /* fsync, fdatasync, syncfs, io_submit */
        FAULT_RENAME,    /* rename…, link… */
        FAULT_FALLOCATE, /* fallocate, posix_fallocate */
        FAULT_OPEN,      /* open…, openat2 */
        FAULT_TRUNCATE,  /* ftruncate */
        FAULT_UNLINK,    /* unlink… */
        FAULT_COMMIT,    /* SQLite runs a COMMIT */
        FAULT_SEND,      /* send, sendmsg, write … on a socket of this machine's programs */
        FAULT_RECV,      /* recv, recvmsg, read … there */
        FAULT_NET_SEND,  /* the same on a socket of the network */
        FAULT_NET_RECV,
        FAULT_FD,    /* socket, accept, pipe, epoll_create … */
        FAULT_FREE,  /* free: always pretended */
        FAULT_CLOSE, /* close: always pretended */
        FAULT_KINDS,
} FaultKind;

/* Written by the test while `armed` is 0, but for `armed` itself. Little else may be assumed: the
 * program may die at any time. */
typedef struct FaultControl {
        uint32_t armed;
        uint32_t kind; /* FaultKind */
        uint64_t nth;  /* call of that kind, from 1, that fails */
        int32_t error; /* errno, SQLite's code for FAULT_COMMIT; 0: pretend that all went well and
                          do nothing, as a program does that looks at no result */
        uint32_t lasting; /* all later ones fail, too */
        uint64_t calls;   /* of that kind since the count was last set to 0 */
        uint64_t fired;   /* failures given since then */
        int64_t live;     /* blocks of memory that are not freed, since the program began */
        uint64_t loaded;  /* programs that found this page */
        char what[64];    /* the function that failed first */
        char where[1984]; /* its callers: OBJECT+OFFSET, innermost first, with spaces between */
} FaultControl;
