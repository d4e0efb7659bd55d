/* SPDX-License-Identifier: Apache-2.0 */
/* Brings a job into any state on the ways that users and servers bring it there. */
#pragma once

#include "engine/job_error.h"
#include "rig_test.h"

static inline JobError test_error(HRESULT code)
{
        return job_error_make(code, BG_ERROR_CONTEXT_REMOTE_FILE, 0, NULL);
}

/* The first running transfer of the job fails. */
static inline void fail_transfer(FakeRig *rig, const GUID *id, HRESULT code)
{
        JobError error = test_error(code);
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, id);
        assert_non_null(op);
        fake_op_failed(&rig->transfer, rig->m, op, &error);
        fake_rig_run(rig);
}

/* The others of its job stop as they were asked to. */
static inline void stop_others(FakeRig *rig, const GUID *id)
{
        FakeOp *op;

        while ((op = fake_transfer_find(&rig->transfer, FAKE_FILE, id)) && op->stopped) {
                fake_op_stopped(&rig->transfer, rig->m, op);
                fake_rig_run(rig);
        }
}

/* A job with one file, in the wanted state. */
static inline GUID job_in_state(FakeRig *rig, BG_JOB_STATE state)
{
        GUID id = fake_rig_job(rig);

        fake_rig_add(rig, &id, 1);
        if (state == BG_JOB_STATE_SUSPENDED)
                return id;
        if (state == BG_JOB_STATE_ACKNOWLEDGED) {
                assert_hr(fake_rig_complete(rig, &id), BG_S_PARTIAL_COMPLETE);
                return id;
        }
        if (state == BG_JOB_STATE_CANCELLED) {
                assert_hr(fake_rig_cancel(rig, &id), S_OK);
                return id;
        }
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        if (state == BG_JOB_STATE_QUEUED)
                return id;
        fake_rig_run(rig);
        if (state == BG_JOB_STATE_CONNECTING)
                return id;
        fake_op_connected(&rig->transfer, rig->m,
                          fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        if (state == BG_JOB_STATE_TRANSFERRING)
                return id;
        if (state == BG_JOB_STATE_ERROR)
                fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        else if (state == BG_JOB_STATE_TRANSIENT_ERROR)
                fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        else
                fake_rig_finish(rig);
        assert_int_equal(fake_rig_state(rig, &id), state);
        return id;
}

/* Rides the first upload of the job to where every byte is acknowledged. */
static inline FakeOp *upload_to_the_end(FakeRig *rig, const GUID *id)
{
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, id);
        assert_non_null(op);
        fake_op_connected(&rig->transfer, rig->m, op);
        fake_op_upload_meta(&rig->transfer, rig->m, op);
        op->blob.session = 7;
        op->blob.source = 1;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_rig_run(rig);
        fake_op_acknowledged(&rig->transfer, rig->m, op, op->size);
        fake_op_uploaded(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        return op;
}

/* An upload with its file, in the wanted state. */
static inline GUID upload_in_state(FakeRig *rig, BG_JOB_TYPE type, BG_JOB_STATE state)
{
        GUID id = fake_rig_upload(rig, type);

        if (state == BG_JOB_STATE_SUSPENDED)
                return id;
        if (state == BG_JOB_STATE_CANCELLED) {
                assert_hr(fake_rig_cancel(rig, &id), S_OK);
                return id;
        }
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        if (state == BG_JOB_STATE_QUEUED)
                return id;
        fake_rig_run(rig);
        if (state == BG_JOB_STATE_CONNECTING)
                return id;
        if (state == BG_JOB_STATE_TRANSFERRING)
                fake_op_connected(&rig->transfer, rig->m,
                                  fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        else if (state == BG_JOB_STATE_ERROR)
                fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        else if (state == BG_JOB_STATE_TRANSIENT_ERROR)
                fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        else
                fake_rig_finish(rig);
        if (state == BG_JOB_STATE_ACKNOWLEDGED)
                assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_int_equal(fake_rig_state(rig, &id), state);
        return id;
}
