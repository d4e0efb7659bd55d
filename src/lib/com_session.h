/* SPDX-License-Identifier: Apache-2.0 */
/* What the COM objects of a process share: one client and one callback hub for each socket (there
 * is hardly ever more than one). Objects and registered callbacks hold references; the last one
 * to go closes the connections. Safe from several threads and after fork(2). */
#pragma once

#include "base/attr.h"
#include "base/cleanup.h"
#include "com_callback.h"
#include "client.h"

typedef struct ComSession ComSession;

/* The session for the user's service, which is started if needed. */
_must_use_ HRESULT com_session_open(ComSession **ret);
ComSession *com_session_ref(ComSession *s);
ComSession *com_session_unref(ComSession *s); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(ComSession *, com_session_unref)
bits_client *com_session_client(ComSession *s);
/* This process's hub; NULL when out of memory. */
CallbackHub *com_session_hub(ComSession *s);
/* Drops every registered callback of the process: COM is being shut down. */
void com_session_revoke_all(void);
