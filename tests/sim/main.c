/* SPDX-License-Identifier: Apache-2.0 */
/* engine-sim, upload-sim: lives of the engine, one per seed. A failure prints its seed, and how to
 * have exactly that one again.
 *
 *   --seed N         this one alone
 *   --first N        the first of many (1)
 *   --seeds COUNT    how many (300)
 *   --steps N        of a life (1500; with --each 100)
 *   --each 1         instead of dying at random, lives die at each place there is to die, in turn:
 *                    killed and by power loss. One seed has as many lives as twice the places
 *   --each 2         the same with the deaths of the upload server (upload-sim)
 *   --point N        … only there; 2 * place, + 1 for power loss
 *   --coverage FILE  what was reached, one line "COUNT NAME" each
 *   --trace 1        print changes of state */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/str.h"
#include "sim.h"

typedef struct Options {
        uint32_t seed, first, count, steps, each, point, trace;
        const char *coverage;
} Options;

static uint32_t *number_of(Options *o, const char *name)
{
        if (str_equal(name, "--seed"))
                return &o->seed;
        if (str_equal(name, "--first"))
                return &o->first;
        if (str_equal(name, "--seeds"))
                return &o->count;
        if (str_equal(name, "--steps"))
                return &o->steps;
        if (str_equal(name, "--each"))
                return &o->each;
        if (str_equal(name, "--point"))
                return &o->point;
        return str_equal(name, "--trace") ? &o->trace : NULL;
}

static int parse_options(int argc, char **argv, Options *ret)
{
        Options o = {.first = 1, .count = 300};

        for (int i = 1; i + 1 < argc; i += 2) {
                uint32_t *value = number_of(&o, argv[i]);

                if (str_equal(argv[i], "--coverage"))
                        o.coverage = argv[i + 1];
                else if (!value || parse_u32(argv[i + 1], value) < 0)
                        return -1;
        }
        if (argc % 2 == 0)
                return -1;
        if (o.seed != 0) {
                o.first = o.seed;
                o.count = 1;
        }
        if (o.each > 2 || (o.each == 2 && !sim_uploads()->plan))
                return -1;
        if (o.steps == 0)
                o.steps = o.each ? 100 : 1500;
        *ret = o;
        return 0;
}

typedef struct Totals {
        uint64_t usec, calls, lives, failed;
        uint64_t kills, powers, jobs, uploads, replies, farewells, armed, changes;
        SimUploadCounts wire;
        SimCover cover;
} Totals;

static void add(Totals *totals, const Sim *sim)
{
        totals->lives++;
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
        if (sim->uploads_by->count)
                sim->uploads_by->count(sim->uploader, &totals->wire);
}

static const char *lead(Sim *sim, const Options *o, uint32_t death)
{
        SimEnd end = death % 2 == 1 ? SIM_END_POWER : SIM_END_KILL;

        if (o->each == 2)
                return sim_live_with_server(sim, o->steps, death / 2, end);
        return o->each ? sim_live_until(sim, o->steps, death / 2, end) : sim_live(sim, o->steps);
}

/* *ret_points: how many places to die the life had. False: a promise was broken. */
static bool live(uint32_t seed, const Options *o, uint32_t death, Totals *totals,
                 uint64_t *ret_points)
{
        Sim *sim = calloc(1, sizeof(*sim));
        const char *broken;

        if (!sim)
                abort();
        sim_init(sim, seed, &totals->cover);
        sim->trace = o->trace != 0;
        broken = lead(sim, o, death);
        if (broken && o->each)
                (void) printf("seed %u, step %u: %s (replay: %s --seed %u --steps %u --each %u "
                              "--point %u)\n",
                              seed, sim->step, broken, sim->uploads_by->program, seed, o->steps,
                              o->each, death);
        else if (broken)
                (void) printf("seed %u, step %u: %s (replay: %s --seed %u --steps %u)\n", seed,
                              sim->step, broken, sim->uploads_by->program, seed, o->steps);
        add(totals, sim);
        totals->failed += broken != NULL;
        *ret_points = o->each == 2 ? sim->uploads_by->points(sim->uploader) : sim->points;
        sim_done(sim);
        free(sim);
        return broken == NULL;
}

/* The same life again and again, until it has died everywhere. */
static bool die_everywhere(uint32_t seed, const Options *o, Totals *totals)
{
        uint64_t points, unused;
        bool good;

        if (o->point != 0)
                return live(seed, o, o->point, totals, &unused);
        good = live(seed, o, 0, totals, &points);
        for (uint32_t death = 2; good && death < 2 * (points + 1); death++)
                good = live(seed, o, death, totals, &unused);
        return good;
}

static int write_coverage(const Options *o, const SimCover *cover)
{
        FILE *out;

        if (!o->coverage)
                return 0;
        out = fopen(o->coverage, "we");
        if (!out)
                return -1;
        sim_cover_write(cover, out);
        return fclose(out);
}

static void print_totals(const Totals *t)
{
#define N(member) ((unsigned long) t->member)
        (void) printf(
                "%lu lives, %lu failed: %lu jobs, %lu uploads with %lu replies, %lu farewells, "
                "%lu starts with credentials, %lu new keys, %lu calls, %lu kills, %lu power "
                "losses, %lu days\n",
                N(lives), N(failed), N(jobs), N(uploads), N(replies), N(farewells), N(armed),
                N(changes), N(calls), N(kills), N(powers), N(usec) / 1000000 / 86400);
        if (sim_uploads()->count)
                (void) printf("%lu packets, %lu sessions, %lu arrived, %lu of them again since the "
                              "server forgot the first, %lu deaths of servers\n",
                              N(wire.packets), N(wire.sessions), N(wire.arrived), N(wire.again),
                              N(wire.deaths));
#undef N
}

int main(int argc, char **argv)
{
        static Totals totals;
        uint64_t unused;
        Options o;

        if (parse_options(argc, argv, &o) < 0) {
                (void) fprintf(stderr,
                               "usage: %s [--seed N | --first N --seeds COUNT] [--steps N] "
                               "[--each 1|2 [--point N]] [--coverage FILE] [--trace 1]\n",
                               sim_uploads()->program);
                return 2;
        }
        sim_cover_init(&totals.cover);
        for (uint32_t i = 0; i < o.count; i++)
                if (o.each)
                        (void) die_everywhere(o.first + i, &o, &totals);
                else
                        (void) live(o.first + i, &o, 0, &totals, &unused);
        print_totals(&totals);
        if (write_coverage(&o, &totals.cover) < 0) {
                perror(o.coverage);
                return 2;
        }
        return totals.failed > 0;
}
