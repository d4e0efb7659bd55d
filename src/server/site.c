/* SPDX-License-Identifier: Apache-2.0 */
#include "server/site.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/str.h"

#define PRIVATE_NAME ".bits"
#define SESSIONS_NAME ".bits-sessions" /* or the end of a name */
#define REPLY_DEFAULT_BYTES ((uint64_t) 64 * 1024 * 1024)
#define FILE_MODE_DEFAULT 0644

int site_init(Site *s, const char *prefix)
{
        *s = (Site){
                .root_fd = -1,
                .downloads = true,
                .allow_empty = true,
                .session_timeout_sec = BUP_SESSION_TIMEOUT_SEC,
                .max_upload_bytes = UINT64_MAX,
                .max_fragment_bytes = SITE_FRAGMENT_DEFAULT_BYTES,
                .min_free.percent = SITE_FREE_DEFAULT_PERCENT,
                .max_reply_bytes = REPLY_DEFAULT_BYTES,
                .notification_timeout_sec = SITE_NOTIFICATION_DEFAULT_SEC,
                .fallback_sec = SITE_FALLBACK_DEFAULT_SEC,
                .cleanup_default = true,
                .cleanup_count = 12,
                .cleanup_units = 1,
                .limits_sessions = true,
                .sessions_per_user = SITE_SESSIONS_DEFAULT,
                .file_mode = FILE_MODE_DEFAULT,
        };
        s->prefix = mem_strdup(prefix);
        s->directory = mem_strdup("");
        s->session_directory = mem_strdup("");
        s->notification_url = mem_strdup("");
        s->notification_ca_file = mem_strdup("");
        s->host_id = mem_strdup("");
        s->application_group = mem_strdup("");
        s->auth_file = mem_strdup("");
        s->auth_realm = mem_strdup("uploads");
        if (s->prefix && s->directory && s->session_directory && s->notification_url &&
            s->notification_ca_file && s->host_id && s->application_group && s->auth_file &&
            s->auth_realm)
                return 0;
        site_done(s);
        return -ENOMEM;
}

void site_done(Site *s)
{
        close_fdp(&s->root_fd);
        mem_free(s->prefix);
        mem_free(s->directory);
        mem_free(s->session_directory);
        mem_free(s->notification_url);
        mem_free(s->notification_ca_file);
        mem_free(s->host_id);
        mem_free(s->application_group);
        mem_free(s->auth_file);
        mem_free(s->auth_realm);
        *s = (Site){.root_fd = -1};
}

static int fail(Buf *why, const Site *s, int error, const char *what)
{
        (void) buf_printf(why, "[site %s] %s", s->prefix, what);
        return error;
}

static int check_notification(const Site *s, Buf *why)
{
        char host_id[BUP_HOST_ID_BYTES];

        if (s->notification != BUP_NOTIFY_NONE && !*s->notification_url)
                return fail(why, s, -EINVAL, "BITSServerNotificationURL is missing");
        if (*s->host_id && bup_host_id_parse(s->host_id, host_id) < 0)
                return fail(why, s, -EINVAL, "BITSHostId is no host name or address");
        return 0;
}

static int check_cleanup(const Site *s, Buf *why)
{
        static const uint32_t MOST[] = {60, 24, 360};

        if (!s->cleanup_default && s->cleanup_count > MOST[s->cleanup_units])
                return fail(why, s, -ERANGE, "BITSCleanupCount is too large for its unit");
        return 0;
}

static int find_group(Site *s, Buf *why)
{
        const struct group *group;

        if (!*s->application_group)
                return 0;
        group = getgrnam(s->application_group);
        if (!group)
                return fail(why, s, -ENOENT, "ApplicationGroup does not exist");
        s->application_gid = group->gr_gid;
        s->shares = true;
        return 0;
}

/* Absolute and without links: names below it are compared, and told to applications. */
static int make_absolute(char **path)
{
        char real[PATH_MAX];

        if (!realpath(*path, real))
                return -errno;
        return str_replace(path, real);
}

static int open_directory(Site *s, Buf *why)
{
        int r;

        if (!*s->directory)
                return fail(why, s, -EINVAL, "Directory is missing");
        r = make_absolute(&s->directory);
        if (r == 0) {
                s->root_fd = open(s->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
                r = s->root_fd < 0 ? -errno : 0;
        }
        if (r < 0) {
                (void) buf_printf(why, "[site %s] Directory %s: %s", s->prefix, s->directory,
                                  strerror(-r));
                return r;
        }
        return 0;
}

static bool is_there(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Links and renames work inside one file system only. */
static bool could_lie_beside(const Site *s, const char *parent)
{
        struct stat ours, parents;

        return stat(s->directory, &ours) == 0 && stat(parent, &parents) == 0 &&
               ours.st_dev == parents.st_dev && access(parent, W_OK | X_OK) == 0;
}

/* Not configured: beside the directory, where no other server of it will show them; where that
 * cannot be (a mount point, somebody else's parent), inside under a name that we never serve.
 * What is there already is taken, so that a restart finds its sessions. */
static int choose_session_directory(Site *s)
{
        _cleanup_free_ char *beside = mem_printf("%s%s", s->directory, SESSIONS_NAME);
        _cleanup_free_ char *inside = mem_printf("%s/%s", s->directory, SESSIONS_NAME);
        _cleanup_free_ char *parent = NULL;
        const char *leaf;
        bool apart = false;
        int r = path_split(s->directory, &parent, &leaf);

        if (!beside || !inside || r == -ENOMEM) /* the other place would have no sessions */
                return -ENOMEM;
        if (r == 0)
                apart = is_there(beside) || (!is_there(inside) && could_lie_beside(s, parent));
        mem_free(s->session_directory);
        s->session_directory = apart ? TAKE_PTR(beside) : TAKE_PTR(inside);
        return 0;
}

int site_open(Site *s, Buf *why)
{
        int r = check_notification(s, why);

        if (r == 0)
                r = check_cleanup(s, why);
        if (r == 0)
                r = find_group(s, why);
        if (r == 0)
                r = open_directory(s, why);
        if (r < 0)
                return r;
        if (!*s->session_directory)
                return choose_session_directory(s);
        if (!path_is_absolute(s->session_directory))
                return fail(why, s, -EINVAL, "SessionDirectory is not absolute");
        return 0;
}

const char *site_path_below(const Site *s, const char *path)
{
        size_t bytes = strlen(s->prefix);

        if (str_equal(s->prefix, "/"))
                return path + 1;
        if (strncmp(path, s->prefix, bytes) != 0)
                return NULL;
        if (path[bytes] == '\0')
                return path + bytes;
        return path[bytes] == '/' ? path + bytes + 1 : NULL;
}

bool site_path_is_private(const char *below)
{
        static const char *const NAMES[] = {PRIVATE_NAME, SESSIONS_NAME};

        for (const char *p = below; *p; p += *p == '/') {
                size_t bytes = strcspn(p, "/");

                for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
                        size_t name_bytes = strlen(NAMES[i]);

                        if (bytes >= name_bytes && (bytes == name_bytes || i > 0) &&
                            memcmp(p + bytes - name_bytes, NAMES[i], name_bytes) == 0)
                                return true;
                }
                p += bytes;
        }
        return false;
}

uint32_t site_cleanup_period_sec(const Site *s)
{
        static const uint32_t UNIT_SEC[] = {60, 3600, 86400};

        return s->cleanup_default ? SITE_CLEANUP_DEFAULT_SEC
                                  : s->cleanup_count * UNIT_SEC[s->cleanup_units];
}

BupServerRules site_rules(const Site *s)
{
        return (BupServerRules){
                .max_upload_bytes = s->max_upload_bytes,
                .max_fragment_bytes = s->max_fragment_bytes,
                .notification = s->notification,
                .refuse_empty = !s->allow_empty,
                .publish_at_close = s->publish_at_close,
                .host_id = s->host_id,
                .fallback_sec = s->fallback_sec,
        };
}
