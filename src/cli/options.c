/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"

#include "must.h"
#include "option_values.h"

static const OptSpec SPECS[OPT_COUNT] = {
        {OPT_JSON_SHORT, 'j', NULL, OPT_ARG_NONE, NULL, "print JSON"},
        {OPT_JSON, 0, "json", OPT_ARG_MAY, "FORM", "print JSON: short, pretty or off"},
        {OPT_QUIET, 'q', "quiet", OPT_ARG_NONE, NULL, "print ids only, or nothing"},
        {OPT_VERBOSE, 'v', "verbose", OPT_ARG_NONE, NULL, "say more"},
        {OPT_LEGEND, 0, "legend", OPT_ARG_NONE, NULL, "print header and count into a pipe, too"},
        {OPT_NO_LEGEND, 0, "no-legend", OPT_ARG_NONE, NULL, "print no header and no count"},
        {OPT_FULL, 0, "full", OPT_ARG_NONE, NULL, "cut nothing to the width of the terminal"},
        {OPT_COLOR, 0, "color", OPT_ARG_NEEDED, "WHEN", "use colour: auto, always or never"},
        {OPT_SOCKET, 0, "socket", OPT_ARG_NEEDED, "PATH", "talk to the service at this socket"},
        {OPT_TIMEOUT, 0, "timeout", OPT_ARG_NEEDED, "TIME", "wait this long for each answer"},
        {OPT_ALL_USERS, 0, "all-users", OPT_ARG_NONE, NULL, "jobs of every user (administrator)"},
        {OPT_USER, 0, "user", OPT_ARG_NONE, NULL, "talk to your own service (the default)"},
        {OPT_NO_INPUT, 0, "no-input", OPT_ARG_NONE, NULL, "never ask"},
        {OPT_HELP, 'h', "help", OPT_ARG_NONE, NULL, "print this"},
        {OPT_VERSION, 0, "version", OPT_ARG_NONE, NULL, "print the version"},
        {OPT_OUTPUT, 'o', "output", OPT_ARG_NEEDED, "FILE", "save under this name"},
        {OPT_DIRECTORY, 'd', "directory", OPT_ARG_NEEDED, "DIR", "save in this directory"},
        {OPT_FROM, 0, "from", OPT_ARG_NEEDED, "FILE",
         "read lines \"URL\" or \"URL PATH\" from FILE; - is stdin"},
        {OPT_FORCE, 0, "force", OPT_ARG_NONE, NULL, "replace files that exist"},
        {OPT_DETACH, 0, "detach", OPT_ARG_NONE, NULL, "do not wait, print the job's id"},
        {OPT_WAIT, 0, "wait", OPT_ARG_MAY, "TIME", "wait for the end, at most this long"},
        {OPT_TYPE, 0, "type", OPT_ARG_NEEDED, "TYPE", "download, upload or upload-reply"},
        {OPT_REPLY, 0, "reply", OPT_ARG_NEEDED, "FILE", "fetch the server's reply into FILE"},
        {OPT_REPLY_OPTIONAL, 0, "reply-optional", OPT_ARG_MAY, "BOOL",
         "a server without a reply is no error: the reply is empty then"},
        {OPT_HEX, 0, "hex", OPT_ARG_NONE, NULL, "print it as a hex dump"},
        {OPT_NAME, 0, "name", OPT_ARG_NEEDED, "TEXT", "name of the job"},
        {OPT_DESCRIPTION, 0, "description", OPT_ARG_NEEDED, "TEXT", "description of the job"},
        {OPT_PRIORITY, 0, "priority", OPT_ARG_NEEDED, "PRIO", "foreground, high, normal or low"},
        {OPT_RETRY_DELAY, 0, "retry-delay", OPT_ARG_NEEDED, "TIME",
         "try again so long after a passing error"},
        {OPT_GIVE_UP_AFTER, 0, "give-up-after", OPT_ARG_NEEDED, "TIME",
         "end in ERROR after so long without progress"},
        {OPT_PROXY, 0, "proxy", OPT_ARG_NEEDED, "PROXY",
         "proxy address, or system, none or detect"},
        {OPT_NO_PROXY, 0, "no-proxy", OPT_ARG_NEEDED, "HOSTS", "hosts to reach without the proxy"},
        {OPT_FILES_IN_FLIGHT, 0, "files-in-flight", OPT_ARG_NEEDED, "N",
         "files at once; 0: the service's default, 1: in order"},
        {OPT_AUTO_COMPLETE, 0, "auto-complete", OPT_ARG_MAY, "BOOL",
         "let the job complete itself once transferred"},
        {OPT_FIELDS, 'P', "property", OPT_ARG_NEEDED, "FIELD,…", "print these values alone"},
        {OPT_ALL, 0, "all", OPT_ARG_NONE, NULL, "every job that this makes sense for"},
        {OPT_DRY_RUN, 'n', "dry-run", OPT_ARG_NONE, NULL, "only say what would be done"},
        {OPT_YES, 'y', "yes", OPT_ARG_NONE, NULL, "do not ask"},
        {OPT_LOGIN, 0, "login", OPT_ARG_NEEDED, "NAME", "user name; the password is asked for"},
        {OPT_PROXY_LOGIN, 0, "proxy-login", OPT_ARG_NEEDED, "NAME",
         "user name at the proxy, likewise"},
        {OPT_SCHEME, 0, "scheme", OPT_ARG_NEEDED, "SCHEME,…",
         "only these of basic, digest, ntlm, negotiate, passport"},
        {OPT_PASSWORD_FILE, 0, "password-file", OPT_ARG_NEEDED, "FILE",
         "read the password from FILE; - is stdin"},
        {OPT_PASSWORD_FD, 0, "password-fd", OPT_ARG_NEEDED, "N",
         "read the password from this descriptor"},
        {OPT_PASSWORD_STDIN, 0, "password-stdin", OPT_ARG_NONE, NULL,
         "read the password from stdin"},
        {OPT_IMPLICIT, 0, "implicit", OPT_ARG_NONE, NULL,
         "your own identity instead of a password (ntlm, negotiate)"},
        {OPT_CRED_USER, 0, "user", OPT_ARG_NEEDED, "NAME", "the same as --login", "cred"},
        {OPT_CRED_PROXY, 0, "proxy", OPT_ARG_NONE, NULL,
         "credentials for the proxy, not the server", "cred"},
        {OPT_PROGRAM, 0, "program", OPT_ARG_NEEDED, "FILE", "run this program"},
        {OPT_PARAMETERS, 0, "parameters", OPT_ARG_NEEDED, "TEXT",
         "its whole command line, quoted as on Windows"},
        {OPT_CLEAR, 0, "clear", OPT_ARG_NONE, NULL, "run no program any more"},
        {OPT_ON, 0, "on", OPT_ARG_NEEDED, "EVENT,…", "tell of: transferred, error, none"},
        {OPT_WITH_PROGRAM, 0, "with-program", OPT_ARG_NONE, NULL,
         "a column with the programs that are run"},
        {OPT_FOLLOW, 'f', "follow", OPT_ARG_NONE, NULL, "go on with what comes, until Ctrl-C",
         "log"},
        {OPT_LINES, 'n', "lines", OPT_ARG_NEEDED, "N", "the last N lines alone", "log"},
        {OPT_LIMIT_RATE, 0, "limit-rate", OPT_ARG_NEEDED, "RATE",
         "at most so many bytes a second, such as 2M; 0: no limit"},
        {OPT_ONCE, 0, "once", OPT_ARG_NONE, NULL, "print one picture and leave", "top"},
        {OPT_SAMPLES, 'n', "count", OPT_ARG_NEEDED, "N", "leave after N pictures", "top"},
        {OPT_INTERVAL, 0, "interval", OPT_ARG_NEEDED, "TIME", "look so often; 1s", "top"},
};

/* What the conventions promise for later versions: known, so that the answer can be friendly. */
static const char *const LATER[] = {
        "system",  "no-pager",   "header",         "secret-header", "method",   "auth",
        "cert",    "redirect",   "cost",           "max-time",      "checksum", "range",
        "dynamic", "notify-run", "replace-prefix", "progress",      NULL,
};

const OptSpec *options_spec(OptId id)
{
        return &SPECS[id];
}

void usage_error_done(UsageError *e)
{
        mem_free(e->text);
        mem_free(e->hint);
        *e = (UsageError){0};
}

void usage_error_set(UsageError *e, const char *hint, const char *fmt, ...)
{
        va_list ap;

        if (e->text)
                return;
        va_start(ap, fmt);
        e->text = must_vprintf(fmt, ap);
        va_end(ap);
        if (hint)
                e->hint = must(mem_strdup(hint));
}

/* ---- near misses ---- */

enum {
        WORD_BYTES_MAX = 32, /* longer words are no typing errors of ours */
};

/* Letters to insert, drop, change or swap to make b out of a (optimal string alignment). */
static unsigned edit_distance(const char *a, const char *b)
{
        size_t len_a = strlen(a), len_b = strlen(b);
        unsigned d[WORD_BYTES_MAX + 1][WORD_BYTES_MAX + 1];

        if (len_a > WORD_BYTES_MAX || len_b > WORD_BYTES_MAX)
                return WORD_BYTES_MAX;
        for (unsigned i = 0; i <= len_a; i++)
                d[i][0] = i;
        for (unsigned j = 0; j <= len_b; j++)
                d[0][j] = j;
        for (size_t i = 1; i <= len_a; i++)
                for (size_t j = 1; j <= len_b; j++) {
                        unsigned change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

                        d[i][j] = MIN(change, MIN(d[i - 1][j], d[i][j - 1]) + 1);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
                }
        return d[len_a][len_b];
}

const char *options_nearest(const char *mistyped, const char *const *words)
{
        const char *best = NULL;
        unsigned least = WORD_BYTES_MAX;

        for (; *words; words++) {
                unsigned far = edit_distance(mistyped, *words);
                size_t len = strlen(*words);

                /* up to a third of the letters wrong, but never so many that nothing is left */
                if (far < least && far <= MAX(len / 3, (size_t) 1) && far < strlen(mistyped)) {
                        best = *words;
                        least = far;
                }
        }
        return best;
}

/* ---- the line ---- */

typedef struct Parser {
        int argc;
        char *const *argv;
        int next;
        bool only_words; /* behind "--" */
        Options *o;
        UsageError *error;
} Parser;

const OptSpec *options_find_long(const char *name, size_t bytes, const char *verb)
{
        const OptSpec *found = NULL;

        for (size_t i = 0; i < OPT_COUNT; i++) {
                const OptSpec *spec = &SPECS[i];

                if (!spec->name || strlen(spec->name) != bytes ||
                    memcmp(spec->name, name, bytes) != 0)
                        continue;
                if (spec->verb && str_equal(spec->verb, verb))
                        return spec;
                if (!spec->verb)
                        found = spec;
        }
        return found;
}

const OptSpec *options_find_short(char letter, const char *verb)
{
        const OptSpec *found = NULL;

        for (size_t i = 0; i < OPT_COUNT; i++) {
                const OptSpec *spec = &SPECS[i];

                if (spec->short_name != letter)
                        continue;
                if (spec->verb && str_equal(spec->verb, verb))
                        return spec;
                if (!spec->verb)
                        found = spec;
        }
        return found;
}

/* Only ways that do not show it to everybody who lists the processes. */
static void refuse_password(UsageError *error)
{
        usage_error_set(error,
                        "leave it out to be asked, or use --password-stdin, --password-file=FILE "
                        "or --password-fd=N",
                        "no option --password: everybody on this machine can read command lines");
}

static void unknown_option(Parser *p, const char *name)
{
        const char *names[OPT_COUNT + 1], *near;
        size_t n = 0;

        if (str_equal(name, "password")) {
                refuse_password(p->error);
                return;
        }
        for (const char *const *later = LATER; *later; later++)
                if (str_equal(name, *later)) {
                        usage_error_set(p->error, NULL,
                                        "option --%s is not available in this version", name);
                        return;
                }
        for (size_t i = 0; i < OPT_COUNT; i++)
                if (SPECS[i].name)
                        names[n++] = SPECS[i].name;
        names[n] = NULL;
        near = options_nearest(name, names);
        if (near)
                usage_error_set(p->error, NULL, "no option --%s; did you mean --%s?", name, near);
        else
                usage_error_set(p->error, "bitsctl help lists the options", "no option --%s", name);
}

static void accept(Parser *p, const OptSpec *spec, const char *value)
{
        p->o->given |= OPT_BIT(spec->id);
        option_set_value(p->o, spec->id, value, p->error);
}

static void parse_long(Parser *p, const char *word)
{
        const char *equals = strchr(word, '=');
        size_t len = equals ? (size_t) (equals - word) : strlen(word);
        const OptSpec *spec = options_find_long(word, len, p->o->verb);

        if (!spec) {
                _cleanup_free_ char *name = must(mem_strndup(word, len));

                unknown_option(p, name);
                return;
        }
        if (spec->arg == OPT_ARG_NONE && equals) {
                usage_error_set(p->error, NULL, "--%s takes no value", spec->name);
                return;
        }
        if (spec->arg != OPT_ARG_NEEDED || equals) {
                accept(p, spec, equals ? equals + 1 : NULL);
                return;
        }
        if (p->next == p->argc) {
                usage_error_set(p->error, NULL, "--%s needs a value: --%s=%s", spec->name,
                                spec->name, spec->arg_name);
                return;
        }
        accept(p, spec, p->argv[p->next++]);
}

static void parse_short(Parser *p, const char *letters)
{
        for (; *letters; letters++) {
                const OptSpec *spec = options_find_short(*letters, p->o->verb);

                if (!spec) {
                        usage_error_set(p->error, "bitsctl help lists the options", "no option -%c",
                                        *letters);
                        return;
                }
                if (spec->arg == OPT_ARG_NONE) {
                        accept(p, spec, NULL);
                        continue;
                }
                if (letters[1])
                        accept(p, spec, letters + 1);
                else if (p->next < p->argc)
                        accept(p, spec, p->argv[p->next++]);
                else
                        usage_error_set(p->error, NULL, "-%c needs a value: -%c %s", *letters,
                                        *letters, spec->arg_name);
                return;
        }
}

static void take_word(Options *o, const char *word)
{
        if (!o->verb)
                o->verb = word;
        else
                o->args[o->n_args++] = word;
}

/* What only the whole line tells. */
static void settle(Options *o)
{
        if (options_has(o, OPT_JSON_SHORT) && !options_has(o, OPT_JSON))
                o->json = true;
        if (!options_has(o, OPT_WAIT))
                o->wait_sec = UINT64_MAX;
}

void options_parse(int argc, char *const *argv, Options *ret, UsageError *error)
{
        Parser p = {.argc = argc, .argv = argv, .o = ret, .error = error};

        *ret = (Options){.wait_sec = UINT64_MAX};
        ret->args = must(mem_array((size_t) argc + 1, sizeof(*ret->args)));
        while (p.next < p.argc) {
                const char *word = argv[p.next++];

                if (p.only_words || word[0] != '-' || !word[1])
                        take_word(ret, word);
                else if (str_equal(word, "--"))
                        p.only_words = true;
                else if (word[1] == '-')
                        parse_long(&p, word + 2);
                else
                        parse_short(&p, word + 1);
        }
        settle(ret);
}

void options_done(Options *o)
{
        mem_free(o->args);
        *o = (Options){0};
}
