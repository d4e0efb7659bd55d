/* SPDX-License-Identifier: Apache-2.0 */
/* bits_native.h: the credentials of jobs, and the key they are sealed with. */
#include "bits_native.h"

#include "args.h"
#include "client.h"
#include "decode.h"
#include "last_message.h"

static HRESULT check_secrets(const char *user, const char *password)
{
        HRESULT hr;

        if (!user)
                return S_OK;
        hr = args_check_limited(user, USER_NAME_MAX_UNITS, BG_E_USERNAME_TOO_LARGE);
        if (FAILED(hr))
                return hr;
        return args_check_limited(password, PASSWORD_MAX_UNITS, BG_E_PASSWORD_TOO_LARGE);
}

/* The password goes last: what a growing message leaves behind in memory is what came before. */
_public_ HRESULT bits_job_set_credentials(bits_client *client, const GUID *id,
                                          BG_AUTH_TARGET target, BG_AUTH_SCHEME scheme,
                                          const char *user, const char *password)
{
        Call call = {.member = "SetCredentials", .job = id, .repeatable = true, .secret = true};
        HRESULT hr;

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        hr = args_check_slot(target, scheme);
        if (SUCCEEDED(hr))
                hr = args_check_identity(scheme, user, password);
        if (SUCCEEDED(hr))
                hr = check_secrets(user, password);
        if (FAILED(hr))
                return hr;
        return client_call(client, &call, "uubsbs", (uint32_t) target, (uint32_t) scheme,
                           user != NULL, user ? user : "", password != NULL,
                           password ? password : "");
}

_public_ HRESULT bits_job_remove_credentials(bits_client *client, const GUID *id,
                                             BG_AUTH_TARGET target, BG_AUTH_SCHEME scheme)
{
        HRESULT result = S_OK, hr;
        Call call = {.member = "RemoveCredentials",
                     .job = id,
                     .repeatable = true,
                     .decode = decode_hresult,
                     .ctx = &result};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        hr = args_check_slot(target, scheme);
        if (SUCCEEDED(hr))
                hr = client_call(client, &call, "uu", (uint32_t) target, (uint32_t) scheme);
        return FAILED(hr) ? hr : result;
}

_public_ HRESULT bits_job_list_credentials(bits_client *client, const GUID *id,
                                           bits_credential **ret, size_t *ret_count)
{
        CredentialsAnswer answer = {0};
        Call call = {.member = "ListCredentials",
                     .job = id,
                     .repeatable = true,
                     .decode = decode_credentials,
                     .ctx = &answer};
        HRESULT hr;

        last_message_clear();
        if (!client || !id || !ret || !ret_count)
                return E_INVALIDARG;
        *ret = NULL;
        *ret_count = 0;
        hr = client_call(client, &call, NULL);
        if (FAILED(hr))
                return hr;
        *ret = answer.slots;
        *ret_count = answer.count;
        return S_OK;
}

/* Once more does no harm: what has the new key already stays as it is. No time limit, because a
 * large queue takes its time. */
_public_ HRESULT bits_service_rekey(bits_client *client, uint32_t *ret_slots)
{
        uint32_t slots = 0;
        Call call = {.member = "Rekey", .no_timeout = true, .decode = decode_number, .ctx = &slots};
        HRESULT hr;

        last_message_clear();
        if (!client)
                return E_INVALIDARG;
        hr = client_call(client, &call, NULL);
        if (SUCCEEDED(hr) && ret_slots)
                *ret_slots = slots;
        return hr;
}
