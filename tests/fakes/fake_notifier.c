/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_notifier.h"

#include <stdio.h>

#include "base/guid.h"
#include "engine/job_state.h"

void fake_notifier_init(FakeNotifier *n, const FakeStore *store)
{
        *n = (FakeNotifier){.store = store};
}

/* False when the process is gone. */
static bool is_alive(FakeNotifier *n)
{
        if (n->on_call)
                n->on_call(n->on_call_ctx);
        return !n->dead;
}

static void fake_reply(void *ctx, uint64_t token, HRESULT hr, const JobFile *file)
{
        FakeNotifier *n = ctx;

        if (!is_alive(n))
                return;
        if (token >= FAKE_TOKENS || n->answered[token]) {
                n->violation = "a call was answered twice";
                return;
        }
        n->answered[token] = true;
        n->answers[token] = hr;
        n->answered_file[token] = file ? (int32_t) file->index : JOB_NO_FILE;
}

static FakeSeen *find_seen(FakeNotifier *n, const Job *job, bool *ret_new)
{
        *ret_new = false;
        for (uint32_t i = 0; i < n->seen_len; i++)
                if (guid_equal(&n->seen[i].job, &job->id))
                        return &n->seen[i];
        *ret_new = true;
        if (n->seen_len == FAKE_SEEN)
                n->seen_len = 0; /* old ones are forgotten, which only loses checks */
        n->seen[n->seen_len] = (FakeSeen){.job = job->id, .state = job->status.state};
        return &n->seen[n->seen_len++];
}

static bool is_in_table(BG_JOB_STATE from, BG_JOB_STATE to)
{
        uint32_t len;
        const JobRow *rows = job_state_table(&len);

        for (uint32_t i = 0; i < len; i++)
                if (rows[i].kind == JOB_ROW_MOVE && (rows[i].from >> from & 1) != 0 &&
                    rows[i].to == to)
                        return true;
        return false;
}

/* States that a restart would not find by itself have to be in the store before they are told. */
static bool is_stored(const FakeNotifier *n, const Job *job)
{
        const Job *stored = fake_store_durable_job(n->store, &job->id);
        BG_JOB_STATE state = job->status.state;

        if (state == BG_JOB_STATE_QUEUED || job_state_is_active(state))
                return true;
        if (fake_store_is_tainted(n->store, &job->id))
                return true; /* it was, and something refused stands over it for the moment */
        /* A new job and a wait for the next try need not survive power loss. */
        if (state == BG_JOB_STATE_TRANSIENT_ERROR || state == BG_JOB_STATE_SUSPENDED)
                stored = fake_store_job(n->store, &job->id);
        return stored && stored->status.state == state;
}

static void fake_changed(void *ctx, const Job *job, bool state_changed)
{
        FakeNotifier *n = ctx;
        bool is_new;
        FakeSeen *seen;

        if (!is_alive(n))
                return;
        n->changes++;
        seen = find_seen(n, job, &is_new);
        seen->changes++;
        if (!is_new && seen->state != job->status.state) {
                if (!state_changed)
                        n->violation = "a change of state was not told as one";
                if (!is_in_table(seen->state, job->status.state))
                        n->violation = "a transition outside the table";
        }
        if (state_changed)
                seen->last_delivery = n->last_delivery;
        seen->state = job->status.state;
        if (n->store && !is_stored(n, job))
                n->violation = "told before it was stored";
}

static FakeDelivery *keep(FakeNotifier *n, FakeDelivery delivery, const Job *job)
{
        FakeDelivery *free_slot = NULL;
        uint64_t now = n->clock ? n->clock->mono : 0;
        uint32_t of_owner = 0;

        for (int i = 0; i < FAKE_DELIVERIES; i++) {
                FakeDelivery *d = &n->deliveries[i];

                if (d->id == 0)
                        free_slot = free_slot ? free_slot : d;
                else
                        of_owner += d->owner_uid == job->owner_uid &&
                                    (d->is_program || now < d->at_mono + FAKE_TIMEOUT_USEC);
        }
        if (of_owner >= MAX_NOTIFICATIONS_PER_USER)
                n->violation = "five notifications of one user";
        if (delivery.kind != NOTIFY_MODIFICATION && job->status.undelivered != delivery.kind)
                n->violation = "an event that is not the job's";
        if (!free_slot)
                return NULL;
        *free_slot = delivery;
        free_slot->owner_uid = job->owner_uid;
        free_slot->job = job->id;
        free_slot->at_mono = now;
        n->last_delivery = delivery.id;
        return free_slot;
}

static int fake_deliver(void *ctx, uint64_t client, uint64_t delivery, const Job *job,
                        NotifyKind kind)
{
        FakeNotifier *n = ctx;

        if (!is_alive(n))
                return 0;
        if (n->deliver_error < 0)
                return n->deliver_error;
        if (!keep(n, (FakeDelivery){.id = delivery, .client = client, .kind = kind}, job))
                return -1;
        n->delivered[kind]++;
        return 0;
}

static void check_program(FakeNotifier *n, const Job *job, NotifyKind kind)
{
        uint32_t flag = kind == NOTIFY_ERROR ? BG_NOTIFY_JOB_ERROR : BG_NOTIFY_JOB_TRANSFERRED;

        if (kind != NOTIFY_TRANSFERRED && kind != NOTIFY_ERROR)
                n->violation = "a program for something that is no event";
        if (!job->props.notify_program)
                n->violation = "a program that the job does not have";
        if (!(job->props.notify_flags & flag) || (job->props.notify_flags & BG_NOTIFY_DISABLE))
                n->violation = "a program that the flags forbid";
        if (job->status.intent != INTENT_NONE ||
            (job->props.auto_complete && job->status.state == BG_JOB_STATE_TRANSFERRED))
                n->violation = "a program for a job that is about to end";
        if (job_state_is_final(job->status.state) && !job->props.auto_complete)
                n->violation = "a program for a job that has ended";
}

static int fake_run_program(void *ctx, uint64_t delivery, const Job *job, NotifyKind kind)
{
        FakeNotifier *n = ctx;
        int r;

        if (!is_alive(n))
                return 0;
        check_program(n, job, kind);
        n->runs++;
        (void) snprintf(n->last_program, sizeof(n->last_program), "%s|%s",
                        job->props.notify_program ? job->props.notify_program : "",
                        job->props.notify_parameters ? job->props.notify_parameters : "");
        r = n->on_run ? n->on_run(n->on_run_ctx, job) : n->run_error;
        if (r < 0)
                return r;
        if (!keep(n,
                  (FakeDelivery){.id = delivery, .kind = kind, .is_program = true, .run = n->runs},
                  job))
                return -1;
        n->ran[kind]++;
        return 0;
}

NotifierPort fake_notifier_port(FakeNotifier *n)
{
        return (NotifierPort){
                .reply = fake_reply,
                .changed = fake_changed,
                .deliver = fake_deliver,
                .run_program = fake_run_program,
                .ctx = n,
        };
}

const FakeSeen *fake_notifier_seen(const FakeNotifier *n, const GUID *job)
{
        for (uint32_t i = 0; i < n->seen_len; i++)
                if (guid_equal(&n->seen[i].job, job))
                        return &n->seen[i];
        return NULL;
}

void fake_notifier_forget(FakeNotifier *n)
{
        n->seen_len = 0;
        n->last_delivery = 0;
        for (int i = 0; i < FAKE_DELIVERIES; i++)
                n->deliveries[i].id = 0;
}

static FakeDelivery *find(FakeNotifier *n, bool program, NotifyKind kind)
{
        FakeDelivery *oldest = NULL;

        for (int i = 0; i < FAKE_DELIVERIES; i++) {
                FakeDelivery *d = &n->deliveries[i];

                if (d->id != 0 && d->is_program == program &&
                    (kind == NOTIFY_NONE || d->kind == kind) && (!oldest || d->id < oldest->id))
                        oldest = d;
        }
        return oldest;
}

FakeDelivery *fake_notifier_find(FakeNotifier *n, NotifyKind kind)
{
        return find(n, false, kind);
}

FakeDelivery *fake_notifier_find_program(FakeNotifier *n)
{
        return find(n, true, NOTIFY_NONE);
}

uint32_t fake_notifier_outstanding(const FakeNotifier *n)
{
        uint32_t count = 0;

        for (int i = 0; i < FAKE_DELIVERIES; i++)
                count += n->deliveries[i].id != 0;
        return count;
}

uint64_t fake_notifier_take(FakeDelivery *d)
{
        uint64_t id = d->id;

        d->id = 0;
        return id;
}
