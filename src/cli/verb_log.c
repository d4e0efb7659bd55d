/* SPDX-License-Identifier: Apache-2.0 */
/* log: what the service did, out of its own file or the journal, wherever it writes. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"

#include "log_entry.h"
#include "log_journal.h"
#include "log_reader.h"
#include "message.h"
#include "must.h"
#include "select.h"
#include "verbs.h"

enum {
        LINES_OF_SERVICE = 50, /* of the service as a whole, unless more are wanted */
};

typedef struct LogQuery {
        Cli *cli;
        bool has_job;
        GUID job;
        uint32_t lines; /* UINT32_MAX: all */
        uint64_t pid;   /* of the service now */
} LogQuery;

/* The last lines that were asked for, oldest first: a ring once it is full. */
typedef struct Kept {
        char **lines;
        size_t count;
        size_t room;
        size_t oldest;
        uint64_t last_pid; /* of the last line of all */
} Kept;

static void kept_done(Kept *k)
{
        for (size_t i = 0; i < k->count; i++)
                mem_free(k->lines[i]);
        mem_free(k->lines);
        *k = (Kept){0};
}

static void keep(Kept *k, size_t most, const char *line)
{
        if (most == 0)
                return;
        if (k->count == most) {
                mem_free(k->lines[k->oldest]);
                k->lines[k->oldest] = must(mem_strdup(line));
                k->oldest = (k->oldest + 1) % most;
                return;
        }
        if (k->count == k->room) {
                k->room = k->room ? 2 * k->room : 64;
                k->lines = must(mem_realloc(k->lines, k->room * sizeof(*k->lines)));
        }
        k->lines[k->count++] = must(mem_strdup(line));
}

static bool is_wanted(const LogQuery *q, const LogEntry *e)
{
        return !q->has_job || (e->has_job && memcmp(&e->job, &q->job, sizeof(e->job)) == 0);
}

static void read_kept(const LogQuery *q, LogReader *reader, Kept *k)
{
        const char *line;
        LogEntry e;

        while ((line = log_reader_next(reader))) {
                if (!log_entry_parse(line, &e))
                        continue;
                k->last_pid = e.pid;
                if (is_wanted(q, &e))
                        keep(k, q->lines, line);
        }
}

static void print_kept(const LogQuery *q, const Kept *k)
{
        LogEntry e;

        for (size_t i = 0; i < k->count; i++)
                if (log_entry_parse(k->lines[(k->oldest + i) % k->count], &e))
                        log_entry_print(q->cli, &e);
        (void) fflush(q->cli->out.data);
}

/* Comes back only when it cannot go on: Ctrl-C ends the program. */
static int follow(const LogQuery *q, LogReader *reader)
{
        int r = 0;

        while (r >= 0) {
                const char *line;
                LogEntry e;

                while ((line = log_reader_next(reader)))
                        if (log_entry_parse(line, &e) && is_wanted(q, &e))
                                log_entry_print(q->cli, &e);
                (void) fflush(q->cli->out.data);
                r = log_reader_wait(reader);
        }
        return message_plain(&q->cli->out, STATUS_FAILED, NULL, "cannot follow the log: %s",
                             strerrordesc_np(-r));
}

static int complain_no_log(const LogQuery *q, const char *dir, int r)
{
        if (r != -ENOENT)
                return message_plain(&q->cli->out, r == -EACCES ? STATUS_DENIED : STATUS_FAILED,
                                     NULL, "cannot read the log in %s: %s", dir,
                                     strerrordesc_np(-r));
        return message_plain(&q->cli->out, STATUS_FAILED,
                             "where its standard error leads is where its log is",
                             "the service keeps no log that can be found");
}

static int print_log(const LogQuery *q, const char *dir)
{
        bool follows = options_has(q->cli->opt, OPT_FOLLOW);
        const JournalQuery journal = {
                .job = q->has_job ? &q->job : NULL,
                .lines = q->lines,
                .follow = follows,
        };
        _cleanup_(log_reader_freep) LogReader *reader = NULL;
        _cleanup_(kept_done) Kept kept = {0};
        int r = *dir ? log_reader_open(dir, &reader) : -ENOENT;

        if (r == 0)
                read_kept(q, reader, &kept);
        /* An old file of a service that writes elsewhere now is better than nothing only. */
        if ((r < 0 || kept.last_pid != q->pid) && log_journal_print(q->cli, &journal) > 0)
                return STATUS_OK;
        if (r < 0)
                return complain_no_log(q, dir, r);
        print_kept(q, &kept);
        return follows ? follow(q, reader) : STATUS_OK;
}

/* A whole id is taken as it is: the log knows jobs that the service has forgotten. */
static int find_job(LogQuery *q)
{
        const Options *o = q->cli->opt;
        _cleanup_(selection_done) Selection s = {0};
        int status;

        if (o->n_args == 0)
                return STATUS_OK;
        q->has_job = true;
        if (SUCCEEDED(bits_guid_parse(o->args[0], &q->job)))
                return STATUS_OK;
        status = select_one(q->cli, o->args[0], &s);
        if (status == STATUS_OK)
                q->job = s.jobs[0]->id;
        return status;
}

int verb_log(Cli *cli)
{
        const Options *o = cli->opt;
        LogQuery query = {.cli = cli, .lines = LINES_OF_SERVICE};
        bits_status *st = NULL;
        int status = cli_connect(cli);
        HRESULT hr;

        if (status == STATUS_OK)
                status = find_job(&query);
        if (status != STATUS_OK)
                return status;
        if (query.has_job)
                query.lines = UINT32_MAX;
        if (options_has(o, OPT_LINES))
                query.lines = o->lines;
        hr = bits_service_status(cli->client, &st);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot find the service's log", NULL);
        query.pid = st->pid;
        status = print_log(&query, st->state_dir);
        bits_status_free(st);
        return status;
}
