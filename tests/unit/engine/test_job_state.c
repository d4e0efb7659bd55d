/* SPDX-License-Identifier: Apache-2.0 */
/* The transition table: whole, free of contradictions, as published, and as documented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "engine/job_state.h"

#define S(name) BG_JOB_STATE_##name
#define LIVE_STATES 7

static void every_pair_has_exactly_one_row(void **state)
{
        uint32_t len;
        const JobRow *rows = job_state_table(&len);

        (void) state;
        for (int s = 0; s < JOB_STATE_COUNT; s++) {
                for (int e = 0; e < JOB_EVENT_MAX; e++) {
                        int found = 0;

                        for (uint32_t i = 0; i < len; i++)
                                found += rows[i].event == (JobEvent) e && (rows[i].from >> s & 1);
                        if (found != 1)
                                fail_msg("%s, %s: %d rows", job_state_name((BG_JOB_STATE) s),
                                         job_event_name((JobEvent) e), found);
                        assert_int_not_equal(job_state_row((BG_JOB_STATE) s, (JobEvent) e)->kind,
                                             JOB_ROW_MISSING);
                }
        }
}

static void values_outside_the_enumerations_have_no_row(void **state)
{
        (void) state;
        assert_int_equal(job_state_row((BG_JOB_STATE) 9, JOB_EVENT_RESUME)->kind, JOB_ROW_MISSING);
        assert_int_equal(job_state_row((BG_JOB_STATE) -1, JOB_EVENT_RESUME)->kind, JOB_ROW_MISSING);
        assert_int_equal(job_state_row(S(QUEUED), JOB_EVENT_MAX)->kind, JOB_ROW_MISSING);
        assert_string_equal(job_state_name((BG_JOB_STATE) 9), "?");
        assert_string_equal(job_event_name(JOB_EVENT_MAX), "?");
}

static void nothing_leaves_a_final_state(void **state)
{
        (void) state;
        for (int e = 0; e < JOB_EVENT_MAX; e++) {
                const JobRow *a = job_state_row(S(ACKNOWLEDGED), (JobEvent) e);
                const JobRow *k = job_state_row(S(CANCELLED), (JobEvent) e);

                assert_ptr_equal(a, k);
                assert_int_not_equal(a->kind, JOB_ROW_MOVE);
                assert_int_equal(a->effects, 0);
                if (a->kind == JOB_ROW_REFUSED)
                        assert_int_equal(a->refusal, BG_E_INVALID_STATE);
        }
}

/* The published transitions in another shape: state, event, state. */
static const struct {
        BG_JOB_STATE from;
        JobEvent event;
        BG_JOB_STATE to;
        uint8_t number;
} MOVES[] = {
        {S(SUSPENDED), JOB_EVENT_RESUME, S(QUEUED), 2},
        {S(QUEUED), JOB_EVENT_START, S(CONNECTING), 5},
        {S(CONNECTING), JOB_EVENT_CONNECTED, S(TRANSFERRING), 6},
        {S(CONNECTING), JOB_EVENT_TRANSIENT, S(TRANSIENT_ERROR), 7},
        {S(CONNECTING), JOB_EVENT_FATAL, S(ERROR), 8},
        {S(TRANSFERRING), JOB_EVENT_SLICE_END, S(QUEUED), 10},
        {S(TRANSFERRING), JOB_EVENT_PREEMPT, S(QUEUED), 11},
        {S(CONNECTING), JOB_EVENT_PREEMPT, S(QUEUED), 11},
        {S(TRANSFERRING), JOB_EVENT_TRANSIENT, S(TRANSIENT_ERROR), 12},
        {S(TRANSFERRING), JOB_EVENT_FATAL, S(ERROR), 13},
        {S(TRANSFERRING), JOB_EVENT_ALL_DONE, S(TRANSFERRED), 14},
        {S(TRANSIENT_ERROR), JOB_EVENT_RETRY_DUE, S(QUEUED), 16},
        {S(TRANSIENT_ERROR), JOB_EVENT_RESUME, S(QUEUED), 17},
        {S(TRANSIENT_ERROR), JOB_EVENT_GIVE_UP, S(ERROR), 18},
        {S(TRANSIENT_ERROR), JOB_EVENT_NETWORK_BACK, S(QUEUED), 19},
        {S(QUEUED), JOB_EVENT_NETWORK_LOST, S(TRANSIENT_ERROR), 20},
        {S(CONNECTING), JOB_EVENT_NETWORK_LOST, S(TRANSIENT_ERROR), 20},
        {S(TRANSFERRING), JOB_EVENT_NETWORK_LOST, S(TRANSIENT_ERROR), 20},
        {S(QUEUED), JOB_EVENT_SUSPEND, S(SUSPENDED), 24},
        {S(CONNECTING), JOB_EVENT_SUSPEND, S(SUSPENDED), 24},
        {S(TRANSFERRING), JOB_EVENT_SUSPEND, S(SUSPENDED), 24},
        {S(TRANSIENT_ERROR), JOB_EVENT_SUSPEND, S(SUSPENDED), 24},
        {S(ERROR), JOB_EVENT_RESUME, S(QUEUED), 25},
        {S(TRANSFERRED), JOB_EVENT_RESUME, S(QUEUED), 27},
        {S(TRANSFERRED), JOB_EVENT_COMPLETED, S(ACKNOWLEDGED), 28},
        {S(SUSPENDED), JOB_EVENT_COMPLETED, S(ACKNOWLEDGED), 30},
        {S(QUEUED), JOB_EVENT_COMPLETED, S(ACKNOWLEDGED), 30},
        {S(CONNECTING), JOB_EVENT_COMPLETED, S(ACKNOWLEDGED), 30},
        {S(TRANSFERRING), JOB_EVENT_COMPLETED, S(ACKNOWLEDGED), 30},
        {S(TRANSIENT_ERROR), JOB_EVENT_COMPLETED, S(ACKNOWLEDGED), 30},
        {S(ERROR), JOB_EVENT_COMPLETED, S(ACKNOWLEDGED), 30},
        {S(SUSPENDED), JOB_EVENT_CANCELLED, S(CANCELLED), 32},
        {S(QUEUED), JOB_EVENT_CANCELLED, S(CANCELLED), 32},
        {S(CONNECTING), JOB_EVENT_CANCELLED, S(CANCELLED), 32},
        {S(TRANSFERRING), JOB_EVENT_CANCELLED, S(CANCELLED), 32},
        {S(TRANSIENT_ERROR), JOB_EVENT_CANCELLED, S(CANCELLED), 32},
        {S(ERROR), JOB_EVENT_CANCELLED, S(CANCELLED), 32},
        {S(TRANSFERRED), JOB_EVENT_CANCELLED, S(CANCELLED), 32},
        {S(CONNECTING), JOB_EVENT_RESTART, S(QUEUED), 34},
        {S(TRANSFERRING), JOB_EVENT_RESTART, S(QUEUED), 34},
        /* Ours. */
        {S(CONNECTING), JOB_EVENT_SLICE_END, S(QUEUED), 10},
        {S(CONNECTING), JOB_EVENT_WORKER_LOST, S(QUEUED), 0},
        {S(TRANSFERRING), JOB_EVENT_WORKER_LOST, S(QUEUED), 0},
        {S(QUEUED), JOB_EVENT_BRAKED, S(TRANSIENT_ERROR), 0},
        {S(CONNECTING), JOB_EVENT_BRAKED, S(TRANSIENT_ERROR), 0},
        {S(TRANSFERRING), JOB_EVENT_BRAKED, S(TRANSIENT_ERROR), 0},
        {S(TRANSIENT_ERROR), JOB_EVENT_RELEASED, S(QUEUED), 0},
        {S(CONNECTING), JOB_EVENT_COMPLETE_FAILED, S(QUEUED), 0},
        {S(TRANSFERRING), JOB_EVENT_COMPLETE_FAILED, S(QUEUED), 0},
        {S(QUEUED), JOB_EVENT_AUTO_COMPLETE_FAILED, S(ERROR), 0},
        {S(CONNECTING), JOB_EVENT_AUTO_COMPLETE_FAILED, S(ERROR), 0},
        {S(TRANSFERRING), JOB_EVENT_AUTO_COMPLETE_FAILED, S(ERROR), 0},
        {S(SUSPENDED), JOB_EVENT_AUTO_COMPLETE_FAILED, S(ERROR), 0},
        {S(ERROR), JOB_EVENT_AUTO_COMPLETE_FAILED, S(ERROR), 0},
        {S(TRANSIENT_ERROR), JOB_EVENT_AUTO_COMPLETE_FAILED, S(ERROR), 0},
        {S(TRANSFERRED), JOB_EVENT_AUTO_COMPLETE_FAILED, S(ERROR), 0},
};

static int find_move(BG_JOB_STATE from, JobEvent event)
{
        for (size_t i = 0; i < ARRAY_LEN(MOVES); i++)
                if (MOVES[i].from == from && MOVES[i].event == event)
                        return (int) i;
        return -1;
}

static void exactly_the_published_moves_exist(void **state)
{
        (void) state;
        for (int s = 0; s < JOB_STATE_COUNT; s++) {
                for (int e = 0; e < JOB_EVENT_MAX; e++) {
                        const JobRow *row = job_state_row((BG_JOB_STATE) s, (JobEvent) e);
                        int i = find_move((BG_JOB_STATE) s, (JobEvent) e);

                        if ((row->kind == JOB_ROW_MOVE) != (i >= 0))
                                fail_msg("%s, %s", job_state_name((BG_JOB_STATE) s),
                                         job_event_name((JobEvent) e));
                        if (i < 0)
                                continue;
                        assert_int_equal(row->to, MOVES[i].to);
                        assert_int_equal(row->number, MOVES[i].number);
                }
        }
}

static void what_users_ask_for_is_durable(void **state)
{
        static const JobEvent EVENTS[] = {JOB_EVENT_COMPLETE, JOB_EVENT_CANCEL, JOB_EVENT_INACTIVE};

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++)
                for (int s = 0; s < LIVE_STATES; s++)
                        assert_int_equal(job_state_row((BG_JOB_STATE) s, EVENTS[i])->persist,
                                         JOB_PERSIST_DURABLE);
        for (size_t i = 0; i < ARRAY_LEN(MOVES); i++) {
                const JobRow *row = job_state_row(MOVES[i].from, MOVES[i].event);
                bool must = row->to == S(TRANSFERRED) || row->to == S(ERROR) ||
                            row->to == S(SUSPENDED) || row->to == S(ACKNOWLEDGED) ||
                            row->to == S(CANCELLED) || row->event == JOB_EVENT_RESUME;

                if (must)
                        assert_int_equal(row->persist, JOB_PERSIST_DURABLE);
        }
}

static void flips_of_the_scheduler_are_not_stored(void **state)
{
        (void) state;
        assert_int_equal(job_state_row(S(QUEUED), JOB_EVENT_START)->persist, JOB_PERSIST_NONE);
        assert_int_equal(job_state_row(S(CONNECTING), JOB_EVENT_CONNECTED)->persist,
                         JOB_PERSIST_NONE);
        assert_int_equal(job_state_row(S(TRANSFERRING), JOB_EVENT_SLICE_END)->persist,
                         JOB_PERSIST_NONE);
        assert_int_equal(job_state_row(S(TRANSFERRING), JOB_EVENT_PREEMPT)->persist,
                         JOB_PERSIST_NONE);
}

static void errors_are_counted_only_out_of_transferring(void **state)
{
        uint32_t len;
        const JobRow *rows = job_state_table(&len);

        (void) state;
        for (uint32_t i = 0; i < len; i++)
                if (rows[i].effects & JOB_EFFECT_COUNT_ERROR)
                        assert_int_equal(rows[i].from, 1 << S(TRANSFERRING));
        assert_true(job_state_row(S(TRANSFERRING), JOB_EVENT_FATAL)->effects &
                    JOB_EFFECT_COUNT_ERROR);
        assert_true(job_state_row(S(TRANSFERRING), JOB_EVENT_TRANSIENT)->effects &
                    JOB_EFFECT_COUNT_ERROR);
}

static void changes_into_error_and_transferred_are_no_modification(void **state)
{
        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(MOVES); i++) {
                const JobRow *row = job_state_row(MOVES[i].from, MOVES[i].event);

                if (row->to == S(TRANSFERRED) || row->to == S(ERROR))
                        assert_false(row->effects & JOB_EFFECT_MODIFIED);
                else if (row->event != JOB_EVENT_RESTART)
                        assert_true(row->effects & JOB_EFFECT_MODIFIED);
        }
}

static void the_documentation_shows_this_table(void **state)
{
        const char *path = getenv("ENGINE_DOC");
        char *doc = NULL;
        const char *begin, *end;
        Buf out;

        (void) state;
        assert_non_null(path);
        assert_int_equal(fd_read_file(path, 1 << 20, &doc), 0);
        buf_init(&out, 1 << 16);
        assert_int_equal(job_state_format(&out), 0);
        begin = strstr(doc, "<!-- table: begin -->\n");
        end = strstr(doc, "<!-- table: end -->");
        assert_non_null(begin);
        assert_non_null(end);
        begin = strstr(begin, "|---");
        begin = strchr(begin, '\n') + 1;
        if ((size_t) (end - begin) != out.len || memcmp(begin, out.data, out.len) != 0)
                fail_msg("docs/design/engine.md should show:\n%s", buf_cstr(&out));
        buf_done(&out);
        mem_free(doc);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_pair_has_exactly_one_row),
                cmocka_unit_test(values_outside_the_enumerations_have_no_row),
                cmocka_unit_test(nothing_leaves_a_final_state),
                cmocka_unit_test(exactly_the_published_moves_exist),
                cmocka_unit_test(what_users_ask_for_is_durable),
                cmocka_unit_test(flips_of_the_scheduler_are_not_stored),
                cmocka_unit_test(errors_are_counted_only_out_of_transferring),
                cmocka_unit_test(changes_into_error_and_transferred_are_no_modification),
                cmocka_unit_test(the_documentation_shows_this_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
