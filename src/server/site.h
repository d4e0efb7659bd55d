/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual directory: URLs that begin with its prefix lie below its directory. Properties keep the
 * names of the documented ones (BITSUploadEnabled …); the others are ours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "proto/bup_server.h"
#include "server/room.h"

enum {
        SITE_NOTIFICATION_URL_MAX_CHARS = 2200,
        SITE_FRAGMENT_DEFAULT_BYTES = 64 * 1024 * 1024,
        SITE_FALLBACK_DEFAULT_SEC = 86400,
        SITE_CLEANUP_DEFAULT_SEC = 12 * 3600,
        SITE_SESSIONS_DEFAULT = 50,
        SITE_FREE_DEFAULT_PERCENT = 1,
        SITE_NOTIFICATION_DEFAULT_SEC = 300,
};

typedef struct Site {
        char *prefix;    /* "/", or "/drop" without a slash at the end */
        char *directory; /* absolute */
        char *session_directory;
        int root_fd; /* of the directory; -1 until opened */

        bool uploads;
        bool downloads;
        bool allow_overwrites;
        bool exclusive;
        bool allow_empty;
        bool publish_at_close;
        bool length_optional;
        bool method_override;
        uint32_t session_timeout_sec;
        uint64_t max_upload_bytes;
        uint64_t max_fragment_bytes;
        uint64_t max_reply_bytes;
        RoomRule min_free; /* of the file system of the sessions */
        BupNotification notification;
        char *notification_url; /* "" = none */
        uint32_t notification_timeout_sec;
        char *notification_ca_file; /* PEM; "" = the certificates of the system */
        char *host_id;              /* "" = none */
        uint32_t fallback_sec;
        bool cleanup_default;
        uint32_t cleanup_count;
        uint32_t cleanup_units; /* 0 minutes, 1 hours, 2 days */
        bool limits_sessions;
        uint32_t sessions_per_user;
        uint32_t file_mode; /* of what is published */
        char *application_group;
        bool shares; /* application_group is set, and is this one */
        gid_t application_gid;
        char *auth_file; /* htpasswd; "" = anybody */
        char *auth_realm;
} Site;

/* Defaults. 0 or -ENOMEM. */
_must_use_ int site_init(Site *s, const char *prefix);
void site_done(Site *s);
/* One property, names in any case. 0; -ENOENT no such property; -EINVAL, -ERANGE; -ENOMEM. */
_must_use_ int site_set(Site *s, const char *name, const char *value);
/* Whether a sub-directory with a section of its own starts out with this property. */
bool site_property_is_inherited(const char *name);
/* All is said: checks that it fits together and opens the directories. Negative errno with the
 * reason in `why`. */
_must_use_ int site_open(Site *s, Buf *why);

/* The part of a decoded path below the prefix, without a leading slash; NULL when it is not
 * below. */
const char *site_path_below(const Site *s, const char *path);
/* Names that are ours, wherever they stand in the directory: never read, never written. */
bool site_path_is_private(const char *below);
uint32_t site_cleanup_period_sec(const Site *s);
/* For the protocol machine; borrows from s. */
BupServerRules site_rules(const Site *s);
