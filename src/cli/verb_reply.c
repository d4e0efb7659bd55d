/* SPDX-License-Identifier: Apache-2.0 */
/* reply: what the server answered to an upload. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/utf.h"

#include "job_json.h"
#include "job_words.h"
#include "message.h"
#include "must.h"
#include "reply_out.h"
#include "select.h"
#include "upload_plan.h"
#include "verbs.h"

typedef struct Reply {
        uint8_t *data; /* as the library gave it; NULL when it is empty or too long */
        uint64_t bytes;
        const char *path; /* where all of it stands, when it was too long; else NULL */
} Reply;

static void reply_done(Reply *r)
{
        mem_free(r->data); /* from malloc, says the library */
        *r = (Reply){0};
}

static int complain_early(Cli *cli, const bits_job_info *job)
{
        _cleanup_free_ char *hint = NULL;
        char prefix[37];
        Message m = {
                .what = "cannot read the reply of",
                .job = &job->id,
                .job_name = job->name,
                .why = "it is not there yet",
                .code = BG_E_INVALID_STATE,
        };

        select_short_prefix(cli, &job->id, prefix);
        if (job->state == BG_JOB_STATE_CANCELLED)
                m.why = "the job was cancelled";
        else
                hint = must(mem_printf(
                        "%s: bitsctl %s %s",
                        job->state == BG_JOB_STATE_SUSPENDED || job->state == BG_JOB_STATE_ERROR
                                ? "let the job run"
                                : "wait for it",
                        job->state == BG_JOB_STATE_SUSPENDED || job->state == BG_JOB_STATE_ERROR
                                ? "resume --wait"
                                : "wait",
                        prefix));
        m.hint = hint;
        message_print(&cli->out, &m);
        return STATUS_FAILED;
}

static int complain_too_large(Cli *cli, const bits_job_info *job, uint64_t bytes)
{
        _cleanup_free_ char *why = NULL, *hint = NULL;
        char prefix[37], size[JOB_SIZE_BYTES];
        Message m = {
                .what = "cannot read the reply of",
                .job = &job->id,
                .job_name = job->name,
                .code = BG_E_TOO_LARGE,
        };

        select_short_prefix(cli, &job->id, prefix);
        m.why = why = must(mem_printf("%s are too much to hand out before the job is complete",
                                      str_format_size(size, sizeof(size), bytes)));
        m.hint = hint =
                must(mem_printf("bitsctl complete %s puts it into %s", prefix, job->reply_name));
        message_print(&cli->out, &m);
        return STATUS_LIMIT;
}

/* Gives the status; after a failure it was told. */
static int read_reply(Cli *cli, const bits_job_info *job, Reply *ret)
{
        HRESULT hr;

        if (job->type != BG_JOB_TYPE_UPLOAD_REPLY) {
                Message m = {
                        .what = "cannot read the reply of",
                        .job = &job->id,
                        .job_name = job->name,
                        .why = "only jobs of the type upload-reply have one",
                };

                message_print(&cli->out, &m);
                return STATUS_FAILED;
        }
        hr = bits_job_reply_data(cli->client, &job->id, &ret->data, &ret->bytes);
        if (SUCCEEDED(hr))
                return STATUS_OK;
        if (hr == BG_E_INVALID_STATE)
                return complain_early(cli, job);
        if (hr != BG_E_TOO_LARGE)
                return message_call_failed(&cli->out, hr, "cannot read the reply of", job);
        if (job->state != BG_JOB_STATE_ACKNOWLEDGED)
                return complain_too_large(cli, job, ret->bytes);
        ret->path = job->reply_name;
        return STATUS_OK;
}

/* ---- out ---- */

static char *base64(const uint8_t *data, size_t bytes)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *text = must(mem_alloc((bytes + 2) / 3 * 4 + 1)), *to = text;

        for (size_t i = 0; i < bytes; i += 3) {
                uint32_t three = (uint32_t) data[i] << 16;

                if (i + 1 < bytes)
                        three |= (uint32_t) data[i + 1] << 8;
                if (i + 2 < bytes)
                        three |= data[i + 2];
                *to++ = digits[three >> 18];
                *to++ = digits[three >> 12 & 63];
                *to++ = i + 1 < bytes ? digits[three >> 6 & 63] : '=';
                *to++ = i + 2 < bytes ? digits[three & 63] : '=';
        }
        *to = '\0';
        return text;
}

/* `saved` is where it stands as a file; otherwise it stands in the document itself. */
static void print_json(Cli *cli, const bits_job_info *job, const Reply *r, const char *saved)
{
        _cleanup_(json_freep) Json *json = json_document();
        _cleanup_free_ char *text = NULL;
        const char *data = r->data ? (const char *) r->data : "";
        size_t bytes = r->data ? r->bytes : 0;
        bool is_text = !memchr(data, '\0', bytes) && utf8_is_valid(data, bytes);

        if (!saved)
                text = is_text ? must(mem_strndup(data, bytes)) : base64(r->data, bytes);
        json_add_guid(json, "job", &job->id);
        json_add_u64(json, "bytes", r->bytes);
        json_add_str(json, "local", saved);
        json_add_str(json, "text", is_text ? text : NULL);
        json_add_str(json, "base64", is_text ? NULL : text);
        out_json(&cli->out, json);
}

static int save_reply(Cli *cli, const bits_job_info *job, const Reply *r)
{
        bool force = options_has(cli->opt, OPT_FORCE);
        _cleanup_free_ char *path = reply_path_resolve(cli, cli->opt->output, force);
        char size[JOB_SIZE_BYTES];
        int status;

        if (!path)
                return STATUS_FAILED;
        if (r->path && str_equal(path, r->path)) /* only with --force */
                return message_usage(&cli->out, NULL, "the reply is there already: %s", path);
        status = r->path ? reply_save_copy(cli, path, force, r->path)
                         : reply_save(cli, path, force, r->data, r->bytes);
        if (status != STATUS_OK)
                return status;
        if (out_is_json(&cli->out))
                print_json(cli, job, r, path);
        else if (out_is_chatty(&cli->out))
                out_line(&cli->out, "saved %s  %s", path,
                         str_format_size(size, sizeof(size), r->bytes));
        return STATUS_OK;
}

static int print_reply(Cli *cli, const bits_job_info *job, const Reply *r)
{
        const Out *out = &cli->out;
        char prefix[37];

        if (out_is_json(out)) {
                print_json(cli, job, r, r->path);
                return STATUS_OK;
        }
        if (r->path)
                return reply_copy(cli, out->data, out->data_tty, r->path);
        if (options_has(cli->opt, OPT_HEX)) {
                reply_write_hex(out->data, r->data, r->bytes);
                return STATUS_OK;
        }
        if (r->bytes == 0 && out->data_tty)
                out_note(out, "the reply is empty");
        select_short_prefix(cli, &job->id, prefix);
        return reply_write(cli, out->data, out->data_tty, prefix, r->data, r->bytes);
}

static int check_usage(const Cli *cli)
{
        bool hex = options_has(cli->opt, OPT_HEX);

        if (hex && (cli->opt->output || out_is_json(&cli->out)))
                return message_usage(&cli->out, NULL, "--hex is for looking: no JSON, no -o FILE");
        return STATUS_OK;
}

int verb_reply(Cli *cli)
{
        _cleanup_(selection_done) Selection s = {0};
        _cleanup_(reply_done) Reply reply = {0};
        const char *output = cli->opt->output;
        int status = check_usage(cli);

        if (status == STATUS_OK)
                status = cli_connect(cli);
        if (status == STATUS_OK)
                status = select_one(cli, cli->opt->args[0], &s);
        if (status == STATUS_OK)
                status = read_reply(cli, s.jobs[0], &reply);
        if (status != STATUS_OK)
                return status;
        if (output && !str_equal(output, "-"))
                return save_reply(cli, s.jobs[0], &reply);
        return print_reply(cli, s.jobs[0], &reply);
}
