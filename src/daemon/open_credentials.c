/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/open_credentials.h"

#include <errno.h>

#include "base/log.h"
#include "base/str.h"
#include "vault/vault.h"

static const char *reason_of(int r)
{
        switch (r) {
        case VAULT_KEY_LOST:
                return "the key of the vault that they are sealed with is lost";
        case VAULT_KEY_REFUSED:
                return "the key of the vault cannot be used";
        case -ENOTSUP:
                return "there is no vault";
        case -EBADMSG:
                return "they are damaged";
        default:
                return "the vault does not work";
        }
}

static int open_one(const OpenCredential *open, const Job *job, const JobCredential *c,
                    AuthSet *set)
{
        Credential opened = {NULL};
        int r;

        if (c->implicit) /* there is nothing secret in it, so no key is needed */
                return auth_set_add(set, c->target, c->scheme, NULL, NULL);
        r = open->open ? open->open(open->ctx, &job->id, c, &opened) : -ENOTSUP;
        if (r != 0)
                return r;
        if (!opened.user || !opened.password) { /* the row says otherwise than what is sealed */
                credential_done(&opened);
                return -EBADMSG;
        }
        return auth_set_add(set, c->target, c->scheme, opened.user, opened.password);
}

int open_credentials(const OpenCredential *open, const Job *job, AuthSet **ret)
{
        _cleanup_(auth_set_unrefp) AuthSet *set = NULL;

        if (job->credentials_len == 0) {
                *ret = NULL;
                return 0;
        }
        if (auth_set_new(&set) < 0)
                return -ENOMEM;
        for (uint32_t i = 0; i < job->credentials_len; i++) {
                int r = open_one(open, job, &job->credentials[i], set);

                if (r == -ENOMEM)
                        return r;
                if (r == 0)
                        continue;
                (void) str_copy(set->unreadable, sizeof(set->unreadable), reason_of(r));
                log_debug("credentials of a job cannot be opened: %s", set->unreadable);
        }
        *ret = TAKE_PTR(set);
        return 0;
}
