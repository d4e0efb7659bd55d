/* SPDX-License-Identifier: Apache-2.0 */
/* GET and HEAD of plain files and of replies: single ranges, validators, and nothing that a browser
 * could be tempted to run. */
#pragma once

#include "server/request.h"

/* The request is authorised; ends in request_answer(). */
void download_begin(Request *r);
