/* SPDX-License-Identifier: Apache-2.0 */
#include "com_enum.h"

#include <limits.h>

#include "com_file.h"
#include "com_job.h"
#include "com_object.h"

/* What is enumerated. */
typedef struct Snapshot {
        atomic_uint refs;
        ComSession *session;
        ULONG count;
        GUID *jobs;            /* ids, for jobs */
        GUID job;              /* whose files, … */
        bits_file_list *files; /* … for files */
} Snapshot;

typedef struct ComEnum {
        ComObject object;
        Snapshot *snapshot;
        atomic_uint position;
} ComEnum;

static Snapshot *snapshot_new(ComSession *session)
{
        Snapshot *s = mem_new(Snapshot);

        if (!s)
                return NULL;
        atomic_init(&s->refs, 1);
        s->session = com_session_ref(session);
        return s;
}

static Snapshot *snapshot_ref(Snapshot *s)
{
        (void) atomic_fetch_add(&s->refs, 1);
        return s;
}

static void snapshot_unref(Snapshot *s)
{
        if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
                return;
        (void) com_session_unref(s->session);
        mem_free(s->jobs);
        bits_file_list_free(s->files);
        mem_free(s);
}

static HRESULT make_element(const Snapshot *s, ULONG i, void **ret)
{
        if (s->files)
                return com_file_new(s->session, &s->job, &s->files->files[i],
                                    (IBackgroundCopyFile **) ret);
        return com_job_new(s->session, &s->jobs[i], (IBackgroundCopyJob **) ret);
}

/* ---- what both do ---- */

static void destroy_enum(void *object)
{
        ComEnum *e = object;

        snapshot_unref(e->snapshot);
        mem_free(e);
}

/* Moves the position over at most n elements; how many, and in *ret_from where it stood. */
static ULONG advance(ComEnum *e, ULONG n, ULONG *ret_from)
{
        unsigned from = atomic_load(&e->position), step;

        do
                step = MIN(n, e->snapshot->count - from);
        while (!atomic_compare_exchange_weak(&e->position, &from, from + step));
        *ret_from = from;
        return step;
}

static HRESULT enum_next(ComEnum *e, ULONG celt, void **rgelt, ULONG *pceltFetched)
{
        ULONG from, n;
        HRESULT hr;

        if ((!rgelt && celt > 0) || (!pceltFetched && celt != 1))
                return E_INVALIDARG;
        if (pceltFetched)
                *pceltFetched = 0;
        n = advance(e, celt, &from);
        for (ULONG i = 0; i < n; i++) {
                hr = make_element(e->snapshot, from + i, &rgelt[i]);
                if (SUCCEEDED(hr))
                        continue;
                while (i-- > 0)
                        (void) com_object_release(rgelt[i]);
                return hr;
        }
        if (pceltFetched)
                *pceltFetched = n;
        return n == celt ? S_OK : S_FALSE;
}

static HRESULT enum_skip(ComEnum *e, ULONG celt)
{
        ULONG from;

        return advance(e, celt, &from) == celt ? S_OK : S_FALSE;
}

static HRESULT enum_reset(ComEnum *e)
{
        atomic_store(&e->position, 0);
        return S_OK;
}

static HRESULT enum_get_count(ComEnum *e, ULONG *puCount)
{
        if (!puCount)
                return E_INVALIDARG;
        *puCount = e->snapshot->count;
        return S_OK;
}

/* Takes the reference to the snapshot also on failure. */
static HRESULT enum_new(const ComClass *class, const void *vtbl, Snapshot *take, ULONG position,
                        void **ret)
{
        ComEnum *e = mem_new(ComEnum);

        if (!e) {
                snapshot_unref(take);
                return E_OUTOFMEMORY;
        }
        com_object_init(&e->object, class, vtbl);
        e->snapshot = take;
        atomic_init(&e->position, position);
        *ret = e;
        return S_OK;
}

static HRESULT enum_clone(ComEnum *e, void **ppenum)
{
        if (!ppenum)
                return E_INVALIDARG;
        *ppenum = NULL;
        return enum_new(e->object.class, e->object.vtbl, snapshot_ref(e->snapshot),
                        atomic_load(&e->position), ppenum);
}

/* ---- the two tables ---- */

#define ENUM_METHODS(interface, element, prefix)                                                   \
        COM_UNKNOWN_METHODS(interface, prefix)                                                     \
        static HRESULT prefix##_Next(interface *This, ULONG celt, element **rgelt,                 \
                                     ULONG *pceltFetched)                                          \
        {                                                                                          \
                return enum_next((ComEnum *) This, celt, (void **) rgelt, pceltFetched);           \
        }                                                                                          \
        static HRESULT prefix##_Skip(interface *This, ULONG celt)                                  \
        {                                                                                          \
                return enum_skip((ComEnum *) This, celt);                                          \
        }                                                                                          \
        static HRESULT prefix##_Reset(interface *This)                                             \
        {                                                                                          \
                return enum_reset((ComEnum *) This);                                               \
        }                                                                                          \
        static HRESULT prefix##_Clone(interface *This, interface **ppenum)                         \
        {                                                                                          \
                return enum_clone((ComEnum *) This, (void **) ppenum);                             \
        }                                                                                          \
        static HRESULT prefix##_GetCount(interface *This, ULONG *puCount)                          \
        {                                                                                          \
                return enum_get_count((ComEnum *) This, puCount);                                  \
        }                                                                                          \
        static const interface##Vtbl prefix##_vtbl = {                                             \
                .QueryInterface = prefix##_QueryInterface,                                         \
                .AddRef = prefix##_AddRef,                                                         \
                .Release = prefix##_Release,                                                       \
                .Next = prefix##_Next,                                                             \
                .Skip = prefix##_Skip,                                                             \
                .Reset = prefix##_Reset,                                                           \
                .Clone = prefix##_Clone,                                                           \
                .GetCount = prefix##_GetCount,                                                     \
        };                                                                                         \
        static const IID *const prefix##_iids[] = {&IID_##interface, NULL};                        \
        static const ComClass prefix##_class = {.iids = prefix##_iids, .destroy = destroy_enum};

ENUM_METHODS(IEnumBackgroundCopyJobs, IBackgroundCopyJob, jobs)
ENUM_METHODS(IEnumBackgroundCopyFiles, IBackgroundCopyFile, files)

static HRESULT snapshot_of_jobs(ComSession *session, const bits_job_list *list, Snapshot **ret)
{
        Snapshot *s;

        if (list->count > UINT_MAX)
                return E_UNEXPECTED;
        s = snapshot_new(session);
        if (!s)
                return E_OUTOFMEMORY;
        s->count = (ULONG) list->count;
        s->jobs = mem_array(list->count ? list->count : 1, sizeof(*s->jobs));
        if (!s->jobs) {
                snapshot_unref(s);
                return E_OUTOFMEMORY;
        }
        for (size_t i = 0; i < list->count; i++)
                s->jobs[i] = list->jobs[i].id;
        *ret = s;
        return S_OK;
}

HRESULT com_enum_take_jobs(ComSession *session, bits_job_list *list, IEnumBackgroundCopyJobs **ret)
{
        Snapshot *s = NULL;
        HRESULT hr = snapshot_of_jobs(session, list, &s);

        bits_job_list_free(list);
        return FAILED(hr) ? hr : enum_new(&jobs_class, &jobs_vtbl, s, 0, (void **) ret);
}

HRESULT com_enum_take_files(ComSession *session, const GUID *job, bits_file_list *list,
                            IEnumBackgroundCopyFiles **ret)
{
        Snapshot *s = list->count > UINT_MAX ? NULL : snapshot_new(session);

        if (!s) {
                bits_file_list_free(list);
                return E_OUTOFMEMORY;
        }
        s->count = (ULONG) list->count;
        s->job = *job;
        s->files = list;
        return enum_new(&files_class, &files_vtbl, s, 0, (void **) ret);
}
