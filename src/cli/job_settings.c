/* SPDX-License-Identifier: Apache-2.0 */
#include "job_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/utf.h"

#include "message.h"
#include "upload_plan.h"

enum {
        JOB_NAME_UNITS_MAX = 256, /* of UTF-16: the API's limit */
};

#define REPLY_BITS (OPT_BIT(OPT_REPLY) | OPT_BIT(OPT_REPLY_OPTIONAL))

static const uint64_t SETTING_BITS =
        OPT_BIT(OPT_NAME) | OPT_BIT(OPT_DESCRIPTION) | OPT_BIT(OPT_PRIORITY) |
        OPT_BIT(OPT_RETRY_DELAY) | OPT_BIT(OPT_GIVE_UP_AFTER) | OPT_BIT(OPT_PROXY) |
        OPT_BIT(OPT_NO_PROXY) | OPT_BIT(OPT_FILES_IN_FLIGHT) | OPT_BIT(OPT_AUTO_COMPLETE) |
        OPT_BIT(OPT_LIMIT_RATE) | REPLY_BITS;

int job_settings_check_reply(const Cli *cli)
{
        const char *reply = cli->opt->reply;

        if (!reply || !str_equal(reply, "-"))
                return STATUS_OK;
        return message_usage(&cli->out, "print it when it is there: bitsctl reply JOB",
                             "a reply is saved in a file");
}

int job_name_check(const Cli *cli, const char *name)
{
        if (!*name)
                return message_usage(&cli->out, NULL, "a job needs a name");
        if (!utf8_is_valid(name, strlen(name)))
                return message_usage(&cli->out, NULL, "the name of a job must be UTF-8");
        if (utf8_utf16_units(name) > JOB_NAME_UNITS_MAX)
                return message_usage(&cli->out, NULL, "the name of a job has %d characters at most",
                                     JOB_NAME_UNITS_MAX);
        return STATUS_OK;
}

int job_settings_check(const Cli *cli, bool has_job)
{
        const Options *o = cli->opt;
        int status = o->name ? job_name_check(cli, o->name) : STATUS_OK;

        if (status != STATUS_OK)
                return status;
        if (!options_has(o, OPT_NO_PROXY))
                return STATUS_OK;
        if (options_has(o, OPT_PROXY) ? o->proxy_wish == PROXY_LIST : has_job)
                return STATUS_OK;
        return message_usage(&cli->out, "to use no proxy at all: --proxy none",
                             "--no-proxy needs --proxy=ADDRESS");
}

size_t job_settings_count(const Options *o)
{
        return (size_t) __builtin_popcountll(o->given & SETTING_BITS);
}

static HRESULT set_proxy(Cli *cli, const bits_job_info *job)
{
        static const BG_JOB_PROXY_USAGE usages[] = {
                [PROXY_SYSTEM] = BG_JOB_PROXY_USAGE_PRECONFIG,
                [PROXY_NONE] = BG_JOB_PROXY_USAGE_NO_PROXY,
                [PROXY_DETECT] = BG_JOB_PROXY_USAGE_AUTODETECT,
                [PROXY_LIST] = BG_JOB_PROXY_USAGE_OVERRIDE,
        };
        const Options *o = cli->opt;

        if (o->proxy_wish == PROXY_UNCHANGED)
                return bits_job_set_proxy(cli->client, &job->id, job->proxy_usage, job->proxy_list,
                                          o->no_proxy);
        return bits_job_set_proxy(cli->client, &job->id, usages[o->proxy_wish], o->proxy,
                                  o->no_proxy);
}

/* "" leaves the name to the service. Gives the status; after a failure it was told. */
static int set_reply(Cli *cli, const bits_job_info *job)
{
        const Options *o = cli->opt;
        bool force = options_has(o, OPT_FORCE);
        _cleanup_free_ char *path = NULL;
        HRESULT hr;

        if (*o->reply) {
                path = reply_path_resolve(cli, o->reply, force);
                if (!path)
                        return STATUS_FAILED;
        }
        hr = bits_job_set_reply_name(cli->client, &job->id, path);
        if (FAILED(hr))
                return message_call_failed(&cli->out, hr, "cannot set reply of", job);
        return STATUS_OK;
}

/* What only upload-reply jobs have. */
static int apply_reply(Cli *cli, const bits_job_info *job)
{
        Message m = {
                .what = "cannot set the reply of",
                .job = &job->id,
                .job_name = job->name,
                .why = "only jobs of the type upload-reply have one",
                .code = E_NOTIMPL,
        };
        int status = STATUS_OK;
        HRESULT hr;

        if (job->type != BG_JOB_TYPE_UPLOAD_REPLY) {
                message_print(&cli->out, &m);
                return STATUS_FAILED;
        }
        if (options_has(cli->opt, OPT_REPLY))
                status = set_reply(cli, job);
        if (!options_has(cli->opt, OPT_REPLY_OPTIONAL))
                return status;
        hr = bits_job_set_reply_optional(cli->client, &job->id, cli->opt->reply_optional);
        if (SUCCEEDED(hr))
                return status;
        return status_worse(
                status, message_call_failed(&cli->out, hr, "cannot set reply-optional of", job));
}

static HRESULT set_one(Cli *cli, const bits_job_info *job, OptId id)
{
        const Options *o = cli->opt;

        switch (id) {
        case OPT_NAME:
                return bits_job_set_name(cli->client, &job->id, o->name);
        case OPT_DESCRIPTION:
                return bits_job_set_description(cli->client, &job->id, o->description);
        case OPT_PRIORITY:
                return bits_job_set_priority(cli->client, &job->id, o->priority);
        case OPT_RETRY_DELAY:
                return bits_job_set_minimum_retry_delay(cli->client, &job->id, o->retry_delay_sec);
        case OPT_GIVE_UP_AFTER:
                return bits_job_set_no_progress_timeout(cli->client, &job->id, o->give_up_sec);
        case OPT_PROXY:
                return set_proxy(cli, job);
        case OPT_NO_PROXY: /* --proxy takes it along */
                return options_has(o, OPT_PROXY) ? S_OK : set_proxy(cli, job);
        case OPT_FILES_IN_FLIGHT:
                return bits_job_set_files_in_flight(cli->client, &job->id, o->files_in_flight);
        case OPT_LIMIT_RATE:
                return bits_job_set_limit_rate(cli->client, &job->id, o->limit_bps);
        case OPT_AUTO_COMPLETE:
                return bits_job_set_auto_complete(cli->client, &job->id, o->auto_complete);
        default:
                return S_OK;
        }
}

int job_settings_apply(Cli *cli, const bits_job_info *job)
{
        uint64_t wanted = cli->opt->given & SETTING_BITS & ~REPLY_BITS;
        int status = STATUS_OK;

        for (int id = 0; id < OPT_COUNT; id++) {
                char what[64];
                HRESULT hr;

                if (!(wanted & OPT_BIT(id)))
                        continue;
                hr = set_one(cli, job, (OptId) id);
                if (SUCCEEDED(hr))
                        continue;
                (void) snprintf(what, sizeof(what), "cannot set %s of",
                                options_spec((OptId) id)->name);
                status = status_worse(status, message_call_failed(&cli->out, hr, what, job));
        }
        return status;
}

int job_settings_apply_reply(Cli *cli, const bits_job_info *job)
{
        return cli->opt->given & REPLY_BITS ? apply_reply(cli, job) : STATUS_OK;
}
