/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions on disk: one directory, and in it for each session
 *
 *         <id>.state   what is remembered of it (below), replaced by rename
 *         <id>.data    the bytes received so far, in order; its length is the offset
 *         <id>.reply   the application's reply
 *         <id>.body    a reply that came as a response body, until it is chosen
 *         <id>.new     a state being written;  <id>.link  a file on its way to its destination
 *
 * <id> is 32 hex digits, out of an identifier that was parsed and printed again; nothing that a
 * client sent is ever part of a name here. A state says in which boot of the machine it was
 * written: within the same boot all that was written is there, whatever became of the process;
 * after another boot only what was synced counts. Negative errno on failure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/cleanup.h"
#include "base/guid.h"
#include "proto/bup_session.h"

enum {
        REPLY_NAME_BYTES = 27, /* 26 characters and the terminator */
        SESSION_STATE_MAX_BYTES = 48 * 1024,
};

typedef enum SessionFile {
        SESSION_STATE,
        SESSION_DATA,
        SESSION_REPLY,
        SESSION_BODY,
        SESSION_NEW,
        SESSION_LINK,
        SESSION_FILE_MAX,
} SessionFile;

/* What stands beside the protocol's own value; strings owned, never NULL once set. */
typedef struct SessionLabel {
        char *target_key;                  /* normal form of the destination's path and query */
        char *url;                         /* the destination as the client asked for it */
        char *owner;                       /* user name, "" = anybody */
        char *address;                     /* who created it */
        char reply_name[REPLY_NAME_BYTES]; /* "" = no reply of our own */
} SessionLabel;

void session_label_done(SessionLabel *l);

typedef struct SessionStore SessionStore;

typedef struct SessionStoreOptions {
        const char *path;
        bool shares; /* with the group of applications: they may reach files by name */
        gid_t application_gid;
} SessionStoreOptions;

/* Makes the directory when it is missing, closes it to strangers, and locks it against a second
 * server (-EBUSY). */
_must_use_ int session_store_open(const SessionStoreOptions *options, SessionStore **ret);
SessionStore *session_store_free(SessionStore *s);
DEFINE_CLEANUP(SessionStore *, session_store_free)
const char *session_store_path(const SessionStore *s);
int session_store_fd(const SessionStore *s); /* borrowed */

/* Full name, for the application. Caller owns it. NULL: no memory. */
_must_use_ char *session_store_file_path(const SessionStore *s, const GUID *id, SessionFile file);
/* A new, empty file; -EEXIST. */
_must_use_ int session_store_create(const SessionStore *s, const GUID *id, SessionFile file);
/* Opens a regular file, never through a link. O_RDONLY, O_WRONLY … */
_must_use_ int session_store_open_file(const SessionStore *s, const GUID *id, SessionFile file,
                                       int flags);
void session_store_remove(const SessionStore *s, const GUID *id, SessionFile file);
/* Also when it is not there. Everything but the state. */
void session_store_remove_content(const SessionStore *s, const GUID *id);
/* Renames one of a session's files over another. */
_must_use_ int session_store_move(const SessionStore *s, const GUID *id, SessionFile from,
                                  SessionFile to);
/* Gives `file` the second name `link` in the same directory, in place of what was there. */
_must_use_ int session_store_link(const SessionStore *s, const GUID *id, SessionFile file,
                                  SessionFile link);

/* Writes <id>.new and leaves it open for a sync, then makes it the state. */
_must_use_ int session_store_write_new(const SessionStore *s, const GUID *id,
                                       const BupSession *session, const SessionLabel *label,
                                       int *ret_fd);
_must_use_ int session_store_commit_new(const SessionStore *s, const GUID *id);
/* -ENOENT, -EBADMSG (damaged). *ret_same_boot: see above. */
_must_use_ int session_store_load(const SessionStore *s, const GUID *id, BupSession *ret_session,
                                  SessionLabel *ret_label, bool *ret_same_boot);
/* Every id that has a state; files of others, and half-written ones, are removed. */
typedef int (*SessionStoreVisit)(void *ctx, const GUID *id);
_must_use_ int session_store_each(SessionStore *s, SessionStoreVisit visit, void *ctx);
