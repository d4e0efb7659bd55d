/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "server/backend_url.h"

#define ORIGIN "http://127.0.0.1:8080"

static void check(const char *configured, const char *destination, const char *url,
                  const char *socket)
{
        _cleanup_(buf_done) Buf u, s;

        buf_init(&u, BACKEND_URL_MAX_BYTES);
        buf_init(&s, BACKEND_URL_MAX_BYTES);
        assert_int_equal(backend_url_build(configured, destination, ORIGIN, &u, &s), 0);
        assert_string_equal(buf_cstr(&u), url);
        assert_string_equal(buf_cstr(&s), socket);
}

static void absolute_ones_get_the_query(void **state)
{
        check("http://h/x", "http://up/f", "http://h/x", "");
        check("http://h/x", "http://up/f?a=b", "http://h/x?a=b", "");
        check("https://h/x?y", "http://up/f?a=b?c", "https://h/x?y&a=b?c", "");
        check("http://h/x", "/f?", "http://h/x", "");
        check("HTTP://h/x", "http://up/f", "HTTP://h/x", "");
}

static void relative_ones_lie_beside_the_destination(void **state)
{
        check("my.asp", "http://up/vd/file.txt", ORIGIN "/vd/my.asp", "");
        check("my.asp", "/vd/sub/file.txt?q=/a/b", ORIGIN "/vd/sub/my.asp?q=/a/b", "");
        check("/my.asp", "http://up/vd/file.txt", ORIGIN "/my.asp", "");
}

static void the_host_never_comes_from_the_client(void **state)
{
        check("x", "http://evil.example/a/b", ORIGIN "/a/x", "");
        check("x", "http://evil.example?u=//e/", ORIGIN "/x?u=//e/", "");
}

static void sockets(void **state)
{
        check("http://unix:/run/app.sock:/handle", "/f?q", "http://localhost/handle?q",
              "/run/app.sock");
        check("http://unix:/run/app.sock", "/f", "http://localhost/", "/run/app.sock");
}

static void what_is_none(void **state)
{
        static const char *const BAD[] = {"", "ftp://h/x", "http://unix:relative:/x",
                                          "http://unix:/a:b"};

        for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
                _cleanup_(buf_done) Buf u, s;

                buf_init(&u, BACKEND_URL_MAX_BYTES);
                buf_init(&s, BACKEND_URL_MAX_BYTES);
                assert_int_equal(backend_url_build(BAD[i], "/f", ORIGIN, &u, &s), -EINVAL);
        }
}

static void static_replies(void **state)
{
        char text[2300] = "http://h/";

        assert_true(backend_url_is_static("http://h/x"));
        assert_true(backend_url_is_static("HTTPS://h/x?y"));
        assert_false(backend_url_is_static("/x"));
        assert_false(backend_url_is_static("ftp://h/x"));
        assert_false(backend_url_is_static("http://h/a b"));
        assert_false(backend_url_is_static("http://h/a\nb"));
        memset(text + 9, 'x', 2200 - 9);
        assert_true(backend_url_is_static(text));
        text[2200] = 'x';
        assert_false(backend_url_is_static(text));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(absolute_ones_get_the_query),
                cmocka_unit_test(relative_ones_lie_beside_the_destination),
                cmocka_unit_test(the_host_never_comes_from_the_client),
                cmocka_unit_test(sockets),
                cmocka_unit_test(what_is_none),
                cmocka_unit_test(static_replies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
