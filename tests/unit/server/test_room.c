/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/room.h"

static void rules_are_bytes_or_a_part(void **state)
{
        RoomRule rule;

        assert_int_equal(room_rule_parse("64M", &rule), 0);
        assert_true(rule.bytes == 64 * 1024 * 1024 && rule.percent == 0);
        assert_int_equal(room_rule_parse("5%", &rule), 0);
        assert_true(rule.bytes == 0 && rule.percent == 5);
        assert_int_equal(room_rule_parse("0", &rule), 0);
        assert_true(rule.bytes == 0 && rule.percent == 0);
        assert_int_equal(room_rule_parse("100%", &rule), -ERANGE);
        assert_int_equal(room_rule_parse("9223372036854775808", &rule), -ERANGE);
        assert_int_equal(room_rule_parse("", &rule), -EINVAL);
        assert_int_equal(room_rule_parse("%", &rule), -EINVAL);
        assert_int_equal(room_rule_parse("-1%", &rule), -EINVAL);
        assert_int_equal(room_rule_parse("much", &rule), -EINVAL);
        assert_true(rule.bytes == 0 && rule.percent == 0);
}

static void bytes_under_way_count(void **state)
{
        _cleanup_close_ int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        RoomRule rule = {0}, one = {.bytes = 1};
        Room room = {0};
        struct statvfs fs;
        uint64_t free_bytes;

        assert_true(fd >= 0);
        assert_int_equal(fstatvfs(fd, &fs), 0);
        free_bytes = (uint64_t) fs.f_bavail * fs.f_frsize;
        /* Others write to this disk as well: far from the border in both ways. */
        assert_true(room_is_there(&room, &one, fd, 0, "/tmp"));
        assert_true(room_is_there(&room, &one, fd, free_bytes / 4, "/tmp"));
        assert_false(room_is_there(&room, &one, fd, free_bytes * 4, "/tmp"));
        assert_true(room.told);
        assert_true(room_is_there(&room, &rule, fd, free_bytes * 4, "/tmp"));
        room_pledge(&room, free_bytes * 4);
        assert_false(room_is_there(&room, &one, fd, 0, "/tmp"));
        room_settle(&room, free_bytes * 4);
        assert_true(room_is_there(&room, &one, fd, 0, "/tmp"));
        assert_false(room.told);
        rule.bytes = INT64_MAX;
        assert_false(room_is_there(&room, &rule, fd, 0, "/tmp"));
        assert_false(room_is_there(&room, &one, fd, UINT64_MAX, "/tmp"));
        assert_true(room_is_there(&room, &rule, -1, 0, "/nowhere"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rules_are_bytes_or_a_part),
                cmocka_unit_test(bytes_under_way_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
