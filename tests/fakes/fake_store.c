/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum ChangeKind {
        CHANGE_JOB,
        CHANGE_DELETE,
        CHANGE_FILE,
        CHANGE_CREDENTIAL,
        CHANGE_NO_CREDENTIAL,
} ChangeKind;

typedef struct Change {
        ChangeKind kind;
        GUID id;
        Job *job;                 /* CHANGE_JOB: without files */
        JobFile *file;            /* CHANGE_FILE: by index, inserted when new */
        JobCredential credential; /* without a blob for CHANGE_NO_CREDENTIAL */
        List in_txn;
} Change;

typedef struct Transaction {
        List changes;
        List in_journal;
} Transaction;

static void *must(void *p)
{
        if (!p)
                abort(); /* tests that inject failures of memory use another store */
        return p;
}

static char *dup(const char *s)
{
        return s ? must(strdup(s)) : NULL;
}

static JobFile *file_dup(const JobFile *from)
{
        JobFile *file = must(calloc(1, sizeof(JobFile)));

        *file = *from;
        file->remote = dup(from->remote);
        file->local = dup(from->local);
        file->etag = dup(from->etag);
        file->op = 0;
        file->dirty = file->stopping = false;
        return file;
}

static void file_drop(JobFile *file)
{
        free(file->remote);
        free(file->local);
        free(file->etag);
        free(file);
}

static JobCredential credential_dup(const JobCredential *from)
{
        JobCredential copy = *from;

        copy.sealed = must(malloc(from->sealed_bytes));
        memcpy(copy.sealed, from->sealed, from->sealed_bytes);
        return copy;
}

static void credentials_dup(Job *to, const Job *from)
{
        to->credentials = must(calloc(JOB_CREDENTIALS_MAX, sizeof(JobCredential)));
        for (uint32_t i = 0; i < from->credentials_len; i++)
                to->credentials[to->credentials_len++] = credential_dup(&from->credentials[i]);
}

static void credentials_clear(Job *job)
{
        for (uint32_t i = 0; i < job->credentials_len; i++)
                free(job->credentials[i].sealed);
        free(job->credentials);
        job->credentials = NULL;
        job->credentials_len = 0;
}

static Job *job_dup(const Job *from)
{
        Job *job = must(calloc(1, sizeof(Job)));

        *job = (Job){
                .id = from->id,
                .serial = from->serial,
                .owner_uid = from->owner_uid,
                .type = from->type,
                .props = from->props,
                .status = from->status,
        };
        job->props.name = dup(from->props.name);
        job->props.description = dup(from->props.description);
        job->props.proxy_list = dup(from->props.proxy_list);
        job->props.proxy_bypass = dup(from->props.proxy_bypass);
        job->props.reply_name = dup(from->props.reply_name);
        if (from->session_bytes > 0) {
                job->session = must(malloc(from->session_bytes));
                memcpy(job->session, from->session, from->session_bytes);
                job->session_bytes = from->session_bytes;
        }
        job->props.notify_program = dup(from->props.notify_program);
        job->props.notify_parameters = dup(from->props.notify_parameters);
        return job;
}

static void job_drop(Job *job)
{
        for (uint32_t i = 0; i < job->files_len; i++)
                file_drop(job->files[i]);
        free(job->files);
        if (job->reply)
                file_drop(job->reply);
        free(job->session);
        credentials_clear(job);
        free(job->props.reply_name);
        free(job->props.name);
        free(job->props.description);
        free(job->props.proxy_list);
        free(job->props.proxy_bypass);
        free(job->props.notify_program);
        free(job->props.notify_parameters);
        free(job);
}

static void image_clear(FakeImage *image)
{
        for (uint32_t i = 0; i < image->len; i++)
                job_drop(image->jobs[i]);
        free(image->jobs);
        *image = (FakeImage){0};
}

static int image_find(const FakeImage *image, const GUID *id)
{
        for (uint32_t i = 0; i < image->len; i++)
                if (guid_equal(&image->jobs[i]->id, id))
                        return (int) i;
        return -1;
}

static void image_put_file(Job *job, const JobFile *file)
{
        if (job->type == BG_JOB_TYPE_UPLOAD_REPLY && file->index == JOB_REPLY_INDEX) {
                if (job->reply)
                        file_drop(job->reply);
                job->reply = file_dup(file);
                return;
        }
        if (file->index < job->files_len) {
                file_drop(job->files[file->index]);
                job->files[file->index] = file_dup(file);
                return;
        }
        job->files = must(realloc(job->files, (job->files_len + 1) * sizeof(JobFile *)));
        job->files[job->files_len++] = file_dup(file);
}

static void image_remove_credential(Job *job, const JobCredential *c)
{
        for (uint32_t i = 0; i < job->credentials_len; i++) {
                if (job->credentials[i].target != c->target ||
                    job->credentials[i].scheme != c->scheme)
                        continue;
                free(job->credentials[i].sealed);
                job->credentials[i] = job->credentials[--job->credentials_len];
                return;
        }
}

static void image_put_credential(Job *job, const JobCredential *c)
{
        image_remove_credential(job, c);
        if (!job->credentials)
                job->credentials = must(calloc(JOB_CREDENTIALS_MAX, sizeof(JobCredential)));
        job->credentials[job->credentials_len++] = credential_dup(c);
}

/* Serials grow, so new jobs belong at the end. */
static void image_put_job(FakeImage *image, const Job *job)
{
        int i = image_find(image, &job->id);
        Job *copy = job_dup(job);

        if (i < 0) {
                image->jobs = must(realloc(image->jobs, (image->len + 1) * sizeof(Job *)));
                image->jobs[image->len++] = copy;
                return;
        }
        copy->files = image->jobs[i]->files;
        copy->files_len = image->jobs[i]->files_len;
        copy->reply = image->jobs[i]->reply;
        copy->credentials = image->jobs[i]->credentials;
        copy->credentials_len = image->jobs[i]->credentials_len;
        image->jobs[i]->credentials = NULL;
        image->jobs[i]->credentials_len = 0;
        image->jobs[i]->reply = NULL;
        image->jobs[i]->files = NULL;
        image->jobs[i]->files_len = 0;
        job_drop(image->jobs[i]);
        image->jobs[i] = copy;
}

static void image_apply(FakeImage *image, const Change *change)
{
        int i = image_find(image, &change->id);

        if (change->kind == CHANGE_JOB) {
                image_put_job(image, change->job);
        } else if (change->kind == CHANGE_FILE && i >= 0) {
                image_put_file(image->jobs[i], change->file);
        } else if (change->kind == CHANGE_CREDENTIAL && i >= 0) {
                image_put_credential(image->jobs[i], &change->credential);
        } else if (change->kind == CHANGE_NO_CREDENTIAL && i >= 0) {
                image_remove_credential(image->jobs[i], &change->credential);
        } else if (change->kind == CHANGE_DELETE && i >= 0) {
                job_drop(image->jobs[i]);
                memmove(&image->jobs[i], &image->jobs[i + 1],
                        (image->len - (uint32_t) i - 1) * sizeof(Job *));
                image->len--;
        }
}

static void changes_drop(List *changes)
{
        LIST_FOREACH (it, changes) {
                Change *change = list_item(it, Change, in_txn);

                list_remove(it);
                if (change->job)
                        job_drop(change->job);
                if (change->file)
                        file_drop(change->file);
                free(change->credential.sealed);
                free(change);
        }
}

static void journal_drop(FakeStore *s)
{
        LIST_FOREACH (it, &s->journal) {
                Transaction *txn = list_item(it, Transaction, in_journal);

                list_remove(it);
                changes_drop(&txn->changes);
                free(txn);
        }
}

void fake_store_init(FakeStore *s)
{
        *s = (FakeStore){.same_boot = true};
        list_init(&s->pending);
        list_init(&s->journal);
}

void fake_store_done(FakeStore *s)
{
        image_clear(&s->image);
        image_clear(&s->durable);
        free(s->tainted);
        changes_drop(&s->pending);
        journal_drop(s);
}

static int gate(FakeStore *s, FakeStoreCall call)
{
        int r = s->fault ? s->fault(s->fault_ctx, call) : 0;

        if (call != FAKE_STORE_BEGIN && call != FAKE_STORE_LOAD) {
                if (!s->in_txn)
                        s->violation = "call outside a transaction";
                if (s->must_roll_back)
                        s->violation = "call after a failure, before the rollback";
                if (r < 0)
                        s->must_roll_back = true;
        } else if (s->in_txn) {
                s->violation = "transaction inside a transaction";
        }
        return r;
}

static int fake_begin(void *ctx)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_BEGIN);

        if (r < 0)
                return r;
        s->in_txn = true;
        return 0;
}

static void fake_rollback(void *ctx)
{
        FakeStore *s = ctx;

        if (!s->in_txn)
                s->violation = "rollback outside a transaction";
        s->in_txn = s->must_roll_back = false;
        changes_drop(&s->pending);
}

static void harden(FakeStore *s)
{
        LIST_FOREACH (it, &s->journal) {
                const Transaction *txn = list_item(it, Transaction, in_journal);

                LIST_FOREACH (change, &txn->changes)
                        image_apply(&s->durable, list_item(change, Change, in_txn));
        }
        journal_drop(s);
}

bool fake_store_is_tainted(const FakeStore *s, const GUID *id)
{
        for (uint32_t i = 0; i < s->tainted_len; i++)
                if (guid_equal(&s->tainted[i], id))
                        return true;
        return false;
}

static void taint(FakeStore *s, const GUID *id)
{
        if (fake_store_is_tainted(s, id))
                return;
        s->tainted = must(realloc(s->tainted, (s->tainted_len + 1) * sizeof(GUID)));
        s->tainted[s->tainted_len++] = *id;
}

static void untaint(FakeStore *s, const GUID *id)
{
        for (uint32_t i = 0; i < s->tainted_len; i++)
                if (guid_equal(&s->tainted[i], id))
                        s->tainted[i--] = s->tainted[--s->tainted_len];
}

/* The jobs of a transaction hold what the engine thinks, or what it was refused. */
static void note_jobs(FakeStore *s, const Transaction *txn, void (*note)(FakeStore *, const GUID *))
{
        LIST_FOREACH (it, &txn->changes) {
                const Change *change = list_item(it, Change, in_txn);

                if (change->kind == CHANGE_JOB)
                        note(s, &change->id);
        }
}

static int fake_commit(void *ctx, bool durable)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_COMMIT);
        Transaction *txn;

        if (r < 0)
                return r;
        txn = must(calloc(1, sizeof(Transaction)));
        list_init(&txn->changes);
        LIST_FOREACH (it, &s->pending) {
                image_apply(&s->image, list_item(it, Change, in_txn));
                list_remove(it);
                list_append(&txn->changes, it);
        }
        list_append(&s->journal, &txn->in_journal);
        s->in_txn = false;
        s->same_boot = true;
        s->commits++;
        note_jobs(s, txn, untaint);
        if (s->tainted_len > 0)
                s->violation = "a commit that did not take a refused one back";
        if (durable) {
                r = s->fault ? s->fault(s->fault_ctx, FAKE_STORE_HARDEN) : 0;
                if (r < 0) {
                        s->must_roll_back = s->in_txn = true; /* as after any failed commit */
                        note_jobs(s, txn, taint);
                        return r;
                }
                s->durable_commits++;
                harden(s);
        }
        return 0;
}

static Change *change_new(FakeStore *s, ChangeKind kind, const GUID *id)
{
        Change *change = must(calloc(1, sizeof(Change)));

        change->kind = kind;
        change->id = *id;
        list_append(&s->pending, &change->in_txn);
        return change;
}

static int fake_job_save(void *ctx, const Job *job)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_JOB_SAVE);

        if (r < 0)
                return r;
        change_new(s, CHANGE_JOB, &job->id)->job = job_dup(job);
        s->job_saves++;
        return 0;
}

static int fake_job_delete(void *ctx, const Job *job)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_JOB_DELETE);

        if (r < 0)
                return r;
        (void) change_new(s, CHANGE_DELETE, &job->id);
        return 0;
}

static int fake_files_insert(void *ctx, const Job *job, JobFile *const *files, uint32_t n)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_FILES_INSERT);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < n; i++)
                change_new(s, CHANGE_FILE, &job->id)->file = file_dup(files[i]);
        return 0;
}

static int fake_file_save(void *ctx, const Job *job, const JobFile *file)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_FILE_SAVE);

        if (r < 0)
                return r;
        if (file->size_bytes != BG_SIZE_UNKNOWN && file->size_bytes > INT64_MAX)
                s->violation = "a size that no store can hold";
        change_new(s, CHANGE_FILE, &job->id)->file = file_dup(file);
        s->file_saves++;
        return 0;
}

static int fake_credential_save(void *ctx, const Job *job, const JobCredential *c)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_CREDENTIAL_SAVE);

        if (r < 0)
                return r;
        change_new(s, CHANGE_CREDENTIAL, &job->id)->credential = credential_dup(c);
        return 0;
}

static int fake_credential_delete(void *ctx, const Job *job, uint32_t target, uint32_t scheme)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_CREDENTIAL_DELETE);

        if (r < 0)
                return r;
        change_new(s, CHANGE_NO_CREDENTIAL, &job->id)->credential =
                (JobCredential){.target = target, .scheme = scheme};
        return 0;
}

static int load_job(const Job *job, const StoreSink *sink)
{
        Job *copy = job_dup(job);
        int r;

        credentials_dup(copy, job);
        r = sink->job(sink->ctx, copy);

        for (uint32_t i = 0; r >= 0 && i < job->files_len; i++)
                r = sink->file(sink->ctx, &job->id, file_dup(job->files[i]));
        if (r >= 0 && job->reply)
                r = sink->file(sink->ctx, &job->id, file_dup(job->reply));
        return r;
}

static int fake_load(void *ctx, const StoreSink *sink, bool *ret_same_boot,
                     uint64_t *ret_next_serial)
{
        FakeStore *s = ctx;
        int r = gate(s, FAKE_STORE_LOAD);
        uint64_t next = 1;

        for (uint32_t i = 0; r >= 0 && i < s->image.len; i++) {
                r = load_job(s->image.jobs[i], sink);
                next = s->image.jobs[i]->serial + 1;
        }
        if (r < 0)
                return r;
        *ret_same_boot = s->same_boot;
        *ret_next_serial = next;
        return 0;
}

StorePort fake_store_port(FakeStore *s)
{
        return (StorePort){
                .begin = fake_begin,
                .commit = fake_commit,
                .rollback = fake_rollback,
                .job_save = fake_job_save,
                .job_delete = fake_job_delete,
                .files_insert = fake_files_insert,
                .file_save = fake_file_save,
                .credential_save = fake_credential_save,
                .credential_delete = fake_credential_delete,
                .load = fake_load,
                .ctx = s,
        };
}

void fake_store_kill(FakeStore *s)
{
        s->tainted_len = 0; /* nobody knows any more */
        s->in_txn = s->must_roll_back = false;
        changes_drop(&s->pending);
}

static void image_copy(FakeImage *to, const FakeImage *from)
{
        image_clear(to);
        for (uint32_t i = 0; i < from->len; i++) {
                image_put_job(to, from->jobs[i]);
                for (uint32_t c = 0; c < from->jobs[i]->credentials_len; c++)
                        image_put_credential(to->jobs[i], &from->jobs[i]->credentials[c]);
                for (uint32_t f = 0; f < from->jobs[i]->files_len; f++)
                        image_put_file(to->jobs[i], from->jobs[i]->files[f]);
                if (from->jobs[i]->reply)
                        image_put_file(to->jobs[i], from->jobs[i]->reply);
        }
}

void fake_store_power_loss(FakeStore *s, uint32_t keep)
{
        uint32_t n = 0;

        fake_store_kill(s);
        LIST_FOREACH (it, &s->journal) {
                Transaction *txn = list_item(it, Transaction, in_journal);

                if (n++ < keep)
                        continue;
                list_remove(it);
                changes_drop(&txn->changes);
                free(txn);
        }
        harden(s); /* survived one power loss, so it survives the next */
        image_copy(&s->image, &s->durable);
        s->same_boot = false;
}

uint32_t fake_store_journal_len(const FakeStore *s)
{
        uint32_t n = 0;

        LIST_FOREACH (it, &s->journal)
                n++;
        return n;
}

static const Job *image_job(const FakeImage *image, const GUID *id)
{
        int i = image_find(image, id);

        return i < 0 ? NULL : image->jobs[i];
}

const Job *fake_store_job(const FakeStore *s, const GUID *id)
{
        return image_job(&s->image, id);
}

const Job *fake_store_durable_job(const FakeStore *s, const GUID *id)
{
        return image_job(&s->durable, id);
}
