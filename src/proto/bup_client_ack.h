/* SPDX-License-Identifier: Apache-2.0 */
/* The half of the client that reads Acks (bup_client_ack()), and what it shares with the half that
 * decides what to send. Of no use outside of these two. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "proto/bup_client.h"

/* 0x80190000 + status. */
HRESULT bup_status_error(uint16_t status);
/* No retry helps after this status. */
bool bup_status_is_fatal(uint16_t status);
/* Where packets go when no host id is set. */
const char *bup_client_target(const BupClient *c);
void bup_client_host_failed(BupClient *c, uint64_t now_usec);
