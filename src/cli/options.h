/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as values. One table holds every option; which verb takes which is the verb's
 * own affair (verbs.h). Options may stand before and behind the verb, "--" ends them. Nothing is
 * printed here: a wrong line gives the sentence that says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bits_enums.h"

#include "out.h"

typedef enum OptId {
        /* everywhere */
        OPT_JSON_SHORT, /* -j */
        OPT_JSON,       /* --json[=FORM] */
        OPT_QUIET,
        OPT_VERBOSE,
        OPT_LEGEND,
        OPT_NO_LEGEND,
        OPT_FULL,
        OPT_COLOR,
        OPT_SOCKET,
        OPT_TIMEOUT,
        OPT_ALL_USERS,
        OPT_USER,
        OPT_NO_INPUT,
        OPT_HELP,
        OPT_VERSION,
        /* where a verb takes them */
        OPT_OUTPUT,
        OPT_DIRECTORY,
        OPT_FROM,
        OPT_FORCE,
        OPT_DETACH,
        OPT_WAIT,
        OPT_TYPE,
        OPT_REPLY,
        OPT_REPLY_OPTIONAL,
        OPT_HEX,
        OPT_NAME,
        OPT_DESCRIPTION,
        OPT_PRIORITY,
        OPT_RETRY_DELAY,
        OPT_GIVE_UP_AFTER,
        OPT_PROXY,
        OPT_NO_PROXY,
        OPT_FILES_IN_FLIGHT,
        OPT_AUTO_COMPLETE,
        OPT_FIELDS,
        OPT_ALL,
        OPT_DRY_RUN,
        OPT_YES,
        OPT_LOGIN,
        OPT_PROXY_LOGIN,
        OPT_SCHEME,
        OPT_PASSWORD_FILE,
        OPT_PASSWORD_FD,
        OPT_PASSWORD_STDIN,
        OPT_IMPLICIT,
        OPT_CRED_USER,
        OPT_CRED_PROXY,
        OPT_PROGRAM,
        OPT_PARAMETERS,
        OPT_CLEAR,
        OPT_ON,
        OPT_WITH_PROGRAM,
        OPT_FOLLOW,
        OPT_LINES,
        OPT_LIMIT_RATE,
        OPT_ONCE,
        OPT_SAMPLES,
        OPT_INTERVAL,
        OPT_COUNT,
} OptId;

#define OPT_BIT(id) (UINT64_C(1) << (id))
#define OPT_GLOBAL_BITS (OPT_BIT(OPT_OUTPUT) - 1)

typedef enum OptArg {
        OPT_ARG_NONE,
        OPT_ARG_NEEDED,
        OPT_ARG_MAY, /* only as --name=VALUE */
} OptArg;

typedef struct OptSpec {
        OptId id;
        char short_name;  /* 0 = none */
        const char *name; /* NULL = short only */
        OptArg arg;
        const char *arg_name;
        const char *help;
        const char *verb; /* only behind this verb, where it stands before all others of its name;
                             NULL = everywhere */
} OptSpec;

/* Indexed by OptId. */
const OptSpec *options_spec(OptId id);
/* The option of this letter, or of this name of `bytes` bytes and without dashes, behind a verb,
 * which may be NULL; NULL when there is none. */
const OptSpec *options_find_short(char letter, const char *verb);
const OptSpec *options_find_long(const char *name, size_t bytes, const char *verb);

typedef enum ColourWish {
        COLOUR_AUTO,
        COLOUR_ALWAYS,
        COLOUR_NEVER,
} ColourWish;

typedef enum ProxyWish {
        PROXY_UNCHANGED,
        PROXY_SYSTEM,
        PROXY_NONE,
        PROXY_DETECT,
        PROXY_LIST,
} ProxyWish;

#define SCHEME_BIT(scheme) (1U << (scheme)) /* of a BG_AUTH_SCHEME */

typedef struct Options { /* strings are borrowed from argv */
        uint64_t given;  /* OPT_BIT of every option that stood there */
        bool json, json_form_given;
        OutFormat json_form;
        ColourWish colour;
        const char *socket;
        unsigned timeout_ms;
        const char *output;
        const char *directory;
        const char *from;
        uint64_t wait_sec; /* UINT64_MAX = without end */
        BG_JOB_TYPE type;
        const char *reply;
        bool reply_optional;
        const char *name;
        const char *description;
        BG_JOB_PRIORITY priority;
        uint32_t retry_delay_sec;
        uint32_t give_up_sec;
        ProxyWish proxy_wish;
        const char *proxy;
        const char *no_proxy;
        uint32_t files_in_flight;
        uint64_t limit_bps;
        uint32_t samples;
        uint64_t interval_sec;
        bool auto_complete;
        const char *fields;
        const char *login;
        const char *proxy_login;
        unsigned schemes; /* SCHEME_BITs; 0: none was named */
        const char *password_file;
        uint32_t password_fd;
        const char *program;
        const char *parameters;
        uint32_t lines;
        uint32_t notify_on; /* BG_NOTIFY_JOB_TRANSFERRED, _ERROR */
        const char *verb;   /* NULL: none was given */
        const char **args;  /* the words behind the verb */
        size_t n_args;
} Options;

/* The first thing wrong with a command line. */
typedef struct UsageError {
        char *text; /* NULL: nothing is wrong */
        char *hint; /* may be NULL */
} UsageError;

void usage_error_done(UsageError *e);
/* Sets the first error only; later ones are dropped. */
void usage_error_set(UsageError *e, const char *hint, const char *fmt, ...) _printf_(3, 4);

/* argv without the program's name. Goes on behind an error, so that --json holds for its message
 * too. options_done() releases what it holds. */
void options_parse(int argc, char *const *argv, Options *ret, UsageError *error);
void options_done(Options *o);

static inline bool options_has(const Options *o, OptId id)
{
        return (o->given & OPT_BIT(id)) != 0;
}

/* The word among `words` (NULL-terminated) that a mistyped one was meant to be; NULL when none is
 * near. */
const char *options_nearest(const char *mistyped, const char *const *words);
