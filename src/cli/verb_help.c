/* SPDX-License-Identifier: Apache-2.0 */
/* Help out of the tables of verbs and options; versions. */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#include "message.h"
#include "must.h"
#include "out_json.h"
#include "out_table.h"
#include "verbs.h"

static const TableColumn COLUMNS[] = {{.title = ""}, {.title = ""}};

/* A row with its first cell two columns in. */
static void add_row(Table *table, const char *left, const char *right)
{
        table_take_cell(table, must(mem_printf("  %s", left)), CELL_PLAIN);
        table_cell(table, right);
}

static char *option_words(const OptSpec *spec)
{
        Buf buf;

        buf_init(&buf, 256); /* errors stick to the buffer */
        if (spec->short_name)
                (void) buf_printf(&buf, "-%c%s", spec->short_name, spec->name ? ", " : "");
        else
                (void) buf_append_str(&buf, "    ");
        if (spec->name)
                (void) buf_printf(&buf, "--%s", spec->name);
        if (spec->arg == OPT_ARG_NEEDED)
                (void) buf_printf(&buf, "=%s", spec->arg_name);
        else if (spec->arg == OPT_ARG_MAY)
                (void) buf_printf(&buf, "[=%s]", spec->arg_name);
        return must_take_str(&buf);
}

static void print_options(const Out *out, uint64_t bits)
{
        _cleanup_(table_freep) Table *table = table_new(COLUMNS, ARRAY_LEN(COLUMNS));

        for (int id = 0; id < OPT_COUNT; id++) {
                _cleanup_free_ char *words = NULL;

                if (!(bits & OPT_BIT(id)))
                        continue;
                words = option_words(options_spec((OptId) id));
                add_row(table, words, options_spec((OptId) id)->help);
        }
        out_table(out, table, false);
}

static void print_overview(const Out *out)
{
        _cleanup_(table_freep) Table *table = table_new(COLUMNS, ARRAY_LEN(COLUMNS));

        out_line(out, "usage: bitsctl [OPTION…] VERB …");
        out_line(out, "%s", "");
        for (const Verb *verb = verbs_table(); verb->group; verb++) {
                _cleanup_free_ char *words = NULL;

                words = must(mem_printf("%s %s", verb->name, verb->args));
                add_row(table, words, verb->summary);
        }
        out_table(out, table, false);
        out_line(out, "%s", "");
        out_line(out, "Options of every verb:");
        print_options(out, OPT_GLOBAL_BITS);
        out_line(out, "%s", "");
        out_line(out, "bitsctl help VERB tells more; the manual is bitsctl(1).");
}

static void print_verb(const Out *out, const Verb *verb)
{
        out_line(out, "usage: bitsctl %s%s%s%s", verb->name, verb->options ? " [OPTION…]" : "",
                 *verb->args ? " " : "", verb->args);
        if (verb->alias)
                out_line(out, "  also: bitsctl %s", verb->alias);
        out_line(out, "%s", "");
        out_line(out, "%s", verb->summary);
        if (verb->notes)
                out_line(out, "%s", "");
        for (const char *const *note = verb->notes; note && *note; note++)
                out_line(out, "%s", *note);
        if (verb->options) {
                out_line(out, "%s", "");
                out_line(out, "Options:");
                print_options(out, verb->options);
        }
}

static Json *verb_json(const Verb *verb)
{
        Json *json = json_object(), *array;

        json_add_str(json, "name", verb->name);
        json_add_str(json, "alias", verb->alias);
        json_add_str(json, "args", verb->args);
        json_add_str(json, "summary", verb->summary);
        array = json_add_array(json, "options");
        for (int id = 0; id < OPT_COUNT; id++)
                if (verb->options & OPT_BIT(id))
                        json_add_str(array, NULL, options_spec((OptId) id)->name);
        return json;
}

static void print_json(const Out *out, const Verb *only)
{
        _cleanup_(json_freep) Json *json = json_document();
        Json *array = json_add_array(json, "verbs");

        for (const Verb *verb = verbs_table(); verb->group; verb++)
                if (!only || verb == only)
                        json_add_take(array, NULL, verb_json(verb));
        out_json(out, json);
}

/* The verb asked about: "help VERB" or "VERB --help"; NULL for all. */
int verb_help(Cli *cli)
{
        const char *word = cli->opt->verb;
        const Verb *verb = NULL;

        if (word && str_equal(word, "help"))
                word = cli->opt->n_args > 0 ? cli->opt->args[0] : NULL;
        if (word) {
                verb = verbs_find(word);
                if (!verb || !verb->group)
                        return verbs_complain_unknown(&cli->out, word);
        }
        if (out_is_json(&cli->out))
                print_json(&cli->out, verb);
        else if (verb)
                print_verb(&cli->out, verb);
        else
                print_overview(&cli->out);
        return STATUS_OK;
}

int verb_version(Cli *cli)
{
        if (out_is_json(&cli->out)) {
                _cleanup_(json_freep) Json *json = json_document();

                json_add_str(json, "version", BITSCTL_VERSION);
                json_add_str(json, "library", bits_version());
                out_json(&cli->out, json);
                return STATUS_OK;
        }
        out_line(&cli->out, "bitsctl %s (libbits %s)", BITSCTL_VERSION, bits_version());
        return STATUS_OK;
}
