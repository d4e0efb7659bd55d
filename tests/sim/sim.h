/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded life of the engine: users who call, clients that listen or hang, a network, servers,
 * disks and workers that fail, a store that refuses, crashes of the process and of the machine in
 * the middle of any call, clocks that jump. After every step the promises are checked against a
 * model that knows only what the engine acknowledged. */
#pragma once

#include "fake_rig.h"
#include "sim_cover.h"

/* In every password: must be found nowhere. */
#define SIM_SECRET "S3cret"

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

typedef struct Sim Sim;

typedef struct SimUploadCounts {
        uint64_t packets, sessions, arrived, again, deaths;
} SimUploadCounts;

/* Who leads uploads: fake_upload.c with a server that it makes up (sim_uploads.c, in engine-sim),
 * or transfer/upload.c and both protocol machines (upload/sim_uploads.c, in upload-sim). */
typedef struct SimUploads {
        const char *program;
        BG_JOB_TYPE types[4]; /* of jobs, each as likely */
        uint64_t size_max;    /* of files */
        uint32_t steps;       /* of transfers at a time, at most */
        void *(*new)(Sim *sim);
        void (*free)(void *uploads);
        void (*calm)(void *uploads);
        /* What the job keeps of its session: its number; 0: there is none. */
        uint32_t (*session)(const Sim *sim, const Job *job);
        bool (*is_open)(const Sim *sim, uint32_t session); /* does the server wait for more? */
        void (*check)(Sim *sim, const Job *job);           /* what only uploads promise */
        void (*check_reply)(Sim *sim, const Job *job);     /* Complete said S_OK */
        /* Places where the server may die; and that it shall, at one of them. NULL: none. */
        uint64_t (*points)(const void *uploads);
        void (*plan)(void *uploads, uint32_t point, bool power);
        void (*count)(const void *uploads, SimUploadCounts *counts); /* adds; NULL: nothing to */
} SimUploads;

/* One of them is linked. */
const SimUploads *sim_uploads(void);

typedef enum SimEnd { SIM_END_ANY, SIM_END_KILL, SIM_END_POWER } SimEnd;

struct Sim {
        FakeRig rig;
        const SimUploads *uploads_by;
        void *uploader;     /* theirs */
        ManagerPorts inner; /* the fakes' ports, behind sim_ports.c */
        SimCover *cover;    /* not owned */
        FakeRandom dice;
        uint64_t seed;
        uint32_t step;
        SimJob jobs[SIM_JOBS];
        uint32_t jobs_len;
        bool store_bad; /* the disk under the store fails now and then */
        uint64_t store_bad_until;
        bool network_up, metered, on_battery;
        bool files_vanish; /* some temporary files are taken away by others */
        bool servers_lie;  /* about sizes and versions */
        bool calm;         /* no more faults: everything must come to an end */
        uint32_t crash_in; /* places to die until the process does; 0 = not armed */
        bool crashed;
        uint64_t points;    /* places to die so far */
        bool planned;       /* dies only where it was told (sim_live_until) … */
        SimEnd planned_end; /* … and so */
        HRESULT denied;     /* what the transfer port answered within this call; S_OK = nothing */
        bool vault_failed;  /* within this call */
        bool load_fails;    /* of the store, this time */
        uint32_t kills, powers; /* statistics */
        uint32_t uploads, replies;
        uint32_t armed_starts, passwords;
        uint64_t rekey_token; /* of the last Rekey that was not refused; 0 = none */
        uint64_t calls;
        uint64_t simulated_usec;
        bool trace;         /* print what happens, for replays */
        const char *broken; /* the promise that did not hold */
};

/* `cover` has to live as long as the simulation. */
void sim_init(Sim *sim, uint64_t seed, SimCover *cover);
void sim_done(Sim *sim);
/* One life; NULL or the promise that was broken. */
const char *sim_live(Sim *sim, uint32_t steps);
/* The same, and it dies exactly once, at its `point`-th place to do so (0 = never); or its upload
 * server does. */
const char *sim_live_until(Sim *sim, uint32_t steps, uint32_t point, SimEnd end);
const char *sim_live_with_server(Sim *sim, uint32_t steps, uint32_t point, SimEnd end);

/* sim_ports.c */
void sim_wrap_ports(void *ctx, ManagerPorts *ports); /* FakeRig.wrap_ports */
bool sim_may_die(Sim *sim);                          /* a place to die; true: it does */

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

/* Compares an answer with what the rules say; a store that fails excuses a failure. */
void sim_expect(Sim *sim, HRESULT got, HRESULT want, const char *promise);
/* The answer that comes before anything of the job's state is looked at; S_OK = go on. */
HRESULT sim_common_refusal(Sim *sim, const SimJob *j, const Caller *caller);

/* sim_world.c */
void sim_pass_time(Sim *sim);
void sim_change_the_world(Sim *sim);

/* sim_wrong.c: a call that must be refused and change nothing. */
void sim_call_wrongly(Sim *sim, SimJob *j, const Caller *caller);

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
