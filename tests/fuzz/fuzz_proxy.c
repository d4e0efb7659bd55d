/* SPDX-License-Identifier: Apache-2.0 */
/* Proxy lists and bypass lists, as SetProxySettings takes them. */
#include <string.h>

#include "base/alloc.h"
#include "transfer/proxy.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 8 * 1024 };

static const BG_JOB_PROXY_USAGE USAGES[] = {
        BG_JOB_PROXY_USAGE_PRECONFIG,
        BG_JOB_PROXY_USAGE_NO_PROXY,
        BG_JOB_PROXY_USAGE_OVERRIDE,
        BG_JOB_PROXY_USAGE_AUTODETECT,
};

void fuzz_run(const uint8_t *data, size_t bytes)
{
        static const char *const hosts[] = {"example.net", "localhost", "10.0.0.1", "[::1]", ""};
        FuzzInput in = {data, bytes};
        char *list, *bypass, *host;
        BG_JOB_PROXY_USAGE usage;
        ProxyPlan plan;

        if (bytes > INPUT_MAX_BYTES)
                return;
        usage = USAGES[fuzz_below(&in, ARRAY_LEN(USAGES))];
        list = fuzz_line(&in, INPUT_MAX_BYTES);
        bypass = fuzz_line(&in, INPUT_MAX_BYTES);
        host = fuzz_rest(&in);
        if (proxy_plan_init(&plan, usage, list, bypass) == 0) {
                FUZZ_CHECK(plan.entries_len <= PROXY_ENTRIES_MAX);
                for (size_t i = 0; i <= ARRAY_LEN(hosts); i++) {
                        const char *h = i < ARRAY_LEN(hosts) ? hosts[i] : host, *way = NULL;
                        size_t n = 0;

                        while (proxy_plan_pick(&plan, i % 2 ? "http" : "https", h, n, &way)) {
                                /* Nothing of ours goes into curl's hands that it may take for more
                                 * than an address. */
                                FUZZ_CHECK(!way || !strpbrk(way, " \t\r\n"));
                                FUZZ_CHECK(++n <= plan.entries_len + 1);
                        }
                }
                proxy_plan_done(&plan);
        }
        mem_free(list);
        mem_free(bypass);
        mem_free(host);
}
