/* SPDX-License-Identifier: Apache-2.0 */
/* The listeners of a server: what its configuration asks for and what the service manager gave. */
#pragma once

#include "server/server.h"

/* Opens those that are missing under this configuration. Negative errno, said on the log; all is as
 * it was then. */
_must_use_ int server_listen(Server *s, const Config *config);
/* Closes all but the first n. */
void server_listen_undo(Server *s, size_t n);
/* Closes those that this configuration does not name any more. */
void server_listen_no_more(Server *s, const Config *config);
/* Takes over sockets of the service manager; names "tls" and "metrics" say their use. */
_must_use_ int server_listen_inherited(Server *s);
void server_stop_listening(Server *s);
/* Says where, on standard output and in the port file. */
_must_use_ int server_announce(Server *s);
