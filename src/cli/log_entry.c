/* SPDX-License-Identifier: Apache-2.0 */
#include "log_entry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/str.h"

#include "job_json.h"
#include "job_words.h"

enum {
        WORD_BYTES = 64, /* room for any of the words before the text */
};

static const char *level_name(uint32_t level)
{
        static const char *const names[] = {"emerg",   "alert",  "crit", "error",
                                            "warning", "notice", "info", "debug"};

        return level < ARRAY_LEN(names) ? names[level] : "unknown";
}

/* ---- the file ---- */

static bool parse_time(const char *word, uint64_t *ret_usec)
{
        struct tm tm = {0};
        const char *end = strptime(word, "%Y-%m-%dT%H:%M:%SZ", &tm);
        time_t sec;

        if (!end || *end)
                return false;
        sec = timegm(&tm);
        *ret_usec = (uint64_t) sec * USEC_PER_SEC;
        return sec >= 0;
}

/* The next word of a line, without the blank behind it. False when it is too long, or ends the
 * line. */
static bool take_word(const char **line, char dst[WORD_BYTES])
{
        const char *blank = strchr(*line, ' ');
        size_t len = blank ? (size_t) (blank - *line) : WORD_BYTES;

        if (len >= WORD_BYTES)
                return false;
        (void) memcpy(dst, *line, len);
        dst[len] = '\0';
        *line = blank + 1;
        return true;
}

bool log_entry_parse(const char *line, LogEntry *ret)
{
        char when[WORD_BYTES], pid[WORD_BYTES], level[WORD_BYTES], job[WORD_BYTES];
        LogEntry e = {0};

        if (!take_word(&line, when) || !take_word(&line, pid) || !take_word(&line, level) ||
            !take_word(&line, job))
                return false;
        if (!parse_time(when, &e.wall_usec) || parse_u64(pid, &e.pid) < 0 ||
            parse_u32(level, &e.level) < 0)
                return false;
        e.has_job = !str_equal(job, "-");
        if (e.has_job && FAILED(bits_guid_parse(job, &e.job)))
                return false;
        e.text = line;
        *ret = e;
        return true;
}

/* ---- the journal ---- */

static uint64_t number(const char *text)
{
        uint64_t n;

        return parse_u64(text, &n) < 0 ? 0 : n;
}

void log_entry_add_field(LogEntry *e, const char *line)
{
        static const char time_key[] = "__REALTIME_TIMESTAMP=", pid_key[] = "_PID=",
                          level_key[] = "PRIORITY=", job_key[] = "BITS_JOB=",
                          text_key[] = "MESSAGE=";

        if (str_starts_with(line, time_key))
                e->wall_usec = number(line + strlen(time_key));
        else if (str_starts_with(line, pid_key))
                e->pid = number(line + strlen(pid_key));
        else if (str_starts_with(line, level_key))
                e->level = (uint32_t) number(line + strlen(level_key));
        else if (str_starts_with(line, job_key))
                e->has_job = SUCCEEDED(bits_guid_parse(line + strlen(job_key), &e->job));
        else if (str_starts_with(line, text_key))
                e->text = line + strlen(text_key);
}

/* ---- both ---- */

static void print_json(const Cli *cli, const LogEntry *e)
{
        _cleanup_(json_freep) Json *json = json_document();
        char when[32];

        json_add_str(json, "at", str_format_rfc3339(when, sizeof(when), e->wall_usec));
        json_add_str(json, "level", level_name(e->level));
        json_add_u64(json, "pid", e->pid);
        if (e->has_job)
                json_add_guid(json, "job", &e->job);
        else
                json_add_null(json, "job");
        json_add_str(json, "text", e->text);
        out_json_line(&cli->out, json);
}

void log_entry_print(const Cli *cli, const LogEntry *e)
{
        char when[JOB_SIZE_BYTES];

        if (out_is_json(&cli->out)) {
                print_json(cli, e);
                return;
        }
        (void) format_local_time(filetime_from_wall_usec(e->wall_usec), when);
        if (e->level <= LOG_WARNING || cli->out.verbose)
                out_line(&cli->out, "%s  %s: %s", when, level_name(e->level), e->text);
        else
                out_line(&cli->out, "%s  %s", when, e->text);
}
