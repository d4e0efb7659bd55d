/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

const Caller FAKE_USER = {.uid = 1000, .client = 1};

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void) fprintf(stderr, "fake rig: %s\n", what);
        abort();
}

void fake_rig_prepare(FakeRig *rig, uint64_t seed)
{
        *rig = (FakeRig){.policy = policy_default(false), .next_token = 1};
        fake_clock_init(&rig->clock);
        fake_random_init(&rig->random, seed);
        fake_store_init(&rig->store);
        fake_disk_init(&rig->disk);
        fake_transfer_init(&rig->transfer, &rig->disk, &rig->store, &rig->random);
        fake_notifier_init(&rig->notifier, &rig->store);
        rig->notifier.clock = &rig->clock;
        fake_vault_init(&rig->vault);
}

void fake_rig_init(FakeRig *rig, uint64_t seed)
{
        fake_rig_prepare(rig, seed);
        must(fake_rig_start(rig), "no start");
}

void fake_rig_done(FakeRig *rig)
{
        rig->m = manager_free(rig->m);
        fake_transfer_done(&rig->transfer);
        fake_disk_done(&rig->disk);
        fake_store_done(&rig->store);
}

static bool is_reverted(void *ctx)
{
        return fake_random_chance(ctx, 500);
}

void fake_rig_stop(FakeRig *rig, bool power, uint32_t keep)
{
        (void) fake_rig_violation(rig);
        rig->m = manager_free(rig->m);
        fake_transfer_drop_ops(&rig->transfer);
        fake_notifier_forget(&rig->notifier);
        if (power) {
                fake_store_power_loss(&rig->store, keep);
                fake_disk_power_loss(&rig->disk, is_reverted, &rig->random);
                rig->clock.mono = 20 * USEC_PER_SEC;
        } else {
                fake_store_kill(&rig->store);
        }
        rig->transfer.dead = rig->notifier.dead = rig->vault.dead = false;
}

bool fake_rig_start(FakeRig *rig)
{
        ManagerPorts ports = {
                .store = fake_store_port(&rig->store),
                .transfer = fake_transfer_port(&rig->transfer),
                .notifier = fake_notifier_port(&rig->notifier),
                .vault = fake_vault_port(&rig->vault),
                .random = fake_random_port(&rig->random),
                .clock = fake_clock_port(&rig->clock),
        };

        if (rig->wrap_ports)
                rig->wrap_ports(rig->wrap_ports_ctx, &ports);
        rig->m = manager_new(&ports, &rig->policy);
        must(rig->m != NULL, "no memory");
        return manager_load(rig->m) == 0;
}

bool fake_rig_restart(FakeRig *rig, bool power)
{
        fake_rig_stop(rig, power, 0);
        return fake_rig_start(rig);
}

void fake_rig_run(FakeRig *rig)
{
        int turns = 0;

        do {
                manager_run(rig->m);
                if (++turns > 1000) {
                        rig->violation = "the manager never rests";
                        return;
                }
        } while (manager_next_wakeup_mono(rig->m) <= rig->clock.mono);
}

void fake_rig_advance(FakeRig *rig, uint64_t usec)
{
        uint64_t end = rig->clock.mono + usec;

        fake_rig_run(rig);
        while (manager_next_wakeup_mono(rig->m) <= end && !rig->violation) {
                fake_clock_advance(&rig->clock, manager_next_wakeup_mono(rig->m) - rig->clock.mono);
                fake_rig_run(rig);
        }
        fake_clock_advance(&rig->clock, end - rig->clock.mono);
}

void fake_rig_finish(FakeRig *rig)
{
        fake_rig_run(rig);
        for (int i = 0; fake_transfer_step(&rig->transfer, rig->m); i++) {
                must(i < 100000, "the transfers never end");
                fake_rig_run(rig);
        }
}

const char *fake_rig_violation(FakeRig *rig)
{
        if (!rig->violation)
                rig->violation = rig->store.violation;
        if (!rig->violation)
                rig->violation = rig->transfer.violation;
        if (!rig->violation)
                rig->violation = rig->notifier.violation;
        return rig->violation;
}

GUID fake_rig_job(FakeRig *rig)
{
        GUID id;

        must(manager_create_job(rig->m, &FAKE_USER, "job", BG_JOB_TYPE_DOWNLOAD, &id) == S_OK,
             "no job");
        return id;
}

void fake_rig_add(FakeRig *rig, const GUID *id, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                uint32_t at = fake_rig_read(rig, id)->files_len;
                _cleanup_free_ char *remote = mem_printf("http://host/%u", at);
                _cleanup_free_ char *local = mem_printf("/home/u/%u", at);
                FileSpec spec = {remote, local};

                must(manager_add_files(rig->m, &FAKE_USER, id, &spec, 1) == S_OK, "no file");
        }
}

GUID fake_rig_resumed(FakeRig *rig, uint32_t n)
{
        GUID id = fake_rig_job(rig);

        fake_rig_add(rig, &id, n);
        must(manager_resume(rig->m, &FAKE_USER, &id) == S_OK, "no resume");
        return id;
}

GUID fake_rig_upload(FakeRig *rig, BG_JOB_TYPE type)
{
        FileSpec spec = {"http://host/up", "/home/u/source"};
        GUID id;

        must(manager_create_job(rig->m, &FAKE_USER, "upload", type, &id) == S_OK, "no job");
        must(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1) == S_OK, "no file");
        return id;
}

const Job *fake_rig_read(FakeRig *rig, const GUID *id)
{
        static const Caller ADMIN = {.uid = 0, .is_admin = true};
        const Job *job = NULL;

        must(manager_read_job(rig->m, &ADMIN, id, &job) == S_OK, "job not found");
        return job;
}

BG_JOB_STATE fake_rig_state(FakeRig *rig, const GUID *id)
{
        return fake_rig_read(rig, id)->status.state;
}

static HRESULT end_job(FakeRig *rig, const GUID *id,
                       void (*call)(Manager *m, const Caller *c, const GUID *id, uint64_t token))
{
        uint64_t token = rig->next_token++;

        call(rig->m, &FAKE_USER, id, token);
        fake_rig_finish(rig);
        must(rig->notifier.answered[token], "no answer");
        return rig->notifier.answers[token];
}

HRESULT fake_rig_complete(FakeRig *rig, const GUID *id)
{
        return end_job(rig, id, manager_complete);
}

HRESULT fake_rig_cancel(FakeRig *rig, const GUID *id)
{
        return end_job(rig, id, manager_cancel);
}
