/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/policy.h"

#include "base/clock.h"

enum {
        DAY_SEC = 86400,
        PRIVATE_QUEUE_LIMIT = 100000, /* a safety bound, not a quota */
};

Policy policy_default(bool system_instance)
{
        Policy policy = {
                .max_jobs_per_machine = PRIVATE_QUEUE_LIMIT,
                .max_jobs_per_user = PRIVATE_QUEUE_LIMIT,
                .max_files_per_job = PRIVATE_QUEUE_LIMIT,
                .job_inactivity_sec = (uint64_t) 90 * DAY_SEC,
                .max_download_time_sec = (uint64_t) 90 * DAY_SEC,
                .time_slice_sec = 300,
                .background_jobs = 1,
                .foreground_jobs = 64,
                .files_in_flight_foreground = 6,
                .files_in_flight_background = 4,
                .checkpoint_usec = 2 * USEC_PER_SEC,
                .tombstone_sec = DAY_SEC,
                .tombstones_max = 200,
                .sealed_bytes_per_user = (uint64_t) 64 << 20,
                .allow_programs = true,
                .allow_root_programs = !system_instance,
                .limits = limit_policy_default(),
                .run_on_metered = {true, true, true, true},
                .run_on_battery = {true, true, true, true},
        };

        if (system_instance) {
                policy.max_jobs_per_machine = 300;
                policy.max_jobs_per_user = 60;
                policy.max_files_per_job = 200;
        }
        return policy;
}
