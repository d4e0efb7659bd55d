/* SPDX-License-Identifier: Apache-2.0 */
/* Random values survive packing; random, damaged and cut bytes never harm the reader. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/guid.h"
#include "base/pack.h"
#include "base/utf.h"

#include "random.h"

#define MAX_VALUES 40
#define MAX_TEXT 24

typedef enum Kind {
        KIND_U8,
        KIND_U32,
        KIND_U64,
        KIND_I64,
        KIND_GUID,
        KIND_STR,
        KIND_BLOB,
        KIND_RECORD, /* of one u64 and an unknown tail */
        KIND_MAX,
} Kind;

typedef struct Value {
        Kind kind;
        uint64_t number;
        GUID guid;
        bool is_null;
        size_t bytes;
        char text[MAX_TEXT * 4 + 1];
} Value;

static void random_text(Random *random, Value *v)
{
        static const uint32_t tops[] = {0x7f, 0x7ff, 0xd7ff, 0x10ffff};
        wchar_t wide[MAX_TEXT + 1] = {0};
        size_t chars = (size_t) random_below(random, MAX_TEXT);
        char *text = NULL;

        for (size_t i = 0; i < chars; i++) {
                uint32_t c = 1 + (uint32_t) random_below(random, tops[random_below(random, 4)]);

                wide[i] = (wchar_t) (c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
        }
        assert_int_equal(wide_to_utf8(wide, &text), 0);
        (void) strcpy(v->text, text);
        v->bytes = strlen(text);
        mem_free(text);
}

static Value random_value(Random *random)
{
        Value v = {.kind = (Kind) random_below(random, KIND_MAX), .number = random_u64(random)};
        uint64_t words[2] = {random_u64(random), random_u64(random)};
        uint8_t bytes[16];

        memcpy(bytes, words, sizeof(bytes));
        v.guid = guid_from_bytes(bytes);
        v.is_null = v.kind == KIND_STR && random_below(random, 5) == 0;
        if (v.kind == KIND_STR)
                random_text(random, &v);
        if (v.kind == KIND_BLOB) {
                v.bytes = (size_t) random_below(random, sizeof(v.text));
                for (size_t i = 0; i < v.bytes; i++)
                        v.text[i] = (char) random_u64(random);
        }
        return v;
}

static void pack_value(Buf *b, const Value *v)
{
        size_t begin;

        switch (v->kind) {
        case KIND_U8:
                pack_u8(b, (uint8_t) v->number);
                break;
        case KIND_U32:
                pack_u32(b, (uint32_t) v->number);
                break;
        case KIND_U64:
                pack_u64(b, v->number);
                break;
        case KIND_I64:
                pack_i64(b, (int64_t) v->number);
                break;
        case KIND_GUID:
                pack_guid(b, &v->guid);
                break;
        case KIND_STR:
                pack_str(b, v->is_null ? NULL : v->text);
                break;
        case KIND_BLOB:
                pack_blob(b, v->text, v->bytes);
                break;
        default:
                begin = pack_record_begin(b);
                pack_u64(b, v->number);
                for (uint64_t i = 0; i < v->number % 4; i++)
                        pack_u8(b, 0xff);
                pack_record_end(b, begin);
        }
}

static bool unpacks_to(PackReader *r, const Value *v)
{
        _cleanup_free_ char *s = NULL;
        const uint8_t *p;
        size_t bytes;
        PackReader record;
        GUID g;

        switch (v->kind) {
        case KIND_U8:
                return unpack_u8(r) == (uint8_t) v->number;
        case KIND_U32:
                return unpack_u32(r) == (uint32_t) v->number;
        case KIND_U64:
                return unpack_u64(r) == v->number;
        case KIND_I64:
                return unpack_i64(r) == (int64_t) v->number;
        case KIND_GUID:
                g = unpack_guid(r);
                return guid_equal(&g, &v->guid);
        case KIND_STR:
                s = unpack_str(r, sizeof(v->text));
                return v->is_null ? !s : s && strcmp(s, v->text) == 0;
        case KIND_BLOB:
                p = unpack_blob(r, &bytes);
                return p && bytes == v->bytes && memcmp(p, v->text, bytes) == 0;
        default:
                record = unpack_record(r);
                return unpack_u64(&record) == v->number && pack_reader_end(&record) == 0;
        }
}

static void random_messages_round_trip(void **state)
{
        Random random = random_seeded(__func__);

        for (int round = 0; round < 20000; round++) {
                size_t n = (size_t) random_below(&random, MAX_VALUES);
                Value values[MAX_VALUES];
                _cleanup_(buf_done) Buf b;
                PackReader r;

                buf_init(&b, 1 << 20);
                for (size_t i = 0; i < n; i++) {
                        values[i] = random_value(&random);
                        pack_value(&b, &values[i]);
                }
                assert_int_equal(buf_error(&b), 0);
                pack_reader_init(&r, b.data, b.len);
                for (size_t i = 0; i < n; i++)
                        if (!unpacks_to(&r, &values[i]))
                                fail_msg("round %d, value %zu of kind %d", round, i,
                                         values[i].kind);
                assert_true(unpack_at_end(&r));
                assert_int_equal(pack_reader_end(&r), 0);
        }
}

/* Reads kinds at random and checks what holds for every input: the position stays inside, a bad
 * reader stays bad and gives zeros, strings are valid text. */
static void read_at_random(Random *random, PackReader *r, int depth)
{
        for (int steps = 0; steps < 50 && !unpack_at_end(r); steps++) {
                _cleanup_free_ char *s = NULL;
                bool was_bad = r->bad;
                size_t bytes, before = r->pos, max_bytes = (size_t) random_below(random, 100);
                const uint8_t *p;
                PackReader record;

                switch ((Kind) random_below(random, KIND_MAX)) {
                case KIND_U8:
                        (void) unpack_u8(r);
                        break;
                case KIND_U32:
                        (void) unpack_u32(r);
                        break;
                case KIND_U64:
                        (void) unpack_u64(r);
                        break;
                case KIND_I64:
                        (void) unpack_i64(r);
                        break;
                case KIND_GUID:
                        (void) unpack_guid(r);
                        break;
                case KIND_STR:
                        s = unpack_str(r, max_bytes);
                        if (s && (strlen(s) > max_bytes || !utf8_is_valid(s, strlen(s))))
                                fail_msg("a string is malformed or over %zu bytes", max_bytes);
                        break;
                case KIND_BLOB:
                        p = unpack_blob(r, &bytes);
                        assert_int_equal(p == NULL, r->bad);
                        if (p && (p < r->data || p + bytes > r->data + r->len))
                                fail_msg("a blob lies outside");
                        break;
                default:
                        record = unpack_record(r);
                        if (depth < 4)
                                read_at_random(random, &record, depth + 1);
                }
                assert_true(r->pos > before && r->pos <= r->len);
                assert_false(was_bad);
        }
        assert_int_equal(pack_reader_end(r), r->bad ? -EBADMSG : 0);
        if (r->bad) {
                assert_true(unpack_at_end(r));
                assert_int_equal(unpack_u64(r), 0);
                assert_null(unpack_str(r, 100));
        }
}

static void random_bytes_do_no_harm(void **state)
{
        Random random = random_seeded(__func__);

        for (int round = 0; round < 50000; round++) {
                size_t len = (size_t) random_below(&random, 200);
                _cleanup_free_ uint8_t *bytes = mem_alloc(len);
                uint64_t zeros = random_below(&random, 100); /* lengths that fit need zeros */
                PackReader r;

                for (size_t i = 0; i < len; i++) {
                        uint64_t v = random_u64(&random);

                        bytes[i] = v >> 32 & 1 ? (uint8_t) v : (uint8_t) (v % 12);
                        if (random_below(&random, 100) < zeros)
                                bytes[i] = 0;
                }
                pack_reader_init(&r, bytes, len);
                read_at_random(&random, &r, 0);
        }
}

static void damaged_messages_do_no_harm(void **state)
{
        Random random = random_seeded(__func__);

        for (int round = 0; round < 20000; round++) {
                _cleanup_free_ uint8_t *copy = NULL;
                _cleanup_(buf_done) Buf b;
                Value values[10];
                PackReader r;
                size_t len;

                buf_init(&b, 1 << 20);
                for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                        values[i] = random_value(&random);
                        pack_value(&b, &values[i]);
                }
                len = (size_t) random_below(&random, b.len) + 1;
                copy = mem_alloc(len); /* of the exact size, so that a read behind it shows */
                assert_non_null(copy);
                memcpy(copy, b.data, len);
                for (uint64_t i = random_below(&random, 4); i > 0; i--)
                        copy[random_below(&random, len)] ^=
                                (uint8_t) (1 << random_below(&random, 8));
                pack_reader_init(&r, copy, len);
                for (size_t i = 0; i < ARRAY_LEN(values); i++)
                        (void) unpacks_to(&r, &values[i]);
                pack_reader_init(&r, copy, len);
                read_at_random(&random, &r, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_messages_round_trip),
                cmocka_unit_test(random_bytes_do_no_harm),
                cmocka_unit_test(damaged_messages_do_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
