/* SPDX-License-Identifier: Apache-2.0 */
/* How the engine's objects look from outside: Job → bits_job_info and JobFile → bits_file_info, for
 * records. The results borrow their strings from the objects. */
#pragma once

#include "base/buf.h"
#include "bits_native.h"
#include "engine/manager.h"

void job_view_fill(Manager *m, const Job *job, bits_job_info *info);
/* Without what only the manager knows (why, rate, callback): for use inside its own calls. */
void job_view_fill_plain(const Job *job, bits_job_info *info);
void job_view_fill_file(const Job *job, const JobFile *file, bits_file_info *info);

/* u32 count and the records. When they would not fit into the buffer, long texts (descriptions and
 * proxy lists) are left out of all of them; the buffer's error says when that was not enough. */
void job_view_put_list(Manager *m, const Job *const *jobs, uint32_t n, Buf *b);
