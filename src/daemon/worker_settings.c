/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker_settings.h"

#include <errno.h>

#include "transfer/worker_msg.h"

int worker_settings_set_config(WorkerSettings *s, const TransferConfig *config)
{
        TransferConfig fresh;

        if (transfer_config_copy(&fresh, config) < 0) {
                transfer_config_done(&fresh);
                return -ENOMEM;
        }
        transfer_config_done(&s->config);
        s->config = fresh;
        return 0;
}

void worker_settings_set_limits(WorkerSettings *s, const TransferLimits *limits)
{
        s->limits = *limits;
        s->limited = true;
}

int worker_settings_prepend(const WorkerSettings *s, Buf *out)
{
        Buf b;
        int r;

        buf_init(&b, WORKER_LINK_OUT_MAX_BYTES);
        b.wipes = true;
        worker_msg_encode_config(&b, &s->config);
        if (s->limited)
                worker_msg_encode_limits(&b, &s->limits);
        r = buf_append(&b, out->data, out->len);
        if (r < 0) {
                buf_done(&b);
                return r;
        }
        buf_done(out);
        *out = b;
        return 0;
}

void worker_settings_done(WorkerSettings *s)
{
        transfer_config_done(&s->config);
        s->limited = false;
}
