/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/buf.h"

#include "failing.h"
#include "random.h"

static void maximum_is_reached_exactly(void **state)
{
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 5);
        assert_int_equal(buf_append(&b, "abc", 3), 0);
        assert_int_equal(buf_append(&b, "de", 2), 0);
        assert_int_equal(buf_append(&b, "", 0), 0);
        assert_string_equal(buf_cstr(&b), "abcde");
        assert_int_equal(buf_append(&b, "f", 1), -EMSGSIZE);
        assert_int_equal(b.len, 5);
}

static void failure_is_sticky_until_cleared(void **state)
{
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 4);
        assert_int_equal(buf_append_str(&b, "12345"), -EMSGSIZE);
        assert_int_equal(buf_append(&b, "1", 1), -EMSGSIZE);
        assert_int_equal(buf_append(&b, NULL, 0), -EMSGSIZE);
        assert_int_equal(buf_printf(&b, "%d", 1), -EMSGSIZE);
        assert_int_equal(buf_error(&b), -EMSGSIZE);
        assert_null(buf_cstr(&b));
        buf_clear(&b);
        assert_int_equal(buf_error(&b), 0);
        assert_int_equal(buf_append_str(&b, "1234"), 0);
        assert_string_equal(buf_cstr(&b), "1234");
}

static void zero_maximum_and_zeroed_struct_hold_nothing(void **state)
{
        Buf zeroed = {0};
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 0);
        assert_int_equal(buf_append(&b, NULL, 0), 0);
        assert_string_equal(buf_cstr(&b), "");
        assert_int_equal(buf_append(&b, "x", 1), -EMSGSIZE);
        assert_int_equal(buf_append(&zeroed, "x", 1), -EMSGSIZE);
        buf_done(&zeroed);
}

static void endless_maximum_does_not_overflow(void **state)
{
        _cleanup_(buf_done) Buf b;
        volatile size_t huge = SIZE_MAX - 1;

        buf_init(&b, SIZE_MAX);
        assert_int_equal(buf_append_str(&b, "abc"), 0);
        assert_int_equal(buf_append(&b, "x", huge), -EMSGSIZE);
        assert_int_equal(b.len, 3);
}

static void printf_grows_and_respects_the_maximum(void **state)
{
        _cleanup_(buf_done) Buf b;
        char long_text[301];

        memset(long_text, 'x', 300);
        long_text[300] = '\0';
        buf_init(&b, 310);
        assert_int_equal(buf_printf(&b, "%s", ""), 0);
        assert_string_equal(buf_cstr(&b), "");
        assert_int_equal(buf_printf(&b, "%d-%s", 42, "abc"), 0);
        assert_int_equal(buf_printf(&b, "%s", long_text), 0);
        assert_int_equal(b.len, 306);
        assert_memory_equal(b.data, "42-abcxxx", 9);
        assert_int_equal(buf_printf(&b, "%s", "1234"), 0);
        assert_int_equal(b.len, 310);
        assert_int_equal(buf_printf(&b, "%s", "!"), -EMSGSIZE);
        assert_int_equal(b.len, 310);
}

static void taken_string_leaves_an_empty_buffer(void **state)
{
        _cleanup_free_ char *first = NULL, *second = NULL, *empty = NULL;
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 100);
        empty = buf_take_str(&b);
        assert_string_equal(empty, "");
        assert_int_equal(buf_append_str(&b, "drop:first"), 0);
        buf_consume(&b, 5);
        first = buf_take_str(&b);
        assert_string_equal(first, "first");
        assert_int_equal(b.len, 0);
        assert_string_equal(buf_cstr(&b), "");
        assert_int_equal(buf_append_str(&b, "second"), 0);
        second = buf_take_str(&b);
        assert_string_equal(second, "second");
        assert_string_equal(first, "first");
}

static void taking_after_an_error_gives_nothing_and_frees(void **state)
{
        Buf b;

        buf_init(&b, 4);
        assert_int_equal(buf_append_str(&b, "1234"), 0);
        assert_int_equal(buf_append_str(&b, "5"), -EMSGSIZE);
        assert_null(buf_take_str(&b));
        assert_int_equal(buf_error(&b), -EMSGSIZE);
        assert_int_equal(b.len, 0); /* and no buf_done: the leak checker looks */
        assert_null(b.data);
}

static void consuming_more_than_there_is_empties(void **state)
{
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 8);
        buf_consume(&b, 3);
        assert_int_equal(buf_append_str(&b, "12345678"), 0);
        buf_consume(&b, 0);
        assert_string_equal(buf_cstr(&b), "12345678");
        buf_consume(&b, 100);
        assert_string_equal(buf_cstr(&b), "");
        assert_int_equal(buf_append_str(&b, "abcdefgh"), 0);
        assert_string_equal(buf_cstr(&b), "abcdefgh");
}

/* Moving the rest for each message would copy a terabyte here and run into the time-out. */
static void many_small_messages_in_one_buffer_are_cheap(void **state)
{
        enum { MESSAGES = 500000, MESSAGE_BYTES = 8 };
        _cleanup_(buf_done) Buf b;

        buf_init(&b, MESSAGES * MESSAGE_BYTES);
        for (uint64_t i = 0; i < MESSAGES; i++)
                assert_int_equal(buf_append(&b, &i, MESSAGE_BYTES), 0);
        for (uint64_t i = 0; i < MESSAGES; i++) {
                if (memcmp(b.data, &i, MESSAGE_BYTES) != 0)
                        fail_msg("message %" PRIu64 " is wrong", i);
                buf_consume(&b, MESSAGE_BYTES);
        }
        assert_int_equal(b.len, 0);
}

static void buffer_behaves_like_a_plain_queue(void **state)
{
        enum { MAX_BYTES = 300 };
        Random random = random_seeded(__func__);
        uint8_t model[MAX_BYTES];
        size_t len = 0;
        Buf b;

        buf_init(&b, MAX_BYTES);
        for (int step = 0; step < 200000; step++) {
                uint64_t kind = random_below(&random, 100);
                size_t n = (size_t) random_below(&random, kind % 7 == 0 ? 120 : 12);
                uint8_t bytes[120];

                memset(bytes, (int) random_below(&random, 256), sizeof(bytes));
                if (kind < 50) {
                        int r = buf_append(&b, bytes, n);

                        assert_int_equal(r, n > MAX_BYTES - len ? -EMSGSIZE : 0);
                        if (r == 0) {
                                memcpy(model + len, bytes, n);
                                len += n;
                        } else {
                                buf_clear(&b);
                                len = 0;
                        }
                } else if (kind < 98) {
                        n = MIN(n, len);
                        buf_consume(&b, n);
                        memmove(model, model + n, len - n);
                        len -= n;
                } else {
                        buf_done(&b);
                        len = 0;
                }
                assert_int_equal(b.len, len);
                if (len > 0)
                        assert_memory_equal(b.data, model, len);
                assert_int_equal(buf_cstr(&b)[len], '\0');
        }
        buf_done(&b);
}

/* The room of what was consumed is used again. */
static void a_steady_flow_needs_no_new_memory(void **state)
{
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 1000);
        assert_int_equal(buf_append_str(&b, "0123456789"), 0);
        mem_fail_nth(1);
        for (int i = 0; i < 1000; i++) {
                assert_int_equal(buf_append_str(&b, "0123456789"), 0);
                buf_consume(&b, 10);
        }
        mem_fail_nth(0);
        assert_string_equal(buf_cstr(&b), "0123456789");
}

static int fill_and_take(void)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 10000);
        for (int i = 0; i < 300; i++)
                (void) buf_append_str(&b, "some text ");
        (void) buf_printf(&b, "%300s", "x");
        assert_int_equal(buf_error(&b) != 0, mem_fail_struck());
        text = buf_take_str(&b);
        if (!text)
                return buf_error(&b);
        assert_int_equal(strlen(text), 3300);
        return 0;
}

static int take_empty(void)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 1);
        text = buf_take_str(&b);
        return text ? 0 : buf_error(&b);
}

static void exhausted_memory_is_reported(void **state)
{
        assert_true(each_allocation_fails(fill_and_take) > 3);
        assert_int_equal(each_allocation_fails(take_empty), 1);
}

/* The whole allocation, also what the buffer does not count any more. */
static bool holds(const Buf *b, const char *text)
{
        return memmem(b->data - b->head, b->head + b->cap, text, strlen(text)) != NULL;
}

static void what_a_wiping_buffer_gave_away_is_gone(void **state)
{
        Buf b;

        buf_init(&b, 1000);
        b.wipes = true;
        assert_int_equal(buf_append_str(&b, "secret-one secret-two"), 0);
        buf_consume(&b, 11);
        assert_false(holds(&b, "secret-one"));
        assert_true(holds(&b, "secret-two"));
        assert_int_equal(buf_append_str(&b, " and more than there was room for in the first place"),
                         0);
        assert_memory_equal(b.data, "secret-two and", 14);
        buf_clear(&b);
        assert_false(holds(&b, "secret"));
        assert_int_equal(buf_append_str(&b, "secret-three"), 0);
        assert_false(holds(&b, "more"));
        buf_consume(&b, 12);
        assert_false(holds(&b, "secret"));
        buf_done(&b);
}

/* What is cut is moved to the front, and its old place is free for all. */
static void moving_leaves_no_second_copy(void **state)
{
        char text[81];
        Buf b;

        memset(text, '.', sizeof(text) - 1);
        text[80] = '\0';
        buf_init(&b, 200);
        b.wipes = true;
        assert_int_equal(buf_append_str(&b, text), 0);
        assert_int_equal(buf_append_str(&b, "secret"), 0);
        buf_consume(&b, 80);
        assert_int_equal(buf_append_str(&b, text), 0); /* moves, for it needs the room */
        assert_int_equal(b.head, 0);
        buf_consume(&b, 6);
        assert_false(holds(&b, "secret"));
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(maximum_is_reached_exactly),
                cmocka_unit_test(failure_is_sticky_until_cleared),
                cmocka_unit_test(zero_maximum_and_zeroed_struct_hold_nothing),
                cmocka_unit_test(endless_maximum_does_not_overflow),
                cmocka_unit_test(printf_grows_and_respects_the_maximum),
                cmocka_unit_test(taken_string_leaves_an_empty_buffer),
                cmocka_unit_test(taking_after_an_error_gives_nothing_and_frees),
                cmocka_unit_test(consuming_more_than_there_is_empties),
                cmocka_unit_test(many_small_messages_in_one_buffer_are_cheap),
                cmocka_unit_test(buffer_behaves_like_a_plain_queue),
                cmocka_unit_test(a_steady_flow_needs_no_new_memory),
                cmocka_unit_test(exhausted_memory_is_reported),
                cmocka_unit_test(what_a_wiping_buffer_gave_away_is_gone),
                cmocka_unit_test(moving_leaves_no_second_copy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
