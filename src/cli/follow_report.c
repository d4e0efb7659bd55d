/* SPDX-License-Identifier: Apache-2.0 */
#include "follow_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "select.h"

enum {
        STALLED_USEC = 3000000,
};

/* ---- on the way ---- */

static void print_state_change(const Follow *f, const FollowJob *job, const bits_job_info *now)
{
        _cleanup_(json_freep) Json *json = event_json("state", &job->id);
        char id[JOB_ID_BYTES];

        json_add_str(json, "from", job->info ? job_state_word(job->info) : NULL);
        json_add_str(json, "to", job_state_word(now));
        json_add_why(json, "why", now, job_short_id(&job->id, id));
        out_json_line(&f->cli->out, json);
}

static bool is_further(const bits_job_info *old, const bits_job_info *now)
{
        return old->bytes_transferred != now->bytes_transferred ||
               old->bytes_total != now->bytes_total ||
               old->reply_bytes_transferred != now->reply_bytes_transferred ||
               old->reply_bytes_total != now->reply_bytes_total;
}

bool follow_is_change(const bits_job_info *old, const bits_job_info *now)
{
        return old->state != now->state || is_further(old, now);
}

void follow_report_change(const Follow *f, const FollowJob *job, const bits_job_info *now)
{
        const bits_job_info *old = job->info;

        if (!out_is_json(&f->cli->out))
                return;
        if (!old || old->state != now->state || old->why != now->why)
                print_state_change(f, job, now);
        if (!old || is_further(old, now)) {
                _cleanup_(json_freep) Json *json = event_json("progress", &job->id);

                json_add_progress(json, now);
                out_json_line(&f->cli->out, json);
        }
}

static char *retry_note(const bits_job_info *info, uint64_t now_wall_usec)
{
        _cleanup_free_ char *brief = job_error_brief(info);
        uint64_t at_usec = filetime_to_wall_usec(info->retry_time), left_sec = 0;
        char left[JOB_SIZE_BYTES];

        if (at_usec > now_wall_usec)
                left_sec = (at_usec - now_wall_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
        return must(mem_printf("retrying: %s, next try in %s", brief,
                               str_format_duration(left, sizeof(left), left_sec)));
}

/* The rate of a job is that of its last bytes: it says nothing any more when none come. */
static bool is_stalled(const FollowJob *job, uint64_t mono_usec)
{
        return job->info->state == BG_JOB_STATE_TRANSFERRING &&
               mono_usec > job->moved_mono + STALLED_USEC;
}

/* What the job waits for; NULL while bytes flow. */
static char *job_note(const Follow *f, const FollowJob *job, uint64_t mono_usec)
{
        const bits_job_info *info = job->info;
        uint64_t now = clock_wall_usec(&CLOCK_SYSTEM);
        _cleanup_free_ char *why = NULL;
        char id[JOB_ID_BYTES];

        if (info->why == BITS_WHY_RETRY_AT)
                return retry_note(info, now);
        if (info->why != BITS_WHY_NONE) {
                why = job_why(info, job_short_id(&info->id, id), now, f->cli->out.utf8, true);
                return must(mem_printf("%s: %s", job_state_word(info), why));
        }
        if (info->state == BG_JOB_STATE_QUEUED || info->state == BG_JOB_STATE_CONNECTING)
                return must(mem_strdup(job_state_word(info)));
        if (job_is_upload(info))
                return job_upload_note(info, is_stalled(job, mono_usec));
        return is_stalled(job, mono_usec) ? must(mem_strdup("waiting for data")) : NULL;
}

/* About the first job that waits for something; NULL when none does. */
static char *waiting_note(const Follow *f, uint64_t mono_usec)
{
        if (f->lost_mono != 0)
                return must(mem_strdup("the service went away; reconnecting"));
        for (size_t i = 0; i < f->count; i++) {
                char *note;

                if (!f->jobs[i].info || f->jobs[i].ended)
                        continue;
                note = job_note(f, &f->jobs[i], mono_usec);
                if (note)
                        return note;
        }
        return NULL;
}

void follow_draw(Follow *f, uint64_t mono_usec)
{
        _cleanup_free_ char *note = NULL;
        ProgressView view = {.jobs_total = f->count, .jobs = f->n_ended};

        if (!f->progress.enabled)
                return;
        for (size_t i = 0; i < f->count; i++) {
                const bits_job_info *info = f->jobs[i].info;

                if (!info)
                        continue;
                view.bytes += info->bytes_transferred;
                if (info->bytes_total == BG_SIZE_UNKNOWN || view.bytes_total == BG_SIZE_UNKNOWN)
                        view.bytes_total = BG_SIZE_UNKNOWN;
                else
                        view.bytes_total += info->bytes_total;
                if (!f->jobs[i].ended && !is_stalled(&f->jobs[i], mono_usec))
                        view.rate_bps += info->rate_bps;
                view.files += info->files_transferred;
                view.files_total += info->files_total;
        }
        view.note = note = waiting_note(f, mono_usec);
        progress_draw(&f->progress, &view, mono_usec, false);
}

/* ---- the end ---- */

/* The directory that all files share; NULL when they do not. Caller owns it. */
static char *common_directory(const bits_file_list *files)
{
        _cleanup_free_ char *dir = NULL;

        for (size_t i = 0; i < files->count; i++) {
                const char *local = files->files[i].local, *slash = strrchr(local, '/');
                size_t len = slash ? (size_t) (slash - local) : 0;

                if (!dir)
                        dir = must(mem_strndup(local, len));
                else if (strlen(dir) != len || memcmp(dir, local, len) != 0)
                        return NULL;
        }
        return TAKE_PTR(dir);
}

/* "/home/ann/a.iso", "40 files in /home/ann", or the job's name when the files are not known. */
static char *saved_object(const bits_job_info *info, const bits_file_list *files)
{
        _cleanup_free_ char *dir = NULL;

        if (!files || files->count == 0)
                return must(mem_strdup(info->name));
        if (files->count == 1)
                return must(mem_strdup(files->files[0].local));
        dir = common_directory(files);
        if (!dir)
                return must(mem_printf("%zu files", files->count));
        return must(mem_printf("%zu files in %s", files->count, *dir ? dir : "/"));
}

static void print_reply(const Follow *f, const bits_job_info *info)
{
        bool empty = info->reply_bytes_total == 0;
        char size[JOB_SIZE_BYTES];

        if (info->type != BG_JOB_TYPE_UPLOAD_REPLY || info->state != BG_JOB_STATE_ACKNOWLEDGED)
                return;
        (void) str_format_size(size, sizeof(size), info->reply_bytes_total);
        out_line(&f->cli->out, "saved %s  %s", info->reply_name,
                 empty ? "empty (the server gave no reply)" : size);
}

static void print_saved(const Follow *f, const FollowJob *job, const bits_file_list *files)
{
        _cleanup_free_ char *object = saved_object(job->info, files);
        uint64_t took = MAX(clock_mono_usec(&CLOCK_SYSTEM) - f->started_mono, UINT64_C(1));
        uint64_t moved =
                job->info->bytes_transferred - MIN(job->start_bytes, job->info->bytes_transferred);
        char size[JOB_SIZE_BYTES], time[JOB_SIZE_BYTES], rate[JOB_SIZE_BYTES];

        const char *verb = job_is_upload(job->info)                        ? "sent"
                           : job->info->state == BG_JOB_STATE_ACKNOWLEDGED ? "saved"
                                                                           : "transferred";

        if (f->cli->out.verbose && files && files->count > 1)
                for (size_t i = 0; i < files->count; i++)
                        out_line(&f->cli->out, "saved %s", files->files[i].local);
        out_line(&f->cli->out, "%s %s  %s in %s (%s)", verb, object,
                 str_format_size(size, sizeof(size), job->info->bytes_transferred),
                 format_took(took, time),
                 format_rate((uint64_t) ((double) moved * 1e6 / (double) took), rate));
        print_reply(f, job->info);
}

static void print_completed_json(const Follow *f, const FollowJob *job, const bits_file_list *files)
{
        bool done = job->info->state == BG_JOB_STATE_ACKNOWLEDGED;
        _cleanup_(json_freep) Json *json = event_json(done ? "completed" : "transferred", &job->id);
        Json *array = json_add_array(json, "files");

        for (size_t i = 0; files && i < files->count; i++) {
                const bits_file_info *file = &files->files[i];
                Json *one = json_add_object(array, NULL);

                json_add_str(one, "local", file->local);
                json_add_u64(one, "bytes", file->bytes_transferred);
                json_add_null(one, "sha256");
        }
        if (job->info->type == BG_JOB_TYPE_UPLOAD_REPLY) {
                Json *reply = json_add_object(json, "reply");

                json_add_str(reply, "local", job->info->reply_name);
                json_add_u64(reply, "bytes", job->info->reply_bytes_transferred);
        }
        out_json_line(&f->cli->out, json);
}

static void print_arrived(const Follow *f, const FollowJob *job)
{
        bits_file_list *files = NULL;

        if (!out_is_chatty(&f->cli->out) && !out_is_json(&f->cli->out))
                return;
        if (FAILED(bits_files_list(f->cli->client, &job->id, &files)))
                files = NULL; /* long ended: the names are not known any more */
        if (out_is_json(&f->cli->out))
                print_completed_json(f, job, files);
        else
                print_saved(f, job, files);
        bits_file_list_free(files);
}

/* What to run to be where we would have been. Caller owns it. */
static char *go_on_command(const Follow *f, const char *verb, const char *prefix)
{
        return must(f->go_on ? mem_printf("bitsctl %s %s && %s %s", verb, prefix, f->go_on, prefix)
                             : mem_printf("bitsctl %s %s", verb, prefix));
}

/* A server says no more than that, also about a file that is there already. */
static bool is_refused_upload(const bits_job_info *info)
{
        return info->type != BG_JOB_TYPE_DOWNLOAD && info->error_http_status == 403 &&
               info->error_context == BG_ERROR_CONTEXT_REMOTE_FILE;
}

/* What to do about a job that is in error. Caller owns it. */
static char *error_hint(const Follow *f, const bits_job_info *info)
{
        _cleanup_free_ char *advice = message_job_advice(info);
        _cleanup_free_ char *again = NULL;
        char prefix[37];

        select_short_prefix(f->cli, &info->id, prefix);
        again = go_on_command(f, "resume --wait", prefix);
        if (info->error_code == BG_E_LOCAL_FILE_CHANGED)
                return must(mem_printf("send it as it is now: %s; or throw it away: bitsctl cancel "
                                       "%s",
                                       again, prefix));
        if (job_needs_login(info))
                return must(mem_printf("log in: bitsctl cred set %s%s; then: %s; or throw it away: "
                                       "bitsctl cancel %s",
                                       prefix, job_needs_proxy_login(info) ? " --proxy" : "", again,
                                       prefix));
        if (is_refused_upload(info))
                return must(
                        mem_printf("the server takes nothing there, or has that file and may not "
                                   "replace it. Change that there, then: %s; or: bitsctl cancel "
                                   "%s, and send it to another name",
                                   again, prefix));
        return must(mem_printf("%s%s%s; or throw it away: bitsctl cancel %s", advice,
                               *advice ? ". Then: " : "try again: ", again, prefix));
}

static int report_error(const Follow *f, const FollowJob *job)
{
        _cleanup_free_ char *hint = error_hint(f, job->info);
        _cleanup_free_ char *what = must(mem_printf("cannot %s", f->what));
        bits_file_list *file = read_error_file(f->cli, job->info);

        message_job_error(&f->cli->out, what, job->info, file ? &file->files[0] : NULL, hint);
        bits_file_list_free(file);
        return STATUS_JOB_ERROR;
}

static int report_cancelled(const Follow *f, const FollowJob *job)
{
        _cleanup_free_ char *what = must(mem_printf("cannot %s", f->what));
        Message m = {
                .what = what,
                .job = &job->id,
                .job_name = job->info->name,
                .why = "somebody cancelled the job",
        };

        message_print(&f->cli->out, &m);
        return STATUS_FAILED;
}

int follow_report_end(Follow *f, const FollowJob *job)
{
        HRESULT hr = job->info->end_result;

        switch (job->info->state) {
        case BG_JOB_STATE_ERROR:
                return report_error(f, job);
        case BG_JOB_STATE_CANCELLED:
                return report_cancelled(f, job);
        case BG_JOB_STATE_ACKNOWLEDGED:
                if (hr == BG_S_PARTIAL_COMPLETE || FAILED(hr))
                        return message_end_result(&f->cli->out, hr, job->info);
                break;
        default:
                break;
        }
        print_arrived(f, job);
        return STATUS_OK;
}

/* ---- leaving early ---- */

static void report_timeout(const Follow *f, const FollowJob *job)
{
        _cleanup_free_ char *hint = NULL, *why = NULL, *brief = NULL, *again = NULL;
        bits_file_list *file = NULL;
        bool paused = job->info && job->info->state == BG_JOB_STATE_SUSPENDED;
        char prefix[37], span[JOB_SIZE_BYTES];
        Message m = {.what = "stopped waiting for", .job = &job->id};

        select_short_prefix(f->cli, &job->id, prefix);
        again = go_on_command(f, paused ? "resume --wait" : "wait", prefix);
        hint = must(paused ? mem_printf("it is paused; go on: %s", again)
                           : mem_printf("it goes on in the background; wait on: %s", again));
        if (job->info) {
                brief = job_error_brief(job->info);
                file = read_error_file(f->cli, job->info);
                m.job_name = job->info->name;
                m.code = job->info->error_code;
                m.context = job->info->error_context;
                m.file = file ? file->files[0].remote : NULL;
        }
        why = must(mem_printf("not done after %s%s%s",
                              format_span(f->wait_usec / USEC_PER_SEC, span),
                              brief && *brief ? ", " : "", brief ? brief : ""));
        m.why = why;
        m.hint = hint;
        message_print(&f->cli->out, &m);
        bits_file_list_free(file);
}

void follow_report_timeout(const Follow *f)
{
        for (size_t i = 0; i < f->count; i++)
                if (!f->jobs[i].ended)
                        report_timeout(f, &f->jobs[i]);
}

void follow_report_lost(const Follow *f)
{
        Message m = {
                .what = "lost the transfer service",
                .why = "it went away and does not come back",
                .code = HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE),
                .hint = "the queue is kept: bitsctl list starts the service again",
        };

        message_print(&f->cli->out, &m);
}

void follow_report_left(const Follow *f)
{
        for (size_t i = 0; i < f->count; i++) {
                char id[JOB_ID_BYTES];

                if (!f->jobs[i].ended)
                        out_note(&f->cli->out, "%s goes on in the background",
                                 job_short_id(&f->jobs[i].id, id));
        }
}

static void print_paused(const Follow *f, const bits_job_info *info)
{
        int percent = percent_done(info->bytes_transferred, info->bytes_total);
        const char *bytes_are = job_is_upload(info) ? "sent" : "kept";
        char id[JOB_ID_BYTES], prefix[37], kept[JOB_SIZE_BYTES];
        _cleanup_free_ char *again = NULL;

        if (out_is_json(&f->cli->out)) {
                _cleanup_(json_freep) Json *json = event_json("paused", &info->id);

                json_add_progress(json, info);
                out_json_line(&f->cli->out, json);
                return;
        }
        select_short_prefix(f->cli, &info->id, prefix);
        (void) job_short_id(&info->id, id);
        if (percent < 0)
                out_note(&f->cli->out, "paused %s (%s %s)", id,
                         str_format_size(kept, sizeof(kept), info->bytes_transferred), bytes_are);
        else
                out_note(&f->cli->out, "paused %s at %d%% (%s %s)", id, percent,
                         format_size_of(info->bytes_transferred, info->bytes_total, kept),
                         bytes_are);
        again = go_on_command(f, "resume --wait", prefix);
        out_note(&f->cli->out, "  go on:      %s", again);
        out_note(&f->cli->out, "  throw away: bitsctl cancel %s", prefix);
}

/* It may have ended in the very moment. */
static int pause_job(Follow *f, FollowJob *job)
{
        HRESULT hr = bits_job_suspend(f->cli->client, &job->id);
        bits_job_info *info = NULL;
        int status = STATUS_INTERRUPTED;

        if (FAILED(hr) && status_of(hr) != STATUS_NO_JOB)
                return message_call_failed(&f->cli->out, hr, "cannot pause", job->info);
        if (FAILED(bits_job_read(f->cli->client, &job->id, &info)))
                return STATUS_INTERRUPTED; /* paused, and there is no more to say about it */
        bits_job_info_free(job->info);
        job->info = info;
        if (info->state == BG_JOB_STATE_ACKNOWLEDGED || info->state == BG_JOB_STATE_CANCELLED ||
            info->state == BG_JOB_STATE_ERROR)
                status = follow_report_end(f, job);
        else if (info->state == BG_JOB_STATE_TRANSFERRED && info->auto_complete)
                out_note(&f->cli->out, "too late to pause: all is done");
        else
                print_paused(f, info);
        return status;
}

int follow_pause(Follow *f)
{
        int status = f->status;

        for (size_t i = 0; i < f->count; i++)
                if (!f->jobs[i].ended)
                        status = status_worse(status, pause_job(f, &f->jobs[i]));
        return status;
}
