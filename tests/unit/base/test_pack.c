/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/guid.h"
#include "base/pack.h"

#include "failing.h"

#define MAX_BYTES 4096

static const GUID SOME_GUID = {0x00112233, 0x4455, 0x6677, {0x88, 1, 2, 3, 4, 5, 6, 7}};

static PackReader reader_of(const Buf *b)
{
        PackReader r;

        assert_int_equal(buf_error(b), 0);
        pack_reader_init(&r, b->data, b->len);
        return r;
}

static void assert_str(PackReader *r, const char *want)
{
        _cleanup_free_ char *s = unpack_str(r, MAX_BYTES);

        if (want)
                assert_string_equal(s, want);
        else
                assert_null(s);
}

static void layout_is_little_endian_and_length_prefixed(void **state)
{
        static const uint8_t want[] = {
                0xfe,                                           /* u8 */
                0x04, 0x03, 0x02, 0x01,                         /* u32 */
                0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* u64 */
                0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* i64 */
                0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, /* guid */
                0x88, 1,    2,    3,    4,    5,    6,    7,    /* guid */
                0x02, 0x00, 0x00, 0x00, 'h',  'i',              /* str */
                0xff, 0xff, 0xff, 0xff,                         /* NULL */
                0x01, 0x00, 0x00, 0x00, 0x00,                   /* blob */
                0x01, 0x00, 0x00, 0x00, 0x07,                   /* record */
        };
        _cleanup_(buf_done) Buf b;
        size_t begin;

        buf_init(&b, MAX_BYTES);
        pack_u8(&b, 0xfe);
        pack_u32(&b, 0x01020304);
        pack_u64(&b, 0x0102030405060708);
        pack_i64(&b, -2);
        pack_guid(&b, &SOME_GUID);
        pack_str(&b, "hi");
        pack_str(&b, NULL);
        pack_blob(&b, "", 1);
        begin = pack_record_begin(&b);
        pack_u8(&b, 7);
        pack_record_end(&b, begin);
        assert_int_equal(b.len, sizeof(want));
        assert_memory_equal(b.data, want, sizeof(want));
}

static void extremes_round_trip(void **state)
{
        _cleanup_(buf_done) Buf b;
        PackReader r;
        GUID g;

        buf_init(&b, MAX_BYTES);
        pack_u8(&b, UINT8_MAX);
        pack_u32(&b, UINT32_MAX);
        pack_u64(&b, UINT64_MAX);
        pack_i64(&b, INT64_MIN);
        pack_i64(&b, INT64_MAX);
        pack_guid(&b, &SOME_GUID);
        r = reader_of(&b);
        assert_int_equal(unpack_u8(&r), UINT8_MAX);
        assert_int_equal(unpack_u32(&r), UINT32_MAX);
        assert_true(unpack_u64(&r) == UINT64_MAX);
        assert_true(unpack_i64(&r) == INT64_MIN);
        assert_false(unpack_at_end(&r));
        assert_true(unpack_i64(&r) == INT64_MAX);
        g = unpack_guid(&r);
        assert_true(guid_equal(&g, &SOME_GUID));
        assert_true(unpack_at_end(&r));
        assert_int_equal(pack_reader_end(&r), 0);
}

static void null_is_told_from_empty(void **state)
{
        _cleanup_(buf_done) Buf b;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        pack_str(&b, NULL);
        pack_str(&b, "");
        pack_str(&b, "grün €𝄞");
        r = reader_of(&b);
        assert_str(&r, NULL);
        assert_false(r.bad);
        assert_str(&r, "");
        assert_str(&r, "grün €𝄞");
        assert_int_equal(pack_reader_end(&r), 0);
}

static void strings_are_limited_by_the_reader(void **state)
{
        _cleanup_free_ char *fits = NULL;
        _cleanup_(buf_done) Buf b;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        pack_str(&b, "12345");
        r = reader_of(&b);
        fits = unpack_str(&r, 5);
        assert_string_equal(fits, "12345");
        r = reader_of(&b);
        assert_null(unpack_str(&r, 4));
        assert_int_equal(pack_reader_end(&r), -EBADMSG);
}

static void text_that_is_no_text_is_bad(void **state)
{
        static const struct {
                const char *bytes;
                size_t len;
        } texts[] = {
                {"a\0b", 3}, {"\0", 1},           {"\xff", 1},
                {"\xc3", 1}, {"\xed\xa0\x80", 3}, {"\xc0\x80", 2},
        };

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                _cleanup_(buf_done) Buf b;
                PackReader r;

                buf_init(&b, MAX_BYTES);
                pack_blob(&b, texts[i].bytes, texts[i].len); /* the same form as a string */
                pack_u32(&b, 7);
                r = reader_of(&b);
                assert_null(unpack_str(&r, MAX_BYTES));
                assert_int_equal(unpack_u32(&r), 0);
                assert_int_equal(pack_reader_end(&r), -EBADMSG);
        }
}

static void blobs_are_borrowed_from_the_input(void **state)
{
        _cleanup_(buf_done) Buf b;
        const uint8_t *p;
        size_t bytes = 99;
        PackReader r;

        buf_init(&b, MAX_BYTES);
        pack_blob(&b, NULL, 0);
        pack_blob(&b, "\0\xff", 2);
        r = reader_of(&b);
        assert_non_null(unpack_blob(&r, &bytes));
        assert_int_equal(bytes, 0);
        p = unpack_blob(&r, &bytes);
        assert_ptr_equal(p, b.data + 8);
        assert_int_equal(bytes, 2);
        assert_int_equal(pack_reader_end(&r), 0);
        assert_null(unpack_blob(&r, &bytes));
        assert_int_equal(bytes, 0);
        assert_int_equal(pack_reader_end(&r), -EBADMSG);
}

static void readers_skip_what_newer_writers_appended(void **state)
{
        _cleanup_(buf_done) Buf b;
        PackReader r, record, inner;
        size_t outer_begin, begin;

        buf_init(&b, MAX_BYTES);
        outer_begin = pack_record_begin(&b);
        pack_u32(&b, 1);
        begin = pack_record_begin(&b);
        pack_str(&b, "inner");
        pack_u64(&b, 99); /* unknown to the reader */
        pack_record_end(&b, begin);
        pack_u32(&b, 2);
        pack_str(&b, "unknown too");
        pack_record_end(&b, outer_begin);
        pack_u32(&b, 3);

        r = reader_of(&b);
        record = unpack_record(&r);
        assert_int_equal(unpack_u32(&record), 1);
        inner = unpack_record(&record);
        assert_str(&inner, "inner");
        assert_false(unpack_at_end(&inner));
        assert_int_equal(pack_reader_end(&inner), 0);
        assert_int_equal(unpack_u32(&record), 2);
        assert_int_equal(pack_reader_end(&record), 0);
        assert_int_equal(unpack_u32(&r), 3);
        assert_true(unpack_at_end(&r));
        assert_int_equal(pack_reader_end(&r), 0);
}

static void a_record_does_not_read_into_its_neighbour(void **state)
{
        _cleanup_(buf_done) Buf b;
        PackReader r, record;
        size_t begin;

        buf_init(&b, MAX_BYTES);
        begin = pack_record_begin(&b);
        pack_u8(&b, 1);
        pack_record_end(&b, begin);
        pack_u64(&b, UINT64_MAX);
        r = reader_of(&b);
        record = unpack_record(&r);
        assert_int_equal(unpack_u32(&record), 0);
        assert_int_equal(pack_reader_end(&record), -EBADMSG);
        assert_true(unpack_u64(&r) == UINT64_MAX);
        assert_int_equal(pack_reader_end(&r), 0);
}

static void a_bad_reader_reads_zeros_and_ends_loops(void **state)
{
        PackReader r, record;
        GUID g, zero = {0};
        size_t rounds = 0;

        pack_reader_init(&r, "\x01\x02\x03", 3);
        assert_int_equal(unpack_u32(&r), 0);
        assert_true(unpack_at_end(&r));
        assert_int_equal(unpack_u8(&r), 0);
        assert_int_equal(unpack_u64(&r), 0);
        assert_int_equal(unpack_i64(&r), 0);
        g = unpack_guid(&r);
        assert_true(guid_equal(&g, &zero));
        assert_null(unpack_str(&r, MAX_BYTES));
        record = unpack_record(&r);
        assert_int_equal(unpack_u8(&record), 0);
        assert_int_equal(pack_reader_end(&record), -EBADMSG);
        assert_int_equal(pack_reader_end(&r), -EBADMSG);

        pack_reader_init(&r, "\xff\xff\xff\x7f", 4);
        for (; !unpack_at_end(&r); rounds++)
                record = unpack_record(&r);
        assert_int_equal(rounds, 1);
        assert_int_equal(pack_reader_end(&record), -EBADMSG);
}

static void no_input_is_a_good_empty_reader(void **state)
{
        PackReader r;

        pack_reader_init(&r, NULL, 0);
        assert_true(unpack_at_end(&r));
        assert_int_equal(pack_reader_end(&r), 0);
        assert_int_equal(unpack_u8(&r), 0);
        assert_int_equal(pack_reader_end(&r), -EBADMSG);
}

/* Every cut of a message is noticed, and nothing behind it is read (the copies have the exact
 * size, which the address sanitizer guards). */
static void every_truncation_is_bad(void **state)
{
        _cleanup_(buf_done) Buf b;
        size_t begin;

        buf_init(&b, MAX_BYTES);
        pack_u8(&b, 1);
        begin = pack_record_begin(&b);
        pack_u64(&b, 2);
        pack_str(&b, "text");
        pack_record_end(&b, begin);
        pack_guid(&b, &SOME_GUID);
        pack_str(&b, NULL);
        pack_blob(&b, "blob", 4);
        for (size_t cut = 0; cut < b.len; cut++) {
                _cleanup_free_ uint8_t *copy = mem_alloc(cut);
                PackReader r, record;
                size_t bytes;

                memcpy(copy, b.data, cut);
                pack_reader_init(&r, copy, cut);
                (void) unpack_u8(&r);
                record = unpack_record(&r);
                (void) unpack_u64(&record);
                mem_free(unpack_str(&record, MAX_BYTES));
                (void) unpack_guid(&r);
                mem_free(unpack_str(&r, MAX_BYTES));
                (void) unpack_blob(&r, &bytes);
                assert_int_equal(pack_reader_end(&r), -EBADMSG);
        }
}

static void a_full_buffer_fails_the_writer_once_at_the_end(void **state)
{
        for (size_t max_bytes = 0; max_bytes < 16; max_bytes++) {
                _cleanup_(buf_done) Buf b;
                size_t begin;

                buf_init(&b, max_bytes);
                begin = pack_record_begin(&b);
                pack_u64(&b, 1);
                pack_str(&b, "");
                pack_record_end(&b, begin);
                assert_int_equal(buf_error(&b), -EMSGSIZE);
        }
}

static void nothing_is_packed_behind_a_failure(void **state)
{
        _cleanup_(buf_done) Buf b;

        buf_init(&b, 10);
        pack_u64(&b, 1);
        pack_u64(&b, 2);
        pack_u8(&b, 3); /* would fit */
        assert_int_equal(buf_error(&b), -EMSGSIZE);
        assert_int_equal(b.len, 8);
}

static void lengths_over_32_bits_are_refused(void **state)
{
        _cleanup_(buf_done) Buf b;

        buf_init(&b, SIZE_MAX);
        pack_blob(&b, "", (size_t) UINT32_MAX);
        assert_int_equal(buf_error(&b), -EMSGSIZE);
        assert_int_equal(b.len, 0);
}

static int pack_and_unpack(void)
{
        _cleanup_(buf_done) Buf b;
        _cleanup_free_ char *first = NULL;
        PackReader r;
        int result;

        buf_init(&b, 100000);
        for (int i = 0; i < 100; i++) {
                size_t begin = pack_record_begin(&b);

                pack_str(&b, "some text");
                pack_u64(&b, 1);
                pack_record_end(&b, begin);
        }
        pack_str(&b, "last");
        if (buf_error(&b))
                return buf_error(&b);

        pack_reader_init(&r, b.data, b.len);
        for (int i = 0; i < 100; i++)
                (void) unpack_record(&r);
        first = unpack_str(&r, MAX_BYTES);
        result = pack_reader_end(&r);
        assert_int_equal(result < 0, mem_fail_struck());
        if (result < 0) {
                assert_null(first);
                return result; /* which is not that of malformed bytes */
        }
        assert_string_equal(first, "last");
        return 0;
}

static void exhausted_memory_is_noticed_at_both_ends(void **state)
{
        assert_true(each_allocation_fails(pack_and_unpack) > 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(layout_is_little_endian_and_length_prefixed),
                cmocka_unit_test(extremes_round_trip),
                cmocka_unit_test(null_is_told_from_empty),
                cmocka_unit_test(strings_are_limited_by_the_reader),
                cmocka_unit_test(text_that_is_no_text_is_bad),
                cmocka_unit_test(blobs_are_borrowed_from_the_input),
                cmocka_unit_test(readers_skip_what_newer_writers_appended),
                cmocka_unit_test(a_record_does_not_read_into_its_neighbour),
                cmocka_unit_test(a_bad_reader_reads_zeros_and_ends_loops),
                cmocka_unit_test(no_input_is_a_good_empty_reader),
                cmocka_unit_test(every_truncation_is_bad),
                cmocka_unit_test(a_full_buffer_fails_the_writer_once_at_the_end),
                cmocka_unit_test(nothing_is_packed_behind_a_failure),
                cmocka_unit_test(lengths_over_32_bits_are_refused),
                cmocka_unit_test(exhausted_memory_is_noticed_at_both_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
