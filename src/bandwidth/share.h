/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of limits: line (what the governor leaves) → instance → priority level → job →
 * connection. Each node may have a limit, each connection a demand; share_distribute() says what
 * each may take. Levels are served in strict order, HIGH before NORMAL before LOW; inside a level
 * jobs, and inside a job connections, share max-min fairly. FOREGROUND is not in it.
 *
 * Nodes are owned by the caller and linked in place, so nothing here allocates or fails. A node is
 * detached before it goes away; that of a parent after those of its children. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bandwidth/token_bucket.h"

#define SHARE_NO_LIMIT UINT64_MAX

typedef struct ShareNode ShareNode;
struct ShareNode {
        ShareNode *parent, *first, *last, *prev, *next;
        uint64_t limit_bps;  /* bytes/s; SHARE_NO_LIMIT none */
        uint64_t demand_bps; /* of a leaf: what it could use; SHARE_NO_LIMIT as much as there is */
        uint64_t grant_bps;  /* result; SHARE_NO_LIMIT: not limited */
        uint64_t want_bps;   /* scratch: the demand below, within all limits there */
        bool is_strict;      /* children in order instead of fairly */
        bool is_inner;       /* without children it wants nothing */
        bool is_met;         /* scratch */
};

enum { SHARE_HIGH, SHARE_NORMAL, SHARE_LOW, SHARE_LEVELS };

typedef struct ShareTree {
        ShareNode line, instance, levels[SHARE_LEVELS];
} ShareTree;

/* The tree with its fixed nodes; it must not be moved afterwards. */
void share_tree_init(ShareTree *t);
/* A job (is_inner), or a connection. */
void share_node_init(ShareNode *n, bool is_inner);
void share_node_attach(ShareNode *parent, ShareNode *n); /* last of the children */
void share_node_detach(ShareNode *n);                    /* no-op when it is in no tree */
/* Fills `grant_bps` of every node below and including `root`, with `cap_bps` on all of it. */
void share_distribute(ShareNode *root, uint64_t cap_bps);
/* What a connection that took `rate_bps` of a grant of `grant_bps` could use: all there is when it
 * used most of its grant, else a little more than it took, so that others get the rest. */
uint64_t share_demand_bps(uint64_t rate_bps, uint64_t grant_bps);
