/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_service.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/guid.h"
#include "base/pack.h"
#include "base/str.h"
#include "ipc/error_name.h"
#include "ipc/protocol.h"
#include "ipc/record.h"

enum {
        JOBS_MAX = 64,
        FILES_MAX = 64,
        CLIENTS_MAX = 32,
        MEMBERS_MAX = 64,
        TEXT_BYTES = 256 * 1024,
        WAIT_SEC = 20,
        RECORD_BYTES = 32 * 1024 * 1024,
};

typedef struct FakeJob {
        FakeService *service;
        bool used;
        bits_job_info info;
        bits_file_info files[FILES_MAX];
        unsigned files_len;
        size_t reply_bytes;
        uint64_t reply_claimed;
        /* [target][scheme]; what it was given, and that is more than any service gives back */
        struct {
                bool filled, implicit;
                char *user, *password;
        } slots[3][6];
        sd_bus *callback; /* the registered connection */
        bool notify_pending;
        HRESULT notify_result;
} FakeJob;

typedef struct FakeClient {
        FakeService *service;
        sd_bus *bus;
        bool watching;
        bool one_job;
        GUID job;
} FakeClient;

typedef struct MemberCount {
        char name[64];
        unsigned calls;
} MemberCount;

struct FakeService {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct sockaddr_un address;
        int listen_fd, wake_fd;
        bool stopping;
        FakeClient clients[CLIENTS_MAX];
        FakeJob jobs[JOBS_MAX];
        uint32_t next_id;
        MemberCount counts[MEMBERS_MAX];
        char arguments[TEXT_BYTES];

        char fault_member[64];
        FakeFault fault;
        HRESULT fault_hr;
        unsigned fault_times;
};

/* ---- jobs ---- */

static FakeJob *find_job(FakeService *f, const GUID *id)
{
        for (size_t i = 0; i < JOBS_MAX; i++)
                if (f->jobs[i].used && guid_equal(&f->jobs[i].info.id, id))
                        return &f->jobs[i];
        return NULL;
}

static FakeJob *new_job(FakeService *f, const char *name, BG_JOB_TYPE type, BG_JOB_STATE state)
{
        for (size_t i = 0; i < JOBS_MAX; i++) {
                FakeJob *job = &f->jobs[i];

                if (job->used)
                        continue;
                *job = (FakeJob){.service = f, .used = true};
                job->info = (bits_job_info){
                        .reply_bytes_total = type == BG_JOB_TYPE_UPLOAD_REPLY ? BG_SIZE_UNKNOWN : 0,
                        .id = {.Data1 = ++f->next_id, .Data4 = {0x80, 1, 2, 3, 4, 5, 6, 7}},
                        .type = type,
                        .state = state,
                        .priority = BG_JOB_PRIORITY_NORMAL,
                        .owner_uid = 4711,
                        .name = mem_strdup(name),
                        .description = mem_strdup(""),
                        .creation_time = 0x0123456789abcdef,
                        .modification_time = 0x0123456789abcdf0,
                        .notify_flags = 3,
                        .minimum_retry_delay = 600,
                        .no_progress_timeout = 1209600,
                        .error_file = -1,
                        .error_text = mem_strdup(""),
                };
                return job;
        }
        assert(!"too many jobs");
        return NULL;
}

static void empty_slot(FakeJob *job, uint32_t target, uint32_t scheme)
{
        mem_free(job->slots[target][scheme].user);
        mem_free(job->slots[target][scheme].password);
        memset(&job->slots[target][scheme], 0, sizeof(job->slots[target][scheme]));
}

static void free_job(FakeJob *job)
{
        for (uint32_t target = 1; target <= 2; target++)
                for (uint32_t scheme = 1; scheme <= 5; scheme++)
                        empty_slot(job, target, scheme);
        record_done_job(&job->info);
        for (unsigned i = 0; i < job->files_len; i++)
                record_done_file(&job->files[i]);
        *job = (FakeJob){0};
}

static void put_file(FakeJob *job, const char *remote, const char *local)
{
        assert(job->files_len < FILES_MAX);
        job->files[job->files_len] = (bits_file_info){
                .index = job->files_len,
                .remote = mem_strdup(remote),
                .local = mem_strdup(local),
                .bytes_total = BG_SIZE_UNKNOWN,
        };
        job->files_len++;
        job->info.files_total = job->files_len;
        job->info.bytes_total = BG_SIZE_UNKNOWN;
}

static bool is_final(const FakeJob *job)
{
        return job->info.state == BG_JOB_STATE_ACKNOWLEDGED ||
               job->info.state == BG_JOB_STATE_CANCELLED;
}

/* ---- answering ---- */

static int append_record(sd_bus_message *m, Buf *b)
{
        int r;

        assert(buf_error(b) == 0);
        r = sd_bus_message_append_array(m, 'y', b->data, b->len);
        buf_done(b);
        return r;
}

static void send_message(sd_bus_message *m)
{
        (void) sd_bus_send(NULL, m, NULL);
        sd_bus_message_unref(m);
}

static void answer_error(sd_bus_message *call, HRESULT hr, const char *text)
{
        char name[ERROR_NAME_BYTES];

        (void) sd_bus_reply_method_errorf(call, error_name_format(hr, name), "%s", text);
}

static void send_changed(FakeService *f, const FakeJob *job)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                FakeClient *c = &f->clients[i];
                sd_bus_message *m;
                Buf b;

                if (!c->bus || !c->watching || (c->one_job && !guid_equal(&c->job, &job->info.id)))
                        continue;
                buf_init(&b, RECORD_BYTES);
                record_put_job(&b, &job->info);
                assert(sd_bus_message_new_signal(c->bus, &m, IPC_PATH, IPC_INTERFACE,
                                                 IPC_SIGNAL_CHANGED) >= 0);
                assert(append_record(m, &b) >= 0);
                send_message(m);
        }
}

/* Reads the job's id from a call; NULL after answering when there is no such job. */
static FakeJob *job_of_call(FakeService *f, sd_bus_message *call)
{
        const void *bytes;
        size_t n;
        FakeJob *job;
        GUID id;

        assert(sd_bus_message_read_array(call, 'y', &bytes, &n) > 0 && n == 16);
        id = guid_from_bytes(bytes);
        job = find_job(f, &id);
        if (!job)
                answer_error(call, BG_E_NOT_FOUND, "no such job");
        return job;
}

static void answer_empty(sd_bus_message *call, bool quiet)
{
        if (!quiet)
                (void) sd_bus_reply_method_return(call, NULL);
}

static void answer_bytes(sd_bus_message *call, Buf *b)
{
        sd_bus_message *m;

        assert(sd_bus_message_new_method_return(call, &m) >= 0);
        assert(append_record(m, b) >= 0);
        send_message(m);
}

/* ---- methods; `quiet`: act, but do not answer ---- */

static void note_arguments(FakeService *f, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        (void) vsnprintf(f->arguments, sizeof(f->arguments), fmt, args);
        va_end(args);
}

static void call_hello(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        if (!quiet)
                (void) sd_bus_reply_method_return(m, "us", (uint32_t) IPC_VERSION, "fake");
}

static void call_create(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        const char *name;
        sd_bus_message *answer;
        uint8_t id[16];
        uint32_t type;

        assert(sd_bus_message_read(m, "su", &name, &type) > 0);
        guid_to_bytes(&new_job(f, name, (BG_JOB_TYPE) type, BG_JOB_STATE_SUSPENDED)->info.id, id);
        if (quiet)
                return;
        assert(sd_bus_message_new_method_return(m, &answer) >= 0);
        assert(sd_bus_message_append_array(answer, 'y', id, 16) >= 0);
        send_message(answer);
}

static void call_list_jobs(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        uint32_t flags, n = 0;
        Buf b;

        assert(sd_bus_message_read(m, "u", &flags) > 0);
        note_arguments(f, "%u", flags);
        for (size_t i = 0; i < JOBS_MAX; i++)
                n += f->jobs[i].used && !is_final(&f->jobs[i]);
        buf_init(&b, RECORD_BYTES);
        pack_u32(&b, n);
        for (size_t i = 0; i < JOBS_MAX; i++)
                if (f->jobs[i].used && !is_final(&f->jobs[i]))
                        record_put_job(&b, &f->jobs[i].info);
        answer_bytes(m, &b);
}

static void call_status(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        bits_status status = {.version = (char *) "9.9",
                              .pid = (uint32_t) getpid(),
                              .state_dir = (char *) "/state",
                              .store_note = (char *) ""};
        Buf b;

        buf_init(&b, RECORD_BYTES);
        record_put_status(&b, &status);
        answer_bytes(m, &b);
}

static void read_job(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        Buf b;

        buf_init(&b, RECORD_BYTES);
        record_put_job(&b, &job->info);
        answer_bytes(m, &b);
}

static void open_job(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        if (is_final(job))
                answer_error(m, BG_E_NOT_FOUND, "it has ended");
        else
                answer_empty(m, quiet);
}

static void list_files(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        Buf b;

        buf_init(&b, RECORD_BYTES);
        pack_u32(&b, job->files_len);
        for (unsigned i = 0; i < job->files_len; i++)
                record_put_file(&b, &job->files[i]);
        answer_bytes(m, &b);
}

static void read_file(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        uint32_t index;
        Buf b;

        assert(sd_bus_message_read(m, "u", &index) > 0);
        if (index >= job->files_len) {
                answer_error(m, E_INVALIDARG, "no such file");
                return;
        }
        buf_init(&b, RECORD_BYTES);
        pack_u32(&b, 1);
        record_put_file(&b, &job->files[index]);
        answer_bytes(m, &b);
}

static void add_files(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        const void *bytes;
        size_t n;
        PackReader r;
        uint32_t count;

        assert(sd_bus_message_read_array(m, 'y', &bytes, &n) > 0);
        pack_reader_init(&r, bytes, n);
        count = unpack_u32(&r);
        for (uint32_t i = 0; i < count && job->files_len < FILES_MAX; i++) {
                char *remote = unpack_str(&r, TEXT_BYTES), *local = unpack_str(&r, TEXT_BYTES);

                assert(remote && local);
                note_arguments(f, "%u %s %s", count, remote, local);
                put_file(job, remote, local);
                mem_free(remote);
                mem_free(local);
        }
        answer_empty(m, quiet);
}

static void end_job(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet, BG_JOB_STATE end)
{
        if (is_final(job)) {
                answer_error(m, BG_E_INVALID_STATE, "it has ended");
                return;
        }
        job->info.state = end;
        job->callback = NULL;
        if (end == BG_JOB_STATE_ACKNOWLEDGED && job->info.files_transferred < job->files_len)
                job->info.end_result = BG_S_PARTIAL_COMPLETE;
        send_changed(f, job);
        if (!quiet)
                (void) sd_bus_reply_method_return(m, "u", (uint32_t) job->info.end_result);
}

static void complete(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        end_job(f, job, m, quiet, BG_JOB_STATE_ACKNOWLEDGED);
}

static void cancel(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        end_job(f, job, m, quiet, BG_JOB_STATE_CANCELLED);
}

static void set_state(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        job->info.state = str_equal(sd_bus_message_get_member(m), "Resume")
                                  ? BG_JOB_STATE_QUEUED
                                  : BG_JOB_STATE_SUSPENDED;
        send_changed(f, job);
        answer_empty(m, quiet);
}

static void set_text(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        const char *text;

        assert(sd_bus_message_read(m, "s", &text) > 0);
        note_arguments(f, "%s", text);
        assert(str_replace(str_equal(sd_bus_message_get_member(m), "SetName")
                                   ? &job->info.name
                                   : &job->info.description,
                           text) == 0);
        answer_empty(m, quiet);
}

static void set_number(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        const char *member = sd_bus_message_get_member(m);
        uint32_t v;

        assert(sd_bus_message_read(m, "u", &v) > 0);
        note_arguments(f, "%u", v);
        if (str_equal(member, "SetPriority"))
                job->info.priority = (BG_JOB_PRIORITY) v;
        else if (str_equal(member, "SetNotifyFlags"))
                job->info.notify_flags = v;
        else if (str_equal(member, "SetRetryDelay"))
                job->info.minimum_retry_delay = v < 5 ? 5 : v;
        else if (str_equal(member, "SetNoProgressTimeout"))
                job->info.no_progress_timeout = v;
        else
                job->info.files_in_flight = v;
        answer_empty(m, quiet);
}

static void set_limit_rate(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        assert(sd_bus_message_read(m, "t", &job->info.limit_bps) > 0);
        note_arguments(f, "%llu", (unsigned long long) job->info.limit_bps);
        answer_empty(m, quiet);
}

static void set_proxy(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        const char *list, *bypass;
        int has_list, has_bypass;
        uint32_t usage;

        assert(sd_bus_message_read(m, "ubsbs", &usage, &has_list, &list, &has_bypass, &bypass) > 0);
        job->info.proxy_usage = (BG_JOB_PROXY_USAGE) usage;
        assert(str_replace(&job->info.proxy_list, has_list ? list : NULL) == 0);
        assert(str_replace(&job->info.proxy_bypass_list, has_bypass ? bypass : NULL) == 0);
        answer_empty(m, quiet);
}

static void set_auto_complete(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        assert(sd_bus_message_read(m, "b", &job->info.auto_complete) > 0);
        answer_empty(m, quiet);
}

static void set_reply_name(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        const char *path;
        int given;

        assert(sd_bus_message_read(m, "bs", &given, &path) > 0);
        note_arguments(f, "%d %s", given, path);
        if (job->info.type != BG_JOB_TYPE_UPLOAD_REPLY) {
                answer_error(m, E_NOTIMPL, "it has no reply");
                return;
        }
        assert(str_replace(&job->info.reply_name, given ? path : NULL) == 0);
        answer_empty(m, quiet);
}

static void set_reply_optional(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        assert(sd_bus_message_read(m, "b", &job->info.reply_optional) > 0);
        answer_empty(m, quiet);
}

static void reply_data(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        bool large = job->reply_claimed > IPC_REPLY_BYTES_MAX;
        size_t n = large ? 0 : job->reply_bytes;
        sd_bus_message *answer;
        uint8_t *bytes;

        if (job->info.type != BG_JOB_TYPE_UPLOAD_REPLY ||
            (job->info.state != BG_JOB_STATE_TRANSFERRED &&
             job->info.state != BG_JOB_STATE_ACKNOWLEDGED)) {
                answer_error(m,
                             job->info.type != BG_JOB_TYPE_UPLOAD_REPLY ? E_NOTIMPL
                                                                        : BG_E_INVALID_STATE,
                             "no reply");
                return;
        }
        if (quiet)
                return;
        bytes = mem_alloc(n + 1);
        assert(bytes);
        for (size_t i = 0; i < n; i++)
                bytes[i] = (uint8_t) (i * 31);
        assert(sd_bus_message_new_method_return(m, &answer) >= 0);
        assert(sd_bus_message_append(answer, "ut", (uint32_t) (large ? BG_E_TOO_LARGE : S_OK),
                                     job->reply_claimed) >= 0);
        assert(sd_bus_message_append_array(answer, 'y', bytes, n) >= 0);
        mem_free(bytes);
        send_message(answer);
}

static void set_notify_cmd_line(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        const char *program, *parameters;
        int has_program, has_parameters;

        assert(sd_bus_message_read(m, "bsbs", &has_program, &program, &has_parameters,
                                   &parameters) > 0);
        note_arguments(f, "%d %s %d %s", has_program, program, has_parameters, parameters);
        if (is_final(job)) {
                answer_error(m, BG_E_INVALID_STATE, "it has ended");
                return;
        }
        assert(str_replace(&job->info.notify_program, has_program ? program : NULL) == 0);
        assert(str_replace(&job->info.notify_parameters, has_parameters ? parameters : NULL) == 0);
        answer_empty(m, quiet);
}

/* Values are as the library checked them. */
static void set_credentials(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        const char *user, *password;
        int has_user, has_password;
        uint32_t target, scheme;

        assert(sd_bus_message_read(m, "uubsbs", &target, &scheme, &has_user, &user, &has_password,
                                   &password) > 0);
        assert(target - 1 < 2 && scheme - 1 < 5 && has_user == has_password);
        note_arguments(f, "%u %u %d %s %d %s", target, scheme, has_user, user, has_password,
                       password);
        empty_slot(job, target, scheme);
        job->slots[target][scheme].filled = true;
        job->slots[target][scheme].implicit = !has_user;
        job->slots[target][scheme].user = mem_strdup(user);
        job->slots[target][scheme].password = mem_strdup(password);
        job->info.has_credentials = true;
        answer_empty(m, quiet);
}

static void remove_credentials(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        uint32_t target, scheme;
        bool filled;

        assert(sd_bus_message_read(m, "uu", &target, &scheme) > 0);
        assert(target - 1 < 2 && scheme - 1 < 5);
        filled = job->slots[target][scheme].filled;
        empty_slot(job, target, scheme);
        if (!quiet)
                (void) sd_bus_reply_method_return(m, "u", (uint32_t) (filled ? S_OK : S_FALSE));
}

static void list_credentials(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        sd_bus_message *answer;

        assert(sd_bus_message_new_method_return(m, &answer) >= 0);
        assert(sd_bus_message_open_container(answer, 'a', "(uub)") >= 0);
        for (uint32_t target = 1; target <= 2; target++)
                for (uint32_t scheme = 1; scheme <= 5; scheme++)
                        if (job->slots[target][scheme].filled)
                                assert(sd_bus_message_append(answer, "(uub)", target, scheme,
                                                             job->slots[target][scheme].implicit) >=
                                       0);
        assert(sd_bus_message_close_container(answer) >= 0);
        send_message(answer);
}

static void call_rekey(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        if (!quiet)
                (void) sd_bus_reply_method_return(m, "u", (uint32_t) 42);
}

static void call_lines(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        sd_bus_message *reply = NULL;

        if (quiet)
                return;
        assert(sd_bus_message_new_method_return(m, &reply) >= 0);
        assert(sd_bus_message_append(
                       reply, "ta(sttttttttyyuuuu)", (uint64_t) 1000000, 2, "eth0", (uint64_t) 1,
                       (uint64_t) 2, (uint64_t) 3, (uint64_t) 4, (uint64_t) 5, (uint64_t) 6,
                       (uint64_t) 7, (uint64_t) 8, 3, 1, 9, 10, 11, 12, "a-name-without-end",
                       (uint64_t) 0, (uint64_t) 0, (uint64_t) 0, (uint64_t) 0, (uint64_t) 0,
                       (uint64_t) 0, (uint64_t) 0, (uint64_t) 0, 0, 0, 0, 0, 0, 0) >= 0);
        assert(sd_bus_send(NULL, reply, NULL) >= 0);
        sd_bus_message_unref(reply);
}

static void take_ownership(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        answer_empty(m, quiet);
}

static void set_notify_client(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet)
{
        int on;

        assert(sd_bus_message_read(m, "b", &on) > 0);
        if (is_final(job)) {
                answer_error(m, BG_E_INVALID_STATE, "it has ended");
                return;
        }
        job->callback = on ? sd_bus_message_get_bus(m) : NULL;
        job->info.has_callback = on;
        (void) pthread_cond_broadcast(&f->changed);
        answer_empty(m, quiet);
}

static void call_watch(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        const void *bytes;
        size_t n;
        int one;

        assert(sd_bus_message_read(m, "b", &one) > 0);
        assert(sd_bus_message_read_array(m, 'y', &bytes, &n) > 0 && n == 16);
        c->job = guid_from_bytes(bytes);
        c->one_job = one;
        if (one && !find_job(f, &c->job)) {
                answer_error(m, BG_E_NOT_FOUND, "no such job");
                return;
        }
        c->watching = true;
        answer_empty(m, quiet);
}

typedef void ClientMethod(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet);
typedef void JobMethod(FakeService *f, FakeJob *job, sd_bus_message *m, bool quiet);

static const struct {
        const char *name;
        ClientMethod *on_client;
        JobMethod *on_job;
} methods[] = {
        {"Hello", call_hello, NULL},
        {"Status", call_status, NULL},
        {"CreateJob", call_create, NULL},
        {"ListJobs", call_list_jobs, NULL},
        {"Watch", call_watch, NULL},
        {"Rekey", call_rekey, NULL},
        {"Lines", call_lines, NULL},
        {"OpenJob", NULL, open_job},
        {"ReadJob", NULL, read_job},
        {"ListFiles", NULL, list_files},
        {"ReadFile", NULL, read_file},
        {"AddFiles", NULL, add_files},
        {"Suspend", NULL, set_state},
        {"Resume", NULL, set_state},
        {"Complete", NULL, complete},
        {"Cancel", NULL, cancel},
        {"SetName", NULL, set_text},
        {"SetDescription", NULL, set_text},
        {"SetPriority", NULL, set_number},
        {"SetNotifyFlags", NULL, set_number},
        {"SetRetryDelay", NULL, set_number},
        {"SetNoProgressTimeout", NULL, set_number},
        {"SetFilesInFlight", NULL, set_number},
        {"SetLimitRate", NULL, set_limit_rate},
        {"SetProxy", NULL, set_proxy},
        {"SetAutoComplete", NULL, set_auto_complete},
        {"SetReplyName", NULL, set_reply_name},
        {"SetReplyOptional", NULL, set_reply_optional},
        {"ReplyData", NULL, reply_data},
        {"SetNotifyCmdLine", NULL, set_notify_cmd_line},
        {"SetCredentials", NULL, set_credentials},
        {"RemoveCredentials", NULL, remove_credentials},
        {"ListCredentials", NULL, list_credentials},
        {"TakeOwnership", NULL, take_ownership},
        {"SetNotifyClient", NULL, set_notify_client},
};

/* ---- dispatch ---- */

static unsigned *count_of(FakeService *f, const char *member)
{
        for (size_t i = 0; i < MEMBERS_MAX; i++) {
                MemberCount *c = &f->counts[i];

                if (!c->name[0])
                        (void) str_copy(c->name, sizeof(c->name), member);
                if (str_equal(c->name, member))
                        return &c->calls;
        }
        assert(!"too many members");
        return NULL;
}

static void close_client(FakeService *f, FakeClient *c)
{
        for (size_t i = 0; i < JOBS_MAX; i++) {
                FakeJob *job = &f->jobs[i];

                if (job->used && job->callback == c->bus) {
                        job->callback = NULL;
                        if (job->notify_pending)
                                job->notify_result = RPC_E_DISCONNECTED;
                        job->notify_pending = false;
                }
        }
        /* Closing alone would wait for the poll() that another thread may be in. */
        (void) shutdown(sd_bus_get_fd(c->bus), SHUT_RDWR);
        sd_bus_close_unref(c->bus);
        *c = (FakeClient){0};
        (void) pthread_cond_broadcast(&f->changed);
}

static FakeFault take_fault(FakeService *f, const char *member)
{
        FakeFault fault = f->fault;

        if (f->fault_times == 0 ||
            (f->fault_member[0] ? !str_equal(f->fault_member, member) : str_equal(member, "Hello")))
                return FAULT_NONE;
        if (--f->fault_times == 0)
                f->fault = FAULT_NONE;
        return fault;
}

static void run_method(FakeService *f, FakeClient *c, sd_bus_message *m, bool quiet)
{
        const char *member = sd_bus_message_get_member(m);
        FakeJob *job;

        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                if (!str_equal(methods[i].name, member))
                        continue;
                if (methods[i].on_client) {
                        methods[i].on_client(f, c, m, quiet);
                        return;
                }
                job = job_of_call(f, m);
                if (job)
                        methods[i].on_job(f, job, m, quiet);
                return;
        }
        answer_error(m, E_NOTIMPL, "unknown method");
}

/* True when the client is still there. */
static bool misbehave(FakeService *f, FakeClient *c, sd_bus_message *m, FakeFault fault)
{
        static const char noise[] = "\x01\x02this is no message at all, whatever you think of it";

        switch (fault) {
        case FAULT_ERROR:
                answer_error(m, f->fault_hr, "said by the fake");
                return true;
        case FAULT_CLOSE_AFTER:
                run_method(f, c, m, true);
                /* fall through */
        case FAULT_CLOSE_BEFORE:
                close_client(f, c);
                return false;
        case FAULT_WRONG_SIGNATURE:
                (void) sd_bus_reply_method_return(m, "dd", 1.5, 2.5);
                return true;
        case FAULT_GARBAGE_RECORD: {
                uint8_t bytes[400];
                Buf b;

                memset(bytes, 0xff, sizeof(bytes));
                buf_init(&b, RECORD_BYTES);
                (void) buf_append(&b, bytes, sizeof(bytes));
                answer_bytes(m, &b);
                return true;
        }
        case FAULT_GARBAGE_BYTES:
                (void) send(sd_bus_get_fd(c->bus), noise, sizeof(noise), MSG_NOSIGNAL);
                return true;
        case FAULT_FOREIGN_ERROR:
                (void) sd_bus_reply_method_errorf(m, "com.example.Strange", "odd\nthing");
                return true;
        default: /* silence */
                return true;
        }
}

/* True when the client is still there. */
static bool handle(FakeService *f, FakeClient *c, sd_bus_message *m)
{
        const char *member = sd_bus_message_get_member(m);
        FakeFault fault;

        if (sd_bus_message_is_method_call(m, IPC_INTERFACE, NULL) <= 0)
                return true;
        ++*count_of(f, member);
        fault = take_fault(f, member);
        (void) pthread_cond_broadcast(&f->changed);
        if (fault != FAULT_NONE)
                return misbehave(f, c, m, fault);
        run_method(f, c, m, false);
        return true;
}

static void serve_client(FakeService *f, FakeClient *c)
{
        int r;

        do {
                sd_bus_message *m = NULL;
                bool alive = true;

                r = sd_bus_process(c->bus, &m);
                if (m)
                        alive = handle(f, c, m);
                sd_bus_message_unref(m);
                if (!alive)
                        return;
        } while (r > 0);
        if (r < 0 || sd_bus_is_open(c->bus) <= 0)
                close_client(f, c);
}

static void accept_client(FakeService *f)
{
        int fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        sd_id128_t id =
                SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);

        if (fd < 0)
                return;
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                FakeClient *c = &f->clients[i];

                if (c->bus)
                        continue;
                assert(sd_bus_new(&c->bus) >= 0);
                assert(sd_bus_set_fd(c->bus, fd, fd) >= 0);
                assert(sd_bus_set_server(c->bus, 1, id) >= 0);
                c->service = f;
                if (sd_bus_start(c->bus) < 0) /* it has left already */
                        close_client(f, c);
                (void) pthread_cond_broadcast(&f->changed);
                return;
        }
        assert(!"too many clients");
}

static void *run_service(void *arg)
{
        FakeService *f = arg;

        (void) pthread_mutex_lock(&f->lock);
        while (!f->stopping) {
                struct pollfd p[CLIENTS_MAX + 2];
                uint64_t count;

                for (size_t i = 0; i < CLIENTS_MAX; i++) {
                        if (f->clients[i].bus)
                                serve_client(f, &f->clients[i]);
                        p[i] = (struct pollfd){.fd = -1};
                        if (f->clients[i].bus)
                                p[i] = (struct pollfd){
                                        .fd = sd_bus_get_fd(f->clients[i].bus),
                                        .events = (short) sd_bus_get_events(f->clients[i].bus)};
                }
                p[CLIENTS_MAX] = (struct pollfd){.fd = f->listen_fd, .events = POLLIN};
                p[CLIENTS_MAX + 1] = (struct pollfd){.fd = f->wake_fd, .events = POLLIN};
                (void) pthread_mutex_unlock(&f->lock);
                (void) poll(p, CLIENTS_MAX + 2, -1);
                (void) pthread_mutex_lock(&f->lock);
                if (read(f->wake_fd, &count, sizeof(count)) < 0)
                        assert(errno == EAGAIN);
                if (f->listen_fd >= 0)
                        accept_client(f);
        }
        (void) pthread_mutex_unlock(&f->lock);
        return NULL;
}

/* ---- control ---- */

static void lock_fake(FakeService *f)
{
        (void) pthread_mutex_lock(&f->lock);
}

static void unlock_fake(FakeService *f)
{
        uint64_t one = 1;

        assert(write(f->wake_fd, &one, sizeof(one)) > 0);
        (void) pthread_mutex_unlock(&f->lock);
}

static void listen_now(FakeService *f)
{
        f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert(f->listen_fd >= 0);
        (void) unlink(f->address.sun_path);
        assert(bind(f->listen_fd, (struct sockaddr *) &f->address, sizeof(f->address)) == 0);
        assert(listen(f->listen_fd, 16) == 0);
}

static void stop_listening(FakeService *f)
{
        if (f->listen_fd < 0)
                return;
        (void) close(f->listen_fd);
        (void) unlink(f->address.sun_path);
        f->listen_fd = -1;
}

FakeService *fake_start(const char *socket)
{
        FakeService *f = mem_new(FakeService);
        pthread_condattr_t attr;
        sigset_t all, before;

        assert(f);
        f->address.sun_family = AF_UNIX;
        (void) str_copy(f->address.sun_path, sizeof(f->address.sun_path), socket);
        f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        (void) pthread_mutex_init(&f->lock, NULL);
        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&f->changed, &attr);
        (void) pthread_condattr_destroy(&attr);
        listen_now(f);
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        assert(pthread_create(&f->thread, NULL, run_service, f) == 0);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        return f;
}

void fake_stop(FakeService *f)
{
        lock_fake(f);
        f->stopping = true;
        unlock_fake(f);
        (void) pthread_join(f->thread, NULL);
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (f->clients[i].bus)
                        close_client(f, &f->clients[i]);
        for (size_t i = 0; i < JOBS_MAX; i++)
                if (f->jobs[i].used)
                        free_job(&f->jobs[i]);
        stop_listening(f);
        (void) close(f->wake_fd);
        (void) pthread_cond_destroy(&f->changed);
        (void) pthread_mutex_destroy(&f->lock);
        mem_free(f);
}

void fake_fault(FakeService *f, const char *member, FakeFault fault, HRESULT hr, unsigned times)
{
        lock_fake(f);
        (void) str_copy(f->fault_member, sizeof(f->fault_member), member ? member : "");
        f->fault = fault;
        f->fault_hr = hr;
        f->fault_times = times;
        unlock_fake(f);
}

void fake_drop_clients(FakeService *f)
{
        lock_fake(f);
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (f->clients[i].bus)
                        close_client(f, &f->clients[i]);
        unlock_fake(f);
}

void fake_listen(FakeService *f, bool on)
{
        lock_fake(f);
        stop_listening(f);
        if (on)
                listen_now(f);
        unlock_fake(f);
}

unsigned fake_calls(FakeService *f, const char *member)
{
        unsigned n = 0;

        lock_fake(f);
        for (size_t i = 0; i < MEMBERS_MAX && f->counts[i].name[0]; i++)
                if (member ? str_equal(f->counts[i].name, member)
                           : !str_equal(f->counts[i].name, "Hello"))
                        n += f->counts[i].calls;
        unlock_fake(f);
        return n;
}

void fake_last_arguments(FakeService *f, char *text, size_t bytes)
{
        lock_fake(f);
        (void) str_copy(text, bytes, f->arguments);
        unlock_fake(f);
}

GUID fake_add_job(FakeService *f, const char *name, BG_JOB_STATE state)
{
        GUID id;

        lock_fake(f);
        id = new_job(f, name, BG_JOB_TYPE_DOWNLOAD, state)->info.id;
        unlock_fake(f);
        return id;
}

void fake_add_file(FakeService *f, const GUID *id, const char *remote, const char *local)
{
        lock_fake(f);
        put_file(find_job(f, id), remote, local);
        unlock_fake(f);
}

void fake_set_reply(FakeService *f, const GUID *id, size_t bytes, uint64_t claimed)
{
        FakeJob *job;

        lock_fake(f);
        job = find_job(f, id);
        job->reply_bytes = bytes;
        job->reply_claimed = claimed;
        unlock_fake(f);
}

void fake_edit(FakeService *f, const GUID *id, FakeEdit *edit, void *ctx)
{
        FakeJob *job;

        lock_fake(f);
        job = find_job(f, id);
        assert(job);
        if (edit)
                edit(&job->info, ctx);
        send_changed(f, job);
        unlock_fake(f);
}

void fake_forget_job(FakeService *f, const GUID *id)
{
        lock_fake(f);
        free_job(find_job(f, id));
        unlock_fake(f);
}

void fake_storm(FakeService *f, const GUID *id, unsigned n)
{
        lock_fake(f);
        for (unsigned i = 0; i < n; i++) {
                FakeJob *job = find_job(f, id);

                job->info.bytes_transferred++;
                send_changed(f, job);
        }
        unlock_fake(f);
}

static int on_notify_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        FakeJob *job = userdata;
        uint32_t code;

        if (sd_bus_message_is_method_error(m, NULL))
                job->notify_result = E_FAIL;
        else if (sd_bus_message_read(m, "u", &code) > 0)
                job->notify_result = (HRESULT) code;
        job->notify_pending = false;
        (void) pthread_cond_broadcast(&job->service->changed);
        return 1;
}

bool fake_notify(FakeService *f, const GUID *id, uint32_t kind)
{
        sd_bus_message *m;
        FakeJob *job;
        uint8_t bytes[16];
        bool sent = false;

        lock_fake(f);
        job = find_job(f, id);
        if (job && job->callback) {
                guid_to_bytes(id, bytes);
                assert(sd_bus_message_new_method_call(job->callback, &m, NULL, IPC_PATH,
                                                      IPC_CALLBACK_INTERFACE,
                                                      IPC_CALL_NOTIFY) >= 0);
                assert(sd_bus_message_append_array(m, 'y', bytes, 16) >= 0);
                assert(sd_bus_message_append(m, "u", kind) >= 0);
                job->notify_pending = true;
                job->notify_result = E_PENDING;
                sent = sd_bus_call_async(job->callback, NULL, m, on_notify_answer, job,
                                         UINT64_MAX) >= 0;
                sd_bus_message_unref(m);
        }
        unlock_fake(f);
        return sent;
}

/* Waits on the condition; false after WAIT_SEC. The lock is held. */
static bool wait_change(FakeService *f, struct timespec *deadline)
{
        uint64_t one = 1;

        if (deadline->tv_sec == 0) {
                (void) clock_gettime(CLOCK_MONOTONIC, deadline);
                deadline->tv_sec += WAIT_SEC;
        }
        assert(write(f->wake_fd, &one, sizeof(one)) > 0);
        return pthread_cond_timedwait(&f->changed, &f->lock, deadline) != ETIMEDOUT;
}

HRESULT fake_notify_result(FakeService *f, const GUID *id)
{
        struct timespec deadline = {0};
        HRESULT hr = E_PENDING;
        FakeJob *job;

        lock_fake(f);
        while ((job = find_job(f, id)) && job->notify_pending && wait_change(f, &deadline))
                ;
        if (job)
                hr = job->notify_result;
        unlock_fake(f);
        return hr;
}

bool fake_wait_registered(FakeService *f, const GUID *id, bool on)
{
        struct timespec deadline = {0};
        FakeJob *job;
        bool good;

        lock_fake(f);
        do {
                job = find_job(f, id);
                good = (job && job->callback) == on;
        } while (!good && wait_change(f, &deadline));
        unlock_fake(f);
        return good;
}

bool fake_wait_clients(FakeService *f, unsigned n)
{
        struct timespec deadline = {0};
        unsigned have;

        lock_fake(f);
        do {
                have = 0;
                for (size_t i = 0; i < CLIENTS_MAX; i++)
                        have += f->clients[i].bus != NULL;
        } while (have != n && wait_change(f, &deadline));
        unlock_fake(f);
        return have == n;
}
