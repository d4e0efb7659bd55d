/* SPDX-License-Identifier: Apache-2.0 */
/* A manager with fakes on all its ports, and the few steps that nearly every test makes. */
#pragma once

#include "engine/manager.h"
#include "fake_clock.h"
#include "fake_disk.h"
#include "fake_notifier.h"
#include "fake_random.h"
#include "fake_store.h"
#include "fake_transfer.h"
#include "fake_vault.h"

typedef struct FakeRig {
        FakeClock clock;
        FakeRandom random;
        FakeStore store;
        FakeDisk disk;
        FakeTransfer transfer;
        FakeNotifier notifier;
        FakeVault vault;
        Policy policy;
        Manager *m;
        uint64_t next_token;
        const char *violation; /* first one that was noticed */
        /* Stands between the manager of every start and the fakes; NULL = nothing. */
        void (*wrap_ports)(void *ctx, ManagerPorts *ports);
        void *wrap_ports_ctx;
} FakeRig;

/* Makes everything and loads an empty queue. Large: keep it off small stacks. */
void fake_rig_init(FakeRig *rig, uint64_t seed);
/* The same without a manager yet: fake_rig_start() makes it. */
void fake_rig_prepare(FakeRig *rig, uint64_t seed);
void fake_rig_done(FakeRig *rig);
/* Ends the process and starts it again; power: the machine too. False when the load failed. */
bool fake_rig_restart(FakeRig *rig, bool power);
/* The same in two steps, with the store's `keep` of fake_store_power_loss(). */
void fake_rig_stop(FakeRig *rig, bool power, uint32_t keep);
bool fake_rig_start(FakeRig *rig);

/* manager_run() until it wants no more at this moment; notes a manager that never rests. */
void fake_rig_run(FakeRig *rig);
/* Runs every timer up to then, step by step. */
void fake_rig_advance(FakeRig *rig, uint64_t usec);
/* Lets all operations succeed until nothing runs any more. */
void fake_rig_finish(FakeRig *rig);
/* First violation that any of the fakes noticed, NULL when none. */
const char *fake_rig_violation(FakeRig *rig);

/* As user 1000 of client 1. They must succeed; the test aborts otherwise. */
extern const Caller FAKE_USER;
GUID fake_rig_job(FakeRig *rig);
/* http://host/<n> → /home/u/<n> of the job. */
void fake_rig_add(FakeRig *rig, const GUID *id, uint32_t n);
/* A job of n files, resumed. */
GUID fake_rig_resumed(FakeRig *rig, uint32_t n);
/* An upload of /home/u/source to http://host/up with its file. */
GUID fake_rig_upload(FakeRig *rig, BG_JOB_TYPE type);
const Job *fake_rig_read(FakeRig *rig, const GUID *id);
BG_JOB_STATE fake_rig_state(FakeRig *rig, const GUID *id);
/* Complete or Cancel, run to the end; the answer. */
HRESULT fake_rig_complete(FakeRig *rig, const GUID *id);
HRESULT fake_rig_cancel(FakeRig *rig, const GUID *id);
