/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_credential.h"

#include <errno.h>
#include <string.h>

#include "base/attr.h"
#include "base/utf.h"
#include "engine/port/vault.h"

static bool is_target(uint32_t target)
{
        return target == BG_AUTH_TARGET_SERVER || target == BG_AUTH_TARGET_PROXY;
}

static bool is_scheme(uint32_t scheme)
{
        return scheme >= BG_AUTH_SCHEME_BASIC && scheme <= BG_AUTH_SCHEME_PASSPORT;
}

HRESULT job_credential_check_slot(uint32_t target, uint32_t scheme)
{
        if (!is_target(target))
                return BG_E_INVALID_AUTH_TARGET;
        return is_scheme(scheme) ? S_OK : BG_E_INVALID_AUTH_SCHEME;
}

static bool knows_implicit(uint32_t scheme)
{
        return scheme == BG_AUTH_SCHEME_NTLM || scheme == BG_AUTH_SCHEME_NEGOTIATE;
}

HRESULT job_credential_check(uint32_t scheme, const char *user, const char *password)
{
        if (!user || !password)
                return !user && !password && knows_implicit(scheme) ? S_OK : E_INVALIDARG;
        if (!utf8_is_valid(user, strlen(user)) || !utf8_is_valid(password, strlen(password)))
                return E_INVALIDARG;
        if (utf8_utf16_units(user) > VAULT_USER_UNITS_MAX)
                return BG_E_USERNAME_TOO_LARGE;
        return utf8_utf16_units(password) > VAULT_PASSWORD_UNITS_MAX ? BG_E_PASSWORD_TOO_LARGE
                                                                     : S_OK;
}

static bool is_slot(const JobCredential *c, uint32_t target, uint32_t scheme)
{
        return c->target == target && c->scheme == scheme;
}

const JobCredential *job_credential_find(const Job *job, uint32_t target, uint32_t scheme)
{
        for (uint32_t i = 0; i < job->credentials_len; i++)
                if (is_slot(&job->credentials[i], target, scheme))
                        return &job->credentials[i];
        return NULL;
}

uint64_t job_credentials_bytes(const Job *job)
{
        uint64_t sum = 0;

        for (uint32_t i = 0; i < job->credentials_len; i++)
                sum += job->credentials[i].sealed_bytes;
        return sum;
}

bool job_credentials_are_sane(const Job *job)
{
        if (job->credentials_len > JOB_CREDENTIALS_MAX ||
            (job->credentials_len > 0 && !job->credentials))
                return false;
        for (uint32_t i = 0; i < job->credentials_len; i++) {
                const JobCredential *c = &job->credentials[i];

                if (!is_target(c->target) || !is_scheme(c->scheme) || !c->sealed ||
                    c->sealed_bytes == 0 || c->sealed_bytes > VAULT_SEALED_BYTES_MAX ||
                    job_credential_find(job, c->target, c->scheme) != c)
                        return false;
        }
        return true;
}

/* The set without one slot, with room for one more. */
static JobCredential *copy_without(const Job *job, uint32_t target, uint32_t scheme,
                                   uint32_t *ret_len)
{
        JobCredential *set = mem_array(job->credentials_len + 1, sizeof(*set));

        *ret_len = 0;
        for (uint32_t i = 0; set && i < job->credentials_len; i++)
                if (!is_slot(&job->credentials[i], target, scheme))
                        set[(*ret_len)++] = job->credentials[i];
        return set;
}

int job_credentials_with(const Job *job, const JobCredential *take, Job *view)
{
        uint32_t len;
        JobCredential *set = copy_without(job, take->target, take->scheme, &len);

        if (!set)
                return -ENOMEM;
        set[len++] = *take;
        view->credentials = set;
        view->credentials_len = len;
        return 0;
}

int job_credentials_without(const Job *job, uint32_t target, uint32_t scheme, Job *view)
{
        uint32_t len;
        JobCredential *set = copy_without(job, target, scheme, &len);

        if (!set)
                return -ENOMEM;
        view->credentials = set;
        view->credentials_len = len;
        return 0;
}

static bool has_blob(const Job *job, const uint8_t *sealed)
{
        for (uint32_t i = 0; i < job->credentials_len; i++)
                if (job->credentials[i].sealed == sealed)
                        return true;
        return false;
}

static void free_all_but(Job *job, const Job *shared)
{
        for (uint32_t i = 0; i < job->credentials_len; i++)
                if (!shared || !has_blob(shared, job->credentials[i].sealed))
                        mem_free(job->credentials[i].sealed);
        mem_free(job->credentials);
        job->credentials = NULL;
        job->credentials_len = 0;
}

void job_credentials_keep(Job *job, Job *view)
{
        free_all_but(job, view);
        job->credentials = view->credentials;
        job->credentials_len = view->credentials_len;
}

void job_credentials_undo(const Job *job, Job *view)
{
        free_all_but(view, job);
}

void job_credentials_drop(Job *job)
{
        free_all_but(job, NULL);
}
