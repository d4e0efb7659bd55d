/* SPDX-License-Identifier: Apache-2.0 */
/* Room on the disk that uploads must leave to others. Looked at before bytes are taken; what
 * packets under way are still going to write counts as written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* What has to stay free of a file system. */
typedef struct RoomRule {
        uint64_t bytes;   /* … so much, */
        uint32_t percent; /* or so much of the whole when `bytes` is 0 */
} RoomRule;

/* "64M", or "5%" up to 99%. 0, -EINVAL, or -ERANGE. */
_must_use_ int room_rule_parse(const char *text, RoomRule *ret);

/* One for the server; zeroed at first. */
typedef struct Room {
        uint64_t pledged_bytes; /* of bodies that are coming */
        bool told;              /* that there is none */
} Room;

/* May `bytes` more be written to the file system of `fd` (0: anything at all)? Says on the log when
 * that changes. Where the file system cannot be asked, the write will tell. */
bool room_is_there(Room *room, const RoomRule *rule, int fd, uint64_t bytes, const char *path);
void room_pledge(Room *room, uint64_t bytes);
/* Of what was pledged so much is written, or will not come. */
void room_settle(Room *room, uint64_t bytes);
