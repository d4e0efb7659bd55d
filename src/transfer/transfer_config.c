/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/transfer_config.h"

void transfer_config_init(TransferConfig *c)
{
        *c = (TransferConfig){
                .connect_timeout_sec = 30,
                .stall_timeout_sec = 60,
                .redirects_max = 10,
                .connections_per_host = 6,
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
