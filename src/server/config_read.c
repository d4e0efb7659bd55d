/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: read into sections first, because a sub-directory's section starts out
 * with what the section above it says, wherever that stands in the file. */
#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "server/config.h"
#include "server/config_site.h"

#define SECTION_MAX_BYTES 48 /* inih cuts longer names off without a word */
#define NAME_MAX_BYTES 48
#define PAIRS_MAX 4096

typedef struct Pair {
        char *section;
        char *name;
        char *value;
} Pair;

typedef struct Reading {
        Config *config;
        Buf *why;
        Pair *pairs;
        size_t n;
        int error;
} Reading;

typedef enum SettingKind {
        SETTING_TEXT,
        SETTING_U32,
        SETTING_SEC,
        SETTING_SIZE,
        SETTING_LISTEN,
        SETTING_LISTEN_TLS,
        SETTING_TRUSTED,
} SettingKind;

typedef struct Setting {
        const char *name;
        SettingKind kind;
        size_t offset;
        uint64_t min, max;
} Setting;

#define PLACE(member) offsetof(Config, member)

static const Setting SETTINGS[] = {
        {"Listen", SETTING_LISTEN},
        {"ListenTLS", SETTING_LISTEN_TLS},
        {"MetricsListen", SETTING_TEXT, PLACE(metrics_address)},
        {"TLSCertificate", SETTING_TEXT, PLACE(tls_certificate)},
        {"TLSKey", SETTING_TEXT, PLACE(tls_key)},
        {"AccessLog", SETTING_TEXT, PLACE(access_log)},
        {"PublicURL", SETTING_TEXT, PLACE(public_url)},
        {"TrustedProxy", SETTING_TRUSTED},
        {"MaximumConnections", SETTING_U32, PLACE(max_connections), 1, 1000000},
        {"MaximumConnectionsPerAddress", SETTING_U32, PLACE(max_connections_per_address), 0,
         1000000},
        {"MaximumSessions", SETTING_U32, PLACE(max_sessions), 1, 10000000},
        {"MaximumSessionsPerAddress", SETTING_U32, PLACE(max_sessions_per_address), 0, 10000000},
        {"IdleTimeout", SETTING_SEC, PLACE(idle_sec), 1, 86400},
        {"MinimumBodyRate", SETTING_SIZE, PLACE(body_rate_min_bytes), 0, UINT32_MAX},
        {"MinimumBodyRateWindow", SETTING_SEC, PLACE(body_rate_window_sec), 1, 86400},
        {"StopTimeout", SETTING_SEC, PLACE(stop_sec), 0, 3600},
};

static int set_number(Config *c, const Setting *s, const char *value)
{
        void *place = (char *) c + s->offset;
        uint64_t number = 0;
        int r;

        if (s->kind == SETTING_SEC)
                r = parse_duration(value, &number);
        else if (s->kind == SETTING_SIZE)
                r = parse_size(value, &number);
        else
                r = parse_u64(value, &number);
        if (r < 0)
                return r;
        if (number < s->min || number > s->max)
                return -ERANGE;
        if (s->kind == SETTING_SIZE)
                *(uint64_t *) place = number;
        else
                *(uint32_t *) place = (uint32_t) number;
        return 0;
}

static int set_server(Config *c, const char *name, const char *value)
{
        for (size_t i = 0; i < ARRAY_LEN(SETTINGS); i++) {
                const Setting *s = &SETTINGS[i];

                if (!str_equal_nocase(s->name, name))
                        continue;
                switch (s->kind) {
                case SETTING_TEXT:
                        return str_replace((char **) ((char *) c + s->offset), value);
                case SETTING_LISTEN:
                case SETTING_LISTEN_TLS:
                        return config_add_listener(c, value, s->kind == SETTING_LISTEN_TLS);
                case SETTING_TRUSTED:
                        return trusted_add(&c->trusted, value);
                default:
                        return set_number(c, s, value);
                }
        }
        return -ENOENT;
}

static int complain(Reading *reading, int error, const Pair *pair)
{
        const char *what = "is not a value for it";

        if (error == -ENOMEM)
                return error;
        if (error == -ENOENT)
                what = "there is no such property";
        else if (error == -ERANGE || error == -E2BIG)
                what = "is outside its limits";
        buf_clear(reading->why);
        (void) buf_printf(reading->why, "[%s] %s = %s: %s", pair->section, pair->name, pair->value,
                          what);
        return -EINVAL;
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
        Reading *reading = user;
        Pair *pairs;
        Pair pair;

        if (strlen(section) >= SECTION_MAX_BYTES || strlen(name) >= NAME_MAX_BYTES ||
            strlen(value) >= CONFIG_VALUE_MAX_BYTES || reading->n == PAIRS_MAX) {
                (void) buf_printf(reading->why, "[%s] %s: too long", section, name);
                reading->error = -EINVAL;
                return 0;
        }
        pairs = mem_realloc(reading->pairs, (reading->n + 1) * sizeof(*pairs));
        if (!pairs) {
                reading->error = -ENOMEM;
                return 0;
        }
        reading->pairs = pairs;
        pair = (Pair){mem_strdup(section), mem_strdup(name), mem_strdup(value)};
        pairs[reading->n++] = pair;
        if (!pair.section || !pair.name || !pair.value)
                reading->error = -ENOMEM;
        return reading->error == 0;
}

/* "site /drop" → "/drop"; NULL for something else. */
static const char *prefix_of(const char *section)
{
        return str_starts_with_nocase(section, "site /") ? section + strlen("site ") : NULL;
}

static bool prefix_is_sound(const char *prefix)
{
        _cleanup_(target_done) Target t = {0};

        if (str_equal(prefix, "/"))
                return true;
        return target_parse(prefix, &t) == 0 && str_equal(t.path, prefix) && !t.query &&
               !target_is_directory(&t);
}

/* Sets the properties of one section on a site; those it keeps to itself only on its own. */
static int apply_section(Reading *reading, Site *site, const char *prefix)
{
        bool own = str_equal(site->prefix, prefix);

        for (size_t i = 0; i < reading->n; i++) {
                const Pair *pair = &reading->pairs[i];
                const char *section = prefix_of(pair->section);
                int r;

                if (!section || !str_equal(section, prefix))
                        continue;
                if (!own && !site_property_is_inherited(pair->name))
                        continue;
                r = site_set(site, pair->name, pair->value);
                if (r < 0)
                        return complain(reading, r, pair);
        }
        return 0;
}

static bool is_above(const char *upper, const char *lower)
{
        size_t bytes = strlen(upper);

        if (str_equal(upper, lower))
                return false;
        return str_equal(upper, "/") || (strncmp(upper, lower, bytes) == 0 && lower[bytes] == '/');
}

/* The longest prefix above, longer than `after` or any when that is NULL: walks down to the site.
 */
static const char *next_above(const Reading *reading, const char *prefix, const char *after)
{
        const char *best = NULL;

        for (size_t i = 0; i < reading->n; i++) {
                const char *p = prefix_of(reading->pairs[i].section);

                if (!p || !is_above(p, prefix) || (after && strlen(p) <= strlen(after)))
                        continue;
                if (!best || strlen(p) < strlen(best))
                        best = p;
        }
        return best;
}

/* Without a Directory of its own, it lies where its URL says: below that of the section above. */
static int inherit_directory(Reading *reading, Site *site, const char *above)
{
        const char *rest = site->prefix + (str_equal(above, "/") ? 0 : strlen(above));

        for (size_t i = 0; i < reading->n; i++) {
                const Pair *pair = &reading->pairs[i];
                const char *section = prefix_of(pair->section);

                if (section && str_equal(section, above) &&
                    str_equal_nocase(pair->name, "Directory")) {
                        mem_free(site->directory);
                        site->directory = mem_printf("%s%s", pair->value, rest);
                        return site->directory ? 0 : -ENOMEM;
                }
        }
        return 0;
}

static int build_site(Reading *reading, const char *prefix)
{
        const char *above = NULL;
        Site *site;
        int r;

        if (!prefix_is_sound(prefix)) {
                (void) buf_printf(reading->why, "[site %s]: no plain path without a final slash",
                                  prefix);
                return -EINVAL;
        }
        r = config_add_site(reading->config, prefix, &site);
        while (r == 0 && (above = next_above(reading, prefix, above))) {
                r = apply_section(reading, site, above);
                if (r == 0)
                        r = inherit_directory(reading, site, above);
        }
        return r < 0 ? r : apply_section(reading, site, prefix);
}

static int build(Reading *reading)
{
        for (size_t i = 0; i < reading->n; i++) {
                const Pair *pair = &reading->pairs[i];
                const char *prefix = prefix_of(pair->section);
                bool built = false;
                int r = 0;

                if (str_equal_nocase(pair->section, "server")) {
                        r = set_server(reading->config, pair->name, pair->value);
                        if (r < 0)
                                return complain(reading, r, pair);
                        continue;
                }
                if (!prefix) {
                        (void) buf_printf(reading->why, "[%s]: no such section", pair->section);
                        return -EINVAL;
                }
                for (size_t k = 0; k < reading->config->n_sites; k++)
                        built = built || str_equal(reading->config->sites[k].prefix, prefix);
                if (!built)
                        r = build_site(reading, prefix);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void forget(Reading *reading)
{
        for (size_t i = 0; i < reading->n; i++) {
                mem_free(reading->pairs[i].section);
                mem_free(reading->pairs[i].name);
                mem_free(reading->pairs[i].value);
        }
        mem_free(reading->pairs);
}

int config_read(Config *c, const char *path, Buf *why)
{
        Reading reading = {.config = c, .why = why};
        int line, r;

        /* Lines of any sensible length: a URL may have 2,200 characters. */
        ini_use_stack = false;
        ini_allow_realloc = true;
        ini_max_line = 2 * CONFIG_VALUE_MAX_BYTES;
        ini_stop_on_first_error = true;
        errno = 0;
        line = ini_parse(path, on_pair, &reading);
        if (line < 0) {
                r = errno ? -errno : -EIO;
                (void) buf_printf(why, "%s: %s", path, strerror(-r));
        } else if (line > 0 || reading.error < 0) {
                r = reading.error < 0 ? reading.error : -EINVAL;
                if (why->len == 0)
                        (void) buf_printf(why, "%s:%d: neither a section nor name = value", path,
                                          line);
        } else {
                r = build(&reading);
        }
        forget(&reading);
        return r;
}
