/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <syslog.h>

#include "base/parse.h"
#include "base/str.h"

enum {
        OPT_USER = 256,
        OPT_SYSTEM,
        OPT_SOCKET,
        OPT_STATE_DIR,
        OPT_CONFIG,
        OPT_NO_PERSIST,
        OPT_IDLE_EXIT,
        OPT_IF_NEEDED,
        OPT_LOG_LEVEL,
        OPT_READY_FD,
        OPT_VERSION,
};

static const struct option long_options[] = {
        {"user", no_argument, NULL, OPT_USER},
        {"system", no_argument, NULL, OPT_SYSTEM},
        {"socket", required_argument, NULL, OPT_SOCKET},
        {"state-dir", required_argument, NULL, OPT_STATE_DIR},
        {"config", required_argument, NULL, OPT_CONFIG},
        {"no-persist", no_argument, NULL, OPT_NO_PERSIST},
        {"idle-exit", required_argument, NULL, OPT_IDLE_EXIT},
        {"if-needed", no_argument, NULL, OPT_IF_NEEDED},
        {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
        {"ready-fd", required_argument, NULL, OPT_READY_FD},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPT_VERSION},
        {0},
};

static const char help_text[] =
        "bitsd - transfers files in the background, for the programs that ask it to\n"
        "\n"
        "Usage: bitsd [--user] [OPTION...]\n"
        "\n"
        "  --user              serve the user who starts it (the default)\n"
        "  --socket PATH       listen there (BITSD_SOCKET, $XDG_RUNTIME_DIR/bitsd/socket)\n"
        "  --state-dir DIR     keep the queue there (BITSD_STATE_DIR, ~/.local/state/bitsd)\n"
        "  --config FILE       read this configuration instead of the usual files\n"
        "  --no-persist        keep the queue in memory only\n"
        "  --idle-exit TIME    leave when there was nothing to do for so long (60s; 0: stay)\n"
        "  --if-needed         leave with status 0 when a service runs already\n"
        "  --log-level LEVEL   err, warning, notice, info or debug (info)\n"
        "  --ready-fd N        write \"1\" to this descriptor when ready, or \"!\" and why not\n"
        "  -h, --help          show this text\n"
        "  --version           show the version\n"
        "\n"
        "Programs start the service when they need it; bitsctl(1) speaks to it. See bitsd(8).\n";

static bool parse_level(const char *text, int *ret)
{
        static const struct {
                const char *name;
                int level;
        } levels[] = {
                {"err", LOG_ERR},       {"error", LOG_ERR}, {"warning", LOG_WARNING},
                {"notice", LOG_NOTICE}, {"info", LOG_INFO}, {"debug", LOG_DEBUG},
        };

        for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
                if (str_equal(text, levels[i].name)) {
                        *ret = levels[i].level;
                        return true;
                }
        }
        return false;
}

static bool parse_fd(const char *text, int *ret)
{
        uint32_t fd;

        /* Inherited on purpose, but not for the programs that we start. */
        if (parse_u32(text, &fd) < 0 || fd > INT_MAX || fcntl((int) fd, F_SETFD, FD_CLOEXEC) < 0)
                return false;
        *ret = (int) fd;
        return true;
}

static OptionsVerdict wrong(const char *what, const char *value)
{
        fprintf(stderr, "bitsd: %s \"%s\"; see bitsd --help\n", what, value);
        return OPTIONS_WRONG;
}

static OptionsVerdict take_option(int opt, const char *value, Options *o)
{
        switch (opt) {
        case OPT_USER:
                return OPTIONS_RUN;
        case OPT_SYSTEM:
                fprintf(stderr, "bitsd: there is no system instance in this version; start one "
                                "for each user with bitsd --user\n");
                return OPTIONS_WRONG;
        case OPT_SOCKET:
                o->socket = value;
                return *value ? OPTIONS_RUN : wrong("this is no path:", value);
        case OPT_STATE_DIR:
                o->state_dir = value;
                return *value ? OPTIONS_RUN : wrong("this is no path:", value);
        case OPT_CONFIG:
                o->config = value;
                return OPTIONS_RUN;
        case OPT_NO_PERSIST:
                o->no_persist = true;
                return OPTIONS_RUN;
        case OPT_IF_NEEDED:
                o->if_needed = true;
                return OPTIONS_RUN;
        case OPT_IDLE_EXIT:
                o->idle_exit_is_set = true;
                return parse_duration(value, &o->idle_exit_sec) == 0
                               ? OPTIONS_RUN
                               : wrong("--idle-exit takes a time such as 90s or 2h, not", value);
        case OPT_LOG_LEVEL:
                o->log_level_is_set = true;
                return parse_level(value, &o->log_level) ? OPTIONS_RUN
                                                         : wrong("there is no log level", value);
        case OPT_READY_FD:
                return parse_fd(value, &o->ready_fd)
                               ? OPTIONS_RUN
                               : wrong("--ready-fd takes an open descriptor, not", value);
        case OPT_VERSION:
                printf("bitsd %s\n", BITSD_VERSION);
                return OPTIONS_DONE;
        case 'h':
                fputs(help_text, stdout);
                return OPTIONS_DONE;
        default: /* getopt has said what is wrong */
                return OPTIONS_WRONG;
        }
}

OptionsVerdict options_parse(int argc, char **argv, Options *ret)
{
        Options o = {
                .log_level = LOG_INFO,
                .ready_fd = -1,
        };
        int opt;

        while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
                OptionsVerdict v = take_option(opt, optarg, &o);

                if (v != OPTIONS_RUN)
                        return v;
        }
        if (optind < argc)
                return wrong("there is no use for", argv[optind]);
        *ret = o;
        return OPTIONS_RUN;
}
