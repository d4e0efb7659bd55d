/* SPDX-License-Identifier: Apache-2.0 */
#include "select.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"

#include "job_words.h"
#include "message.h"
#include "must.h"

enum {
        SHOWN_CANDIDATES = 5, /* of an ambiguous name */
        ID_DIGITS = 32,
};

void selection_done(Selection *s)
{
        bits_job_list_free(s->live);
        for (size_t i = 0; i < s->n_ended; i++)
                bits_job_info_free(s->ended[i]);
        mem_free(s->ended);
        mem_free(s->jobs);
        *s = (Selection){0};
}

bool word_is_pattern(const char *word)
{
        return strpbrk(word, "*?[") != NULL;
}

bool word_is_id_prefix(const char *word, size_t *ret_digits)
{
        size_t digits = 0;

        for (const char *p = word; *p; p++) {
                if (*p == '-')
                        continue;
                if (!isxdigit((unsigned char) *p))
                        return false;
                digits++;
        }
        *ret_digits = digits;
        return digits > 0 && digits <= ID_DIGITS;
}

static bool id_begins_with(const GUID *id, const char *word)
{
        char text[37];
        const char *p = text;

        bits_guid_format(id, text);
        for (; *word; word++) {
                if (*word == '-')
                        continue;
                if (*p == '-')
                        p++;
                if (*p++ != tolower((unsigned char) *word))
                        return false;
        }
        return true;
}

bool job_fits(const bits_job_info *job, const char *word)
{
        size_t digits;

        if (word_is_pattern(word))
                return fnmatch(word, job->name, 0) == 0 || str_equal(word, job->name);
        return str_equal(word, job->name) ||
               (word_is_id_prefix(word, &digits) && id_begins_with(&job->id, word));
}

static void pick(Selection *s, const bits_job_info *job)
{
        for (size_t i = 0; i < s->count; i++)
                if (memcmp(&s->jobs[i]->id, &job->id, sizeof(job->id)) == 0)
                        return;
        s->jobs = must(mem_realloc(s->jobs, (s->count + 1) * sizeof(*s->jobs)));
        s->jobs[s->count++] = job;
}

/* ---- messages ---- */

static void append_candidate(Buf *line, const bits_job_info *job, size_t shown)
{
        char id[JOB_ID_BYTES];

        (void) buf_printf(line, "%s %s %s", shown > 0 ? "," : ":", job_short_id(&job->id, id),
                          job->name); /* errors stick to the buffer */
}

static int complain_ambiguous(Cli *cli, const Selection *s, const char *word, size_t n)
{
        _cleanup_free_ char *text = NULL;
        size_t shown = 0, digits;
        Buf line;

        buf_init(&line, 1 << 16);
        (void) buf_printf(&line, "\"%s\" fits %zu jobs", word, n);
        for (size_t i = 0; i < s->live->count && shown < SHOWN_CANDIDATES; i++)
                if (job_fits(&s->live->jobs[i], word))
                        append_candidate(&line, &s->live->jobs[i], shown++);
        if (n > shown)
                (void) buf_printf(&line, " and %zu more", n - shown);
        text = must_take_str(&line);
        return message_plain(&cli->out, STATUS_NO_JOB,
                             word_is_id_prefix(word, &digits) ? "use more digits of the id"
                                                              : "say which by its id",
                             "%s", text);
}

static int complain_short(Cli *cli, const bits_job_info *job, const char *word)
{
        _cleanup_free_ char *hint = NULL;
        char id[JOB_ID_BYTES];

        hint = must(mem_printf("use %d digits or more; it fits %s %s", JOB_PREFIX_DIGITS,
                               job_short_id(&job->id, id), job->name));
        return message_plain(&cli->out, STATUS_NO_JOB, hint, "\"%s\" is too short to name a job",
                             word);
}

static int complain_none(Cli *cli, const char *word)
{
        _cleanup_free_ char *text = must(mem_printf("no job \"%s\"", word));
        Message m = {
                .what = text,
                .code = BG_E_NOT_FOUND,
                .hint = "see your jobs: bitsctl list",
        };

        message_print(&cli->out, &m);
        return STATUS_NO_JOB;
}

/* ---- words ---- */

/* Jobs that ended a while ago still answer to their whole id. */
static int pick_whole_id(Cli *cli, const GUID *id, const char *word, Selection *s)
{
        bits_job_info *job = NULL;
        _cleanup_free_ char *what = NULL;
        HRESULT hr = bits_job_read(cli->client, id, &job);

        if (hr == BG_E_NOT_FOUND)
                return complain_none(cli, word);
        if (FAILED(hr)) {
                what = must(mem_printf("cannot read job %s", word));
                return message_call_failed(&cli->out, hr, what, NULL);
        }
        s->ended = must(mem_realloc(s->ended, (s->n_ended + 1) * sizeof(bits_job_info *)));
        s->ended[s->n_ended++] = job;
        pick(s, job);
        return STATUS_OK;
}

static int pick_word(Cli *cli, const char *word, Selection *s)
{
        const bits_job_info *last = NULL;
        size_t digits = 0, n = 0;

        for (size_t i = 0; i < s->live->count; i++) {
                if (!job_fits(&s->live->jobs[i], word))
                        continue;
                last = &s->live->jobs[i];
                n++;
                if (word_is_pattern(word))
                        pick(s, last);
        }
        if (n == 0)
                return complain_none(cli, word);
        if (word_is_pattern(word))
                return STATUS_OK;
        if (n > 1)
                return complain_ambiguous(cli, s, word, n);
        if (!str_equal(word, last->name) && word_is_id_prefix(word, &digits) &&
            digits < JOB_PREFIX_DIGITS)
                return complain_short(cli, last, word);
        pick(s, last);
        return STATUS_OK;
}

static int load_live(Cli *cli, Selection *s)
{
        return s->live ? STATUS_OK : cli_list_jobs(cli, &s->live);
}

int select_jobs(Cli *cli, const char *const *words, size_t n_words, Selection *ret)
{
        int status = STATUS_OK;

        *ret = (Selection){0};
        for (size_t i = 0; i < n_words; i++) {
                GUID id;
                int one;

                if (bits_guid_parse(words[i], &id) == S_OK)
                        one = pick_whole_id(cli, &id, words[i], ret);
                else {
                        one = load_live(cli, ret);
                        if (one != STATUS_OK)
                                return status_worse(status, one);
                        one = pick_word(cli, words[i], ret);
                }
                status = status_worse(status, one);
        }
        return status;
}

int select_one(Cli *cli, const char *word, Selection *ret)
{
        int status = select_jobs(cli, &word, 1, ret);

        if (status == STATUS_OK && ret->count > 1)
                return complain_ambiguous(cli, ret, word, ret->count);
        return status;
}

/* ---- short ids ---- */

static int compare_ids(const void *a, const void *b)
{
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Digits that two ids have in common at their beginning. */
static unsigned common_digits(const char *a, const char *b)
{
        unsigned n = 0;

        for (; *a && *a == *b; a++, b++)
                n += *a != '-';
        return n;
}

unsigned *select_prefix_digits(const bits_job_list *list, unsigned least)
{
        unsigned *digits = must(mem_array(list->count + 1, sizeof(*digits)));
        _cleanup_free_ char(*texts)[37] = must(mem_array(list->count + 1, sizeof(*texts)));
        _cleanup_free_ const char **sorted = must(mem_array(list->count + 1, sizeof(*sorted)));

        for (size_t i = 0; i < list->count; i++) {
                bits_guid_format(&list->jobs[i].id, texts[i]);
                sorted[i] = texts[i];
        }
        qsort(sorted, list->count, sizeof(*sorted), compare_ids);
        for (size_t i = 0; i < list->count; i++) {
                size_t index = (size_t) (sorted[i] - texts[0]) / sizeof(texts[0]);
                unsigned common = 0;

                if (i > 0)
                        common = common_digits(sorted[i], sorted[i - 1]);
                if (i + 1 < list->count)
                        common = MAX(common, common_digits(sorted[i], sorted[i + 1]));
                digits[index] = MIN(MAX(common + 1, least), (unsigned) ID_DIGITS);
        }
        return digits;
}

void select_short_prefix(Cli *cli, const GUID *id, char dst[37])
{
        bits_job_list *list = NULL;
        _cleanup_free_ unsigned *digits = NULL;

        (void) job_short_id(id, dst); /* good enough when the service cannot tell */
        if (FAILED(bits_jobs_list(cli->client, cli_list_flags(cli), &list)))
                return;
        digits = select_prefix_digits(list, JOB_PREFIX_DIGITS);
        for (size_t i = 0; i < list->count; i++)
                if (memcmp(&list->jobs[i].id, id, sizeof(*id)) == 0)
                        (void) job_prefix(id, digits[i], dst);
        bits_job_list_free(list);
}
