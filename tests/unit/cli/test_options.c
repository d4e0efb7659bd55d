/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/options.h"

enum {
        WORDS_MAX = 16,
};

typedef struct Parsed {
        Options o;
        UsageError error;
} Parsed;

/* The words up to NULL. */
static Parsed parse(const char *const *words)
{
        Parsed p = {0};
        int n = 0;

        while (words[n])
                n++;
        options_parse(n, (char *const *) words, &p.o, &p.error);
        return p;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void parsed_done(Parsed *p)
{
        options_done(&p->o);
        usage_error_done(&p->error);
}

static void options_stand_before_and_behind_the_verb(void **state)
{
        Parsed p = PARSE("-q", "show", "--full", "a", "-v", "b");

        assert_null(p.error.text);
        assert_string_equal(p.o.verb, "show");
        assert_int_equal(p.o.n_args, 2);
        assert_string_equal(p.o.args[0], "a");
        assert_string_equal(p.o.args[1], "b");
        assert_int_equal(p.o.given, OPT_BIT(OPT_QUIET) | OPT_BIT(OPT_FULL) | OPT_BIT(OPT_VERBOSE));
        parsed_done(&p);
}

static void two_dashes_end_the_options(void **state)
{
        Parsed p = PARSE("cancel", "--", "-q", "--all", "--");

        assert_null(p.error.text);
        assert_int_equal(p.o.given, 0);
        assert_int_equal(p.o.n_args, 3);
        assert_string_equal(p.o.args[2], "--");
        parsed_done(&p);
}

static void a_verb_has_options_of_its_own(void **state)
{
        Parsed p = PARSE("cred", "set", "j", "--proxy", "--user", "ann");

        assert_null(p.error.text);
        assert_true(options_has(&p.o, OPT_CRED_PROXY));
        assert_false(options_has(&p.o, OPT_PROXY));
        assert_false(options_has(&p.o, OPT_USER));
        assert_string_equal(p.o.login, "ann");
        assert_int_equal(p.o.n_args, 2);
        parsed_done(&p);
        p = PARSE("--user", "cred", "list", "j");
        assert_true(options_has(&p.o, OPT_USER));
        assert_null(p.o.login);
        parsed_done(&p);
        p = PARSE("set", "j", "--proxy", "http://p", "--user");
        assert_string_equal(p.o.proxy, "http://p");
        assert_true(options_has(&p.o, OPT_USER));
        parsed_done(&p);
        p = PARSE("log", "-n3", "-f");
        assert_int_equal(p.o.lines, 3);
        assert_true(options_has(&p.o, OPT_FOLLOW));
        parsed_done(&p);
        p = PARSE("cancel", "-n", "j");
        assert_true(options_has(&p.o, OPT_DRY_RUN));
        parsed_done(&p);
        p = PARSE("cancel", "-f", "j");
        assert_non_null(p.error.text);
        parsed_done(&p);
}

static void schemes_and_events_add_up(void **state)
{
        Parsed p = PARSE("cred", "set", "j", "--scheme=basic", "--scheme", "ntlm,digest");

        assert_null(p.error.text);
        assert_int_equal(p.o.schemes, SCHEME_BIT(BG_AUTH_SCHEME_BASIC) |
                                              SCHEME_BIT(BG_AUTH_SCHEME_NTLM) |
                                              SCHEME_BIT(BG_AUTH_SCHEME_DIGEST));
        parsed_done(&p);
        p = PARSE("cred", "set", "j", "--scheme=basic,");
        assert_non_null(p.error.text);
        parsed_done(&p);
        p = PARSE("notify", "j", "--on", "error", "--on=transferred");
        assert_int_equal(p.o.notify_on, 3);
        parsed_done(&p);
        p = PARSE("notify", "j", "--on", "error", "--on=none");
        assert_non_null(p.error.text);
        parsed_done(&p);
}

static void a_password_is_refused_and_not_repeated(void **state)
{
        Parsed p = PARSE("cred", "set", "j", "--password", "hunter2");

        assert_non_null(p.error.text);
        assert_null(strstr(p.error.text, "hunter2"));
        parsed_done(&p);
        p = PARSE("get", "--password=hunter2", "http://x/");
        assert_non_null(p.error.text);
        assert_null(strstr(p.error.text, "hunter2"));
        parsed_done(&p);
}

static void a_lone_dash_is_a_word(void **state)
{
        Parsed p = PARSE("add", "-");

        assert_null(p.error.text);
        assert_int_equal(p.o.n_args, 1);
        parsed_done(&p);
}

static void values_come_attached_or_as_the_next_word(void **state)
{
        Parsed p = PARSE("get", "-o", "-x", "--name=a=b", "--description", "--full", "-d/tmp");

        assert_null(p.error.text);
        assert_string_equal(p.o.output, "-x");
        assert_string_equal(p.o.name, "a=b");
        assert_string_equal(p.o.description, "--full");
        assert_string_equal(p.o.directory, "/tmp");
        assert_false(options_has(&p.o, OPT_FULL));
        parsed_done(&p);
}

static void short_options_cluster(void **state)
{
        Parsed p = PARSE("get", "-qvjo", "file");

        assert_null(p.error.text);
        assert_true(options_has(&p.o, OPT_QUIET));
        assert_true(options_has(&p.o, OPT_VERBOSE));
        assert_true(p.o.json);
        assert_string_equal(p.o.output, "file");
        parsed_done(&p);
}

static void an_empty_value_is_a_value(void **state)
{
        Parsed p = PARSE("set", "x", "--description=", "--name", "");

        assert_null(p.error.text);
        assert_string_equal(p.o.description, "");
        assert_string_equal(p.o.name, "");
        parsed_done(&p);
}

static void wait_may_have_a_time_but_never_takes_the_next_word(void **state)
{
        Parsed p = PARSE("wait", "--wait", "2h");

        assert_int_equal(p.o.wait_sec, UINT64_MAX);
        assert_int_equal(p.o.n_args, 1);
        parsed_done(&p);
        p = PARSE("wait", "--wait=2h", "x");
        assert_int_equal(p.o.wait_sec, 7200);
        parsed_done(&p);
        p = PARSE("wait", "x");
        assert_int_equal(p.o.wait_sec, UINT64_MAX);
        parsed_done(&p);
}

static void the_last_json_form_holds(void **state)
{
        Parsed p = PARSE("-j");

        assert_true(p.o.json);
        assert_false(p.o.json_form_given);
        parsed_done(&p);
        p = PARSE("--json");
        assert_true(p.o.json);
        assert_false(p.o.json_form_given);
        parsed_done(&p);
        p = PARSE("--json=pretty");
        assert_true(p.o.json);
        assert_int_equal(p.o.json_form, OUT_JSON_PRETTY);
        parsed_done(&p);
        p = PARSE("-j", "--json=off");
        assert_false(p.o.json);
        parsed_done(&p);
}

static void json_holds_for_the_message_about_an_earlier_error(void **state)
{
        Parsed p = PARSE("--frobnicate", "-j", "--again");

        assert_string_equal(p.error.text, "no option --frobnicate");
        assert_true(p.o.json);
        parsed_done(&p);
}

static void words_and_numbers_are_read(void **state)
{
        Parsed p = PARSE("get", "--priority=fg", "--retry-delay", "15m", "--give-up-after=14d",
                         "--files-in-flight=3", "--auto-complete=no", "--type", "upload-reply",
                         "--color=never", "--timeout=3");

        assert_null(p.error.text);
        assert_int_equal(p.o.priority, BG_JOB_PRIORITY_FOREGROUND);
        assert_int_equal(p.o.retry_delay_sec, 900);
        assert_int_equal(p.o.give_up_sec, 1209600);
        assert_int_equal(p.o.files_in_flight, 3);
        assert_false(p.o.auto_complete);
        assert_int_equal(p.o.type, BG_JOB_TYPE_UPLOAD_REPLY);
        assert_int_equal(p.o.colour, COLOUR_NEVER);
        assert_int_equal(p.o.timeout_ms, 3000);
        parsed_done(&p);
        p = PARSE("set", "--auto-complete");
        assert_true(p.o.auto_complete);
        parsed_done(&p);
}

static void a_proxy_is_a_word_or_an_address(void **state)
{
        static const struct {
                const char *text;
                ProxyWish wish;
        } cases[] = {
                {"system", PROXY_SYSTEM},
                {"none", PROXY_NONE},
                {"detect", PROXY_DETECT},
                {"http://gw:3128", PROXY_LIST},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                Parsed p = PARSE("set", "--proxy", cases[i].text);

                assert_int_equal(p.o.proxy_wish, cases[i].wish);
                assert_int_equal(p.o.proxy != NULL, cases[i].wish == PROXY_LIST);
                parsed_done(&p);
        }
}

static void values_that_do_not_fit_are_refused(void **state)
{
        static const char *const cases[] = {
                "--priority=urgent",
                "--priority=",
                "--type=put",
                "--retry-delay=-1",
                "--retry-delay=1w",
                "--retry-delay=",
                "--retry-delay=49711d",
                "--give-up-after=1.5h",
                "--files-in-flight=x",
                "--files-in-flight=4294967296",
                "--auto-complete=maybe",
                "--color=",
                "--json=xml",
                "--timeout=0",
                "--timeout=5000000",
                "--wait=",
                "--wait=soon",
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                Parsed p = PARSE("get", cases[i]);

                assert_non_null(p.error.text);
                parsed_done(&p);
        }
}

static void a_missing_value_is_refused(void **state)
{
        Parsed p = PARSE("get", "--name");

        assert_string_equal(p.error.text, "--name needs a value: --name=TEXT");
        parsed_done(&p);
        p = PARSE("get", "-qo");
        assert_string_equal(p.error.text, "-o needs a value: -o FILE");
        parsed_done(&p);
        p = PARSE("get", "--force=yes");
        assert_string_equal(p.error.text, "--force takes no value");
        parsed_done(&p);
}

static void long_options_are_not_abbreviated(void **state)
{
        Parsed p = PARSE("list", "--leg");

        assert_non_null(p.error.text);
        parsed_done(&p);
}

static void near_words_are_found_and_far_ones_are_not(void **state)
{
        static const char *const words[] = {"pause", "resume", "show", "set", "get", NULL};

        assert_string_equal(options_nearest("pasue", words), "pause");
        assert_string_equal(options_nearest("paus", words), "pause");
        assert_string_equal(options_nearest("pausse", words), "pause");
        assert_string_equal(options_nearest("ressume", words), "resume");
        assert_string_equal(options_nearest("rezumee", words), "resume");
        assert_string_equal(options_nearest("shwo", words), "show");
        assert_string_equal(options_nearest("gte", words), "get");
        assert_null(options_nearest("frob", words));
        assert_null(options_nearest("x", words));
        assert_null(options_nearest("", words));
        assert_null(options_nearest("a-word-that-is-far-too-long-for-any-verb", words));
}

static void every_option_has_its_row(void **state)
{
        for (int id = 0; id < OPT_COUNT; id++) {
                const OptSpec *spec = options_spec((OptId) id);

                assert_int_equal(spec->id, id);
                assert_true(spec->name || spec->short_name);
                assert_non_null(spec->help);
                assert_int_equal(spec->arg != OPT_ARG_NONE, spec->arg_name != NULL);
        }
        assert_true(OPT_COUNT <= 64);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(options_stand_before_and_behind_the_verb),
                cmocka_unit_test(two_dashes_end_the_options),
                cmocka_unit_test(a_verb_has_options_of_its_own),
                cmocka_unit_test(schemes_and_events_add_up),
                cmocka_unit_test(a_password_is_refused_and_not_repeated),
                cmocka_unit_test(a_lone_dash_is_a_word),
                cmocka_unit_test(values_come_attached_or_as_the_next_word),
                cmocka_unit_test(short_options_cluster),
                cmocka_unit_test(an_empty_value_is_a_value),
                cmocka_unit_test(wait_may_have_a_time_but_never_takes_the_next_word),
                cmocka_unit_test(the_last_json_form_holds),
                cmocka_unit_test(json_holds_for_the_message_about_an_earlier_error),
                cmocka_unit_test(words_and_numbers_are_read),
                cmocka_unit_test(a_proxy_is_a_word_or_an_address),
                cmocka_unit_test(values_that_do_not_fit_are_refused),
                cmocka_unit_test(a_missing_value_is_refused),
                cmocka_unit_test(long_options_are_not_abbreviated),
                cmocka_unit_test(near_words_are_found_and_far_ones_are_not),
                cmocka_unit_test(every_option_has_its_row),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
