/* SPDX-License-Identifier: Apache-2.0 */
/* The store that this run of the daemon works on: the queue's file, memory, or, when the file is
 * of a newer version, one that refuses every change, so that the service can still say why. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "engine/port/store.h"

typedef struct QueueStore QueueStore;

/* `dir` is absolute. 0, or negative errno after logging what is wrong. */
_must_use_ int queue_store_open(const char *dir, bool in_memory, QueueStore **ret);
QueueStore *queue_store_close(QueueStore *q);
DEFINE_CLEANUP(QueueStore *, queue_store_close)
StorePort queue_store_port(QueueStore *q);
/* Nothing can be stored; the note says why. */
bool queue_store_refuses(const QueueStore *q);
/* "" or what was wrong with the file, one line for people; lives as long as the store. */
const char *queue_store_note(const QueueStore *q);
