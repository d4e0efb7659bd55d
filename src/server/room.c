/* SPDX-License-Identifier: Apache-2.0 */
#include "server/room.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"

#define PERCENT_MAX 99

static int parse_percent(const char *text, size_t digits, uint32_t *ret)
{
        _cleanup_free_ char *number = mem_strndup(text, digits);
        uint32_t percent;
        int r = number ? parse_u32(number, &percent) : -ENOMEM;

        if (r < 0)
                return r;
        if (percent > PERCENT_MAX)
                return -ERANGE;
        *ret = percent;
        return 0;
}

int room_rule_parse(const char *text, RoomRule *ret)
{
        size_t len = strlen(text);
        RoomRule rule = {0};
        int r;

        if (len > 0 && text[len - 1] == '%')
                r = parse_percent(text, len - 1, &rule.percent);
        else
                r = parse_size(text, &rule.bytes);
        if (r < 0)
                return r;
        if (rule.bytes > INT64_MAX)
                return -ERANGE;
        *ret = rule;
        return 0;
}

static void tell(Room *room, bool there, const char *path, uint64_t free_bytes, uint64_t least)
{
        if (there != room->told)
                return;
        room->told = !there;
        if (there)
                log_info("%s: there is room for uploads again", path);
        else
                log_warning("%s: uploads are refused, as the disk has %" PRIu64
                            " bytes free and MinimumFreeSpace keeps %" PRIu64
                            "; make room, or lower it",
                            path, free_bytes, least);
}

bool room_is_there(Room *room, const RoomRule *rule, int fd, uint64_t bytes, const char *path)
{
        struct statvfs fs;
        uint64_t free_bytes, least, wanted;
        bool there;

        if ((rule->bytes == 0 && rule->percent == 0) || fstatvfs(fd, &fs) < 0)
                return true;
        free_bytes = (uint64_t) fs.f_bavail * fs.f_frsize;
        least = rule->bytes;
        if (least == 0)
                least = (uint64_t) fs.f_blocks * fs.f_frsize / 100 * rule->percent;
        there = !__builtin_add_overflow(bytes, room->pledged_bytes, &wanted) &&
                !__builtin_add_overflow(wanted, least, &wanted) && wanted <= free_bytes;
        tell(room, there, path, free_bytes, least);
        return there;
}

void room_pledge(Room *room, uint64_t bytes)
{
        room->pledged_bytes += bytes;
}

void room_settle(Room *room, uint64_t bytes)
{
        room->pledged_bytes -= bytes;
}
