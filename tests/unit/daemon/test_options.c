/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/options.h"

#define ARGS_MAX 8

/* Arguments after the program's name, up to the first NULL. */
static OptionsVerdict parse(const char *const args[ARGS_MAX], Options *o)
{
        char *argv[ARGS_MAX + 2] = {(char *) "bitsd"};
        int argc = 1;

        while (argc <= ARGS_MAX && args[argc - 1]) {
                argv[argc] = (char *) args[argc - 1];
                argc++;
        }
        optind = 0; /* getopt begins anew */
        opterr = 0;
        return options_parse(argc, argv, o);
}

static void defaults_are_those_of_the_manual(void **state)
{
        Options o;

        assert_int_equal(parse((const char *[ARGS_MAX]){NULL}, &o), OPTIONS_RUN);
        assert_null(o.socket);
        assert_null(o.state_dir);
        assert_null(o.config);
        assert_false(o.no_persist);
        assert_false(o.if_needed);
        assert_false(o.idle_exit_is_set);
        assert_false(o.log_level_is_set);
        assert_int_equal(o.log_level, LOG_INFO);
        assert_int_equal(o.ready_fd, -1);
}

static void every_option_is_taken(void **state)
{
        Options o;

        assert_int_equal(
                parse((const char *[ARGS_MAX]){"--user", "--socket", "/s", "--state-dir=/d",
                                               "--config", "/c", "--no-persist", NULL},
                      &o),
                OPTIONS_RUN);
        assert_string_equal(o.socket, "/s");
        assert_string_equal(o.state_dir, "/d");
        assert_string_equal(o.config, "/c");
        assert_true(o.no_persist);
        assert_int_equal(parse((const char *[ARGS_MAX]){"--if-needed", "--idle-exit", "2h",
                                                        "--log-level", "debug", NULL},
                               &o),
                         OPTIONS_RUN);
        assert_true(o.if_needed);
        assert_true(o.idle_exit_is_set);
        assert_int_equal(o.idle_exit_sec, 7200);
        assert_true(o.log_level_is_set);
        assert_int_equal(o.log_level, LOG_DEBUG);
}

static void what_is_wrong_is_refused_and_nothing_is_set(void **state)
{
        static const char *const rows[][3] = {
                {"--nope"},
                {"extra"},
                {"--system"},
                {"--socket"},
                {"--socket", ""},
                {"--state-dir", ""},
                {"--idle-exit", "soon"},
                {"--idle-exit", "-1"},
                {"--log-level", "7"},
                {"--ready-fd", "x"},
                {"--ready-fd", "-1"},
                {"--ready-fd", "4294967295"},
                {"--ready-fd", "999"}, /* not open */
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                Options o = {.ready_fd = 77};

                assert_int_equal(parse(rows[i], &o), OPTIONS_WRONG);
                assert_int_equal(o.ready_fd, 77);
        }
}

static void the_descriptor_is_kept_from_programs_that_are_started(void **state)
{
        char text[12];
        int fds[2];
        Options o;

        assert_int_equal(pipe(fds), 0);
        (void) snprintf(text, sizeof(text), "%d", fds[1]);
        assert_int_equal(parse((const char *[ARGS_MAX]){"--ready-fd", text, NULL}, &o),
                         OPTIONS_RUN);
        assert_int_equal(o.ready_fd, fds[1]);
        assert_int_equal(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
        (void) close(fds[0]);
        (void) close(fds[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_are_those_of_the_manual),
                cmocka_unit_test(every_option_is_taken),
                cmocka_unit_test(what_is_wrong_is_refused_and_nothing_is_set),
                cmocka_unit_test(the_descriptor_is_kept_from_programs_that_are_started),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
