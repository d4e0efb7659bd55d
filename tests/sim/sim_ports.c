/* SPDX-License-Identifier: Apache-2.0 */
/* Between the engine and the fakes: every call of every port is counted, is a place to die, may
 * fail, and is searched for secrets. */
#include <errno.h>
#include <string.h>

#include "sim.h"

/* Odds in 1000. What the fakes fail by themselves comes on top (sim.c). */
enum { CALL_FAILS = 8, DESTINATION_DENIED = 25, NOBODY_LISTENS = 20 };

/* Every call is a place to die. After that the outside world sees nothing more of the process,
 * whatever the engine still does on its way out. */
static void die_here(Sim *sim)
{
        sim->crash_in = 0;
        sim->crashed = true;
        sim->rig.transfer.dead = true;
        sim->rig.notifier.dead = true;
        sim->rig.vault.dead = true;
}

bool sim_may_die(Sim *sim)
{
        if (sim->calm)
                return false;
        sim->points++;
        if (sim->crash_in == 0 || --sim->crash_in > 0)
                return false;
        die_here(sim);
        return true;
}

static void enter(Sim *sim, SimPortCall call)
{
        sim->cover->calls[call]++;
        if (sim_may_die(sim))
                sim->cover->died[call]++;
}

static bool is_unlucky(Sim *sim, uint32_t per_mille)
{
        return !sim->calm && !sim->crashed && sim_chance(sim, per_mille);
}

static int leave(Sim *sim, SimPortCall call, int r)
{
        sim->cover->failed[call] += r < 0 && !sim->crashed;
        return r;
}

static void search_text(Sim *sim, const char *text)
{
        if (text && strstr(text, SIM_SECRET))
                sim_break(sim, "a secret is told");
}

static void search_bytes(Sim *sim, const uint8_t *bytes, uint32_t n)
{
        if (n > 0 && memmem(bytes, n, SIM_SECRET, strlen(SIM_SECRET)))
                sim_break(sim, "a secret is kept in clear text");
}

static void search_file(Sim *sim, const JobFile *file)
{
        if (!file)
                return;
        search_text(sim, file->remote);
        search_text(sim, file->local);
        search_text(sim, file->etag);
}

/* Whatever leaves the engine with a job must hold no password. */
static void search_job(Sim *sim, const Job *job)
{
        search_text(sim, job->props.name);
        search_text(sim, job->props.description);
        search_text(sim, job->props.proxy_list);
        search_text(sim, job->props.proxy_bypass);
        search_text(sim, job->props.reply_name);
        search_text(sim, job->props.notify_program);
        search_text(sim, job->props.notify_parameters);
        search_text(sim, job->status.error.host);
        search_text(sim, job->status.error.text);
        search_bytes(sim, job->session, job->session_bytes);
        for (uint32_t i = 0; i < job->credentials_len; i++)
                search_bytes(sim, job->credentials[i].sealed, job->credentials[i].sealed_bytes);
        search_file(sim, job->reply);
}

#define INNER(port, call, ...) sim->inner.port.call(sim->inner.port.ctx, ##__VA_ARGS__)
#define PASS(port, call, ...)                                                                      \
        (enter(sim, SIM_##port##_##call),                                                          \
         leave(sim, SIM_##port##_##call, INNER(port, call, ##__VA_ARGS__)))

static int store_begin(void *ctx)
{
        Sim *sim = ctx;

        return PASS(store, begin);
}

static int store_commit(void *ctx, bool durable)
{
        Sim *sim = ctx;
        int r = PASS(store, commit, durable);

        if (r == 0 && sim_may_die(sim)) /* in the file, and nothing has come of it yet */
                sim->cover->died_after_commit++;
        return r;
}

static void store_rollback(void *ctx)
{
        Sim *sim = ctx;

        enter(sim, SIM_store_rollback);
        INNER(store, rollback);
}

static int store_job_save(void *ctx, const Job *job)
{
        Sim *sim = ctx;

        search_job(sim, job);
        return PASS(store, job_save, job);
}

static int store_job_delete(void *ctx, const Job *job)
{
        Sim *sim = ctx;

        return PASS(store, job_delete, job);
}

static int store_files_insert(void *ctx, const Job *job, JobFile *const *files, uint32_t n)
{
        Sim *sim = ctx;

        for (uint32_t i = 0; i < n; i++)
                search_file(sim, files[i]);
        return PASS(store, files_insert, job, files, n);
}

static int store_file_save(void *ctx, const Job *job, const JobFile *file)
{
        Sim *sim = ctx;

        search_file(sim, file);
        return PASS(store, file_save, job, file);
}

static int store_credential_save(void *ctx, const Job *job, const JobCredential *c)
{
        Sim *sim = ctx;

        search_bytes(sim, c->sealed, c->sealed_bytes);
        return PASS(store, credential_save, job, c);
}

static int store_credential_delete(void *ctx, const Job *job, uint32_t target, uint32_t scheme)
{
        Sim *sim = ctx;

        return PASS(store, credential_delete, job, target, scheme);
}

static int store_load(void *ctx, const StoreSink *sink, bool *ret_same_boot, uint64_t *ret_serial)
{
        Sim *sim = ctx;

        return PASS(store, load, sink, ret_same_boot, ret_serial);
}

static int fail_call(Sim *sim, SimPortCall call)
{
        static const int WHY[] = {-EIO, -ENOMEM, -EMFILE, -EPIPE};

        if (!is_unlucky(sim, CALL_FAILS))
                return 0;
        return leave(sim, call, WHY[sim_below(sim, ARRAY_LEN(WHY))]);
}

/* A call that may fail before the other side hears of it. */
#define RISK(port, call, ...)                                                                      \
        int failure = fail_call(sim, SIM_##port##_##call);                                         \
                                                                                                   \
        return failure < 0 ? failure : PASS(port, call, ##__VA_ARGS__)

static int transfer_start(void *ctx, uint64_t op, const Job *job, const JobFile *file)
{
        Sim *sim = ctx;

        search_job(sim, job);
        RISK(transfer, start, op, job, file);
}

static void transfer_stop(void *ctx, uint64_t op)
{
        Sim *sim = ctx;

        enter(sim, SIM_transfer_stop);
        INNER(transfer, stop, op);
}

static int transfer_sync(void *ctx, uint64_t op, const Job *job)
{
        Sim *sim = ctx;

        RISK(transfer, sync, op, job);
}

static int transfer_publish(void *ctx, uint64_t op, const Job *job)
{
        Sim *sim = ctx;

        search_job(sim, job);
        RISK(transfer, publish, op, job);
}

static int transfer_discard(void *ctx, uint64_t op, const Job *job)
{
        Sim *sim = ctx;

        RISK(transfer, discard, op, job);
}

static int transfer_farewell(void *ctx, uint64_t op, const Job *job)
{
        Sim *sim = ctx;

        RISK(transfer, farewell, op, job);
}

static void transfer_session_stored(void *ctx, uint64_t op)
{
        Sim *sim = ctx;

        enter(sim, SIM_transfer_session_stored);
        INNER(transfer, session_stored, op);
}

static void transfer_set_limits(void *ctx, const TransferLimits *limits)
{
        Sim *sim = ctx;

        enter(sim, SIM_transfer_set_limits);
        INNER(transfer, set_limits, limits);
}

static void transfer_retune(void *ctx, uint64_t op, const Job *job)
{
        Sim *sim = ctx;

        search_job(sim, job);
        enter(sim, SIM_transfer_retune);
        INNER(transfer, retune, op, job);
}

static HRESULT transfer_read_reply(void *ctx, const Job *job, uint8_t **ret_data, uint64_t *ret)
{
        Sim *sim = ctx;
        HRESULT hr;

        enter(sim, SIM_transfer_read_reply);
        if (is_unlucky(sim, DESTINATION_DENIED)) {
                sim->cover->failed[SIM_transfer_read_reply]++;
                return sim->denied = HRESULT_FROM_WIN32(ERROR_IO_DEVICE);
        }
        hr = INNER(transfer, read_reply, job, ret_data, ret);
        sim->cover->failed[SIM_transfer_read_reply] += FAILED(hr) && !sim->crashed;
        return hr;
}

static HRESULT transfer_check_destination(void *ctx, uint32_t owner_uid, const char *local)
{
        Sim *sim = ctx;

        enter(sim, SIM_transfer_check_destination);
        if (is_unlucky(sim, DESTINATION_DENIED)) {
                sim->cover->failed[SIM_transfer_check_destination]++;
                return sim->denied = E_ACCESSDENIED;
        }
        return INNER(transfer, check_destination, owner_uid, local);
}

static void notifier_reply(void *ctx, uint64_t token, HRESULT hr, const JobFile *file)
{
        Sim *sim = ctx;

        enter(sim, SIM_notifier_reply);
        search_file(sim, file);
        if (!sim->crashed)
                sim_cover_answer(sim->cover, hr);
        INNER(notifier, reply, token, hr, file);
}

static void notifier_changed(void *ctx, const Job *job, bool state_changed)
{
        Sim *sim = ctx;

        enter(sim, SIM_notifier_changed);
        search_job(sim, job);
        if (state_changed && (job->status.state == BG_JOB_STATE_ERROR ||
                              job->status.state == BG_JOB_STATE_TRANSIENT_ERROR))
                sim_cover_error(sim->cover, job->status.error.code);
        INNER(notifier, changed, job, state_changed);
}

static int notifier_deliver(void *ctx, uint64_t client, uint64_t delivery, const Job *job,
                            NotifyKind kind)
{
        Sim *sim = ctx;

        search_job(sim, job);
        if (is_unlucky(sim, NOBODY_LISTENS))
                return leave(sim, SIM_notifier_deliver, -EPIPE);
        return PASS(notifier, deliver, client, delivery, job, kind);
}

static int notifier_run_program(void *ctx, uint64_t delivery, const Job *job, NotifyKind kind)
{
        Sim *sim = ctx;

        search_job(sim, job);
        return PASS(notifier, run_program, delivery, job, kind);
}

/* The model has to know that the vault failed within this call. */
static bool vault_fails(Sim *sim, SimPortCall call)
{
        if (!is_unlucky(sim, CALL_FAILS))
                return false;
        sim->cover->failed[call]++;
        sim->vault_failed = true;
        return true;
}

static int vault_seal(void *ctx, const VaultSlot *slot, const char *user, const char *password,
                      uint8_t **ret, uint32_t *ret_bytes)
{
        Sim *sim = ctx;

        return vault_fails(sim, SIM_vault_seal)
                       ? -EIO
                       : PASS(vault, seal, slot, user, password, ret, ret_bytes);
}

static int vault_reseal(void *ctx, const VaultSlot *slot, const uint8_t *sealed, uint32_t bytes,
                        uint8_t **ret, uint32_t *ret_bytes)
{
        Sim *sim = ctx;

        return vault_fails(sim, SIM_vault_reseal)
                       ? -EIO
                       : PASS(vault, reseal, slot, sealed, bytes, ret, ret_bytes);
}

static int vault_rekey_begin(void *ctx, bool *ret_made)
{
        Sim *sim = ctx;

        return vault_fails(sim, SIM_vault_rekey_begin) ? -EIO : PASS(vault, rekey_begin, ret_made);
}

static int vault_rekey_end(void *ctx)
{
        Sim *sim = ctx;

        return vault_fails(sim, SIM_vault_rekey_end) ? -EIO : PASS(vault, rekey_end);
}

static int vault_rekey_pending(void *ctx, bool *ret_pending)
{
        Sim *sim = ctx;

        return vault_fails(sim, SIM_vault_rekey_pending) ? -EIO
                                                         : PASS(vault, rekey_pending, ret_pending);
}

static const char *vault_why(void *ctx)
{
        Sim *sim = ctx;

        return INNER(vault, why);
}

void sim_wrap_ports(void *ctx, ManagerPorts *ports)
{
        Sim *sim = ctx;

        sim->inner = *ports;
#define X(port, call) ports->port.call = port##_##call;
        SIM_PORT_CALLS(X)
#undef X
        ports->vault.why = vault_why;
        ports->store.ctx = ports->transfer.ctx = ports->notifier.ctx = ports->vault.ctx = sim;
}
