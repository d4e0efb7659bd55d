/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs.h"

#include "base/str.h"

#include "message.h"

#define BIT OPT_BIT

#define SETTINGS                                                                                   \
        (BIT(OPT_DESCRIPTION) | BIT(OPT_PRIORITY) | BIT(OPT_RETRY_DELAY) |                         \
         BIT(OPT_GIVE_UP_AFTER) | BIT(OPT_PROXY) | BIT(OPT_NO_PROXY) | BIT(OPT_LIMIT_RATE))
#define PASSWORD                                                                                   \
        (BIT(OPT_SCHEME) | BIT(OPT_PASSWORD_FILE) | BIT(OPT_PASSWORD_FD) | BIT(OPT_PASSWORD_STDIN))
#define LOGINS (BIT(OPT_LOGIN) | BIT(OPT_PROXY_LOGIN) | PASSWORD)
#define REPLY (BIT(OPT_REPLY) | BIT(OPT_REPLY_OPTIONAL))

static const char *const GET_NOTES[] = {
        "Downloads in the background and waits for the end. Nothing appears under a final name",
        "before all files are there. Ctrl-C pauses the job; a hang-up leaves it running.",
        "URL=FILE saves one address under a name of its own (not for addresses with a \"?\").",
        "",
        "  bitsctl get https://dl.example/debian-12.iso -d ~/iso",
        "  bitsctl get --detach -q --priority low https://dl.example/maps.tar",
        "  bitsctl get -j https://dl.example/a.bin -o a.bin",
        NULL,
};

static const char *const PUT_NOTES[] = {
        "Uploads in the background to a server that speaks the BITS upload protocol, and waits",
        "for the end. An address that ends in a slash is completed with the name of the file.",
        "With --reply the server's answer is saved too; --reply=- prints it. Ctrl-C pauses the",
        "job; a hang-up leaves it running.",
        "",
        "  bitsctl put backup.tar https://intake.example/up/",
        "  bitsctl put report.cbor https://intake.example/up/report --reply answer.json",
        "  bitsctl put query.json https://intake.example/ask --reply - | jq .",
        NULL,
};

static const char *const REPLY_NOTES[] = {
        "Prints what the server answered to an upload of the type upload-reply, as soon as the",
        "job is transferred and for a while after it is complete. A reply over 1 MiB is handed",
        "out when the job is complete. A terminal is given text only.",
        "",
        "  bitsctl reply 8be0 | jq .",
        "  bitsctl reply 8be0 --hex | head",
        NULL,
};

static const char *const LIST_NOTES[] = {
        "PATTERN is a name, a pattern of names or the beginning of an id.",
        "",
        "  bitsctl list 'night*'",
        "  bitsctl list -j | jq -r '.jobs[] | select(.why.code==\"needs-complete\") | .id'",
        NULL,
};

static const char *const JOB_NOTES[] = {
        "JOB is an id, the beginning of one (4 digits or more), a name that only one job has,",
        "or a pattern of names.",
        NULL,
};

static const char *const SHOW_NOTES[] = {
        "FIELD is a key of the JSON form, such as state or progress.bytes.",
        "",
        "  bitsctl show -P state,progress.bytes 8be0",
        NULL,
};

static const char *const CREATE_NOTES[] = {
        "The new job has no files and is suspended: add files, then resume it.",
        "",
        "  bitsctl create nightly --priority low",
        "  bitsctl add nightly https://m.example/a.deb /srv/a.deb",
        "  bitsctl resume nightly --wait=2h",
        "  bitsctl complete nightly",
        "",
        "  bitsctl create report --type upload-reply --reply answer.json",
        "  bitsctl add report https://intake.example/up/report report.cbor",
        NULL,
};

static const char *const ADD_NOTES[] = {
        "Without FILE the name is that of the address, in the present directory or in DIR.",
        "An upload takes one URL and the FILE to send.",
        "",
        "  bitsctl add nightly https://m.example/a.deb /srv/a.deb",
        "  bitsctl add nightly --from list.txt",
        NULL,
};

static const char *const SET_NOTES[] = {
        "  bitsctl set nightly --priority high --retry-delay 60 --give-up-after 2d",
        "  bitsctl set nightly --limit-rate 2M",
        "  bitsctl set nightly --proxy http://gw:3128 --no-proxy '*.corp'",
        "  bitsctl set report --reply answer.json",
        NULL,
};

static const char *const COMPLETE_NOTES[] = {
        "Makes the finished files visible and ends the job; unfinished files are dropped. Uploads",
        "must be transferred first.",
        NULL,
};

static const char *const CANCEL_NOTES[] = {
        "Ends the job and removes everything it has downloaded; files that stood there before",
        "are not touched. Of an upload the server drops its part, unless it is all there.",
        NULL,
};

static const char *const WAIT_NOTES[] = {
        "Waits until every job is transferred, in error or ended. Status 0 means that all",
        "arrived, 3 that one is in error, 4 that the time ran out.",
        NULL,
};

static const char *const TOP_NOTES[] = {
        "How fast jobs go, what else is on the lines they use, and why they go no faster. On a",
        "terminal it is drawn anew every second until q or Ctrl-C; anywhere else it is printed",
        "once, or as often as --count says.",
        "",
        "  bitsctl top --interval 5s",
        "  bitsctl top -j -n 60 > minute.json",
        NULL,
};

static const char *const LOG_NOTES[] = {
        "Of a job all there is, also when it ended long ago (by its whole id); of the service the",
        "last 50 lines. A service that bitsctl started keeps a log of its own beside its queue;",
        "one that systemd started writes to the journal.",
        "",
        "  bitsctl log nightly",
        "  bitsctl log -f -n 0",
        NULL,
};

static const char *const CRED_NOTES[] = {
        "set   fills the slots of a job: one for each scheme, at the server or (--proxy) at the",
        "      proxy. The password is asked for, or read from a file, a descriptor or stdin",
        "rm    empties them again; --all: those for server and proxy",
        "list  which are filled; nobody gets a password back, not even the user name",
        "rekey seals what the service holds with a new key",
        "Which scheme a server wants shows only when it asks, so all but passport are set unless",
        "--scheme says otherwise. A job in error goes on with: bitsctl resume JOB",
        "",
        "  bitsctl cred set nightly --login ann",
        "  bitsctl cred set nightly --proxy --login 'CORP\\ann' --password-stdin < secret",
        "  bitsctl cred set nightly --implicit --scheme negotiate",
        "  bitsctl cred rm nightly --all",
        NULL,
};

static const char *const NOTIFY_NOTES[] = {
        "Without options: what is set, and how the last run ended. The program runs as you, in",
        "the background, when the job is transferred or fails, and again later until it ends",
        "with status 0. Its words follow behind the job, or behind \"--\" when they look like",
        "options; --parameters takes the whole command line as a Windows program would set it.",
        "It is told the job's id in BITS_JOB_ID.",
        "",
        "  bitsctl notify nightly --program /usr/local/bin/done -- --mail ann",
        "  bitsctl notify nightly --on error",
        "  bitsctl notify nightly --clear",
        NULL,
};

static const Verb VERBS[] = {
        {"get", NULL, "one-shot", "URL… [-o FILE | -d DIR | URL=FILE…]",
         "download now, wait, complete",
         SETTINGS | LOGINS | BIT(OPT_OUTPUT) | BIT(OPT_DIRECTORY) | BIT(OPT_FROM) | BIT(OPT_FORCE) |
                 BIT(OPT_DETACH) | BIT(OPT_WAIT) | BIT(OPT_NAME) | BIT(OPT_FILES_IN_FLIGHT),
         0, VERB_ARGS_ANY, verb_get, GET_NOTES},
        {"put", NULL, "one-shot", "FILE URL", "upload now, wait, complete",
         SETTINGS | REPLY | LOGINS | BIT(OPT_FORCE) | BIT(OPT_DETACH) | BIT(OPT_WAIT) |
                 BIT(OPT_NAME),
         2, 2, verb_put, PUT_NOTES},
        {"list", "ls", "look", "[PATTERN…]", "table of jobs (the default)", BIT(OPT_WITH_PROGRAM),
         0, VERB_ARGS_ANY, verb_list, LIST_NOTES},
        {"show", "info", "look", "JOB…", "everything about a job", BIT(OPT_FIELDS), 1,
         VERB_ARGS_ANY, verb_show, SHOW_NOTES},
        {"files", NULL, "look", "JOB", "files of a job", 0, 1, 1, verb_files, JOB_NOTES},
        {"reply", NULL, "look", "JOB", "the server's answer to an upload",
         BIT(OPT_OUTPUT) | BIT(OPT_FORCE) | BIT(OPT_HEX), 1, 1, verb_reply, REPLY_NOTES},
        {"watch", NULL, "look", "[JOB…]", "events, one line each, until Ctrl-C", 0, 0,
         VERB_ARGS_ANY, verb_watch, JOB_NOTES},
        {"log", NULL, "look", "[JOB]", "what the service did", BIT(OPT_FOLLOW) | BIT(OPT_LINES), 0,
         1, verb_log, LOG_NOTES},
        {"top", NULL, "look", "", "live picture of jobs and lines",
         BIT(OPT_ONCE) | BIT(OPT_SAMPLES) | BIT(OPT_INTERVAL), 0, 0, verb_top, TOP_NOTES},
        {"status", NULL, "look", "", "the service: version, limits, network, counts", 0, 0, 0,
         verb_status, NULL},
        {"create", NULL, "build", "NAME", "new suspended job",
         SETTINGS | REPLY | BIT(OPT_FORCE) | BIT(OPT_FILES_IN_FLIGHT) | BIT(OPT_TYPE) |
                 BIT(OPT_AUTO_COMPLETE),
         1, 1, verb_create, CREATE_NOTES},
        {"add", NULL, "build", "JOB [URL [FILE]]", "more files for a job",
         BIT(OPT_FROM) | BIT(OPT_DIRECTORY) | BIT(OPT_FORCE), 1, 3, verb_add, ADD_NOTES},
        {"resume", "start", "run", "JOB…", "let a job run", BIT(OPT_WAIT), 1, VERB_ARGS_ANY,
         verb_resume, JOB_NOTES},
        {"pause", "suspend", "run", "JOB…", "stop a job, keep its bytes", 0, 1, VERB_ARGS_ANY,
         verb_pause, JOB_NOTES},
        {"complete", NULL, "run", "JOB… | --all", "keep finished files, end the job",
         BIT(OPT_ALL) | BIT(OPT_DRY_RUN) | BIT(OPT_YES), 0, VERB_ARGS_ANY, verb_complete,
         COMPLETE_NOTES},
        {"cancel", "rm", "run", "JOB… | --all", "drop everything, end the job",
         BIT(OPT_ALL) | BIT(OPT_DRY_RUN) | BIT(OPT_YES), 0, VERB_ARGS_ANY, verb_cancel,
         CANCEL_NOTES},
        {"wait", NULL, "run", "JOB…", "block until jobs are done", BIT(OPT_WAIT), 1, VERB_ARGS_ANY,
         verb_wait, WAIT_NOTES},
        {"set", NULL, "change", "JOB… OPTION…", "name, priority, retry, proxy, …",
         SETTINGS | REPLY | BIT(OPT_FORCE) | BIT(OPT_FILES_IN_FLIGHT) | BIT(OPT_NAME) |
                 BIT(OPT_AUTO_COMPLETE) | BIT(OPT_DRY_RUN),
         1, VERB_ARGS_ANY, verb_set, SET_NOTES},
        {"cred", NULL, "change", "set|rm|list JOB… | rekey", "logins for server and proxy",
         PASSWORD | BIT(OPT_LOGIN) | BIT(OPT_CRED_USER) | BIT(OPT_CRED_PROXY) | BIT(OPT_IMPLICIT) |
                 BIT(OPT_ALL),
         1, VERB_ARGS_ANY, verb_cred, CRED_NOTES},
        {"notify", NULL, "change", "JOB [ARG…]", "program to run at the end of a job",
         BIT(OPT_PROGRAM) | BIT(OPT_PARAMETERS) | BIT(OPT_CLEAR) | BIT(OPT_ON), 1, VERB_ARGS_ANY,
         verb_notify, NOTIFY_NOTES},
        {"help", NULL, "help", "[VERB]", "this text, or that of a verb", 0, 0, 1, verb_help, NULL},
        {"version", NULL, "help", "", "versions of program and library", 0, 0, 0, verb_version,
         NULL},
        {"__complete", NULL, NULL, "WORD…", "candidates for the shell's completion", 0, 0,
         VERB_ARGS_ANY, verb_candidates, NULL},
        {0},
};

static const char *const LATER[] = {
        "chown", "export", "import", "completion", NULL,
};

const Verb *verbs_table(void)
{
        return VERBS;
}

const Verb *verbs_find(const char *word)
{
        for (const Verb *verb = VERBS; verb->name; verb++)
                if (str_equal(verb->name, word) || (verb->alias && str_equal(verb->alias, word)))
                        return verb;
        return NULL;
}

bool verb_is_later(const char *word)
{
        for (const char *const *later = LATER; *later; later++)
                if (str_equal(*later, word))
                        return true;
        return false;
}

int verbs_complain_unknown(const Out *out, const char *word)
{
        const char *words[2 * ARRAY_LEN(VERBS) + 1], *near;
        size_t n = 0;

        if (verb_is_later(word))
                return message_usage(out, "bitsctl help lists what there is",
                                     "%s is not available in this version", word);
        for (const Verb *verb = VERBS; verb->name; verb++) {
                if (!verb->group)
                        continue;
                words[n++] = verb->name;
                if (verb->alias)
                        words[n++] = verb->alias;
        }
        words[n] = NULL;
        near = options_nearest(word, words);
        if (near)
                return message_usage(out, NULL, "no verb \"%s\"; did you mean \"%s\"?", word, near);
        return message_usage(out, "bitsctl help lists them", "no verb \"%s\"", word);
}
