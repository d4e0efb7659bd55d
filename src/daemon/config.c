/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "daemon/config_keys.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define DROPINS_MAX 1000 /* more are a mistake */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

enum {
        DAY_SEC = 86400,
        LINE_MAX_BYTES = 198, /* what inih takes at once, as Debian builds it */
        WARNING_BYTES = 512,
        SHOWN_BYTES = 80, /* of a strange value */
        LIST_MAX_BYTES = 16000,
};

bool config_describe(size_t n, const char **ret_section, const char **ret_key)
{
        const ConfigKey *key = config_key(n);

        if (!key)
                return false;
        *ret_section = key->section;
        *ret_key = key->name;
        return true;
}

/* ---- reading one value: 0, or negative errno with nothing changed ---- */

static int in_range(const ConfigKey *key, uint64_t value)
{
        return value < key->min || value > key->max ? -ERANGE : 0;
}

static int parse_number(const ConfigKey *key, const char *text, uint64_t *ret)
{
        bool is_time =
                key->kind == KEY_SECONDS || key->kind == KEY_LONG || key->kind == KEY_USECONDS;
        uint64_t value;
        int r;

        r = is_time ? parse_duration(text, &value) : parse_u64(text, &value);
        if (r < 0)
                return r;
        r = in_range(key, value);
        if (r < 0)
                return r;
        *ret = value;
        return 0;
}

static int set_number(const ConfigKey *key, const char *text, void *field)
{
        uint64_t value;
        int r;

        if (key->kind == KEY_COUNT && str_equal_nocase(text, "unlimited")) {
                *(uint32_t *) field = UINT32_MAX;
                return 0;
        }
        r = parse_number(key, text, &value);
        if (r < 0)
                return r;
        if (key->kind == KEY_DAYS)
                *(uint64_t *) field = value * DAY_SEC;
        else if (key->kind == KEY_MIB)
                *(uint64_t *) field = value << 20;
        else if (key->kind == KEY_USECONDS)
                *(uint64_t *) field = value * USEC_PER_SEC;
        else if (key->kind == KEY_KBITS)
                *(uint64_t *) field = value * KBIT_BYTES;
        else if (key->kind == KEY_LONG)
                *(uint64_t *) field = value;
        else
                *(uint32_t *) field = (uint32_t) value;
        return 0;
}

/* These texts end up in request headers and on libcurl's doorstep. */
static bool text_is_plain(const char *text)
{
        for (const char *p = text; *p != '\0'; p++)
                if ((unsigned char) *p < 0x20 || (unsigned char) *p > 0x7e)
                        return false;
        return true;
}

static int set_text(const ConfigKey *key, const char *text, char **field)
{
        if (text[0] == '\0')
                return str_replace(field, NULL);
        if (key->kind == KEY_PATH ? !path_is_absolute(text) : !text_is_plain(text))
                return -EINVAL;
        return str_replace(field, text);
}

static int add_to_list(const char *text, char **field)
{
        _cleanup_free_ char *joined = NULL;

        if (text[0] == '\0' || !*field)
                return text_is_plain(text) ? str_replace(field, text[0] ? text : NULL) : -EINVAL;
        if (!text_is_plain(text))
                return -EINVAL;
        if (strlen(*field) + strlen(text) >= LIST_MAX_BYTES)
                return -ERANGE;
        joined = mem_printf("%s,%s", *field, text);
        if (!joined)
                return -ENOMEM;
        mem_free(*field);
        *field = TAKE_PTR(joined);
        return 0;
}

static int set_level(const char *text, int *field)
{
        static const struct {
                const char *name;
                int level;
        } levels[] = {{"error", LOG_ERR},
                      {"warning", LOG_WARNING},
                      {"notice", LOG_NOTICE},
                      {"info", LOG_INFO},
                      {"debug", LOG_DEBUG}};

        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
                if (str_equal_nocase(text, levels[i].name)) {
                        *field = levels[i].level;
                        return 0;
                }
        return -EINVAL;
}

static int set_switch(const char *text, bool *field)
{
        static const char *const words[2][4] = {
                {"no", "false", "off", "0"},
                {"yes", "true", "on", "1"},
        };

        for (size_t on = 0; on < ARRAY_LEN(words); on++)
                for (size_t i = 0; i < ARRAY_LEN(words[on]); i++)
                        if (str_equal_nocase(text, words[on][i])) {
                                *field = on;
                                return 0;
                        }
        return -EINVAL;
}

static int set_metered(const char *text, MeteredConfig *field)
{
        bool on;
        int r;

        if (str_equal_nocase(text, "auto")) {
                *field = METERED_AUTO;
                return 0;
        }
        r = set_switch(text, &on);
        if (r == 0)
                *field = on ? METERED_YES : METERED_NO;
        return r;
}

static int set_adapt(const char *text, bool *field)
{
        bool adaptive = str_equal_nocase(text, "adaptive");

        if (!adaptive && !str_equal_nocase(text, "off"))
                return -EINVAL;
        *field = adaptive;
        return 0;
}

static int set_value(const ConfigKey *key, const char *text, Config *config)
{
        void *field = (char *) config + key->offset;

        switch (key->kind) {
        case KEY_TEXT:
        case KEY_PATH:
                return set_text(key, text, field);
        case KEY_LIST:
                return add_to_list(text, field);
        case KEY_LEVEL:
                return set_level(text, field);
        case KEY_SWITCH:
                return set_switch(text, field);
        case KEY_METERED:
                return set_metered(text, field);
        case KEY_ADAPT:
                return set_adapt(text, field);
        default:
                return set_number(key, text, field);
        }
}

/* ---- reading one file ---- */

typedef struct Reading {
        const ConfigSource *source;
        Config *config;
        const char *file;
        const char *rest; /* of the file's text */
        unsigned line;    /* last one handed to inih */
        bool no_memory;
} Reading;

static void warn(const ConfigSource *source, const char *fmt, ...) _printf_(2, 3);

static void warn(const ConfigSource *source, const char *fmt, ...)
{
        char text[WARNING_BYTES];
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, ap); /* cut when too long */
        va_end(ap);
        if (source->warn)
                source->warn(source->ctx, text);
        else
                log_warning("%s", text);
}

static void warn_value(const Reading *r, const ConfigKey *key, const char *value, int err)
{
        char shown[SHOWN_BYTES], range[64] = "";

        if (err == -ERANGE && key->max > 0)
                (void) snprintf(range, sizeof(range), " (%llu to %llu)",
                                (unsigned long long) key->min, (unsigned long long) key->max);
        warn(r->source, "%s:%u: %s=%s is %s%s: ignored", r->file, r->line, key->name,
             str_escape(shown, sizeof(shown), value),
             err == -ERANGE ? "out of range" : "no value for this setting", range);
}

/* inih's answer to a value: non-zero goes on. */
static int on_value(Reading *r, const char *section, const char *name, const char *value)
{
        char shown_section[SHOWN_BYTES], shown_name[SHOWN_BYTES];
        const ConfigKey *key;

        for (size_t i = 0; (key = config_key(i)); i++) {
                int err;

                if (!str_equal_nocase(section, key->section) || !str_equal_nocase(name, key->name))
                        continue;
                err = set_value(key, value, r->config);
                if (err == -ENOMEM)
                        r->no_memory = true;
                else if (err < 0)
                        warn_value(r, key, value, err);
                return 1;
        }
        warn(r->source, "%s:%u: unknown setting %s in section [%s]: ignored", r->file, r->line,
             str_escape(shown_name, sizeof(shown_name), name),
             str_escape(shown_section, sizeof(shown_section), section));
        return 1;
}

/* inih is built with or without a line number as last argument; we count ourselves. */
#if INI_HANDLER_LINENO
static int on_ini_value(void *ctx, const char *section, const char *name, const char *value,
                        int line)
{
        (void) line;
        return on_value(ctx, section, name, value);
}
#else
static int on_ini_value(void *ctx, const char *section, const char *name, const char *value)
{
        return on_value(ctx, section, name, value);
}
#endif

/* inih reports only the first line it does not understand; here each is. */
static bool line_makes_sense(const char *line, size_t len)
{
        if (len == 0 || line[0] == ';' || line[0] == '#')
                return true;
        if (line[0] == '[')
                return memchr(line, ']', len);
        return memchr(line, '=', len) || memchr(line, ':', len);
}

/* Hands inih the next line, as fgets() would. Leading blanks go: inih would take an indented
 * setting for the continuation of the value before. */
static char *next_line(char *buffer, int bytes, void *ctx)
{
        Reading *r = ctx;
        const char *line = r->rest;
        size_t len;

        if (*line == '\0')
                return NULL;
        len = strcspn(line, "\n");
        r->rest = line + len + (line[len] == '\n');
        r->line++;
        while (len > 0 && strchr(" \t\r", line[0])) {
                line++;
                len--;
        }
        if (!line_makes_sense(line, len)) {
                warn(r->source, "%s:%u: not understood: ignored", r->file, r->line);
                len = 0;
        }
        if (len > LINE_MAX_BYTES || len + 2 > (size_t) bytes) {
                if (line[0] != '#' && line[0] != ';')
                        warn(r->source, "%s:%u: longer than %d bytes: ignored", r->file, r->line,
                             LINE_MAX_BYTES);
                len = 0;
        }
        memcpy(buffer, line, len);
        buffer[len] = '\n';
        buffer[len + 1] = '\0';
        return buffer;
}

/* 0, -ENOMEM, or the errno of a file that cannot be read (nothing warned). */
static int read_file(const ConfigSource *source, const char *path, Config *config)
{
        _cleanup_free_ char *text = NULL;
        Reading reading = {.source = source, .config = config, .file = path};
        int r;

        r = fd_read_file(path, FILE_MAX_BYTES, &text);
        if (r < 0)
                return r;
        reading.rest =
                str_starts_with(text, BYTE_ORDER_MARK) ? text + strlen(BYTE_ORDER_MARK) : text;
        /* Its answer names the first bad line, which has been warned of; -2 is its malloc. */
        if (ini_parse_stream(next_line, &reading, on_ini_value, &reading) == -2 ||
            reading.no_memory)
                return -ENOMEM;
        return 0;
}

/* ---- all files ---- */

static int read_optional(const ConfigSource *source, const char *path, Config *config)
{
        int r = read_file(source, path, config);

        if (r == 0 || r == -ENOMEM || r == -ENOENT || r == -ENOTDIR)
                return r == -ENOMEM ? r : 0;
        warn(source, "%s: %s: ignored", path, strerror(-r));
        return 0;
}

static int is_dropin(const struct dirent *entry)
{
        return entry->d_name[0] != '.' && str_ends_with(entry->d_name, ".conf");
}

/* In the order of their bytes, whatever the locale says. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_dropin(const ConfigSource *source, const char *dir, const char *name,
                       Config *config)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", dir, name);

        return path ? read_optional(source, path, config) : -ENOMEM;
}

static int read_dropins(const ConfigSource *source, const char *dir, Config *config)
{
        struct dirent **entries = NULL;
        int n = scandir(dir, &entries, is_dropin, compare_names), r = 0;

        if (n < 0) {
                if (errno == ENOMEM)
                        return -ENOMEM;
                if (errno != ENOENT && errno != ENOTDIR)
                        warn(source, "%s: %s: ignored", dir, strerror(errno));
                return 0;
        }
        for (int i = 0; i < n; i++) {
                if (r == 0 && i < DROPINS_MAX)
                        r = read_dropin(source, dir, entries[i]->d_name, config);
                mem_free(entries[i]); /* scandir took it from malloc, which is where mem_free()
                                         gives it */
        }
        mem_free(entries);
        if (n > DROPINS_MAX)
                warn(source, "%s: only the first %d files are read", dir, DROPINS_MAX);
        return r;
}

static int read_all(const ConfigSource *source, Config *config)
{
        _cleanup_free_ char *main_file = NULL, *dropins = NULL;
        int r;

        if (source->only_file) {
                r = read_file(source, source->only_file, config);
                if (r < 0 && r != -ENOMEM)
                        warn(source, "%s: %s", source->only_file, strerror(-r));
                return r;
        }
        main_file = mem_printf("%s/bitsd.conf", source->etc_dir);
        dropins = mem_printf("%s/bitsd.conf.d", source->etc_dir);
        if (!main_file || !dropins)
                return -ENOMEM;
        r = read_optional(source, main_file, config);
        if (r == 0)
                r = read_dropins(source, dropins, config);
        if (r == 0 && source->user_file)
                r = read_optional(source, source->user_file, config);
        return r;
}

uint64_t config_program_timeout_usec(const Config *config)
{
        return config->service.program_timeout_sec * USEC_PER_SEC;
}

int config_read(const ConfigSource *source, Config *ret)
{
        Config config = {
                .policy = policy_default(false),
                .service = {.idle_exit_sec = CONFIG_IDLE_EXIT_UNSET,
                            .log_level = CONFIG_LOG_LEVEL_UNSET,
                            .program_timeout_sec = CONFIG_PROGRAM_TIMEOUT_SEC},
        };
        int r;

        transfer_config_init(&config.transfer);
        r = read_all(source, &config);
        if (r < 0) {
                config_done(&config);
                return r;
        }
        *ret = config;
        return 0;
}

/* $XDG_CONFIG_HOME/bitsd/bitsd.conf, else ~/.config/bitsd/bitsd.conf; NULL in *ret for a user
 * without a home. */
static int find_user_file(char **ret)
{
        const char *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        char *path;

        if (!home || !path_is_absolute(home)) {
                const struct passwd *user = getpwuid(geteuid());

                home = user ? user->pw_dir : NULL;
        }
        /* A relative one is to be ignored, says the specification of these variables. */
        if (config_home && path_is_absolute(config_home))
                path = mem_printf("%s/bitsd/bitsd.conf", config_home);
        else if (home)
                path = mem_printf("%s/.config/bitsd/bitsd.conf", home);
        else {
                *ret = NULL;
                return 0;
        }
        if (!path)
                return -ENOMEM;
        *ret = path;
        return 0;
}

int config_load(const char *file, Config *ret)
{
        _cleanup_free_ char *user_file = NULL;
        ConfigSource source = {.only_file = file, .etc_dir = CONFIG_ETC_DIR};
        int r;

        r = find_user_file(&user_file);
        if (r < 0)
                return r;
        source.user_file = user_file;
        return config_read(&source, ret);
}

void config_done(Config *config)
{
        transfer_config_done(&config->transfer);
}
