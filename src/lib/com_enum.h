/* SPDX-License-Identifier: Apache-2.0 */
/* Both enumerators. What they enumerate is fixed when they are made and shared by their clones;
 * the objects they give read current values. */
#pragma once

#include "base/attr.h"
#include "bits.h"
#include "bits_native.h"
#include "com_session.h"

/* The lists are taken also on failure. */
_must_use_ HRESULT com_enum_take_jobs(ComSession *session, bits_job_list *jobs,
                                      IEnumBackgroundCopyJobs **ret);
_must_use_ HRESULT com_enum_take_files(ComSession *session, const GUID *job, bits_file_list *files,
                                       IEnumBackgroundCopyFiles **ret);
