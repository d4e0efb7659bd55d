/* SPDX-License-Identifier: Apache-2.0 */
/* SetCredentials and RemoveCredentials: who may, when, what is kept, where, and for how long. */
#include "job_states.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/job_credential.h"

static const Caller ADMIN = {.uid = 0, .is_admin = true, .client = 4};
static const Caller STRANGER = {.uid = 1001, .client = 3};

enum { SERVER = BG_AUTH_TARGET_SERVER, PROXY = BG_AUTH_TARGET_PROXY };
enum { BASIC = BG_AUTH_SCHEME_BASIC, DIGEST = BG_AUTH_SCHEME_DIGEST, NTLM = BG_AUTH_SCHEME_NTLM };

static HRESULT set(FakeRig *rig, const GUID *id, uint32_t target, uint32_t scheme,
                   const char *password)
{
        return manager_set_credentials(rig->m, &FAKE_USER, id, target, scheme, "user", password);
}

static HRESULT take_away(FakeRig *rig, const GUID *id, uint32_t target, uint32_t scheme)
{
        return manager_remove_credentials(rig->m, &FAKE_USER, id, target, scheme);
}

static bool holds(FakeRig *rig, const Job *job, uint32_t target, uint32_t scheme,
                  const char *password)
{
        const JobCredential *c = job ? job_credential_find(job, target, scheme) : NULL;

        if (!password)
                return !c;
        return c &&
               fake_vault_open(&rig->vault, &job->id, c) == fake_vault_digest("user", password);
}

/* In memory, in the store, and on disk alike. NULL: the slot is empty. */
static void assert_slot(FakeRig *rig, const GUID *id, uint32_t target, uint32_t scheme,
                        const char *password)
{
        assert_true(holds(rig, fake_rig_read(rig, id), target, scheme, password));
        assert_true(holds(rig, fake_store_job(&rig->store, id), target, scheme, password));
        assert_true(holds(rig, fake_store_durable_job(&rig->store, id), target, scheme, password));
}

static void slots_are_kept_apart_and_replaced(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        for (uint32_t target = SERVER; target <= PROXY; target++)
                for (uint32_t scheme = 1; scheme <= 5; scheme++)
                        assert_hr(set(rig, &id, target, scheme, "old"), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->credentials_len, JOB_CREDENTIALS_MAX);
        assert_hr(set(rig, &id, PROXY, DIGEST, "new"), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->credentials_len, JOB_CREDENTIALS_MAX);
        assert_slot(rig, &id, PROXY, DIGEST, "new");
        assert_slot(rig, &id, SERVER, DIGEST, "old");
        assert_slot(rig, &id, PROXY, BASIC, "old");
}

static void implicit_is_known_without_opening(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        const JobCredential *c;

        assert_hr(manager_set_credentials(rig->m, &FAKE_USER, &id, SERVER, NTLM, NULL, NULL), S_OK);
        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        c = job_credential_find(fake_rig_read(rig, &id), SERVER, NTLM);
        assert_true(c->implicit);
        assert_int_equal(fake_vault_open(&rig->vault, &id, c), fake_vault_digest(NULL, NULL));
        assert_false(job_credential_find(fake_rig_read(rig, &id), SERVER, BASIC)->implicit);
        assert_true(fake_rig_restart(rig, true));
        c = job_credential_find(fake_rig_read(rig, &id), SERVER, NTLM);
        assert_true(c && c->implicit);
}

static void bad_values_are_refused_before_anything(void **state)
{
        FakeRig *rig = *state;
        Manager *m = rig->m;
        GUID id = fake_rig_job(rig), none = {0};

        assert_hr(set(rig, &id, 0, BASIC, "p"), BG_E_INVALID_AUTH_TARGET);
        assert_hr(set(rig, &id, SERVER, 6, "p"), BG_E_INVALID_AUTH_SCHEME);
        assert_hr(manager_set_credentials(m, &FAKE_USER, &id, SERVER, BASIC, NULL, NULL),
                  E_INVALIDARG);
        assert_hr(manager_set_credentials(m, &FAKE_USER, &id, SERVER, NTLM, "u", NULL),
                  E_INVALIDARG);
        assert_hr(manager_set_credentials(m, &FAKE_USER, &id, SERVER, NTLM, NULL, "p"),
                  E_INVALIDARG);
        assert_hr(set(rig, &none, SERVER, BASIC, "p"), BG_E_NOT_FOUND);
        assert_hr(take_away(rig, &id, 3, BASIC), BG_E_INVALID_AUTH_TARGET);
        assert_hr(take_away(rig, &id, SERVER, 0), BG_E_INVALID_AUTH_SCHEME);
        assert_hr(take_away(rig, &none, SERVER, BASIC), BG_E_NOT_FOUND);
        assert_int_equal(rig->vault.seals, 0);
        assert_int_equal(fake_rig_read(rig, &id)->credentials_len, 0);
}

static void only_the_owner_may(void **state)
{
        FakeRig *rig = *state;
        Manager *m = rig->m;
        GUID id = fake_rig_job(rig);

        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        assert_hr(manager_set_credentials(m, &STRANGER, &id, SERVER, BASIC, "u", "q"),
                  E_ACCESSDENIED);
        assert_hr(manager_set_credentials(m, &ADMIN, &id, SERVER, BASIC, "u", "q"), E_ACCESSDENIED);
        assert_hr(manager_remove_credentials(m, &STRANGER, &id, SERVER, BASIC), E_ACCESSDENIED);
        assert_hr(manager_remove_credentials(m, &ADMIN, &id, SERVER, BASIC), E_ACCESSDENIED);
        assert_int_equal(rig->vault.seals, 1);
        assert_slot(rig, &id, SERVER, BASIC, "p");
}

static void every_live_state_allows_it(void **state)
{
        static const BG_JOB_STATE LIVE[] = {BG_JOB_STATE_SUSPENDED,    BG_JOB_STATE_QUEUED,
                                            BG_JOB_STATE_CONNECTING,   BG_JOB_STATE_ERROR,
                                            BG_JOB_STATE_TRANSFERRING, BG_JOB_STATE_TRANSIENT_ERROR,
                                            BG_JOB_STATE_TRANSFERRED};
        FakeRig *rig = *state;

        for (size_t i = 0; i < ARRAY_LEN(LIVE); i++) {
                GUID id;

                assert_int_equal(rig_teardown(state), 0);
                assert_int_equal(rig_setup(state), 0);
                rig = *state;
                id = job_in_state(rig, LIVE[i]);
                assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
                assert_int_equal(fake_rig_state(rig, &id), LIVE[i]);
                assert_slot(rig, &id, SERVER, BASIC, "p");
                assert_hr(take_away(rig, &id, SERVER, BASIC), S_OK);
                assert_int_equal(fake_rig_state(rig, &id), LIVE[i]);
                assert_slot(rig, &id, SERVER, BASIC, NULL);
        }
}

static void ended_jobs_take_none(void **state)
{
        FakeRig *rig = *state;
        GUID done = job_in_state(rig, BG_JOB_STATE_ACKNOWLEDGED);
        GUID gone = job_in_state(rig, BG_JOB_STATE_CANCELLED);
        GUID ending = fake_rig_job(rig);

        assert_hr(set(rig, &done, SERVER, BASIC, "p"), BG_E_INVALID_STATE);
        assert_hr(set(rig, &gone, SERVER, BASIC, "p"), BG_E_INVALID_STATE);
        assert_hr(take_away(rig, &done, SERVER, BASIC), BG_E_INVALID_STATE);
        assert_hr(take_away(rig, &gone, SERVER, BASIC), BG_E_INVALID_STATE);
        manager_cancel(rig->m, &FAKE_USER, &ending, 1);
        assert_hr(set(rig, &ending, SERVER, BASIC, "p"), BG_E_INVALID_STATE);
        assert_int_equal(rig->vault.seals, 0);
}

static void removing_tells_whether_there_was_something(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        uint32_t commits;

        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        assert_hr(set(rig, &id, PROXY, BASIC, "q"), S_OK);
        assert_hr(take_away(rig, &id, SERVER, DIGEST), S_FALSE);
        assert_hr(take_away(rig, &id, SERVER, BASIC), S_OK);
        commits = rig->store.commits;
        assert_hr(take_away(rig, &id, SERVER, BASIC), S_FALSE);
        assert_int_equal(rig->store.commits, commits);
        assert_slot(rig, &id, SERVER, BASIC, NULL);
        assert_slot(rig, &id, PROXY, BASIC, "q");
        assert_hr(set(rig, &id, SERVER, BASIC, "again"), S_OK);
        assert_slot(rig, &id, SERVER, BASIC, "again");
}

/* As every setter: ModificationTime, and JobModification. */
static void it_is_a_modification(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        uint64_t before;

        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &id, BG_NOTIFY_JOB_MODIFICATION),
                  S_OK);
        assert_hr(manager_set_notify_client(rig->m, &FAKE_USER, &id, true), S_OK);
        fake_rig_advance(rig, 10 * USEC_PER_SEC);
        while (fake_notifier_outstanding(&rig->notifier) > 0) {
                manager_notify_result(
                        rig->m, fake_notifier_take(fake_notifier_find(&rig->notifier, NOTIFY_NONE)),
                        S_OK);
                fake_rig_advance(rig, 10 * USEC_PER_SEC);
        }
        before = fake_rig_read(rig, &id)->status.modified_wall;
        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        assert_true(fake_rig_read(rig, &id)->status.modified_wall > before);
        fake_rig_run(rig);
        assert_non_null(fake_notifier_find(&rig->notifier, NOTIFY_MODIFICATION));
}

static void they_outlive_kill_and_power_loss(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        assert_hr(set(rig, &id, PROXY, BASIC, "q"), S_OK);
        assert_hr(set(rig, &id, PROXY, BASIC, "r"), S_OK);
        assert_true(fake_rig_restart(rig, false));
        assert_slot(rig, &id, PROXY, BASIC, "r");
        assert_hr(take_away(rig, &id, SERVER, BASIC), S_OK);
        assert_true(fake_rig_restart(rig, true));
        assert_slot(rig, &id, SERVER, BASIC, NULL);
        assert_slot(rig, &id, PROXY, BASIC, "r");
}

static int fail_at(void *ctx, FakeStoreCall call)
{
        return call == *(const FakeStoreCall *) ctx ? -ENOSPC : 0;
}

static void a_refusing_store_changes_nothing(void **state)
{
        static const FakeStoreCall CALLS[] = {
                FAKE_STORE_BEGIN,           FAKE_STORE_JOB_SAVE,
                FAKE_STORE_CREDENTIAL_SAVE, FAKE_STORE_CREDENTIAL_DELETE,
                FAKE_STORE_COMMIT,          FAKE_STORE_HARDEN};
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        assert_hr(set(rig, &id, PROXY, BASIC, "q"), S_OK);
        for (size_t i = 0; i < ARRAY_LEN(CALLS); i++) {
                FakeStoreCall call = CALLS[i];
                bool saves = call != FAKE_STORE_CREDENTIAL_DELETE;
                bool deletes = call != FAKE_STORE_CREDENTIAL_SAVE;

                rig->store.fault = fail_at;
                rig->store.fault_ctx = &call;
                if (saves) {
                        assert_hr(set(rig, &id, SERVER, BASIC, "new"),
                                  HRESULT_FROM_WIN32(ERROR_DISK_FULL));
                        assert_hr(set(rig, &id, SERVER, DIGEST, "new"),
                                  HRESULT_FROM_WIN32(ERROR_DISK_FULL));
                }
                if (deletes)
                        assert_hr(take_away(rig, &id, PROXY, BASIC),
                                  HRESULT_FROM_WIN32(ERROR_DISK_FULL));
                rig->store.fault = NULL;
                fake_rig_advance(rig, 10 * USEC_PER_SEC);
                assert_true(fake_rig_restart(rig, false));
                assert_slot(rig, &id, SERVER, BASIC, "p");
                assert_slot(rig, &id, SERVER, DIGEST, NULL);
                assert_slot(rig, &id, PROXY, BASIC, "q");
        }
}

static void what_the_vault_refuses_is_told(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        rig->vault.result = VAULT_KEY_REFUSED;
        assert_hr(set(rig, &id, SERVER, BASIC, "p"), HRESULT_FROM_WIN32(ERROR_GEN_FAILURE));
        rig->vault.result = -EROFS;
        assert_hr(set(rig, &id, SERVER, BASIC, "p"), HRESULT_FROM_WIN32(ERROR_WRITE_PROTECT));
        assert_slot(rig, &id, SERVER, BASIC, NULL);
        rig->vault.result = 0;
        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
}

static void without_a_vault_there_are_none(void **state)
{
        FakeRig *rig = *state;
        ManagerPorts ports = {
                .store = fake_store_port(&rig->store),
                .transfer = fake_transfer_port(&rig->transfer),
                .notifier = fake_notifier_port(&rig->notifier),
                .random = fake_random_port(&rig->random),
                .clock = fake_clock_port(&rig->clock),
        };
        GUID id = fake_rig_job(rig);

        rig->m = manager_free(rig->m);
        rig->m = manager_new(&ports, &rig->policy);
        assert_non_null(rig->m);
        assert_int_equal(manager_load(rig->m), 0);
        assert_hr(set(rig, &id, SERVER, BASIC, "p"), E_NOTIMPL);
        assert_hr(take_away(rig, &id, SERVER, BASIC), S_FALSE);
        manager_rekey(rig->m, 9);
        assert_true(rig->notifier.answered[9]);
        assert_hr(rig->notifier.answers[9], E_NOTIMPL);
}

/* ---- how much ---- */

static void an_owner_has_a_bound(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_job(rig), b = fake_rig_job(rig), other;

        rig->vault.blob_bytes = 1000;
        rig->policy.sealed_bytes_per_user = 3000;
        manager_set_policy(rig->m, &rig->policy);
        assert_hr(set(rig, &a, SERVER, 1, "p"), S_OK);
        assert_hr(set(rig, &a, SERVER, 2, "p"), S_OK);
        assert_hr(set(rig, &b, SERVER, 1, "p"), S_OK);
        assert_hr(set(rig, &b, SERVER, 2, "p"), HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA));
        assert_slot(rig, &b, SERVER, 2, NULL);
        assert_hr(set(rig, &b, SERVER, 1, "replaced"), S_OK);
        assert_hr(manager_create_job(rig->m, &STRANGER, "j", BG_JOB_TYPE_DOWNLOAD, &other), S_OK);
        assert_hr(manager_set_credentials(rig->m, &STRANGER, &other, SERVER, 1, "u", "p"), S_OK);

        /* Removing and the end of a job make room; a start of the service does not. */
        assert_hr(take_away(rig, &a, SERVER, 2), S_OK);
        assert_hr(set(rig, &b, SERVER, 2, "p"), S_OK);
        assert_true(fake_rig_restart(rig, false));
        assert_hr(set(rig, &b, SERVER, 3, "p"), HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA));
        assert_hr(fake_rig_cancel(rig, &a), S_OK);
        assert_hr(set(rig, &b, SERVER, 3, "p"), S_OK);
        assert_hr(set(rig, &b, SERVER, 4, "p"), HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA));
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &b), S_OK);
        a = fake_rig_job(rig);
        for (uint32_t scheme = 1; scheme <= 3; scheme++)
                assert_hr(set(rig, &a, SERVER, scheme, "p"), S_OK);
        assert_hr(manager_set_credentials(rig->m, &ADMIN, &b, SERVER, 1, "u", "p"), S_OK);
}

static void the_bound_is_64_mib(void **state)
{
        Policy user = policy_default(false), system = policy_default(true);

        (void) state;
        assert_int_equal(user.sealed_bytes_per_user, 67108864);
        assert_int_equal(system.sealed_bytes_per_user, 67108864);
}

/* ---- how long ---- */

static void a_new_owner_has_none(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &id), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->credentials_len, 0);
        assert_slot(rig, &id, SERVER, BASIC, NULL);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->owner_uid, 0);
        assert_hr(set(rig, &id, SERVER, BASIC, "p"), E_ACCESSDENIED);
        assert_hr(manager_set_credentials(rig->m, &ADMIN, &id, SERVER, BASIC, "user", "mine"),
                  S_OK);
        assert_slot(rig, &id, SERVER, BASIC, "mine");
        assert_true(fake_rig_restart(rig, true));
        assert_slot(rig, &id, SERVER, BASIC, "mine");
        /* To oneself it is no change. */
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &id), S_OK);
        assert_slot(rig, &id, SERVER, BASIC, "mine");
}

static void the_end_takes_them(void **state)
{
        FakeRig *rig = *state;
        GUID done = fake_rig_resumed(rig, 1), gone = fake_rig_job(rig);

        assert_hr(set(rig, &done, SERVER, BASIC, "p"), S_OK);
        assert_hr(set(rig, &gone, SERVER, BASIC, "p"), S_OK);
        fake_rig_finish(rig);
        assert_slot(rig, &done, SERVER, BASIC, "p");
        assert_hr(fake_rig_complete(rig, &done), S_OK);
        assert_hr(fake_rig_cancel(rig, &gone), S_OK);
        assert_slot(rig, &done, SERVER, BASIC, NULL);
        assert_slot(rig, &gone, SERVER, BASIC, NULL);
}

/* The same where the new tombstone pushes an old one out. */
static void the_end_takes_them_beside_an_eviction(void **state)
{
        FakeRig *rig = *state;
        GUID first, second;

        rig->policy.tombstones_max = 1;
        manager_set_policy(rig->m, &rig->policy);
        first = fake_rig_job(rig);
        second = fake_rig_job(rig);
        assert_hr(set(rig, &second, SERVER, BASIC, "p"), S_OK);
        assert_hr(fake_rig_cancel(rig, &first), S_OK);
        assert_hr(fake_rig_cancel(rig, &second), S_OK);
        assert_null(fake_store_job(&rig->store, &first));
        assert_slot(rig, &second, SERVER, BASIC, NULL);
}

/* The commit of the end was refused when it was in the file already: they have to come back. */
static void an_end_that_is_refused_gives_them_back(void **state)
{
        FakeRig *rig = *state;
        FakeStoreCall call = FAKE_STORE_HARDEN;
        GUID id = fake_rig_job(rig);

        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        manager_cancel(rig->m, &FAKE_USER, &id, 1);
        rig->store.fault = fail_at;
        rig->store.fault_ctx = &call;
        fake_rig_run(rig);
        assert_false(rig->notifier.answered[1]);
        assert_int_equal(fake_rig_read(rig, &id)->credentials_len, 1);
        assert_true(holds(rig, fake_store_job(&rig->store, &id), SERVER, BASIC, "p"));
        rig->store.fault = NULL;
        fake_rig_advance(rig, 10 * USEC_PER_SEC);
        assert_true(rig->notifier.answered[1]);
        assert_slot(rig, &id, SERVER, BASIC, NULL);
}

/* In the log of the store, not on disk, and the caller was told that it failed: what is written
 * over it then has to be on disk before anything else is, or the power brings it back. */
static void what_was_refused_does_not_come_back_with_the_power(void **state)
{
        for (uint32_t keep = 0; keep <= 4; keep++) {
                FakeRig *rig;
                FakeStoreCall call = FAKE_STORE_HARDEN;
                GUID id;

                assert_int_equal(rig_teardown(state), 0);
                assert_int_equal(rig_setup(state), 0);
                rig = *state;
                id = fake_rig_job(rig);
                assert_hr(set(rig, &id, SERVER, BASIC, "old"), S_OK);
                rig->store.fault = fail_at;
                rig->store.fault_ctx = &call;
                assert_true(FAILED(set(rig, &id, SERVER, BASIC, "new")));
                assert_true(FAILED(set(rig, &id, PROXY, BASIC, "new")));
                rig->store.fault = NULL;
                assert_hr(manager_set_name(rig->m, &FAKE_USER, &id, "soft"), S_OK);
                assert_slot(rig, &id, SERVER, BASIC, "old");
                fake_rig_stop(rig, true, keep);
                assert_true(fake_rig_start(rig));
                assert_slot(rig, &id, SERVER, BASIC, "old");
                assert_slot(rig, &id, PROXY, BASIC, NULL);
        }
}

/* Its server may ask who says so. */
static void a_farewell_keeps_them(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, BG_JOB_TYPE_UPLOAD);
        FakeOp *op;

        assert_hr(set(rig, &id, SERVER, BASIC, "p"), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_connected(&rig->transfer, rig->m, op);
        fake_op_upload_meta(&rig->transfer, rig->m, op);
        op->blob.session = 7;
        op->blob.source = 1;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_rig_run(rig);
        manager_cancel(rig->m, &FAKE_USER, &id, 1);
        fake_rig_run(rig);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_true(rig->notifier.answered[1]);
        assert_state(rig, &id, CANCELLED);
        assert_slot(rig, &id, SERVER, BASIC, "p");
        assert_hr(take_away(rig, &id, SERVER, BASIC), BG_E_INVALID_STATE);
        assert_true(fake_rig_restart(rig, true));
        fake_rig_run(rig);
        assert_slot(rig, &id, SERVER, BASIC, "p");
        op = fake_transfer_find(&rig->transfer, FAKE_FAREWELL, &id);
        assert_non_null(op);
        fake_op_farewell(&rig->transfer, rig->m, op, S_OK);
        fake_rig_run(rig);
        assert_int_equal(fake_rig_read(rig, &id)->credentials_len, 0);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_slot(rig, &id, SERVER, BASIC, NULL);
}

/* An ended job of an older file that still has some. */
static void a_start_drops_what_an_ended_job_has(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_CANCELLED);
        StorePort store = fake_store_port(&rig->store);
        uint8_t blob[VAULT_SEALED_BYTES_MIN] = {1};
        JobCredential c = {SERVER, BASIC, false, blob, sizeof(blob)};

        assert_int_equal(store.begin(store.ctx), 0);
        assert_int_equal(store.credential_save(store.ctx, fake_rig_read(rig, &id), &c), 0);
        assert_int_equal(store.commit(store.ctx, true), 0);
        assert_true(fake_rig_restart(rig, false));
        assert_int_equal(fake_rig_read(rig, &id)->credentials_len, 0);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_slot(rig, &id, SERVER, BASIC, NULL);
}

/* ---- what workers get ---- */

typedef struct Seen {
        FakeRig *rig;
        uint32_t starts;
        uint32_t len;
        uint64_t basic;
} Seen;

static void note_start(void *ctx, const Job *job)
{
        Seen *seen = ctx;
        const JobCredential *c = job_credential_find(job, SERVER, BASIC);

        seen->starts++;
        seen->len = job->credentials_len;
        seen->basic = c ? fake_vault_open(&seen->rig->vault, &job->id, c) : 0;
}

static void heals(FakeRig *rig, HRESULT code, uint32_t target)
{
        Seen seen = {.rig = rig};
        GUID id = fake_rig_resumed(rig, 1);
        Why why;

        rig->transfer.on_start = note_start;
        rig->transfer.on_start_ctx = &seen;
        fail_transfer(rig, &id, code);
        assert_int_equal(seen.starts, 1);
        assert_int_equal(seen.len, 0);
        assert_state(rig, &id, ERROR);
        manager_why(rig->m, fake_rig_read(rig, &id), &why);
        assert_int_equal(why.code, WHY_NEEDS_CREDENTIALS);
        assert_string_equal(why_code_to_string(why.code), "needs-credentials");
        assert_hr(set(rig, &id, target, BASIC, "p"), S_OK);
        fake_rig_advance(rig, 10000 * USEC_PER_SEC);
        assert_state(rig, &id, ERROR); /* never by itself */
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_int_equal(seen.starts, 2);
        assert_int_equal(seen.len, 1);
        assert_int_equal(seen.basic, target == SERVER ? fake_vault_digest("user", "p") : 0);
        assert_state(rig, &id, TRANSFERRED);
        rig->transfer.on_start = NULL;
}

static void resume_after_401_or_407_heals(void **state)
{
        heals(*state, BG_E_HTTP_ERROR_401, SERVER);
        heals(*state, BG_E_HTTP_ERROR_407, PROXY);
}

static void starts_see_what_is_set_now(void **state)
{
        FakeRig *rig = *state;
        Seen seen = {.rig = rig};
        GUID id = fake_rig_job(rig);

        rig->transfer.on_start = note_start;
        rig->transfer.on_start_ctx = &seen;
        fake_rig_add(rig, &id, 3);
        assert_hr(manager_set_files_in_flight(rig->m, &FAKE_USER, &id, 1), S_OK);
        assert_hr(set(rig, &id, SERVER, BASIC, "one"), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        assert_int_equal(seen.basic, fake_vault_digest("user", "one"));
        assert_hr(set(rig, &id, SERVER, BASIC, "two"), S_OK);
        fake_op_connected(&rig->transfer, rig->m,
                          fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fake_op_meta(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fake_rig_run(rig);
        assert_int_equal(seen.starts, 2);
        assert_int_equal(seen.basic, fake_vault_digest("user", "two"));
        assert_hr(take_away(rig, &id, SERVER, BASIC), S_OK);
        fake_rig_finish(rig);
        assert_int_equal(seen.starts, 3);
        assert_int_equal(seen.len, 0);
        rig->transfer.on_start = NULL;
}

/* ---- memory ---- */

static bool live_with_failure(FakeRig *rig, const GUID *id, uint64_t n)
{
        HRESULT hr[4];
        bool struck;

        mem_fail_nth(n);
        hr[0] = set(rig, id, SERVER, BASIC, "p");
        hr[1] = set(rig, id, SERVER, BASIC, "q");
        hr[2] = set(rig, id, PROXY, DIGEST, "r");
        hr[3] = take_away(rig, id, SERVER, BASIC);
        struck = mem_fail_struck();
        mem_fail_nth(0);
        for (size_t i = 0; i < ARRAY_LEN(hr); i++)
                assert_true(hr[i] == S_OK || hr[i] == E_OUTOFMEMORY);
        assert_slot(rig, id, SERVER, BASIC, hr[3] == S_OK ? NULL : hr[1] == S_OK ? "q" : "p");
        assert_slot(rig, id, PROXY, DIGEST, hr[2] == S_OK ? "r" : NULL);
        return struck;
}

static void every_allocation_may_fail(void **state)
{
        FakeRig *rig = *state;
        uint64_t n = 1;

        for (GUID id = fake_rig_job(rig); live_with_failure(rig, &id, n); n++)
                id = fake_rig_job(rig);
        assert_true(n > 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(slots_are_kept_apart_and_replaced),
                rig_test(implicit_is_known_without_opening),
                rig_test(bad_values_are_refused_before_anything),
                rig_test(only_the_owner_may),
                rig_test(every_live_state_allows_it),
                rig_test(ended_jobs_take_none),
                rig_test(removing_tells_whether_there_was_something),
                rig_test(it_is_a_modification),
                rig_test(they_outlive_kill_and_power_loss),
                rig_test(a_refusing_store_changes_nothing),
                rig_test(what_the_vault_refuses_is_told),
                rig_test(without_a_vault_there_are_none),
                rig_test(an_owner_has_a_bound),
                rig_test(the_bound_is_64_mib),
                rig_test(a_new_owner_has_none),
                rig_test(the_end_takes_them),
                rig_test(the_end_takes_them_beside_an_eviction),
                rig_test(an_end_that_is_refused_gives_them_back),
                rig_test(what_was_refused_does_not_come_back_with_the_power),
                rig_test(a_farewell_keeps_them),
                rig_test(a_start_drops_what_an_ended_job_has),
                rig_test(resume_after_401_or_407_heals),
                rig_test(starts_see_what_is_set_now),
                rig_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
