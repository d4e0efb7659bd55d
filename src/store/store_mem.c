/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_mem.h"

#include <errno.h>
#include <string.h>

#include "base/guid.h"
#include "store/image.h"

typedef enum ChangeKind {
        CHANGE_JOB,
        CHANGE_FILE,
        CHANGE_CREDENTIAL,
} ChangeKind;

/* One change: what stands at a place afterwards (NULL: nothing). Applying it swaps the value with
 * what stood there, so that an applied change is its own undoing. */
typedef struct Change {
        uint64_t serial;
        ChangeKind kind;
        uint32_t index; /* of the file */
        Job *job;       /* with files and credentials */
        JobFile *file;
        JobCredential credential; /* nothing: without `sealed` */
} Change;

typedef struct ChangeList {
        Change *items;
        size_t len, cap;
} ChangeList;

/* live = hardened + redo. The open transaction is already in `live`; `undo` takes it out again. */
struct StoreMem {
        Image live;
        Image hardened;
        ChangeList undo;     /* of the open transaction */
        ChangeList pending;  /* of the open transaction, for redo */
        ChangeList redo;     /* committed, not hardened */
        size_t *commit_ends; /* redo.len after each of those commits */
        size_t commits_len, commits_cap;
        bool in_transaction;
        bool has_written; /* in the open transaction */
        bool same_boot;
        uint64_t calls;
        uint64_t fail_at; /* value of `calls`; 0 = never */
        int fail_errno;
};

static void change_done(Change *c)
{
        stored_job_free(c->job);
        stored_file_free(c->file);
        mem_free(c->credential.sealed);
}

static void list_clear(ChangeList *l)
{
        for (size_t i = 0; i < l->len; i++)
                change_done(&l->items[i]);
        l->len = 0;
}

static void list_done(ChangeList *l)
{
        list_clear(l);
        mem_free(l->items);
        *l = (ChangeList){0};
}

static int list_reserve(ChangeList *l, size_t more)
{
        size_t cap = MAX(l->cap * 2, l->len + more);
        Change *items;

        if (l->len + more <= l->cap)
                return 0;
        items = mem_realloc(l->items, cap * sizeof(*items));
        if (!items)
                return -ENOMEM;
        l->items = items;
        l->cap = cap;
        return 0;
}

static Job *find_job(const Image *image, uint64_t serial)
{
        size_t pos;

        return image_find(image, serial, &pos) ? image->jobs[pos] : NULL;
}

static int reserve_for(Image *image, const Change *c)
{
        Job *job;

        if (c->kind == CHANGE_JOB)
                return image_reserve(image);
        job = find_job(image, c->serial);
        if (!job)
                return 0;
        return c->kind == CHANGE_FILE ? image_reserve_file(job) : image_reserve_credential(job);
}

/* A job saved again keeps its files, reply and credentials; another job under the same serial
 * brings none. */
static void replace_job(Image *image, size_t pos, Change *c)
{
        Job *old = image->jobs[pos];

        if (guid_equal(&old->id, &c->job->id)) {
                c->job->files = TAKE_PTR(old->files);
                c->job->files_len = old->files_len;
                old->files_len = 0;
                c->job->reply = TAKE_PTR(old->reply);
                c->job->credentials = TAKE_PTR(old->credentials);
                c->job->credentials_len = old->credentials_len;
                old->credentials_len = 0;
        }
        image->jobs[pos] = c->job;
        c->job = old;
}

static void swap_job(Image *image, Change *c)
{
        size_t pos;
        bool found = image_find(image, c->serial, &pos);

        if (found && c->job)
                replace_job(image, pos, c);
        else if (found)
                c->job = image_remove(image, pos);
        else if (c->job)
                image_insert(image, pos, TAKE_PTR(c->job));
}

/* Files come and go at the end only: they are inserted in the order of their index. */
static void swap_file(Image *image, Change *c)
{
        Job *job = find_job(image, c->serial);

        if (!job)
                return; /* cannot be: only files of a known job are written */
        if (stored_is_reply(job->type, c->index)) {
                JobFile *old = job->reply;

                job->reply = c->file;
                c->file = old;
                return;
        }
        if (c->index == job->files_len) {
                if (c->file)
                        image_append_file(job, TAKE_PTR(c->file));
                return;
        }
        if (c->file) {
                JobFile *old = job->files[c->index];

                job->files[c->index] = c->file;
                c->file = old;
        } else
                c->file = job->files[--job->files_len];
}

static void swap_credential(Image *image, Change *c)
{
        Job *job = find_job(image, c->serial);
        JobCredential old = {.target = c->credential.target, .scheme = c->credential.scheme};
        uint32_t pos;

        if (!job)
                return; /* cannot be, see above */
        if (image_find_credential(job, old.target, old.scheme, &pos))
                old = image_remove_credential(job, pos);
        if (c->credential.sealed)
                image_insert_credential(job, pos, &c->credential);
        c->credential = old;
}

static void change_apply(Image *image, Change *c) /* room was reserved */
{
        static void (*const swaps[])(Image * image, Change * c) = {
                [CHANGE_JOB] = swap_job,
                [CHANGE_FILE] = swap_file,
                [CHANGE_CREDENTIAL] = swap_credential,
        };

        swaps[c->kind](image, c);
}

/* The second copy of a change, for the redo list. */
static int change_dup(const Change *c, Change *ret)
{
        Change copy = {.serial = c->serial, .kind = c->kind, .index = c->index};

        copy.credential = c->credential; /* and when there is nothing in it, its slot */
        if (c->job) {
                copy.job = stored_job_dup(c->job);
                if (!copy.job)
                        return -ENOMEM;
        }
        if (c->file) {
                copy.file = stored_file_dup(c->file);
                if (!copy.file)
                        return -ENOMEM;
        }
        if (c->credential.sealed && stored_credential_dup(&c->credential, &copy.credential) < 0)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

/* Takes what is in *c, also on failure. All memory is had before anything changes. */
static int write_change(StoreMem *m, Change *c)
{
        Change copy = {0};

        if (list_reserve(&m->undo, 1) < 0 || list_reserve(&m->pending, 1) < 0 ||
            reserve_for(&m->live, c) < 0 || change_dup(c, &copy) < 0) {
                change_done(c);
                return -ENOMEM;
        }
        change_apply(&m->live, c);
        m->undo.items[m->undo.len++] = *c;
        m->pending.items[m->pending.len++] = copy;
        return 0;
}

static void undo_transaction(StoreMem *m)
{
        for (size_t i = m->undo.len; i > 0; i--)
                change_apply(&m->live, &m->undo.items[i - 1]);
        list_clear(&m->undo);
        list_clear(&m->pending);
        m->in_transaction = false;
        m->has_written = false;
}

/* Every port call that can fail asks here first. */
static int call(StoreMem *m)
{
        m->calls++;
        if (m->calls != m->fail_at)
                return 0;
        m->fail_at = 0;
        return m->fail_errno;
}

static int call_in_transaction(StoreMem *m)
{
        int r = call(m);

        if (r < 0)
                return r;
        return m->in_transaction ? 0 : -EINVAL;
}

static int call_write(StoreMem *m)
{
        int r = call_in_transaction(m);

        if (r == 0)
                m->has_written = true;
        return r;
}

static int mem_begin(void *ctx)
{
        StoreMem *m = ctx;
        int r = call(m);

        if (r < 0)
                return r;
        if (m->in_transaction)
                return -EINVAL;
        m->in_transaction = true;
        return 0;
}

static void mem_rollback(void *ctx)
{
        undo_transaction(ctx);
}

static int reserve_commit(StoreMem *m)
{
        size_t cap = MAX(m->commits_cap * 2, (size_t) 16);
        size_t *ends;

        if (m->commits_len < m->commits_cap)
                return 0;
        ends = mem_realloc(m->commit_ends, cap * sizeof(*ends));
        if (!ends)
                return -ENOMEM;
        m->commit_ends = ends;
        m->commits_cap = cap;
        return 0;
}

/* Moves the first n changes into the hardened image. When memory runs out in between, the rest
 * stays for the next time. */
static int harden(StoreMem *m, size_t n)
{
        size_t done = 0, commits = 0;
        int r = 0;

        while (done < n && r == 0) {
                r = reserve_for(&m->hardened, &m->redo.items[done]);
                if (r == 0) {
                        change_apply(&m->hardened, &m->redo.items[done]);
                        change_done(&m->redo.items[done++]);
                }
        }
        m->redo.len -= done;
        if (done > 0)
                memmove(m->redo.items, m->redo.items + done, m->redo.len * sizeof(*m->redo.items));
        for (size_t i = 0; i < m->commits_len; i++)
                if (m->commit_ends[i] > done)
                        m->commit_ends[commits++] = m->commit_ends[i] - done;
        m->commits_len = commits;
        return r;
}

static int mem_commit(void *ctx, bool durable)
{
        StoreMem *m = ctx;
        int r = call_in_transaction(m);

        if (r == 0)
                r = list_reserve(&m->redo, m->pending.len);
        if (r == 0)
                r = reserve_commit(m);
        if (r < 0) {
                undo_transaction(m);
                return r;
        }
        if (m->pending.len > 0) {
                memcpy(m->redo.items + m->redo.len, m->pending.items,
                       m->pending.len * sizeof(*m->pending.items));
                m->redo.len += m->pending.len;
                m->pending.len = 0;
                m->commit_ends[m->commits_len++] = m->redo.len;
        }
        m->same_boot = m->same_boot || m->has_written;
        list_clear(&m->undo);
        m->in_transaction = false;
        m->has_written = false;
        return durable ? harden(m, m->redo.len) : 0;
}

static int mem_job_save(void *ctx, const Job *job)
{
        StoreMem *m = ctx;
        Change c = {.serial = job->serial};
        int r = call_write(m);

        if (r < 0)
                return r;
        if (stored_job_bad_field(job))
                return -EINVAL;
        c.job = stored_job_dup(job);
        if (!c.job)
                return -ENOMEM;
        return write_change(m, &c);
}

static int mem_job_delete(void *ctx, const Job *job)
{
        StoreMem *m = ctx;
        Change c = {.serial = job->serial};
        int r = call_write(m);

        if (r < 0)
                return r;
        return find_job(&m->live, job->serial) ? write_change(m, &c) : 0;
}

static int write_file(StoreMem *m, const Job *live, const JobFile *file)
{
        Change c = {.serial = live->serial, .kind = CHANGE_FILE, .index = file->index};

        if (stored_file_bad_field(file))
                return -EINVAL;
        c.file = stored_file_dup(file);
        if (!c.file)
                return -ENOMEM;
        return write_change(m, &c);
}

static int mem_files_insert(void *ctx, const Job *job, JobFile *const *files, uint32_t n)
{
        StoreMem *m = ctx;
        int r = call_write(m);

        if (r == 0 && !stored_files_fit(job->type, files, n))
                r = -EINVAL;
        for (uint32_t i = 0; i < n && r == 0; i++) {
                const Job *live = find_job(&m->live, job->serial);

                if (!live)
                        r = -ENOENT;
                else if (files[i]->index > live->files_len)
                        r = -EINVAL;
                else
                        r = write_file(m, live, files[i]);
        }
        return r;
}

static bool has_file(const Job *live, uint32_t index)
{
        if (stored_is_reply(live->type, index))
                return live->reply;
        return index < live->files_len;
}

static int mem_file_save(void *ctx, const Job *job, const JobFile *file)
{
        StoreMem *m = ctx;
        const Job *live = find_job(&m->live, job->serial);
        int r = call_write(m);

        if (r < 0)
                return r;
        if (stored_file_bad_place(job->type, file))
                return -EINVAL;
        if (!live || !has_file(live, file->index))
                return -ENOENT;
        return write_file(m, live, file);
}

static int mem_credential_save(void *ctx, const Job *job, const JobCredential *credential)
{
        StoreMem *m = ctx;
        Change c = {.serial = job->serial, .kind = CHANGE_CREDENTIAL};
        int r = call_write(m);

        if (r < 0)
                return r;
        if (stored_credential_bad_field(credential))
                return -EINVAL;
        if (!find_job(&m->live, job->serial))
                return -ENOENT;
        r = stored_credential_dup(credential, &c.credential);
        return r < 0 ? r : write_change(m, &c);
}

static int mem_credential_delete(void *ctx, const Job *job, uint32_t target, uint32_t scheme)
{
        StoreMem *m = ctx;
        Change c = {
                .serial = job->serial,
                .kind = CHANGE_CREDENTIAL,
                .credential = {.target = target, .scheme = scheme},
        };
        const Job *live = find_job(&m->live, job->serial);
        uint32_t pos;
        int r = call_write(m);

        if (r < 0)
                return r;
        if (!live || !image_find_credential(live, target, scheme, &pos))
                return 0;
        return write_change(m, &c);
}

static int mem_load(void *ctx, const StoreSink *sink, bool *ret_same_boot,
                    uint64_t *ret_next_serial)
{
        StoreMem *m = ctx;
        Image copy = {0};
        int r = call(m);

        if (r == 0)
                r = image_dup(&m->live, &copy);
        if (r == 0)
                r = image_hand_out(&copy, sink);
        if (r < 0)
                return r;
        *ret_same_boot = m->same_boot;
        *ret_next_serial = image_next_serial(&m->live);
        return 0;
}

StorePort store_mem_port(StoreMem *mem)
{
        return (StorePort){
                .begin = mem_begin,
                .commit = mem_commit,
                .rollback = mem_rollback,
                .job_save = mem_job_save,
                .job_delete = mem_job_delete,
                .files_insert = mem_files_insert,
                .file_save = mem_file_save,
                .credential_save = mem_credential_save,
                .credential_delete = mem_credential_delete,
                .load = mem_load,
                .ctx = mem,
        };
}

StoreMem *store_mem_new(void)
{
        return mem_new(StoreMem);
}

StoreMem *store_mem_free(StoreMem *mem)
{
        if (!mem)
                return NULL;
        list_done(&mem->undo);
        list_done(&mem->pending);
        list_done(&mem->redo);
        mem_free(mem->commit_ends);
        image_done(&mem->live);
        image_done(&mem->hardened);
        mem_free(mem);
        return NULL;
}

void store_mem_kill(StoreMem *mem)
{
        undo_transaction(mem);
}

uint32_t store_mem_unhardened(const StoreMem *mem)
{
        return (uint32_t) mem->commits_len;
}

int store_mem_power_loss(StoreMem *mem, uint32_t keep)
{
        Image found = {0};
        int r;

        undo_transaction(mem);
        if (keep > 0 && mem->commits_len > 0) {
                r = harden(mem, mem->commit_ends[MIN(keep, mem->commits_len) - 1]);
                if (r < 0)
                        return r;
        }
        r = image_dup(&mem->hardened, &found);
        if (r < 0)
                return r;
        image_done(&mem->live);
        mem->live = found;
        list_clear(&mem->redo);
        mem->commits_len = 0;
        mem->same_boot = false;
        return 0;
}

void store_mem_reboot(StoreMem *mem)
{
        undo_transaction(mem);
        mem->same_boot = false;
}

void store_mem_fail_nth(StoreMem *mem, uint64_t n, int err)
{
        mem->fail_at = n > 0 ? mem->calls + n : 0;
        mem->fail_errno = err;
}

uint64_t store_mem_calls(const StoreMem *mem)
{
        return mem->calls;
}
