/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/proxy.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"

#define SEPARATORS " \t\r\n;"
#define HOST_MAX_BYTES 255
#define PORT_MAX 65535

/* Without a port these, as the clients of Windows do; curl's own default would be 1080. */
static const struct {
        const char *scheme;
        uint32_t port;
} SCHEMES[] = {{"http", 80}, {"https", 443}};

/* The scheme that `text` begins with, followed by `mark`; NULL when it begins with none. */
static const char *take_scheme(const char **text, const char *mark)
{
        for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
                size_t len = strlen(SCHEMES[i].scheme);

                if (str_starts_with_nocase(*text, SCHEMES[i].scheme) &&
                    str_starts_with(*text + len, mark)) {
                        *text += len + strlen(mark);
                        return SCHEMES[i].scheme;
                }
        }
        return NULL;
}

static bool is_host_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
}

static bool is_address_char(char c)
{
        return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') ||
               c == ':' || c == '.';
}

/* Length of the host name or bracketed address that `s` begins with; 0 when there is none. */
static size_t host_length(const char *s)
{
        size_t len = 0;

        if (*s == '[') {
                for (len = 1; is_address_char(s[len]); len++)
                        ;
                return s[len] == ']' && len > 2 && len < HOST_MAX_BYTES ? len + 1 : 0;
        }
        while (is_host_char(s[len]))
                len++;
        return len <= HOST_MAX_BYTES ? len : 0;
}

static int parse_port(const char *s, uint32_t *ret)
{
        char digits[8];
        size_t len = strlen(s);
        uint32_t port;

        if (len > 0 && s[len - 1] == '/') /* "http://proxy:3128/" is how people write it */
                len--;
        if (len == 0 && *s == '/')
                return 0;
        if (*s != ':' || len - 1 >= sizeof(digits))
                return -EINVAL;
        (void) str_copy(digits, len, s + 1);
        if (parse_u32(digits, &port) < 0 || port == 0 || port > PORT_MAX)
                return -EINVAL;
        *ret = port;
        return 0;
}

static void entry_done(ProxyEntry *e)
{
        mem_free(e->for_scheme);
        mem_free(e->url);
}

static int parse_entry(const char *s, ProxyEntry *ret)
{
        const char *for_scheme = take_scheme(&s, "=");
        const char *scheme = take_scheme(&s, "://");
        size_t len = host_length(s);
        uint32_t port = 0;
        ProxyEntry e;

        scheme = scheme ?: SCHEMES[0].scheme;
        for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++)
                if (str_equal(SCHEMES[i].scheme, scheme))
                        port = SCHEMES[i].port;
        if (len == 0 || (s[len] != '\0' && parse_port(s + len, &port) < 0))
                return -EINVAL;

        e = (ProxyEntry){
                .for_scheme = mem_strdup(for_scheme),
                .url = mem_printf("%s://%.*s:%u", scheme, (int) len, s, port),
        };
        if (!e.url || (for_scheme && !e.for_scheme)) {
                entry_done(&e);
                return -ENOMEM;
        }
        *ret = e;
        return 0;
}

/* Calls `each` for every word of the list. */
static int for_words(const char *list, int (*each)(ProxyPlan *p, const char *word), ProxyPlan *p)
{
        while (*(list += strspn(list, SEPARATORS)) != '\0') {
                size_t len = strcspn(list, SEPARATORS);
                _cleanup_free_ char *word = mem_strndup(list, len);
                int r;

                if (!word)
                        return -ENOMEM;
                r = each(p, word);
                if (r < 0)
                        return r;
                list += len;
        }
        return 0;
}

static int add_entry(ProxyPlan *p, const char *word)
{
        int r;

        if (p->entries_len == PROXY_ENTRIES_MAX)
                return -EINVAL;
        if (!p->entries) {
                p->entries = mem_array(PROXY_ENTRIES_MAX, sizeof(*p->entries));
                if (!p->entries)
                        return -ENOMEM;
        }
        r = parse_entry(word, &p->entries[p->entries_len]);
        if (r < 0)
                return r;
        p->entries_len++;
        return 0;
}

/* A name, an address with or without brackets, either with a '*' at the left, or <local>. */
static bool bypass_is_valid(const char *s)
{
        if (str_equal_nocase(s, "<local>") || str_equal(s, "*"))
                return true;
        if (*s == '*')
                s++;
        if (*s == '[')
                return host_length(s) == strlen(s);
        for (; *s; s++)
                if (!is_host_char(*s) && *s != ':')
                        return false;
        return true;
}

static int add_bypass(ProxyPlan *p, const char *word)
{
        char *copy;

        if (!bypass_is_valid(word))
                return -EINVAL;
        if (p->bypass_len % 16 == 0) {
                char **grown = mem_realloc(p->bypass, (p->bypass_len + 16) * sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                p->bypass = grown;
        }
        copy = mem_strdup(word);
        if (!copy)
                return -ENOMEM;
        p->bypass[p->bypass_len++] = copy;
        return 0;
}

int proxy_plan_init(ProxyPlan *p, BG_JOB_PROXY_USAGE usage, const char *list, const char *bypass)
{
        ProxyPlan plan = {.usage = usage};
        int r = 0;

        if (usage == BG_JOB_PROXY_USAGE_OVERRIDE) {
                r = for_words(list ?: "", add_entry, &plan);
                if (r == 0 && plan.entries_len == 0)
                        r = -EINVAL;
                if (r == 0)
                        r = for_words(bypass ?: "", add_bypass, &plan);
        }
        if (r < 0) {
                proxy_plan_done(&plan);
                return r;
        }
        *p = plan;
        return 0;
}

void proxy_plan_done(ProxyPlan *p)
{
        for (size_t i = 0; i < p->entries_len; i++)
                entry_done(&p->entries[i]);
        mem_free(p->entries);
        for (size_t i = 0; i < p->bypass_len; i++)
                mem_free(p->bypass[i]);
        mem_free(p->bypass);
        *p = (ProxyPlan){0};
}

/* Addresses are written in brackets in a URL, and often without them in a list. */
static void copy_without_brackets(char *dst, size_t dst_bytes, const char *host)
{
        size_t len = strlen(host);

        if (*host == '[' && len > 2 && len - 1 <= dst_bytes)
                (void) str_copy(dst, len - 1, host + 1);
        else
                (void) str_copy(dst, dst_bytes, host);
}

static bool bypass_matches(const char *pattern, const char *host)
{
        char bare_pattern[HOST_MAX_BYTES + 3];
        size_t tail, len = strlen(host);

        if (str_equal_nocase(pattern, "<local>"))
                return !strchr(host, '.') && !strchr(host, ':');
        if (*pattern == '*') {
                tail = strlen(++pattern);
                return tail <= len && str_equal_nocase(host + len - tail, pattern);
        }
        copy_without_brackets(bare_pattern, sizeof(bare_pattern), pattern);
        return str_equal_nocase(bare_pattern, host);
}

static bool plan_bypasses(const ProxyPlan *p, const char *host)
{
        char bare_host[HOST_MAX_BYTES + 3];

        copy_without_brackets(bare_host, sizeof(bare_host), host);
        for (size_t i = 0; i < p->bypass_len; i++)
                if (bypass_matches(p->bypass[i], bare_host))
                        return true;
        return false;
}

static bool plan_names(const ProxyPlan *p, const char *scheme)
{
        for (size_t i = 0; i < p->entries_len; i++)
                if (p->entries[i].for_scheme && str_equal(p->entries[i].for_scheme, scheme))
                        return true;
        return false;
}

bool proxy_plan_pick(const ProxyPlan *p, const char *scheme, const char *host, size_t nth,
                     const char **ret)
{
        const char *wanted;
        bool any = false;

        if (p->usage != BG_JOB_PROXY_USAGE_OVERRIDE || plan_bypasses(p, host)) {
                *ret = p->usage == BG_JOB_PROXY_USAGE_NO_PROXY ||
                                       p->usage == BG_JOB_PROXY_USAGE_OVERRIDE
                               ? ""
                               : NULL;
                return nth == 0;
        }

        wanted = plan_names(p, scheme) ? scheme : NULL;
        for (size_t i = 0; i < p->entries_len; i++) {
                if (!str_equal(p->entries[i].for_scheme, wanted))
                        continue;
                any = true;
                if (nth-- == 0) {
                        *ret = p->entries[i].url;
                        return true;
                }
        }
        /* A list that names only other schemes says nothing about this one. */
        if (!any && nth == 0) {
                *ret = "";
                return true;
        }
        return false;
}
