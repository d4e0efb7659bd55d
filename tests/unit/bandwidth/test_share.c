/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of limits, rule by rule and with random trees; token buckets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bandwidth/share.h"

#include "../base/random.h"

enum { JOBS = 5, CONNECTIONS = 4, SEC = 1000000 };

typedef struct Rig {
        ShareTree tree;
        ShareNode jobs[SHARE_LEVELS][JOBS];
        ShareNode connections[SHARE_LEVELS][JOBS][CONNECTIONS];
} Rig;

static void add_job(Rig *r, unsigned level, unsigned job, unsigned connections)
{
        share_node_init(&r->jobs[level][job], true);
        share_node_attach(&r->tree.levels[level], &r->jobs[level][job]);
        for (unsigned i = 0; i < connections; i++) {
                share_node_init(&r->connections[level][job][i], false);
                share_node_attach(&r->jobs[level][job], &r->connections[level][job][i]);
        }
}

static void nobody_is_limited_without_limits(void **state)
{
        Rig r;

        share_tree_init(&r.tree);
        add_job(&r, SHARE_HIGH, 0, 2);
        add_job(&r, SHARE_LOW, 0, 1);
        share_distribute(&r.tree.line, SHARE_NO_LIMIT);
        assert_true(r.connections[SHARE_HIGH][0][1].grant_bps == SHARE_NO_LIMIT);
        assert_true(r.connections[SHARE_LOW][0][0].grant_bps == SHARE_NO_LIMIT);
}

static void levels_are_served_in_order(void **state)
{
        Rig r;

        share_tree_init(&r.tree);
        for (unsigned i = 0; i < SHARE_LEVELS; i++)
                add_job(&r, i, 0, 1);
        r.connections[SHARE_HIGH][0][0].demand_bps = 300;
        r.connections[SHARE_NORMAL][0][0].demand_bps = 600;
        share_distribute(&r.tree.line, 1000);
        assert_int_equal(r.connections[SHARE_HIGH][0][0].grant_bps, 300);
        assert_int_equal(r.connections[SHARE_NORMAL][0][0].grant_bps, 600);
        assert_int_equal(r.connections[SHARE_LOW][0][0].grant_bps, 100);
        r.connections[SHARE_HIGH][0][0].demand_bps = SHARE_NO_LIMIT;
        share_distribute(&r.tree.line, 1000);
        assert_int_equal(r.connections[SHARE_HIGH][0][0].grant_bps, 1000);
        assert_int_equal(r.connections[SHARE_NORMAL][0][0].grant_bps, 0);
}

static void jobs_share_fairly_whatever_their_connections(void **state)
{
        Rig r;

        share_tree_init(&r.tree);
        add_job(&r, SHARE_NORMAL, 0, 4);
        add_job(&r, SHARE_NORMAL, 1, 1);
        add_job(&r, SHARE_NORMAL, 2, 1);
        r.jobs[SHARE_NORMAL][2].limit_bps = 100;
        share_distribute(&r.tree.line, 1700);
        assert_int_equal(r.jobs[SHARE_NORMAL][2].grant_bps, 100);
        assert_int_equal(r.jobs[SHARE_NORMAL][1].grant_bps, 800);
        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(r.connections[SHARE_NORMAL][0][i].grant_bps, 200);
}

static void a_limit_above_binds_all_below(void **state)
{
        Rig r;

        share_tree_init(&r.tree);
        add_job(&r, SHARE_HIGH, 0, 1);
        add_job(&r, SHARE_LOW, 0, 2);
        r.tree.levels[SHARE_LOW].limit_bps = 11;
        r.tree.instance.limit_bps = 111;
        r.jobs[SHARE_HIGH][0].limit_bps = 50;
        share_distribute(&r.tree.line, SHARE_NO_LIMIT);
        assert_int_equal(r.connections[SHARE_HIGH][0][0].grant_bps, 50);
        assert_int_equal(r.connections[SHARE_LOW][0][0].grant_bps, 6);
        assert_int_equal(r.connections[SHARE_LOW][0][1].grant_bps, 5);
        share_distribute(&r.tree.line, 0);
        assert_int_equal(r.connections[SHARE_HIGH][0][0].grant_bps, 0);
}

static void who_leaves_frees_his_part(void **state)
{
        Rig r;

        share_tree_init(&r.tree);
        add_job(&r, SHARE_HIGH, 0, 3);
        share_node_detach(&r.connections[SHARE_HIGH][0][1]);
        share_node_detach(&r.connections[SHARE_HIGH][0][1]);
        share_distribute(&r.tree.line, 100);
        assert_int_equal(r.connections[SHARE_HIGH][0][0].grant_bps, 50);
        assert_int_equal(r.connections[SHARE_HIGH][0][2].grant_bps, 50);
        share_node_detach(&r.connections[SHARE_HIGH][0][0]);
        share_node_detach(&r.connections[SHARE_HIGH][0][2]);
        share_distribute(&r.tree.line, 100);
        assert_int_equal(r.jobs[SHARE_HIGH][0].grant_bps, 0); /* a job without connections */
}

static void demand_follows_use(void **state)
{
        assert_true(share_demand_bps(800000, 1000000) == SHARE_NO_LIMIT);
        assert_int_equal(share_demand_bps(400000, 1000000), 500000);
        assert_int_equal(share_demand_bps(0, 1000000), 16384);
        assert_true(share_demand_bps(0, SHARE_NO_LIMIT) == SHARE_NO_LIMIT);
        assert_true(share_demand_bps(UINT64_MAX, UINT64_MAX - 1) == SHARE_NO_LIMIT);
}

static uint64_t random_bps(Random *random)
{
        switch (random_below(random, 4)) {
        case 0:
                return SHARE_NO_LIMIT;
        case 1:
                return random_u64(random);
        default:
                return random_below(random, 100000);
        }
}

static void check_node(const ShareNode *n)
{
        uint64_t sum = 0, above = n->grant_bps, wants = 0;
        const ShareNode *hungry = NULL;

        assert_true(n->grant_bps <= n->limit_bps);
        if (!n->is_inner)
                assert_true(n->grant_bps <= n->demand_bps);
        for (const ShareNode *c = n->first; c; c = c->next) {
                check_node(c);
                assert_true(above == SHARE_NO_LIMIT || c->grant_bps <= above - sum);
                sum = c->grant_bps > UINT64_MAX - sum ? UINT64_MAX : sum + c->grant_bps;
                wants = c->want_bps > UINT64_MAX - wants ? UINT64_MAX : wants + c->want_bps;
                /* Strict: below a level that is not satisfied nobody has anything. */
                if (n->is_strict && hungry)
                        assert_int_equal(c->grant_bps, 0);
                if (c->grant_bps < c->want_bps)
                        hungry = c;
        }
        if (n->first) /* nothing is lost */
                assert_true(sum == (wants < above ? wants : above));
        /* Max-min: who is not satisfied has no less than anybody beside him, but for a byte. */
        if (!n->is_strict && hungry && above != SHARE_NO_LIMIT)
                for (const ShareNode *c = n->first; c; c = c->next)
                        if (c->grant_bps < c->want_bps)
                                for (const ShareNode *d = n->first; d; d = d->next)
                                        assert_true(d->grant_bps <= c->grant_bps + 1);
}

static void random_trees_keep_every_rule(void **state)
{
        Random random = random_seeded("random_trees_keep_every_rule");

        for (unsigned round = 0; round < 2000; round++) {
                Rig r;

                share_tree_init(&r.tree);
                for (unsigned level = 0; level < SHARE_LEVELS; level++)
                        for (unsigned job = 0; job < random_below(&random, JOBS + 1); job++) {
                                unsigned n = (unsigned) random_below(&random, CONNECTIONS + 1);

                                add_job(&r, level, job, n);
                                r.jobs[level][job].limit_bps = random_bps(&random);
                                for (unsigned i = 0; i < n; i++) {
                                        ShareNode *c = &r.connections[level][job][i];

                                        c->demand_bps = random_bps(&random);
                                        c->limit_bps = random_bps(&random);
                                }
                        }
                r.tree.instance.limit_bps = random_bps(&random);
                share_distribute(&r.tree.line, random_bps(&random));
                check_node(&r.tree.line);
        }
}

static void a_bucket_gives_its_rate_and_a_small_burst(void **state)
{
        TokenBucket b;
        uint64_t sent = 0;

        token_bucket_init(&b, 100000, 5 * SEC);
        assert_int_equal(token_bucket_available(&b, 5 * SEC), 25000);
        for (uint64_t now = 5 * SEC; now < 15 * SEC; now += 10000) {
                uint64_t n = token_bucket_available(&b, now);

                token_bucket_spend(&b, now, n);
                sent += n;
        }
        assert_in_range(sent, 1000000, 1026000);
        assert_int_equal(token_bucket_available(&b, 100 * (uint64_t) SEC), 25000);
}

static void a_bucket_in_debt_waits_until_it_is_paid(void **state)
{
        TokenBucket b;

        token_bucket_init(&b, 100000, 0);
        token_bucket_spend(&b, 0, 125000);
        assert_int_equal(token_bucket_available(&b, 0), 0);
        assert_in_range(token_bucket_wait_usec(&b, 0, 10000), 1100000, 1100001);
        assert_int_equal(token_bucket_available(&b, SEC), 0);
        assert_in_range(token_bucket_available(&b, 1100000), 9999, 10000);
        token_bucket_spend(&b, SEC, UINT64_MAX);
        assert_true(token_bucket_wait_usec(&b, SEC, 1) < 11 * (uint64_t) SEC);
        /* More than the burst can never be there at once. */
        token_bucket_init(&b, 100000, 0);
        assert_int_equal(token_bucket_wait_usec(&b, 0, 1000000), 0);
}

static void limits_of_nothing_and_of_none(void **state)
{
        TokenBucket b;

        token_bucket_init(&b, 0, 0);
        assert_int_equal(token_bucket_available(&b, 100 * (uint64_t) SEC), 0);
        assert_true(token_bucket_wait_usec(&b, SEC, 1) == UINT64_MAX);
        token_bucket_set_rate(&b, TOKEN_BUCKET_NO_LIMIT, SEC);
        token_bucket_spend(&b, SEC, UINT64_MAX);
        assert_true(token_bucket_available(&b, SEC) == UINT64_MAX);
        assert_int_equal(token_bucket_wait_usec(&b, SEC, 1), 0);
        token_bucket_set_rate(&b, 1000000, SEC);
        assert_int_equal(token_bucket_available(&b, SEC), 250000);
        token_bucket_set_rate(&b, 40000, SEC);
        assert_int_equal(token_bucket_available(&b, SEC), 10000);
        assert_int_equal(token_bucket_available(&b, 0), 10000); /* the clock went back */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nobody_is_limited_without_limits),
                cmocka_unit_test(levels_are_served_in_order),
                cmocka_unit_test(jobs_share_fairly_whatever_their_connections),
                cmocka_unit_test(a_limit_above_binds_all_below),
                cmocka_unit_test(who_leaves_frees_his_part),
                cmocka_unit_test(demand_follows_use),
                cmocka_unit_test(random_trees_keep_every_rule),
                cmocka_unit_test(a_bucket_gives_its_rate_and_a_small_burst),
                cmocka_unit_test(a_bucket_in_debt_waits_until_it_is_paid),
                cmocka_unit_test(limits_of_nothing_and_of_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
