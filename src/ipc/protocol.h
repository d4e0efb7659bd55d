/* SPDX-License-Identifier: Apache-2.0 */
/* Names on the private socket. It speaks the D-Bus protocol point to point: one object, one
 * interface for calls (methods.def), one for what the service sends to the client. Job ids travel
 * as 16 bytes in RFC order (`ay`), records as packed bytes (`ay`, record.h), text as UTF-8 (`s`);
 * an absent string is the flag argument before it being false. */
#pragma once

#define IPC_PATH "/org/bitsd/Manager1"
#define IPC_INTERFACE "org.bitsd.Manager1"
/* Implemented by the client on its event connection, same path. */
#define IPC_CALLBACK_INTERFACE "org.bitsd.Callback1"

/* Errors are org.bitsd.Error.HRESULT_80200001 (a name element may not begin with a digit); the
 * message is one line for people. */
#define IPC_ERROR_PREFIX "org.bitsd.Error.HRESULT_"

enum {
        IPC_VERSION = 1,
        IPC_CLIENTS_MAX = 512,           /* connections at once */
        IPC_QUEUED_MESSAGES_MAX = 1024,  /* to a client that does not read: then it is cut off */
        IPC_FILES_PER_CALL_MAX = 100000, /* AddFiles: one atomic set */
        IPC_WATCH_INTERVAL_MS = 250,     /* progress signals of one job to one watcher */
        IPC_CALLS_PENDING_MAX = 64,      /* unanswered Complete/Cancel per connection */
        IPC_REPLY_BYTES_MAX = 1048576,   /* ReplyData carries; more is BG_E_TOO_LARGE */
};

/* Signals of IPC_INTERFACE to a watcher: Changed(ay record of bits_job_info).
 * Calls of IPC_CALLBACK_INTERFACE to the client: Notify(ay job, u NotifyKind) → u HRESULT. */
#define IPC_SIGNAL_CHANGED "Changed"
#define IPC_CALL_NOTIFY "Notify"

/* The one method whose arguments nobody may find later in anybody's memory. */
#define IPC_CALL_WITH_SECRETS "SetCredentials"

/* Kinds of Notify; the values are those of the engine's NotifyKind. */
enum { IPC_NOTIFY_TRANSFERRED = 1, IPC_NOTIFY_ERROR = 2, IPC_NOTIFY_MODIFICATION = 3 };
