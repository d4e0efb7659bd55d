/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs without a manager, for tests of the modules below it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/job_file.h"

static inline Job *bare_job(uint32_t number, BG_JOB_PRIORITY priority)
{
        GUID id = {number, 0, 0, {0}};
        Job *job = job_new(&id, number, 1000, "job", 0);

        assert_non_null(job);
        assert_int_equal(job_attach_run(job, 0, 1), 0);
        job->props.priority = priority;
        return job;
}

static inline JobFile *bare_file(Job *job, const char *remote, const char *local)
{
        JobFile *file = job_file_new(job->files_len, remote, local);

        assert_non_null(file);
        assert_int_equal(job_files_reserve(job, 1), 0);
        job_files_append(job, file);
        return file;
}
