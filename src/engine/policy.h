/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as values; names follow the Group Policy settings. Made by daemon/config. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/limit_schedule.h"

typedef struct Policy {
        uint32_t max_jobs_per_machine;       /* MaxJobsPerMachine; UINT32_MAX = no limit */
        uint32_t max_jobs_per_user;          /* MaxJobsPerUser */
        uint32_t max_files_per_job;          /* MaxFilesPerJob */
        uint64_t job_inactivity_sec;         /* JobInactivityTimeout (days there); 90 days */
        uint64_t max_download_time_sec;      /* MaxDownloadTime; 90 days */
        uint32_t time_slice_sec;             /* TimeSlice; 300 */
        uint32_t background_jobs;            /* background jobs at once; 1 */
        uint32_t foreground_jobs;            /* foreground jobs at once; 64 (a safety bound) */
        uint32_t files_in_flight_foreground; /* per job; 6 */
        uint32_t files_in_flight_background; /* per job; 4 */
        uint64_t checkpoint_usec;            /* least time between two progress commits; 2 s */
        uint64_t tombstone_sec;              /* how long final jobs answer; 24 h */
        uint32_t tombstones_max;             /* and how many; 200 */
        uint64_t sealed_bytes_per_user;      /* MaxCredentialMiBPerUser; 64 MiB */
        bool allow_programs;                 /* SetNotifyCmdLine is allowed and has effect */
        bool allow_root_programs;            /* also for programs that root has set */
        LimitPolicy limits;
        /* By BG_JOB_PRIORITY. */
        bool run_on_metered[LIMIT_LEVELS]; /* RunOnMetered…; yes: BITS always transfers */
        bool run_on_battery[LIMIT_LEVELS]; /* RunOnBattery…; yes */
} Policy;

/* Defaults of a user instance (private: the count limits guard a shared queue, a user's own queue
 * has only safety bounds of 100,000) or of the system instance (300/60/200 as on Windows). */
Policy policy_default(bool system_instance);
