/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/transfer_config.h"

#include <errno.h>

#include "base/str.h"

void transfer_config_init(TransferConfig *c)
{
        *c = (TransferConfig){
                .connect_timeout_sec = 30,
                .stall_timeout_sec = 60,
                .redirects_max = 10,
                .connections_per_host = 6,
                .adapt = true,
                .window_bytes = 4000000,
        };
}

void transfer_config_done(TransferConfig *c)
{
        mem_free(c->user_agent);
        mem_free(c->ca_bundle);
        mem_free(c->http_proxy);
        mem_free(c->https_proxy);
        mem_free(c->no_proxy);
        *c = (TransferConfig){0};
}

int transfer_config_copy(TransferConfig *dst, const TransferConfig *src)
{
        *dst = *src;
        dst->user_agent = dst->ca_bundle = dst->http_proxy = dst->https_proxy = dst->no_proxy =
                NULL;
        if (str_replace(&dst->user_agent, src->user_agent) < 0 ||
            str_replace(&dst->ca_bundle, src->ca_bundle) < 0 ||
            str_replace(&dst->http_proxy, src->http_proxy) < 0 ||
            str_replace(&dst->https_proxy, src->https_proxy) < 0 ||
            str_replace(&dst->no_proxy, src->no_proxy) < 0)
                return -ENOMEM;
        return 0;
}
