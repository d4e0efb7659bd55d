/* SPDX-License-Identifier: Apache-2.0 */
#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

#include "follow_report.h"
#include "job_words.h"
#include "message.h"
#include "must.h"

enum {
        HANDLES_MAX = 8,   /* so many jobs have an event connection each, more share one */
        TICK_MS = 1000,    /* count-downs on a terminal */
        LOST_MAX_SEC = 60, /* a service that stays away so long is not coming back */
};

static uint64_t now_mono(void)
{
        return clock_mono_usec(&CLOCK_SYSTEM);
}

/* ---- opening ---- */

static int open_events(Follow *f, const GUID *id)
{
        bits_options options;
        HRESULT hr;

        cli_connection_options(f->cli, &options);
        hr = bits_events_open(&options, id, &f->events[f->n_events]);
        if (FAILED(hr))
                return message_call_failed(&f->cli->out, hr, "cannot watch the service", NULL);
        f->n_events++;
        return STATUS_OK;
}

int follow_open(Follow *f, Cli *cli, const bits_job_info *const *jobs, size_t count,
                const char *what, Signals *signals)
{
        int status = STATUS_OK;

        *f = (Follow){
                .cli = cli,
                .signals = signals,
                .what = what,
                .wait_usec = USEC_INFINITY,
                .count = count,
                .started_mono = now_mono(),
        };
        if (cli->opt->wait_sec != UINT64_MAX)
                f->wait_usec = cli->opt->wait_sec * USEC_PER_SEC;
        progress_init(&f->progress, &cli->out);
        f->jobs = must(mem_array(count + 1, sizeof(*f->jobs)));
        f->events = must(mem_array(HANDLES_MAX, sizeof(bits_events *)));
        for (size_t i = 0; i < count; i++) {
                f->jobs[i].id = jobs[i]->id;
                f->jobs[i].start_bytes = jobs[i]->bytes_transferred;
        }
        if (count > HANDLES_MAX)
                return open_events(f, NULL);
        for (size_t i = 0; i < count && status == STATUS_OK; i++)
                status = open_events(f, &f->jobs[i].id);
        return status;
}

int follow_watch_signals(Cli *cli, Signals *signals)
{
        int r = signals_watch(signals);

        if (r < 0)
                return message_plain(&cli->out, STATUS_FAILED, NULL, "cannot watch signals: %s",
                                     strerrordesc_np(-r));
        return STATUS_OK;
}

void follow_close(Follow *f)
{
        progress_clear(&f->progress);
        for (size_t i = 0; i < f->n_events; i++)
                bits_events_close(f->events[i]);
        for (size_t i = 0; i < f->count; i++)
                bits_job_info_free(f->jobs[i].info);
        mem_free(f->events);
        mem_free(f->jobs);
        f->events = NULL;
        f->jobs = NULL;
        f->n_events = f->count = 0;
}

/* ---- what became of a job ---- */

static void end_job(Follow *f, FollowJob *job, int status)
{
        job->ended = true;
        f->n_ended++;
        f->status = status_worse(f->status, status);
}

void follow_drop(Follow *f, size_t index, int status)
{
        end_job(f, &f->jobs[index], status);
}

static void judge(Follow *f, FollowJob *job)
{
        const bits_job_info *info = job->info;

        switch (info->state) {
        case BG_JOB_STATE_TRANSFERRED:
                if (info->auto_complete)
                        return; /* its files are about to get their names, or it ends in ERROR */
                break;
        case BG_JOB_STATE_ERROR:
        case BG_JOB_STATE_ACKNOWLEDGED:
        case BG_JOB_STATE_CANCELLED:
                break;
        default:
                return;
        }
        progress_clear(&f->progress);
        end_job(f, job, follow_report_end(f, job));
}

/* Takes info. */
static void hear(Follow *f, FollowJob *job, bits_job_info *info)
{
        if (job->ended) {
                bits_job_info_free(info);
                return;
        }
        follow_report_change(f, job, info);
        if (!job->info || follow_is_change(job->info, info))
                job->moved_mono = now_mono();
        bits_job_info_free(job->info);
        job->info = info;
        judge(f, job);
}

static void read_job(Follow *f, FollowJob *job)
{
        bits_job_info *info = NULL;
        HRESULT hr;

        if (job->ended)
                return;
        hr = bits_job_read(f->cli->client, &job->id, &info);
        if (SUCCEEDED(hr)) {
                hear(f, job, info);
                return;
        }
        if (status_of(hr) == STATUS_NO_SERVICE)
                return; /* went away between event and question; the events will say so */
        progress_clear(&f->progress);
        end_job(f, job, message_call_failed(&f->cli->out, hr, "lost sight of", job->info));
}

static void read_all(Follow *f)
{
        for (size_t i = 0; i < f->count; i++)
                read_job(f, &f->jobs[i]);
}

/* ---- events ---- */

static void take_event(Follow *f, bits_event *event)
{
        switch (event->kind) {
        case BITS_EVENT_CHANGED:
                for (size_t i = 0; i < f->count; i++) {
                        if (memcmp(&f->jobs[i].id, &event->info->id, sizeof(GUID)) != 0)
                                continue;
                        hear(f, &f->jobs[i], event->info);
                        event->info = NULL;
                        break;
                }
                break;
        case BITS_EVENT_LOST:
                if (f->lost_mono == 0)
                        f->lost_mono = now_mono();
                break;
        case BITS_EVENT_RECONNECTED:
                f->lost_mono = 0;
                read_all(f);
                break;
        }
        bits_event_free(event);
}

static int drain_events(Follow *f)
{
        for (size_t i = 0; i < f->n_events; i++)
                for (;;) {
                        bits_event *event = NULL;
                        HRESULT hr = bits_events_next(f->events[i], 0, &event);

                        if (hr == S_FALSE)
                                break;
                        if (FAILED(hr)) {
                                progress_clear(&f->progress);
                                return message_call_failed(&f->cli->out, hr,
                                                           "cannot watch the service any longer",
                                                           NULL);
                        }
                        take_event(f, event);
                }
        return STATUS_OK;
}

/* ---- waiting ---- */

static uint64_t deadline_mono(const Follow *f)
{
        uint64_t deadline = USEC_INFINITY;

        if (f->wait_usec != USEC_INFINITY)
                deadline = f->started_mono + f->wait_usec;
        if (f->lost_mono != 0)
                deadline = MIN(deadline, f->lost_mono + LOST_MAX_SEC * USEC_PER_SEC);
        return deadline;
}

static int poll_timeout_ms(const Follow *f)
{
        uint64_t now = now_mono(), deadline = deadline_mono(f), left_ms;
        uint64_t limit = f->progress.enabled ? TICK_MS : INT32_MAX;

        if (deadline == USEC_INFINITY)
                return f->progress.enabled ? TICK_MS : -1;
        left_ms = deadline > now ? (deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
        return (int) MIN(left_ms, limit);
}

/* Until something happened or a second is over. */
static void pause_for_news(const Follow *f)
{
        struct pollfd fds[HANDLES_MAX + 1];
        nfds_t n = 0;

        for (; n < f->n_events; n++)
                fds[n] = (struct pollfd){.fd = bits_events_fd(f->events[n]), .events = POLLIN};
        fds[n++] = (struct pollfd){.fd = f->signals->fd, .events = POLLIN};
        (void) poll(fds, n, poll_timeout_ms(f)); /* whatever woke us is looked for by everyone */
}

static int give_up(Follow *f)
{
        progress_clear(&f->progress);
        if (f->lost_mono != 0 && now_mono() >= f->lost_mono + LOST_MAX_SEC * USEC_PER_SEC) {
                follow_report_lost(f);
                return status_worse(f->status, STATUS_NO_SERVICE);
        }
        follow_report_timeout(f);
        return status_worse(f->status, STATUS_STILL_WAITS);
}

/* True when the signal ends the waiting; *ret_status is the exit status then. */
static bool take_signal(Follow *f, int signo, int *ret_status)
{
        progress_clear(&f->progress);
        switch (signo) {
        case SIGWINCH:
                return false; /* the next drawing fits */
        case SIGTSTP:
                signals_stop_here();
                return false;
        case SIGINT:
                if (!f->pauses)
                        signals_die(f->signals, signo);
                signals_release(f->signals); /* the next one leaves at once */
                *ret_status = follow_pause(f);
                return true;
        default:
                follow_report_left(f);
                signals_die(f->signals, signo);
        }
}

int follow_run(Follow *f)
{
        int status, signo;

        read_all(f);
        while (f->n_ended < f->count) {
                follow_draw(f, now_mono());
                pause_for_news(f);
                signo = signals_next(f->signals);
                if (signo != 0 && take_signal(f, signo, &status))
                        return status;
                status = drain_events(f);
                if (status != STATUS_OK)
                        return status;
                if (f->n_ended < f->count && now_mono() >= deadline_mono(f))
                        return give_up(f);
        }
        progress_clear(&f->progress);
        return f->status;
}
