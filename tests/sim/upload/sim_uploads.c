/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads by transfer/upload.c and both protocol machines, and what has to hold between what the
 * engine says of a job and what the server has of it. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/log.h"
#include "proto/bup_client_state.h"
#include "sim.h"
#include "up_port.h"

static void *new_uploads(Sim *sim)
{
        UpPort *p = calloc(1, sizeof(*p));

        if (!p)
                abort();
        log_setup("upload-sim", LOG_ERR);
        up_port_init(p, &sim->trace, &sim->rig.transfer, &sim->rig.clock, &sim->simulated_usec,
                     sim->seed);
        return p;
}

static void free_uploads(void *uploads)
{
        up_port_done(uploads);
        free(uploads);
}

static void calm(void *uploads)
{
        up_server_calm(&((UpPort *) uploads)->server);
}

static uint64_t points(const void *uploads)
{
        return ((const UpPort *) uploads)->server.points;
}

static void plan(void *uploads, uint32_t point, bool power)
{
        UpServer *s = &((UpPort *) uploads)->server;

        s->planned = true;
        s->dies_in = point;
        s->power = power;
}

static void count(const void *uploads, SimUploadCounts *counts)
{
        const UpServer *s = &((const UpPort *) uploads)->server;

        counts->packets += s->packets;
        counts->sessions += s->n;
        counts->again += s->again;
        counts->deaths += s->died;
        for (uint32_t i = 0; i < s->n; i++)
                counts->arrived += s->sessions[i]->delivered;
}

static const UpServer *server_of(const Sim *sim)
{
        return &((const UpPort *) sim->uploader)->server;
}

/* NULL: the job has none. */
static UpSession *find_session(const Sim *sim, const Job *job, BupClientState *ret)
{
        if (job->session_bytes == 0 ||
            bup_client_state_decode(job->session, job->session_bytes, ret) < 0)
                return NULL;
        return up_server_session(server_of(sim), ret->session_id);
}

static uint32_t session_number(const Sim *sim, const Job *job)
{
        BupClientState state;
        const UpSession *session = find_session(sim, job, &state);

        return session ? up_server_number_of(server_of(sim), session) : 0;
}

static bool is_open(const Sim *sim, uint32_t number)
{
        const UpSession *session = up_server_number(server_of(sim), number);

        return session && !session->gone && !bup_session_is_tombstone(&session->live.session);
}

/* Where a server may lose an upload that nobody can know of: its only word on an empty file is the
 * Ack of Close, and with publish_at_close that is also its last one on any other. */
static bool may_be_lost(const UpServer *s, const UpSession *session, const BupClientState *state)
{
        return session->lost && (state->source.size_bytes == 0 || s->rules.publish_at_close);
}

static void check_arrived(Sim *sim, const Job *job)
{
        BupClientState state;
        const UpServer *s = server_of(sim);
        const UpSession *session = find_session(sim, job, &state);

        if (!session) {
                sim_break(sim, "an upload is over, and there never was a session");
                return;
        }
        if (!session->delivered && !may_be_lost(s, session, &state))
                sim_break(sim, "an upload is over that did not arrive");
        if (session->data_bytes != state.source.size_bytes && session->delivered)
                sim_break(sim, "an upload arrived that is another file");
        if (session->delivered && session->version != (uint32_t) state.source.inode)
                sim_break(sim, "an upload arrived of another version");
        if (session->delivered && s->rules.publish_at_close && !session->was_published &&
            !session->lost)
                sim_break(sim, "an upload is over that was never published");
}

/* Progress is what a server said. */
static void check_progress(Sim *sim, const Job *job)
{
        const UpServer *s = server_of(sim);
        uint64_t most = 0;

        for (uint32_t i = 0; i < s->n; i++)
                if (guid_equal(&s->sessions[i]->job, &job->id))
                        most = MAX(most, s->sessions[i]->most);
        if (job->files[0]->done_bytes > most)
                sim_break(sim, "more bytes claimed than any server ever had");
}

static void check(Sim *sim, const Job *job)
{
        if (job->status.state == BG_JOB_STATE_TRANSFERRED)
                check_arrived(sim, job);
        check_progress(sim, job);
}

/* The answer to this upload and to no other, with all its bytes. */
static void check_reply(Sim *sim, const Job *job)
{
        const FakeFinal *final = fake_disk_final(&sim->rig.disk, job->reply->local);
        const UpSession *session;
        char url[64];

        fake_reply_url(&job->id, url, sizeof(url));
        if (!final || final->bytes != fake_disk_remote(&sim->rig.disk, url)->size) {
                sim_break(sim, "Complete said S_OK without the reply");
                return;
        }
        if (final->bytes == 0)
                return;
        session = up_server_number(server_of(sim), final->version);
        if (!session || !guid_equal(&session->job, &job->id))
                sim_break(sim, "a reply to another upload");
        else if (!session->delivered || final->version != session_number(sim, job))
                sim_break(sim, "a reply to an upload that did not arrive");
}

static const SimUploads UPLOADS = {
        .program = "upload-sim",
        .types = {BG_JOB_TYPE_DOWNLOAD, BG_JOB_TYPE_UPLOAD, BG_JOB_TYPE_UPLOAD_REPLY,
                  BG_JOB_TYPE_UPLOAD_REPLY},
        .size_max = 30000,
        .steps = 20,
        .new = new_uploads,
        .free = free_uploads,
        .calm = calm,
        .session = session_number,
        .is_open = is_open,
        .check = check,
        .check_reply = check_reply,
        .points = points,
        .plan = plan,
        .count = count,
};

const SimUploads *sim_uploads(void)
{
        return &UPLOADS;
}
