/* SPDX-License-Identifier: Apache-2.0 */
/* Port "store" in memory, under the same contract as the database: for simulations, and for a
 * daemon that is told to keep nothing. Keeps apart what is committed (outlives a kill) from what
 * is hardened (outlives a power loss), so that a test can take either away. */
#pragma once

#include "base/cleanup.h"
#include "engine/port/store.h"

typedef struct StoreMem StoreMem;

/* NULL when out of memory. */
_must_use_ StoreMem *store_mem_new(void);
StoreMem *store_mem_free(StoreMem *mem); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(StoreMem *, store_mem_free)
/* Valid until store_mem_free(). */
StorePort store_mem_port(StoreMem *mem);

/* The process dies: an open transaction is gone. */
void store_mem_kill(StoreMem *mem);
/* Commits that a power loss would take now. */
uint32_t store_mem_unhardened(const StoreMem *mem);
/* The machine loses power: of those only the first `keep` are found again, and the boot is
 * another one. 0 or -ENOMEM (nothing has happened). */
_must_use_ int store_mem_power_loss(StoreMem *mem, uint32_t keep);
/* The machine restarts in good order: nothing is lost, the boot is another one. */
void store_mem_reboot(StoreMem *mem);

/* The n-th port call from now that can fail (1 = the next) fails with err, a negative errno, and
 * does nothing; n = 0 takes the order back. */
void store_mem_fail_nth(StoreMem *mem, uint64_t n, int err);
/* Port calls that could have failed, so far: the range of n. */
uint64_t store_mem_calls(const StoreMem *mem);
