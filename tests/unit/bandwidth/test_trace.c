/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded traces replayed: the same samples lead to the same decisions. After a wanted change of
 * the algorithm BW_TRACE_WRITE=1 writes the decisions anew (the samples stay as recorded). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

enum { LINES = 4000 };

typedef struct Trace {
        TraceLine lines[LINES];
        size_t len;
} Trace;

static Trace recorded;

static void path_of(const char *name, char path[512])
{
        const char *dir = getenv("BW_TRACES");

        assert_non_null(dir); /* the build sets it */
        assert_true(snprintf(path, 512, "%s/%s.csv", dir, name) < 512);
}

static void load(const char *name)
{
        char path[512];
        FILE *file;
        int r;

        path_of(name, path);
        file = fopen(path, "re");
        assert_non_null(file);
        recorded.len = 0;
        while ((r = trace_read(file, &recorded.lines[recorded.len])) > 0)
                assert_true(++recorded.len < LINES);
        assert_int_equal(r, 0);
        assert_int_equal(fclose(file), 0);
        assert_true(recorded.len > 500);
}

static void rewrite(const char *name)
{
        char path[512];
        FILE *file;

        path_of(name, path);
        file = fopen(path, "we");
        assert_non_null(file);
        for (size_t i = 0; i < recorded.len; i++) {
                const TraceLine *t = &recorded.lines[i];

                trace_write(file, &t->sample, t->cap_bps, &t->decision, t->state);
        }
        assert_int_equal(fclose(file), 0);
}

/* Returns how many ticks were in each state. */
static void replay(const char *name, BwDirection direction, unsigned ticks[BW_STATE_MAX])
{
        static BwController c;
        PathMemory path;
        bool anew = getenv("BW_TRACE_WRITE") != NULL;

        load(name);
        memset(ticks, 0, BW_STATE_MAX * sizeof(*ticks));
        path_memory_init(&path);
        controller_init(&c, direction, &path, BW_TARGET_NORMAL_USEC);
        for (size_t i = 0; i < recorded.len; i++) {
                TraceLine *t = &recorded.lines[i];
                BwDecision d = controller_tick(&c, &t->sample, t->cap_bps, true);
                BwState now = controller_state(&c);

                ticks[now]++;
                if (anew) {
                        t->decision = d;
                        t->state = now;
                        continue;
                }
                if (now != t->state)
                        fail_msg("%s, tick %zu: %s instead of %s", name, i, bw_state_to_string(now),
                                 bw_state_to_string(t->state));
                assert_int_equal(d.stall, t->decision.stall);
                assert_int_equal(d.at_floor, t->decision.at_floor);
                /* Other compilers may round differently in the last place. */
                assert_true(abs((int) d.window_bytes - (int) t->decision.window_bytes) <=
                            1 + (int) t->decision.window_bytes / 1000);
        }
        if (anew)
                rewrite(name);
}

static void a_download_that_yields_and_comes_back(void **state)
{
        unsigned ticks[BW_STATE_MAX];

        replay("down-20mbit-20ms-cubic", BW_DOWN, ticks);
        for (unsigned i = 0; i < BW_STATE_MAX; i++)
                assert_true(ticks[i] > 0);
        assert_true(ticks[BW_YIELD] > 300);
        assert_true(ticks[BW_CRUISE] > 500);
}

static void an_upload_that_the_governor_stalls(void **state)
{
        unsigned ticks[BW_STATE_MAX], stalls = 0;

        replay("up-20mbit-20ms-governor", BW_UP, ticks);
        for (size_t i = 0; i < recorded.len; i++)
                stalls += recorded.lines[i].decision.stall;
        assert_true(stalls > 300);
        assert_true(ticks[BW_CRUISE] > 500);
}

static void what_is_written_is_read_again(void **state)
{
        TraceLine a = {.sample = {.now_usec = UINT64_MAX,
                                  .rtt_usec = 1,
                                  .bytes = 2,
                                  .mss = 3,
                                  .loss = 4,
                                  .rcv_ssthresh = 5,
                                  .has_timestamps = true},
                       .cap_bps = UINT64_MAX,
                       .decision = {.window_bytes = UINT32_MAX, .stall = true, .at_floor = true},
                       .state = BW_RAMP};
        TraceLine b = {.cap_bps = 77, .state = BW_START}, read;
        FILE *file = tmpfile();

        assert_non_null(file);
        assert_true(fputs("# a remark\n", file) >= 0);
        trace_write(file, &a.sample, a.cap_bps, &a.decision, a.state);
        trace_write(file, &b.sample, b.cap_bps, &b.decision, b.state);
        assert_true(fputs("1,2,3,nonsense\n", file) >= 0);
        rewind(file);
        assert_int_equal(trace_read(file, &read), 1);
        assert_true(read.sample.now_usec == UINT64_MAX && read.sample.rcv_ssthresh == 5);
        assert_true(read.cap_bps == UINT64_MAX && read.state == BW_RAMP);
        assert_true(read.decision.window_bytes == UINT32_MAX && read.decision.stall);
        assert_int_equal(trace_read(file, &read), 1);
        assert_int_equal(read.cap_bps, 77);
        assert_int_equal(trace_read(file, &read), -EINVAL);
        assert_int_equal(trace_read(file, &read), 0);
        assert_int_equal(fclose(file), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_download_that_yields_and_comes_back),
                cmocka_unit_test(an_upload_that_the_governor_stalls),
                cmocka_unit_test(what_is_written_is_read_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
