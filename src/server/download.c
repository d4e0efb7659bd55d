/* SPDX-License-Identifier: Apache-2.0 */
#include "server/download.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "proto/http_date.h"
#include "server/byte_range.h"
#include "server/confine.h"
#include "server/reply.h"
#include "server/server.h"

#define ETAG_BYTES 64

typedef struct Entity {
        int fd;
        uint64_t bytes;
        int64_t modified_sec;
        char etag[ETAG_BYTES];
        char modified[HTTP_DATE_BYTES];
        bool is_reply;
} Entity;

static void entity_done(Entity *e)
{
        close_fdp(&e->fd);
}

/* A regular file, or nothing. Its name may change hands, its inode and times tell that. */
static int describe(Entity *e)
{
        struct stat st;

        if (fstat(e->fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOENT;
        e->bytes = (uint64_t) st.st_size;
        e->modified_sec = st.st_mtim.tv_sec;
        (void) snprintf(e->etag, sizeof(e->etag), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%lx\"",
                        (uint64_t) st.st_ino, e->bytes, (uint64_t) st.st_mtim.tv_sec,
                        st.st_mtim.tv_nsec);
        if (http_date_format(e->modified_sec, e->modified) < 0)
                e->modified[0] = '\0';
        return 0;
}

/* Only for whom it was made: a name is not everything that a stranger would need. */
static int open_reply(const Request *r, const char *name)
{
        const Session *s = session_table_find_reply(r->server->sessions, name);

        if (!s || s->server.session.phase != BUP_SESSION_DELIVERED ||
            !str_equal(s->label.owner, r->user))
                return -ENOENT;
        return session_store_open_file(s->store, &s->id, SESSION_REPLY, O_RDONLY);
}

/* 404 is for good: a client that hears it gives the file up. */
static unsigned status_of(int rc)
{
        switch (-rc) {
        case EACCES:
                return 403;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
                return 503;
        case EIO:
        case ENOSPC:
        case EUCLEAN:
                return 500;
        default:
                return 404;
        }
}

static int open_entity(const Request *r, Entity *e)
{
        const char *reply = reply_name_in(r->below);

        e->is_reply = reply != NULL;
        if (reply) {
                e->fd = open_reply(r, reply);
        } else {
                if (!r->site->downloads)
                        return -EACCES;
                if (!*r->below || target_is_directory(&r->target) || site_path_is_private(r->below))
                        return -ENOENT;
                e->fd = confine_open(r->site->root_fd, r->below, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        }
        return e->fd < 0 ? e->fd : describe(e);
}

static bool is_listed(const char *list, const char *etag)
{
        size_t bytes = strlen(etag);

        if (str_equal(list, "*"))
                return true;
        for (const char *p = strstr(list, etag); p; p = strstr(p + 1, etag))
                if (p[bytes] == '\0' || p[bytes] == ',' || p[bytes] == ' ')
                        return true;
        return false;
}

/* If-None-Match counts before If-Modified-Since (RFC 9110 §13.2.2). */
static bool is_unchanged(const HttpHead *head, const Entity *e, int64_t now_sec)
{
        const char *none_match = framing_field(head, "If-None-Match");
        const char *since = framing_field(head, "If-Modified-Since");
        int64_t since_sec;

        if (none_match)
                return is_listed(none_match, e->etag);
        return since && http_date_parse(since, now_sec, &since_sec) == 0 &&
               e->modified_sec <= since_sec;
}

/* If-Range: the very same version, or the whole file. A date is only good enough when the file has
 * not been touched in the last second of it. */
static bool range_counts(const HttpHead *head, const Entity *e, int64_t now_sec)
{
        const char *validator = framing_field(head, "If-Range");
        int64_t date_sec;

        if (!validator)
                return true;
        if (*validator == '"' || str_starts_with(validator, "W/"))
                return str_equal(validator, e->etag);
        return http_date_parse(validator, now_sec, &date_sec) == 0 && date_sec == e->modified_sec &&
               now_sec > date_sec + 1;
}

static void add_fields(HttpAnswer *a, const Entity *e)
{
        (void) http_answer_add(a, "ETag", e->etag);
        if (e->modified[0])
                (void) http_answer_add(a, "Last-Modified", e->modified);
        (void) http_answer_add(a, "Accept-Ranges", "bytes");
        (void) http_answer_add(a, "X-Content-Type-Options", "nosniff");
        if (a->status == 304)
                return;
        (void) http_answer_add(a, "Content-Type", "application/octet-stream");
        if (e->is_reply) {
                (void) http_answer_add(a, "Content-Disposition", "attachment");
                (void) http_answer_add(a, "Cache-Control", "private, no-store");
        }
}

static void add_part(HttpAnswer *a, Entity *e, uint64_t first, uint64_t length)
{
        if (length > 0)
                http_answer_take_file(a, TAKE_FD(e->fd), first, length);
}

static void answer_range(Request *r, Entity *e, HttpAnswer *a, int64_t now_sec)
{
        const char *value = framing_field(&r->x->head, "Range");
        uint64_t first = 0, length = 0;
        ByteRange range = BYTE_RANGE_WHOLE;
        char text[96];

        if (value && range_counts(&r->x->head, e, now_sec))
                range = byte_range_parse(value, e->bytes, &first, &length);
        switch (range) {
        case BYTE_RANGE_WHOLE:
                add_part(a, e, 0, e->bytes);
                break;
        case BYTE_RANGE_PART:
                a->status = 206;
                (void) snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                                first + length - 1, e->bytes);
                (void) http_answer_add(a, "Content-Range", text);
                add_part(a, e, first, length);
                break;
        case BYTE_RANGE_OUTSIDE:
                a->status = 416;
                (void) snprintf(text, sizeof(text), "bytes */%" PRIu64, e->bytes);
                (void) http_answer_add(a, "Content-Range", text);
                break;
        }
}

void download_begin(Request *r)
{
        _cleanup_(entity_done) Entity e = {.fd = -1};
        int64_t now_sec = session_table_now_sec();
        HttpAnswer a;
        int rc;

        r->server->metrics.downloads++;
        rc = open_entity(r, &e);
        if (rc < 0) {
                request_answer_status(r, status_of(rc));
                return;
        }
        http_answer_init(&a, 200);
        if (is_unchanged(&r->x->head, &e, now_sec))
                a.status = 304;
        else
                answer_range(r, &e, &a, now_sec);
        add_fields(&a, &e);
        request_answer(r, &a, false);
}
