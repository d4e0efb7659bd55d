/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/share.h"

#include <stddef.h>

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void share_node_init(ShareNode *n, bool is_inner)
{
        *n = (ShareNode){.limit_bps = SHARE_NO_LIMIT, .is_inner = is_inner};
        n->demand_bps = is_inner ? 0 : SHARE_NO_LIMIT;
}

void share_node_attach(ShareNode *parent, ShareNode *n)
{
        share_node_detach(n);
        n->parent = parent;
        n->prev = parent->last;
        if (parent->last)
                parent->last->next = n;
        else
                parent->first = n;
        parent->last = n;
}

void share_node_detach(ShareNode *n)
{
        if (!n->parent)
                return;
        if (n->prev)
                n->prev->next = n->next;
        else
                n->parent->first = n->next;
        if (n->next)
                n->next->prev = n->prev;
        else
                n->parent->last = n->prev;
        n->parent = n->prev = n->next = NULL;
}

void share_tree_init(ShareTree *t)
{
        share_node_init(&t->line, true);
        share_node_init(&t->instance, true);
        share_node_attach(&t->line, &t->instance);
        t->instance.is_strict = true;
        for (unsigned i = 0; i < SHARE_LEVELS; i++) {
                share_node_init(&t->levels[i], true);
                share_node_attach(&t->instance, &t->levels[i]);
        }
}

/* From the leaves up. The tree is five nodes deep. */
static uint64_t collect_wants(ShareNode *n)
{
        uint64_t want = n->is_inner ? 0 : n->demand_bps;

        for (ShareNode *child = n->first; child; child = child->next)
                want = add_saturated(want, collect_wants(child));
        n->want_bps = least(want, n->limit_bps);
        return n->want_bps;
}

static void give(ShareNode *n, uint64_t bps);

static void give_in_order(ShareNode *n, uint64_t left_bps)
{
        for (ShareNode *child = n->first; child; child = child->next) {
                uint64_t part = least(child->want_bps, left_bps);

                give(child, part);
                if (left_bps != UINT64_MAX)
                        left_bps -= part;
        }
}

/* Those who want less than an equal part are met first; what they leave raises the part of the
 * others, until nobody is left who wants less. */
static uint64_t meet_the_modest(ShareNode *n, uint64_t left_bps, uint64_t *ret_hungry)
{
        uint64_t hungry = 0;
        bool again = true;

        for (ShareNode *child = n->first; child; child = child->next) {
                child->is_met = false;
                hungry++;
        }
        while (again && hungry > 0) {
                uint64_t part = left_bps / hungry;

                again = false;
                for (ShareNode *child = n->first; child; child = child->next)
                        if (!child->is_met && child->want_bps <= part) {
                                child->is_met = true;
                                child->grant_bps = child->want_bps;
                                left_bps -= child->want_bps;
                                hungry--;
                                again = true;
                        }
        }
        *ret_hungry = hungry;
        return left_bps;
}

static void give_fairly(ShareNode *n, uint64_t bps)
{
        uint64_t hungry, part = 0, rest = 0, left = meet_the_modest(n, bps, &hungry);

        if (hungry > 0) {
                part = left / hungry;
                rest = left % hungry; /* a byte more for the first ones: nothing is lost */
        }
        for (ShareNode *child = n->first; child; child = child->next) {
                uint64_t grant = child->grant_bps;

                if (!child->is_met) {
                        grant = part + (rest > 0 ? 1 : 0);
                        rest -= rest > 0 ? 1 : 0;
                }
                give(child, grant);
        }
}

static void give(ShareNode *n, uint64_t bps)
{
        n->grant_bps = bps;
        /* Without a cap from above everybody has what he wants, within his own limits. */
        if (n->is_strict || bps == UINT64_MAX)
                give_in_order(n, bps);
        else
                give_fairly(n, bps);
}

void share_distribute(ShareNode *root, uint64_t cap_bps)
{
        give(root, least(collect_wants(root), cap_bps));
}

uint64_t share_demand_bps(uint64_t rate_bps, uint64_t grant_bps)
{
        uint64_t most = grant_bps / 5 * 4;

        if (grant_bps == SHARE_NO_LIMIT || rate_bps >= most)
                return SHARE_NO_LIMIT;
        /* Room to grow: a quarter, and at least a few segments a second. */
        return add_saturated(rate_bps, rate_bps / 4 > 16384 ? rate_bps / 4 : 16384);
}
