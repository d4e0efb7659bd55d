/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket: made at a path of our own, or handed over by a service manager. Accepts
 * connections of the user and of root, and closes every other one before a byte of it is read. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "ipc/peer.h"

typedef struct Listener Listener;

typedef struct ListenerOptions {
        sd_event *loop;
        uid_t uid;           /* whose instance */
        const char *path;    /* ignored when the socket was handed over */
        bool path_is_chosen; /* by the user: its directory may be one that others can read */
        /* Gets every connection it may have; the descriptor is given away. */
        void (*accepted)(void *ctx, int take_fd, const Peer *peer);
        void *ctx;
} ListenerOptions;

/* Must be called with the locks of the state directory held: a dead socket at the path is removed.
 * 0 or negative errno; *ret_problem is then one line for people (NULL: the errno says it all). */
_must_use_ int listener_new(const ListenerOptions *options, Listener **ret, char **ret_problem);
Listener *listener_free(Listener *l); /* removes the socket */
DEFINE_CLEANUP(Listener *, listener_free)
/* Where it listens; lives as long as the listener. */
const char *listener_path(const Listener *l);
/* The socket was handed over, and its name is its giver's. */
bool listener_is_activated(const Listener *l);
/* False when the name of a socket of our own has vanished or leads elsewhere. */
bool listener_is_reachable(const Listener *l);
/* Listens at another (or the same) path instead; connections that wait at the old one are lost.
 * After a failure nothing has changed. Errors as listener_new(). */
_must_use_ int listener_move(Listener *l, const char *path, char **ret_problem);
/* Takes the socket away from newcomers. False when one has come in at the last moment: then
 * nothing has changed. After true, only listener_free() may follow. */
bool listener_retire(Listener *l);
