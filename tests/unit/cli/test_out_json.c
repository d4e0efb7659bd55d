/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/out_json.h"

enum {
        TEXT_BYTES_MAX = 4096,
};

static char *format(const Json *json, bool pretty)
{
        Buf buf;

        buf_init(&buf, TEXT_BYTES_MAX);
        json_append(json, pretty, &buf);
        return buf_take_str(&buf);
}

static Json *sample(void)
{
        Json *json = json_document(), *part, *array;

        json_add_str(json, "name", "x");
        json_add_str(json, "none", NULL);
        json_add_bool(json, "on", true);
        part = json_add_object(json, "part");
        json_add_u64(part, "bytes", UINT64_MAX);
        json_add_object(part, "empty");
        array = json_add_array(json, "list");
        json_add_u64(array, NULL, 1);
        json_add_take(array, NULL, json_array());
        return json;
}

static void documents_are_short_or_pretty(void **state)
{
        _cleanup_(json_freep) Json *json = sample();
        _cleanup_free_ char *brief = format(json, false), *pretty = format(json, true);

        assert_string_equal(brief, "{\"v\":1,\"name\":\"x\",\"none\":null,\"on\":true,\"part\":{"
                                   "\"bytes\":18446744073709551615,\"empty\":{}},\"list\":[1,[]]}");
        assert_string_equal(pretty, "{\n"
                                    "  \"v\": 1,\n"
                                    "  \"name\": \"x\",\n"
                                    "  \"none\": null,\n"
                                    "  \"on\": true,\n"
                                    "  \"part\": {\n"
                                    "    \"bytes\": 18446744073709551615,\n"
                                    "    \"empty\": {}\n"
                                    "  },\n"
                                    "  \"list\": [\n"
                                    "    1,\n"
                                    "    []\n"
                                    "  ]\n"
                                    "}");
}

static void strings_are_always_valid_json(void **state)
{
        static const struct {
                const char *text, *json;
        } cases[] = {
                {"", "\"\""},
                {"a\"b\\c", "\"a\\\"b\\\\c\""},
                {"\n\t\r\033\x7f", "\"\\n\\t\\u000d\\u001b\\u007f\""},
                {"grün 日本 𝄞", "\"grün 日本 𝄞\""},
                {"a\xff"
                 "b",
                 "\"a\xef\xbf\xbd"
                 "b\""},
                {"\xc3", "\"\xef\xbf\xbd\""},
                {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
                {"\xe6\x97", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_(json_freep) Json *array = json_array();
                _cleanup_free_ char *text = NULL, *want = NULL;

                json_add_str(array, NULL, cases[i].text);
                text = format(array, false);
                want = mem_printf("[%s]", cases[i].json);
                assert_string_equal(text, want);
        }
}

static void values_are_found_by_path(void **state)
{
        _cleanup_(json_freep) Json *json = sample();
        Buf buf;

        buf_init(&buf, TEXT_BYTES_MAX);
        json_append_plain(json_find(json, "part.bytes"), &buf);
        (void) buf_append_str(&buf, " ");
        json_append_plain(json_find(json, "name"), &buf);
        (void) buf_append_str(&buf, " ");
        json_append_plain(json_find(json, "none"), &buf);
        json_append_plain(json_find(json, "none.deeper.still"), &buf);
        json_append_plain(json_find(json, "part"), &buf);
        assert_string_equal(buf_cstr(&buf),
                            "18446744073709551615 x {\"bytes\":18446744073709551615,\"empty\":{}}");
        assert_null(json_find(json, "nam"));
        assert_null(json_find(json, "names"));
        assert_null(json_find(json, "part.byte"));
        assert_null(json_find(json, "name.x"));
        assert_null(json_find(json, ""));
        buf_done(&buf);
}

static void paths_can_be_listed(void **state)
{
        _cleanup_(json_freep) Json *json = sample();
        Buf buf;

        buf_init(&buf, TEXT_BYTES_MAX);
        json_append_paths(json, &buf);
        assert_string_equal(buf_cstr(&buf), "v, name, none, on, part.bytes, list");
        buf_done(&buf);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(documents_are_short_or_pretty),
                cmocka_unit_test(strings_are_always_valid_json),
                cmocka_unit_test(values_are_found_by_path),
                cmocka_unit_test(paths_can_be_listed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
