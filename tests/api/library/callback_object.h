/* SPDX-License-Identifier: Apache-2.0 */
/* A callback of a program, written as one would: counts, remembers, and does what the test says
 * from inside. Waiting has an end. */
#pragma once

#include "com_rig.h"

#include <pthread.h>

typedef struct CallbackObject CallbackObject;

/* Runs inside a callback, before it returns; the result is the callback's. */
typedef HRESULT CallbackAction(CallbackObject *c, IBackgroundCopyJob *job,
                               IBackgroundCopyError *error, void *ctx);

struct CallbackObject {
        IBackgroundCopyCallback iface; /* first */
        unsigned refs;
        unsigned transferred, errors, modifications; /* calls that have begun */
        unsigned finished;                           /* calls that have returned */
        CallbackAction *action;                      /* NULL: S_OK */
        void *ctx;
        pthread_t thread; /* of the last call */
        pthread_mutex_t lock;
        pthread_cond_t changed;
};

void callback_object_init(CallbackObject *c, CallbackAction *action, void *ctx);
/* Waits until nobody else refers to it: the library lets go after a callback has returned. */
void callback_object_done(CallbackObject *c);
unsigned callback_object_refs(CallbackObject *c);
/* Wait until this many calls have begun, or returned. False after 20 s. */
bool callback_object_wait_begun(CallbackObject *c, unsigned n);
bool callback_object_wait_finished(CallbackObject *c, unsigned n);
bool callback_object_wait_refs(CallbackObject *c, unsigned n);
