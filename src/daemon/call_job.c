/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make, move and end jobs. */
#include <errno.h>
#include <inttypes.h>

#include "base/hresult.h"
#include "base/pack.h"
#include "base/str.h"
#include "daemon/audit.h"
#include "daemon/call.h"
#include "daemon/notifier.h"
#include "engine/file_name.h"
#include "ipc/protocol.h"

/* Far above the limits that the engine answers for with the right code. */
#define FILE_NAME_MAX_BYTES 65535
/* Two string lengths, the least that a file takes in the message. */
#define FILE_MIN_BYTES 8
/* Of a path in an error line. */
#define LOCAL_SHOWN_BYTES 120

HRESULT call_create_job(Call *call)
{
        const Policy *policy = &call->service->policy;
        const char *name;
        uint8_t bytes[16];
        uint32_t type;
        GUID id;
        HRESULT hr = call_read(call, "su", &name, &type);

        if (FAILED(hr))
                return hr;
        hr = manager_create_job(call->service->manager, &call->caller, name, (BG_JOB_TYPE) type,
                                &id);
        if (hr == BG_E_TOO_MANY_JOBS_PER_USER)
                call_explain(call,
                             "the limit is %" PRIu32
                             " jobs per user (MaxJobsPerUser); complete or cancel some",
                             policy->max_jobs_per_user);
        else if (hr == E_INVALIDARG)
                call_explain(call, "the name is no plain text of at most %d characters",
                             LIMIT_NAME_UNITS);
        else if (hr == BG_E_TOO_MANY_JOBS_PER_MACHINE)
                call_explain(call,
                             "the limit is %" PRIu32
                             " jobs in all (MaxJobsPerMachine); complete or cancel some",
                             policy->max_jobs_per_machine);
        if (FAILED(hr))
                return hr;
        call->job = id;
        audit_job(call, "created");
        guid_to_bytes(&id, bytes);
        hr = call_reply(call, "");
        if (FAILED(hr))
                return hr;
        if (sd_bus_message_append_array(call->reply, 'y', bytes, sizeof(bytes)) < 0)
                return E_OUTOFMEMORY;
        return S_OK;
}

HRESULT call_open_job(Call *call)
{
        const Job *job;
        HRESULT hr = call_read_id(call);

        if (FAILED(hr))
                return hr;
        return manager_get_job(call->service->manager, &call->caller, &call->job, &job);
}

/* The files of one AddFiles call; strings and array are its own. */
typedef struct FileSet {
        FileSpec *files;
        uint32_t n; /* the array has so many, the strings of the last ones may be missing */
} FileSet;

static void file_set_done(FileSet *set)
{
        for (uint32_t i = 0; i < set->n; i++) {
                mem_free((char *) set->files[i].remote);
                mem_free((char *) set->files[i].local);
        }
        mem_free(set->files);
}

static HRESULT read_file_set(Call *call, FileSet *set)
{
        const void *data;
        size_t bytes;
        PackReader in;
        uint32_t n;
        HRESULT hr = call_read_bytes(call, &data, &bytes);

        if (FAILED(hr))
                return hr;
        pack_reader_init(&in, data, bytes);
        n = unpack_u32(&in);
        if (n > IPC_FILES_PER_CALL_MAX) {
                call_explain(call, "one call may add %d files, not %" PRIu32,
                             IPC_FILES_PER_CALL_MAX, n);
                return E_INVALIDARG;
        }
        if (in.bad || n > bytes / FILE_MIN_BYTES) {
                call_explain(call, "the message is malformed");
                return E_INVALIDARG;
        }
        set->files = mem_array(n + 1, sizeof(*set->files)); /* never of no size */
        if (!set->files)
                return E_OUTOFMEMORY;
        set->n = n;
        for (uint32_t i = 0; i < n; i++) {
                set->files[i].remote = unpack_str(&in, FILE_NAME_MAX_BYTES);
                set->files[i].local = unpack_str(&in, FILE_NAME_MAX_BYTES);
                if (set->files[i].remote && set->files[i].local)
                        continue;
                if (pack_reader_end(&in) == -ENOMEM)
                        return E_OUTOFMEMORY;
                call_explain(call,
                             "the names of file %" PRIu32 " are missing, too long or no UTF-8",
                             i + 1);
                return E_INVALIDARG;
        }
        if (!unpack_at_end(&in)) {
                call_explain(call, "the message is malformed");
                return E_INVALIDARG;
        }
        return S_OK;
}

/* Says which file it was. A URL is not repeated: what is wrong with it may be a password in it. */
static void explain_files(Call *call, HRESULT hr, const FileSet *set)
{
        char local[LOCAL_SHOWN_BYTES];

        for (uint32_t i = 0; i < set->n && hr == E_INVALIDARG; i++) {
                if (FAILED(remote_name_check(set->files[i].remote))) {
                        call_explain(call,
                                     "the remote name of file %" PRIu32 " of %" PRIu32
                                     " is no plain http, https or file URL or absolute path",
                                     i + 1, set->n);
                        return;
                }
                if (FAILED(local_name_check(set->files[i].local))) {
                        call_explain(call,
                                     "the local name of file %" PRIu32 " of %" PRIu32
                                     " is no absolute path to a file: %s",
                                     i + 1, set->n,
                                     str_escape(local, sizeof(local), set->files[i].local));
                        return;
                }
        }
        if (set->n != 1 || hr == BG_E_INVALID_STATE || hr == BG_E_NOT_FOUND)
                return;
        call_explain(call, "%s: %s", str_escape(local, sizeof(local), set->files[0].local),
                     hresult_text(hr));
}

HRESULT call_add_files(Call *call)
{
        _cleanup_(file_set_done) FileSet set = {0};
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = read_file_set(call, &set);
        if (FAILED(hr))
                return hr;
        hr = manager_add_files(call->service->manager, &call->caller, &call->job, set.files, set.n);
        if (hr == BG_E_TOO_MANY_FILES_IN_JOB)
                call_explain(call,
                             "the limit is %" PRIu32
                             " files per job (MaxFilesPerJob); put the rest into a further job",
                             call->service->policy.max_files_per_job);
        else if (FAILED(hr))
                explain_files(call, hr, &set);
        return hr;
}

HRESULT call_suspend(Call *call)
{
        HRESULT hr = call_read_id(call);

        if (FAILED(hr))
                return hr;
        return manager_suspend(call->service->manager, &call->caller, &call->job);
}

HRESULT call_resume(Call *call)
{
        HRESULT hr = call_read_id(call);

        if (FAILED(hr))
                return hr;
        return manager_resume(call->service->manager, &call->caller, &call->job);
}

HRESULT call_take_ownership(Call *call)
{
        unsigned long before = 0;
        const Job *job;
        HRESULT hr = call_read_id(call);

        if (FAILED(hr))
                return hr;
        if (SUCCEEDED(manager_read_job(call->service->manager, &call->caller, &call->job, &job)))
                before = job->owner_uid;
        hr = manager_take_ownership(call->service->manager, &call->caller, &call->job);
        if (SUCCEEDED(hr))
                audit_job(call, "taken over from user %lu", before);
        return hr;
}

static HRESULT end_job(Call *call, void (*end)(Manager *m, const Caller *caller, const GUID *id,
                                               uint64_t token))
{
        uint64_t token;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = notifier_defer(call->service->notifier, call, &token);
        if (FAILED(hr))
                return hr;
        end(call->service->manager, &call->caller, &call->job, token);
        return S_OK;
}

HRESULT call_complete(Call *call)
{
        return end_job(call, manager_complete);
}

HRESULT call_cancel(Call *call)
{
        return end_job(call, manager_cancel);
}
