/* SPDX-License-Identifier: Apache-2.0 */
/* The error object: a job's error at the time GetError was called. */
#pragma once

#include "base/attr.h"
#include "bits.h"
#include "bits_native.h"
#include "com_session.h"

_must_use_ HRESULT com_error_new(ComSession *session, const bits_job_info *info,
                                 IBackgroundCopyError **ret);
