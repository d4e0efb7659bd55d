/* SPDX-License-Identifier: Apache-2.0 */
#include "server/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/attr.h"

static const char HELP[] =
        "bitssrv [OPTION]...\n"
        "\n"
        "Upload server for the BITS Upload Protocol, with replies.\n"
        "\n"
        "  -l, --listen HOST:PORT      serve HTTP there (port 0: any; unix:/PATH: a socket)\n"
        "  -s, --listen-tls HOST:PORT  serve HTTPS there\n"
        "  -r, --root DIR              receive files into, and serve, DIR at /\n"
        "      --session-dir DIR       half-received files of --root go there\n"
        "      --allow-overwrites      an upload to --root may replace a file\n"
        "  -c, --config FILE           read FILE (see bitssrv(8))\n"
        "      --check-config          only say whether the configuration is sound\n"
        "      --tls-cert FILE         certificate chain in PEM\n"
        "      --tls-key FILE          its private key in PEM\n"
        "      --metrics HOST:PORT     serve Prometheus metrics there\n"
        "      --access-log FILE       one line for each request (-: standard error)\n"
        "      --port-file FILE        write the port of the first listener to FILE\n"
        "  -v, --verbose               log more\n"
        "  -h, --help                  print this\n"
        "      --version               print the version\n";

enum {
        OPTION_SESSION_DIR = 256,
        OPTION_ALLOW_OVERWRITES,
        OPTION_CHECK_CONFIG,
        OPTION_TLS_CERT,
        OPTION_TLS_KEY,
        OPTION_METRICS,
        OPTION_ACCESS_LOG,
        OPTION_PORT_FILE,
        OPTION_VERSION,
};

static const struct option LONG_OPTIONS[] = {
        {"listen", required_argument, NULL, 'l'},
        {"listen-tls", required_argument, NULL, 's'},
        {"root", required_argument, NULL, 'r'},
        {"session-dir", required_argument, NULL, OPTION_SESSION_DIR},
        {"allow-overwrites", no_argument, NULL, OPTION_ALLOW_OVERWRITES},
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
        {"tls-cert", required_argument, NULL, OPTION_TLS_CERT},
        {"tls-key", required_argument, NULL, OPTION_TLS_KEY},
        {"metrics", required_argument, NULL, OPTION_METRICS},
        {"access-log", required_argument, NULL, OPTION_ACCESS_LOG},
        {"port-file", required_argument, NULL, OPTION_PORT_FILE},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {NULL, 0, NULL, 0},
};

static OptionsVerdict wrong(const char *what)
{
        (void) fprintf(stderr, "bitssrv: %s\nTry 'bitssrv --help'.\n", what);
        return OPTIONS_WRONG;
}

static bool add_listener(Options *o, const char *address, bool tls)
{
        if (o->n_listeners == OPTIONS_LISTENERS_MAX)
                return false;
        o->listeners[o->n_listeners++] = (OptionsListener){address, tls};
        return true;
}

/* Options that only keep their argument. */
static const char **place_of(Options *o, int option)
{
        switch (option) {
        case 'r':
                return &o->root;
        case 'c':
                return &o->config;
        case OPTION_SESSION_DIR:
                return &o->session_directory;
        case OPTION_TLS_CERT:
                return &o->tls_certificate;
        case OPTION_TLS_KEY:
                return &o->tls_key;
        case OPTION_METRICS:
                return &o->metrics_address;
        case OPTION_ACCESS_LOG:
                return &o->access_log;
        case OPTION_PORT_FILE:
                return &o->port_file;
        default:
                return NULL;
        }
}

static OptionsVerdict check(const Options *o, OptionsVerdict verdict, int left)
{
        if (left > 0)
                return wrong("unexpected argument");
        if (!o->root && !o->config)
                return wrong("nothing to serve: give --root DIR or --config FILE");
        if (!o->root && (o->session_directory || o->allow_overwrites))
                return wrong("--session-dir and --allow-overwrites belong to --root");
        return verdict;
}

OptionsVerdict options_parse(int argc, char **argv, Options *ret)
{
        OptionsVerdict verdict = OPTIONS_RUN;
        Options o = {.log_level = LOG_INFO};
        int option;

        while ((option = getopt_long(argc, argv, "l:s:r:c:vh", LONG_OPTIONS, NULL)) >= 0) {
                const char **place = place_of(&o, option);

                if (place) {
                        *place = optarg;
                        continue;
                }
                switch (option) {
                case 'l':
                case 's':
                        if (!add_listener(&o, optarg, option == 's'))
                                return wrong("too many listeners");
                        break;
                case 'v':
                        o.log_level = LOG_DEBUG;
                        break;
                case OPTION_ALLOW_OVERWRITES:
                        o.allow_overwrites = true;
                        break;
                case OPTION_CHECK_CONFIG:
                        verdict = OPTIONS_CHECK_CONFIG;
                        break;
                case 'h':
                        (void) fputs(HELP, stdout);
                        return OPTIONS_DONE;
                case OPTION_VERSION:
                        (void) puts("bitssrv " BITSSRV_VERSION);
                        return OPTIONS_DONE;
                default:
                        (void) fputs("Try 'bitssrv --help'.\n", stderr);
                        return OPTIONS_WRONG;
                }
        }
        verdict = check(&o, verdict, argc - optind);
        if (verdict != OPTIONS_WRONG)
                *ret = o;
        return verdict;
}
