/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and changes of the vault's key: what users do, and what must hold. Every change is on
 * disk when it is answered, so after a crash the model and the queue agree to the slot; only a call
 * that nobody answered, or that the store refused when it was in the file, leaves two answers. */
#include <stdio.h>
#include <string.h>

#include "engine/job_credential.h"
#include "sim.h"

static const Caller ADMIN = {.uid = 0, .is_admin = true, .client = 4};

static const uint64_t *slot_of(const SimJob *j, uint32_t target, uint32_t scheme)
{
        return &j->secrets[(target - 1) * 5 + scheme - 1];
}

static uint64_t held(const Sim *sim, const Job *job, uint32_t target, uint32_t scheme)
{
        const JobCredential *c = job_credential_find(job, target, scheme);
        uint64_t digest = c ? fake_vault_open(&sim->rig.vault, &job->id, c) : 0;

        return c && digest == 0 ? UINT64_MAX : digest;
}

static bool agrees(const Sim *sim, const SimJob *j, const Job *job)
{
        for (uint32_t target = 1; target <= 2; target++)
                for (uint32_t scheme = 1; scheme <= 5; scheme++)
                        if (held(sim, job, target, scheme) != *slot_of(j, target, scheme))
                                return false;
        return true;
}

void sim_check_credentials(Sim *sim, SimJob *j, const Job *job)
{
        const Job *durable = fake_store_durable_job(&sim->rig.store, &j->id);

        if (!fake_store_is_tainted(&sim->rig.store, &j->id))
                j->doubts = 0;
        if (job_state_is_final(job->status.state) && job->status.farewell_wall == 0) {
                if (job->credentials_len > 0)
                        sim_break(sim, "credentials outlive their job");
                return;
        }
        if (!agrees(sim, j, job))
                sim_break(sim, "a job has other credentials than were set");
        if (durable ? !agrees(sim, j, durable) : job->credentials_len > 0)
                sim_break(sim, "acknowledged credentials are not on disk");
}

void sim_check_start(void *ctx, const Job *job)
{
        Sim *sim = ctx;
        const SimJob *j = sim_job_of(sim, &job->id);

        if (j && !agrees(sim, j, job))
                sim_break(sim, "a transfer starts with credentials that are not set");
        sim->armed_starts += job->credentials_len > 0;
}

static bool was_doubtful(const SimJob *j, uint32_t target, uint32_t scheme, uint64_t digest)
{
        for (uint32_t i = 0; i < j->doubts; i++)
                if (j->doubt[i].target == target && j->doubt[i].scheme == scheme &&
                    j->doubt[i].digest == digest)
                        return true;
        return false;
}

/* `j->uid` is the owner before the crash: a takeover that nobody answered may have happened. */
void sim_restart_credentials(Sim *sim, SimJob *j, const Job *job)
{
        if (job_state_is_final(job->status.state) && job->status.farewell_wall == 0)
                return; /* it ended on the way; sim_check() looks at those */
        if (job->owner_uid != j->uid)
                memset(j->secrets, 0, sizeof(j->secrets));
        for (uint32_t target = 1; target <= 2; target++)
                for (uint32_t scheme = 1; scheme <= 5; scheme++) {
                        uint64_t digest = held(sim, job, target, scheme);

                        if (digest != *slot_of(j, target, scheme) &&
                            !was_doubtful(j, target, scheme, digest))
                                sim_break(sim, digest != 0 ? "credentials come back in a crash"
                                                           : "credentials are lost in a crash");
                        j->secrets[(target - 1) * 5 + scheme - 1] = digest;
                }
        j->doubts = 0;
}

static uint64_t slots_of_owner(Sim *sim, uint32_t uid)
{
        uint64_t n = 0;

        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                const Job *job;

                if (SUCCEEDED(manager_read_job(sim->rig.m, &ADMIN, &sim->jobs[i].id, &job)) &&
                    job->owner_uid == uid)
                        n += job->credentials_len;
        }
        return n;
}

static HRESULT refusal(Sim *sim, const SimJob *j, const Caller *caller, uint32_t target,
                       uint32_t scheme)
{
        const Job *job;

        if (target < 1 || target > 2)
                return BG_E_INVALID_AUTH_TARGET;
        if (scheme < 1 || scheme > 5)
                return BG_E_INVALID_AUTH_SCHEME;
        if (FAILED(manager_read_job(sim->rig.m, &ADMIN, &j->id, &job)))
                return BG_E_NOT_FOUND;
        if (job->owner_uid != caller->uid)
                return E_ACCESSDENIED;
        return job_state_is_final(job->status.state) || job->status.intent != INTENT_NONE
                       ? BG_E_INVALID_STATE
                       : S_OK;
}

static bool is_full(Sim *sim, const SimJob *j, const Caller *caller, bool replaces)
{
        (void) j;
        return (slots_of_owner(sim, caller->uid) + !replaces) * sim->rig.vault.blob_bytes >
               sim->rig.policy.sealed_bytes_per_user;
}

static bool is_excused(const Sim *sim, HRESULT hr)
{
        bool store = sim->store_bad && (hr == HRESULT_FROM_WIN32(ERROR_DISK_FULL) ||
                                        hr == HRESULT_FROM_WIN32(ERROR_IO_DEVICE));

        return store || ((sim->rig.vault.result != 0 || sim->vault_failed) &&
                         hr == HRESULT_FROM_WIN32(ERROR_IO_DEVICE));
}

/* What the slot holds now, if that is known; else it is one of two things. */
static void note(Sim *sim, SimJob *j, uint32_t target, uint32_t scheme, HRESULT hr, uint64_t digest)
{
        if (hr == S_OK && !sim->crashed)
                j->secrets[(target - 1) * 5 + scheme - 1] = digest;
        else if (sim->crashed || is_excused(sim, hr))
                j->doubt[j->doubts++] = (SimDoubt){target, scheme, digest};
}

static void expect(Sim *sim, HRESULT got, HRESULT want, const char *promise)
{
        if (!sim->crashed)
                sim_cover_answer(sim->cover, got);
        if (!sim->crashed && got != want && !(want == S_OK && is_excused(sim, got)))
                sim_break(sim, promise);
}

static void set(Sim *sim, SimJob *j, const Caller *caller, uint32_t target, uint32_t scheme)
{
        HRESULT want = refusal(sim, j, caller, target, scheme);
        bool implicit = sim_chance(sim, 300);
        char password[24];
        const char *user = implicit ? NULL : "somebody";
        HRESULT hr;

        (void) snprintf(password, sizeof(password), SIM_SECRET "-%u", ++sim->passwords);
        if (implicit && want != BG_E_INVALID_AUTH_TARGET && want != BG_E_INVALID_AUTH_SCHEME &&
            scheme != BG_AUTH_SCHEME_NTLM && scheme != BG_AUTH_SCHEME_NEGOTIATE)
                want = E_INVALIDARG;
        if (want == S_OK && sim->rig.vault.result == 0 &&
            is_full(sim, j, caller, *slot_of(j, target, scheme) != 0))
                want = HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA);
        hr = manager_set_credentials(sim->rig.m, caller, &j->id, target, scheme, user,
                                     implicit ? NULL : password);
        if (sim->vault_failed && hr == HRESULT_FROM_WIN32(ERROR_IO_DEVICE))
                want = hr; /* before anybody counted */
        expect(sim, hr, want, "SetCredentials answered wrongly");
        note(sim, j, target, scheme, hr, fake_vault_digest(user, implicit ? NULL : password));
}

static void remove_one(Sim *sim, SimJob *j, const Caller *caller, uint32_t target, uint32_t scheme)
{
        HRESULT want = refusal(sim, j, caller, target, scheme);
        HRESULT hr;

        if (want == S_OK && *slot_of(j, target, scheme) == 0)
                want = S_FALSE;
        hr = manager_remove_credentials(sim->rig.m, caller, &j->id, target, scheme);
        expect(sim, hr, want, "RemoveCredentials answered wrongly");
        note(sim, j, target, scheme, hr, 0);
}

void sim_use_credentials(Sim *sim, SimJob *j, const Caller *caller)
{
        uint32_t target = 1 + (uint32_t) sim_below(sim, 2);
        uint32_t scheme = 1 + (uint32_t) sim_below(sim, 5);

        if (j->doubts == SIM_DOUBTS)
                return;
        if (sim_chance(sim, 50))
                target = (uint32_t) sim_below(sim, 4);
        if (sim_chance(sim, 50))
                scheme = (uint32_t) sim_below(sim, 8);
        if (sim_chance(sim, 700))
                set(sim, j, caller, target, scheme);
        else
                remove_one(sim, j, caller, target, scheme);
}

void sim_rekey(Sim *sim)
{
        FakeNotifier *n = &sim->rig.notifier;
        uint64_t token = sim->rig.next_token++ % FAKE_TOKENS;
        bool waits = sim->rekey_token != 0 && !n->answered[sim->rekey_token];

        n->answered[token] = false;
        manager_rekey(sim->rig.m, token);
        if (sim->crashed)
                return;
        if (!waits)
                sim->rekey_token = token;
        else if (!n->answered[token] || n->answers[token] != HRESULT_FROM_WIN32(ERROR_BUSY))
                sim_break(sim, "two changes of the key at once");
}

/* In calm weather, after a last change was asked for. */
void sim_check_rekeyed(Sim *sim)
{
        if (sim->rekey_token != 0 && !sim->rig.notifier.answered[sim->rekey_token])
                sim_break(sim, "a change of the key was never answered");
        if (sim->rig.vault.previous != 0)
                sim_break(sim, "a change of the key never comes to an end");
        for (uint32_t i = 0; i < sim->rig.store.image.len; i++) {
                const Job *job = sim->rig.store.image.jobs[i];

                if (job_state_is_final(job->status.state) && job->credentials_len > 0)
                        sim_break(sim, "credentials outlive their job in the store");
        }
}
