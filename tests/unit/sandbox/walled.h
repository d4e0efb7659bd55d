/* SPDX-License-Identifier: Apache-2.0 */
/* A child process inside of the walls that tries one thing, so that the test can go on outside. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct Walled {
        void (*enter)(void *ctx);  /* builds the walls; ends the process when it cannot */
        int (*attempt)(void *ctx); /* 0: it could; an errno: it was refused */
        void *ctx;
        uid_t uid; /* who tries it; (uid_t) -1: as we are */
} Walled;

enum { WALLED_KILLED = 1000, WALLED_BROKEN = 255 };

/* 0, the errno, WALLED_KILLED when the filter ended the child, WALLED_BROKEN when there were no
 * walls to test. */
int walled_try(const Walled *w);
/* What there is here. */
bool walled_has_landlock(void);
int walled_landlock_abi(void); /* 0: none */
bool walled_has_namespaces(uid_t uid);
