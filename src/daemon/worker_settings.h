/* SPDX-License-Identifier: Apache-2.0 */
/* What every worker is told before anything else, and again when it changes: how transfers are
 * made, and what the background may use. Owned by the pool. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "engine/port/transfer.h"
#include "transfer/transfer_config.h"

/* All zero: nothing known yet; done() is fine then. */
typedef struct WorkerSettings {
        TransferConfig config;
        TransferLimits limits;
        bool limited; /* `limits` were set */
} WorkerSettings;

/* Copied. 0 or -ENOMEM, with nothing changed. */
_must_use_ int worker_settings_set_config(WorkerSettings *s, const TransferConfig *config);
void worker_settings_set_limits(WorkerSettings *s, const TransferLimits *limits);
/* Puts them before what waits already in the buffer of a link. 0 or -ENOMEM, with nothing changed.
 */
_must_use_ int worker_settings_prepend(const WorkerSettings *s, Buf *out);
void worker_settings_done(WorkerSettings *s);
