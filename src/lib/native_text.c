/* SPDX-License-Identifier: Apache-2.0 */
/* bits_native.h: texts and names. */
#include "bits_native.h"

#include <string.h>

#include "base/attr.h"
#include "base/guid.h"
#include "base/hresult.h"

static const char *const why_names[] = {
        [BITS_WHY_NONE] = "",
        [BITS_WHY_QUEUED_BEHIND] = "queued-behind",
        [BITS_WHY_RETRY_AT] = "retry-at",
        [BITS_WHY_NETWORK_DOWN] = "network-down",
        [BITS_WHY_PAUSED_BY_USER] = "paused-by-user",
        [BITS_WHY_DISK_FULL] = "disk-full",
        [BITS_WHY_NEEDS_COMPLETE] = "needs-complete",
        [BITS_WHY_NEEDS_CREDENTIALS] = "needs-credentials",
        [BITS_WHY_ERROR] = "error",
        [BITS_WHY_EMPTY] = "empty",
        [BITS_WHY_LINK_BUSY] = "link-busy",
        [BITS_WHY_LIMIT_RATE] = "limit-rate",
        [BITS_WHY_SCHEDULE] = "schedule",
        [BITS_WHY_METERED] = "metered",
        [BITS_WHY_BATTERY] = "battery",
        [BITS_WHY_CANNOT_SAVE] = "cannot-save",
};

static const char *const state_names[] = {
        [BG_JOB_STATE_QUEUED] = "BG_JOB_STATE_QUEUED",
        [BG_JOB_STATE_CONNECTING] = "BG_JOB_STATE_CONNECTING",
        [BG_JOB_STATE_TRANSFERRING] = "BG_JOB_STATE_TRANSFERRING",
        [BG_JOB_STATE_SUSPENDED] = "BG_JOB_STATE_SUSPENDED",
        [BG_JOB_STATE_ERROR] = "BG_JOB_STATE_ERROR",
        [BG_JOB_STATE_TRANSIENT_ERROR] = "BG_JOB_STATE_TRANSIENT_ERROR",
        [BG_JOB_STATE_TRANSFERRED] = "BG_JOB_STATE_TRANSFERRED",
        [BG_JOB_STATE_ACKNOWLEDGED] = "BG_JOB_STATE_ACKNOWLEDGED",
        [BG_JOB_STATE_CANCELLED] = "BG_JOB_STATE_CANCELLED",
};

static const char *const context_texts[] = {
        [BG_ERROR_CONTEXT_NONE] = "nothing",
        [BG_ERROR_CONTEXT_UNKNOWN] = "an unknown place",
        [BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER] = "the job queue",
        [BG_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION] = "the notification of the program",
        [BG_ERROR_CONTEXT_LOCAL_FILE] = "the local file",
        [BG_ERROR_CONTEXT_REMOTE_FILE] = "the remote file",
        [BG_ERROR_CONTEXT_GENERAL_TRANSPORT] = "the network transport",
        [BG_ERROR_CONTEXT_REMOTE_APPLICATION] = "the server's application",
        [BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK] = "the check of the server's certificate",
};

_public_ const char *bits_why_name(bits_why why)
{
        return (size_t) why < ARRAY_LEN(why_names) ? why_names[why] : "";
}

_public_ const char *bits_state_name(BG_JOB_STATE state)
{
        return (size_t) state < ARRAY_LEN(state_names) ? state_names[state]
                                                       : "BG_JOB_STATE_UNKNOWN";
}

_public_ const char *bits_context_text(BG_ERROR_CONTEXT context)
{
        return (size_t) context < ARRAY_LEN(context_texts)
                       ? context_texts[context]
                       : context_texts[BG_ERROR_CONTEXT_UNKNOWN];
}

_public_ const char *bits_error_text(HRESULT hr)
{
        return hresult_text(hr);
}

_public_ const char *bits_error_name(HRESULT hr)
{
        return hresult_name(hr);
}

_public_ const char *bits_error_hint(HRESULT hr)
{
        return hresult_hint(hr);
}

_public_ void bits_guid_format(const GUID *id, char text[37])
{
        static const GUID zero;

        if (text)
                guid_format(id ? id : &zero, text);
}

_public_ HRESULT bits_guid_parse(const char *text, GUID *ret_id)
{
        if (!text || !ret_id)
                return E_INVALIDARG;
        return guid_parse(text, ret_id) < 0 ? E_INVALIDARG : S_OK;
}

_public_ const char *bits_version(void)
{
        return BITS_VERSION;
}
