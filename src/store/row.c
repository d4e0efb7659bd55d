/* SPDX-License-Identifier: Apache-2.0 */
#include "store/row.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/guid.h"
#include "base/utf.h"
#include "engine/port/vault.h"
#include "store/stored.h"

enum { GUID_BYTES = 16 };

/* Binds one parameter after the other; the first failure sticks. */
typedef struct RowWriter {
        sqlite3_stmt *stmt;
        int param;
        int rc;
} RowWriter;

static void put_int(RowWriter *w, int64_t value)
{
        if (w->rc == SQLITE_OK)
                w->rc = sqlite3_bind_int64(w->stmt, ++w->param, value);
}

/* Of the values only BG_SIZE_UNKNOWN has the top bit, and becomes -1. */
static void put_size(RowWriter *w, uint64_t value)
{
        put_int(w, (int64_t) value);
}

static void put_text(RowWriter *w, const char *text) /* NULL binds NULL */
{
        if (w->rc == SQLITE_OK)
                w->rc = sqlite3_bind_text(w->stmt, ++w->param, text, -1, SQLITE_STATIC);
}

/* Fixed arrays of a value that does not outlive the binding. */
static void put_text_copy(RowWriter *w, const char *text)
{
        if (w->rc == SQLITE_OK)
                w->rc = sqlite3_bind_text(w->stmt, ++w->param, text, -1, SQLITE_TRANSIENT);
}

static void put_guid(RowWriter *w, const GUID *id)
{
        uint8_t bytes[GUID_BYTES];

        guid_to_bytes(id, bytes);
        if (w->rc == SQLITE_OK)
                w->rc = sqlite3_bind_blob(w->stmt, ++w->param, bytes, GUID_BYTES, SQLITE_TRANSIENT);
}

static void put_bytes(RowWriter *w, const uint8_t *bytes, uint32_t n) /* none binds NULL */
{
        if (w->rc == SQLITE_OK)
                w->rc = sqlite3_bind_blob(w->stmt, ++w->param, n > 0 ? bytes : NULL, (int) n,
                                          SQLITE_STATIC);
}

static void put_props(RowWriter *w, const JobProps *p)
{
        put_text(w, p->name);
        put_text(w, p->description);
        put_int(w, p->priority);
        put_int(w, p->notify_flags);
        put_int(w, p->retry_delay_sec);
        put_int(w, p->no_progress_sec);
        put_int(w, p->proxy_usage);
        put_text(w, p->proxy_list);
        put_text(w, p->proxy_bypass);
        put_int(w, p->files_in_flight);
        put_int(w, p->auto_complete);
}

static void put_error(RowWriter *w, const JobError *error)
{
        JobError e;

        stored_error_clean(error, &e);
        put_int(w, e.code);
        put_int(w, e.context);
        put_int(w, e.file_index);
        put_int(w, e.http_status);
        put_int(w, e.curl_code);
        put_int(w, e.sys_errno);
        put_int(w, e.retry_after_sec);
        put_int(w, e.fatal);
        put_int(w, e.event_driven);
        put_text_copy(w, e.host);
        put_text_copy(w, e.text);
}

static void put_status(RowWriter *w, const JobStatus *s)
{
        put_int(w, s->state);
        put_int(w, s->intent);
        put_int(w, s->undelivered);
        put_int(w, s->error_count);
        put_size(w, s->created_wall);
        put_size(w, s->modified_wall);
        put_size(w, s->transferred_wall);
        put_size(w, s->ended_wall);
        put_int(w, s->end_result);
        put_size(w, s->active_usec);
        put_error(w, &s->error);
}

static void put_upload(RowWriter *w, const Job *job)
{
        put_text(w, job->props.reply_name);
        put_int(w, job->props.reply_optional);
        put_int(w, job->status.uploaded);
        put_size(w, job->status.farewell_wall);
        put_bytes(w, job->session, job->session_bytes);
}

static void put_program(RowWriter *w, const Job *job)
{
        put_text(w, job->props.notify_program);
        put_text(w, job->props.notify_parameters);
        put_int(w, job->props.notify_uid);
        put_int(w, job->status.program_result);
        put_size(w, job->status.program_time_wall);
        put_int(w, job->status.program_runs);
        put_size(w, job->props.limit_bps);
}

int row_bind_job(Db *db, sqlite3_stmt *stmt, const Job *job)
{
        RowWriter w = {.stmt = stmt};

        if (stored_job_bad_field(job))
                return -EINVAL;
        put_size(&w, job->serial);
        put_guid(&w, &job->id);
        put_int(&w, job->owner_uid);
        put_int(&w, job->type);
        put_props(&w, &job->props);
        put_status(&w, &job->status);
        put_upload(&w, job);
        put_program(&w, job);
        return db_fail(db, w.rc);
}

int row_bind_file(Db *db, sqlite3_stmt *stmt, uint64_t serial, const JobFile *f)
{
        RowWriter w = {.stmt = stmt};

        if (stored_file_bad_field(f))
                return -EINVAL;
        put_size(&w, serial);
        put_int(&w, f->index);
        put_text(&w, f->remote);
        put_text(&w, f->local);
        put_int(&w, f->state);
        put_size(&w, f->size_bytes);
        put_size(&w, f->done_bytes);
        put_size(&w, f->synced_bytes);
        put_text(&w, stored_etag_clean(f->etag));
        put_int(&w, f->modified_sec);
        return db_fail(db, w.rc);
}

int row_bind_credential(Db *db, sqlite3_stmt *stmt, uint64_t serial, const JobCredential *c)
{
        RowWriter w = {.stmt = stmt};

        if (stored_credential_bad_field(c))
                return -EINVAL;
        put_size(&w, serial);
        put_int(&w, c->target);
        put_int(&w, c->scheme);
        put_int(&w, c->implicit);
        put_bytes(&w, c->sealed, c->sealed_bytes);
        return db_fail(db, w.rc);
}

/* Reads one column after the other. The first wrong one sticks as `bad`, the column's name. */
typedef struct RowReader {
        sqlite3_stmt *stmt;
        int column;
        const char *bad;
        bool no_memory;
} RowReader;

static void reader_fail(RowReader *r)
{
        if (!r->bad)
                r->bad = sqlite3_column_name(r->stmt, r->column);
        if (!r->bad)
                r->bad = "?";
}

static int64_t get_int(RowReader *r, int64_t min, int64_t max)
{
        int64_t value = 0;

        if (sqlite3_column_type(r->stmt, r->column) == SQLITE_INTEGER)
                value = sqlite3_column_int64(r->stmt, r->column);
        else
                reader_fail(r);
        if (value < min || value > max) {
                reader_fail(r);
                value = 0;
        }
        r->column++;
        return value;
}

static uint32_t get_u32(RowReader *r)
{
        return (uint32_t) get_int(r, 0, UINT32_MAX);
}

static int32_t get_i32(RowReader *r)
{
        return (int32_t) get_int(r, INT32_MIN, INT32_MAX);
}

/* Their own limits are checked by stored_*_bad_field(). */
static int get_enum(RowReader *r)
{
        return (int) get_int(r, 0, INT32_MAX);
}

static bool get_bool(RowReader *r)
{
        return get_int(r, 0, 1) != 0;
}

static uint64_t get_number(RowReader *r)
{
        return (uint64_t) get_int(r, 0, INT64_MAX);
}

static uint64_t get_size(RowReader *r)
{
        return (uint64_t) get_int(r, -1, INT64_MAX);
}

/* The column's bytes; NULL when it is NULL or no text without NUL inside. */
static const char *peek_text(RowReader *r, size_t *ret_bytes)
{
        int type = sqlite3_column_type(r->stmt, r->column);
        const char *text;

        if (type == SQLITE_NULL)
                return NULL;
        if (type != SQLITE_TEXT) {
                reader_fail(r);
                return NULL;
        }
        text = (const char *) sqlite3_column_text(r->stmt, r->column);
        if (!text) {
                r->no_memory = true;
                return NULL;
        }
        *ret_bytes = (size_t) sqlite3_column_bytes(r->stmt, r->column);
        if (*ret_bytes != strlen(text)) {
                reader_fail(r);
                return NULL;
        }
        return text;
}

static char *get_text(RowReader *r)
{
        size_t bytes = 0;
        const char *text = peek_text(r, &bytes);
        char *copy = NULL;

        if (text && bytes > STORED_TEXT_BYTES_MAX)
                reader_fail(r);
        else if (text) {
                copy = mem_strndup(text, bytes);
                if (!copy)
                        r->no_memory = true;
        }
        r->column++;
        return copy;
}

static void get_text_array(RowReader *r, char *dst, size_t dst_bytes)
{
        size_t bytes = 0;
        const char *text = peek_text(r, &bytes);

        if (!text || bytes >= dst_bytes || !utf8_is_valid(text, bytes))
                reader_fail(r);
        else
                memcpy(dst, text, bytes + 1);
        r->column++;
}

static void get_guid(RowReader *r, GUID *ret)
{
        const void *bytes = NULL;

        if (sqlite3_column_type(r->stmt, r->column) == SQLITE_BLOB &&
            sqlite3_column_bytes(r->stmt, r->column) == GUID_BYTES)
                bytes = sqlite3_column_blob(r->stmt, r->column);
        if (bytes)
                *ret = guid_from_bytes(bytes);
        else
                reader_fail(r);
        r->column++;
}

/* NULL is none; bytes that are none are damage, since they are never written. */
static uint8_t *get_bytes(RowReader *r, size_t max, uint32_t *ret_bytes)
{
        int type = sqlite3_column_type(r->stmt, r->column);
        size_t bytes = (size_t) sqlite3_column_bytes(r->stmt, r->column);
        const void *data = type == SQLITE_BLOB ? sqlite3_column_blob(r->stmt, r->column) : NULL;
        uint8_t *copy = NULL;

        if (type != SQLITE_NULL && (type != SQLITE_BLOB || bytes == 0 || bytes > max))
                reader_fail(r);
        else if (type == SQLITE_BLOB) {
                copy = data ? stored_bytes_dup(data, bytes) : NULL;
                if (copy)
                        *ret_bytes = (uint32_t) bytes;
                else
                        r->no_memory = true;
        }
        r->column++;
        return copy;
}

static void get_props(RowReader *r, JobProps *p)
{
        p->name = get_text(r);
        p->description = get_text(r);
        p->priority = get_enum(r);
        p->notify_flags = get_u32(r);
        p->retry_delay_sec = get_u32(r);
        p->no_progress_sec = get_u32(r);
        p->proxy_usage = get_enum(r);
        p->proxy_list = get_text(r);
        p->proxy_bypass = get_text(r);
        p->files_in_flight = get_u32(r);
        p->auto_complete = get_bool(r);
}

static void get_error(RowReader *r, JobError *e)
{
        e->code = get_i32(r);
        e->context = get_enum(r);
        e->file_index = get_i32(r);
        e->http_status = get_i32(r);
        e->curl_code = get_i32(r);
        e->sys_errno = get_i32(r);
        e->retry_after_sec = get_u32(r);
        e->fatal = get_bool(r);
        e->event_driven = get_bool(r);
        get_text_array(r, e->host, sizeof(e->host));
        get_text_array(r, e->text, sizeof(e->text));
}

static void get_status(RowReader *r, JobStatus *s)
{
        s->state = get_enum(r);
        s->intent = get_enum(r);
        s->undelivered = get_enum(r);
        s->error_count = get_u32(r);
        s->created_wall = get_number(r);
        s->modified_wall = get_number(r);
        s->transferred_wall = get_number(r);
        s->ended_wall = get_number(r);
        s->end_result = get_i32(r);
        s->active_usec = get_number(r);
        get_error(r, &s->error);
}

static void get_upload(RowReader *r, Job *job)
{
        job->props.reply_name = get_text(r);
        job->props.reply_optional = get_bool(r);
        job->status.uploaded = get_bool(r);
        job->status.farewell_wall = get_number(r);
        job->session = get_bytes(r, JOB_SESSION_BYTES_MAX, &job->session_bytes);
}

static void get_program(RowReader *r, Job *job)
{
        job->props.notify_program = get_text(r);
        job->props.notify_parameters = get_text(r);
        job->props.notify_uid = get_u32(r);
        job->status.program_result = get_i32(r);
        job->status.program_time_wall = get_number(r);
        job->status.program_runs = get_u32(r);
        job->props.limit_bps = get_number(r);
}

int row_read_job(Db *db, sqlite3_stmt *stmt, Job **ret)
{
        _cleanup_(stored_job_freep) Job *job = mem_new(Job);
        RowReader r = {.stmt = stmt};
        const char *bad;

        if (!job)
                return -ENOMEM;
        job->serial = get_number(&r);
        get_guid(&r, &job->id);
        job->owner_uid = get_u32(&r);
        job->type = get_enum(&r);
        get_props(&r, &job->props);
        get_status(&r, &job->status);
        get_upload(&r, job);
        get_program(&r, job);

        if (r.no_memory)
                return -ENOMEM;
        bad = r.bad ? r.bad : stored_job_bad_field(job);
        if (bad)
                return db_damage(db, "job %" PRIu64 ": bad value in column %s", job->serial, bad);
        *ret = TAKE_PTR(job);
        return 0;
}

int row_read_file(Db *db, sqlite3_stmt *stmt, uint64_t *ret_serial, JobFile **ret)
{
        _cleanup_(stored_file_freep) JobFile *file = mem_new(JobFile);
        RowReader r = {.stmt = stmt};
        uint64_t serial;
        const char *bad;

        if (!file)
                return -ENOMEM;
        serial = get_number(&r);
        file->index = get_u32(&r);
        file->remote = get_text(&r);
        file->local = get_text(&r);
        file->state = get_enum(&r);
        file->size_bytes = get_size(&r);
        file->done_bytes = get_number(&r);
        file->synced_bytes = get_number(&r);
        file->etag = get_text(&r);
        file->modified_sec = get_int(&r, INT64_MIN, INT64_MAX);

        if (r.no_memory)
                return -ENOMEM;
        bad = r.bad ? r.bad : stored_file_bad_field(file);
        if (!bad && stored_etag_clean(file->etag) != file->etag)
                bad = "etag";
        if (bad)
                return db_damage(db, "job %" PRIu64 ", file %" PRIu32 ": bad value in column %s",
                                 serial, file->index, bad);
        *ret_serial = serial;
        *ret = TAKE_PTR(file);
        return 0;
}

int row_read_credential(Db *db, sqlite3_stmt *stmt, uint64_t *ret_serial, JobCredential *ret)
{
        JobCredential c = {0};
        RowReader r = {.stmt = stmt};
        uint64_t serial = get_number(&r);
        const char *bad;

        c.target = get_u32(&r);
        c.scheme = get_u32(&r);
        c.implicit = get_bool(&r);
        c.sealed = get_bytes(&r, VAULT_SEALED_BYTES_MAX, &c.sealed_bytes);

        bad = r.bad ? r.bad : stored_credential_bad_field(&c);
        if (!r.no_memory && !bad) {
                *ret_serial = serial;
                *ret = c;
                return 0;
        }
        mem_free(c.sealed);
        if (r.no_memory)
                return -ENOMEM;
        return db_damage(
                db, "job %" PRIu64 ", credentials %" PRIu32 "/%" PRIu32 ": bad value in column %s",
                serial, c.target, c.scheme, bad);
}
