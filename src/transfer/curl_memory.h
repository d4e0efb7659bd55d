/* SPDX-License-Identifier: Apache-2.0 */
/* curl keeps copies of user names and passwords, and makes headers of them. Its memory is wiped
 * before it is given back, so that nothing of them is found in the worker later. */
#pragma once

#include <curl/curl.h>
#include <stdint.h>

/* In place of curl_global_init(). */
CURLcode curl_memory_global_init(void);
/* How often curl was refused memory since the process began. curl does not always notice: a URL
 * then loses its query, a transfer its socket. What was under way while this number grew is not to
 * be trusted. */
uint64_t curl_memory_refusals(void);
