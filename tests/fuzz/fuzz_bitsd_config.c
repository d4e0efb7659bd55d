/* SPDX-License-Identifier: Apache-2.0 */
/* bitsd's configuration file: never refused for what it says, and what is set is in its range. The
 * schedules it makes name the moment of their next change, and nothing changes before. */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/config_keys.h"
#include "engine/limit_schedule.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 16 * 1024,
        DAY_SEC = 86400,
        KBIT = 125,
        MIB = 1024 * 1024,
        HOUR_SEC = 3600,
        LOOKS = 4,
};

static void count(void *ctx, const char *text)
{
        unsigned *warnings = ctx;

        FUZZ_CHECK(text && *text);
        ++*warnings;
}

static bool is_between(const ConfigKey *key, uint64_t value)
{
        return value >= key->min && value <= key->max;
}

static void check_text(const ConfigKey *key, const char *text)
{
        FUZZ_CHECK(!text || *text);
        FUZZ_CHECK(!text || key->kind != KEY_PATH || *text == '/');
}

/* The defaults of these two stand outside of what may be written: not set, and no bound. */
static bool is_unset(const Config *config, const void *field)
{
        return field == &config->service.idle_exit_sec &&
               config->service.idle_exit_sec == CONFIG_IDLE_EXIT_UNSET;
}

static void check_long(const Config *config, const ConfigKey *key, const uint64_t *value)
{
        static const uint64_t units[] = {[KEY_DAYS] = DAY_SEC,
                                         [KEY_MIB] = MIB,
                                         [KEY_LONG] = 1,
                                         [KEY_USECONDS] = USEC_PER_SEC,
                                         [KEY_KBITS] = KBIT};
        uint64_t unit = units[key->kind];

        FUZZ_CHECK(is_unset(config, value) ||
                   (*value % unit == 0 && is_between(key, *value / unit)));
}

static void check_value(const Config *config, const ConfigKey *key)
{
        const void *field = (const uint8_t *) config + key->offset;
        uint32_t number;

        switch (key->kind) {
        case KEY_COUNT:
        case KEY_NUMBER:
        case KEY_SECONDS:
                number = *(const uint32_t *) field;
                FUZZ_CHECK(is_between(key, number) ||
                           (key->kind == KEY_COUNT && number == UINT32_MAX));
                break;
        case KEY_DAYS:
        case KEY_MIB:
        case KEY_LONG:
        case KEY_USECONDS:
        case KEY_KBITS:
                check_long(config, key, field);
                break;
        case KEY_TEXT:
        case KEY_PATH:
        case KEY_LIST:
                check_text(key, *(char *const *) field);
                break;
        case KEY_LEVEL:
                FUZZ_CHECK(*(const int *) field == CONFIG_LOG_LEVEL_UNSET ||
                           (*(const int *) field >= LOG_ERR && *(const int *) field <= LOG_DEBUG));
                break;
        case KEY_METERED:
                FUZZ_CHECK(*(const MeteredConfig *) field <= METERED_NO);
                break;
        case KEY_SWITCH:
        case KEY_ADAPT:
                FUZZ_CHECK(*(const uint8_t *) field <= 1);
                break;
        }
}

/* A clock some hours and a quarter ahead of UTC. */
static void ahead(void *ctx, uint64_t wall_usec, LocalTime *ret)
{
        uint64_t seconds = 5 * HOUR_SEC + HOUR_SEC / 4 * 3;

        *ret = local_time_at(&(LocalTimePort){0}, wall_usec + seconds * USEC_PER_SEC);
}

static TransferLimits limits_at(const LimitPolicy *p, const LocalTimePort *local, uint64_t wall)
{
        LocalTime at = local_time_at(local, wall);
        TransferLimits limits;

        limit_schedule_at(p, &at, &limits);
        FUZZ_CHECK(limits.level_bps[BG_JOB_PRIORITY_FOREGROUND] == UINT64_MAX);
        return limits;
}

static void check_schedule(const LimitPolicy *p, const LocalTimePort *local, uint64_t wall)
{
        TransferLimits now = limits_at(p, local, wall), then;
        uint64_t next = limit_schedule_next(p, local, wall), end = next;

        FUZZ_CHECK(next > wall);
        if (next == USEC_INFINITY)
                end = wall + 8 * DAY_SEC * USEC_PER_SEC;
        FUZZ_CHECK(end - wall <= 8 * DAY_SEC * USEC_PER_SEC);
        for (uint64_t at = wall; at < end; at += HOUR_SEC * USEC_PER_SEC / 2) {
                then = limits_at(p, local, at);
                FUZZ_CHECK(limits_equal(&now, &then));
        }
        then = limits_at(p, local, end - 1);
        FUZZ_CHECK(limits_equal(&now, &then));
        if (next != USEC_INFINITY) {
                then = limits_at(p, local, next);
                FUZZ_CHECK(!limits_equal(&now, &then));
        }
}

static void check_schedules(const LimitPolicy *p)
{
        static const uint64_t times[LOOKS] = {0, 1795900000123456, 1795953599999999,
                                              4102444800000000};

        for (size_t i = 0; i < LOOKS; i++) {
                check_schedule(p, &(LocalTimePort){0}, times[i]);
                check_schedule(p, &(LocalTimePort){.at = ahead}, times[i]);
        }
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        unsigned warnings = 0;
        ConfigSource source = {.warn = count, .ctx = &warnings};
        Config config;
        int r;

        if (bytes > INPUT_MAX_BYTES)
                return;
        source.only_file = fuzz_file("bitsd.conf", data, bytes);
        r = config_read(&source, &config);
        if (r < 0) { /* a file that is no text at all */
                FUZZ_CHECK(r == -EBADMSG && memchr(data, '\0', bytes));
                return;
        }
        FUZZ_CHECK(warnings <= bytes + 1);
        for (size_t n = 0; config_key(n); n++)
                check_value(&config, config_key(n));
        check_schedules(&config.policy.limits);
        config_done(&config);
}
