/* SPDX-License-Identifier: Apache-2.0 */
/* What the whole does to a line and to others on it, on the simulated bottleneck: the bars of
 * background traffic over lines, delays, queues, foregrounds and both directions. Each cell is the
 * median of three arrivals of the foreground. BW_SIM_PRINT=1 prints the table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "path_sim.h"

enum {
        ARRIVALS = 3,
        ARRIVALS_OF_TWO = 6,
        CELLS = 3 * 2 * 2 * 2,
#ifdef __SANITIZE_ADDRESS__
        STEP = 7, /* a sample of the cells: the plain build runs them all */
#else
        STEP = 1,
#endif
};

typedef struct Cell {
        double mbit;
        uint32_t base_usec, buffer_usec;
        SimKind kind;
        bool is_upload, has_governor;
} Cell;

typedef struct Figures {
        double alone, queue_ms, loss, yield_sec, refill_sec;
} Figures;

static SimResult with, without;

static SimConfig config_of(const Cell *cell)
{
        SimConfig k = {
                .rate_bps = (uint64_t) (cell->mbit * 125000),
                .base_usec = cell->base_usec,
                .buffer_usec = cell->buffer_usec,
                .end_sec = 50,
                .seed = 1,
                .is_upload = cell->is_upload,
                /* On short ways a burst makes no difference, and the bars were taken so. */
                .is_paced = cell->is_upload && cell->base_usec >= 100000,
                .has_governor = cell->has_governor,
                .flows_len = 1,
        };

        k.flows[0] = (SimFlowConfig){.kind = SIM_BACKGROUND, .stop_sec = 1000};
        return k;
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

static double median(double *values)
{
        qsort(values, ARRIVALS, sizeof(*values), by_size);
        return values[ARRIVALS / 2];
}

/* Alone, then 20 s beside a foreground (on our host where the governor is to see it), then alone.
 */
static Figures measure(const Cell *cell)
{
        double loss[ARRIVALS], yield[ARRIVALS], refill[ARRIVALS];
        SimConfig k = config_of(cell);
        Figures f = {0};

        k.flows_len = 2;
        for (unsigned i = 0; i < ARRIVALS; i++) {
                double from = 10 + 1.3 * i, to = from + 20, line = (double) k.rate_bps;
                SimConfig idle;

                k.flows[1] = (SimFlowConfig){.kind = cell->kind,
                                             .host = cell->has_governor ? 0 : SIM_HOSTS,
                                             .start_sec = from,
                                             .stop_sec = to};
                idle = k;
                idle.flows[0].start_sec = 1000;
                sim_run(&k, &with);
                sim_run(&idle, &without);
                assert_int_equal(with.bad_ticks, 0);
                loss[i] = 100 * (1 - sim_rate_bps(&with, 1, from, to) /
                                             sim_rate_bps(&without, 1, from, to));
                yield[i] = sim_time_below(&with, 0, from, 2, line / 10);
                refill[i] = sim_time_above(&with, 0, to, 5, line * 8 / 10);
        }
        f.alone = 100 * sim_rate_bps(&with, 0, 4, 10) / (double) k.rate_bps;
        f.queue_ms = sim_queue_usec(&with, 4, 10) / 1000;
        f.loss = median(loss);
        f.yield_sec = median(yield);
        f.refill_sec = median(refill);
        if (getenv("BW_SIM_PRINT"))
                printf("# %s %3.0f Mbit/s %3u ms, queue %3u ms, %s%s: alone %5.1f %%, queue %4.1f "
                       "ms, "
                       "loss %5.1f %%, yield %4.1f s, refill %4.1f s\n",
                       cell->is_upload ? "up  " : "down", cell->mbit, cell->base_usec / 1000,
                       cell->buffer_usec / 1000, cell->kind == SIM_BBR ? "bbr  " : "cubic",
                       cell->has_governor ? ", governor" : "          ", f.alone, f.queue_ms,
                       f.loss, f.yield_sec, f.refill_sec);
        return f;
}

static bool is_over(const char *what, double value, double bar)
{
        if (value <= bar)
                return false;
        print_error("%s: %.2f, over %.2f\n", what, value, bar);
        return true;
}

typedef struct Bars {
        double alone, queue_ms, loss, yield_sec, refill_sec;
} Bars;

/* The bars, and where they are lower. docs/design/bandwidth.md says why. */
static Bars bars_of(const Cell *cell)
{
        bool is_slow = cell->mbit<10, is_fast = cell->mbit> 50;
        bool is_shallow = cell->buffer_usec < 100000, is_long = cell->base_usec >= 100000;
        bool is_bbr = cell->kind == SIM_BBR;
        Bars b = {.alone = 95, .queue_ms = 10, .loss = 4, .yield_sec = 0.6, .refill_sec = 4};

        if (!cell->has_governor)
                b.loss = 8;
        if (is_bbr) /* it takes what it measured while we were there for the line */
                b.loss = is_fast ? (cell->has_governor ? 13 : 36) : b.loss + 3;
        if (is_bbr && !cell->has_governor)
                b.refill_sec = 5;
        if (is_long && !cell->has_governor) { /* the newcomer's slow start ended at our queue */
                b.loss = !is_fast ? 23 : cell->is_upload ? 31 : 48;
                /* Till then they share what he lost. */
                b.yield_sec = !is_shallow ? 1.3 : is_fast && cell->is_upload ? 12.5 : 11;
                b.refill_sec = 13;
        }
        if (cell->has_governor) /* at once, but a distant sender comes by slow start */
                b.refill_sec = !is_long ? 1.5 : is_fast ? 5.5 : 2.5;
        if (is_fast && cell->is_upload && !is_long && !cell->has_governor)
                b.refill_sec = 5;
        if (is_fast && cell->is_upload && is_bbr && is_shallow && cell->has_governor)
                b.refill_sec = 2.5; /* unpaced, it lost a part of its last burst */
        if (!cell->is_upload)
                b.queue_ms = 6;
        if (is_slow) { /* three packets are 18 ms, and a queue of 30 ms holds five */
                b.queue_ms = 40;
                b.refill_sec = 4;
                b.alone = is_shallow && cell->base_usec > 1000 ? 70 : 95;
                b.yield_sec = 1.2;
                b.loss = cell->has_governor ? 5 : 17;
                if (is_shallow && !cell->has_governor) {
                        b.loss = 55;
                        b.yield_sec = 99;
                }
        }
        return b;
}

static unsigned misses(const Cell *cell, const Figures *f)
{
        Bars b = bars_of(cell);
        unsigned n = 0;

        n += is_over("alone, missing", 100 - f->alone, 100 - b.alone);
        n += is_over("queue alone, ms", f->queue_ms, b.queue_ms);
        n += is_over("loss of the foreground, %", f->loss, b.loss);
        n += is_over("yield, s", f->yield_sec, b.yield_sec);
        n += is_over("refill, s", f->refill_sec, b.refill_sec);
        if (n > 0)
                print_error("... in %s %g Mbit/s, %u ms, queue %u ms, %s%s\n",
                            cell->is_upload ? "up" : "down", cell->mbit, cell->base_usec / 1000,
                            cell->buffer_usec / 1000, cell->kind == SIM_BBR ? "bbr" : "cubic",
                            cell->has_governor ? ", governor" : "");
        return n;
}

static void check_lines(double mbit, bool is_upload)
{
        static const uint32_t bases[] = {300, 20000, 100000}, buffers[] = {200000, 30000};
        static const SimKind kinds[] = {SIM_CUBIC, SIM_BBR};
        unsigned n = 0;

        for (unsigned i = 0; i < CELLS; i += STEP) {
                Cell cell = {.mbit = mbit,
                             .is_upload = is_upload,
                             .base_usec = bases[i / 8],
                             .buffer_usec = buffers[i / 4 % 2],
                             .kind = kinds[i / 2 % 2],
                             .has_governor = i % 2};
                Figures f = measure(&cell);

                n += misses(&cell, &f);
        }
        assert_int_equal(n, 0);
}

static void downloads_at_20_mbit_keep_the_bars(void **state)
{
        check_lines(20, false);
}

static void uploads_at_20_mbit_keep_the_bars(void **state)
{
        check_lines(20, true);
}

static void downloads_at_100_mbit_keep_the_bars(void **state)
{
        check_lines(100, false);
}

static void uploads_at_100_mbit_keep_the_bars(void **state)
{
        check_lines(100, true);
}

static void downloads_at_2_mbit_keep_the_bars(void **state)
{
        check_lines(2, false);
}

static void uploads_at_2_mbit_keep_the_bars(void **state)
{
        check_lines(2, true);
}

/* Whenever he comes between two steps of the governor: what is under way takes a round trip more,
 * so his first packets must be enough. */
static void on_a_long_line_a_newcomer_finds_it_empty(void **state)
{
        Cell cell = {.mbit = 20, .base_usec = 100000, .buffer_usec = 30000, .has_governor = true};
        SimConfig k = config_of(&cell);

        k.flows_len = 2;
        k.end_sec = 20;
        for (unsigned i = 0; i < 10; i++) {
                double from = 10 + 0.11 * i, bin = (unsigned) (from * 10) / 10.0;

                k.flows[0].start_sec = 0;
                k.flows[1] = (SimFlowConfig){.kind = SIM_CUBIC, .start_sec = from, .stop_sec = 20};
                sim_run(&k, &with);
                k.flows[0].start_sec = 1000;
                sim_run(&k, &without);
                assert_true(sim_rate_bps(&with, 1, 10, 20) >=
                            0.99 * sim_rate_bps(&without, 1, 10, 20));
                /* SYN, request, ten packets: a round and a half; and one until our last arrives. */
                assert_true(sim_rate_bps(&with, 0, bin + 0.4, bin + 0.9) <= 0.05 * k.rate_bps);
        }
}

static void four_connections_are_no_more_aggressive_than_one(void **state)
{
        for (unsigned i = 0; i < 8; i++) {
                Cell cell = {.mbit = 20,
                             .base_usec = 20000,
                             .buffer_usec = i % 2 ? 30000 : 200000,
                             .has_governor = i / 2 % 2,
                             .is_upload = i / 4};
                SimConfig k = config_of(&cell);
                double loss, sum = 0;

                k.is_paced = cell.is_upload;
                k.flows_len = 5;
                for (unsigned c = 1; c < 4; c++)
                        k.flows[c] = (SimFlowConfig){
                                .kind = SIM_BACKGROUND, .start_sec = c, .stop_sec = 1000};
                k.flows[4] = (SimFlowConfig){.kind = SIM_CUBIC,
                                             .host = cell.has_governor ? 0 : SIM_HOSTS,
                                             .start_sec = 12,
                                             .stop_sec = 32};
                sim_run(&k, &with);
                for (unsigned c = 0; c < 4; c++)
                        k.flows[c].start_sec = 1000;
                sim_run(&k, &without);
                loss = 100 *
                       (1 - sim_rate_bps(&with, 4, 12, 32) / sim_rate_bps(&without, 4, 12, 32));
                for (unsigned c = 0; c < 4; c++)
                        sum += sim_rate_bps(&with, c, 6, 12);
                if (getenv("BW_SIM_PRINT"))
                        printf("# four connections %s: alone %.1f %%, queue %.1f ms, loss %.1f "
                               "%%\n",
                               cell.is_upload ? "up" : "down", 100 * sum / (double) k.rate_bps,
                               sim_queue_usec(&with, 6, 12) / 1000, loss);
                assert_true(sum >= 0.95 * (double) k.rate_bps);
                assert_true(loss <= 5);
        }
}

/* Whenever the second one comes, and as soon as half a minute after it. */
static void two_instances_share_fairly(void **state)
{
        static const uint32_t bases[] = {300, 20000, 100000};
        unsigned misses = 0;

        for (unsigned i = 0; i < 6 * ARRIVALS_OF_TWO; i++) {
                double from = 10 + 0.83 * (i / 6);
                Cell cell = {.mbit = 20,
                             .base_usec = bases[i % 6 / 2],
                             .buffer_usec = 200000,
                             .is_upload = i % 2};
                SimConfig k = config_of(&cell);
                double a, b, jain;

                k.end_sec = 45;
                k.flows_len = 2;
                k.flows[1] = (SimFlowConfig){
                        .kind = SIM_BACKGROUND, .host = 1, .start_sec = from, .stop_sec = 1000};
                sim_run(&k, &with);
                a = sim_rate_bps(&with, 0, 25, 45);
                b = sim_rate_bps(&with, 1, 25, 45);
                jain = (a + b) * (a + b) / (2 * (a * a + b * b));
                if (getenv("BW_SIM_PRINT"))
                        printf("# two instances, %u ms, %s, the second at %.1f s: %.1f and %.1f "
                               "Mbit/s, Jain %.3f\n",
                               cell.base_usec / 1000, i % 2 ? "up" : "down", from, a * 8e-6,
                               b * 8e-6, jain);
                misses += is_over("unfairness of two", 1 - jain, 0.05);
                misses += is_over("line unused by two, %", 100 - (a + b) / 25000, 10);
        }
        assert_int_equal(misses, 0);
}

/* The larger target is the higher priority, also between hosts: by so many times. */
static void a_higher_priority_takes_more(void **state)
{
        static const struct {
                uint32_t less_usec, more_usec;
                double times;
        } pairs[] = {
                {BW_TARGET_LOW_USEC, BW_TARGET_HIGH_USEC, 4},
                {BW_TARGET_NORMAL_USEC, BW_TARGET_HIGH_USEC, 2},
                {BW_TARGET_LOW_USEC, BW_TARGET_NORMAL_USEC, 1.5},
        };
        Cell cell = {.mbit = 20, .base_usec = 20000, .buffer_usec = 200000};

        for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                SimConfig k = config_of(&cell);

                k.flows_len = 2;
                k.flows[0].target_usec = pairs[i].less_usec;
                k.flows[1] = (SimFlowConfig){.kind = SIM_BACKGROUND,
                                             .host = 1,
                                             .start_sec = 5,
                                             .stop_sec = 1000,
                                             .target_usec = pairs[i].more_usec};
                sim_run(&k, &with);
                assert_true(sim_rate_bps(&with, 1, 30, 50) >
                            pairs[i].times * sim_rate_bps(&with, 0, 30, 50));
        }
}

static double web_sec(SimConfig *k, double background_from)
{
        k->flows[0].start_sec = background_from;
        sim_run(k, &with);
        return with.web_sum_sec / with.web_count;
}

static void small_fetches_hardly_notice(void **state)
{
        for (unsigned i = 0; i < 2; i++) {
                Cell cell = {
                        .mbit = 20, .base_usec = 20000, .buffer_usec = 200000, .has_governor = i};
                SimConfig k = config_of(&cell);
                double busy, idle;

                k.flows_len = 2;
                k.flows[1] = (SimFlowConfig){.kind = SIM_WEB,
                                             .host = i ? 0 : SIM_HOSTS,
                                             .start_sec = 10,
                                             .stop_sec = 40,
                                             .object_bytes = 300000};
                busy = web_sec(&k, 0);
                idle = web_sec(&k, 1000);
                if (getenv("BW_SIM_PRINT"))
                        printf("# fetches%s: %.0f ms, %.0f ms on an idle line, ratio %.2f\n",
                               i ? ", governor" : "", busy * 1e3, idle * 1e3, busy / idle);
                assert_true(busy <= 1.5 * idle);
        }
}

/* A stream of so many Mbit/s that wants no more: it keeps its packets, and the rest is used. */
static void beside_a_stream(double mbit, uint32_t base_usec, bool is_upload, double used_part)
{
        Cell cell = {.mbit = 20,
                     .base_usec = base_usec,
                     .buffer_usec = 200000,
                     .is_upload = is_upload,
                     .has_governor = true};
        SimConfig k = config_of(&cell);
        double rate = mbit * 125000, used;

        k.is_paced = is_upload;
        k.flows_len = 2;
        k.flows[1] = (SimFlowConfig){
                .kind = SIM_CONSTANT, .start_sec = 10, .stop_sec = 45, .rate_bps = (uint64_t) rate};
        sim_run(&k, &with);
        used = sim_rate_bps(&with, 0, 15, 45) / ((double) k.rate_bps - rate);
        if (getenv("BW_SIM_PRINT"))
                printf("# %s %3u ms, stream of %2.0f Mbit/s: lost %u packets, we use %.0f %% of "
                       "the rest\n",
                       is_upload ? "up  " : "down", base_usec / 1000, mbit,
                       (unsigned) with.dropped[1], used * 100);
        assert_int_equal(with.dropped[1], 0);
        assert_true(sim_rate_bps(&with, 1, 12, 44) >= 0.998 * rate);
        assert_true(used >= used_part);
}

/* On ways so short that what may be sent in a round trip is less than a packet as well. */
static void a_constant_stream_keeps_its_packets(void **state)
{
        static const uint32_t bases[] = {300, 1000, 20000, 100000};

        for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
                for (int up = 0; up < 2; up++)
                        for (double mbit = 4; mbit <= 10; mbit += 6)
                                beside_a_stream(mbit, bases[i], up, 0.6);
}

/* A late acknowledgement is no queue, nor does what was seen until then bound an upload: on a long
 * way it took half a minute to fill the line when it had left its start too early. */
static void a_long_upload_fills_the_line_whatever_single_round_trips_say(void **state)
{
        for (unsigned i = 0; i < 4; i++) {
                Cell cell = {.mbit = 20,
                             .base_usec = 100000,
                             .buffer_usec = i % 2 ? 30000 : 200000,
                             .is_upload = true};
                SimConfig k = config_of(&cell);

                k.jitter_usec = i / 2 * 4000;
                k.end_sec = 20;
                sim_run(&k, &with);
                if (getenv("BW_SIM_PRINT"))
                        printf("# long upload, queue %u ms, jitter %u ms: alone %.1f %%, queue "
                               "%.1f "
                               "ms, %u packets lost\n",
                               cell.buffer_usec / 1000, k.jitter_usec / 1000,
                               sim_rate_bps(&with, 0, 4, 20) / 25000,
                               sim_queue_usec(&with, 4, 20) / 1000, (unsigned) with.dropped[0]);
                assert_true(sim_rate_bps(&with, 0, 4, 20) >= 0.95 * 2500000);
                assert_true(sim_queue_usec(&with, 4, 20) <= 10000);
        }
}

static void without_timestamps_it_still_works(void **state)
{
        Cell cell = {.mbit = 20, .base_usec = 20000, .buffer_usec = 200000};
        SimConfig k = config_of(&cell);
        double loss;

        k.flows[0].no_timestamps = true;
        k.flows_len = 2;
        k.flows[1] = (SimFlowConfig){
                .kind = SIM_CUBIC, .host = SIM_HOSTS, .start_sec = 10, .stop_sec = 30};
        sim_run(&k, &with);
        k.flows[0].start_sec = 1000;
        sim_run(&k, &without);
        loss = 1 - sim_rate_bps(&with, 1, 10, 30) / sim_rate_bps(&without, 1, 10, 30);
        if (getenv("BW_SIM_PRINT"))
                printf("# no timestamps: alone %.1f %%, queue %.1f ms, loss %.1f %%\n",
                       sim_rate_bps(&with, 0, 4, 10) / 25000, sim_queue_usec(&with, 4, 10) / 1000,
                       100 * loss);
        assert_true(sim_rate_bps(&with, 0, 4, 10) >= 0.9 * 2500000);
        assert_true(loss <= 0.08);
}

static void jitter_costs_little_and_loss_what_it_costs_others(void **state)
{
        Cell cell = {.mbit = 20, .base_usec = 20000, .buffer_usec = 200000};
        SimConfig k = config_of(&cell);

        k.jitter_usec = 3000;
        sim_run(&k, &with);
        if (getenv("BW_SIM_PRINT"))
                printf("# jitter 3 ms: alone %.1f %%\n", sim_rate_bps(&with, 0, 4, 50) / 25000);
        assert_true(sim_rate_bps(&with, 0, 4, 50) >= 0.8 * 2500000);
        k.jitter_usec = 0;
        k.loss_part = 0.005;
        sim_run(&k, &with);
        k.flows[0].kind = SIM_CUBIC;
        sim_run(&k, &without);
        if (getenv("BW_SIM_PRINT"))
                printf("# 0.5 %% of loss: we %.1f %%, CUBIC %.1f %%\n",
                       sim_rate_bps(&with, 0, 4, 50) / 25000,
                       sim_rate_bps(&without, 0, 4, 50) / 25000);
        assert_true(sim_rate_bps(&with, 0, 4, 50) >= 0.7 * sim_rate_bps(&without, 0, 4, 50));
}

/* The bench itself: it is no judge unless a plain transfer shows what plain transfers do. */
static void the_bench_shows_what_a_plain_transfer_does(void **state)
{
        Cell cell = {.mbit = 20, .base_usec = 20000, .buffer_usec = 200000};
        SimConfig k = config_of(&cell);

        k.flows[0] = (SimFlowConfig){.kind = SIM_CUBIC, .host = SIM_HOSTS, .stop_sec = 1000};
        k.flows_len = 2;
        k.flows[1] = (SimFlowConfig){
                .kind = SIM_CUBIC, .host = SIM_HOSTS, .start_sec = 20, .stop_sec = 1000};
        sim_run(&k, &with);
        assert_true(sim_rate_bps(&with, 0, 4, 20) >= 0.98 * 2500000);
        assert_true(sim_queue_usec(&with, 10, 20) > 60000);
        assert_true(with.dropped[0] > 0);
        assert_true(sim_rate_bps(&with, 1, 20, 40) < 0.7 * 2500000);
        /* The same seed, the same run. */
        sim_run(&k, &without);
        assert_memory_equal(&with, &without, sizeof(with));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bench_shows_what_a_plain_transfer_does),
                cmocka_unit_test(downloads_at_20_mbit_keep_the_bars),
                cmocka_unit_test(uploads_at_20_mbit_keep_the_bars),
                cmocka_unit_test(downloads_at_100_mbit_keep_the_bars),
                cmocka_unit_test(uploads_at_100_mbit_keep_the_bars),
                cmocka_unit_test(downloads_at_2_mbit_keep_the_bars),
                cmocka_unit_test(uploads_at_2_mbit_keep_the_bars),
                cmocka_unit_test(on_a_long_line_a_newcomer_finds_it_empty),
                cmocka_unit_test(four_connections_are_no_more_aggressive_than_one),
                cmocka_unit_test(two_instances_share_fairly),
                cmocka_unit_test(a_higher_priority_takes_more),
                cmocka_unit_test(small_fetches_hardly_notice),
                cmocka_unit_test(a_constant_stream_keeps_its_packets),
                cmocka_unit_test(a_long_upload_fills_the_line_whatever_single_round_trips_say),
                cmocka_unit_test(without_timestamps_it_still_works),
                cmocka_unit_test(jitter_costs_little_and_loss_what_it_costs_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
