/* SPDX-License-Identifier: Apache-2.0 */
#include "option_values.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"

#include "must.h"

enum { INTERVAL_SEC_MAX = 86400 };

typedef struct Word {
        const char *text;
        int value;
} Word;

static const Word PRIORITIES[] = {
        {"foreground", BG_JOB_PRIORITY_FOREGROUND},
        {"fg", BG_JOB_PRIORITY_FOREGROUND},
        {"high", BG_JOB_PRIORITY_HIGH},
        {"normal", BG_JOB_PRIORITY_NORMAL},
        {"norm", BG_JOB_PRIORITY_NORMAL},
        {"low", BG_JOB_PRIORITY_LOW},
        {NULL, 0},
};

static const Word TYPES[] = {
        {"download", BG_JOB_TYPE_DOWNLOAD},
        {"upload", BG_JOB_TYPE_UPLOAD},
        {"upload-reply", BG_JOB_TYPE_UPLOAD_REPLY},
        {NULL, 0},
};

static const Word JSON_FORMS[] = {
        {"short", OUT_JSON_SHORT},
        {"pretty", OUT_JSON_PRETTY},
        {"off", OUT_TEXT},
        {NULL, 0},
};

static const Word COLOURS[] = {
        {"auto", COLOUR_AUTO},
        {"always", COLOUR_ALWAYS},
        {"never", COLOUR_NEVER},
        {NULL, 0},
};

static const Word SCHEMES[] = {
        {"basic", SCHEME_BIT(BG_AUTH_SCHEME_BASIC)},
        {"digest", SCHEME_BIT(BG_AUTH_SCHEME_DIGEST)},
        {"ntlm", SCHEME_BIT(BG_AUTH_SCHEME_NTLM)},
        {"negotiate", SCHEME_BIT(BG_AUTH_SCHEME_NEGOTIATE)},
        {"passport", SCHEME_BIT(BG_AUTH_SCHEME_PASSPORT)},
        {NULL, 0},
};

static const Word EVENTS[] = {
        {"transferred", BG_NOTIFY_JOB_TRANSFERRED},
        {"error", BG_NOTIFY_JOB_ERROR},
        {"none", 0},
        {NULL, 0},
};

const char *option_word(OptId id, size_t i)
{
        static const struct {
                OptId id;
                const Word *words;
                size_t count;
        } lists[] = {
                {OPT_JSON, JSON_FORMS, ARRAY_LEN(JSON_FORMS) - 1},
                {OPT_COLOR, COLOURS, ARRAY_LEN(COLOURS) - 1},
                {OPT_TYPE, TYPES, ARRAY_LEN(TYPES) - 1},
                {OPT_PRIORITY, PRIORITIES, ARRAY_LEN(PRIORITIES) - 1},
                {OPT_SCHEME, SCHEMES, ARRAY_LEN(SCHEMES) - 1},
                {OPT_ON, EVENTS, ARRAY_LEN(EVENTS) - 1},
        };

        for (size_t list = 0; list < ARRAY_LEN(lists); list++)
                if (lists[list].id == id && i < lists[list].count)
                        return lists[list].words[i].text;
        return NULL;
}

static void value_error(UsageError *error, OptId id, const char *value, const char *wanted)
{
        usage_error_set(error, NULL, "--%s cannot be \"%s\"; it is %s", options_spec(id)->name,
                        value, wanted);
}

/* "auto, always or never". */
static char *list_words(const Word *words)
{
        Buf list;

        buf_init(&list, 256); /* errors stick to the buffer */
        for (const Word *w = words; w->text; w++)
                (void) buf_printf(&list, "%s%s",
                                  w == words  ? ""
                                  : w[1].text ? ", "
                                              : " or ",
                                  w->text);
        return must_take_str(&list);
}

static bool read_word(const Word *words, OptId id, const char *value, int *ret, UsageError *error)
{
        _cleanup_free_ char *list = NULL;

        for (const Word *w = words; w->text; w++) {
                if (!str_equal(w->text, value))
                        continue;
                *ret = w->value;
                return true;
        }
        list = list_words(words);
        value_error(error, id, value, list);
        return false;
}

/* "basic,digest": the words' bits are added to *bits. */
static void read_words(const Word *words, OptId id, const char *value, unsigned *bits,
                       UsageError *error)
{
        _cleanup_free_ char *copy = must(mem_strdup(value));
        char *rest = copy;
        int bit;

        for (const char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
                if (!read_word(words, id, word, &bit, error))
                        return;
                *bits |= (unsigned) bit;
        }
}

static void read_duration(OptId id, const char *value, uint64_t max_sec, uint64_t *ret,
                          UsageError *error)
{
        uint64_t sec;

        if (parse_duration(value, &sec) < 0 || sec > max_sec)
                value_error(error, id, value, "a time such as 90, 90s, 15m, 2h or 14d");
        else
                *ret = sec;
}

static void read_duration32(OptId id, const char *value, uint32_t *ret, UsageError *error)
{
        uint64_t sec = *ret;

        read_duration(id, value, UINT32_MAX, &sec, error);
        *ret = (uint32_t) sec;
}

static void read_timeout(Options *o, const char *value, UsageError *error)
{
        uint64_t sec = 0;

        read_duration(OPT_TIMEOUT, value, UINT32_MAX / 1000, &sec, error);
        if (sec == 0)
                usage_error_set(error, NULL, "--timeout must be one second or more");
        o->timeout_ms = (unsigned) sec * 1000;
}

static void read_json(Options *o, const char *value, UsageError *error)
{
        int form;

        o->json = true;
        o->json_form_given = false;
        if (!value || !read_word(JSON_FORMS, OPT_JSON, value, &form, error))
                return;
        o->json_form = (OutFormat) form;
        o->json_form_given = true;
        o->json = form != OUT_TEXT;
}

/* Without a value: yes. */
static void read_bool(OptId id, const char *value, bool *ret, UsageError *error)
{
        *ret = true;
        if (value && parse_bool(value, ret) < 0)
                value_error(error, id, value, "yes or no");
}

static void read_proxy(Options *o, const char *value)
{
        o->proxy = NULL;
        if (str_equal(value, "system"))
                o->proxy_wish = PROXY_SYSTEM;
        else if (str_equal(value, "none"))
                o->proxy_wish = PROXY_NONE;
        else if (str_equal(value, "detect"))
                o->proxy_wish = PROXY_DETECT;
        else {
                o->proxy_wish = PROXY_LIST;
                o->proxy = value;
        }
}

/* Options whose value is the text itself. */
static const struct {
        OptId id;
        size_t field;
} TEXTS[] = {
        {OPT_SOCKET, offsetof(Options, socket)},
        {OPT_OUTPUT, offsetof(Options, output)},
        {OPT_DIRECTORY, offsetof(Options, directory)},
        {OPT_FROM, offsetof(Options, from)},
        {OPT_REPLY, offsetof(Options, reply)},
        {OPT_NAME, offsetof(Options, name)},
        {OPT_DESCRIPTION, offsetof(Options, description)},
        {OPT_NO_PROXY, offsetof(Options, no_proxy)},
        {OPT_FIELDS, offsetof(Options, fields)},
        {OPT_LOGIN, offsetof(Options, login)},
        {OPT_CRED_USER, offsetof(Options, login)},
        {OPT_PROXY_LOGIN, offsetof(Options, proxy_login)},
        {OPT_PASSWORD_FILE, offsetof(Options, password_file)},
        {OPT_PROGRAM, offsetof(Options, program)},
        {OPT_PARAMETERS, offsetof(Options, parameters)},
};

static bool set_text(Options *o, OptId id, const char *value)
{
        for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
                if (TEXTS[i].id != id)
                        continue;
                *(const char **) ((char *) o + TEXTS[i].field) = value;
                return true;
        }
        return false;
}

/* As a size, with or without "/s". */
static int read_rate(const char *text, uint64_t *ret)
{
        char size[32];
        size_t len = strlen(text);

        if (len > 2 && strcmp(text + len - 2, "/s") == 0)
                len -= 2;
        if (len >= sizeof(size))
                return -EINVAL;
        memcpy(size, text, len);
        size[len] = '\0';
        return parse_size(size, ret);
}

void option_set_value(Options *o, OptId id, const char *value, UsageError *error)
{
        int word = 0;

        if (set_text(o, id, value))
                return;
        switch (id) {
        case OPT_JSON:
                read_json(o, value, error);
                break;
        case OPT_COLOR:
                if (read_word(COLOURS, id, value, &word, error))
                        o->colour = (ColourWish) word;
                break;
        case OPT_TYPE:
                if (read_word(TYPES, id, value, &word, error))
                        o->type = (BG_JOB_TYPE) word;
                break;
        case OPT_PRIORITY:
                if (read_word(PRIORITIES, id, value, &word, error))
                        o->priority = (BG_JOB_PRIORITY) word;
                break;
        case OPT_TIMEOUT:
                read_timeout(o, value, error);
                break;
        case OPT_WAIT:
                o->wait_sec = UINT64_MAX;
                if (value)
                        read_duration(id, value, UINT32_MAX, &o->wait_sec, error);
                break;
        case OPT_RETRY_DELAY:
                read_duration32(id, value, &o->retry_delay_sec, error);
                break;
        case OPT_GIVE_UP_AFTER:
                read_duration32(id, value, &o->give_up_sec, error);
                break;
        case OPT_PROXY:
                read_proxy(o, value);
                break;
        case OPT_FILES_IN_FLIGHT:
                if (parse_u32(value, &o->files_in_flight) < 0)
                        value_error(error, id, value, "a number");
                break;
        case OPT_LIMIT_RATE:
                if (read_rate(value, &o->limit_bps) < 0)
                        value_error(error, id, value, "a rate such as 500K or 2M, or 0");
                break;
        case OPT_SAMPLES:
                if (parse_u32(value, &o->samples) < 0 || o->samples == 0)
                        value_error(error, id, value, "a number");
                break;
        case OPT_INTERVAL:
                read_duration(id, value, INTERVAL_SEC_MAX, &o->interval_sec, error);
                if (o->interval_sec == 0)
                        value_error(error, id, value, "a time of a second or more");
                break;
        case OPT_SCHEME:
                read_words(SCHEMES, id, value, &o->schemes, error);
                break;
        case OPT_ON:
                read_words(EVENTS, id, value, &o->notify_on, error);
                if (o->notify_on != 0 && strstr(value, "none"))
                        value_error(error, id, value, "none, or others");
                break;
        case OPT_LINES:
                if (parse_u32(value, &o->lines) < 0)
                        value_error(error, id, value, "a number");
                break;
        case OPT_PASSWORD_FD:
                if (parse_u32(value, &o->password_fd) < 0 || o->password_fd > INT32_MAX)
                        value_error(error, id, value, "the number of a descriptor");
                break;
        case OPT_AUTO_COMPLETE:
                read_bool(id, value, &o->auto_complete, error);
                break;
        case OPT_REPLY_OPTIONAL:
                read_bool(id, value, &o->reply_optional, error);
                break;
        default: /* a flag: that it was given says it all */
                break;
        }
}
