/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks of very many jobs of one program: each is told what its flags say and what came of it,
 * as often as the table in docs/design/notification.md says, and neither side grows with it. */
#include "service_rig.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/guid.h"
#include "base/hash.h"

enum {
        CROWD = 10000,
        CROWD_MIN = 100,
        FILE_BYTES = 100,
        OUTSTANDING_MAX = 4, /* of a user */
        PATIENCE_SEC = 200,
        QUIET_MS = 300,
        /* For each event that was delivered; what a delivery costs while it is out is more. */
        GROWTH_KIB_MAX =
                6144, /* of bitsd, while it tells of all of them; 10,000 jobs have 20 MiB */
};

typedef enum Kind {
        KIND_TOLD,     /* the default flags */
        KIND_MODIFIED, /* modifications, too */
        KIND_DEAF,     /* only the other event */
        KIND_MUTED,    /* everything, and disabled */
        KIND_REFUSED,  /* told, and the first call fails */
        KIND_MAX,
} Kind;

typedef struct Member {
        GUID id; /* key */
        IBackgroundCopyJob2 *job;
        unsigned index;
        Kind kind;
        bool fails;
        unsigned transferred, errors, modifications;
        unsigned last_seen; /* of the numbers that were its description */
        bool taken;         /* by the program that died */
} Member;

typedef struct Crowd {
        ServiceRig *rig;
        unsigned len;
        Member *members;
        Hash *by_id;
        unsigned strangers;  /* calls about jobs that are not ours */
        unsigned sticky;     /* TRANSFERRED and ERROR, all of them */
        unsigned doom_after; /* calls until the program kills itself; 0 = never */
        int taken_fd;        /* index of each job whose event was taken; -1: none */
        pthread_mutex_t lock;
} Crowd;

static unsigned crowd_size(void)
{
        const char *text = getenv("BITSD_TEST_CROWD");
        unsigned n = text ? (unsigned) strtoul(text, NULL, 10) : CROWD;

        assert_in_range(n, CROWD_MIN, 1000000);
        return n;
}

/* ---- the callback ---- */

typedef struct Listener {
        IBackgroundCopyCallback iface; /* first */
        Crowd *crowd;
} Listener;

static HRESULT query(IBackgroundCopyCallback *This, REFIID riid, void **ppvObject)
{
        if (!IsEqualGUID(riid, &IID_IUnknown) && !IsEqualGUID(riid, &IID_IBackgroundCopyCallback)) {
                *ppvObject = NULL;
                return E_NOINTERFACE;
        }
        *ppvObject = This;
        return S_OK;
}

/* It lives as long as the test. */
static ULONG same(IBackgroundCopyCallback *This)
{
        return 2;
}

static Member *enter(Crowd *c, IBackgroundCopyJob *job)
{
        Member *m = NULL;
        GUID id;

        (void) pthread_mutex_lock(&c->lock);
        if (SUCCEEDED(IBackgroundCopyJob_GetId(job, &id)))
                m = hash_get(c->by_id, &id);
        if (!m)
                c->strangers++;
        return m;
}

static HRESULT leave(Crowd *c, HRESULT hr)
{
        (void) pthread_mutex_unlock(&c->lock);
        return hr;
}

static HRESULT sticky(Crowd *c, IBackgroundCopyJob *job, size_t counter)
{
        Member *m = enter(c, job);
        unsigned *n;

        if (!m)
                return leave(c, E_FAIL);
        n = (unsigned *) ((char *) m + counter);
        ++*n;
        c->sticky++;
        if (c->doom_after > 0 && c->sticky >= c->doom_after)
                (void) kill(getpid(), SIGKILL);
        if (m->kind == KIND_REFUSED && *n == 1)
                return leave(c, E_FAIL);
        if (c->taken_fd >= 0)
                (void) !write(c->taken_fd, &m->index, sizeof(m->index));
        return leave(c, S_OK);
}

static HRESULT on_transferred(IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob)
{
        return sticky(((Listener *) This)->crowd, pJob, offsetof(Member, transferred));
}

static HRESULT on_error(IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob,
                        IBackgroundCopyError *pError)
{
        return sticky(((Listener *) This)->crowd, pJob, offsetof(Member, errors));
}

static HRESULT on_modification(IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob,
                               DWORD dwReserved)
{
        Crowd *c = ((Listener *) This)->crowd;
        Member *m = enter(c, pJob);
        LPWSTR text;

        if (!m)
                return leave(c, E_FAIL);
        m->modifications++;
        if (SUCCEEDED(IBackgroundCopyJob_GetDescription(pJob, &text))) {
                m->last_seen = (unsigned) wcstoul(text, NULL, 10);
                CoTaskMemFree(text);
        }
        return leave(c, S_OK);
}

static const IBackgroundCopyCallbackVtbl listener_vtbl = {
        query, same, same, on_transferred, on_error, on_modification,
};

/* ---- the crowd ---- */

static ULONG flags_of(const Member *m)
{
        switch (m->kind) {
        case KIND_MODIFIED:
                return BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR | BG_NOTIFY_JOB_MODIFICATION;
        case KIND_DEAF:
                return m->fails ? BG_NOTIFY_JOB_TRANSFERRED : BG_NOTIFY_JOB_ERROR;
        case KIND_MUTED:
                return BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR |
                       BG_NOTIFY_JOB_MODIFICATION | BG_NOTIFY_DISABLE;
        default:
                return BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR;
        }
}

/* Most are told at once; the rare ones are spread among them. */
static Kind kind_of(unsigned index)
{
        static const Kind rare[] = {KIND_MODIFIED, KIND_DEAF, KIND_MUTED, KIND_REFUSED};

        return index % 10 == 0 ? rare[index / 10 % 4] : KIND_TOLD;
}

static void member_make(Crowd *c, Member *m)
{
        wchar_t remote[PATH_BYTES], local[PATH_BYTES];

        m->kind = kind_of(m->index);
        m->fails = (m->index / 3) % 2 == 1;
        m->job = service_job(c->rig, &m->id);
        (void) swprintf(remote, PATH_BYTES, L"%s/%s", c->rig->dir, m->fails ? "missing" : "source");
        (void) swprintf(local, PATH_BYTES, L"%s/copy-%u", c->rig->dir, m->index);
        assert_hr(IBackgroundCopyJob2_AddFile(m->job, remote, local), S_OK);
        assert_hr(IBackgroundCopyJob2_SetPriority(m->job, BG_JOB_PRIORITY_FOREGROUND), S_OK);
        assert_hr(IBackgroundCopyJob2_SetMinimumRetryDelay(m->job, 5), S_OK);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(m->job, flags_of(m)), S_OK);
        assert_int_equal(hash_put(c->by_id, &m->id, m), 0);
}

static void crowd_make(Crowd *c, ServiceRig *rig, unsigned len)
{
        char path[PATH_BYTES], bytes[FILE_BYTES] = "x";
        FILE *f;

        *c = (Crowd){.rig = rig, .len = len, .taken_fd = -1};
        (void) pthread_mutex_init(&c->lock, NULL);
        (void) snprintf(path, sizeof(path), "%s/source", rig->dir);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, sizeof(bytes), f), sizeof(bytes));
        assert_int_equal(fclose(f), 0);
        c->by_id = hash_new(sizeof(GUID), 1);
        c->members = mem_alloc(len * sizeof(*c->members));
        assert_true(c->by_id && c->members);
        for (unsigned i = 0; i < len; i++) {
                c->members[i] = (Member){.index = i};
                member_make(c, &c->members[i]);
        }
}

static void crowd_done(Crowd *c)
{
        for (unsigned i = 0; i < c->len; i++)
                (void) IBackgroundCopyJob2_Release(c->members[i].job);
        (void) hash_free(c->by_id);
        mem_free(c->members);
        (void) pthread_mutex_destroy(&c->lock);
}

static void crowd_register(Crowd *c, Listener *l)
{
        for (unsigned i = 0; i < c->len; i++)
                assert_hr(IBackgroundCopyJob2_SetNotifyInterface(c->members[i].job,
                                                                 l ? (IUnknown *) &l->iface : NULL),
                          S_OK);
}

static void crowd_resume(Crowd *c)
{
        for (unsigned i = 0; i < c->len; i++)
                assert_hr(IBackgroundCopyJob2_Resume(c->members[i].job), S_OK);
}

static unsigned sticky_so_far(Crowd *c)
{
        unsigned n;

        (void) pthread_mutex_lock(&c->lock);
        n = c->sticky;
        (void) pthread_mutex_unlock(&c->lock);
        return n;
}

static void crowd_wait(Crowd *c, unsigned sticky_calls)
{
        uint64_t deadline = rig_now_ms() + PATIENCE_SEC * 1000;
        unsigned n;

        while ((n = sticky_so_far(c)) < sticky_calls && rig_now_ms() < deadline)
                (void) poll(NULL, 0, 5);
        assert_int_equal(n, sticky_calls);
}

/* Who is told, and how often; `unmuted`: the muted ones have been let speak. */
static unsigned calls_due(const Member *m, bool unmuted)
{
        switch (m->kind) {
        case KIND_DEAF:
                return 0;
        case KIND_MUTED:
                return unmuted ? 1 : 0;
        case KIND_REFUSED:
                return 2;
        default:
                return 1;
        }
}

static unsigned crowd_calls_due(const Crowd *c, bool unmuted)
{
        unsigned n = 0;

        for (unsigned i = 0; i < c->len; i++)
                n += calls_due(&c->members[i], unmuted);
        return n;
}

static void crowd_check(Crowd *c, bool unmuted)
{
        (void) pthread_mutex_lock(&c->lock);
        assert_int_equal(c->strangers, 0);
        for (unsigned i = 0; i < c->len; i++) {
                const Member *m = &c->members[i];
                unsigned due = calls_due(m, unmuted);

                assert_int_equal(m->transferred, m->fails ? 0 : due);
                assert_int_equal(m->errors, m->fails ? due : 0);
                if (m->kind != KIND_MODIFIED && (m->kind != KIND_MUTED || !unmuted))
                        assert_int_equal(m->modifications, 0);
        }
        (void) pthread_mutex_unlock(&c->lock);
}

static long resident_kib(pid_t pid)
{
        char path[64], line[128];
        long kib = -1;
        FILE *f;

        (void) snprintf(path, sizeof(path), "/proc/%ld/status", (long) pid);
        f = fopen(path, "r");
        assert_non_null(f);
        while (kib < 0 && fgets(line, sizeof(line), f))
                if (sscanf(line, "VmRSS: %ld", &kib) != 1)
                        kib = -1;
        (void) fclose(f);
        assert_true(kib > 0);
        return kib;
}

static void everyone_is_told_as_the_table_says(void **state)
{
        ServiceRig *s = *state;
        unsigned len = crowd_size();
        Listener l = {.iface = {.lpVtbl = (void *) &listener_vtbl}};
        long before, growth;
        uint64_t t[4];
        pid_t pid;
        Crowd c;

        t[0] = rig_now_ms();
        crowd_make(&c, s, len);
        l.crowd = &c;
        crowd_register(&c, &l);
        pid = service_rig_pid(s);
        before = resident_kib(pid);
        t[1] = rig_now_ms();
        crowd_resume(&c);
        t[2] = rig_now_ms();
        crowd_wait(&c, crowd_calls_due(&c, false));
        t[3] = rig_now_ms();
        (void) poll(NULL, 0, QUIET_MS); /* nothing more may come, and this is where it would */
        crowd_check(&c, false);
        growth = resident_kib(pid) - before;
        print_message("# %u jobs: made in %llu ms, resumed in %llu ms, told after %llu ms more; "
                      "bitsd grew by %ld KiB from %ld\n",
                      len, (unsigned long long) (t[1] - t[0]), (unsigned long long) (t[2] - t[1]),
                      (unsigned long long) (t[3] - t[2]), growth, before);
        if (len == CROWD) /* fewer is for builds that use memory for checks */
                assert_true(growth < GROWTH_KIB_MAX);

        /* Flags that are set later let a pending event out. */
        for (unsigned i = 0; i < len; i++)
                if (c.members[i].kind == KIND_MUTED)
                        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(
                                          c.members[i].job,
                                          flags_of(&c.members[i]) & ~(ULONG) BG_NOTIFY_DISABLE),
                                  S_OK);
        crowd_wait(&c, crowd_calls_due(&c, true));
        (void) poll(NULL, 0, QUIET_MS);
        crowd_check(&c, true);
        crowd_register(&c, NULL);
        crowd_done(&c);
}

/* ---- a program that dies in the middle ---- */

/* In a process of its own: hears of every job, and kills itself in a callback. */
static void run_doomed_program(Crowd *c, unsigned doom_after, int ready_fd, int taken_fd)
{
        Listener l = {{(void *) &listener_vtbl}, c};
        IBackgroundCopyManager *manager;
        IBackgroundCopyJob *job;

        c->doom_after = doom_after;
        c->taken_fd = taken_fd;
        if (FAILED(CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                    &IID_IBackgroundCopyManager, (void **) &manager)))
                _exit(1);
        for (unsigned i = 0; i < c->len; i++)
                if (FAILED(IBackgroundCopyManager_GetJob(manager, &c->members[i].id, &job)) ||
                    FAILED(IBackgroundCopyJob_SetNotifyInterface(job, (IUnknown *) &l.iface)))
                        _exit(1);
        if (write(ready_fd, "r", 1) != 1)
                _exit(1);
        for (;;)
                (void) pause();
}

/* The first `doom_after` calls go to a program that then dies. */
static void lose_a_program(Crowd *c, unsigned doom_after)
{
        int ready[2], taken[2], status;
        unsigned index;
        char byte;
        pid_t pid;

        assert_int_equal(pipe(ready), 0);
        assert_int_equal(pipe(taken), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                run_doomed_program(c, doom_after, ready[1], taken[1]);
        (void) close(ready[1]);
        (void) close(taken[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        crowd_resume(c);
        while (read(taken[0], &index, sizeof(index)) == sizeof(index)) {
                assert_in_range(index, 0, c->len - 1);
                assert_false(c->members[index].taken);
                c->members[index].taken = true;
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        (void) close(ready[0]);
        (void) close(taken[0]);
}

/* Those that nobody took; told to the second program as if there had been no first. */
static bool all_orphans_are_told(Crowd *c)
{
        bool told = true;

        (void) pthread_mutex_lock(&c->lock);
        for (unsigned i = 0; i < c->len && told; i++) {
                const Member *m = &c->members[i];

                told = m->taken || m->transferred + m->errors >= calls_due(m, false);
        }
        (void) pthread_mutex_unlock(&c->lock);
        return told;
}

static void what_a_dead_program_did_not_take_goes_to_the_next(void **state)
{
        uint64_t deadline = rig_now_ms() + PATIENCE_SEC * 1000;
        Listener l = {.iface = {.lpVtbl = (void *) &listener_vtbl}};
        unsigned len = crowd_size() / 10, twice = 0, taken = 0;
        Crowd c;

        crowd_make(&c, *state, len);
        l.crowd = &c;
        lose_a_program(&c, len / 3);
        crowd_register(&c, &l);
        while (!all_orphans_are_told(&c) && rig_now_ms() < deadline)
                (void) poll(NULL, 0, 5);
        assert_true(all_orphans_are_told(&c));
        (void) poll(NULL, 0, QUIET_MS);
        for (unsigned i = 0; i < len; i++) {
                const Member *m = &c.members[i];
                unsigned calls = m->transferred + m->errors;

                assert_int_equal(m->fails ? m->transferred : m->errors, 0);
                if (m->taken) {
                        taken++;
                        twice += calls > 0; /* its answer died with the program */
                        assert_true(calls <= calls_due(m, false));
                } else {
                        assert_int_equal(calls, calls_due(m, false));
                }
        }
        assert_in_range(taken, len / 4, len / 3);
        assert_in_range(twice, 0, OUTSTANDING_MAX);
        crowd_register(&c, NULL);
        crowd_done(&c);
}

/* ---- modifications ---- */

enum { BUSY_JOBS = 40, CHANGES = 60 };

static void change(Crowd *c, unsigned number)
{
        wchar_t text[16];

        (void) swprintf(text, 16, L"%u", number);
        for (unsigned i = 0; i < c->len; i++)
                assert_hr(IBackgroundCopyJob2_SetDescription(c->members[i].job, text), S_OK);
}

static unsigned count_informed(Crowd *c, unsigned number)
{
        unsigned n = 0;

        (void) pthread_mutex_lock(&c->lock);
        for (unsigned i = 0; i < c->len; i++)
                n += c->members[i].last_seen == number;
        (void) pthread_mutex_unlock(&c->lock);
        return n;
}

static void modifications_are_few_and_the_last_is_told(void **state)
{
        Listener l = {.iface = {.lpVtbl = (void *) &listener_vtbl}};
        uint64_t begin, deadline;
        Crowd c;

        crowd_make(&c, *state, BUSY_JOBS);
        l.crowd = &c;
        for (unsigned i = 0; i < c.len; i++)
                assert_hr(IBackgroundCopyJob2_SetNotifyFlags(c.members[i].job,
                                                             BG_NOTIFY_JOB_MODIFICATION),
                          S_OK);
        begin = rig_now_ms();
        crowd_register(&c, &l);
        for (unsigned i = 1; i <= CHANGES; i++)
                change(&c, i);
        deadline = rig_now_ms() + PATIENCE_SEC * 1000;
        while (count_informed(&c, CHANGES) < c.len && rig_now_ms() < deadline)
                (void) poll(NULL, 0, 5);
        assert_int_equal(count_informed(&c, CHANGES), c.len);
        (void) pthread_mutex_lock(&c.lock);
        for (unsigned i = 0; i < c.len; i++) /* one a second, the first at once */
                assert_in_range(c.members[i].modifications, 1, (rig_now_ms() - begin) / 1000 + 1);
        assert_int_equal(c.sticky, 0);
        (void) pthread_mutex_unlock(&c.lock);
        crowd_register(&c, NULL);
        crowd_done(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, service_rig_setup, service_rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(everyone_is_told_as_the_table_says),
                TEST(what_a_dead_program_did_not_take_goes_to_the_next),
                TEST(modifications_are_few_and_the_last_is_told),
        };

        if (!service_rig_arguments(argc, argv)) {
                fprintf(stderr, "usage: %s BITSD BAD_SERVER [TEST]\n", argv[0]);
                return 2;
        }
        /* Each Resume is synced, and the disk is not what is tested here. */
        if (access("/dev/shm", W_OK | X_OK) == 0)
                (void) setenv("BITSD_TEST_DIR", "/dev/shm", 0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
