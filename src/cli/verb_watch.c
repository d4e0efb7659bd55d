/* SPDX-License-Identifier: Apache-2.0 */
/* Looking on: wait for jobs, watch events. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include "follow.h"
#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "select.h"
#include "verbs.h"

/* ---- wait ---- */

int verb_wait(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        _cleanup_(follow_close) Follow follow = {0};
        _cleanup_(signals_release) Signals signals = {.fd = -1};
        int status = cli_connect(cli), followed;

        if (status != STATUS_OK)
                return status;
        status = select_jobs(cli, cli->opt->args, cli->opt->n_args, &s);
        if (s.count == 0)
                return status;
        followed = follow_watch_signals(cli, &signals);
        if (followed == STATUS_OK)
                followed = follow_open(&follow, cli, s.jobs, s.count, "wait for", &signals);
        if (followed == STATUS_OK)
                followed = follow_run(&follow);
        return status_worse(status, followed);
}

/* ---- watch ---- */

typedef struct Seen { /* a job as it was last told */
        GUID id;
        BG_JOB_STATE state;
        char word[16]; /* of the state */
} Seen;

typedef struct Watch {
        Cli *cli;
        const Selection *only; /* these jobs alone; none: all */
        Seen *seen;
        size_t n_seen;
} Watch;

static bool is_watched(const Watch *w, const GUID *id)
{
        for (size_t i = 0; i < w->only->count; i++)
                if (memcmp(&w->only->jobs[i]->id, id, sizeof(*id)) == 0)
                        return true;
        return w->only->count == 0;
}

static Seen *find_seen(Watch *w, const GUID *id)
{
        for (size_t i = 0; i < w->n_seen; i++)
                if (memcmp(&w->seen[i].id, id, sizeof(*id)) == 0)
                        return &w->seen[i];
        return NULL;
}

static Seen *remember(Watch *w, const bits_job_info *job)
{
        Seen *seen = find_seen(w, &job->id);

        if (!seen) {
                w->seen = must(mem_realloc(w->seen, (w->n_seen + 1) * sizeof(*w->seen)));
                seen = &w->seen[w->n_seen++];
                seen->id = job->id;
        }
        seen->state = job->state;
        (void) snprintf(seen->word, sizeof(seen->word), "%s", job_state_word(job));
        return seen;
}

static void forget(Watch *w, const GUID *id)
{
        Seen *seen = find_seen(w, id);

        if (seen)
                *seen = w->seen[--w->n_seen];
}

static void print_line(const Watch *w, const bits_job_info *job, const char *fmt, ...)
        _printf_(3, 4);

static void print_line(const Watch *w, const bits_job_info *job, const char *fmt, ...)
{
        _cleanup_free_ char *text = NULL;
        char id[JOB_ID_BYTES], now[JOB_SIZE_BYTES];
        va_list ap;

        va_start(ap, fmt);
        text = must_vprintf(fmt, ap);
        va_end(ap);
        format_time_of_day(now);
        if (job)
                out_line(&w->cli->out, "%s  %s  %s  %s", now, job_short_id(&job->id, id), job->name,
                         text);
        else
                out_line(&w->cli->out, "%s  %s", now, text);
        (void) fflush(w->cli->out.data); /* each line at once, also into a pipe */
}

static void tell_service(const Watch *w, const char *event, const char *words)
{
        if (out_is_json(&w->cli->out)) {
                _cleanup_(json_freep) Json *json = event_json(event, NULL);

                out_json_line(&w->cli->out, json);
        } else
                print_line(w, NULL, "%s", words);
}

static void tell_state(const Watch *w, const bits_job_info *job, const char *from)
{
        const char *to = job_state_word(job);
        _cleanup_free_ char *why = NULL;
        char id[JOB_ID_BYTES];

        (void) job_short_id(&job->id, id);
        if (out_is_json(&w->cli->out)) {
                _cleanup_(json_freep) Json *json = event_json("state", &job->id);

                json_add_str(json, "name", job->name);
                json_add_str(json, "from", from);
                json_add_str(json, "to", to);
                json_add_why(json, "why", job, id);
                out_json_line(&w->cli->out, json);
                return;
        }
        why = job_why(job, id, clock_wall_usec(&CLOCK_SYSTEM), w->cli->out.utf8, true);
        print_line(w, job, "%s%s%s%s%s", from ? from : "",
                   !from              ? ""
                   : w->cli->out.utf8 ? " → "
                                      : " -> ",
                   to, *why ? "  " : "", why);
}

static void tell_progress(const Watch *w, const bits_job_info *job)
{
        char pair[JOB_SIZE_BYTES], rate[JOB_SIZE_BYTES];

        if (!w->cli->out.verbose)
                return;
        if (out_is_json(&w->cli->out)) {
                _cleanup_(json_freep) Json *json = event_json("progress", &job->id);

                json_add_progress(json, job);
                out_json_line(&w->cli->out, json);
                return;
        }
        print_line(w, job, "%s  %s",
                   format_size_pair(job->bytes_transferred, job->bytes_total, pair),
                   format_rate(job->rate_bps, rate));
}

static void hear(Watch *w, const bits_job_info *job)
{
        Seen *seen = find_seen(w, &job->id);

        if (!is_watched(w, &job->id))
                return;
        if (!seen)
                tell_state(w, job, NULL);
        else if (!str_equal(seen->word, job_state_word(job)))
                tell_state(w, job, seen->word);
        else
                tell_progress(w, job);
        if (job->state == BG_JOB_STATE_ACKNOWLEDGED || job->state == BG_JOB_STATE_CANCELLED)
                forget(w, &job->id);
        else
                (void) remember(w, job);
}

/* Jobs as they stand now, told again where they changed. */
static void read_jobs(Watch *w, bool tell)
{
        bits_job_list *list = NULL;

        if (FAILED(bits_jobs_list(w->cli->client, 0, &list)))
                return; /* gone again: the events will say so */
        for (size_t i = 0; i < list->count; i++) {
                if (tell)
                        hear(w, &list->jobs[i]);
                else
                        (void) remember(w, &list->jobs[i]);
        }
        bits_job_list_free(list);
}

static void take_event(Watch *w, const bits_event *event)
{
        switch (event->kind) {
        case BITS_EVENT_CHANGED:
                hear(w, event->info);
                break;
        case BITS_EVENT_LOST:
                tell_service(w, "lost", "the service went away");
                break;
        case BITS_EVENT_RECONNECTED:
                tell_service(w, "reconnected", "the service is back");
                read_jobs(w, true);
                break;
        }
}

static int watch_loop(Watch *w, bits_events *events)
{
        for (;;) {
                bits_event *event = NULL;
                HRESULT hr = bits_events_next(events, -1, &event);

                if (FAILED(hr))
                        return message_call_failed(&w->cli->out, hr, "cannot watch the service",
                                                   NULL);
                if (hr == S_OK)
                        take_event(w, event);
                bits_event_free(event);
        }
}

int verb_watch(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        Watch watch = {.cli = cli, .only = &s};
        bits_events *events = NULL;
        bits_options options;
        int status = cli_connect(cli);
        HRESULT hr;

        if (status == STATUS_OK)
                status = select_jobs(cli, cli->opt->args, cli->opt->n_args, &s);
        if (status != STATUS_OK)
                return status;
        cli_connection_options(cli, &options);
        hr = bits_events_open(&options, s.count == 1 ? &s.jobs[0]->id : NULL, &events);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot watch the service", NULL);
        read_jobs(&watch, false);
        status = watch_loop(&watch, events);
        bits_events_close(events);
        mem_free(watch.seen);
        return status;
}
