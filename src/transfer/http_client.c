/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

/* Longer than between two ticks: the loop itself stood still, for a slow disk perhaps. */
#define BLOCKED_USEC (5 * USEC_PER_SEC)

typedef struct NumberOption {
        CURLoption option;
        long value;
} NumberOption;

/* What never changes. QUICK_EXIT: ending a request does not wait for a name server that does not
 * answer. */
static const NumberOption NUMBERS[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT, 1},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_HTTP_CONTENT_DECODING, 0},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_TCP_KEEPALIVE, 1},
};

int http_client_set_up(const HttpClient *c, CURL *easy)
{
        const TransferConfig *config = c->config;
        const char *agent = config->user_agent ?: "bitsd/" BITSD_VERSION;

        for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++)
                if (curl_easy_setopt(easy, NUMBERS[i].option, NUMBERS[i].value))
                        return -ENOMEM;
        if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
            (config->ca_bundle && curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_bundle)) ||
            curl_easy_setopt(easy, CURLOPT_USERAGENT, agent) ||
            curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long) config->connect_timeout_sec))
                return -ENOMEM;
        return 0;
}

int http_client_set_proxy(CURL *easy, const char *proxy)
{
        /* An explicit proxy is used whatever no_proxy in the environment says. */
        if (curl_easy_setopt(easy, CURLOPT_PROXY, proxy) ||
            curl_easy_setopt(easy, CURLOPT_NOPROXY, proxy ? "" : NULL))
                return -ENOMEM;
        return 0;
}

bool http_client_proxy_failed(CURLcode code)
{
        return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_PROXY ||
               code == CURLE_PROXY || code == CURLE_OPERATION_TIMEDOUT ||
               code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
}

static bool is_local_4(uint32_t a)
{
        return a >> 24 == 127 || a >> 24 == 0 || a >> 16 == 0xa9fe;
}

bool http_address_is_local(const char *address)
{
        static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
        struct in_addr v4;
        struct in6_addr v6;
        char text[INET6_ADDRSTRLEN];
        size_t len;
        uint32_t last;

        address += *address == '[';   /* as in a URL */
        len = strcspn(address, "%]"); /* a zone may follow */
        if (len >= sizeof(text))
                return false;
        memcpy(text, address, len);
        text[len] = '\0';
        if (inet_pton(AF_INET, text, &v4) == 1)
                return is_local_4(ntohl(v4.s_addr));
        if (inet_pton(AF_INET6, text, &v6) != 1)
                return false;
        memcpy(&last, v6.s6_addr + 12, sizeof(last));
        if (memcmp(v6.s6_addr, MAPPED, sizeof(MAPPED)) == 0)
                return is_local_4(ntohl(last));
        return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) ||
               IN6_IS_ADDR_LINKLOCAL(&v6);
}

/* What curl finds in the environment when it is told nothing. */
static bool environment_has_proxy(const char *scheme)
{
        static const char *const HTTP[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
        static const char *const HTTPS[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
        bool https = str_equal(scheme, "https");

        for (size_t i = 0; i < (https ? ARRAY_LEN(HTTPS) : ARRAY_LEN(HTTP)); i++) {
                const char *value = getenv(https ? HTTPS[i] : HTTP[i]);

                if (value && *value != '\0')
                        return true;
        }
        return false;
}

bool http_client_keeps_out(const char *peer, const char *proxy, const char *scheme)
{
        if (proxy ? *proxy != '\0' : environment_has_proxy(scheme))
                return false;
        return http_address_is_local(peer);
}

uint64_t http_client_now_usec(const HttpClient *c)
{
        uint64_t now = 0;

        (void) sd_event_now(c->loop, CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        return now;
}

EventCurl *http_client_pool(HttpClient *c, const PaceTask *task)
{
        EventCurl **pool = &c->pool[pace_task_priority(task) % HTTP_POOLS];

        if (!*pool && event_curl_new(c->loop, (long) c->config->connections_per_host, pool) < 0)
                return NULL;
        return *pool;
}

int http_client_new(sd_event *loop, const TransferConfig *config, const PaceHost *pace_host,
                    HttpClient **ret)
{
        _cleanup_(http_client_freep) HttpClient *c = mem_new(HttpClient);
        int r;

        if (!c)
                return -ENOMEM;
        c->loop = loop;
        c->config = config;
        list_init(&c->ticking);
        list_init(&c->lanes);
        r = pace_new(loop, config, pace_host, &c->pace);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

HttpClient *http_client_free(HttpClient *c)
{
        if (!c)
                return NULL;
        while (c->spare_len > 0)
                curl_easy_cleanup(c->spare[--c->spare_len]);
        for (size_t i = 0; i < HTTP_POOLS; i++)
                event_curl_free(c->pool[i]);
        pace_free(c->pace);
        mem_free(c);
        return NULL;
}

void http_client_tick(HttpClient *c)
{
        uint64_t now = http_client_now_usec(c);
        bool was_blocked = now - c->tick_usec >= BLOCKED_USEC;

        c->tick_usec = now;
        LIST_FOREACH (it, &c->ticking) {
                HttpTicking *t = list_item(it, HttpTicking, link);

                t->tick(t, now, was_blocked);
        }
}
