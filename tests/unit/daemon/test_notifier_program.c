/* SPDX-License-Identifier: Apache-2.0 */
/* Port "notifier" as the service wires it: engine, connections, programs and turns together, only
 * the store and the transfers are fakes. */
#include "../engine/rig_test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "daemon/bus_server.h"
#include "daemon/client.h"
#include "daemon/notifier.h"
#include "daemon/program_pool.h"
#include "daemon/turn.h"
#include "daemon/watch.h"

#include "own_dir.h"

#define DEADLINE_USEC (20 * USEC_PER_SEC)

typedef struct Fixture {
        char *dir;
        Service service;
        FakeStore store;
        FakeDisk disk;
        FakeRandom random;
        FakeTransfer transfer;
        Caller caller;
        uint32_t ended;
        int32_t last_result;
} Fixture;

static void on_program_ended(void *ctx, uint64_t delivery, int32_t result)
{
        Fixture *f = ctx;

        f->ended++;
        f->last_result = result;
        manager_program_result(f->service.manager, delivery, result);
        turn_request(f->service.turn);
}

static void ignore_client(void *ctx, Client *c)
{
}

static void ignore_count(void *ctx)
{
}

static int make_service(Fixture *f)
{
        Service *s = &f->service;
        ManagerPorts ports;
        int r = sd_event_new(&s->loop);

        s->clock = CLOCK_SYSTEM;
        s->uid = geteuid();
        s->policy = policy_default(false);
        if (r >= 0)
                r = clients_new(&(ClientsOptions){.loop = s->loop,
                                                  .uid = s->uid,
                                                  .vtable = bus_server_vtable(),
                                                  .ended = ignore_client,
                                                  .count_changed = ignore_count,
                                                  .ctx = s},
                                &s->clients);
        if (r >= 0)
                r = watch_new(s, &s->watch);
        if (r >= 0)
                r = notifier_new(s, &s->notifier);
        if (r >= 0)
                r = program_pool_new(&(ProgramPoolOptions){.loop = s->loop,
                                                           .uid = s->uid,
                                                           .timeout_usec = DEADLINE_USEC,
                                                           .grace_usec = USEC_PER_SEC,
                                                           .ended = on_program_ended,
                                                           .ctx = f},
                                     &s->programs);
        if (r < 0)
                return r;
        ports = (ManagerPorts){
                .store = fake_store_port(&f->store),
                .transfer = fake_transfer_port(&f->transfer),
                .notifier = notifier_port(s->notifier),
                .random = fake_random_port(&f->random),
                .clock = s->clock,
        };
        s->manager = manager_new(&ports, &s->policy);
        r = s->manager ? manager_load(s->manager) : -ENOMEM;
        return r < 0 ? r : turn_new(s, NULL, NULL, &s->turn);
}

static int setup(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));
        void *dir = NULL;

        if (!f || own_dir_make(&dir) < 0)
                return -1;
        f->dir = dir;
        fake_random_init(&f->random, 1);
        fake_store_init(&f->store);
        fake_disk_init(&f->disk);
        fake_transfer_init(&f->transfer, &f->disk, &f->store, &f->random);
        f->caller = (Caller){.uid = geteuid(), .client = 999};
        *state = f;
        return make_service(f);
}

static int teardown(void **state)
{
        Fixture *f = *state;
        Service *s = &f->service;
        void *dir = f->dir;

        s->turn = turn_free(s->turn);
        s->clients = clients_free(s->clients);
        s->programs = program_pool_free(s->programs);
        s->manager = manager_free(s->manager);
        s->notifier = notifier_free(s->notifier);
        s->watch = watch_free(s->watch);
        (void) sd_event_unref(s->loop);
        fake_transfer_done(&f->transfer);
        fake_disk_done(&f->disk);
        fake_store_done(&f->store);
        (void) own_dir_remove(&dir);
        free(f);
        return 0;
}

static char *script(const Fixture *f, const char *text)
{
        _cleanup_free_ char *path = mem_printf("%s/script", f->dir);
        _cleanup_free_ char *all = mem_printf("#!/bin/sh\n%s\n", text);
        _cleanup_close_ int fd = -1;

        assert_non_null(path);
        assert_non_null(all);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, all, strlen(all)), 0);
        return TAKE_PTR(path);
}

static const Job *job_with_program(Fixture *f, const char *text)
{
        const FileSpec spec = {"http://host/a", "/home/u/a"};
        _cleanup_free_ char *path = script(f, text);
        Manager *m = f->service.manager;
        const Job *job;
        GUID id;

        assert_hr(manager_create_job(m, &f->caller, "job", BG_JOB_TYPE_DOWNLOAD, &id), S_OK);
        assert_hr(manager_add_files(m, &f->caller, &id, &spec, 1), S_OK);
        assert_hr(manager_set_notify_cmd_line(m, &f->caller, &id, path, NULL), S_OK);
        assert_hr(manager_get_job(m, &f->caller, &id, &job), S_OK);
        return job;
}

static void run_until_ended(Fixture *f, uint32_t n)
{
        turn_request(f->service.turn);
        while (f->ended < n) {
                if (sd_event_run(f->service.loop, DEADLINE_USEC) <= 0)
                        fail_msg("nothing happens any more");
                if (fake_transfer_step(&f->transfer, f->service.manager))
                        turn_request(f->service.turn);
        }
        /* The turn that was asked for by the end. */
        assert_true(sd_event_run(f->service.loop, DEADLINE_USEC) > 0);
}

static void a_transferred_job_runs_its_program(void **state)
{
        Fixture *f = *state;
        const Job *job = job_with_program(f, "[ \"$BITS_JOB_EVENT\" = transferred ]");

        assert_hr(manager_resume(f->service.manager, &f->caller, &job->id), S_OK);
        run_until_ended(f, 1);
        assert_int_equal(f->last_result, 0);
        assert_int_equal(job->status.state, BG_JOB_STATE_TRANSFERRED);
        assert_int_equal(job->status.undelivered, NOTIFY_NONE);
        assert_int_equal(job->status.program_runs, 1);
        assert_false(manager_has_work(f->service.manager));
}

/* Client 999 has no connection (any more). */
static void a_callback_without_connection_gives_way_to_the_program(void **state)
{
        Fixture *f = *state;
        const Job *job = job_with_program(f, "exit 0");
        Manager *m = f->service.manager;

        assert_hr(manager_set_notify_client(m, &f->caller, &job->id, true), S_OK);
        assert_hr(manager_resume(m, &f->caller, &job->id), S_OK);
        run_until_ended(f, 1);
        assert_false(manager_has_notify_client(m, job));
        assert_int_equal(job->status.undelivered, NOTIFY_NONE);
}

static void a_failure_keeps_the_service_and_the_event(void **state)
{
        Fixture *f = *state;
        const Job *job = job_with_program(f, "exit 7");
        Manager *m = f->service.manager;
        uint64_t now = clock_mono_usec(&f->service.clock);

        assert_hr(manager_resume(m, &f->caller, &job->id), S_OK);
        run_until_ended(f, 1);
        assert_int_equal(job->status.program_result, 7);
        assert_int_equal(job->status.undelivered, NOTIFY_TRANSFERRED);
        assert_true(manager_has_work(m));
        assert_true(manager_next_wakeup_mono(m) > now); /* no busy loop until then */
        assert_true(manager_next_wakeup_mono(m) <= now + 700 * USEC_PER_SEC);
}

static void a_program_that_is_not_there_is_tried_again(void **state)
{
        Fixture *f = *state;
        const Job *job = job_with_program(f, "exit 0");
        Manager *m = f->service.manager;

        assert_hr(manager_set_notify_cmd_line(m, &f->caller, &job->id, "/not/there", NULL), S_OK);
        assert_hr(manager_resume(m, &f->caller, &job->id), S_OK);
        run_until_ended(f, 1);
        assert_int_equal(job->status.program_result, PROGRAM_NOT_STARTED - ENOENT);
        assert_int_equal(job->status.undelivered, NOTIFY_TRANSFERRED);
        assert_true(manager_has_work(m));
}

#define notifier_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                notifier_test(a_transferred_job_runs_its_program),
                notifier_test(a_callback_without_connection_gives_way_to_the_program),
                notifier_test(a_failure_keeps_the_service_and_the_event),
                notifier_test(a_program_that_is_not_there_is_tried_again),
        };

        return cmocka_run_group_tests_name("notifier and programs", tests, NULL, NULL);
}
