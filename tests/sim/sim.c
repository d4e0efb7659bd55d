/* SPDX-License-Identifier: Apache-2.0 */
/* One simulated life: steps, crashes, and a calm end in which everything has to come to rest. */
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const Caller ADMIN = {.uid = 0, .is_admin = true, .client = 4};

static int store_fault(void *ctx, FakeStoreCall call)
{
        Sim *sim = ctx;

        if (call == FAKE_STORE_HARDEN) /* in the file, and not on disk */
                (void) sim_may_die(sim);
        if (sim->crashed)
                return -EIO;
        if (call == FAKE_STORE_LOAD && sim->load_fails)
                return -EIO;
        if (sim->store_bad && sim_chance(sim, 150))
                return sim_chance(sim, 500) ? -ENOSPC : -EIO;
        return 0;
}

static void set_faults(Sim *sim)
{
        sim->rig.transfer.faults = (FakeFaults){
                .connect = 60,
                .reset = 20,
                .transient_status = 60,
                .fatal_status = 30,
                .disk_full = 5,
                .changed = 40,
                .worker = 5,
                .sync_lost = sim->files_vanish ? 10 : 0,
                .sync = 20,
                .publish = 60,
                .discard = 60,
                .start = 10,
                .session_lost = 40,
                .application = 60,
                .source = 10,
                .farewell = 400,
                .lies = sim->servers_lie ? 60 : 0,
                .tagless = 300,
        };
}

void sim_init(Sim *sim, uint64_t seed, SimCover *cover)
{
        *sim = (Sim){.seed = seed, .network_up = true, .cover = cover};
        fake_rig_prepare(&sim->rig, seed);
        fake_random_init(&sim->dice, seed ^ 0x5eed);
        sim->uploads_by = sim_uploads();
        sim->rig.disk.default_size = 1 + sim_below(sim, sim->uploads_by->size_max);
        fake_disk_remote(&sim->rig.disk, "http://host/0")->size = 0;
        fake_disk_remote(&sim->rig.disk, "/home/u/1-0")->size = 0; /* sources */
        /* Long enough that no test of the model meets an evicted tombstone by surprise. */
        sim->rig.policy.tombstones_max = 1 + (uint32_t) sim_below(sim, 30);
        sim->rig.policy.sealed_bytes_per_user =
                (1 + sim_below(sim, 12)) * sim->rig.vault.blob_bytes;
        sim->rig.wrap_ports = sim_wrap_ports;
        sim->rig.wrap_ports_ctx = sim;
        sim->rig.store.fault = store_fault;
        sim->rig.store.fault_ctx = sim;
        sim->rig.transfer.on_start = sim_check_start;
        sim->rig.transfer.on_start_ctx = sim;
        sim->rig.notifier.on_run = sim_run_program;
        sim->rig.notifier.on_run_ctx = sim;
        sim->uploader = sim->uploads_by->new ? sim->uploads_by->new (sim) : NULL;
        sim->files_vanish = seed % 2 == 1;
        sim->servers_lie = seed % 4 == 0;
        set_faults(sim);
        sim_cover_use(cover);
        sim->calm = true; /* while it is born */
        if (!fake_rig_start(&sim->rig))
                sim_break(sim, "an empty queue cannot be loaded");
        sim->calm = false;
}

void sim_done(Sim *sim)
{
        fake_rig_done(&sim->rig);
        if (sim->uploads_by->free)
                sim->uploads_by->free(sim->uploader);
        sim_cover_use(NULL);
}

/* Jobs whose creation was not durable yet may be gone after power loss; the model lets them go
 * before the fact. Everything else has to be there again. */
static void forget_soft_jobs(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];
                const Job *durable = fake_store_durable_job(&sim->rig.store, &j->id);

                if (!j->live)
                        continue;
                if (!durable)
                        j->live = false;
                else if (durable->files_len < j->files)
                        j->files = durable->files_len;
        }
}

/* A state in the model that was not durable may be older after power loss. */
static void relax_states(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];
                const Job *stored = fake_store_job(&sim->rig.store, &j->id);

                if (j->live && stored && stored->status.undelivered == NOTIFY_NONE)
                        j->owed = NOTIFY_NONE;
        }
}

static void revive_kept_jobs(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];
                const Job *stored = fake_store_job(&sim->rig.store, &j->id);

                if (!j->live && !j->ended && stored) {
                        j->live = true;
                        j->files = stored->files_len;
                        j->state = stored->status.state;
                }
        }
}

static bool is_power_loss(Sim *sim)
{
        bool power = sim_chance(sim, 300);

        return sim->planned_end == SIM_END_ANY ? power : sim->planned_end == SIM_END_POWER;
}

static void die(Sim *sim)
{
        bool power = is_power_loss(sim);
        uint32_t journal = fake_store_journal_len(&sim->rig.store);

        if (sim->trace)
                (void) printf("step %u: %s\n", sim->step, power ? "power loss" : "kill");
        sim->powers += power;
        sim->kills += !power;
        sim->cover->world[power ? SIM_WORLD_power_loss : SIM_WORLD_kill]++;
        sim_note_ends(sim);
        if (power)
                forget_soft_jobs(sim);
        fake_rig_stop(&sim->rig, power, (uint32_t) sim_below(sim, journal + 1));
        relax_states(sim);
        revive_kept_jobs(sim);
        sim->crash_in = 0;
        sim->crashed = false;
}

/* True when the service is up. It may die again on the way, or find its queue unreadable for the
 * moment and leave: somebody starts it again. */
static bool start(Sim *sim)
{
        bool unreadable = !sim->planned && sim_chance(sim, 50);
        bool up;

        if (!sim->planned && sim_chance(sim, 100))
                sim->crash_in = 1 + (uint32_t) sim_below(sim, 20);
        sim->load_fails = unreadable;
        up = fake_rig_start(&sim->rig);
        sim->load_fails = false;
        if (sim->crashed)
                sim->cover->world[SIM_WORLD_died_while_starting]++;
        else if (!up && unreadable)
                sim->cover->world[SIM_WORLD_queue_unreadable]++;
        else if (!up)
                sim_break(sim, "the queue cannot be loaded");
        return sim->broken || (up && !sim->crashed);
}

static void crash(Sim *sim)
{
        bool store_bad = sim->store_bad;

        sim->store_bad = false; /* a service that cannot read its queue does not start */
        do
                die(sim);
        while (!start(sim));
        sim->crash_in = 0;
        if (fake_store_journal_len(&sim->rig.store) > 0 && sim->rig.store.image.len > 0)
                sim_break(sim, "what a start found is not on disk");
        sim->store_bad = store_bad;
        if (!sim->network_up)
                manager_network_changed(sim->rig.m, false);
        sim_tell_brakes(sim);
        sim_check_restart(sim);
}

static void step(Sim *sim)
{
        sim->step++;
        sim_act(sim);
        if (!sim->crashed)
                fake_rig_run(&sim->rig);
        if (sim->crashed)
                crash(sim);
        if (!sim->crashed && !sim->broken) {
                fake_rig_run(&sim->rig);
                if (!sim->crashed)
                        sim_check(sim);
        }
        if (sim->crashed)
                crash(sim);
}

/* Programs have to do it alone for some, or nobody would see whether they do. */
static bool is_left_to_its_program(const Sim *sim, const Job *job)
{
        return job->props.notify_program && sim->seed % 3 != 0;
}

static void register_everybody(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                const SimJob *j = &sim->jobs[i];
                const Job *job;

                if (!j->live || FAILED(manager_read_job(sim->rig.m, &ADMIN, &j->id, &job)) ||
                    job->status.intent != INTENT_NONE)
                        continue;
                if (manager_set_notify_flags(sim->rig.m, &ADMIN, &j->id, 11) != S_OK ||
                    manager_set_notify_client(sim->rig.m, &ADMIN, &j->id,
                                              !is_left_to_its_program(sim, job)) != S_OK)
                        sim_break(sim, "a setter failed in calm weather");
        }
}

static bool is_busy(const Sim *sim)
{
        return sim->rig.transfer.ops_len > 0 || fake_notifier_outstanding(&sim->rig.notifier) > 0;
}

/* Many at once, of servers that answer now and then: all have to hear of it. */
static void cancel_uploads(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];
                const Job *job;

                if (!j->live || j->type == BG_JOB_TYPE_DOWNLOAD ||
                    FAILED(manager_read_job(sim->rig.m, &ADMIN, &j->id, &job)) ||
                    job->status.intent != INTENT_NONE ||
                    job->status.state == BG_JOB_STATE_TRANSFERRED)
                        continue;
                if (job->props.no_progress_sec > 86400)
                        j->cancelled = sim->uploads_by->session(sim, job);
                if (j->token != 0 && !sim->rig.notifier.answered[j->token])
                        sim_break(sim, "a final step is over and its call is not answered");
                j->token = sim->rig.next_token++ % FAKE_TOKENS;
                j->asked = INTENT_CANCEL;
                sim->rig.notifier.answered[j->token] = false;
                manager_cancel(sim->rig.m, &ADMIN, &j->id, j->token);
        }
}

/* From here on nothing goes wrong any more. */
static void calm_down(Sim *sim)
{
        sim->calm = true;
        if (sim->store_bad)
                sim->store_bad_until = sim->rig.clock.mono + 10 * USEC_PER_SEC;
        sim->crash_in = 0;
        sim->store_bad = false;
        sim->rig.transfer.faults = (FakeFaults){0};
        if (sim->uploads_by->calm)
                sim->uploads_by->calm(sim->uploader);
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                const Job *job;

                sim->jobs[i].owes_farewell =
                        SUCCEEDED(manager_read_job(sim->rig.m, &ADMIN, &sim->jobs[i].id, &job)) &&
                        job->status.farewell_wall != 0;
        }
        sim->rig.vault.result = 0;
        if (sim->rig.vault.previous != 0 || sim_chance(sim, 300))
                sim_rekey(sim);
        sim->rig.policy.allow_programs = true;
        sim->rig.policy.max_download_time_sec = 90 * 86400;
        sim->rig.policy.job_inactivity_sec = 90 * 86400;
        manager_set_policy(sim->rig.m, &sim->rig.policy);
        if (!sim->network_up) {
                sim->network_up = true;
                manager_network_changed(sim->rig.m, true);
        }
        sim_release_brakes(sim);
        if (sim_chance(sim, 500)) {
                /* One whose time is nearly up is asked once more, and that may fail now. */
                for (uint32_t i = 0; i < sim->jobs_len; i++)
                        sim->jobs[i].owes_farewell = false;
                cancel_uploads(sim);
                sim->rig.transfer.faults.farewell = 500;
        }
        for (int round = 0; round < 400 && !sim->broken; round++) {
                if (round == 100)
                        sim->rig.transfer.faults.farewell = 0;
                if (round % 100 == 0)
                        register_everybody(sim);
                for (int i = 0; i < 200 && is_busy(sim); i++) {
                        (void) fake_transfer_step(&sim->rig.transfer, sim->rig.m);
                        fake_rig_run(&sim->rig);
                        sim_check(sim);
                        sim_answer_deliveries(sim, 0);
                        sim_end_program(sim, 0);
                }
                fake_rig_advance(&sim->rig, 600 * USEC_PER_SEC);
                sim->simulated_usec += 600 * USEC_PER_SEC;
                sim_check(sim);
        }
        fake_rig_finish(&sim->rig);
        sim_check(sim);
        sim_check_end(sim);
}

const char *sim_live(Sim *sim, uint32_t steps)
{
        while (sim->step < steps && !sim->broken)
                step(sim);
        if (!sim->broken)
                calm_down(sim);
        return sim->broken;
}

const char *sim_live_until(Sim *sim, uint32_t steps, uint32_t point, SimEnd end)
{
        sim->planned = true;
        sim->planned_end = end;
        sim->crash_in = point;
        return sim_live(sim, steps);
}

const char *sim_live_with_server(Sim *sim, uint32_t steps, uint32_t point, SimEnd end)
{
        sim->uploads_by->plan(sim->uploader, point, end == SIM_END_POWER);
        return sim_live_until(sim, steps, 0, SIM_END_KILL);
}
