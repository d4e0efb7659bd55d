/* SPDX-License-Identifier: Apache-2.0 */
/* One job or the service in detail: show, files, status. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include "job_json.h"
#include "job_notify.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "out_table.h"
#include "owner.h"
#include "select.h"
#include "verbs.h"

/* ---- show ---- */

static const TableColumn PAGE_COLUMNS[] = {{.title = ""}, {.title = ""}, {.title = ""}};

enum {
        LINE_MAX_BYTES = 1 << 16,
};

/* One line of the page; a NULL key goes on with the line above. Takes text. */
static void page_line(Table *page, const char *key, char *text)
{
        table_cell(page, "  ");
        table_cell(page, key ? key : "");
        table_take_cell(page, must(text), CELL_PLAIN);
}

static void page_error(Cli *cli, Table *page, const bits_job_info *job)
{
        bool local = job->error_context == BG_ERROR_CONTEXT_LOCAL_FILE;
        const char *where = bits_context_text(job->error_context), *name = "";
        bits_file_list *file;
        char code[96];

        if (job->error_code == S_OK)
                return;
        page_line(page, "error",
                  mem_strdup(job->error_text && *job->error_text
                                     ? job->error_text
                                     : bits_error_text(job->error_code)));
        file = read_error_file(cli, job);
        if (file)
                name = local ? file->files[0].local : file->files[0].remote;
        page_line(page, NULL,
                  mem_printf("%s, context 0x%x %s%s%s",
                             code_format(job->error_code, code, sizeof(code)),
                             (unsigned) job->error_context, where, *name ? " " : "", name));
        bits_file_list_free(file);
}

static void page_retry(Table *page, const bits_job_info *job)
{
        char every[JOB_SIZE_BYTES], span[JOB_SIZE_BYTES], next[JOB_SIZE_BYTES];

        (void) format_span(job->minimum_retry_delay, every);
        (void) format_span(job->no_progress_timeout, span);
        (void) format_local_time(job->retry_time, next);
        page_line(page, "retry",
                  mem_printf("%s%s%severy %s, give up after %s without progress",
                             job->retry_time ? "next at " : "", job->retry_time ? next : "",
                             job->retry_time ? ", " : "", every, span));
}

static void page_progress(Table *page, const bits_job_info *job)
{
        int percent = percent_done(job->bytes_transferred, job->bytes_total);
        char pair[JOB_SIZE_BYTES], rate[JOB_SIZE_BYTES];
        Buf line;

        if (job->files_total == 0) {
                page_line(page, "progress", mem_strdup("no files yet"));
                return;
        }
        buf_init(&line, LINE_MAX_BYTES); /* errors stick to the buffer */
        (void) buf_append_str(&line,
                              format_size_pair(job->bytes_transferred, job->bytes_total, pair));
        if (percent >= 0)
                (void) buf_printf(&line, ", %d%%", percent);
        (void) buf_printf(&line, ", %" PRIu32 " of %" PRIu32 " file%s", job->files_transferred,
                          job->files_total, job->files_total == 1 ? "" : "s");
        if (job->rate_bps > 0)
                (void) buf_printf(&line, ", %s", format_rate(job->rate_bps, rate));
        page_line(page, "progress", must_take_str(&line));
}

static void page_reply(Table *page, const bits_job_info *job)
{
        const char *where = job->reply_name ? job->reply_name : "a file that is yet to be named";
        char progress[JOB_SIZE_BYTES];

        if (job->type != BG_JOB_TYPE_UPLOAD_REPLY)
                return;
        page_line(page, "reply",
                  mem_printf("%s, into %s%s", format_reply(job, progress), where,
                             job->reply_optional && job->reply_bytes_total == BG_SIZE_UNKNOWN
                                     ? ", which may be missing"
                                     : ""));
}

static void page_settings(Table *page, const bits_job_info *job)
{
        bool list = job->proxy_list && *job->proxy_list;
        bool bypass = job->proxy_bypass_list && *job->proxy_bypass_list;
        char rate[JOB_SIZE_BYTES];
        char *in_flight;

        page_line(page, "at end",
                  mem_strdup(job->auto_complete ? "completes itself" : "waits to be completed"));
        page_line(page, "network",
                  mem_printf("proxy: %s%s%s%s%s%s", job_proxy_name(job->proxy_usage),
                             list ? " " : "", list ? job->proxy_list : "",
                             bypass ? ", not for " : "", bypass ? job->proxy_bypass_list : "",
                             job->has_credentials ? "; with credentials" : ""));
        if (job->limit_bps > 0)
                page_line(page, "limit",
                          mem_printf("%s%s", format_rate(job->limit_bps, rate),
                                     job->priority == BG_JOB_PRIORITY_FOREGROUND
                                             ? ", not while it is in the foreground"
                                             : ""));
        if (job_is_upload(job))
                return; /* it has one file */
        in_flight = must(job->files_in_flight > 0
                                 ? mem_printf("%" PRIu32 " at once", job->files_in_flight)
                                 : mem_strdup("as many at once as the service likes"));
        page_line(page, "files", in_flight);
}

static void page_notify(Table *page, const bits_job_info *job)
{
        _cleanup_free_ char *events = notify_events(job->notify_flags);
        char *last = notify_last_run(job);

        page_line(page, "notify",
                  mem_printf("%s%s", events, job->has_callback ? ", to a program" : ""));
        if (job->notify_program) {
                page_line(page, "program", mem_strdup(job->notify_program));
                if (job->notify_parameters && *job->notify_parameters)
                        page_line(page, NULL, mem_strdup(job->notify_parameters));
        }
        if (last)
                page_line(page, "last run", last);
}

static void page_times(Table *page, const bits_job_info *job)
{
        char created[JOB_SIZE_BYTES], changed[JOB_SIZE_BYTES], done[JOB_SIZE_BYTES];

        page_line(page, "created",
                  mem_printf("%s, changed %s", format_local_time(job->creation_time, created),
                             format_local_time(job->modification_time, changed)));
        if (job->transfer_completion_time)
                page_line(page, job_is_upload(job) ? "sent" : "arrived",
                          mem_strdup(format_local_time(job->transfer_completion_time, done)));
}

static void page_state(Table *page, const bits_job_info *job)
{
        char *text;

        if (job->error_count > 0)
                text = mem_printf("%s (%s), %" PRIu32 " error%s so far", job_state_word(job),
                                  bits_state_name(job->state), job->error_count,
                                  job->error_count == 1 ? "" : "s");
        else
                text = mem_printf("%s (%s)", job_state_word(job), bits_state_name(job->state));
        page_line(page, "state", text);
}

static void print_page(Cli *cli, const bits_job_info *job, const char *prefix, Owners *owners)
{
        _cleanup_(table_freep) Table *page = table_new(PAGE_COLUMNS, ARRAY_LEN(PAGE_COLUMNS));
        const char *owner = owners_name(owners, job->owner_uid);
        _cleanup_free_ char *why = NULL;
        char id[37];

        bits_guid_format(&job->id, id);
        out_line(&cli->out, "%s  %s", id, job->name);
        page_line(page, "type",
                  mem_printf("%s, %" PRIu32 " file%s, owner %s (%" PRIu32 "), priority %s",
                             job_type_name(job->type), job->files_total,
                             job->files_total == 1 ? "" : "s", owner, job->owner_uid,
                             job_priority_name(job->priority)));
        if (job->description && *job->description)
                page_line(page, "about", mem_strdup(job->description));
        page_state(page, job);
        why = job_why(job, prefix, clock_wall_usec(&CLOCK_SYSTEM), cli->out.utf8, true);
        if (*why)
                page_line(page, "why", TAKE_PTR(why));
        page_error(cli, page, job);
        page_retry(page, job);
        page_progress(page, job);
        page_reply(page, job);
        page_settings(page, job);
        page_notify(page, job);
        page_times(page, job);
        out_table(&cli->out, page, false);
}

/* -P: the values of the named fields, one a line. */
static int print_fields(Cli *cli, const Json *json)
{
        _cleanup_free_ char *fields = must(mem_strdup(cli->opt->fields));
        char *rest = fields;

        for (const char *field = strsep(&rest, ","); field; field = strsep(&rest, ",")) {
                const Json *value = json_find(json, field);
                _cleanup_free_ char *text = NULL;
                Buf buf;

                buf_init(&buf, OUT_TEXT_BYTES_MAX);
                if (!value) {
                        json_append_paths(json, &buf);
                        text = must_take_str(&buf);
                        return message_usage(&cli->out, text, "no field \"%s\"; there are:", field);
                }
                json_append_plain(value, &buf);
                text = must_take_str(&buf);
                out_line(&cli->out, "%s", text);
        }
        return STATUS_OK;
}

static int show_text(Cli *cli, const Selection *s)
{
        _cleanup_(owners_done) Owners owners = {0};
        int status = STATUS_OK;

        for (size_t i = 0; i < s->count && status == STATUS_OK; i++) {
                _cleanup_(json_freep) Json *json = NULL;
                char prefix[37];

                select_short_prefix(cli, &s->jobs[i]->id, prefix);
                if (cli->opt->fields) {
                        json = job_json(s->jobs[i], prefix, &owners);
                        status = print_fields(cli, json);
                        continue;
                }
                if (i > 0)
                        out_line(&cli->out, "%s", "");
                print_page(cli, s->jobs[i], prefix, &owners);
        }
        return status;
}

static void show_json(Cli *cli, const Selection *s)
{
        _cleanup_(owners_done) Owners owners = {0};
        _cleanup_(json_freep) Json *json = json_document();
        Json *jobs = json_add_array(json, "jobs");

        for (size_t i = 0; i < s->count; i++) {
                char prefix[37];

                select_short_prefix(cli, &s->jobs[i]->id, prefix);
                json_add_take(jobs, NULL, job_json(s->jobs[i], prefix, &owners));
        }
        out_json(&cli->out, json);
}

int verb_show(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        int status;

        if (cli->opt->fields && out_is_json(&cli->out))
                return message_usage(&cli->out, NULL, "either --property or JSON, not both");
        status = cli_connect(cli);
        if (status != STATUS_OK)
                return status;
        status = select_jobs(cli, cli->opt->args, cli->opt->n_args, &s);
        if (!out_is_json(&cli->out))
                return status_worse(status, show_text(cli, &s));
        if (s.count > 0)
                show_json(cli, &s);
        return status;
}

/* ---- files ---- */

/* In the direction in which the bytes go. */
static char *file_ends(const Out *out, BG_JOB_TYPE type, const char *remote, const char *local)
{
        const char *arrow = out->utf8 ? "→" : "->";

        if (type == BG_JOB_TYPE_DOWNLOAD)
                return must(mem_printf("%s %s %s", remote, arrow, local));
        return must(mem_printf("%s %s %s", local, arrow, remote));
}

static void print_file_table(Cli *cli, BG_JOB_TYPE type, const bits_file_list *list)
{
        _cleanup_free_ char *title = file_ends(&cli->out, type, "REMOTE", "LOCAL");
        const TableColumn columns[] = {
                {.title = "#", .right = true},
                {.title = "DONE"},
                {.title = "SIZE"},
                {.title = "STATE"},
                {.title = title},
        };
        _cleanup_(table_freep) Table *table = table_new(columns, ARRAY_LEN(columns));
        char size[JOB_SIZE_BYTES];

        for (size_t i = 0; i < list->count; i++) {
                const bits_file_info *file = &list->files[i];

                table_take_cell(table, must(mem_printf("%" PRIu32, file->index)), CELL_PLAIN);
                table_cell(table, str_format_size(size, sizeof(size), file->bytes_transferred));
                table_cell(table, file->bytes_total == BG_SIZE_UNKNOWN
                                          ? "-"
                                          : str_format_size(size, sizeof(size), file->bytes_total));
                table_take_cell(table, must(mem_strdup(file_state_word(file, type))),
                                file->completed ? CELL_GOOD : CELL_PLAIN);
                table_take_cell(table, file_ends(&cli->out, type, file->remote, file->local),
                                CELL_PLAIN);
        }
        if (list->count > 0)
                out_table(&cli->out, table, cli->out.legend);
        else if (cli->out.legend)
                out_line(&cli->out, "no files");
}

static void print_file_json(Cli *cli, const bits_job_info *job, const bits_file_list *list)
{
        _cleanup_(json_freep) Json *json = json_document();
        Json *files;

        json_add_guid(json, "job", &job->id);
        files = json_add_array(json, "files");
        for (size_t i = 0; i < list->count; i++)
                json_add_take(files, NULL, file_json(&list->files[i], job->type));
        out_json(&cli->out, json);
}

int verb_files(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        bits_file_list *list = NULL;
        int status = cli_connect(cli);
        HRESULT hr;

        if (status == STATUS_OK)
                status = select_one(cli, cli->opt->args[0], &s);
        if (status != STATUS_OK)
                return status;
        hr = bits_files_list(cli->client, &s.jobs[0]->id, &list);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot list the files of", s.jobs[0]);
        if (out_is_json(&cli->out))
                print_file_json(cli, s.jobs[0], list);
        else if (cli->out.quiet)
                for (size_t i = 0; i < list->count; i++)
                        out_line(&cli->out, "%s", list->files[i].local);
        else
                print_file_table(cli, s.jobs[0]->type, list);
        bits_file_list_free(list);
        return STATUS_OK;
}
