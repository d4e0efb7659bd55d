/* SPDX-License-Identifier: Apache-2.0 */
/* The books of notification, without a manager. */
#include "bare_job.h"

#include "engine/notify_plan.h"

enum { JOBS = 6 };

typedef struct Fixture {
        Queue queue;
        NotifyPlan plan;
        Job *jobs[JOBS];
} Fixture;

static int setup(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));

        if (!f || queue_init(&f->queue, 1) < 0 || notify_plan_init(&f->plan, 1) < 0)
                return -1;
        for (uint32_t i = 0; i < JOBS; i++) {
                f->jobs[i] = bare_job(i, BG_JOB_PRIORITY_NORMAL);
                f->jobs[i]->props.notify_flags = 11;
                if (queue_add(&f->queue, f->jobs[i]) < 0)
                        return -1;
        }
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        notify_plan_done(&f->plan);
        queue_done(&f->queue);
        free(f);
        return 0;
}

/* A job whose transfer is over and whose client listens. */
static Job *pending(Fixture *f, uint32_t i, uint64_t client)
{
        Job *job = f->jobs[i];

        job->status.undelivered = NOTIFY_TRANSFERRED;
        assert_int_equal(notify_plan_register(&f->plan, job, client), 0);
        return job;
}

static Delivery *open_due(Fixture *f, Job *job, uint64_t now)
{
        NotifyKind kind = notify_plan_due(&f->plan, job, now);
        Delivery *d;

        assert_int_not_equal(kind, NOTIFY_NONE);
        assert_true(notify_plan_may_deliver(job, kind));
        d = notify_plan_open(&f->plan, job, kind, now);
        assert_non_null(d);
        return d;
}

static void nothing_is_due_without_listener_event_or_flag(void **state)
{
        Fixture *f = *state;
        Job *job = f->jobs[0];

        job->status.undelivered = NOTIFY_TRANSFERRED;
        assert_int_equal(notify_plan_due(&f->plan, job, 10), NOTIFY_NONE);
        (void) pending(f, 0, 7);
        assert_int_equal(notify_plan_due(&f->plan, job, 10), NOTIFY_TRANSFERRED);
        job->props.notify_flags = BG_NOTIFY_JOB_ERROR;
        assert_int_equal(notify_plan_due(&f->plan, job, 10), NOTIFY_NONE);
        job->props.notify_flags = 3 | BG_NOTIFY_DISABLE;
        assert_int_equal(notify_plan_due(&f->plan, job, 10), NOTIFY_NONE);
        job->props.notify_flags = 3;
        job->status.undelivered = NOTIFY_NONE;
        assert_int_equal(notify_plan_due(&f->plan, job, 10), NOTIFY_NONE);
        assert_true(notify_plan_deadline(&f->plan, job) == USEC_INFINITY);
}

static void an_open_delivery_is_not_doubled(void **state)
{
        Fixture *f = *state;
        Job *job = pending(f, 0, 7);
        Delivery *d = open_due(f, job, 10);
        bool consumed;

        assert_int_equal(notify_plan_due(&f->plan, job, 20), NOTIFY_NONE);
        assert_ptr_equal(notify_plan_find(&f->plan, d->id), d);
        assert_ptr_equal(notify_plan_oldest(&f->plan), d);
        assert_int_equal(d->deadline_mono, 10 + NOTIFY_TIMEOUT_USEC);
        (void) notify_plan_close(&f->plan, d, DELIVERY_FAILED, 30, &consumed);
        assert_false(consumed);
        assert_int_equal(notify_plan_deadline(&f->plan, job), 30 + 600 * USEC_PER_SEC);
        assert_int_equal(notify_plan_due(&f->plan, job, 30 + 600 * USEC_PER_SEC),
                         NOTIFY_TRANSFERRED);
        d = open_due(f, job, 30 + 600 * USEC_PER_SEC);
        (void) notify_plan_close(&f->plan, d, DELIVERY_TAKEN, 40 + 600 * USEC_PER_SEC, &consumed);
        assert_true(consumed);
        assert_null(notify_plan_oldest(&f->plan));
}

static void void_events_are_not_consumed_but_still_counted(void **state)
{
        Fixture *f = *state;
        Job *job = pending(f, 0, 7);
        Delivery *d = open_due(f, job, 10);
        bool consumed;

        notify_plan_void_sticky(job);
        assert_null(d->job);
        assert_int_equal(job->run->owner->outstanding, 1);
        assert_int_equal(notify_plan_due(&f->plan, job, 20),
                         NOTIFY_TRANSFERRED); /* of its new state */
        (void) notify_plan_close(&f->plan, d, DELIVERY_TAKEN, 30, &consumed);
        assert_false(consumed);
        assert_int_equal(job->run->owner->outstanding, 0);
}

static void a_free_place_goes_to_the_sticky_one_in_line(void **state)
{
        Fixture *f = *state;
        Delivery *open[MAX_NOTIFICATIONS_PER_USER];
        Job *modified = f->jobs[4];
        Job *sticky = f->jobs[5];
        bool consumed;

        for (uint32_t i = 0; i < MAX_NOTIFICATIONS_PER_USER; i++)
                open[i] = open_due(f, pending(f, i, 7), 10);
        assert_int_equal(notify_plan_register(&f->plan, modified, 7), 0);
        notify_plan_modified(modified);
        assert_false(notify_plan_may_deliver(modified, notify_plan_due(&f->plan, modified, 10)));
        (void) pending(f, 5, 7);
        assert_false(notify_plan_may_deliver(sticky, NOTIFY_TRANSFERRED));
        assert_true(notify_plan_deadline(&f->plan, sticky) == USEC_INFINITY);
        assert_ptr_equal(notify_plan_close(&f->plan, open[0], DELIVERY_TAKEN, 20, &consumed),
                         sticky);
        assert_ptr_equal(notify_plan_close(&f->plan, open[1], DELIVERY_TAKEN, 20, &consumed),
                         modified);
        assert_null(notify_plan_close(&f->plan, open[2], DELIVERY_TAKEN, 20, &consumed));
}

static void modifications_are_merged_and_spaced(void **state)
{
        Fixture *f = *state;
        Job *job = f->jobs[0];
        Delivery *d;
        bool consumed;

        notify_plan_modified(job);
        assert_int_equal(notify_plan_register(&f->plan, job, 7), 0);
        assert_int_equal(notify_plan_due(&f->plan, job, 10),
                         NOTIFY_NONE); /* nobody listened then */
        notify_plan_modified(job);
        notify_plan_modified(job);
        d = open_due(f, job, 10);
        notify_plan_modified(job);
        assert_int_equal(notify_plan_due(&f->plan, job, 20), NOTIFY_NONE);
        (void) notify_plan_close(&f->plan, d, DELIVERY_FAILED, 30, &consumed);
        assert_int_equal(notify_plan_due(&f->plan, job, 30), NOTIFY_NONE);
        assert_int_equal(notify_plan_deadline(&f->plan, job), 10 + USEC_PER_SEC);
        assert_int_equal(notify_plan_due(&f->plan, job, 10 + USEC_PER_SEC), NOTIFY_MODIFICATION);
        job->status.state = BG_JOB_STATE_CANCELLED;
        assert_int_equal(notify_plan_due(&f->plan, job, 30),
                         NOTIFY_MODIFICATION); /* now or never */
        job->status.state = BG_JOB_STATE_SUSPENDED;
}

static void clients_are_found_by_their_number(void **state)
{
        Fixture *f = *state;
        Job *a = pending(f, 0, 7);
        Job *b = pending(f, 1, 8);
        Delivery *d = open_due(f, a, 10);
        bool consumed;

        assert_ptr_equal(notify_plan_job_of_client(&f->plan, 7), a);
        assert_ptr_equal(notify_plan_job_of_client(&f->plan, 8), b);
        assert_null(notify_plan_job_of_client(&f->plan, 9));
        assert_ptr_equal(notify_plan_of_client(&f->plan, 7), d);
        assert_null(notify_plan_of_client(&f->plan, 8));
        assert_int_equal(notify_plan_register(&f->plan, a, 8), 0);
        assert_null(notify_plan_job_of_client(&f->plan, 7));
        assert_null(d->job);
        notify_plan_unregister(&f->plan, a);
        notify_plan_unregister(&f->plan, a);
        assert_ptr_equal(notify_plan_job_of_client(&f->plan, 8), b);
        (void) notify_plan_close(&f->plan, d, DELIVERY_TAKEN, 20, &consumed);
        assert_int_equal(hash_size(f->plan.clients), 1);
}

static Job *with_program(Fixture *f, uint32_t i)
{
        Job *job = f->jobs[i];

        job->status.undelivered = NOTIFY_TRANSFERRED;
        job->status.state = BG_JOB_STATE_TRANSFERRED;
        assert_int_equal(job_set_notify_cmd_line(&job->props, "/p", NULL, 1000), 0);
        f->plan.allow_programs = true;
        return job;
}

static void put_back(Job *job)
{
        job->status.state = BG_JOB_STATE_SUSPENDED; /* as the queue counted it */
        job->status.intent = INTENT_NONE;
        job->props.auto_complete = false;
}

static void a_program_is_due_for_settled_jobs_only(void **state)
{
        Fixture *f = *state;
        Job *job = with_program(f, 0);

        assert_int_equal(notify_plan_due(&f->plan, job, 0), NOTIFY_TRANSFERRED);
        job->status.intent = INTENT_COMPLETE;
        assert_int_equal(notify_plan_due(&f->plan, job, 0), NOTIFY_NONE);
        assert_true(notify_plan_deadline(&f->plan, job) == USEC_INFINITY);
        job->status.intent = INTENT_NONE;
        job->props.auto_complete = true;
        assert_int_equal(notify_plan_due(&f->plan, job, 0), NOTIFY_NONE);
        job->status.undelivered = NOTIFY_ERROR;
        job->status.state = BG_JOB_STATE_ERROR;
        assert_int_equal(notify_plan_due(&f->plan, job, 0), NOTIFY_ERROR);
        f->plan.allow_programs = false;
        assert_int_equal(notify_plan_due(&f->plan, job, 0), NOTIFY_NONE);
        put_back(job);
}

static void programs_have_no_deadline_and_no_client(void **state)
{
        Fixture *f = *state;
        Job *job = with_program(f, 0);
        Delivery *d = open_due(f, job, 10);
        bool consumed;

        assert_true(d->is_program);
        assert_int_equal(d->client, 0);
        assert_null(notify_plan_oldest(&f->plan));
        assert_null(notify_plan_of_client(&f->plan, 0));
        assert_int_equal(notify_plan_register(&f->plan, job, 7), 0);
        assert_ptr_equal(d->job, job); /* who registers does not void it */
        notify_plan_unregister(&f->plan, job);
        assert_ptr_equal(d->job, job);
        (void) notify_plan_close(&f->plan, d, DELIVERY_FAILED, 20, &consumed);
        assert_false(consumed);
        assert_int_equal(notify_plan_deadline(&f->plan, job), 20 + 600 * USEC_PER_SEC);
        put_back(job);
}

static void wanted_programs_are_counted(void **state)
{
        Fixture *f = *state;
        Job *a = with_program(f, 0), *b = with_program(f, 1);

        for (int i = 0; i < 2; i++) { /* twice does no harm */
                notify_plan_count(&f->plan, a);
                notify_plan_count(&f->plan, b);
                assert_int_equal(f->plan.programs_wanted, 2);
        }
        a->status.undelivered = NOTIFY_NONE;
        notify_plan_count(&f->plan, a);
        assert_int_equal(f->plan.programs_wanted, 1);
        notify_plan_forget(&f->plan, b);
        notify_plan_forget(&f->plan, b);
        assert_int_equal(f->plan.programs_wanted, 0);
        put_back(a);
        put_back(b);
}

static void a_change_of_the_program_voids_its_run_but_no_callback(void **state)
{
        Fixture *f = *state;
        Job *job = with_program(f, 0), *called = with_program(f, 1);
        Delivery *run = open_due(f, job, 10), *call;
        bool consumed;

        assert_int_equal(notify_plan_register(&f->plan, called, 7), 0);
        call = open_due(f, called, 10);
        assert_false(call->is_program);
        notify_plan_program_changed(job);
        notify_plan_program_changed(called);
        assert_null(run->job);
        assert_ptr_equal(call->job, called);
        assert_int_equal(notify_plan_due(&f->plan, job, 10), NOTIFY_TRANSFERRED);
        (void) notify_plan_close(&f->plan, run, DELIVERY_TAKEN, 20, &consumed);
        assert_false(consumed);
        (void) notify_plan_close(&f->plan, call, DELIVERY_TAKEN, 20, &consumed);
        assert_true(consumed);
        put_back(job);
        put_back(called);
}

#define plan_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                plan_test(nothing_is_due_without_listener_event_or_flag),
                plan_test(an_open_delivery_is_not_doubled),
                plan_test(void_events_are_not_consumed_but_still_counted),
                plan_test(a_free_place_goes_to_the_sticky_one_in_line),
                plan_test(modifications_are_merged_and_spaced),
                plan_test(clients_are_found_by_their_number),
                plan_test(a_program_is_due_for_settled_jobs_only),
                plan_test(programs_have_no_deadline_and_no_client),
                plan_test(wanted_programs_are_counted),
                plan_test(a_change_of_the_program_voids_its_run_but_no_callback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
