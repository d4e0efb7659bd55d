/* SPDX-License-Identifier: Apache-2.0 */
#include "job_notify.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

#include "job_json.h"
#include "job_words.h"
#include "must.h"

enum {
        LINE_BYTES_MAX = 1 << 20, /* the service has a limit of its own, and says so */
        SIGNAL_BASE = 128,        /* program_result of a program that a signal ended */
        SIGNAL_MAX = 64,
};

char *notify_events(uint32_t flags)
{
        static const struct {
                uint32_t flag;
                const char *words;
        } events[] = {
                {BG_NOTIFY_JOB_TRANSFERRED, "on transferred"},
                {BG_NOTIFY_JOB_ERROR, "on error"},
                {BG_NOTIFY_JOB_MODIFICATION, "on modification"},
        };
        Buf line;

        buf_init(&line, 256); /* errors stick to the buffer */
        for (size_t i = 0; i < ARRAY_LEN(events); i++)
                if (flags & events[i].flag && !(flags & BG_NOTIFY_DISABLE))
                        (void) buf_printf(&line, "%s%s", line.len > 0 ? ", " : "", events[i].words);
        if (line.len == 0)
                (void) buf_append_str(&line, "never");
        return must_take_str(&line);
}

static char *result_words(int32_t result)
{
        const char *name;

        if (result < 0)
                return must(mem_strdup("it could not be started"));
        if (result <= SIGNAL_BASE || result > SIGNAL_BASE + SIGNAL_MAX)
                return must(mem_printf("exit status %" PRId32, result));
        name = sigdescr_np(result - SIGNAL_BASE);
        return must(mem_printf("ended by signal %" PRId32 "%s%s%s", result - SIGNAL_BASE,
                               name ? " (" : "", name ? name : "", name ? ")" : ""));
}

char *notify_last_run(const bits_job_info *job)
{
        _cleanup_free_ char *words = NULL;
        char time[JOB_SIZE_BYTES];

        if (job->program_runs == 0)
                return NULL;
        if (job->program_time == 0)
                return must(mem_strdup("it runs just now"));
        words = result_words(job->program_result);
        return must(mem_printf("%s at %s; %" PRIu32 " run%s", words,
                               format_local_time(job->program_time, time), job->program_runs,
                               job->program_runs == 1 ? "" : "s"));
}

static void add_program(Json *to, const bits_job_info *job)
{
        Json *program;

        if (!job->notify_program) {
                json_add_null(to, "program");
                return;
        }
        program = json_add_object(to, "program");
        json_add_str(program, "path", job->notify_program);
        json_add_str(program, "parameters", job->notify_parameters);
        json_add_u64(program, "runs", job->program_runs);
        json_add_time(program, "ended", job->program_runs > 0 ? job->program_time : 0);
        if (job->program_runs > 0 && job->program_time != 0)
                json_add_i64(program, "result", job->program_result);
        else
                json_add_null(program, "result");
}

void json_add_notify(Json *to, const bits_job_info *job)
{
        uint32_t flags = job->notify_flags;
        Json *notify = json_add_object(to, "notify");

        json_add_u64(notify, "flags", flags);
        json_add_bool(notify, "transferred", flags & BG_NOTIFY_JOB_TRANSFERRED);
        json_add_bool(notify, "error", flags & BG_NOTIFY_JOB_ERROR);
        json_add_bool(notify, "modification", flags & BG_NOTIFY_JOB_MODIFICATION);
        json_add_bool(notify, "disabled", flags & BG_NOTIFY_DISABLE);
        add_program(notify, job);
}

/* ---- the command line ---- */

static void append_first(Buf *b, const char *word)
{
        const char *quote = strpbrk(word, " \t") ? "\"" : "";

        (void) buf_printf(b, "%s%s%s", quote, word, quote);
}

static void repeat_backslash(Buf *b, size_t n)
{
        while (n-- > 0)
                (void) buf_append(b, "\\", 1);
}

/* In quotes; backslashes are doubled only where a quote follows, as one does at the end. */
static void append_quoted(Buf *b, const char *word)
{
        (void) buf_append_str(b, "\"");
        while (*word) {
                size_t n = strspn(word, "\\");

                repeat_backslash(b, word[n] == '"' || !word[n] ? 2 * n : n);
                word += n;
                if (*word == '"')
                        (void) buf_append_str(b, "\\");
                if (*word)
                        (void) buf_append(b, word++, 1);
        }
        (void) buf_append_str(b, "\"");
}

char *notify_join(const char *program, const char *const *words, size_t n_words)
{
        Buf b;

        buf_init(&b, LINE_BYTES_MAX); /* errors stick to the buffer */
        append_first(&b, program);
        for (size_t i = 0; i < n_words; i++) {
                (void) buf_append_str(&b, " ");
                if (*words[i] && !strpbrk(words[i], " \t\""))
                        (void) buf_append_str(&b, words[i]);
                else
                        append_quoted(&b, words[i]);
        }
        return must_take_str(&b);
}
