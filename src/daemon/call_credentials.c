/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about credentials, and about the key they are sealed with. */
#include <inttypes.h>

#include "base/hresult.h"
#include "daemon/audit.h"
#include "daemon/call.h"
#include "daemon/notifier.h"
#include "daemon/rekey.h"
#include "vault/vault.h"

/* Why, where the code has more than one reason. Never with anything of the secrets. */
static void explain(Call *call, HRESULT hr, bool has_user, bool has_password)
{
        const char *why = vault_why(call->service->vault);
        const Job *job;

        switch (hr) {
        case E_INVALIDARG:
                call_explain(call,
                             has_user != has_password
                                     ? "user name and password go together: give both or neither"
                             : has_user ? "the user name cannot be used"
                                        : "this scheme needs a user name and a password");
                break;
        case E_ACCESSDENIED:
                if (SUCCEEDED(manager_read_job(call->service->manager, &call->caller, &call->job,
                                               &job)))
                        call_explain(call, "credentials are for the owner of the job alone");
                break;
        case BG_E_NOT_FOUND:
        case BG_E_INVALID_STATE:
        case BG_E_INVALID_AUTH_TARGET:
        case BG_E_INVALID_AUTH_SCHEME:
        case BG_E_USERNAME_TOO_LARGE:
        case BG_E_PASSWORD_TOO_LARGE:
                break;
        case HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA):
                call_explain(call,
                             "the credentials of all jobs would take more than %" PRIu64
                             " MiB (MaxCredentialMiBPerUser); remove those that are not needed",
                             call->service->policy.sealed_bytes_per_user >> 20);
                break;
        default:
                if (*why)
                        call_explain(call, "%s", why);
        }
}

/* The message is wiped when it is freed (client.c). */
HRESULT call_set_credentials(Call *call)
{
        const char *user, *password;
        int has_user, has_password;
        char slot[AUDIT_SLOT_BYTES];
        uint32_t target, scheme;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "uubsbs", &target, &scheme, &has_user, &user, &has_password,
                               &password);
        if (FAILED(hr))
                return hr;
        hr = manager_set_credentials(call->service->manager, &call->caller, &call->job, target,
                                     scheme, has_user ? user : NULL,
                                     has_password ? password : NULL);
        if (FAILED(hr))
                explain(call, hr, has_user, has_password);
        else
                audit_job(call, "%s were set%s", audit_slot(target, scheme, slot),
                          has_user ? "" : ", the owner's own");
        return hr;
}

HRESULT call_remove_credentials(Call *call)
{
        char slot[AUDIT_SLOT_BYTES];
        uint32_t target, scheme;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "uu", &target, &scheme);
        if (FAILED(hr))
                return hr;
        hr = manager_remove_credentials(call->service->manager, &call->caller, &call->job, target,
                                        scheme);
        if (hr == S_OK) /* S_FALSE: there were none */
                audit_job(call, "%s were removed", audit_slot(target, scheme, slot));
        if (SUCCEEDED(hr))
                return call_reply(call, "u", (uint32_t) hr);
        if (hr == E_ACCESSDENIED)
                explain(call, hr, false, false);
        return hr;
}

HRESULT call_list_credentials(Call *call)
{
        const Job *job;
        HRESULT hr = call_read_id(call);
        int r;

        if (SUCCEEDED(hr))
                hr = manager_read_job(call->service->manager, &call->caller, &call->job, &job);
        if (SUCCEEDED(hr))
                hr = call_reply(call, "");
        if (FAILED(hr))
                return hr;
        r = sd_bus_message_open_container(call->reply, 'a', "(uub)");
        for (uint32_t i = 0; i < job->credentials_len && r >= 0; i++) {
                const JobCredential *c = &job->credentials[i];

                r = sd_bus_message_append(call->reply, "(uub)", c->target, c->scheme,
                                          (int) c->implicit);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(call->reply);
        return r < 0 ? hresult_from_errno(r) : S_OK;
}

HRESULT call_rekey(Call *call)
{
        Service *s = call->service;
        uint64_t token = 0;
        HRESULT hr;

        if (!call->caller.is_admin && call->caller.uid != s->uid)
                return E_ACCESSDENIED;
        hr = notifier_defer(s->notifier, call, &token);
        if (SUCCEEDED(hr))
                rekey_ask(s->rekey, token);
        return hr;
}
