/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the transfer side, made by daemon/config and handed to every worker at its start.
 * Strings are owned by the struct; NULL means "not set". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct TransferConfig {
        uint32_t connect_timeout_sec;  /* 30 */
        uint32_t stall_timeout_sec;    /* no byte for so long: transient failure; 60 */
        uint32_t redirects_max;        /* 10 */
        uint32_t connections_per_host; /* 6 */
        /* Uploads; 0: what proto/bup_client.h and bup_pace.h say. */
        uint32_t upload_send_timeout_sec;     /* no byte of a body taken for so long */
        uint32_t upload_response_timeout_sec; /* no Ack for so long after the last byte */
        uint32_t upload_fragment_bytes;       /* fragments at most */
        /* Background transfers. */
        bool adapt;             /* use what is idle and yield; true */
        bool control_loopback;  /* also on the loopback interface: for tests; false */
        uint32_t window_bytes;  /* of a connection at most, fixed when it is made; 4,000,000 */
        uint64_t line_bps_down; /* bytes per second the line has; 0: learn */
        uint64_t line_bps_up;
        char *user_agent; /* NULL: "bitsd/<version>" */
        char *ca_bundle;  /* NULL: the system's trust store */
        /* Proxy of BG_JOB_PROXY_USAGE_PRECONFIG, from the configuration file; where not set, the
         * environment that bitsd was started with (http_proxy, https_proxy, all_proxy, no_proxy)
         * is used. */
        char *http_proxy;
        char *https_proxy;
        char *no_proxy;
} TransferConfig;

/* Fills in the defaults above; _done frees the strings. */
void transfer_config_init(TransferConfig *c);
void transfer_config_done(TransferConfig *c);
/* Copies with all strings. 0, or -ENOMEM with *dst to be given to _done all the same. */
_must_use_ int transfer_config_copy(TransferConfig *dst, const TransferConfig *src);
