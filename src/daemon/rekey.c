/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rekey.h"

#include "base/hresult.h"
#include "base/log.h"
#include "daemon/notifier.h"
#include "vault/vault.h"

struct Rekey {
        Service *service;
        bool is_asked;    /* the engine owes an answer */
        uint64_t *tokens; /* who waits for it */
        size_t len, cap;
};

static void answer_all(Rekey *r, HRESULT hr, const char *detail)
{
        for (size_t i = 0; i < r->len; i++)
                notifier_answer(r->service->notifier, r->tokens[i], hr, detail);
        r->len = 0;
}

/* The vault's words are those of its last call: none when it was something else that failed. */
void rekey_ended(Rekey *r, HRESULT hr)
{
        const char *why = vault_why(r->service->vault);
        uint32_t slots = manager_rekeyed_slots(r->service->manager);

        r->is_asked = false;
        if (FAILED(hr)) {
                log_warning(
                        "the key of credentials could not be changed: %s; the old one stays, too",
                        *why ? why : hresult_text(hr));
                answer_all(r, hr, *why ? why : NULL);
                return;
        }
        log_line(LOG_NOTICE, NULL, "credentials have a new key; sealed anew: %u", slots);
        answer_all(r, (HRESULT) slots, NULL);
}

void rekey_report(Rekey *r)
{
        const VaultPort vault = vault_port(r->service->vault);
        bool is_pending = false;

        if (vault.rekey_pending(vault.ctx, &is_pending) != 0)
                log_warning("credentials of jobs cannot be used: %s", vault.why(vault.ctx));
        else if (is_pending)
                log_info("a change of the key of credentials goes on");
}

static bool remember(Rekey *r, uint64_t token)
{
        size_t cap = MAX(r->cap * 2, (size_t) 4);
        uint64_t *tokens;

        if (r->len == r->cap) {
                tokens = mem_realloc(r->tokens, cap * sizeof(*tokens));
                if (!tokens)
                        return false;
                r->tokens = tokens;
                r->cap = cap;
        }
        r->tokens[r->len++] = token;
        return true;
}

void rekey_ask(Rekey *r, uint64_t token)
{
        if (!remember(r, token)) {
                notifier_answer(r->service->notifier, token, E_OUTOFMEMORY, NULL);
                return;
        }
        if (r->is_asked)
                return;
        r->is_asked = true;
        manager_rekey(r->service->manager, REKEY_TOKEN);
}

Rekey *rekey_new(Service *s)
{
        Rekey *r = mem_new(Rekey);

        if (r)
                r->service = s;
        return r;
}

Rekey *rekey_free(Rekey *r)
{
        if (!r)
                return NULL;
        mem_free(r->tokens);
        mem_free(r);
        return NULL;
}
