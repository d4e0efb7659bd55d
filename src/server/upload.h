/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the upload protocol: out of a request, to a session, and back as an Ack. */
#pragma once

#include "server/request.h"

/* The head of a packet; the request is authorised. Ends in request_answer() sooner or later. */
void upload_begin(Request *r);
void upload_body(Request *r, const void *data, size_t bytes);
void upload_end(Request *r);
void upload_gone(Request *r);
/* For the log: texts or "". */
const char *upload_packet_text(const Request *r);
const char *upload_session_id(const Request *r);
void upload_range_text(const Request *r, char text[BUP_RANGE_TEXT_BYTES]);
