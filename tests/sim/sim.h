/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded life of the engine: users who call, clients that listen or hang, a network, servers,
 * disks and workers that fail, a store that refuses, crashes of the process and of the machine in
 * the middle of any call, clocks that jump. After every step the promises are checked against a
 * model that knows only what the engine acknowledged. */
#pragma once

#include "fake_rig.h"

enum { SIM_JOBS = 400, SIM_LIVE_JOBS = 24, SIM_CLIENTS = 4, SIM_SLOTS = 10, SIM_DOUBTS = 8 };

typedef struct SimDoubt { /* what a slot holds instead, perhaps */
        uint32_t target, scheme;
        uint64_t digest;
} SimDoubt;

typedef struct SimJob {
        GUID id;
        uint32_t uid;
        BG_JOB_TYPE type;
        uint32_t files; /* acknowledged */
        bool live;      /* acknowledged or seen, and not seen at its end */
        bool ended;     /* seen at its end: must never be live again */
        BG_JOB_STATE state;
        NotifyKind owed; /* sticky event that no client has taken yet */
        uint64_t token;  /* of an open Complete or Cancel; 0 = none */
        JobIntent asked;
        bool owes_farewell;          /* when calm began */
        uint32_t cancelled;          /* the session it had then; 0 = none */
        uint64_t secrets[SIM_SLOTS]; /* digests of what was acknowledged; 0 = empty */
        SimDoubt doubt[SIM_DOUBTS];  /* calls without an answer, or refused and perhaps stored */
        uint32_t doubts;
        uint32_t program_since; /* FakeNotifier.runs when its program was set last */
        uint64_t failed_run;    /* the program's last failed run of this service; 0 = none … */
        uint64_t program_not_before; /* … and when it may be run again */
        uint64_t waits_since;        /* first of its level to be allowed, and still not running */
} SimJob;

typedef struct Sim {
        FakeRig rig;
        FakeRandom dice;
        uint64_t seed;
        uint32_t step;
        SimJob jobs[SIM_JOBS];
        uint32_t jobs_len;
        bool store_bad; /* the disk under the store fails now and then */
        uint64_t store_bad_until;
        bool network_up, metered, on_battery;
        bool files_vanish; /* some temporary files are taken away by others */
        bool calm;         /* no more faults: everything must come to an end */
        uint32_t crash_in; /* port calls until the process dies; 0 = not armed */
        bool crashed;
        uint32_t kills, powers; /* statistics */
        uint32_t uploads, replies;
        uint32_t armed_starts, passwords;
        uint64_t rekey_token; /* of the last Rekey that was not refused; 0 = none */
        uint64_t calls;
        uint64_t simulated_usec;
        bool trace;         /* print what happens, for replays */
        const char *broken; /* the promise that did not hold */
} Sim;

void sim_init(Sim *sim, uint64_t seed);
void sim_done(Sim *sim);
/* One life; NULL or the promise that was broken. */
const char *sim_live(Sim *sim, uint32_t steps);

/* sim_actions.c: one thing that happens. */
void sim_act(Sim *sim);
/* One program ends, or fails to have begun. */
void sim_end_program(Sim *sim, uint32_t per_mille_fail);
/* FakeNotifier.on_run: a start that may fail, and must not come too early. */
int sim_run_program(void *ctx, const Job *job);
void sim_answer_deliveries(Sim *sim, uint32_t per_mille_fail);
SimJob *sim_job_of(Sim *sim, const GUID *id);
/* Makes the model's entry for a job it does not know. */
SimJob *sim_adopt(Sim *sim, const Job *job);

/* sim_brakes.c */
void sim_change_brakes(Sim *sim);
void sim_tell_brakes(Sim *sim); /* a new process does not know */
void sim_release_brakes(Sim *sim);
bool sim_is_braked(const Sim *sim, const Job *job, bool needs_network);
void sim_check_brake(Sim *sim, const Job *job, bool needs_network);

/* sim_credentials.c */
void sim_use_credentials(Sim *sim, SimJob *j, const Caller *caller);
void sim_rekey(Sim *sim);
void sim_check_start(void *ctx, const Job *job); /* FakeTransfer.on_start */
void sim_check_credentials(Sim *sim, SimJob *j, const Job *job);
void sim_restart_credentials(Sim *sim, SimJob *j, const Job *job);
void sim_check_rekeyed(Sim *sim);

/* sim_check.c: what must hold. */
void sim_check(Sim *sim);
void sim_note_ends(Sim *sim); /* before a crash makes everybody forget */
void sim_check_restart(Sim *sim);
void sim_check_end(Sim *sim);
void sim_break(Sim *sim, const char *promise);

static inline bool sim_chance(Sim *sim, uint32_t per_mille)
{
        return fake_random_chance(&sim->dice, per_mille);
}

static inline uint64_t sim_below(Sim *sim, uint64_t n)
{
        return fake_random_below(&sim->dice, n);
}
