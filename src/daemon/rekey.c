/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rekey.h"

#include <errno.h>
#include <string.h>

#include "base/hresult.h"
#include "base/log.h"
#include "daemon/notifier.h"
#include "vault/vault.h"

struct Rekey {
        Service *service;
        VaultPort vault;
        sd_event_source *step; /* a defer source; enabled while one is under way */
        bool is_running;
        ManagerReseal progress;
        uint64_t *tokens; /* who waits for it */
        size_t tokens_len, tokens_cap;
};

static void answer_all(Rekey *r, HRESULT hr, const char *detail)
{
        for (size_t i = 0; i < r->tokens_len; i++)
                notifier_answer(r->service->notifier, r->tokens[i], hr, detail);
        r->tokens_len = 0;
}

/* Both keys stay where they are. `error` is a VaultOutcome or a negative errno; the vault's own
 * words count only when it was the vault that failed. */
static void fail(Rekey *r, int error, bool is_vault)
{
        const char *why = is_vault ? r->vault.why(r->vault.ctx) : "";
        HRESULT hr = error < 0 && error != -ENOKEY ? hresult_from_errno(error) : E_FAIL;

        if (!*why && error < 0)
                why = strerror(-error);
        log_error("the key of the credentials could not be changed: %s; the old one stays as well",
                  why);
        r->is_running = false;
        answer_all(r, hr, why);
}

static void finish(Rekey *r)
{
        int error = r->vault.rekey_end(r->vault.ctx);

        if (error != 0) {
                fail(r, error, true);
                return;
        }
        r->is_running = false;
        if (r->progress.lost > 0)
                log_warning("credentials that no key opens: %u; they must be set again",
                            r->progress.lost);
        log_line(LOG_NOTICE, NULL, "credentials have a new key; sealed anew: %u",
                 r->progress.slots);
        answer_all(r, (HRESULT) r->progress.slots, NULL);
}

static int on_step(sd_event_source *source, void *ctx)
{
        Rekey *r = ctx;
        int more = manager_reseal(r->service->manager, &r->progress);

        if (more < 0)
                fail(r, more, more == -ENOKEY);
        else if (more == 0)
                finish(r);
        if (r->is_running && sd_event_source_set_enabled(r->step, SD_EVENT_ONESHOT) < 0)
                fail(r, -EIO, false);
        return 0;
}

static void begin(Rekey *r)
{
        bool made = false;
        int error = r->vault.rekey_begin(r->vault.ctx, &made);

        if (error != 0) {
                fail(r, error, true);
                return;
        }
        if (made)
                log_line(LOG_NOTICE, NULL, "a new key for credentials has been made");
        r->progress = (ManagerReseal){0};
        r->is_running = true;
        if (sd_event_source_set_enabled(r->step, SD_EVENT_ONESHOT) < 0)
                fail(r, -EIO, false);
}

void rekey_continue(Rekey *r)
{
        bool pending = false;
        int error = r->vault.rekey_pending(r->vault.ctx, &pending);

        if (error != 0) {
                log_warning("the vault of credentials: %s", r->vault.why(r->vault.ctx));
                return;
        }
        if (!pending || r->is_running)
                return;
        log_info("a change of the key for credentials goes on");
        begin(r);
}

static bool remember(Rekey *r, uint64_t token)
{
        size_t cap = MAX(r->tokens_cap * 2, (size_t) 4);
        uint64_t *tokens;

        if (r->tokens_len == r->tokens_cap) {
                tokens = mem_realloc(r->tokens, cap * sizeof(*tokens));
                if (!tokens)
                        return false;
                r->tokens = tokens;
                r->tokens_cap = cap;
        }
        r->tokens[r->tokens_len++] = token;
        return true;
}

void rekey_ask(Rekey *r, uint64_t token)
{
        if (!remember(r, token)) {
                notifier_answer(r->service->notifier, token, E_OUTOFMEMORY, NULL);
                return;
        }
        if (!r->is_running)
                begin(r);
}

int rekey_new(Service *s, Rekey **ret)
{
        _cleanup_(rekey_freep) Rekey *r = mem_new(Rekey);
        int error;

        if (!r)
                return -ENOMEM;
        *r = (Rekey){.service = s, .vault = vault_port(s->vault)};
        error = sd_event_add_defer(s->loop, &r->step, on_step, r);
        if (error >= 0)
                error = sd_event_source_set_enabled(r->step, SD_EVENT_OFF);
        if (error < 0)
                return error;
        *ret = TAKE_PTR(r);
        return 0;
}

Rekey *rekey_free(Rekey *r)
{
        if (!r)
                return NULL;
        (void) sd_event_source_disable_unref(r->step);
        mem_free(r->tokens);
        mem_free(r);
        return NULL;
}
