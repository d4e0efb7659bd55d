/* SPDX-License-Identifier: Apache-2.0 */
/* What users, clients and the world do. Every call's answer is compared with what the published
 * rules say, written down here once more and in other words than the engine's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/job_state.h"
#include "sim.h"

static const Caller CALLERS[] = {
        {.uid = 1000, .client = 1},
        {.uid = 1000, .client = 2},
        {.uid = 1001, .client = 3},
        {.uid = 0, .is_admin = true, .client = 4},
};

static const Caller *any_caller(Sim *sim)
{
        return &CALLERS[sim_below(sim, ARRAY_LEN(CALLERS))];
}

SimJob *sim_job_of(Sim *sim, const GUID *id)
{
        for (uint32_t i = sim->jobs_len; i-- > 0;)
                if (guid_equal(&sim->jobs[i].id, id))
                        return &sim->jobs[i];
        return NULL;
}

SimJob *sim_adopt(Sim *sim, const Job *job)
{
        SimJob *j = &sim->jobs[sim->jobs_len++];

        *j = (SimJob){
                .id = job->id,
                .uid = job->owner_uid,
                .type = job->type,
                .files = job->files_len,
                .live = true,
                .state = job->status.state,
        };
        return j;
}

static uint32_t count_live(const Sim *sim)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < sim->jobs_len; i++)
                n += sim->jobs[i].live;
        return n;
}

static SimJob *any_job(Sim *sim)
{
        return sim->jobs_len == 0 ? NULL : &sim->jobs[sim_below(sim, sim->jobs_len)];
}

/* Mostly live ones: dead ones only answer BG_E_INVALID_STATE. */
static SimJob *likely_job(Sim *sim)
{
        SimJob *j = any_job(sim);

        for (int i = 0; j && !j->live && i < 20; i++)
                j = any_job(sim);
        return j;
}

/* A store that fails may be the answer of anything that stores. */
static bool is_store_error(const Sim *sim, HRESULT hr)
{
        return sim->store_bad && (hr == HRESULT_FROM_WIN32(ERROR_DISK_FULL) ||
                                  hr == HRESULT_FROM_WIN32(ERROR_IO_DEVICE) ||
                                  hr == HRESULT_FROM_WIN32(ERROR_GEN_FAILURE));
}

static const Job *peek(Sim *sim, const SimJob *j)
{
        const Job *job = NULL;

        (void) manager_read_job(sim->rig.m, &CALLERS[3], &j->id, &job);
        return job;
}

/* The answer that comes before anything of the job's state is looked at; S_OK = go on. */
HRESULT sim_common_refusal(Sim *sim, const SimJob *j, const Caller *caller)
{
        const Job *job = peek(sim, j);

        if (!job)
                return BG_E_NOT_FOUND;
        if (!caller->is_admin && caller->uid != job->owner_uid)
                return E_ACCESSDENIED;
        if (job_state_is_final(job->status.state) || job->status.intent != INTENT_NONE)
                return BG_E_INVALID_STATE;
        return S_OK;
}

void sim_expect(Sim *sim, HRESULT got, HRESULT want, const char *promise)
{
        if (!sim->crashed)
                sim_cover_answer(sim->cover, got);
        if (sim->trace && !sim->crashed && got != want)
                (void) printf("step %u: got %08x, not %08x: %s\n", sim->step, (unsigned) got,
                              (unsigned) want, promise);
        if (!sim->crashed && got != want && !(want == S_OK && is_store_error(sim, got)))
                sim_break(sim, promise);
}

/* Some replies are empty, some too large for GetReplyData. */
static void choose_reply(Sim *sim, const GUID *id)
{
        char url[64];
        uint64_t dice = sim_below(sim, 8);

        fake_reply_url(id, url, sizeof(url));
        if (dice == 0)
                fake_disk_remote(&sim->rig.disk, url)->size = 0;
        else if (dice == 1)
                fake_disk_remote(&sim->rig.disk, url)->size = REPLY_DATA_BYTES_MAX + 1;
}

static BG_JOB_TYPE any_type(Sim *sim)
{
        return sim->uploads_by->types[sim_below(sim, ARRAY_LEN(sim->uploads_by->types))];
}

static void create_job(Sim *sim)
{
        const Caller *caller = any_caller(sim);
        const Job *stored;
        const Job *job;
        GUID id;
        HRESULT hr;

        if (count_live(sim) >= SIM_LIVE_JOBS || sim->jobs_len == SIM_JOBS)
                return;
        hr = manager_create_job(sim->rig.m, caller, "simulated", any_type(sim), &id);
        sim_expect(sim, hr, S_OK, "CreateJob failed");
        if (FAILED(hr) || sim->crashed)
                return;
        choose_reply(sim, &id);
        stored = fake_store_job(&sim->rig.store, &id);
        if (!stored || FAILED(manager_read_job(sim->rig.m, &CALLERS[3], &id, &job)))
                sim_break(sim, "an acknowledged job is not stored");
        else
                (void) sim_adopt(sim, job);
}

static void add_files(Sim *sim, SimJob *j, const Caller *caller)
{
        const Job *job = peek(sim, j);
        uint32_t at = job ? job->files_len : 0;
        uint64_t number = sim_below(sim, 40);
        _cleanup_free_ char *remote =
                mem_printf("http://%s/%u", sim_chance(sim, 150) ? "127.0.0.1:8080" : "host",
                           (unsigned) number);
        _cleanup_free_ char *local = mem_printf("/home/u/%u-%u", (unsigned) (j - sim->jobs), at);
        _cleanup_free_ char *second = mem_printf("%s-b", local);
        FileSpec specs[2] = {{remote, local}, {remote, second}};
        uint32_t n = 1 + (uint32_t) sim_below(sim, 2);
        HRESULT want = sim_common_refusal(sim, j, caller);
        HRESULT hr;

        if (want == S_OK && j->type != BG_JOB_TYPE_DOWNLOAD && at + n > 1)
                want = BG_E_TOO_MANY_FILES;
        if (want == S_OK && j->type == BG_JOB_TYPE_UPLOAD_REPLY && job->props.reply_name &&
            strcmp(job->props.reply_name, local) == 0)
                want = E_INVALIDARG;
        hr = manager_add_files(sim->rig.m, caller, &j->id, specs, n);
        if (want == S_OK && FAILED(sim->denied))
                want = sim->denied;
        sim_expect(sim, hr, want, "AddFile answered wrongly");
        if (FAILED(hr) || sim->crashed)
                return;
        j->files += n;
        if (fake_store_job(&sim->rig.store, &j->id)->files_len != j->files)
                sim_break(sim, "an acknowledged file is not stored");
}

static HRESULT resume_answer(const Job *job)
{
        if (job->status.state == BG_JOB_STATE_TRANSFERRED && job->type == BG_JOB_TYPE_UPLOAD_REPLY)
                return job->reply->state < FILE_DONE ? S_OK : BG_E_EMPTY;
        if (job->status.state == BG_JOB_STATE_TRANSFERRED)
                return job->files_done < job->files_len ? S_OK : BG_E_EMPTY;
        return job->files_len > 0 ? S_OK : BG_E_EMPTY;
}

static void resume(Sim *sim, SimJob *j, const Caller *caller)
{
        HRESULT want = sim_common_refusal(sim, j, caller);
        const Job *job = peek(sim, j);
        const Job *durable;
        BG_JOB_STATE before = job ? job->status.state : BG_JOB_STATE_CANCELLED;
        bool changed;
        HRESULT hr;

        if (want == S_OK)
                want = resume_answer(job);
        changed = want == S_OK && before == BG_JOB_STATE_ERROR &&
                  job->status.error.code == BG_E_LOCAL_FILE_CHANGED;
        hr = manager_resume(sim->rig.m, caller, &j->id);
        if (hr == S_OK && !sim->crashed && changed && job->session_bytes > 0)
                sim_break(sim, "a changed source goes on in its old session");
        sim_expect(sim, hr, want, "Resume answered wrongly");
        durable = fake_store_durable_job(&sim->rig.store, &j->id);
        if (hr == S_OK && !sim->crashed && job->status.state != before &&
            (!durable || durable->files_len != j->files))
                sim_break(sim, "Resume is not durable");
}

static void suspend(Sim *sim, SimJob *j, const Caller *caller)
{
        HRESULT want = sim_common_refusal(sim, j, caller);
        const Job *job = peek(sim, j);
        BG_JOB_STATE before = job ? job->status.state : BG_JOB_STATE_CANCELLED;
        HRESULT hr = manager_suspend(sim->rig.m, caller, &j->id);

        sim_expect(sim, hr, want, "Suspend answered wrongly");
        if (hr != S_OK || sim->crashed)
                return;
        if (before == BG_JOB_STATE_ERROR || before == BG_JOB_STATE_TRANSFERRED) {
                if (job->status.state != before)
                        sim_break(sim, "Suspend moved a job that it should leave alone");
        } else if (job->status.state != BG_JOB_STATE_SUSPENDED ||
                   (before != BG_JOB_STATE_SUSPENDED &&
                    fake_store_durable_job(&sim->rig.store, &j->id)->status.state !=
                            BG_JOB_STATE_SUSPENDED)) {
                sim_break(sim, "Suspend is not durable");
        }
}

static void end_job(Sim *sim, SimJob *j, const Caller *caller, JobIntent intent)
{
        HRESULT want = sim_common_refusal(sim, j, caller);
        uint64_t token = sim->rig.next_token++ % FAKE_TOKENS;
        FakeNotifier *n = &sim->rig.notifier;

        if (want == S_OK && intent == INTENT_COMPLETE && j->type != BG_JOB_TYPE_DOWNLOAD &&
            peek(sim, j)->status.state != BG_JOB_STATE_TRANSFERRED)
                want = BG_E_INVALID_STATE;
        if (want == S_OK && j->token != 0 && !n->answered[j->token])
                sim_break(sim, "a final step is over and its call is not answered");
        n->answered[token] = false;
        if (intent == INTENT_COMPLETE)
                manager_complete(sim->rig.m, caller, &j->id, token);
        else
                manager_cancel(sim->rig.m, caller, &j->id, token);
        if (sim->crashed)
                return;
        if (want != S_OK) {
                if (!n->answered[token] || n->answers[token] != want)
                        sim_break(sim, "Complete or Cancel was not refused");
        } else if (!n->answered[token]) {
                j->token = token;
                j->asked = intent;
                if (fake_store_durable_job(&sim->rig.store, &j->id)->status.intent != intent)
                        sim_break(sim, "the intent is not durable");
        } else if (!is_store_error(sim, n->answers[token])) {
                sim_break(sim, "Complete or Cancel failed at once");
        }
}

static void set_property(Sim *sim, SimJob *j, const Caller *caller)
{
        Manager *m = sim->rig.m;
        HRESULT want = sim_common_refusal(sim, j, caller);
        uint32_t level = (uint32_t) sim_below(sim, 4);
        uint32_t sec = (uint32_t) sim_below(sim, 4000);
        HRESULT hr;

        switch (sim_below(sim, 8)) {
        case 0:
                hr = manager_set_priority(m, caller, &j->id, level);
                if (hr == S_OK && !sim->crashed &&
                    fake_store_job(&sim->rig.store, &j->id)->props.priority != level)
                        sim_break(sim, "an acknowledged property is not stored");
                break;
        case 1:
                hr = manager_set_retry_delay(m, caller, &j->id, sec);
                break;
        case 2:
                hr = manager_set_no_progress_timeout(m, caller, &j->id,
                                                     sim_chance(sim, 100)   ? 0
                                                     : sim_chance(sim, 300) ? 700 + sec / 4
                                                                            : 1000000 + sec);
                break;
        case 3:
                hr = manager_set_notify_flags(m, caller, &j->id, (uint32_t) sim_below(sim, 16));
                break;
        case 4:
                hr = manager_set_auto_complete(m, caller, &j->id, sim_chance(sim, 300));
                break;
        case 5:
                hr = manager_set_files_in_flight(m, caller, &j->id, (uint32_t) sim_below(sim, 4));
                break;
        case 6:
                hr = manager_set_limit_rate(m, caller, &j->id, sec >= 256 ? sec : 0);
                break;
        default:
                hr = manager_set_name(m, caller, &j->id, "renamed");
                break;
        }
        sim_expect(sim, hr, want, "a setter answered wrongly");
}

/* A run of the old one tells nothing of the new one. */
static void note_new_program(Sim *sim, SimJob *j)
{
        j->program_since = sim->rig.notifier.runs;
        j->failed_run = 0;
}

static void set_program(Sim *sim, SimJob *j, const Caller *caller)
{
        HRESULT want = sim_common_refusal(sim, j, caller);
        const char *program = sim_chance(sim, 800) ? "/bin/notify" : NULL;
        HRESULT hr = manager_set_notify_cmd_line(sim->rig.m, caller, &j->id, program,
                                                 program ? "notify \"a job\"" : NULL);
        const Job *stored = fake_store_job(&sim->rig.store, &j->id);

        if (program && !sim->rig.policy.allow_programs && want != BG_E_NOT_FOUND)
                want = BG_E_BLOCKED_BY_POLICY;
        sim_expect(sim, hr, want, "SetNotifyCmdLine answered wrongly");
        if (hr != S_OK || sim->crashed)
                return;
        note_new_program(sim, j);
        if (!stored || !stored->props.notify_program != !program)
                sim_break(sim, "an acknowledged program is not stored");
}

static void take_ownership(Sim *sim, SimJob *j, const Caller *caller)
{
        HRESULT want = sim_common_refusal(sim, j, caller);
        const Job *job = peek(sim, j);
        bool changes = job && job->owner_uid != caller->uid;
        HRESULT hr = manager_take_ownership(sim->rig.m, caller, &j->id);

        if (!caller->is_admin)
                want = E_ACCESSDENIED;
        if (want == S_OK && FAILED(sim->denied))
                want = BG_E_NEW_OWNER_NO_FILE_ACCESS;
        sim_expect(sim, hr, want, "TakeOwnership answered wrongly");
        if (hr != S_OK || sim->crashed)
                return;
        j->uid = caller->uid;
        sim->cover->world[SIM_WORLD_new_owner] += changes;
        if (changes)
                memset(j->secrets, 0, sizeof(j->secrets));
        if (changes && job->props.notify_program)
                sim_break(sim, "a new owner runs the old one's program");
        if (changes)
                note_new_program(sim, j);
}

/* The worker may be fetching the reply into the directory that it was told. */
static bool moves_under_worker(const Sim *sim, const Job *job, const char *name)
{
        if (!job->status.uploaded || !job->reply ||
            !fake_transfer_find(&sim->rig.transfer, FAKE_FILE, &job->id))
                return false;
        if (!name && !job->props.reply_name)
                return false; /* stays as it is */
        return strncmp(name ? name : job->files[0]->local, job->reply->local, 5) != 0;
}

static void set_reply_name(Sim *sim, SimJob *j, const Caller *caller)
{
        _cleanup_free_ char *name =
                mem_printf("/%s/u/%u-%u", sim_chance(sim, 300) ? "srv" : "home",
                           (unsigned) (j - sim->jobs), (unsigned) sim_below(sim, 3));
        bool given = sim_chance(sim, 700);
        HRESULT want = sim_common_refusal(sim, j, caller);
        const Job *job = peek(sim, j);
        HRESULT hr;

        if (want != E_ACCESSDENIED && want != BG_E_NOT_FOUND && j->type != BG_JOB_TYPE_UPLOAD_REPLY)
                want = E_NOTIMPL;
        else if (want == S_OK && job->reply &&
                 (job->reply->size_bytes != BG_SIZE_UNKNOWN || job->reply->remote[0] != '\0'))
                want = BG_E_INVALID_STATE; /* its download has begun */
        else if (want == S_OK && given && job->files_len > 0 &&
                 strcmp(name, job->files[0]->local) == 0)
                want = E_INVALIDARG;
        else if (want == S_OK && moves_under_worker(sim, job, given ? name : NULL))
                want = BG_E_INVALID_STATE;
        hr = manager_set_reply_name(sim->rig.m, caller, &j->id, given ? name : NULL);
        if (want == S_OK && FAILED(sim->denied))
                want = sim->denied;
        sim_expect(sim, hr, want, "SetReplyFileName answered wrongly");
        if (hr != S_OK || sim->crashed)
                return;
        job = fake_store_job(&sim->rig.store, &j->id);
        if (given && (strcmp(job->props.reply_name, name) != 0 ||
                      (job->reply && strcmp(job->reply->local, name) != 0)))
                sim_break(sim, "an acknowledged reply name is not stored");
}

static void get_reply(Sim *sim, SimJob *j, const Caller *caller)
{
        const Job *job = peek(sim, j);
        HRESULT want = sim_common_refusal(sim, j, caller);
        char url[64];
        uint64_t size;
        uint8_t *data = NULL;
        uint64_t bytes = 0;
        HRESULT hr;

        fake_reply_url(&j->id, url, sizeof(url));
        size = fake_disk_remote(&sim->rig.disk, url)->size;
        if (want != E_ACCESSDENIED && want != BG_E_NOT_FOUND) {
                if (j->type != BG_JOB_TYPE_UPLOAD_REPLY)
                        want = E_NOTIMPL;
                else if (job->status.state != BG_JOB_STATE_TRANSFERRED &&
                         job->status.state != BG_JOB_STATE_ACKNOWLEDGED)
                        want = BG_E_INVALID_STATE;
                else
                        want = size > REPLY_DATA_BYTES_MAX ? BG_E_TOO_LARGE : S_OK;
        }
        hr = manager_reply_data(sim->rig.m, caller, &j->id, &data, &bytes);
        if (FAILED(sim->denied) && hr == sim->denied && (want == S_OK || want == BG_E_TOO_LARGE))
                want = hr;
        /* Others take files away, and so does a Cancel that is not at its end yet. */
        if (want == S_OK && (sim->files_vanish || job->status.intent != INTENT_NONE) &&
            hr == HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND))
                hr = want, bytes = size;
        sim_expect(sim, hr, want, "GetReplyData answered wrongly");
        if (!sim->crashed && (hr == S_OK || hr == BG_E_TOO_LARGE) && bytes != size)
                sim_break(sim, "GetReplyData tells the wrong number of bytes");
        free(data);
}

static void set_client(Sim *sim, SimJob *j, const Caller *caller)
{
        HRESULT want = sim_common_refusal(sim, j, caller);
        HRESULT hr = manager_set_notify_client(sim->rig.m, caller, &j->id, sim_chance(sim, 850));

        sim_expect(sim, hr, want, "SetNotifyInterface answered wrongly");
}

static void call(Sim *sim)
{
        const Caller *caller = any_caller(sim);
        SimJob *j = likely_job(sim);
        uint64_t pick = sim_below(sim, 100);

        sim->calls++;
        sim->denied = S_OK;
        sim->vault_failed = false;
        if (!j || pick < 12)
                create_job(sim);
        else if (pick < 32)
                add_files(sim, j, caller);
        else if (pick < 55)
                resume(sim, j, caller);
        else if (pick < 60)
                suspend(sim, j, caller);
        else if (pick < 67)
                end_job(sim, j, caller, INTENT_COMPLETE);
        else if (pick < 70)
                end_job(sim, j, caller, INTENT_CANCEL);
        else if (pick < 76)
                set_property(sim, j, caller);
        else if (pick < 83)
                sim_use_credentials(sim, j, caller);
        else if (pick < 88)
                set_program(sim, j, caller);
        else if (pick < 90)
                take_ownership(sim, j, caller);
        else if (pick < 92)
                set_reply_name(sim, j, caller);
        else if (pick < 94)
                get_reply(sim, j, caller);
        else if (pick < 96)
                sim_call_wrongly(sim, j, caller);
        else
                set_client(sim, j, caller);
}

void sim_answer_deliveries(Sim *sim, uint32_t per_mille_fail)
{
        FakeNotifier *n = &sim->rig.notifier;
        FakeDelivery *d = fake_notifier_find(n, NOTIFY_NONE);
        const FakeSeen *seen;
        SimJob *j;
        bool taken;

        if (!d)
                return;
        taken = !sim_chance(sim, per_mille_fail);
        j = sim_job_of(sim, &d->job);
        seen = fake_notifier_seen(n, &d->job);
        if (taken && j && d->kind == j->owed && (!seen || d->id > seen->last_delivery))
                j->owed = NOTIFY_NONE;
        manager_notify_result(sim->rig.m, fake_notifier_take(d), taken ? S_OK : E_FAIL);
}

int sim_run_program(void *ctx, const Job *job)
{
        Sim *sim = ctx;
        const SimJob *j = sim_job_of(sim, &job->id);
        const FakeSeen *seen = fake_notifier_seen(&sim->rig.notifier, &job->id);

        if (!sim->rig.policy.allow_programs)
                sim_break(sim, "a program runs although the policy forbids it");
        if (j && !job_state_is_final(job->status.state) && j->failed_run != 0 &&
            (!seen || seen->last_delivery < j->failed_run) &&
            sim->rig.clock.mono < j->program_not_before)
                sim_break(sim, "a program is run again too early");
        return !sim->calm && sim_chance(sim, 100) ? -ENOENT : 0;
}

/* Is this run one of the job's event of now, and of its program of now? */
static bool is_current(const Sim *sim, const SimJob *j, const FakeDelivery *d)
{
        const FakeSeen *seen = fake_notifier_seen(&sim->rig.notifier, &d->job);

        return d->kind == j->owed && d->run > j->program_since &&
               (!seen || d->id > seen->last_delivery);
}

void sim_end_program(Sim *sim, uint32_t per_mille_fail)
{
        static const int32_t FAILURES[] = {1, 255, -9, -15, PROGRAM_NOT_STARTED - ENOEXEC};
        FakeDelivery *d = fake_notifier_find_program(&sim->rig.notifier);
        int32_t result = 0;
        const Job *job;
        SimJob *j;

        if (!d)
                return;
        j = sim_job_of(sim, &d->job);
        if (j && per_mille_fail > 0 && sim_chance(sim, 150))
                end_job(sim, j, &CALLERS[3], INTENT_COMPLETE); /* out of the program */
        if (sim->crashed)
                return;
        if (sim_chance(sim, per_mille_fail))
                result = FAILURES[sim_below(sim, ARRAY_LEN(FAILURES))];
        job = j ? peek(sim, j) : NULL;
        if (job && is_current(sim, j, d)) {
                if (result == 0)
                        j->owed = NOTIFY_NONE;
                j->failed_run = result != 0 ? d->id : 0;
                j->program_not_before =
                        sim->rig.clock.mono + job->props.retry_delay_sec * USEC_PER_SEC;
        }
        manager_program_result(sim->rig.m, fake_notifier_take(d), result);
}

void sim_act(Sim *sim)
{
        uint64_t pick = sim_below(sim, 1000);

        if (pick < 480) {
                for (uint64_t n = 1 + sim_below(sim, sim->uploads_by->steps);
                     n > 0 && !sim->crashed; n--)
                        (void) fake_transfer_step(&sim->rig.transfer, sim->rig.m);
        } else if (pick < 640) {
                sim_pass_time(sim);
        } else if (pick < 930) {
                call(sim);
        } else if (pick < 980) {
                if (sim_chance(sim, 500))
                        sim_answer_deliveries(sim, 200);
                else
                        sim_end_program(sim, 400);
        } else if (pick < 983) {
                sim_change_brakes(sim);
        } else if (pick < 992) {
                sim_change_the_world(sim);
        } else {
                uint32_t points = 1 + (uint32_t) sim_below(sim, 60);

                if (!sim->planned)
                        sim->crash_in = points;
        }
}
