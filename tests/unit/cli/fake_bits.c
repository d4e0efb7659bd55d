/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_bits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/guid.h"
#include "base/str.h"

typedef struct FakeFiles {
        bits_file_info files[FAKE_FILES_MAX];
        size_t count;
} FakeFiles;

typedef enum FakeSlot {
        FAKE_SLOT_EMPTY,
        FAKE_SLOT_LOGIN,
        FAKE_SLOT_IMPLICIT,
} FakeSlot;

enum {
        FAKE_SLOTS = BG_AUTH_TARGET_PROXY * BG_AUTH_SCHEME_PASSPORT,
};

static struct {
        bits_job_info *jobs[FAKE_JOBS_MAX];
        FakeFiles files[FAKE_JOBS_MAX];
        FakeSlot slots[FAKE_JOBS_MAX][BG_AUTH_TARGET_PROXY + 1][BG_AUTH_SCHEME_PASSPORT + 1];
        size_t n_jobs;
        const char *fail_function;
        HRESULT fail_hr;
        const char *fail_message;
        const char *last_message;
        Buf calls;
        fake_step steps[FAKE_EVENTS_MAX];
        size_t n_steps, next_step;
        bool gave_event;
        uint32_t next_id;
        const char *reply;
        size_t reply_bytes;
        size_t password_bytes;
        const char *state_dir;
        bits_line lines[4];
        size_t n_lines;
        bool metered, on_battery;
        uint64_t low_bps, limits_until;
} fake;

struct bits_client {
        int unused;
};

struct bits_events {
        int pipe[2]; /* a byte for each step that is left */
};

/* ---- for the tests ---- */

void fake_set_lines(const bits_line *lines, size_t n)
{
        memcpy(fake.lines, lines, n * sizeof(*lines));
        fake.n_lines = n;
}

void fake_set_conditions(bool metered, bool on_battery, uint64_t low_bps, uint64_t limits_until)
{
        fake.metered = metered;
        fake.on_battery = on_battery;
        fake.low_bps = low_bps;
        fake.limits_until = limits_until;
}

void fake_set_state_dir(const char *dir)
{
        fake.state_dir = dir;
}

void fake_set_text(char **field, const char *text)
{
        mem_free(*field);
        *field = mem_strdup(text);
}

static void drop_job(size_t i)
{
        for (size_t f = 0; f < fake.files[i].count; f++) {
                mem_free(fake.files[i].files[f].remote);
                mem_free(fake.files[i].files[f].local);
        }
        bits_job_info_free(fake.jobs[i]);
        fake.files[i].count = 0;
        fake.jobs[i] = NULL;
}

void fake_reset(void)
{
        for (size_t i = 0; i < fake.n_jobs; i++)
                drop_job(i);
        (void) memset(fake.slots, 0, sizeof(fake.slots));
        fake.n_jobs = fake.n_steps = fake.next_step = 0;
        fake.fail_function = NULL;
        fake.gave_event = false;
        fake.last_message = "";
        fake.reply = NULL;
        fake.n_lines = 0;
        fake_set_conditions(false, false, 0, 0);
        fake.state_dir = "/home/ann/.local/state/bitsd";
        fake.reply_bytes = 0;
        fake.next_id = 0xa0000001;
        buf_done(&fake.calls);
        buf_init(&fake.calls, 1 << 20);
}

bits_job_info *fake_add_job(const char *id8, const char *name)
{
        bits_job_info *job = mem_new(bits_job_info);
        char text[64];

        (void) snprintf(text, sizeof(text), "%s-7c1d-4f0e-9f5a-2f1b3a7d9c10", id8);
        if (bits_guid_parse(text, &job->id) != S_OK)
                _exit(99);
        job->name = mem_strdup(name);
        job->description = mem_strdup("");
        job->error_text = mem_strdup("");
        job->state = BG_JOB_STATE_SUSPENDED;
        job->priority = BG_JOB_PRIORITY_NORMAL;
        job->notify_flags = 3;
        job->minimum_retry_delay = 600;
        job->no_progress_timeout = 1209600;
        job->error_file = -1;
        job->creation_time = 134391341420000000;
        job->modification_time = 134391343600000000;
        fake.jobs[fake.n_jobs++] = job;
        return job;
}

bits_job_info *fake_job(const char *name)
{
        for (size_t i = 0; i < fake.n_jobs; i++)
                if (str_equal(fake.jobs[i]->name, name))
                        return fake.jobs[i];
        return NULL;
}

size_t fake_job_count(void)
{
        return fake.n_jobs;
}

static size_t index_of(const GUID *id)
{
        for (size_t i = 0; i < fake.n_jobs; i++)
                if (memcmp(&fake.jobs[i]->id, id, sizeof(*id)) == 0)
                        return i;
        return SIZE_MAX;
}

void fake_add_file(bits_job_info *job, const char *remote, const char *local, uint64_t bytes,
                   uint64_t bytes_total, bool completed)
{
        FakeFiles *files = &fake.files[index_of(&job->id)];

        files->files[files->count] = (bits_file_info){
                .index = (uint32_t) files->count,
                .remote = mem_strdup(remote),
                .local = mem_strdup(local),
                .bytes_transferred = bytes,
                .bytes_total = bytes_total,
                .completed = completed,
        };
        files->count++;
        job->files_total++;
}

void fake_fail(const char *function, HRESULT hr, const char *message)
{
        fake.fail_function = function;
        fake.fail_hr = hr;
        fake.fail_message = message;
}

const char *fake_calls(void)
{
        return buf_cstr(&fake.calls);
}

void fake_add_step(fake_step step)
{
        fake.steps[fake.n_steps++] = step;
}

size_t fake_steps_left(void)
{
        return fake.n_steps - fake.next_step;
}

/* ---- connection ---- */

static HRESULT begin(const char *function)
{
        fake.last_message = "";
        if (!fake.fail_function || !str_equal(fake.fail_function, function))
                return S_OK;
        fake.fail_function = NULL;
        fake.last_message = fake.fail_message;
        return fake.fail_hr;
}

static HRESULT begin_change(const char *function, const GUID *id, const char *fmt, ...)
        _printf_(3, 4);

static HRESULT begin_change(const char *function, const GUID *id, const char *fmt, ...)
{
        char guid[37], value[512] = "";
        va_list ap;

        bits_guid_format(id, guid);
        va_start(ap, fmt);
        (void) vsnprintf(value, sizeof(value), fmt, ap);
        va_end(ap);
        (void) buf_printf(&fake.calls, "%s %.8s%s%s\n", function, guid, *value ? " " : "", value);
        if (index_of(id) == SIZE_MAX)
                return BG_E_NOT_FOUND;
        return begin(function);
}

HRESULT bits_connect(const bits_options *options, bits_client **ret)
{
        HRESULT hr = begin("connect");

        if (SUCCEEDED(hr))
                *ret = mem_new(bits_client);
        return hr;
}

void bits_disconnect(bits_client *client)
{
        mem_free(client);
}

const char *bits_client_socket(bits_client *client)
{
        return "/run/user/1000/bitsd/socket";
}

const char *bits_last_message(void)
{
        return fake.last_message;
}

/* ---- jobs ---- */

const char *bits_why_name(bits_why why)
{
        static const char *const names[] = {
                "",
                "queued-behind",
                "retry-at",
                "network-down",
                "paused-by-user",
                "disk-full",
                "needs-complete",
                "needs-credentials",
                "error",
                "empty",
                "link-busy",
                "limit-rate",
                "schedule",
                "metered",
                "battery",
                "cannot-save",
        };

        return names[why];
}

static void free_texts(bits_job_info *info)
{
        mem_free(info->name);
        mem_free(info->description);
        mem_free(info->proxy_list);
        mem_free(info->proxy_bypass_list);
        mem_free(info->behind);
        mem_free(info->error_text);
        mem_free(info->reply_name);
        mem_free(info->notify_program);
        mem_free(info->notify_parameters);
}

void bits_job_info_free(bits_job_info *info)
{
        if (info)
                free_texts(info);
        mem_free(info);
}

static void copy_job(const bits_job_info *from, bits_job_info *to)
{
        *to = *from;
        to->name = mem_strdup(from->name);
        to->description = mem_strdup(from->description);
        to->proxy_list = mem_strdup(from->proxy_list);
        to->proxy_bypass_list = mem_strdup(from->proxy_bypass_list);
        to->behind = mem_strdup(from->behind);
        to->error_text = mem_strdup(from->error_text);
        to->reply_name = mem_strdup(from->reply_name);
        to->notify_program = mem_strdup(from->notify_program);
        to->notify_parameters = mem_strdup(from->notify_parameters);
}

static void write_reply(const bits_job_info *job);

static bool is_live(const bits_job_info *job)
{
        return job->state != BG_JOB_STATE_ACKNOWLEDGED && job->state != BG_JOB_STATE_CANCELLED;
}

void bits_job_list_free(bits_job_list *list)
{
        for (size_t i = 0; list && i < list->count; i++)
                free_texts(&list->jobs[i]);
        if (list)
                mem_free(list->jobs);
        mem_free(list);
}

HRESULT bits_job_create(bits_client *client, const char *name, BG_JOB_TYPE type, GUID *ret_id)
{
        HRESULT hr = begin("job_create");
        char id8[16];

        if (FAILED(hr))
                return hr;
        (void) snprintf(id8, sizeof(id8), "%08" PRIx32, fake.next_id++);
        *ret_id = fake_add_job(id8, name)->id;
        fake_job(name)->type = type;
        if (type == BG_JOB_TYPE_UPLOAD_REPLY)
                fake_job(name)->reply_bytes_total = BG_SIZE_UNKNOWN;
        (void) buf_printf(&fake.calls, "create %s %s\n", id8, name);
        return S_OK;
}

HRESULT bits_job_read(bits_client *client, const GUID *id, bits_job_info **ret)
{
        HRESULT hr = begin("job_read");

        if (FAILED(hr))
                return hr;
        if (index_of(id) == SIZE_MAX)
                return BG_E_NOT_FOUND;
        *ret = mem_new(bits_job_info);
        copy_job(fake.jobs[index_of(id)], *ret);
        return S_OK;
}

HRESULT bits_jobs_list(bits_client *client, uint32_t flags, bits_job_list **ret)
{
        HRESULT hr = begin("jobs_list");
        bits_job_list *list;

        if (FAILED(hr))
                return hr;
        list = mem_new(bits_job_list);
        list->jobs = mem_array(fake.n_jobs + 1, sizeof(*list->jobs));
        for (size_t i = 0; i < fake.n_jobs; i++)
                if (is_live(fake.jobs[i]))
                        copy_job(fake.jobs[i], &list->jobs[list->count++]);
        *ret = list;
        return S_OK;
}

static HRESULT change_state(const char *function, const GUID *id, BG_JOB_STATE state)
{
        HRESULT hr = begin_change(function, id, "%s", "");

        if (SUCCEEDED(hr))
                fake.jobs[index_of(id)]->state = state;
        return hr;
}

HRESULT bits_job_suspend(bits_client *client, const GUID *id)
{
        return change_state("suspend", id, BG_JOB_STATE_SUSPENDED);
}

HRESULT bits_job_resume(bits_client *client, const GUID *id)
{
        return change_state("resume", id, BG_JOB_STATE_QUEUED);
}

HRESULT bits_job_cancel(bits_client *client, const GUID *id)
{
        return change_state("cancel", id, BG_JOB_STATE_CANCELLED);
}

HRESULT bits_job_complete(bits_client *client, const GUID *id)
{
        HRESULT hr = change_state("complete", id, BG_JOB_STATE_ACKNOWLEDGED);

        if (SUCCEEDED(hr) && fake.reply && fake.jobs[index_of(id)]->reply_name)
                write_reply(fake.jobs[index_of(id)]);
        return hr;
}

HRESULT bits_job_set_name(bits_client *client, const GUID *id, const char *name)
{
        return begin_change("set_name", id, "%s", name);
}

HRESULT bits_job_set_description(bits_client *client, const GUID *id, const char *text)
{
        return begin_change("set_description", id, "%s", text);
}

HRESULT bits_job_set_priority(bits_client *client, const GUID *id, BG_JOB_PRIORITY priority)
{
        return begin_change("set_priority", id, "%u", priority);
}

HRESULT bits_job_set_minimum_retry_delay(bits_client *client, const GUID *id, uint32_t seconds)
{
        return begin_change("set_minimum_retry_delay", id, "%" PRIu32, seconds);
}

HRESULT bits_job_set_no_progress_timeout(bits_client *client, const GUID *id, uint32_t seconds)
{
        return begin_change("set_no_progress_timeout", id, "%" PRIu32, seconds);
}

HRESULT bits_job_set_proxy(bits_client *client, const GUID *id, BG_JOB_PROXY_USAGE usage,
                           const char *list, const char *bypass)
{
        return begin_change("set_proxy", id, "%u %s %s", usage, list ? list : "-",
                            bypass ? bypass : "-");
}

HRESULT bits_job_set_auto_complete(bits_client *client, const GUID *id, int on)
{
        HRESULT hr = begin_change("set_auto_complete", id, "%d", on);

        if (SUCCEEDED(hr))
                fake.jobs[index_of(id)]->auto_complete = on;
        return hr;
}

HRESULT bits_job_set_files_in_flight(bits_client *client, const GUID *id, uint32_t n)
{
        return begin_change("set_files_in_flight", id, "%" PRIu32, n);
}

HRESULT bits_job_set_limit_rate(bits_client *client, const GUID *id, uint64_t bps)
{
        HRESULT hr = begin_change("set_limit_rate", id, "%" PRIu64, bps);

        if (SUCCEEDED(hr))
                fake.jobs[index_of(id)]->limit_bps = bps;
        return hr;
}

HRESULT bits_job_set_notify_flags(bits_client *client, const GUID *id, uint32_t flags)
{
        HRESULT hr = begin_change("set_notify_flags", id, "%" PRIu32, flags);

        if (SUCCEEDED(hr))
                fake.jobs[index_of(id)]->notify_flags = flags;
        return hr;
}

HRESULT bits_job_set_notify_cmd_line(bits_client *client, const GUID *id, const char *program,
                                     const char *parameters)
{
        HRESULT hr = begin_change("set_notify_cmd_line", id, "%s | %s", program ? program : "-",
                                  parameters ? parameters : "-");

        if (FAILED(hr))
                return hr;
        fake_set_text(&fake.jobs[index_of(id)]->notify_program, program);
        fake_set_text(&fake.jobs[index_of(id)]->notify_parameters, parameters);
        return S_OK;
}

/* ---- credentials ---- */

size_t fake_password_bytes(void)
{
        return fake.password_bytes;
}

HRESULT bits_job_set_credentials(bits_client *client, const GUID *id, BG_AUTH_TARGET target,
                                 BG_AUTH_SCHEME scheme, const char *user, const char *password)
{
        HRESULT hr = begin_change("set_credentials", id, "%u/%u %s %s", target, scheme,
                                  user ? user : "-", password ? password : "-");

        fake.password_bytes = password ? strlen(password) : 0;
        if (FAILED(hr))
                return hr;
        fake.slots[index_of(id)][target][scheme] = user ? FAKE_SLOT_LOGIN : FAKE_SLOT_IMPLICIT;
        fake.jobs[index_of(id)]->has_credentials = 1;
        return S_OK;
}

HRESULT bits_job_remove_credentials(bits_client *client, const GUID *id, BG_AUTH_TARGET target,
                                    BG_AUTH_SCHEME scheme)
{
        HRESULT hr = begin_change("remove_credentials", id, "%u/%u", target, scheme);
        FakeSlot *slot;

        if (FAILED(hr))
                return hr;
        slot = &fake.slots[index_of(id)][target][scheme];
        if (*slot == FAKE_SLOT_EMPTY)
                return S_FALSE;
        *slot = FAKE_SLOT_EMPTY;
        return S_OK;
}

HRESULT bits_job_list_credentials(bits_client *client, const GUID *id, bits_credential **ret,
                                  size_t *ret_count)
{
        HRESULT hr = begin("job_list_credentials");
        size_t n = 0;

        if (FAILED(hr))
                return hr;
        *ret = calloc(FAKE_SLOTS, sizeof(**ret));
        for (unsigned i = 0; i < FAKE_SLOTS; i++) {
                unsigned target = i / BG_AUTH_SCHEME_PASSPORT + 1;
                unsigned scheme = i % BG_AUTH_SCHEME_PASSPORT + 1;
                FakeSlot slot = fake.slots[index_of(id)][target][scheme];

                if (slot != FAKE_SLOT_EMPTY)
                        (*ret)[n++] =
                                (bits_credential){(BG_AUTH_TARGET) target, (BG_AUTH_SCHEME) scheme,
                                                  slot == FAKE_SLOT_IMPLICIT};
        }
        *ret_count = n;
        return S_OK;
}

HRESULT bits_service_rekey(bits_client *client, uint32_t *ret_slots)
{
        HRESULT hr = begin("service_rekey");

        (void) buf_append_str(&fake.calls, "rekey\n");
        *ret_slots = 3;
        return hr;
}

/* ---- replies ---- */

void fake_set_reply(const char *data, size_t bytes)
{
        fake.reply = data;
        fake.reply_bytes = bytes;
}

HRESULT bits_job_set_reply_name(bits_client *client, const GUID *id, const char *path)
{
        HRESULT hr = begin_change("set_reply_name", id, "%s", path ? path : "-");

        if (SUCCEEDED(hr))
                fake_set_text(&fake.jobs[index_of(id)]->reply_name, path);
        return hr;
}

HRESULT bits_job_set_reply_optional(bits_client *client, const GUID *id, int on)
{
        return begin_change("set_reply_optional", id, "%d", on);
}

HRESULT bits_job_reply_data(bits_client *client, const GUID *id, uint8_t **ret_data,
                            uint64_t *ret_bytes)
{
        HRESULT hr = begin("job_reply_data");
        const bits_job_info *job;

        if (FAILED(hr))
                return hr;
        if (index_of(id) == SIZE_MAX)
                return BG_E_NOT_FOUND;
        job = fake.jobs[index_of(id)];
        if (job->state != BG_JOB_STATE_TRANSFERRED && job->state != BG_JOB_STATE_ACKNOWLEDGED)
                return BG_E_INVALID_STATE;
        *ret_data = NULL;
        *ret_bytes = fake.reply_bytes;
        if (fake.reply_bytes > FAKE_REPLY_BYTES_MAX)
                return BG_E_TOO_LARGE;
        if (fake.reply_bytes > 0) {
                *ret_data = malloc(fake.reply_bytes);
                (void) memcpy(*ret_data, fake.reply, fake.reply_bytes);
        }
        return S_OK;
}

/* As the service does it: the reply is a file once the job is complete. */
static void write_reply(const bits_job_info *job)
{
        FILE *f = fopen(job->reply_name, "w");

        if (!f || fwrite(fake.reply, 1, fake.reply_bytes, f) != fake.reply_bytes || fclose(f) != 0)
                _exit(99);
}

/* ---- files ---- */

HRESULT bits_job_add_files(bits_client *client, const GUID *id, const bits_file_spec *files,
                           size_t count)
{
        HRESULT hr = begin_change("add_files", id, "%zu", count);

        if (SUCCEEDED(hr) && fake.jobs[index_of(id)]->type != BG_JOB_TYPE_DOWNLOAD)
                (void) buf_printf(&fake.calls, "  %s %s\n", files[0].local, files[0].remote);
        for (size_t i = 0; SUCCEEDED(hr) && i < count; i++)
                fake_add_file(fake.jobs[index_of(id)], files[i].remote, files[i].local, 0,
                              BG_SIZE_UNKNOWN, false);
        return hr;
}

void bits_file_list_free(bits_file_list *list)
{
        for (size_t i = 0; list && i < list->count; i++) {
                mem_free(list->files[i].remote);
                mem_free(list->files[i].local);
        }
        if (list)
                mem_free(list->files);
        mem_free(list);
}

static bits_file_list *copy_files(const FakeFiles *from, size_t first, size_t count)
{
        bits_file_list *list = mem_new(bits_file_list);

        list->files = mem_array(count + 1, sizeof(*list->files));
        list->count = count;
        for (size_t i = 0; i < count; i++) {
                list->files[i] = from->files[first + i];
                list->files[i].remote = mem_strdup(from->files[first + i].remote);
                list->files[i].local = mem_strdup(from->files[first + i].local);
        }
        return list;
}

HRESULT bits_files_list(bits_client *client, const GUID *id, bits_file_list **ret)
{
        HRESULT hr = begin("files_list");

        if (FAILED(hr))
                return hr;
        if (index_of(id) == SIZE_MAX)
                return BG_E_NOT_FOUND;
        *ret = copy_files(&fake.files[index_of(id)], 0, fake.files[index_of(id)].count);
        return S_OK;
}

HRESULT bits_file_read(bits_client *client, const GUID *id, uint32_t index, bits_file_list **ret)
{
        if (index_of(id) == SIZE_MAX)
                return BG_E_NOT_FOUND;
        if (index >= fake.files[index_of(id)].count)
                return E_INVALIDARG;
        *ret = copy_files(&fake.files[index_of(id)], index, 1);
        return S_OK;
}

/* ---- the service ---- */

void bits_status_free(bits_status *status)
{
        if (!status)
                return;
        mem_free(status->version);
        mem_free(status->state_dir);
        mem_free(status->store_note);
        mem_free(status);
}

HRESULT bits_service_status(bits_client *client, bits_status **ret)
{
        HRESULT hr = begin("service_status");
        bits_status *status;

        if (FAILED(hr))
                return hr;
        status = mem_new(bits_status);
        *status = (bits_status){
                .version = mem_strdup("0.3.0"),
                .pid = 4711,
                .uptime_sec = 3 * 86400,
                .jobs = (uint32_t) fake.n_jobs,
                .jobs_active = 1,
                .max_jobs_per_machine = UINT32_MAX,
                .max_jobs_per_user = 60,
                .max_files_per_job = 200,
                .network_up = 1,
                .rate_bps = 8493466,
                .state_dir = mem_strdup(fake.state_dir),
                .store_note = mem_strdup(""),
                .metered = fake.metered,
                .on_battery = fake.on_battery,
                .limit_bps = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
                .limits_until = fake.limits_until,
        };
        if (fake.low_bps > 0)
                status->limit_bps[BG_JOB_PRIORITY_LOW] = fake.low_bps;
        *ret = status;
        return S_OK;
}

HRESULT bits_lines(bits_client *client, bits_line **ret, size_t *ret_count, uint64_t *ret_time)
{
        HRESULT hr = begin("lines");

        if (FAILED(hr))
                return hr;
        *ret_count = fake.n_lines;
        *ret = NULL;
        if (fake.n_lines > 0) {
                *ret = calloc(fake.n_lines, sizeof(**ret));
                memcpy(*ret, fake.lines, fake.n_lines * sizeof(**ret));
        }
        if (ret_time)
                *ret_time = 0;
        return S_OK;
}

/* ---- events ---- */

void bits_event_free(bits_event *event)
{
        if (event)
                bits_job_info_free(event->info);
        mem_free(event);
}

HRESULT bits_events_open(const bits_options *options, const GUID *id, bits_events **ret)
{
        HRESULT hr = begin("events_open");
        bits_events *events;

        if (FAILED(hr))
                return hr;
        events = mem_new(bits_events);
        if (pipe2(events->pipe, O_NONBLOCK) < 0)
                _exit(99);
        for (size_t i = fake.next_step; i < fake.n_steps; i++)
                if (write(events->pipe[1], "x", 1) != 1)
                        _exit(99);
        *ret = events;
        return S_OK;
}

void bits_events_close(bits_events *events)
{
        if (!events)
                return;
        (void) close(events->pipe[0]);
        (void) close(events->pipe[1]);
        mem_free(events);
}

int bits_events_fd(bits_events *events)
{
        return events->pipe[0];
}

/* One step a wake-up, so that what follows it is seen before the next. */
HRESULT bits_events_next(bits_events *events, int timeout_ms, bits_event **ret)
{
        bits_job_info *job = NULL;
        bits_event *event;
        char byte;

        if (fake.gave_event && timeout_ms == 0) {
                fake.gave_event = false;
                return S_FALSE;
        }
        if (read(events->pipe[0], &byte, 1) != 1 || fake.next_step == fake.n_steps)
                return timeout_ms == 0 ? S_FALSE : HRESULT_FROM_WIN32(RPC_S_CALL_FAILED);
        event = mem_new(bits_event);
        event->kind = fake.steps[fake.next_step++](&job);
        if (job) {
                event->info = mem_new(bits_job_info);
                copy_job(job, event->info);
        }
        fake.gave_event = true;
        *ret = event;
        return S_OK;
}

/* ---- texts ---- */

/* A few codes as the tests need them, so that wording elsewhere is free to change. */
static const struct {
        HRESULT hr;
        const char *name, *text, *hint;
} CODES[] = {
        {BG_E_NOT_FOUND, "BG_E_NOT_FOUND", "There is no such job.", ""},
        {BG_E_EMPTY, "BG_E_EMPTY", "The job has nothing to transfer.", "Add a file first."},
        {E_ACCESSDENIED, "E_ACCESSDENIED", "Access is denied.", "Check who owns the job."},
        {BG_S_PARTIAL_COMPLETE, "BG_S_PARTIAL_COMPLETE", "Only a part was completed.", ""},
        {BG_E_HTTP_ERROR_401, "BG_E_HTTP_ERROR_401", "The server wants a login.",
         "Set the job's credentials."},
        {BG_E_HTTP_ERROR_407, "BG_E_HTTP_ERROR_407", "The proxy wants a login.", ""},
        {BG_E_PASSWORD_TOO_LARGE, "BG_E_PASSWORD_TOO_LARGE", "The password is too long.", ""},
        {BG_E_BLOCKED_BY_POLICY, "BG_E_BLOCKED_BY_POLICY", "It is not allowed.", ""},
        {BG_E_HTTP_ERROR_404, "BG_E_HTTP_ERROR_404", "The server has no such file.",
         "Check the address."},
        {BG_E_HTTP_ERROR_503, "BG_E_HTTP_ERROR_503", "The server is overloaded.", ""},
        {BG_E_TOO_MANY_JOBS_PER_USER, "BG_E_TOO_MANY_JOBS_PER_USER", "You have too many jobs.",
         "End some."},
        {HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE), "RPC_S_SERVER_UNAVAILABLE",
         "The service cannot be reached.", "Check that it runs."},
};

const char *bits_error_text(HRESULT hr)
{
        for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
                if (CODES[i].hr == hr)
                        return CODES[i].text;
        return "Something else went wrong.";
}

const char *bits_error_name(HRESULT hr)
{
        for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
                if (CODES[i].hr == hr)
                        return CODES[i].name;
        return NULL;
}

const char *bits_error_hint(HRESULT hr)
{
        for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
                if (CODES[i].hr == hr)
                        return CODES[i].hint;
        return "";
}

const char *bits_state_name(BG_JOB_STATE state)
{
        static const char *const names[] = {
                "BG_JOB_STATE_QUEUED",       "BG_JOB_STATE_CONNECTING",
                "BG_JOB_STATE_TRANSFERRING", "BG_JOB_STATE_SUSPENDED",
                "BG_JOB_STATE_ERROR",        "BG_JOB_STATE_TRANSIENT_ERROR",
                "BG_JOB_STATE_TRANSFERRED",  "BG_JOB_STATE_ACKNOWLEDGED",
                "BG_JOB_STATE_CANCELLED",
        };

        return names[state];
}

const char *bits_context_text(BG_ERROR_CONTEXT context)
{
        return context == BG_ERROR_CONTEXT_REMOTE_FILE  ? "the remote file"
               : context == BG_ERROR_CONTEXT_LOCAL_FILE ? "the local file"
                                                        : "the job";
}

void bits_guid_format(const GUID *id, char text[37])
{
        guid_format(id, text);
}

HRESULT bits_guid_parse(const char *text, GUID *ret_id)
{
        return guid_parse(text, ret_id) < 0 ? E_INVALIDARG : S_OK;
}

const char *bits_version(void)
{
        return "0.1.0";
}
