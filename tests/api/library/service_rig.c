/* SPDX-License-Identifier: Apache-2.0 */
#include "service_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

enum { PATIENCE_MS = 30000, POLL_MS = 5 };

static const char *bitsd_path, *server_path;

bool service_rig_arguments(int argc, char **argv)
{
        if (argc < 3)
                return false;
        bitsd_path = argv[1];
        server_path = argv[2];
        if (argc > 3)
                cmocka_set_test_filter(argv[3]);
        return true;
}

static void start_server(ServiceRig *s)
{
        char line[32] = "";
        int in[2], out[2];
        FILE *f;

        assert_int_equal(pipe(in), 0);
        assert_int_equal(pipe(out), 0);
        s->server = fork();
        assert_true(s->server >= 0);
        if (s->server == 0) {
                (void) dup2(in[0], 0);
                (void) dup2(out[1], 1);
                for (int fd = 3; fd < 64; fd++)
                        (void) close(fd);
                (void) execl("/usr/bin/python3", "python3", server_path, "--port", "0",
                             (char *) NULL);
                _exit(127);
        }
        (void) close(in[0]);
        (void) close(out[1]);
        s->server_stdin = in[1];
        f = fdopen(out[0], "r");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof(line), f));
        (void) fclose(f);
        s->port = (unsigned) strtoul(line, NULL, 10);
        assert_in_range(s->port, 1, 65535);
        (void) snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
}

int service_rig_setup(void **state)
{
        ServiceRig *s = mem_new(ServiceRig);
        const char *base = getenv("BITSD_TEST_DIR");
        char path[PATH_BYTES];
        HRESULT hr;

        if (!s)
                return -1;
        (void) snprintf(s->dir, sizeof(s->dir), "%s/bits-api-XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(s->dir));
        (void) snprintf(path, sizeof(path), "%s/socket", s->dir);
        (void) setenv("BITSD_SOCKET", path, 1);
        (void) snprintf(path, sizeof(path), "%s/state", s->dir);
        (void) setenv("BITSD_STATE_DIR", path, 1);
        (void) setenv("XDG_CONFIG_HOME", s->dir, 1);
        (void) setenv("BITSD_PATH", bitsd_path, 1);
        (void) setenv("BITSD_AUTOSTART", "1", 1);
        (void) setenv("no_proxy", "127.0.0.1", 1);
        start_server(s);
        assert_hr(CoInitializeEx(NULL, COINIT_MULTITHREADED), S_OK);
        hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                              &IID_IBackgroundCopyManager, (void **) &s->manager);
        if (FAILED(hr))
                print_error("bitsd: %s\n", bits_last_message());
        assert_hr(hr, S_OK);
        *state = s;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
        (void) remove(path);
        return 0;
}

int service_rig_teardown(void **state)
{
        ServiceRig *s = *state;

        service_rig_kill(s);
        (void) IBackgroundCopyManager_Release(s->manager);
        CoUninitialize();
        (void) close(s->server_stdin);
        (void) kill(s->server, SIGKILL);
        (void) waitpid(s->server, NULL, 0);
        (void) nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        mem_free(s);
        return 0;
}

void service_rig_path(ServiceRig *s, char *path, size_t bytes)
{
        (void) snprintf(path, bytes, "%s/file-%u", s->dir, ++s->names);
}

void service_rig_steer(ServiceRig *s, const char *path)
{
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t) s->port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
        char text[256];

        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        n = snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                     path);
        assert_int_equal(write(fd, text, (size_t) n), n);
        assert_true(read(fd, text, sizeof(text)) > 0); /* it is done when it answers */
        (void) close(fd);
}

pid_t service_rig_pid(ServiceRig *s)
{
        bits_options off = {.no_autostart = 1};
        bits_status *status;
        bits_client *c;
        pid_t pid;

        if (bits_connect(&off, &c) != S_OK)
                return 0;
        assert_hr(bits_service_status(c, &status), S_OK);
        pid = (pid_t) status->pid;
        bits_status_free(status);
        bits_disconnect(c);
        return pid;
}

void service_rig_kill(ServiceRig *s)
{
        pid_t pid = service_rig_pid(s);
        bits_options off = {.no_autostart = 1};
        bits_client *c;

        if (pid == 0)
                return;
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (bits_connect(&off, &c) == S_OK)
                bits_disconnect(c);
}

IBackgroundCopyJob2 *service_job(ServiceRig *s, GUID *ret_id)
{
        IBackgroundCopyJob *job;
        IBackgroundCopyJob2 *job2;

        assert_hr(IBackgroundCopyManager_CreateJob(s->manager, L"test", BG_JOB_TYPE_DOWNLOAD,
                                                   ret_id, &job),
                  S_OK);
        assert_hr(IBackgroundCopyJob_QueryInterface(job, &IID_IBackgroundCopyJob2, (void **) &job2),
                  S_OK);
        (void) IBackgroundCopyJob_Release(job);
        return job2;
}

void service_job_add(ServiceRig *s, IBackgroundCopyJob2 *job, const char *query, char *path)
{
        wchar_t url[256], local[PATH_BYTES];

        service_rig_path(s, path, PATH_BYTES);
        (void) swprintf(url, 256, L"%s/f?%s", s->url, query);
        (void) swprintf(local, PATH_BYTES, L"%s", path);
        assert_hr(IBackgroundCopyJob2_AddFile(job, url, local), S_OK);
}

BG_JOB_STATE service_job_state(IBackgroundCopyJob2 *job)
{
        BG_JOB_STATE job_state;

        assert_hr(IBackgroundCopyJob2_GetState(job, &job_state), S_OK);
        return job_state;
}

void service_job_wait(IBackgroundCopyJob2 *job, BG_JOB_STATE wanted)
{
        uint64_t deadline = rig_now_ms() + PATIENCE_MS;
        BG_JOB_STATE now;

        while ((now = service_job_state(job)) != wanted && rig_now_ms() < deadline)
                (void) poll(NULL, 0, POLL_MS);
        assert_string_equal(bits_state_name(now), bits_state_name(wanted));
}

/* One background job at a time: this one has the place, and keeps it. */
static void block_background(ServiceRig *s)
{
        char path[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        GUID id;

        if (s->is_blocked)
                return;
        s->is_blocked = true;
        job = service_job(s, &id);
        service_job_add(s, job, "size=100000&stall=50000", path);
        assert_hr(IBackgroundCopyJob2_SetPriority(job, BG_JOB_PRIORITY_HIGH), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRING);
        (void) IBackgroundCopyJob2_Release(job);
}

IBackgroundCopyJob2 *service_job_in(ServiceRig *s, BG_JOB_STATE wanted, GUID *ret_id, char *path)
{
        static const char *const queries[] = {
                [BG_JOB_STATE_QUEUED] = "size=1000",
                [BG_JOB_STATE_CONNECTING] = "size=1000&stall=head",
                [BG_JOB_STATE_TRANSFERRING] = "size=100000&stall=50000",
                [BG_JOB_STATE_SUSPENDED] = "size=1000",
                [BG_JOB_STATE_ERROR] = "status=404",
                [BG_JOB_STATE_TRANSIENT_ERROR] = "status=503",
                [BG_JOB_STATE_TRANSFERRED] = "size=1000",
                [BG_JOB_STATE_ACKNOWLEDGED] = "size=1000",
                [BG_JOB_STATE_CANCELLED] = "size=1000",
        };
        char own_path[PATH_BYTES];
        IBackgroundCopyJob2 *job;

        if (wanted == BG_JOB_STATE_QUEUED)
                block_background(s);
        job = service_job(s, ret_id);
        service_job_add(s, job, queries[wanted], path ? path : own_path);
        assert_hr(IBackgroundCopyJob2_SetPriority(job, wanted == BG_JOB_STATE_QUEUED
                                                               ? BG_JOB_PRIORITY_LOW
                                                               : BG_JOB_PRIORITY_FOREGROUND),
                  S_OK);
        if (wanted != BG_JOB_STATE_SUSPENDED)
                assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        if (wanted == BG_JOB_STATE_ACKNOWLEDGED || wanted == BG_JOB_STATE_CANCELLED)
                service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        if (wanted == BG_JOB_STATE_ACKNOWLEDGED)
                assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        if (wanted == BG_JOB_STATE_CANCELLED)
                assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
        service_job_wait(job, wanted);
        return job;
}

long service_file_size(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 ? (long) st.st_size : -1;
}
