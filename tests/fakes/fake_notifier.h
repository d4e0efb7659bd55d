/* SPDX-License-Identifier: Apache-2.0 */
/* The notifier port as a record: answers, changes and deliveries. It checks what every listener
 * may rely on: one answer per token, states that follow each other as the table says, nothing
 * told before it is stored, four deliveries per user at most, programs only for jobs that have one
 * and are not about to end. */
#pragma once

#include "base/list.h"
#include "engine/port/notifier.h"
#include "fake_clock.h"
#include "fake_store.h"

#define FAKE_TIMEOUT_USEC (60 * USEC_PER_SEC)

enum { FAKE_TOKENS = 4096, FAKE_DELIVERIES = 256, FAKE_SEEN = 1024 };

typedef struct FakeDelivery {
        uint64_t id; /* 0 = free */
        uint64_t client;
        uint32_t owner_uid;
        GUID job;
        NotifyKind kind;
        uint64_t at_mono;
        bool is_program;
        uint32_t run; /* a program's: FakeNotifier.runs when it began */
} FakeDelivery;

typedef struct FakeSeen { /* last state told of a job */
        GUID job;
        BG_JOB_STATE state;
        uint32_t changes;
        uint64_t last_delivery; /* when it entered the state: older ones tell of something else */
} FakeSeen;

typedef struct FakeNotifier {
        const FakeStore *store; /* NULL = no check */
        const FakeClock *clock; /* tells which deliveries timed out; NULL = none does */
        bool answered[FAKE_TOKENS];
        HRESULT answers[FAKE_TOKENS];
        int32_t answered_file[FAKE_TOKENS];       /* JOB_NO_FILE: about none */
        FakeDelivery deliveries[FAKE_DELIVERIES]; /* outstanding */
        FakeSeen seen[FAKE_SEEN];
        uint32_t seen_len;
        uint64_t last_delivery;
        uint32_t delivered[NOTIFY_KIND_MAX];
        uint32_t ran[NOTIFY_KIND_MAX]; /* programs that began */
        uint32_t runs;                 /* the same of all kinds, failed starts included */
        int run_error;                 /* negative errno of every start of a program, 0 = none */
        int (*on_run)(void *ctx, const Job *job); /* decides instead of run_error; NULL = nothing */
        void *on_run_ctx;
        char last_program[512]; /* "program|parameters" */
        uint32_t changes;
        int deliver_error; /* negative errno of every delivery, 0 = none */
        bool dead;
        const char *violation;
        void (*on_call)(void *ctx); /* before every call of the port; NULL = nothing */
        void *on_call_ctx;
} FakeNotifier;

void fake_notifier_init(FakeNotifier *n, const FakeStore *store);
NotifierPort fake_notifier_port(FakeNotifier *n);
/* A new process: what was told before does not count, and nothing is outstanding. */
void fake_notifier_forget(FakeNotifier *n);

/* NULL when nothing was told of the job. */
const FakeSeen *fake_notifier_seen(const FakeNotifier *n, const GUID *job);
/* The oldest outstanding delivery of a kind (NOTIFY_NONE = any); NULL when none. */
FakeDelivery *fake_notifier_find(FakeNotifier *n, NotifyKind kind);
/* The same of programs alone. */
FakeDelivery *fake_notifier_find_program(FakeNotifier *n);
uint32_t fake_notifier_outstanding(const FakeNotifier *n);
/* Takes it off the record; answer the manager with the returned number. */
uint64_t fake_notifier_take(FakeDelivery *d);
