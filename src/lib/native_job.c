/* SPDX-License-Identifier: Apache-2.0 */
/* bits_native.h: one job. */
#include "bits_native.h"

#include <stdbool.h>
#include <time.h>

#include "args.h"
#include "base/clock.h"
#include "client.h"
#include "decode.h"
#include "last_message.h"
#include "link.h"

enum { END_PAUSE_MS = 50 };

/* After a restart, for a final step that the service rolls forward. */
#define END_PATIENCE_USEC (120 * USEC_PER_SEC)

/* Calls without values, and with one number, all of which set the job to something given and may
 * therefore be repeated. */
static HRESULT call_job(bits_client *client, const char *member, const GUID *id)
{
        Call call = {.member = member, .job = id, .repeatable = true};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        return client_call(client, &call, NULL);
}

static HRESULT set_number(bits_client *client, const char *member, const GUID *id, uint32_t value)
{
        Call call = {.member = member, .job = id, .repeatable = true};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        return client_call(client, &call, "u", value);
}

static HRESULT set_text(bits_client *client, const char *member, const GUID *id, const char *text,
                        size_t max_units)
{
        Call call = {.member = member, .job = id, .repeatable = true};
        HRESULT hr;

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        hr = args_check_limited(text, max_units, BG_E_STRING_TOO_LONG);
        if (FAILED(hr))
                return hr;
        return client_call(client, &call, "s", text);
}

_public_ HRESULT bits_job_suspend(bits_client *client, const GUID *id)
{
        return call_job(client, "Suspend", id);
}

_public_ HRESULT bits_job_resume(bits_client *client, const GUID *id)
{
        return call_job(client, "Resume", id);
}

_public_ HRESULT bits_job_take_ownership(bits_client *client, const GUID *id)
{
        return call_job(client, "TakeOwnership", id);
}

/* What the answer of a final step was that we did not get: its result when the job is in that
 * final state, S_FALSE when the job still lives, an error otherwise. */
static HRESULT read_end(bits_client *client, const GUID *id, BG_JOB_STATE end)
{
        bits_job_info *info = NULL;
        HRESULT hr;

        hr = bits_job_read(client, id, &info);
        if (FAILED(hr))
                return hr;
        if (info->state == end)
                hr = SUCCEEDED(info->end_result) ? info->end_result : S_OK;
        else if (info->state == BG_JOB_STATE_ACKNOWLEDGED || info->state == BG_JOB_STATE_CANCELLED)
                hr = BG_E_INVALID_STATE;
        else
                hr = S_FALSE;
        bits_job_info_free(info);
        return hr;
}

static void pause_ms(unsigned ms)
{
        struct timespec t = {.tv_nsec = (long) ms * 1000000};

        (void) nanosleep(&t, NULL);
}

/* Complete and Cancel. A lost answer is not the end of it: the service finishes after a restart
 * what it had begun, and the job tells what became of it. A job that still lives gets the call
 * again, which is right whether or not the first one arrived; while the service is still at the
 * first one it refuses that, and is asked again a little later. */
static HRESULT end_job(bits_client *client, const char *member, const GUID *id, BG_JOB_STATE end)
{
        uint64_t deadline = clock_mono_usec(&CLOCK_SYSTEM) + END_PATIENCE_USEC;
        HRESULT result = S_OK, hr;
        unsigned losses = 0;
        bool lost;
        Call call = {.member = member,
                     .job = id,
                     .no_timeout = true,
                     .ret_lost = &lost,
                     .decode = decode_hresult,
                     .ctx = &result};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        for (;;) {
                hr = client_call(client, &call, NULL);
                if (SUCCEEDED(hr))
                        return result;
                losses += lost;
                if (!lost && !(losses > 0 && hr == BG_E_INVALID_STATE))
                        return hr;
                hr = read_end(client, id, end);
                if (hr != S_FALSE)
                        return hr;
                if (losses > 1 || clock_mono_usec(&CLOCK_SYSTEM) >= deadline)
                        return link_outcome_result(LINK_LOST);
                if (!lost)
                        pause_ms(END_PAUSE_MS);
        }
}

_public_ HRESULT bits_job_complete(bits_client *client, const GUID *id)
{
        return end_job(client, "Complete", id, BG_JOB_STATE_ACKNOWLEDGED);
}

_public_ HRESULT bits_job_cancel(bits_client *client, const GUID *id)
{
        return end_job(client, "Cancel", id, BG_JOB_STATE_CANCELLED);
}

_public_ HRESULT bits_job_set_name(bits_client *client, const GUID *id, const char *name)
{
        return set_text(client, "SetName", id, name, NAME_MAX_UNITS);
}

_public_ HRESULT bits_job_set_description(bits_client *client, const GUID *id, const char *text)
{
        return set_text(client, "SetDescription", id, text, DESCRIPTION_MAX_UNITS);
}

_public_ HRESULT bits_job_set_priority(bits_client *client, const GUID *id,
                                       BG_JOB_PRIORITY priority)
{
        last_message_clear();
        if (client && id && (uint32_t) priority > BG_JOB_PRIORITY_LOW)
                return E_NOTIMPL;
        return set_number(client, "SetPriority", id, (uint32_t) priority);
}

_public_ HRESULT bits_job_set_notify_flags(bits_client *client, const GUID *id, uint32_t flags)
{
        last_message_clear();
        if (client && id && (flags & ~(uint32_t) NOTIFY_FLAGS_MASK))
                return E_NOTIMPL;
        return set_number(client, "SetNotifyFlags", id, flags);
}

_public_ HRESULT bits_job_set_minimum_retry_delay(bits_client *client, const GUID *id,
                                                  uint32_t seconds)
{
        return set_number(client, "SetRetryDelay", id, seconds);
}

_public_ HRESULT bits_job_set_no_progress_timeout(bits_client *client, const GUID *id,
                                                  uint32_t seconds)
{
        return set_number(client, "SetNoProgressTimeout", id, seconds);
}

_public_ HRESULT bits_job_set_files_in_flight(bits_client *client, const GUID *id, uint32_t n)
{
        return set_number(client, "SetFilesInFlight", id, n);
}

_public_ HRESULT bits_job_set_limit_rate(bits_client *client, const GUID *id, uint64_t bps)
{
        Call call = {.member = "SetLimitRate", .job = id, .repeatable = true};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        return client_call(client, &call, "t", bps);
}

_public_ HRESULT bits_job_set_auto_complete(bits_client *client, const GUID *id, int on)
{
        Call call = {.member = "SetAutoComplete", .job = id, .repeatable = true};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        return client_call(client, &call, "b", on != 0);
}

_public_ HRESULT bits_job_set_notify_cmd_line(bits_client *client, const GUID *id,
                                              const char *program, const char *parameters)
{
        Call call = {.member = "SetNotifyCmdLine", .job = id, .repeatable = true};
        HRESULT hr = S_OK;

        last_message_clear();
        if (!client || !id || (!program && parameters))
                return E_INVALIDARG;
        if (program)
                hr = args_check_limited(program, PROGRAM_MAX_UNITS, BG_E_STRING_TOO_LONG);
        if (SUCCEEDED(hr) && parameters)
                hr = args_check_limited(parameters, PARAMETERS_MAX_UNITS, BG_E_STRING_TOO_LONG);
        if (FAILED(hr))
                return hr;
        return client_call(client, &call, "bsbs", program != NULL, program ? program : "",
                           parameters != NULL, parameters ? parameters : "");
}

_public_ HRESULT bits_job_set_proxy(bits_client *client, const GUID *id, BG_JOB_PROXY_USAGE usage,
                                    const char *list, const char *bypass)
{
        Call call = {.member = "SetProxy", .job = id, .repeatable = true};
        HRESULT hr;

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        hr = args_check_proxy(usage, list, bypass);
        if (FAILED(hr))
                return hr;
        return client_call(client, &call, "ubsbs", (uint32_t) usage, list != NULL, list ? list : "",
                           bypass != NULL, bypass ? bypass : "");
}
