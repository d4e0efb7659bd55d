/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets what: connections that are none, under the rules that would hold for real ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "transfer/pace_state.h"

#define CONNS_MAX 4

typedef struct Rig {
        sd_event *loop;
        TransferConfig config;
        Pace *pace;
        PaceTask tasks[CONNS_MAX];
        PaceFlow flows[CONNS_MAX];
        PaceConn *conns[CONNS_MAX];
        size_t conns_len;
        PaceLine *line;
} Rig;

static void ignore_told(void *ctx, uint64_t op, uint32_t file_index, TransferPaceKind kind)
{
}

static void ignore_lines(void *ctx, const LineReport *report)
{
}

static int set_up(void **state)
{
        const PaceHost host = {ignore_told, ignore_lines, NULL};
        const Iface eth = {.index = 7, .name = "eth7", .has_subnet = true};
        Rig *r = mem_new(Rig);

        assert_non_null(r);
        transfer_config_init(&r->config);
        r->config.line_bps_down = 1000000;
        assert_true(sd_event_new(&r->loop) >= 0);
        assert_int_equal(pace_new(r->loop, &r->config, &host, &r->pace), 0);
        assert_int_equal(pace_line_new(&eth, &r->config, &r->line), 0);
        list_append(&r->pace->lines, &r->line->link);
        *state = r;
        return 0;
}

static int tear_down(void **state)
{
        Rig *r = *state;

        for (size_t i = 0; i < r->conns_len; i++)
                pace_task_done(&r->tasks[i]);
        pace_free(r->pace);
        transfer_config_done(&r->config);
        sd_event_unref(r->loop);
        mem_free(r);
        return 0;
}

/* A download of job `id`. Its descriptor is none: nothing is put into effect here. */
static PaceConn *add(Rig *r, uint32_t id, uint8_t priority, uint64_t limit_bps)
{
        const struct sockaddr_in to = {.sin_family = AF_INET};
        const GUID job = {id, 0, 0, {0}};
        size_t i = r->conns_len++;
        PaceConn *c = pace_conn_new(-1, AF_INET, true, r->config.window_bytes);

        assert_true(i < CONNS_MAX);
        assert_non_null(c);
        c->blind = false;
        c->located = c->adaptive = true;
        c->line = r->line;
        r->line->conns++;
        assert_int_equal(pace_line_path(r->line, (const struct sockaddr *) &to, &c->path), 0);
        controller_init(&c->controller, BW_DOWN, &c->path->memory[BW_DOWN], BW_TARGET_NORMAL_USEC);
        assert_int_equal(pace_task_init(&r->tasks[i], r->pace, &job, i + 1, 0, priority, limit_bps),
                         0);
        pace_flow_init(&r->flows[i], r->pace, &r->tasks[i], false);
        r->flows[i].conn = c;
        list_append(&c->flows, &r->flows[i].link);
        list_append(&r->pace->conns, &c->link);
        r->conns[i] = c;
        return c;
}

static void set_level(Rig *r, BG_JOB_PRIORITY level, uint64_t bps, bool lan_exempt)
{
        TransferLimits limits = {.level_bps = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                 .lan_exempt = lan_exempt};

        limits.level_bps[level] = bps;
        pace_set_limits(r->pace, &limits);
}

static void without_limits_there_are_none(void **state)
{
        Rig *r = *state;
        PaceConn *c = add(r, 1, BG_JOB_PRIORITY_NORMAL, 0);

        pace_share(r->pace, 1);
        assert_true(c->limit_bps == UINT64_MAX && c->cap_bps == UINT64_MAX);
}

static void a_level_is_shared_by_its_jobs(void **state)
{
        Rig *r = *state;
        PaceConn *one = add(r, 1, BG_JOB_PRIORITY_NORMAL, 0);
        PaceConn *two = add(r, 2, BG_JOB_PRIORITY_NORMAL, 0);
        PaceConn *also_two = add(r, 2, BG_JOB_PRIORITY_NORMAL, 0);
        PaceConn *low = add(r, 3, BG_JOB_PRIORITY_LOW, 0);

        set_level(r, BG_JOB_PRIORITY_NORMAL, 40000, false);
        assert_int_equal(one->limit_bps, 20000);
        assert_int_equal(two->limit_bps, 10000);
        assert_int_equal(also_two->limit_bps, 10000);
        assert_true(low->limit_bps == UINT64_MAX);
        pace_task_retune(&r->tasks[0], BG_JOB_PRIORITY_LOW, 5000);
        assert_int_equal(one->limit_bps, 5000);
}

static void the_limit_of_a_job_is_that_of_all_its_files(void **state)
{
        Rig *r = *state;
        PaceConn *a = add(r, 1, BG_JOB_PRIORITY_HIGH, 30000);
        PaceConn *b = add(r, 1, BG_JOB_PRIORITY_HIGH, 30000);

        pace_share(r->pace, 1);
        assert_int_equal(a->limit_bps + b->limit_bps, 30000);
        pace_task_retune(&r->tasks[0], BG_JOB_PRIORITY_HIGH, 0);
        a->was_short = b->was_short = true; /* they would take more */
        pace_share(r->pace, 2);
        assert_true(a->limit_bps == UINT64_MAX && b->limit_bps == UINT64_MAX);
}

static void peers_in_the_subnet_may_be_exempt(void **state)
{
        Rig *r = *state;
        PaceConn *near = add(r, 1, BG_JOB_PRIORITY_NORMAL, 0);
        PaceConn *far = add(r, 2, BG_JOB_PRIORITY_NORMAL, 0);

        near->direct = true;
        set_level(r, BG_JOB_PRIORITY_NORMAL, 40000, true);
        assert_true(near->limit_bps == UINT64_MAX);
        assert_int_equal(far->limit_bps, 40000);
        pace_task_retune(&r->tasks[0], BG_JOB_PRIORITY_NORMAL, 7000); /* its job's own holds */
        assert_int_equal(near->limit_bps, 7000);
        near->was_short = far->was_short = true;
        pace_task_retune(&r->tasks[0], BG_JOB_PRIORITY_NORMAL, 0);
        near->was_short = far->was_short = true;
        set_level(r, BG_JOB_PRIORITY_NORMAL, 40000, false);
        assert_int_equal(near->limit_bps + far->limit_bps, 40000);
}

static void what_the_governor_leaves_goes_to_the_highest_first(void **state)
{
        Rig *r = *state;
        PaceConn *low = add(r, 1, BG_JOB_PRIORITY_LOW, 0);
        PaceConn *a = add(r, 2, BG_JOB_PRIORITY_HIGH, 0);
        PaceConn *b = add(r, 3, BG_JOB_PRIORITY_HIGH, 0);

        low->share_line_bps = a->share_line_bps = b->share_line_bps = UINT64_MAX;
        r->line->cap_bps[BW_DOWN] = 100000;
        pace_share(r->pace, 1);
        assert_int_equal(a->cap_bps, 50000);
        assert_int_equal(b->cap_bps, 50000);
        assert_int_equal(low->cap_bps, 0);
        r->line->cap_bps[BW_DOWN] = 0;
        pace_share(r->pace, 2);
        assert_int_equal(a->cap_bps, 0);
        r->line->cap_bps[BW_DOWN] = UINT64_MAX;
        pace_share(r->pace, 3);
        assert_true(low->cap_bps == UINT64_MAX);
}

/* A kernel without the window or TCP_INFO: the governor, and half of the line. */
static void who_cannot_see_takes_half_of_the_line(void **state)
{
        Rig *r = *state;
        PaceConn *c = add(r, 1, BG_JOB_PRIORITY_NORMAL, 0);

        c->blind = true;
        pace_share(r->pace, 1);
        assert_int_equal(c->limit_bps, 500000);
        c->share_line_bps = UINT64_MAX;
        r->line->cap_bps[BW_DOWN] = 1000;
        pace_share(r->pace, 2);
        assert_int_equal(c->limit_bps, 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(without_limits_there_are_none),
                TEST(a_level_is_shared_by_its_jobs),
                TEST(the_limit_of_a_job_is_that_of_all_its_files),
                TEST(peers_in_the_subnet_may_be_exempt),
                TEST(what_the_governor_leaves_goes_to_the_highest_first),
                TEST(who_cannot_see_takes_half_of_the_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
