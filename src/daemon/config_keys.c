/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_keys.h"

#include "base/attr.h"
#include "daemon/config.h"

#define RATE_MAX 4294967200u

enum { DAY_SEC = 86400 };

#define POLICY(name, kind, field, min, max)                                                        \
        {                                                                                          \
                "Policy", name, kind, offsetof(Config, policy.field), min, max                     \
        }
#define TRANSFER(name, kind, field, min, max)                                                      \
        {                                                                                          \
                "Transfer", name, kind, offsetof(Config, transfer.field), min, max                 \
        }
#define SERVICE(name, kind, field, min, max)                                                       \
        {                                                                                          \
                "Service", name, kind, offsetof(Config, service.field), min, max                   \
        }

#define BANDWIDTH(name, kind, field, min, max)                                                     \
        {                                                                                          \
                "Bandwidth", name, kind, offsetof(Config, field), min, max                         \
        }
#define KBITS(name, field) BANDWIDTH(name, KEY_NUMBER, policy.limits.field, 0, RATE_MAX)
#define LEVEL(section, level, rate)                                                                \
        {section,    #level "BandwidthLimit",                                                      \
         KEY_NUMBER, offsetof(Config, policy.limits.rate.amount),                                  \
         0,          RATE_MAX},                                                                    \
        {                                                                                          \
                section, #level "BandwidthType", KEY_NUMBER,                                       \
                        offsetof(Config, policy.limits.rate.unit), LIMIT_KBPS, LIMIT_NONE          \
        }
#define LEVELS(section, rates)                                                                     \
        LEVEL(section, High, rates[BG_JOB_PRIORITY_HIGH]),                                         \
                LEVEL(section, Normal, rates[BG_JOB_PRIORITY_NORMAL]),                             \
                LEVEL(section, Low, rates[BG_JOB_PRIORITY_LOW])
#define WINDOW(section, window)                                                                    \
        {section, "StartDay", KEY_NUMBER, offsetof(Config, policy.limits.window.start_day), 0, 6}, \
                {section, "EndDay", KEY_NUMBER, offsetof(Config, policy.limits.window.end_day),    \
                 0,       6},                                                                      \
                {section,    "StartHour",                                                          \
                 KEY_NUMBER, offsetof(Config, policy.limits.window.start_hour),                    \
                 0,          23},                                                                  \
        {                                                                                          \
                section, "EndHour", KEY_NUMBER, offsetof(Config, policy.limits.window.end_hour),   \
                        0, 23                                                                      \
        }
#define RUN_ON(level, number)                                                                      \
        BANDWIDTH("RunOnMetered" level, KEY_SWITCH, policy.run_on_metered[number], 0, 0),          \
                BANDWIDTH("RunOnBattery" level, KEY_SWITCH, policy.run_on_battery[number], 0, 0)

/* Ranges of the policies that Windows has are those of its administrative templates. */
static const ConfigKey KEYS[] = {
        POLICY("MaxJobsPerMachine", KEY_COUNT, max_jobs_per_machine, 1, 4294967200u),
        POLICY("MaxJobsPerUser", KEY_COUNT, max_jobs_per_user, 1, 4294967200u),
        POLICY("MaxFilesPerJob", KEY_COUNT, max_files_per_job, 1, 4294967200u),
        POLICY("JobInactivityTimeout", KEY_DAYS, job_inactivity_sec, 1, 999),
        POLICY("MaxDownloadTime", KEY_LONG, max_download_time_sec, 1, 2147483648u),
        POLICY("TimeSlice", KEY_SECONDS, time_slice_sec, 1, DAY_SEC),
        POLICY("BackgroundJobs", KEY_NUMBER, background_jobs, 1, 1000),
        POLICY("ForegroundJobs", KEY_NUMBER, foreground_jobs, 1, 1000),
        POLICY("ForegroundFilesInFlight", KEY_NUMBER, files_in_flight_foreground, 1, 64),
        POLICY("BackgroundFilesInFlight", KEY_NUMBER, files_in_flight_background, 1, 64),
        POLICY("CheckpointInterval", KEY_USECONDS, checkpoint_usec, 0, 3600),
        POLICY("EndedJobsKeptFor", KEY_LONG, tombstone_sec, 0, 90 * DAY_SEC),
        POLICY("EndedJobsKept", KEY_NUMBER, tombstones_max, 0, 100000),
        POLICY("MaxCredentialMiBPerUser", KEY_MIB, sealed_bytes_per_user, 1, 65536),
        POLICY("AllowPrograms", KEY_SWITCH, allow_programs, 0, 0),
        POLICY("AllowRootPrograms", KEY_SWITCH, allow_root_programs, 0, 0),
        TRANSFER("ConnectTimeout", KEY_SECONDS, connect_timeout_sec, 1, 3600),
        TRANSFER("NoProgressStall", KEY_SECONDS, stall_timeout_sec, 1, DAY_SEC),
        TRANSFER("MaxRedirects", KEY_NUMBER, redirects_max, 0, 100),
        TRANSFER("ConnectionsPerHost", KEY_NUMBER, connections_per_host, 1, 64),
        TRANSFER("UserAgent", KEY_TEXT, user_agent, 0, 0),
        TRANSFER("CABundle", KEY_PATH, ca_bundle, 0, 0),
        TRANSFER("HttpProxy", KEY_TEXT, http_proxy, 0, 0),
        TRANSFER("HttpsProxy", KEY_TEXT, https_proxy, 0, 0),
        TRANSFER("NoProxy", KEY_LIST, no_proxy, 0, 0),
        BANDWIDTH("EnableBITSMaxBandwidth", KEY_SWITCH, policy.limits.daily, 0, 0),
        KBITS("MaxTransferRateOnSchedule", daily_kbps),
        BANDWIDTH("MaxBandwidthValidFrom", KEY_NUMBER, policy.limits.daily_from, 0, 23),
        BANDWIDTH("MaxBandwidthValidTo", KEY_NUMBER, policy.limits.daily_to, 0, 23),
        BANDWIDTH("UseSystemMaximum", KEY_SWITCH, policy.limits.daily_off_unlimited, 0, 0),
        KBITS("MaxTransferRateOffSchedule", daily_off_kbps),
        BANDWIDTH("EnableBandwidthLimits", KEY_SWITCH, policy.limits.week, 0, 0),
        BANDWIDTH("EnableMaintenanceLimits", KEY_SWITCH, policy.limits.maintenance, 0, 0),
        BANDWIDTH("IgnoreBandwidthLimitsOnLan", KEY_SWITCH, policy.limits.lan_exempt, 0, 0),
        BANDWIDTH("Metered", KEY_METERED, metered, 0, 0),
        RUN_ON("Foreground", BG_JOB_PRIORITY_FOREGROUND),
        RUN_ON("High", BG_JOB_PRIORITY_HIGH),
        RUN_ON("Normal", BG_JOB_PRIORITY_NORMAL),
        RUN_ON("Low", BG_JOB_PRIORITY_LOW),
        BANDWIDTH("Background", KEY_ADAPT, transfer.adapt, 0, 0),
        BANDWIDTH("ControlLoopback", KEY_SWITCH, transfer.control_loopback, 0, 0),
        BANDWIDTH("LineDown", KEY_KBITS, transfer.line_bps_down, 0, RATE_MAX),
        BANDWIDTH("LineUp", KEY_KBITS, transfer.line_bps_up, 0, RATE_MAX),
        WINDOW("WorkSchedule", work),
        LEVELS("WorkSchedule", work_rate),
        LEVELS("NonWorkSchedule", off_rate),
        WINDOW("MaintenanceSchedule", maintenance_window),
        LEVELS("MaintenanceSchedule", maintenance_rate),
        SERVICE("IdleExitSec", KEY_LONG, idle_exit_sec, 0, 365 * DAY_SEC),
        SERVICE("ProgramTimeout", KEY_SECONDS, program_timeout_sec, 1, 30 * DAY_SEC),
        SERVICE("LogLevel", KEY_LEVEL, log_level, 0, 0),
};

const ConfigKey *config_key(size_t n)
{
        return n < ARRAY_LEN(KEYS) ? &KEYS[n] : NULL;
}
