/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that requests with the credentials of one job have to themselves. They must not be
 * anybody else's: NTLM and Negotiate prove a connection and not a request, and curl keeps user name
 * and password with each connection for as long as that is open. Requests of the job that run at
 * the same time share a lane; with the last of them it goes, and the passwords with it. */
#pragma once

#include "transfer/auth_set.h"
#include "transfer/http_client.h"

typedef struct HttpLane HttpLane;

/* A reference to the lane of `set`, which must live as long. 0 or negative errno. */
_must_use_ int http_lane_get(HttpClient *c, const AuthSet *set, HttpLane **ret);
HttpLane *http_lane_unref(HttpLane *l); /* NULL allowed; returns NULL */
EventCurl *http_lane_curl(const HttpLane *l);
