/* SPDX-License-Identifier: Apache-2.0 */
/* engine-sim [--seed N] [--seeds COUNT] [--steps N] [--trace 1]: lives of the engine, one per seed.
 * A failure prints its seed; --seed N replays exactly that one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/str.h"
#include "sim.h"

typedef struct Options {
        uint32_t first, count, steps, trace;
} Options;

static int parse_options(int argc, char **argv, Options *ret)
{
        Options o = {.first = 1, .count = 300, .steps = 1500};
        bool one = false;

        for (int i = 1; i + 1 < argc; i += 2) {
                uint32_t *value = str_equal(argv[i], "--seed")    ? &o.first
                                  : str_equal(argv[i], "--seeds") ? &o.count
                                  : str_equal(argv[i], "--steps") ? &o.steps
                                  : str_equal(argv[i], "--trace") ? &o.trace
                                                                  : NULL;

                if (!value || parse_u32(argv[i + 1], value) < 0)
                        return -1;
                one = one || value == &o.first;
        }
        if (argc % 2 == 0)
                return -1;
        if (one)
                o.count = 1;
        *ret = o;
        return 0;
}

typedef struct Totals {
        uint64_t usec, calls;
        uint32_t kills, powers, jobs, uploads, replies, farewells, armed, changes;
} Totals;

static bool run_seed(uint32_t seed, const Options *o, Totals *totals)
{
        Sim *sim = calloc(1, sizeof(*sim));
        const char *broken;

        if (!sim)
                return false;
        sim_init(sim, seed);
        sim->trace = o->trace != 0;
        broken = sim_live(sim, o->steps);
        if (broken)
                (void) printf("seed %u, step %u: %s (replay: --seed %u --steps %u)\n", seed,
                              sim->step, broken, seed, o->steps);
        totals->usec += sim->simulated_usec;
        totals->calls += sim->calls;
        totals->kills += sim->kills;
        totals->powers += sim->powers;
        totals->jobs += sim->jobs_len;
        totals->uploads += sim->uploads;
        totals->replies += sim->replies;
        totals->farewells += sim->rig.transfer.farewells_len;
        totals->armed += sim->armed_starts;
        totals->changes += sim->rig.vault.changes;
        sim_done(sim);
        free(sim);
        return broken == NULL;
}

int main(int argc, char **argv)
{
        Options o;
        Totals totals = {0};
        uint32_t failed = 0;

        if (parse_options(argc, argv, &o) < 0) {
                (void) fprintf(
                        stderr,
                        "usage: engine-sim [--seed N] [--seeds COUNT] [--steps N] [--trace 1]\n");
                return 2;
        }
        for (uint32_t i = 0; i < o.count; i++)
                failed += !run_seed(o.first + i, &o, &totals);
        (void) printf("%u lives, %u failed: %u jobs, %u uploads with %u replies, %u farewells, "
                      "%u starts with credentials, %u new keys, %lu calls, %u kills, %u power "
                      "losses, %lu days\n",
                      o.count, failed, totals.jobs, totals.uploads, totals.replies,
                      totals.farewells, totals.armed, totals.changes, (unsigned long) totals.calls,
                      totals.kills, totals.powers,
                      (unsigned long) (totals.usec / USEC_PER_SEC / 86400));
        return failed > 0;
}
