/* SPDX-License-Identifier: Apache-2.0 */
#include "top_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#include "job_json.h"
#include "job_words.h"
#include "must.h"
#include "out_table.h"

enum {
        HEAD_ROWS = 3, /* the summary, an empty row, titles of jobs */
        JOB_ROWS_MIN = 2,
};

static const TableColumn JOB_COLUMNS[] = {
        {.title = "ID"},
        {.title = "NAME", .flexible = 10},
        {.title = "STATE"},
        {.title = "PRIO", .spare = 2},
        {.title = "DONE", .right = true},
        {.title = "RATE"},
        {.title = "LATELY", .spare = 1},
        {.title = "WHY", .flexible = 12},
};

static const TableColumn LINE_COLUMNS[] = {
        {.title = "LINE"},
        {.title = ""},
        {.title = "BACKGROUND"},
        {.title = "FOREGROUND"},
        {.title = "OTHERS"},
        {.title = "LINE RATE", .spare = 2},
        {.title = "DELAY", .spare = 1},
        {.title = "STATE", .flexible = 10},
};

static const char *governor_words(bits_governor governor)
{
        static const char *const words[] = {
                [BITS_GOVERNOR_IDLE] = "link idle",
                [BITS_GOVERNOR_DUCK] = "stepping aside",
                [BITS_GOVERNOR_HOLD] = "others first",
                [BITS_GOVERNOR_SHARE] = "using what is left",
        };

        return (size_t) governor < ARRAY_LEN(words) ? words[governor] : "?";
}

static const char *governor_key(bits_governor governor)
{
        static const char *const keys[] = {"idle", "duck", "hold", "share"};

        return (size_t) governor < ARRAY_LEN(keys) ? keys[governor] : "unknown";
}

uint64_t line_rate(const bits_line *line)
{
        return line->own_bps[0] + line->own_bps[1] + line->foreground_bps[0] +
               line->foreground_bps[1];
}

/* Of the direction in which more is moved. */
const char *line_state_words(const bits_line *line)
{
        bool up = line->own_bps[1] > line->own_bps[0];

        return governor_words(line->governor[up]);
}

static void release_picture(TopView *v)
{
        bits_job_list_free(v->jobs);
        bits_status_free(v->status);
        mem_free(v->lines);
        v->jobs = NULL;
        v->status = NULL;
        v->lines = NULL;
        v->lines_len = 0;
}

void top_view_done(TopView *v)
{
        release_picture(v);
        mem_free(v->history);
        *v = (TopView){0};
}

static TopJob *find(const TopView *v, const GUID *id)
{
        for (size_t i = 0; i < v->history_len; i++)
                if (memcmp(&v->history[i].id, id, sizeof(*id)) == 0)
                        return &v->history[i];
        return NULL;
}

static TopJob *find_or_add(TopView *v, const GUID *id)
{
        TopJob *job = find(v, id);

        if (!job) {
                v->history =
                        must(mem_realloc(v->history, (v->history_len + 1) * sizeof(*v->history)));
                job = &v->history[v->history_len++];
                *job = (TopJob){.id = *id};
        }
        return job;
}

static void remember(TopView *v)
{
        size_t kept = 0;

        for (size_t i = 0; i < v->history_len; i++)
                v->history[i].seen = false;
        for (size_t i = 0; i < v->jobs->count; i++) {
                TopJob *job = find_or_add(v, &v->jobs->jobs[i].id);

                spark_add(&job->spark, v->jobs->jobs[i].rate_bps);
                job->seen = true;
        }
        for (size_t i = 0; i < v->history_len; i++)
                if (v->history[i].seen)
                        v->history[kept++] = v->history[i];
        v->history_len = kept;
}

HRESULT top_view_read(TopView *v, Cli *cli)
{
        TopView fresh = {.history = v->history, .history_len = v->history_len};
        HRESULT hr = bits_jobs_list(cli->client, cli_list_flags(cli), &fresh.jobs);

        if (SUCCEEDED(hr))
                hr = bits_service_status(cli->client, &fresh.status);
        if (SUCCEEDED(hr))
                hr = bits_lines(cli->client, &fresh.lines, &fresh.lines_len, NULL);
        if (FAILED(hr)) {
                release_picture(&fresh);
                return hr;
        }
        release_picture(v);
        *v = fresh;
        remember(v);
        return S_OK;
}

static char *delay_words(const bits_line *line)
{
        if (line->base_usec == 0)
                return must(mem_strdup("-"));
        return must(mem_printf("%" PRIu32 "+%" PRIu32 " ms", line->base_usec / 1000,
                               line->queue_usec / 1000));
}

static void rate_cell(Table *table, uint64_t bps, bool dash)
{
        char rate[JOB_SIZE_BYTES];

        table_cell(table, dash && bps == 0 ? "-" : format_rate(bps, rate));
}

static void add_line(Table *table, const bits_line *line, int way)
{
        bool used = line->connections > 0;

        table_cell(table, way == 0 ? line->interface_name : "");
        table_cell(table, way == 0 ? "down" : "up");
        rate_cell(table, line->own_bps[way], true);
        rate_cell(table, line->foreground_bps[way], true);
        rate_cell(table, line->foreign_bps[way], true);
        rate_cell(table, line->capacity_bps[way], true);
        table_take_cell(table, way == 0 ? delay_words(line) : must(mem_strdup("")), CELL_PLAIN);
        table_take_cell(table,
                        used && line->yielding > 0 && way == 0
                                ? must(mem_printf("%s; %" PRIu32 " of %" PRIu32 " yield",
                                                  governor_words(line->governor[way]),
                                                  line->yielding, line->connections))
                                : must(mem_strdup(governor_words(line->governor[way]))),
                        CELL_PLAIN);
}

static void print_lines(const TopView *v, const Out *out)
{
        _cleanup_(table_freep) Table *table = NULL;

        if (v->lines_len == 0)
                return;
        table = table_new(LINE_COLUMNS, ARRAY_LEN(LINE_COLUMNS));
        for (size_t i = 0; i < v->lines_len; i++)
                for (int way = 0; way < 2; way++)
                        add_line(table, &v->lines[i], way);
        out_table(out, table, out->legend);
        out_line(out, "%s", "");
}

static void add_job(const TopView *v, const Out *out, Table *table, const bits_job_info *job)
{
        bool is_empty = job->files_total == 0 && job->bytes_total == 0;
        int percent = is_empty ? -1 : percent_done(job->bytes_transferred, job->bytes_total);
        const TopJob *past = find(v, &job->id);
        char id[JOB_ID_BYTES], bars[SPARK_TEXT_BYTES] = "";
        CellColour colour = job->why != BITS_WHY_NONE ? CELL_PLAIN : CELL_ACTIVE;

        (void) job_short_id(&job->id, id);
        table_cell(table, id);
        table_cell(table, job->name);
        table_take_cell(table, must(mem_strdup(job_state_word(job))), colour);
        table_cell(table, job_priority_word(job->priority));
        table_take_cell(table, must(percent < 0 ? mem_strdup("-") : mem_printf("%d%%", percent)),
                        CELL_PLAIN);
        rate_cell(table, job->rate_bps, true);
        if (past && past->spark.len > 1)
                (void) spark_format(&past->spark, out->utf8, bars);
        table_cell(table, bars);
        table_take_cell(table, job_why(job, id, clock_wall_usec(&CLOCK_SYSTEM), out->utf8, true),
                        CELL_PLAIN);
}

/* Moving ones first, else in the order of their creation. */
static void print_jobs(const TopView *v, const Out *out, unsigned rows)
{
        _cleanup_(table_freep) Table *table = table_new(JOB_COLUMNS, ARRAY_LEN(JOB_COLUMNS));
        size_t left = 0;

        for (int moving = 1; moving >= 0; moving--)
                for (size_t i = 0; i < v->jobs->count; i++) {
                        const bits_job_info *job = &v->jobs->jobs[i];

                        if ((job->state == BG_JOB_STATE_TRANSFERRING) != moving)
                                continue;
                        if (rows > 0 && table_rows(table) >= rows)
                                left++;
                        else
                                add_job(v, out, table, job);
                }
        if (table_rows(table) > 0)
                out_table(out, table, out->legend);
        else
                out_line(out, "no jobs");
        if (left > 0)
                out_line(out, "and %zu more", left);
}

void top_view_print(const TopView *v, const Out *out, unsigned rows)
{
        unsigned lines = v->lines_len > 0 ? 2 + 2 * (unsigned) v->lines_len : 0;
        /* Where there is no room for both, jobs matter more. */
        bool with_lines = rows == 0 || rows >= HEAD_ROWS + lines + JOB_ROWS_MIN;
        unsigned taken = HEAD_ROWS + (with_lines ? lines : 0);
        char rate[JOB_SIZE_BYTES], now[JOB_SIZE_BYTES];

        out_line(out, "%s  %" PRIu32 " job%s, %" PRIu32 " active, %s; network %s%s%s",
                 format_time_of_day(now), v->status->jobs, v->status->jobs == 1 ? "" : "s",
                 v->status->jobs_active, format_rate(v->status->rate_bps, rate),
                 v->status->network_up ? "up" : "down", v->status->metered ? ", metered" : "",
                 v->status->on_battery ? ", on battery" : "");
        out_line(out, "%s", "");
        if (with_lines)
                print_lines(v, out);
        print_jobs(v, out, rows == 0 ? 0 : rows > taken + 2 ? rows - taken - 1 : 1);
}

static void add_pair(Json *to, const char *key, const uint64_t bps[2])
{
        Json *pair = json_add_object(to, key);

        json_add_u64(pair, "down", bps[0]);
        json_add_u64(pair, "up", bps[1]);
}

static void add_json_line(Json *to, const bits_line *line)
{
        Json *json = json_add_object(to, NULL), *governor;

        json_add_str(json, "interface", line->interface_name);
        add_pair(json, "capacity", line->capacity_bps);
        add_pair(json, "background", line->own_bps);
        add_pair(json, "foreground", line->foreground_bps);
        add_pair(json, "foreign", line->foreign_bps);
        governor = json_add_object(json, "governor");
        json_add_str(governor, "down", governor_key(line->governor[0]));
        json_add_str(governor, "up", governor_key(line->governor[1]));
        json_add_u64(json, "connections", line->connections);
        json_add_u64(json, "yielding", line->yielding);
        json_add_u64(json, "base_usec", line->base_usec);
        json_add_u64(json, "queue_usec", line->queue_usec);
}

void top_view_print_json(const TopView *v, const Out *out)
{
        _cleanup_(json_freep) Json *json = json_document();
        Json *list;

        json_add_time(json, "at", filetime_from_wall_usec(clock_wall_usec(&CLOCK_SYSTEM)));
        json_add_u64(json, "rate", v->status->rate_bps);
        json_add_bool(json, "network_up", v->status->network_up);
        json_add_bool(json, "metered", v->status->metered);
        json_add_bool(json, "on_battery", v->status->on_battery);
        list = json_add_array(json, "lines");
        for (size_t i = 0; i < v->lines_len; i++)
                add_json_line(list, &v->lines[i]);
        list = json_add_array(json, "jobs");
        for (size_t i = 0; i < v->jobs->count; i++) {
                const bits_job_info *job = &v->jobs->jobs[i];
                Json *item = json_add_object(list, NULL);
                char guid[37], id[JOB_ID_BYTES];

                bits_guid_format(&job->id, guid);
                json_add_str(item, "id", guid);
                json_add_str(item, "name", job->name);
                json_add_str(item, "state_word", job_state_word(job));
                json_add_str(item, "priority", job_priority_name(job->priority));
                json_add_progress(item, job);
                json_add_why(item, "why", job, job_short_id(&job->id, id));
        }
        out_json_line(out, json);
}
