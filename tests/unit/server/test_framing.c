/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server/framing.h"

static HttpHead head_with(const BupField *fields, size_t n)
{
        return (HttpHead){"BITS_POST", "/f", "HTTP/1.1", fields, n, false, false};
}

static FramingFlaw check(const char *name, const char *value)
{
        BupField fields[] = {{"Host", "h"}, {name, value}};
        HttpHead head = head_with(fields, 2);
        Framing framing;

        return framing_check(&head, &framing);
}

static void a_sound_head_is_fine(void **state)
{
        BupField fields[] = {{"host", "h:8080"},
                             {"content-length", "12"},
                             {"Expect", "100-Continue"},
                             {"X", "\ttab and \xc3\xa4"}};
        HttpHead head = head_with(fields, 4);
        Framing framing;

        assert_int_equal(framing_check(&head, &framing), FRAMING_FINE);
        assert_true(framing.has_length && framing.expects_continue);
        assert_int_equal(framing.length_bytes, 12);
        assert_string_equal(framing.host, "h:8080");
        assert_true(framing_announces_body(&head));
        assert_string_equal(framing_field(&head, "HOST"), "h:8080");
        assert_null(framing_field(&head, "Hos"));
}

static void fields_that_can_be_read_in_two_ways(void **state)
{
        assert_int_equal(check("Content-Length", "+1"), FRAMING_BAD_LENGTH);
        assert_int_equal(check("Content-Length", "-1"), FRAMING_BAD_LENGTH);
        assert_int_equal(check("Content-Length", "1 2"), FRAMING_BAD_LENGTH);
        assert_int_equal(check("Content-Length", "1,1"), FRAMING_BAD_LENGTH);
        assert_int_equal(check("Content-Length", "0x1"), FRAMING_BAD_LENGTH);
        assert_int_equal(check("Content-Length", ""), FRAMING_BAD_LENGTH);
        assert_int_equal(check("Content-Length", "9223372036854775808"), FRAMING_BAD_LENGTH);
        assert_int_equal(check("Transfer-Encoding", "chunked"), FRAMING_CHUNKED);
        assert_int_equal(check("transfer-encoding", "identity"), FRAMING_CHUNKED);
        assert_int_equal(check("Host", "h"), FRAMING_TWO_HOSTS);
        assert_int_equal(check("X Y", "z"), FRAMING_BAD_NAME);
        assert_int_equal(check("", "z"), FRAMING_BAD_NAME);
        assert_int_equal(check("X", "a\x01"), FRAMING_BAD_VALUE);
        assert_int_equal(check("X", "a\x7f"), FRAMING_BAD_VALUE);
        assert_int_equal(check("X", "a\rb"), FRAMING_BAD_VALUE);
}

static void two_lengths_are_one_too_many(void **state)
{
        BupField fields[] = {{"Host", "h"}, {"Content-Length", "1"}, {"Content-Length", "1"}};
        HttpHead head = head_with(fields, 3);
        Framing framing = {.length_bytes = 77};

        assert_int_equal(framing_check(&head, &framing), FRAMING_TWO_LENGTHS);
        assert_int_equal(framing.length_bytes, 77);
        fields[2] = (BupField){"Transfer-Encoding", "chunked"};
        assert_int_equal(framing_check(&head, &framing), FRAMING_BOTH_LENGTHS);
}

static void hosts(void **state)
{
        BupField fields[] = {{"Host", ""}};
        HttpHead head = head_with(fields, 1);
        Framing framing;

        assert_int_equal(framing_check(&head, &framing), FRAMING_FINE);
        fields[0].value = "[::1]:80";
        assert_int_equal(framing_check(&head, &framing), FRAMING_FINE);
        fields[0].value = "a/b";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_HOST);
        fields[0].value = "a b";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_HOST);
        fields[0].value = "a#";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_HOST);
        fields[0].value = "a@b";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_HOST);
        head.n_fields = 0;
        assert_int_equal(framing_check(&head, &framing), FRAMING_NO_HOST);
        head.version = "HTTP/1.0";
        assert_int_equal(framing_check(&head, &framing), FRAMING_FINE);
        assert_string_equal(framing.host, "");
}

static void request_lines(void **state)
{
        BupField fields[] = {{"Host", "h"}};
        HttpHead head = head_with(fields, 1);
        char target[FRAMING_TARGET_MAX_BYTES + 2];
        Framing framing;

        head.version = "HTTP/1.2";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_VERSION);
        head = head_with(fields, 1);
        head.method = "A B";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_METHOD);
        head = head_with(fields, 1);
        head.target = "/a b";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_TARGET);
        head.target = "x";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_TARGET);
        head.target = "ftp://h/x";
        assert_int_equal(framing_check(&head, &framing), FRAMING_BAD_TARGET);
        head.target = "HTTP://h/x";
        assert_int_equal(framing_check(&head, &framing), FRAMING_FINE);
        memset(target, '/', sizeof(target));
        target[FRAMING_TARGET_MAX_BYTES + 1] = '\0';
        head.target = target;
        assert_int_equal(framing_check(&head, &framing), FRAMING_LONG_TARGET);
        head = head_with(fields, 1);
        head.odd_lines = true;
        assert_int_equal(framing_check(&head, &framing), FRAMING_ODD_LINES);
        head = head_with(fields, 1);
        head.too_many_fields = true;
        assert_int_equal(framing_check(&head, &framing), FRAMING_TOO_MANY_FIELDS);
}

static void every_flaw_has_a_status_and_a_text(void **state)
{
        for (FramingFlaw flaw = 0; flaw < FRAMING_FLAW_MAX; flaw++) {
                assert_true(framing_text(flaw) && *framing_text(flaw));
                assert_true(flaw == FRAMING_FINE ? framing_status(flaw) == 200
                                                 : framing_status(flaw) >= 400);
        }
        assert_int_equal(framing_status(FRAMING_CHUNKED), 411);
        assert_int_equal(framing_status(FRAMING_TOO_MANY_FIELDS), 431);
}

static void bodies_are_announced_by_what_is_there(void **state)
{
        BupField fields[] = {{"Content-Length", "0"}};
        HttpHead head = head_with(fields, 1);

        assert_false(framing_announces_body(&head));
        fields[0] = (BupField){"Transfer-Encoding", "x"};
        assert_true(framing_announces_body(&head));
        head.n_fields = 0;
        assert_false(framing_announces_body(&head));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_sound_head_is_fine),
                cmocka_unit_test(fields_that_can_be_read_in_two_ways),
                cmocka_unit_test(two_lengths_are_one_too_many),
                cmocka_unit_test(hosts),
                cmocka_unit_test(request_lines),
                cmocka_unit_test(every_flaw_has_a_status_and_a_text),
                cmocka_unit_test(bodies_are_announced_by_what_is_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
