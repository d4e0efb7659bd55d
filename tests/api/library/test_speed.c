/* SPDX-License-Identifier: Apache-2.0 */
/* Figures that the library promises: the time a call takes on top of the service's own, and the
 * time to take a long list of jobs apart. Of many tries what the quicker ones took: others on this
 * machine can only add to it. A sanitizer gets more room. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/pack.h"
#include "ipc/record.h"
#include "lib/decode.h"

enum {
        CALLS = 2000,
        CALL_MAX_USEC = 100,
        JOBS = 10000,
        LIST_MAX_USEC = 20000,
        ROUNDS = 9,
        LIST_MAX_BYTES = 16 * 1024 * 1024,
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROOM 20
#else
#define ROOM 1
#endif

static uint64_t now_usec(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x < y ? -1 : x > y;
}

static uint64_t lower_decile(uint64_t *values, size_t n)
{
        qsort(values, n, sizeof(*values), compare);
        return values[n / 10];
}

static void a_call_is_cheap(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        static uint64_t took[CALLS];

        for (size_t i = 0; i < CALLS; i++) {
                uint64_t began = now_usec();

                assert_hr(bits_job_suspend(rig->client, &id), S_OK);
                took[i] = now_usec() - began;
        }
        print_message("# a call and its answer: %u us\n", (unsigned) lower_decile(took, CALLS));
        assert_in_range(lower_decile(took, CALLS), 0, CALL_MAX_USEC * ROOM);
}

static void put_jobs(Buf *b)
{
        bits_job_info info = {
                .state = BG_JOB_STATE_QUEUED,
                .name = (char *) "a job with a name of usual length",
                .description = (char *) "and a description that says what it is for",
                .error_text = (char *) "",
                .behind = (char *) "the job in front of it",
                .error_file = -1,
        };

        buf_init(b, LIST_MAX_BYTES);
        pack_u32(b, JOBS);
        for (uint32_t i = 0; i < JOBS; i++) {
                info.id.Data1 = i;
                record_put_job(b, &info);
        }
        assert_int_equal(buf_error(b), 0);
}

/* The list as it arrives: a message that can be read. */
static sd_bus_message *list_message(sd_bus *bus)
{
        sd_bus_message *m;
        Buf b;

        put_jobs(&b);
        assert_true(sd_bus_message_new_signal(bus, &m, "/x", "x.y", "Z") >= 0);
        assert_true(sd_bus_message_append_array(m, 'y', b.data, b.len) >= 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        buf_done(&b);
        return m;
}

static void a_list_of_10000_jobs_is_decoded_quickly(void **state)
{
        uint64_t took[ROUNDS];
        sd_bus_message *m;
        sd_bus *bus;
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_fd(bus, ends[0], ends[0]) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        m = list_message(bus);
        for (size_t i = 0; i < ROUNDS; i++) {
                bits_job_list *list = NULL;
                uint64_t began;

                assert_true(sd_bus_message_rewind(m, 1) >= 0);
                began = now_usec();
                assert_hr(decode_job_list(m, &list), S_OK);
                took[i] = now_usec() - began;
                assert_int_equal(list->count, JOBS);
                bits_job_list_free(list);
        }
        print_message("# 10,000 jobs: %u us\n", (unsigned) lower_decile(took, ROUNDS));
        assert_in_range(lower_decile(took, ROUNDS), 0, LIST_MAX_USEC * ROOM);
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
        (void) close(ends[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_call_is_cheap, rig_setup, rig_teardown),
                cmocka_unit_test(a_list_of_10000_jobs_is_decoded_quickly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
