/* SPDX-License-Identifier: Apache-2.0 */
#include "bare_job.h"

#include "base/clock.h"
#include "engine/retry.h"

#define SEC USEC_PER_SEC

static Job *failing_job(uint32_t delay_sec, uint32_t no_progress_sec)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);

        job->props.retry_delay_sec = delay_sec;
        job->props.no_progress_sec = no_progress_sec;
        return job;
}

static void enter_error(Job *job, JobError error, uint64_t now)
{
        job->status.state = BG_JOB_STATE_TRANSIENT_ERROR;
        job->status.error = error;
        retry_begin(job->run, &error, now);
}

static void the_longer_of_delay_and_retry_after_counts(void **state)
{
        Job *job = failing_job(600, 1000000);

        (void) state;
        enter_error(job, (JobError){.code = E_FAIL}, 100 * SEC);
        assert_int_equal(retry_due(job), 700 * SEC);
        enter_error(job, (JobError){.code = E_FAIL, .retry_after_sec = 30}, 100 * SEC);
        assert_int_equal(retry_due(job), 700 * SEC);
        enter_error(job, (JobError){.code = E_FAIL, .retry_after_sec = 3600}, 100 * SEC);
        assert_int_equal(retry_due(job), 3700 * SEC);
        job->props.retry_delay_sec = UINT32_MAX;
        assert_int_equal(retry_due(job), (100 + (uint64_t) UINT32_MAX) * SEC);
        (void) job_free(job);
}

static void the_no_progress_clock_starts_with_the_first_error(void **state)
{
        Job *job = failing_job(5, 60);
        JobError error = {.code = E_FAIL};

        (void) state;
        assert_true(retry_give_up(job) == USEC_INFINITY);
        enter_error(job, error, 100 * SEC);
        assert_int_equal(retry_give_up(job), 160 * SEC);
        enter_error(job, error, 150 * SEC);
        assert_int_equal(retry_give_up(job), 160 * SEC);
        assert_false(retry_is_hopeless(job, &error, 159 * SEC));
        assert_true(retry_is_hopeless(job, &error, 160 * SEC));
        retry_progress(job->run);
        assert_false(retry_is_hopeless(job, &error, 160 * SEC));
        enter_error(job, error, 200 * SEC);
        assert_int_equal(retry_give_up(job), 260 * SEC);
        (void) job_free(job);
}

static void no_time_or_a_delay_beyond_it_is_hopeless_at_once(void **state)
{
        Job *job = failing_job(5, 0);
        JobError error = {.code = E_FAIL};

        (void) state;
        assert_true(retry_is_hopeless(job, &error, 100 * SEC));
        job->props.no_progress_sec = 600;
        job->props.retry_delay_sec = 601;
        assert_true(retry_is_hopeless(job, &error, 100 * SEC));
        job->props.retry_delay_sec = 600;
        assert_false(retry_is_hopeless(job, &error, 100 * SEC));
        (void) job_free(job);
}

static void waiting_for_an_event_has_neither_retry_nor_end(void **state)
{
        Job *job = failing_job(5, 0);
        JobError error = {.code = BG_E_NETWORK_DISCONNECTED, .event_driven = true};

        (void) state;
        assert_false(retry_is_hopeless(job, &error, 100 * SEC));
        enter_error(job, error, 100 * SEC);
        assert_true(retry_due(job) == USEC_INFINITY);
        assert_true(retry_give_up(job) == USEC_INFINITY);
        assert_true(job->run->trouble_since == USEC_INFINITY);
        (void) job_free(job);
}

static void other_states_wait_for_nothing(void **state)
{
        Job *job = failing_job(5, 60);

        (void) state;
        enter_error(job, (JobError){.code = E_FAIL}, 100 * SEC);
        job->status.state = BG_JOB_STATE_QUEUED;
        assert_true(retry_due(job) == USEC_INFINITY);
        assert_true(retry_give_up(job) == USEC_INFINITY);
        (void) job_free(job);
}

static void a_restart_goes_on_with_the_wait(void **state)
{
        Job *job = failing_job(600, 1000);

        (void) state;
        job->status.state = BG_JOB_STATE_TRANSIENT_ERROR;
        job->status.error = (JobError){.code = E_FAIL};
        job->status.modified_wall = 5000 * SEC;
        retry_after_restart(job, 7 * SEC, 5100 * SEC);
        assert_int_equal(retry_due(job), 507 * SEC);
        assert_int_equal(retry_give_up(job), 1007 * SEC);
        /* The wall clock cannot make the wait longer than it was, nor negative. */
        retry_after_restart(job, 7 * SEC, 4000 * SEC);
        assert_int_equal(retry_due(job), 607 * SEC);
        retry_after_restart(job, 7 * SEC, 900000 * SEC);
        assert_int_equal(retry_due(job), 7 * SEC);
        (void) job_free(job);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_longer_of_delay_and_retry_after_counts),
                cmocka_unit_test(the_no_progress_clock_starts_with_the_first_error),
                cmocka_unit_test(no_time_or_a_delay_beyond_it_is_hopeless_at_once),
                cmocka_unit_test(waiting_for_an_event_has_neither_retry_nor_end),
                cmocka_unit_test(other_states_wait_for_nothing),
                cmocka_unit_test(a_restart_goes_on_with_the_wait),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
