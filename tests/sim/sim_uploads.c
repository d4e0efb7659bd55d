/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads as fake_upload.c leads them: the engine's part alone. */
#include <string.h>

#include "sim.h"

static uint32_t session_of(const Sim *sim, const Job *job)
{
        FakeBlob blob = {0};

        (void) sim;
        if (job->session_bytes == sizeof(blob))
                memcpy(&blob, job->session, sizeof(blob));
        return blob.session;
}

static bool is_open(const Sim *sim, uint32_t session)
{
        return fake_transfer_session(&sim->rig.transfer, session);
}

static void check_reply(Sim *sim, const Job *job)
{
        const FakeFinal *final = fake_disk_final(&sim->rig.disk, job->reply->local);
        char url[64];

        fake_reply_url(&job->id, url, sizeof(url));
        if (!final || final->bytes != fake_disk_remote(&sim->rig.disk, url)->size)
                sim_break(sim, "Complete said S_OK without the reply");
}

static const SimUploads UPLOADS = {
        .program = "engine-sim",
        .types = {BG_JOB_TYPE_DOWNLOAD, BG_JOB_TYPE_DOWNLOAD, BG_JOB_TYPE_UPLOAD,
                  BG_JOB_TYPE_UPLOAD_REPLY},
        .size_max = 5000,
        .steps = 6,
        .session = session_of,
        .is_open = is_open,
        .check_reply = check_reply,
};

const SimUploads *sim_uploads(void)
{
        return &UPLOADS;
}
