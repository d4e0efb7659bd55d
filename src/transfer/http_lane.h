/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that requests with the credentials of one job have to themselves. They must not be
 * anybody else's: NTLM and Negotiate prove a connection and not a request, and curl keeps user name
 * and password with each connection for as long as that is open. Requests of the job that run at
 * the same time share a lane; with the last of them it goes, and the passwords with it.
 *
 * A job with a limit of its own has a lane, too, with credentials or without: what holds back its
 * bytes is the connection. */
#pragma once

#include "transfer/auth.h"
#include "transfer/http_client.h"

typedef struct HttpLane HttpLane;

/* Makes *l, NULL at first, the lane for what `a` and the task (NULL: FOREGROUND) say now: none, one
 * of its set, or one for its ticket alone. Set and ticket must live as long; nothing may run in it.
 * 0 or negative errno. */
_must_use_ int http_lane_fit(HttpClient *c, const Auth *a, const PaceTask *task, HttpLane **l);
HttpLane *http_lane_unref(HttpLane *l); /* NULL allowed; returns NULL */
/* Its connections; of NULL those that all requests of the task's priority share. NULL when out of
 * memory. */
EventCurl *http_lane_curl(HttpClient *c, const HttpLane *l, const PaceTask *task);
