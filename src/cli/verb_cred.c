/* SPDX-License-Identifier: Apache-2.0 */
/* cred: the credentials of jobs. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#include "job_json.h"
#include "job_words.h"
#include "login.h"
#include "message.h"
#include "must.h"
#include "out_table.h"
#include "results.h"
#include "select.h"
#include "terminal.h"
#include "verbs.h"

enum {
        USER_BYTES_MAX = 1024, /* the API takes 300 characters */
};

static BG_AUTH_TARGET wanted_target(const Options *o)
{
        return options_has(o, OPT_CRED_PROXY) ? BG_AUTH_TARGET_PROXY : BG_AUTH_TARGET_SERVER;
}

/* The jobs behind the action's word. */
static int select_behind(Cli *cli, Selection *s)
{
        return select_jobs(cli, cli->opt->args + 1, cli->opt->n_args - 1, s);
}

/* ---- set ---- */

static int check_implicit(const Cli *cli)
{
        const Options *o = cli->opt;

        if (o->login || password_source_given(o))
                return message_usage(&cli->out, NULL,
                                     "--implicit is your own identity: no name, no password");
        if (o->schemes & ~SCHEMES_IMPLICIT)
                return message_usage(&cli->out, "--scheme=ntlm or --scheme=negotiate",
                                     "basic, digest and passport want a name and a password");
        return STATUS_OK;
}

static int check_set(const Cli *cli)
{
        const Options *o = cli->opt;
        int status = o->login ? login_check_name(cli, o->login) : STATUS_OK;

        if (status != STATUS_OK)
                return status;
        if (options_has(o, OPT_IMPLICIT))
                return check_implicit(cli);
        if (!o->login && !can_ask(cli))
                return message_usage(&cli->out, NULL, "whose password? --login=NAME says it");
        return passwords_check(cli);
}

/* Who has no name on the command line is asked for one. */
static int ask_user(Cli *cli, Logins *l)
{
        Login *login = &l->logins[0];
        _cleanup_free_ char *question = NULL;
        ssize_t n;

        l->asked_user = must(mem_zalloc(USER_BYTES_MAX));
        question = must(mem_printf("user name for the %s: ", target_name(login->target)));
        n = terminal_ask(question, true, l->asked_user, USER_BYTES_MAX);
        if (n < 0)
                return message_plain(&cli->out, STATUS_FAILED, NULL,
                                     "cannot read the user name: %s",
                                     n == -ENODATA ? "none was given" : strerrordesc_np((int) -n));
        login->user = l->asked_user;
        return login_check_name(cli, login->user);
}

static int read_logins(Cli *cli, Logins *l)
{
        const Options *o = cli->opt;
        bool implicit = options_has(o, OPT_IMPLICIT);
        int status = STATUS_OK;

        l->logins[0] = (Login){.target = wanted_target(o), .user = o->login};
        l->count = 1;
        l->schemes = o->schemes ? o->schemes : implicit ? SCHEMES_IMPLICIT : SCHEMES_DEFAULT;
        if (implicit)
                return STATUS_OK;
        if (!o->login)
                status = ask_user(cli, l);
        return status == STATUS_OK ? logins_read_passwords(cli, l) : status;
}

/* A job that failed for want of them does not go on by itself. */
static void say_go_on(Cli *cli, const bits_job_info *job)
{
        char prefix[37];

        if (job->state != BG_JOB_STATE_ERROR || !job_needs_login(job) || !out_is_chatty(&cli->out))
                return;
        select_short_prefix(cli, &job->id, prefix);
        out_note(&cli->out, "  go on: bitsctl resume %s", prefix);
}

static int run_set(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        _cleanup_(logins_done) Logins logins = {0};
        _cleanup_free_ char *names = NULL, *done = NULL;
        int status = select_behind(cli, &s), r;
        Results results;

        if (s.count == 0)
                return status;
        r = read_logins(cli, &logins);
        if (r != STATUS_OK)
                return status_worse(status, r);
        names = scheme_names(logins.schemes);
        done = must(mem_printf("set %s credentials (%s) of", target_name(logins.logins[0].target),
                               names));
        results_init(&results, cli);
        for (size_t i = 0; i < s.count; i++) {
                r = logins_set(cli, &logins, s.jobs[i]);
                status = status_worse(status, r);
                if (r != STATUS_OK)
                        continue;
                results_add(&results, s.jobs[i], results.json ? "credentials set" : done);
                say_go_on(cli, s.jobs[i]);
        }
        results_print(&results);
        return status;
}

/* ---- rm ---- */

static int check_rm(const Cli *cli)
{
        const Options *o = cli->opt;

        if (options_has(o, OPT_ALL) && (options_has(o, OPT_CRED_PROXY) || o->schemes))
                return message_usage(&cli->out, NULL,
                                     "--all is every slot: no --proxy, no --scheme");
        return STATUS_OK;
}

/* Adds the slots that were not empty already. */
static int empty_slots(Cli *cli, const bits_job_info *job, BG_AUTH_TARGET target, unsigned schemes,
                       unsigned *ret_removed)
{
        for (unsigned scheme = BG_AUTH_SCHEME_BASIC; scheme <= BG_AUTH_SCHEME_PASSPORT; scheme++) {
                HRESULT hr;

                if (!(schemes & SCHEME_BIT(scheme)))
                        continue;
                hr = bits_job_remove_credentials(cli->client, &job->id, target,
                                                 (BG_AUTH_SCHEME) scheme);
                if (FAILED(hr))
                        return message_call_failed(&cli->out, hr,
                                                   "cannot remove the credentials of", job);
                *ret_removed += hr == S_OK;
        }
        return STATUS_OK;
}

static int remove_from(Cli *cli, Results *results, const bits_job_info *job)
{
        const Options *o = cli->opt;
        unsigned schemes = o->schemes ? o->schemes : SCHEMES_ALL, removed = 0;
        int status = STATUS_OK;
        char id[JOB_ID_BYTES];

        if (options_has(o, OPT_ALL))
                status = empty_slots(cli, job, BG_AUTH_TARGET_PROXY, schemes, &removed);
        if (status == STATUS_OK)
                status = empty_slots(cli, job, wanted_target(o), schemes, &removed);
        if (status != STATUS_OK)
                return status;
        if (results->json || removed > 0)
                results_add(results, job,
                            !results->json ? "removed the credentials of"
                            : removed > 0  ? "credentials removed"
                                           : "no credentials");
        else
                out_note(&cli->out, "%s had no such credentials", job_short_id(&job->id, id));
        return STATUS_OK;
}

static int run_rm(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        int status = select_behind(cli, &s);
        Results results;

        results_init(&results, cli);
        for (size_t i = 0; i < s.count; i++)
                status = status_worse(status, remove_from(cli, &results, s.jobs[i]));
        results_print(&results);
        return status;
}

/* ---- list ---- */

static const TableColumn COLUMNS[] = {{.title = "TARGET"}, {.title = "SCHEME"}, {.title = "KIND"}};

static void print_json(Cli *cli, const bits_job_info *job, const bits_credential *slots,
                       size_t count)
{
        _cleanup_(json_freep) Json *json = json_document();
        Json *array;

        json_add_guid(json, "job", &job->id);
        array = json_add_array(json, "credentials");
        for (size_t i = 0; i < count; i++) {
                Json *one = json_add_object(array, NULL);

                json_add_str(one, "target", target_name(slots[i].target));
                json_add_str(one, "scheme", scheme_name(slots[i].scheme));
                json_add_bool(one, "implicit", slots[i].implicit);
        }
        out_json(&cli->out, json);
}

static void print_table(Cli *cli, const bits_credential *slots, size_t count)
{
        _cleanup_(table_freep) Table *table = table_new(COLUMNS, ARRAY_LEN(COLUMNS));

        for (size_t i = 0; i < count; i++) {
                table_cell(table, target_name(slots[i].target));
                table_cell(table, scheme_name(slots[i].scheme));
                table_cell(table, slots[i].implicit ? "own identity" : "name and password");
        }
        if (count > 0)
                out_table(&cli->out, table, cli->out.legend);
        else if (cli->out.legend)
                out_line(&cli->out, "no credentials");
}

static int run_list(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        bits_credential *slots = NULL;
        size_t count = 0;
        int status = select_one(cli, cli->opt->args[1], &s);
        HRESULT hr;

        if (status != STATUS_OK)
                return status;
        hr = bits_job_list_credentials(cli->client, &s.jobs[0]->id, &slots, &count);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot list the credentials of",
                                           s.jobs[0]);
        if (out_is_json(&cli->out))
                print_json(cli, s.jobs[0], slots, count);
        else if (cli->out.quiet)
                for (size_t i = 0; i < count; i++)
                        out_line(&cli->out, "%s/%s", target_name(slots[i].target),
                                 scheme_name(slots[i].scheme));
        else
                print_table(cli, slots, count);
        mem_free(slots); /* from malloc, says the library */
        return STATUS_OK;
}

/* ---- rekey ---- */

static int run_rekey(Cli *cli)
{
        uint32_t slots = 0;
        HRESULT hr = bits_service_rekey(cli->client, &slots);

        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot change the key", NULL);
        if (out_is_json(&cli->out)) {
                _cleanup_(json_freep) Json *json = json_document();

                json_add_u64(json, "resealed", slots);
                out_json(&cli->out, json);
        } else if (out_is_chatty(&cli->out))
                out_line(&cli->out, "new key; %" PRIu32 " slot%s sealed with it", slots,
                         slots == 1 ? "" : "s");
        return STATUS_OK;
}

/* ---- all ---- */

static const struct {
        const char *name;
        const char *args;
        size_t min_args, max_args; /* behind the action */
        uint64_t options;
        int (*check)(const Cli *cli); /* before the service is asked; may be NULL */
        int (*run)(Cli *cli);
} ACTIONS[] = {
        {"set", " JOB…", 1, VERB_ARGS_ANY,
         OPT_BIT(OPT_LOGIN) | OPT_BIT(OPT_CRED_USER) | OPT_BIT(OPT_CRED_PROXY) |
                 OPT_BIT(OPT_SCHEME) | OPT_BIT(OPT_IMPLICIT) | OPT_BIT(OPT_PASSWORD_FILE) |
                 OPT_BIT(OPT_PASSWORD_FD) | OPT_BIT(OPT_PASSWORD_STDIN),
         check_set, run_set},
        {"rm", " JOB…", 1, VERB_ARGS_ANY,
         OPT_BIT(OPT_CRED_PROXY) | OPT_BIT(OPT_SCHEME) | OPT_BIT(OPT_ALL), check_rm, run_rm},
        {"list", " JOB", 1, 1, 0, NULL, run_list},
        {"rekey", "", 0, 0, 0, NULL, run_rekey},
};

const char *cred_action(size_t i)
{
        return i < ARRAY_LEN(ACTIONS) ? ACTIONS[i].name : NULL;
}

static int complain_action(Cli *cli, const char *word)
{
        return message_usage(&cli->out, "cred does: set, rm, list, rekey", "cred cannot \"%s\"",
                             word);
}

static int check_usage(const Cli *cli, size_t action)
{
        uint64_t strange = cli->opt->given & ~(OPT_GLOBAL_BITS | ACTIONS[action].options);
        size_t n = cli->opt->n_args - 1;

        if (strange != 0)
                return message_usage(&cli->out, "see what it takes: bitsctl help cred",
                                     "cred %s takes no --%s", ACTIONS[action].name,
                                     options_spec((OptId) __builtin_ctzll(strange))->name);
        if (n < ACTIONS[action].min_args || n > ACTIONS[action].max_args)
                return message_usage(&cli->out, NULL, "usage: bitsctl cred %s%s",
                                     ACTIONS[action].name, ACTIONS[action].args);
        return ACTIONS[action].check ? ACTIONS[action].check(cli) : STATUS_OK;
}

int verb_cred(Cli *cli)
{
        const char *word = cli->opt->args[0];
        size_t i = 0;
        int status;

        while (i < ARRAY_LEN(ACTIONS) && !str_equal(ACTIONS[i].name, word))
                i++;
        if (i == ARRAY_LEN(ACTIONS))
                return complain_action(cli, word);
        status = check_usage(cli, i);
        if (status == STATUS_OK)
                status = cli_connect(cli);
        return status == STATUS_OK ? ACTIONS[i].run(cli) : status;
}
