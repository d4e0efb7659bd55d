/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/utf.h"
#include "engine/file_name.h"
#include "engine/job_credential.h"
#include "engine/job_file.h"

enum {
        NOTIFY_FLAGS_KNOWN = BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR | BG_NOTIFY_DISABLE |
                             BG_NOTIFY_JOB_MODIFICATION,
        FILES_IN_FLIGHT_MAX = 64,
};

Job *job_new(const GUID *id, uint64_t serial, uint32_t owner_uid, const char *name,
             uint64_t now_wall)
{
        _cleanup_(job_freep) Job *job = mem_new(Job);

        if (!job)
                return NULL;
        *job = (Job){
                .id = *id,
                .serial = serial,
                .owner_uid = owner_uid,
                .type = BG_JOB_TYPE_DOWNLOAD,
                .props.priority = BG_JOB_PRIORITY_NORMAL,
                .props.notify_flags = BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR,
                .props.retry_delay_sec = DEFAULT_RETRY_DELAY_SEC,
                .props.no_progress_sec = DEFAULT_NO_PROGRESS_SEC,
                .props.proxy_usage = BG_JOB_PROXY_USAGE_PRECONFIG,
                .status.state = BG_JOB_STATE_SUSPENDED,
                .status.error.file_index = JOB_NO_FILE,
                .status.created_wall = now_wall,
                .status.modified_wall = now_wall,
        };
        job->props.name = mem_strdup(name);
        job->props.description = mem_strdup("");
        if (!job->props.name || !job->props.description)
                return NULL;
        return TAKE_PTR(job);
}

static void run_free(JobRun *run)
{
        if (!run)
                return;
        name_set_done(&run->names);
        mem_free(run->dirty_files);
        mem_free(run->failure);
        mem_free(run->upload.moved);
        mem_free(run->upload.stray);
        mem_free(run);
}

Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        run_free(job->run);
        for (uint32_t i = 0; i < job->files_len; i++)
                (void) job_file_free(job->files[i]);
        mem_free(job->files);
        (void) job_file_free(job->reply);
        mem_free(job->session);
        job_credentials_drop(job);
        job_props_done(&job->props);
        mem_free(job);
        return NULL;
}

int job_attach_run(Job *job, uint64_t now_mono, uint64_t seed)
{
        JobRun *run = mem_new(JobRun);

        if (!run)
                return -ENOMEM;
        run->job = job;
        run->touched = now_mono;
        run->trouble_since = USEC_INFINITY;
        run->final.failed_file = JOB_NO_FILE;
        list_init(&run->in_live);
        list_init(&run->in_sched);
        list_init(&run->in_todo);
        list_init(&run->in_dirty);
        list_init(&run->ops);
        list_init(&run->upload.in_farewell);
        list_init(&run->notify.in_client);
        list_init(&run->notify.in_waiting);
        name_set_init(&run->names, seed);
        job->run = run;
        return 0;
}

int job_props_copy(const JobProps *from, JobProps *ret)
{
        JobProps copy = *from;

        copy.name = mem_strdup(from->name);
        copy.description = mem_strdup(from->description);
        copy.proxy_list = mem_strdup(from->proxy_list);
        copy.proxy_bypass = mem_strdup(from->proxy_bypass);
        copy.reply_name = mem_strdup(from->reply_name);
        copy.notify_program = mem_strdup(from->notify_program);
        copy.notify_parameters = mem_strdup(from->notify_parameters);
        if (!copy.name || !copy.description || (from->proxy_list && !copy.proxy_list) ||
            (from->proxy_bypass && !copy.proxy_bypass) || (from->reply_name && !copy.reply_name) ||
            (from->notify_program && !copy.notify_program) ||
            (from->notify_parameters && !copy.notify_parameters)) {
                job_props_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

void job_props_done(JobProps *props)
{
        mem_free(props->name);
        mem_free(props->description);
        mem_free(props->proxy_list);
        mem_free(props->proxy_bypass);
        mem_free(props->reply_name);
        mem_free(props->notify_program);
        mem_free(props->notify_parameters);
        *props = (JobProps){0};
}

static bool is_text(const char *s)
{
        return s && utf8_is_valid(s, strlen(s));
}

HRESULT job_check_create(const char *name, BG_JOB_TYPE type)
{
        if (!is_text(name) || utf8_utf16_units(name) > LIMIT_NAME_UNITS)
                return E_INVALIDARG;
        return (unsigned) type <= BG_JOB_TYPE_UPLOAD_REPLY ? S_OK : E_NOTIMPL;
}

static HRESULT set_text(char **field, const char *text, size_t max_units)
{
        if (!is_text(text))
                return E_INVALIDARG;
        if (utf8_utf16_units(text) > max_units)
                return BG_E_STRING_TOO_LONG;
        return str_replace(field, text) < 0 ? E_OUTOFMEMORY : S_OK;
}

HRESULT job_set_name(JobProps *props, const char *name)
{
        return set_text(&props->name, name, LIMIT_NAME_UNITS);
}

HRESULT job_set_description(JobProps *props, const char *text)
{
        return set_text(&props->description, text, LIMIT_DESCRIPTION_UNITS);
}

HRESULT job_set_priority(JobProps *props, uint32_t priority)
{
        if (priority > BG_JOB_PRIORITY_LOW)
                return E_NOTIMPL;
        props->priority = (BG_JOB_PRIORITY) priority;
        return S_OK;
}

HRESULT job_set_notify_flags(JobProps *props, uint32_t flags)
{
        if ((flags & ~(uint32_t) NOTIFY_FLAGS_KNOWN) != 0)
                return E_NOTIMPL;
        props->notify_flags = flags;
        return S_OK;
}

HRESULT job_set_retry_delay(JobProps *props, uint32_t sec)
{
        props->retry_delay_sec = MAX(sec, (uint32_t) MIN_RETRY_DELAY_SEC);
        return S_OK;
}

HRESULT job_set_no_progress(JobProps *props, uint32_t sec)
{
        props->no_progress_sec = sec;
        return S_OK;
}

static HRESULT check_proxy(uint32_t usage, const char *list, const char *bypass)
{
        if (usage > BG_JOB_PROXY_USAGE_OVERRIDE)
                return E_NOTIMPL; /* AUTODETECT is of a later interface */
        if (usage != BG_JOB_PROXY_USAGE_OVERRIDE)
                return list || bypass ? E_INVALIDARG : S_OK;
        if (!is_text(list) || !list[0] || (bypass && !is_text(bypass)))
                return E_INVALIDARG;
        if (utf8_utf16_units(list) > LIMIT_PROXY_LIST_UNITS)
                return BG_E_PROXY_LIST_TOO_LARGE;
        if (bypass && utf8_utf16_units(bypass) > LIMIT_PROXY_LIST_UNITS)
                return BG_E_PROXY_BYPASS_LIST_TOO_LARGE;
        return S_OK;
}

HRESULT job_set_proxy(JobProps *props, uint32_t usage, const char *list, const char *bypass)
{
        _cleanup_free_ char *new_list = NULL;
        _cleanup_free_ char *new_bypass = NULL;
        HRESULT hr = check_proxy(usage, list, bypass);

        if (FAILED(hr))
                return hr;
        new_list = mem_strdup(list);
        new_bypass = mem_strdup(bypass);
        if ((list && !new_list) || (bypass && !new_bypass))
                return E_OUTOFMEMORY;
        mem_free(props->proxy_list);
        mem_free(props->proxy_bypass);
        props->proxy_usage = (BG_JOB_PROXY_USAGE) usage;
        props->proxy_list = TAKE_PTR(new_list);
        props->proxy_bypass = TAKE_PTR(new_bypass);
        return S_OK;
}

HRESULT job_set_limit_rate(JobProps *props, uint64_t bps)
{
        if ((bps > 0 && bps < LIMIT_RATE_BPS_MIN) || bps > INT64_MAX)
                return E_INVALIDARG;
        props->limit_bps = bps;
        return S_OK;
}

HRESULT job_set_files_in_flight(JobProps *props, uint32_t n)
{
        if (n > FILES_IN_FLIGHT_MAX)
                return E_INVALIDARG;
        props->files_in_flight = n;
        return S_OK;
}

HRESULT job_set_reply_name(JobProps *props, const char *name)
{
        bool given = name && name[0];

        if (given && FAILED(local_name_check(name)))
                return E_INVALIDARG;
        return str_replace(&props->reply_name, given ? name : NULL) < 0 ? E_OUTOFMEMORY : S_OK;
}

static HRESULT check_cmd_line(const char *program, const char *parameters)
{
        if (!program)
                return parameters ? E_INVALIDARG : S_OK;
        if (!is_text(program) || (parameters && !is_text(parameters)))
                return E_INVALIDARG;
        if (utf8_utf16_units(program) > LIMIT_PROGRAM_UNITS ||
            (parameters && utf8_utf16_units(parameters) > LIMIT_PARAMETERS_UNITS))
                return BG_E_STRING_TOO_LONG;
        return S_OK;
}

/* GetNotifyCmdLine gives empty strings for what is not set, so they mean that here too. */
static const char *or_null(const char *s)
{
        return s && *s ? s : NULL;
}

HRESULT job_set_notify_cmd_line(JobProps *props, const char *program, const char *parameters,
                                uint32_t uid)
{
        _cleanup_free_ char *new_program = NULL;
        _cleanup_free_ char *new_parameters = NULL;
        HRESULT hr;

        program = or_null(program);
        parameters = or_null(parameters);
        hr = check_cmd_line(program, parameters);
        if (FAILED(hr))
                return hr;
        new_program = mem_strdup(program);
        new_parameters = mem_strdup(parameters);
        if ((program && !new_program) || (parameters && !new_parameters))
                return E_OUTOFMEMORY;
        mem_free(props->notify_program);
        mem_free(props->notify_parameters);
        props->notify_program = TAKE_PTR(new_program);
        props->notify_parameters = TAKE_PTR(new_parameters);
        props->notify_uid = program ? uid : 0;
        return S_OK;
}

bool job_is_sane(const Job *job)
{
        const JobStatus *status = &job->status;

        if (job->session_bytes > JOB_SESSION_BYTES_MAX || (job->session_bytes > 0 && !job->session))
                return false;
        return job_credentials_are_sane(job) && (unsigned) job->type <= BG_JOB_TYPE_UPLOAD_REPLY &&
               (unsigned) job->props.priority <= BG_JOB_PRIORITY_LOW &&
               (unsigned) job->props.proxy_usage <= BG_JOB_PROXY_USAGE_AUTODETECT &&
               job->props.name && job->props.description &&
               (job->props.notify_program || !job->props.notify_parameters) &&
               (unsigned) status->state < JOB_STATE_COUNT &&
               (unsigned) status->intent < INTENT_MAX &&
               (unsigned) status->undelivered < NOTIFY_KIND_MAX;
}

static void enter_state(JobStatus *next, const JobStep *step)
{
        BG_JOB_STATE from = next->state;
        BG_JOB_STATE to = step->row->to;

        next->state = to;
        if (!step->keep_event)
                next->undelivered = NOTIFY_NONE;
        if (job_state_is_active(from) && !job_state_is_active(to))
                next->active_usec += step->active_usec;
        if (to == BG_JOB_STATE_TRANSFERRED) {
                next->transferred_wall = step->now_wall;
                next->undelivered = NOTIFY_TRANSFERRED;
        } else if (to == BG_JOB_STATE_ERROR) {
                next->undelivered = NOTIFY_ERROR;
        } else if (to == BG_JOB_STATE_QUEUED && from == BG_JOB_STATE_TRANSFERRED) {
                next->transferred_wall = 0; /* not complete any more */
        } else if (job_state_is_final(to)) {
                next->ended_wall = step->now_wall;
                next->end_result = step->end_result;
                next->farewell_wall = step->farewell_wall;
        }
}

JobStatus job_status_after(const JobStatus *status, const JobStep *step)
{
        JobStatus next = *status;
        uint32_t effects = step->row->effects;

        next.modified_wall = step->now_wall;
        if (step->row->kind == JOB_ROW_MOVE)
                enter_state(&next, step);
        if (effects & JOB_EFFECT_CLEAR_ERROR)
                next.error = (JobError){.file_index = JOB_NO_FILE};
        if ((effects & JOB_EFFECT_SET_ERROR) && step->error) {
                next.error = *step->error;
                if ((effects & JOB_EFFECT_COUNT_ERROR) && !step->error->event_driven)
                        next.error_count++;
        }
        if ((effects & JOB_EFFECT_RESTART_CLOCKS) && status->state == BG_JOB_STATE_ERROR)
                next.active_usec = 0; /* else a job out of time could never be resumed */
        if (effects & JOB_EFFECT_END_INTENT)
                next.intent = INTENT_NONE;
        if (effects & JOB_EFFECT_INTENT_COMPLETE)
                next.intent = INTENT_COMPLETE;
        if (effects & JOB_EFFECT_INTENT_CANCEL)
                next.intent = INTENT_CANCEL;
        return next;
}
