/* SPDX-License-Identifier: Apache-2.0 */
/* The table of jobs. */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "out_table.h"
#include "owner.h"
#include "select.h"
#include "verbs.h"

static const TableColumn COLUMNS[] = {
        {.title = "ID"},
        {.title = "NAME", .flexible = 10},
        {.title = "OWNER"},
        {.title = "TYPE", .spare = 1},
        {.title = "STATE"},
        {.title = "PRIO", .spare = 2},
        {.title = "DONE", .right = true},
        {.title = "SIZE"},
        {.title = "RATE"},
        {.title = "ETA", .spare = 3},
        {.title = "PROGRAM", .flexible = 12},
        {.title = "WHY", .flexible = 12},
};

enum {
        OWNER_COLUMN = 2,
        PROGRAM_COLUMN = 10,
};

typedef struct Listing {
        Cli *cli;
        const bits_job_list *list;
        const bits_job_info **shown; /* those that fit the patterns */
        size_t count;
        unsigned *prefix_digits; /* of every job in `list` */
        unsigned id_digits;      /* of the ID column */
        bool with_owners;
        bool with_programs;
        Owners owners;
} Listing;

static bool is_wanted(const Cli *cli, const bits_job_info *job)
{
        for (size_t i = 0; i < cli->opt->n_args; i++)
                if (job_fits(job, cli->opt->args[i]))
                        return true;
        return cli->opt->n_args == 0;
}

static void listing_init(Listing *l, Cli *cli, const bits_job_list *list)
{
        *l = (Listing){.cli = cli, .list = list, .id_digits = JOB_ID_DIGITS};
        l->with_owners = options_has(cli->opt, OPT_ALL_USERS);
        l->with_programs = options_has(cli->opt, OPT_WITH_PROGRAM);
        l->shown = must(mem_array(list->count + 1, sizeof(*l->shown)));
        for (size_t i = 0; i < list->count; i++)
                if (is_wanted(cli, &list->jobs[i]))
                        l->shown[l->count++] = &list->jobs[i];
        if (cli->out.quiet && !out_is_json(&cli->out)) /* whole ids */
                return;
        l->prefix_digits = select_prefix_digits(list, JOB_PREFIX_DIGITS);
        for (size_t i = 0; i < list->count; i++)
                l->id_digits = MAX(l->id_digits, l->prefix_digits[i]);
}

static void listing_done(Listing *l)
{
        mem_free(l->shown);
        mem_free(l->prefix_digits);
        owners_done(&l->owners);
}

static const char *prefix_of(const Listing *l, const bits_job_info *job, char dst[JOB_ID_BYTES])
{
        return job_prefix(&job->id, l->prefix_digits[job - l->list->jobs], dst);
}

static CellColour state_colour(BG_JOB_STATE state)
{
        switch (state) {
        case BG_JOB_STATE_CONNECTING:
        case BG_JOB_STATE_TRANSFERRING:
                return CELL_ACTIVE;
        case BG_JOB_STATE_TRANSFERRED:
                return CELL_GOOD;
        case BG_JOB_STATE_ERROR:
                return CELL_BAD;
        case BG_JOB_STATE_TRANSIENT_ERROR:
                return CELL_WARN;
        case BG_JOB_STATE_SUSPENDED:
                return CELL_DIM;
        default:
                return CELL_PLAIN;
        }
}

static void add_numbers(Table *table, const bits_job_info *job)
{
        int percent = percent_done(job->bytes_transferred, job->bytes_total);
        char text[JOB_SIZE_BYTES];

        if (percent < 0 || job->files_total == 0)
                table_cell(table, "-");
        else
                table_take_cell(table, must(mem_printf("%d%%", percent)), CELL_PLAIN);
        if (job->bytes_total == BG_SIZE_UNKNOWN || job->files_total == 0)
                table_cell(table, "-");
        else
                table_cell(table, str_format_size(text, sizeof(text), job->bytes_total));
        table_cell(table, job->rate_bps > 0 ? format_rate(job->rate_bps, text) : "-");
        table_cell(table, format_eta(job, text));
}

static void add_row(Listing *l, Table *table, const bits_job_info *job, uint64_t now)
{
        const Out *out = &l->cli->out;
        char id[JOB_ID_BYTES];

        table_cell(table, job_prefix(&job->id, l->id_digits, id));
        table_cell(table, job->name);
        if (l->with_owners)
                table_cell(table, owners_name(&l->owners, job->owner_uid));
        table_cell(table, job_type_word(job->type));
        table_take_cell(table, must(mem_strdup(job_state_word(job))), state_colour(job->state));
        table_cell(table, job_priority_word(job->priority));
        add_numbers(table, job);
        if (l->with_programs)
                table_cell(table, job->notify_program ? job->notify_program : "-");
        table_take_cell(table, job_why(job, prefix_of(l, job, id), now, out->utf8, false),
                        CELL_PLAIN);
}

static void print_count(const Listing *l)
{
        size_t active = 0;
        uint64_t rate = 0;
        char text[JOB_SIZE_BYTES];

        for (size_t i = 0; i < l->count; i++) {
                active += l->shown[i]->state == BG_JOB_STATE_CONNECTING ||
                          l->shown[i]->state == BG_JOB_STATE_TRANSFERRING;
                rate += l->shown[i]->rate_bps;
        }
        if (active > 0)
                out_line(&l->cli->out, "%zu job%s, %zu active, %s", l->count,
                         l->count == 1 ? "" : "s", active, format_rate(rate, text));
        else
                out_line(&l->cli->out, "%zu job%s", l->count, l->count == 1 ? "" : "s");
}

static void print_table(Listing *l)
{
        TableColumn columns[ARRAY_LEN(COLUMNS)];
        _cleanup_(table_freep) Table *table = NULL;
        uint64_t now = clock_wall_usec(&CLOCK_SYSTEM);
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(COLUMNS); i++)
                if ((i != OWNER_COLUMN || l->with_owners) &&
                    (i != PROGRAM_COLUMN || l->with_programs))
                        columns[n++] = COLUMNS[i];
        table = table_new(columns, n);
        for (size_t i = 0; i < l->count; i++)
                add_row(l, table, l->shown[i], now);
        if (l->count > 0)
                out_table(&l->cli->out, table, l->cli->out.legend);
        if (l->cli->out.legend)
                print_count(l);
}

static void print_json(Listing *l)
{
        _cleanup_(json_freep) Json *json = json_document();
        Json *jobs = json_add_array(json, "jobs");
        char id[JOB_ID_BYTES];

        for (size_t i = 0; i < l->count; i++)
                json_add_take(jobs, NULL,
                              job_json(l->shown[i], prefix_of(l, l->shown[i], id), &l->owners));
        out_json(&l->cli->out, json);
}

int verb_list(Cli *cli)
{
        _cleanup_(listing_done) Listing listing = {0};
        bits_job_list *list = NULL;
        char id[37];
        int status = cli_connect(cli);

        if (status != STATUS_OK)
                return status;
        status = cli_list_jobs(cli, &list);
        if (status != STATUS_OK)
                return status;
        listing_init(&listing, cli, list);
        if (out_is_json(&cli->out))
                print_json(&listing);
        else if (cli->out.quiet)
                for (size_t i = 0; i < listing.count; i++) {
                        bits_guid_format(&listing.shown[i]->id, id);
                        out_line(&cli->out, "%s", id);
                }
        else
                print_table(&listing);
        bits_job_list_free(list);
        return STATUS_OK;
}
