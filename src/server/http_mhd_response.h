/* SPDX-License-Identifier: Apache-2.0 */
/* An HttpAnswer as libmicrohttpd wants it. For http_mhd.c. */
#pragma once

#include "base/attr.h"
#include "server/http_front.h"

struct MHD_Response;

/* Takes the file of `a`. NULL: no memory, or fields that cannot be sent. */
_must_use_ struct MHD_Response *http_mhd_response(HttpAnswer *a);
