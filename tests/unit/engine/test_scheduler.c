/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs: levels, pre-emption, slices, places. */
#include "bare_job.h"

#include "base/clock.h"
#include "engine/scheduler.h"

enum { JOBS = 12 };

typedef struct Fixture {
        Scheduler s;
        Policy policy;
        Job *jobs[JOBS];
        uint64_t now;
} Fixture;

static int setup(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));

        if (!f)
                return -1;
        scheduler_init(&f->s);
        f->policy = policy_default(false);
        f->now = 1000 * USEC_PER_SEC;
        for (uint32_t i = 0; i < JOBS; i++)
                f->jobs[i] = bare_job(i, BG_JOB_PRIORITY_NORMAL);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        for (uint32_t i = 0; i < JOBS; i++)
                (void) job_free(f->jobs[i]);
        free(f);
        return 0;
}

static Job *enqueue(Fixture *f, uint32_t i, BG_JOB_PRIORITY level)
{
        f->jobs[i]->props.priority = level;
        scheduler_enqueue(&f->s, f->jobs[i], false);
        return f->jobs[i];
}

/* Does what is decided until nothing is; returns how many steps that took. */
static int settle(Fixture *f)
{
        for (int n = 0; n < 100; n++) {
                SchedAction a = scheduler_decide(&f->s, &f->policy, f->now);

                switch (a.verb) {
                case SCHED_NOTHING:
                        return n;
                case SCHED_START:
                        scheduler_activate(&f->s, a.job, f->now);
                        break;
                case SCHED_PREEMPT:
                        scheduler_remove(&f->s, a.job, f->now);
                        scheduler_enqueue(&f->s, a.job, true);
                        break;
                case SCHED_SLICE_END:
                        scheduler_remove(&f->s, a.job, f->now);
                        a.job->run->slice_used_usec = 0;
                        scheduler_enqueue(&f->s, a.job, false);
                        break;
                }
        }
        fail_msg("never at rest");
        return -1;
}

static bool runs(const Job *job)
{
        return job->run->place == JOB_PLACE_ACTIVE;
}

static void one_background_job_runs_the_most_urgent_first(void **state)
{
        Fixture *f = *state;
        Job *low = enqueue(f, 0, BG_JOB_PRIORITY_LOW);
        Job *normal = enqueue(f, 1, BG_JOB_PRIORITY_NORMAL);
        Job *high = enqueue(f, 2, BG_JOB_PRIORITY_HIGH);

        assert_int_equal(settle(f), 1);
        assert_true(runs(high) && !runs(normal) && !runs(low));
        scheduler_remove(&f->s, high, f->now);
        (void) settle(f);
        assert_true(runs(normal) && !runs(low));
        scheduler_remove(&f->s, normal, f->now);
        (void) settle(f);
        assert_true(runs(low));
}

static void a_higher_level_takes_the_place_of_a_lower_one(void **state)
{
        Fixture *f = *state;
        Job *low = enqueue(f, 0, BG_JOB_PRIORITY_LOW);
        Job *high;

        (void) settle(f);
        assert_true(runs(low));
        high = enqueue(f, 1, BG_JOB_PRIORITY_HIGH);
        (void) settle(f);
        assert_true(runs(high) && !runs(low));
        assert_ptr_equal(scheduler_behind(&f->s, &f->policy, low), high);
}

static void a_lower_level_never_disturbs_a_higher_one(void **state)
{
        Fixture *f = *state;
        Job *high = enqueue(f, 0, BG_JOB_PRIORITY_HIGH);

        (void) settle(f);
        (void) enqueue(f, 1, BG_JOB_PRIORITY_LOW);
        f->now += 1000 * f->policy.time_slice_sec * USEC_PER_SEC;
        assert_int_equal(settle(f), 0);
        assert_true(runs(high));
        assert_true(scheduler_next_slice(&f->s, &f->policy) == USEC_INFINITY);
}

static void all_foreground_jobs_run_beside_one_background_job(void **state)
{
        Fixture *f = *state;

        for (uint32_t i = 0; i < 6; i++)
                (void) enqueue(f, i, BG_JOB_PRIORITY_FOREGROUND);
        (void) enqueue(f, 6, BG_JOB_PRIORITY_NORMAL);
        (void) enqueue(f, 7, BG_JOB_PRIORITY_NORMAL);
        (void) settle(f);
        for (uint32_t i = 0; i < 7; i++)
                assert_true(runs(f->jobs[i]));
        assert_false(runs(f->jobs[7]));
}

static void foreground_jobs_have_a_bound_and_share_it(void **state)
{
        Fixture *f = *state;

        f->policy.foreground_jobs = 2;
        for (uint32_t i = 0; i < 3; i++)
                (void) enqueue(f, i, BG_JOB_PRIORITY_FOREGROUND);
        (void) settle(f);
        assert_true(runs(f->jobs[0]) && runs(f->jobs[1]) && !runs(f->jobs[2]));
        assert_ptr_equal(scheduler_behind(&f->s, &f->policy, f->jobs[2]), f->jobs[0]);
        f->now += 300 * USEC_PER_SEC;
        (void) settle(f);
        assert_true(runs(f->jobs[2]));
}

static void jobs_of_a_level_take_turns(void **state)
{
        Fixture *f = *state;
        uint64_t turns[4] = {0};

        for (uint32_t i = 0; i < 4; i++)
                (void) enqueue(f, i, BG_JOB_PRIORITY_NORMAL);
        for (int n = 0; n < 400; n++) {
                (void) settle(f);
                for (uint32_t i = 0; i < 4; i++)
                        turns[i] += runs(f->jobs[i]);
                assert_true(scheduler_next_slice(&f->s, &f->policy) == f->now + 300 * USEC_PER_SEC);
                f->now += 300 * USEC_PER_SEC;
        }
        for (uint32_t i = 0; i < 4; i++)
                assert_int_equal(turns[i], 100);
}

static void a_slice_is_not_cut_short(void **state)
{
        Fixture *f = *state;
        Job *a = enqueue(f, 0, BG_JOB_PRIORITY_NORMAL);

        (void) enqueue(f, 1, BG_JOB_PRIORITY_NORMAL);
        (void) settle(f);
        f->now += 300 * USEC_PER_SEC - 1;
        assert_int_equal(settle(f), 0);
        assert_true(runs(a));
        f->now += 1;
        assert_int_equal(settle(f), 2);
        assert_false(runs(a));
}

static void nobody_waiting_means_no_slices(void **state)
{
        Fixture *f = *state;
        Job *a = enqueue(f, 0, BG_JOB_PRIORITY_NORMAL);
        Job *b;

        (void) settle(f);
        f->now += 3000 * USEC_PER_SEC;
        assert_true(scheduler_slice_end(&f->s, &f->policy, a) == USEC_INFINITY);
        /* Who comes late does not wait another slice. */
        b = enqueue(f, 1, BG_JOB_PRIORITY_NORMAL);
        (void) settle(f);
        assert_true(runs(b) && !runs(a));
}

static void a_pre_empted_job_goes_on_with_its_slice(void **state)
{
        Fixture *f = *state;
        Job *a = enqueue(f, 0, BG_JOB_PRIORITY_NORMAL);
        Job *b = enqueue(f, 1, BG_JOB_PRIORITY_NORMAL);
        Job *high;

        (void) settle(f);
        f->now += 200 * USEC_PER_SEC;
        high = enqueue(f, 2, BG_JOB_PRIORITY_HIGH);
        (void) settle(f);
        f->now += 5000 * USEC_PER_SEC;
        scheduler_remove(&f->s, high, f->now);
        (void) settle(f);
        assert_true(runs(a) &&
                    !runs(b)); /* before b, which waited longer but had its turn to come */
        f->now += 100 * USEC_PER_SEC;
        (void) settle(f);
        assert_true(runs(b) && !runs(a));
}

static void more_places_are_filled_by_level(void **state)
{
        Fixture *f = *state;
        Job *low = enqueue(f, 0, BG_JOB_PRIORITY_LOW);
        Job *normal = enqueue(f, 1, BG_JOB_PRIORITY_NORMAL);
        Job *high;

        f->policy.background_jobs = 2;
        (void) settle(f);
        assert_true(runs(low) && runs(normal));
        high = enqueue(f, 2, BG_JOB_PRIORITY_HIGH);
        (void) settle(f);
        assert_true(runs(high) && runs(normal) && !runs(low));
        f->policy.background_jobs = 1;
        (void) settle(f);
        assert_true(runs(high) && !runs(normal));
        f->policy.background_jobs = 0;
        (void) settle(f);
        assert_false(runs(high));
}

static void a_new_priority_takes_effect_at_once(void **state)
{
        Fixture *f = *state;
        Job *a = enqueue(f, 0, BG_JOB_PRIORITY_NORMAL);
        Job *b = enqueue(f, 1, BG_JOB_PRIORITY_NORMAL);

        (void) settle(f);
        scheduler_change_level(&f->s, b, BG_JOB_PRIORITY_HIGH);
        b->props.priority = BG_JOB_PRIORITY_HIGH;
        (void) settle(f);
        assert_true(runs(b) && !runs(a));
        scheduler_change_level(&f->s, b, BG_JOB_PRIORITY_LOW);
        b->props.priority = BG_JOB_PRIORITY_LOW;
        (void) settle(f);
        assert_true(runs(a) && !runs(b));
        scheduler_change_level(&f->s, a, BG_JOB_PRIORITY_FOREGROUND);
        a->props.priority = BG_JOB_PRIORITY_FOREGROUND;
        (void) settle(f);
        assert_true(runs(a) && runs(b));
        assert_int_equal(f->s.active_len[BG_JOB_PRIORITY_FOREGROUND], 1);
        assert_int_equal(f->s.active_len[BG_JOB_PRIORITY_LOW], 1);
        assert_int_equal(f->s.active_len[BG_JOB_PRIORITY_NORMAL], 0);
}

static void a_job_that_could_start_is_behind_nobody(void **state)
{
        Fixture *f = *state;
        Job *a = enqueue(f, 0, BG_JOB_PRIORITY_NORMAL);

        assert_null(scheduler_behind(&f->s, &f->policy, a));
        (void) settle(f);
        assert_null(scheduler_behind(&f->s, &f->policy, a));
}

#define sched_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A new configuration: those that are too many now give their places back, the youngest first, and
 * get them again. */
static void fewer_foreground_places_are_given_back(void **state)
{
        Fixture *f = *state;
        Job *first = enqueue(f, 0, BG_JOB_PRIORITY_FOREGROUND);
        Job *second = enqueue(f, 1, BG_JOB_PRIORITY_FOREGROUND);
        Job *third = enqueue(f, 2, BG_JOB_PRIORITY_FOREGROUND);

        assert_int_equal(settle(f), 3);
        f->policy.foreground_jobs = 1;
        assert_int_equal(settle(f), 2);
        assert_true(runs(first) && !runs(second) && !runs(third));
        assert_ptr_equal(scheduler_behind(&f->s, &f->policy, third), first);
        f->policy.foreground_jobs = 2;
        assert_null(scheduler_behind(&f->s, &f->policy, second)); /* a place is free */
        assert_int_equal(settle(f), 1);
        assert_true(runs(first) && runs(second) && !runs(third));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                sched_test(one_background_job_runs_the_most_urgent_first),
                sched_test(a_higher_level_takes_the_place_of_a_lower_one),
                sched_test(a_lower_level_never_disturbs_a_higher_one),
                sched_test(all_foreground_jobs_run_beside_one_background_job),
                sched_test(foreground_jobs_have_a_bound_and_share_it),
                sched_test(jobs_of_a_level_take_turns),
                sched_test(a_slice_is_not_cut_short),
                sched_test(nobody_waiting_means_no_slices),
                sched_test(a_pre_empted_job_goes_on_with_its_slice),
                sched_test(more_places_are_filled_by_level),
                sched_test(a_new_priority_takes_effect_at_once),
                sched_test(a_job_that_could_start_is_behind_nobody),
                sched_test(fewer_foreground_places_are_given_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
