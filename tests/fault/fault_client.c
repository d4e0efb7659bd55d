/* SPDX-License-Identifier: Apache-2.0 */
/* A program that uses libbits, with the shim in it: for n = 1, 2, 3 … the n-th call of a kind fails
 * in each operation, until one run of it is untouched. The operation then says so with the right
 * code, leaves no memory and no descriptor behind, and works when it is tried again. BITSD_SOCKET
 * leads to a bitsd without faults. Usage: fault_client KIND ERRNO CODE NAME…, where CODE is what
 * the errno becomes. Prints "NAME: N runs, M faults" and "FOUND …" for what broke. */
#define COBJMACROS
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#include <bits.h>
#include <bits_native.h>

#include "fault_control.h"

#define NAME L"a job of the fault client"
#define HR_UNREACHABLE ((HRESULT) 0x800706BA) /* RPC server unavailable */
#define HR_CALL_FAILED ((HRESULT) 0x800706BE)
enum { RUNS_MAX = 5000, WARM_RUNS = 3 };

typedef HRESULT (*Operation)(void);

static FaultControl *control;
static const char *remote;

static HRESULT native_life(void)
{
        bits_client *client = NULL;
        bits_job_info *info = NULL;
        bits_job_list *list = NULL;
        bits_file_list *files = NULL;
        bits_file_spec spec = {remote, "/tmp/fault-client-never-made"};
        HRESULT hr, undone;
        GUID id;

        hr = bits_connect(NULL, &client);
        if (FAILED(hr))
                return hr;
        hr = bits_job_create(client, "a job of the fault client", BG_JOB_TYPE_DOWNLOAD, &id);
        if (SUCCEEDED(hr)) {
                hr = bits_job_add_files(client, &id, &spec, 1);
                if (SUCCEEDED(hr))
                        hr = bits_job_set_proxy(client, &id, BG_JOB_PROXY_USAGE_OVERRIDE, "proxy:1",
                                                NULL);
                if (SUCCEEDED(hr))
                        hr = bits_job_read(client, &id, &info);
                if (SUCCEEDED(hr))
                        hr = bits_files_list(client, &id, &files);
                if (SUCCEEDED(hr))
                        hr = bits_jobs_list(client, 0, &list);
                undone = bits_job_cancel(client, &id);
                if (SUCCEEDED(hr))
                        hr = undone;
        }
        bits_job_info_free(info);
        bits_file_list_free(files);
        bits_job_list_free(list);
        bits_disconnect(client);
        return hr;
}

static HRESULT native_status(void)
{
        bits_client *client = NULL;
        bits_status *status = NULL;
        HRESULT hr = bits_connect(NULL, &client);

        if (SUCCEEDED(hr))
                hr = bits_service_status(client, &status);
        bits_status_free(status);
        bits_disconnect(client);
        return hr;
}

static HRESULT native_events(void)
{
        bits_events *events = NULL;
        bits_event *event = NULL;
        HRESULT hr = bits_events_open(NULL, NULL, &events);

        if (FAILED(hr))
                return hr;
        hr = bits_events_next(events, 0, &event);
        bits_event_free(event);
        bits_events_close(events);
        return hr;
}

static HRESULT com_texts(IBackgroundCopyJob *job)
{
        LPWSTR text = NULL;
        BG_JOB_PROGRESS progress;
        HRESULT hr = IBackgroundCopyJob_GetDisplayName(job, &text);

        if (SUCCEEDED(hr) && wcscmp(text, NAME) != 0)
                hr = E_UNEXPECTED;
        CoTaskMemFree(text);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob_GetProgress(job, &progress);
        return hr;
}

static HRESULT com_files(IBackgroundCopyJob *job)
{
        IEnumBackgroundCopyFiles *files = NULL;
        IBackgroundCopyFile *file = NULL;
        wchar_t wide[256];
        LPWSTR text = NULL;
        HRESULT hr;

        (void) swprintf(wide, 256, L"%s", remote);
        hr = IBackgroundCopyJob_AddFile(job, wide, L"/tmp/fault-client-never-made");
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob_EnumFiles(job, &files);
        if (SUCCEEDED(hr))
                hr = IEnumBackgroundCopyFiles_Next(files, 1, &file, NULL);
        if (hr == S_OK)
                hr = IBackgroundCopyFile_GetRemoteName(file, &text);
        CoTaskMemFree(text);
        if (file)
                (void) IBackgroundCopyFile_Release(file);
        if (files)
                (void) IEnumBackgroundCopyFiles_Release(files);
        return hr;
}

static HRESULT com_life(void)
{
        IBackgroundCopyManager *manager = NULL;
        IBackgroundCopyJob *job = NULL;
        HRESULT hr, undone;
        GUID id;

        hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);
        if (FAILED(hr))
                return hr;
        hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                              &IID_IBackgroundCopyManager, (void **) &manager);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyManager_CreateJob(manager, NAME, BG_JOB_TYPE_DOWNLOAD, &id,
                                                      &job);
        if (SUCCEEDED(hr)) {
                hr = com_texts(job);
                if (SUCCEEDED(hr))
                        hr = com_files(job);
                undone = IBackgroundCopyJob_Cancel(job);
                if (SUCCEEDED(hr))
                        hr = undone;
                (void) IBackgroundCopyJob_Release(job);
        }
        if (manager)
                (void) IBackgroundCopyManager_Release(manager);
        CoUninitialize();
        return hr;
}

static const struct {
        const char *name;
        Operation run;
} OPERATIONS[] = {
        {"native", native_life},
        {"status", native_status},
        {"events", native_events},
        {"com", com_life},
};

/* What a Cancel that failed has left. */
static HRESULT sweep(void)
{
        bits_client *client = NULL;
        bits_job_list *list = NULL;
        HRESULT hr = bits_connect(NULL, &client);

        if (SUCCEEDED(hr))
                hr = bits_jobs_list(client, 0, &list);
        for (size_t i = 0; SUCCEEDED(hr) && i < list->count; i++)
                hr = bits_job_cancel(client, &list->jobs[i].id);
        bits_job_list_free(list);
        bits_disconnect(client);
        return hr;
}

static unsigned descriptors(void)
{
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        while (dir && readdir(dir))
                n++;
        if (dir)
                (void) closedir(dir);
        return n;
}

static void *map_page(void)
{
        const char *dir = getenv("FAULT_DIR");
        char path[512];
        void *page;
        int fd;

        (void) snprintf(path, sizeof(path), "%s/fault_client", dir ? dir : "");
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return NULL;
        page = mmap(NULL, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        (void) close(fd);
        return page == MAP_FAILED ? NULL : page;
}

/* Whoever has lost the service says that, or what it was that failed. */
static int is_right(HRESULT hr, HRESULT code)
{
        return SUCCEEDED(hr) || hr == code || hr == HR_UNREACHABLE || hr == HR_CALL_FAILED;
}

static int loop(const char *name, Operation run, FaultKind kind, int error, HRESULT code)
{
        unsigned faults = 0, found = 0, n, fds;
        int64_t live;

        for (n = 0; n < WARM_RUNS; n++)
                if (FAILED(run()) || FAILED(sweep()))
                        found++;
        live = control->live;
        fds = descriptors();
        for (n = 1; n < RUNS_MAX; n++) {
                HRESULT hr, again;

                control->kind = kind;
                control->nth = n;
                control->error = error;
                control->lasting = 0;
                control->calls = control->fired = 0;
                __atomic_store_n(&control->armed, 1, __ATOMIC_RELEASE);
                hr = run();
                __atomic_store_n(&control->armed, 0, __ATOMIC_RELEASE);
                faults += control->fired > 0;
                again = sweep();
                if (SUCCEEDED(again))
                        again = run();
                if (FAILED(again) || !is_right(hr, kind == FAULT_ALLOC ? E_OUTOFMEMORY : code) ||
                    control->live > live || descriptors() != fds ||
                    (control->fired == 0 && FAILED(hr))) {
                        found++;
                        printf("FOUND client %s %u: 0x%08X, again 0x%08X, %lld blocks, %d "
                               "descriptors more: %s %s\n",
                               name, n, (unsigned) hr, (unsigned) again,
                               (long long) (control->live - live), (int) (descriptors() - fds),
                               control->what, control->where);
                        (void) fflush(stdout);
                        live = control->live;
                        fds = descriptors();
                }
                if (control->fired == 0)
                        break;
        }
        printf("%s: %u runs, %u faults, %u findings\n", name, n, faults, found);
        (void) fflush(stdout);
        return found > 0;
}

int main(int argc, char **argv)
{
        int failed = 0;

        control = map_page();
        remote = getenv("FAULT_REMOTE");
        if (argc < 4 || !control || !remote) {
                (void) fprintf(stderr, "usage: fault_client KIND ERRNO CODE [NAME…]\n");
                return 2;
        }
        for (size_t i = 0; i < sizeof(OPERATIONS) / sizeof(*OPERATIONS); i++) {
                int wanted = argc == 4;

                for (int a = 4; a < argc; a++)
                        wanted |= strcmp(argv[a], OPERATIONS[i].name) == 0;
                if (wanted)
                        failed |= loop(OPERATIONS[i].name, OPERATIONS[i].run,
                                       (FaultKind) atoi(argv[1]), atoi(argv[2]),
                                       (HRESULT) strtoul(argv[3], NULL, 0));
        }
        return failed;
}
