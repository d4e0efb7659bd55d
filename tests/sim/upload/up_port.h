/* SPDX-License-Identifier: Apache-2.0 */
/* The uploads of a worker without a worker: transfer/upload.c and the client machine as they are,
 * fed with the START and FAREWELL messages that a worker would get, on a fake loop, wire and disk
 * (up_wire.c, up_files.c), against up_server.h. The fake transfer port leads them step by step. */
#pragma once

#include "fake_clock.h"
#include "fake_transfer.h"
#include "transfer/http_client.h"
#include "transfer/upload.h"
#include "transfer/upload_reply.h"
#include "up_server.h"

typedef struct HttpPost HttpPost;

/* One upload or farewell. */
typedef struct UpOp {
        struct UpPort *port;
        FakeOp *op;
        FetchHost host;
        Fetch *fetch; /* NULL: it could not begin */
        JobError failed;
        sd_event_handler_t turn; /* to be called once; NULL: it was */
        void *turn_ctx;
        HttpPost *post;     /* upload.c's */
        UploadReply *reply; /* upload.c's; NULL: none is fetched */
        bool stored;        /* to be told */
        bool stop_told;
        uint8_t *told; /* the session of the last SESSION that has to be stored */
        uint32_t told_bytes;
} UpOp;

typedef struct UpPort {
        HttpClient http; /* only its configuration */
        TransferConfig config;
        FakeTransfer *transfer;
        FakeClock *clock;
        const uint64_t *elapsed_usec; /* the server's time */
        FakeRandom random;
        UpServer server;
        const bool *trace; /* print packets */
        Manager *m;        /* while something is led */
        UpOp *current;     /* what is led; NULL: it has ended */
} UpPort;

/* Takes over the uploads of `t`. */
void up_port_init(UpPort *p, const bool *trace, FakeTransfer *t, FakeClock *clock,
                  const uint64_t *elapsed_usec, uint64_t seed);
void up_port_done(UpPort *p);
/* What `upload.c` runs on belongs to whoever is led now. */
UpPort *up_port_current(void);

/* up_wire.c, up_files.c: the next thing that happens to a packet, or to a reply. */
bool up_wire_is_busy(const HttpPost *post);
void up_wire_step(HttpPost *post);
void up_reply_step(UploadReply *reply);
