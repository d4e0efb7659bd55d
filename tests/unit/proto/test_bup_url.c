/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "proto/bup_host.h"
#include "proto/bup_url.h"

#include "../base/random.h"

#define ORDERS "https://up.example.net/orders/o-17.xml?site=7"
#define PLAIN "http://up.example.net/drop/file.bin"

static BupHostClass classify(const char *host)
{
        return bup_host_classify(host, strlen(host));
}

static void every_spelling_of_this_machine_is_loopback(void **state)
{
        static const char *const hosts[] = {
                "localhost",
                "LOCALHOST",
                "localhost.",
                "a.localhost",
                "127.0.0.1",
                "127.0.0.1.",
                "127.1",
                "127.255.255.254",
                "0x7f.1",
                "0x7f000001",
                "2130706433",
                "0177.0.0.1",
                "017700000001",
                "0.0.0.0",
                "0",
                "[::1]",
                "[::]",
                "[0:0:0:0:0:0:0:1]",
                "[::ffff:127.0.0.1]",
                "[::ffff:7f00:1]",
                "[::127.0.0.1]",
                "[64:ff9b::7f00:1]",
                "ip6-localhost",
                "localhost.localdomain",
        };

        for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
                if (classify(hosts[i]) != BUP_HOST_LOOPBACK)
                        fail_msg("%s is not taken for loopback", hosts[i]);
}

static void link_local_addresses_are_known(void **state)
{
        static const char *const hosts[] = {"169.254.169.254",         "169.254.0.1", "2852039166",
                                            "0xa9.254.43518",          "[fe80::1]",   "[FEBF::1]",
                                            "[::ffff:169.254.169.254]"};

        for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
                if (classify(hosts[i]) != BUP_HOST_LINK_LOCAL)
                        fail_msg("%s is not taken for link-local", hosts[i]);
}

static void ordinary_hosts_stay_ordinary(void **state)
{
        static const char *const hosts[] = {"up.example.net",
                                            "10.0.0.1",
                                            "128.0.0.1",
                                            "notlocalhost",
                                            "localhost.example",
                                            "127.0.0.1.example.net",
                                            "[2001:db8::7f00:1]",
                                            "[fec0::1]",
                                            "FRANKCAO8",
                                            "0x7f.example",
                                            "x--y_z",
                                            "[1:2:3:4:5:6:7:8]"};

        for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
                if (classify(hosts[i]) != BUP_HOST_ORDINARY)
                        fail_msg("%s is not taken for ordinary", hosts[i]);
}

static void broken_hosts_are_invalid(void **state)
{
        static const char *const hosts[] = {
                "",
                ".",
                "a..b",
                ".a",
                "a b",
                "a%20b",
                "1.2.3.4.5",
                "256.0.0.1",
                "1.2.3.256",
                "4294967296",
                "08",
                "0x1g.1",
                "1.2.3.4x.5",
                "[",
                "[]",
                "[1]",
                "[1:2:3:4:5:6:7]",
                "[1:2:3:4:5:6:7:8:9]",
                "[::1::]",
                "[:1]",
                "[1:]",
                "[12345::]",
                "[::1.2.3]",
                "[::1.2.3.4.5]",
                "[1:2:3:4:5:6:7:1.2.3.4]",
                "[fe80::1%eth0]",
                "[:::]",
                "\xef\xbc\x91\x32\x37",
                "[1:2:3:4::5:6:7:8]",
        };

        for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
                if (classify(hosts[i]) != BUP_HOST_INVALID)
                        fail_msg("%s is taken for a host", hosts[i]);
}

static void expect_url(const char *destination, const char *reference, const char *expected,
                       bool same_origin)
{
        _cleanup_(buf_done) Buf out = {0};
        bool same = !same_origin;

        buf_init(&out, BUP_URL_MAX_BYTES);
        if (bup_url_resolve(destination, reference, &out, &same) != BUP_URL_OK)
                fail_msg("%s is refused", reference);
        assert_string_equal(buf_cstr(&out), expected);
        assert_int_equal(same, same_origin);
}

static void expect_refused(const char *destination, const char *reference, BupUrlVerdict expected)
{
        _cleanup_(buf_done) Buf out = {0};
        BupUrlVerdict verdict;
        bool same = true;

        buf_init(&out, BUP_URL_MAX_BYTES);
        verdict = bup_url_resolve(destination, reference, &out, &same);
        if (verdict != expected)
                fail_msg("%s: %s", reference, bup_url_verdict_text(verdict));
}

/* C9 */
static void replies_of_iis_with_backslashes_and_braces_are_found(void **state)
{
        expect_url(
                "http://frankcao8/bits/upload.bin",
                "BITS-Sessions\\Replies\\{C85B8B4D-0E1F-4A33-9C0B-0123456789AB}\\responsefile.bin",
                "http://frankcao8/bits/BITS-Sessions/Replies/"
                "%7BC85B8B4D-0E1F-4A33-9C0B-0123456789AB%7D/responsefile.bin",
                true);
}

static void references_are_resolved_as_rfc_3986_says(void **state)
{
        expect_url(ORDERS, "/orders/.bits/replies/5zv0",
                   "https://up.example.net/orders/.bits/replies/5zv0", true);
        expect_url(ORDERS, "r/1", "https://up.example.net/orders/r/1", true);
        expect_url(ORDERS, "./r", "https://up.example.net/orders/r", true);
        expect_url(ORDERS, "../r", "https://up.example.net/r", true);
        expect_url(ORDERS, "../../../r", "https://up.example.net/r", true);
        expect_url(ORDERS, "a/../b/./c/..", "https://up.example.net/orders/b/", true);
        expect_url(ORDERS, "%2e%2E/r", "https://up.example.net/r", true);
        expect_url(ORDERS, "..\\r", "https://up.example.net/r", true);
        expect_url(ORDERS, "?x=1", "https://up.example.net/orders/o-17.xml?x=1", true);
        expect_url(ORDERS, "r#part", "https://up.example.net/orders/r", true);
        expect_url(ORDERS, "a b\"<>^`{|}",
                   "https://up.example.net/orders/a%20b%22%3C%3E%5E%60%7B%7C%7D", true);
        expect_url(ORDERS, "50%/%zz/%41", "https://up.example.net/orders/50%25/%25zz/%41", true);
        expect_url(ORDERS, "r?a=\\b c", "https://up.example.net/orders/r?a=%5Cb%20c", true);
        expect_url(ORDERS, "gr\xc3\xbc", "https://up.example.net/orders/gr%C3%BC", true);
        expect_url("http://h", "r", "http://h/r", true);
        expect_url("http://h?q", "r", "http://h/r", true);
        expect_url("http://user:pw@h:81/d/f", "r", "http://h:81/d/r", true);
}

static void absolute_references_say_whether_credentials_may_follow(void **state)
{
        expect_url(PLAIN, "http://cdn.example.net/pkg/update-42.bin",
                   "http://cdn.example.net/pkg/update-42.bin", false);
        expect_url(PLAIN, "http://UP.example.net:80/r", "http://UP.example.net:80/r", true);
        expect_url(PLAIN, "http://up.example.net:8080/r", "http://up.example.net:8080/r", false);
        expect_url(PLAIN, "https://up.example.net/r", "https://up.example.net/r", false);
        expect_url(PLAIN, "http:\\\\up.example.net\\r", "http://up.example.net/r", true);
        expect_url(PLAIN, "//cdn.example.net/r", "http://cdn.example.net/r", false);
        expect_url(PLAIN, "\\\\cdn\\share\\r", "http://cdn/share/r", false);
        expect_url(PLAIN, "HTTP://cdn.example.net", "http://cdn.example.net/", false);
        expect_url(PLAIN, "http://cdn.example.net?q", "http://cdn.example.net/?q", false);
        expect_url(PLAIN, "http://[2001:db8::1]:81/r", "http://[2001:db8::1]:81/r", false);
        expect_url(ORDERS, "https://up.example.net/a/../r", "https://up.example.net/r", true);
}

static void references_that_lead_astray_are_refused(void **state)
{
        expect_refused(ORDERS, "http://up.example.net/r", BUP_URL_DOWNGRADE);
        expect_refused(ORDERS, "ftp://up.example.net/r", BUP_URL_SCHEME);
        expect_refused(ORDERS, "file:///etc/passwd", BUP_URL_SCHEME);
        expect_refused(ORDERS, "javascript:alert(1)", BUP_URL_SCHEME);
        expect_refused(ORDERS, "C:\\replies\\r", BUP_URL_SCHEME);
        expect_refused(ORDERS, "https:r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https:///r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://u:p@up.example.net/r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://up.example.net@evil/r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://a b/r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://h:99999/r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://h:8x/r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://h:0000080/r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "https://%6cocalhost/r", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "//[", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "", BUP_URL_MALFORMED);
        expect_refused(ORDERS, "#x", BUP_URL_MALFORMED);
        expect_refused("ftp://h/x", "r", BUP_URL_SCHEME);
        expect_refused("not a url", "r", BUP_URL_MALFORMED);
}

/* §14.8 */
static void local_targets_need_a_local_destination(void **state)
{
        expect_refused(PLAIN, "http://127.0.0.1/r", BUP_URL_LOCAL);
        expect_refused(PLAIN, "http://localhost:8080/r", BUP_URL_LOCAL);
        expect_refused(PLAIN, "http://0x7f.1/r", BUP_URL_LOCAL);
        expect_refused(PLAIN, "//[::1]/r", BUP_URL_LOCAL);
        expect_refused(PLAIN, "\\\\127.1\\r", BUP_URL_LOCAL);
        expect_refused(PLAIN, "http://169.254.169.254/latest/meta-data", BUP_URL_LOCAL);
        expect_refused("http://127.0.0.1:99/x", "http://169.254.169.254/r", BUP_URL_LOCAL);
        expect_url("http://127.0.0.1:99/x", "http://localhost:98/r", "http://localhost:98/r",
                   false);
        expect_url("http://127.0.0.1:99/x", "/r", "http://127.0.0.1:99/r", true);
        expect_url("http://[fe80::1]/x", "http://[fe80::2]/r", "http://[fe80::2]/r", false);
        expect_url("http://localhost/x", "http://cdn.example.net/r", "http://cdn.example.net/r",
                   false);
}

static void expect_host(const char *destination, const char *host_id, const char *expected)
{
        _cleanup_(buf_done) Buf out = {0};

        buf_init(&out, BUP_URL_MAX_BYTES);
        assert_int_equal(bup_url_with_host(destination, host_id, &out), BUP_URL_OK);
        assert_string_equal(buf_cstr(&out), expected);
}

/* §9, 16.12 */
static void a_host_id_replaces_the_host_and_nothing_else(void **state)
{
        _cleanup_(buf_done) Buf out = {0};

        expect_host("http://up.example.net/farm/a.bin?x=1", "node3.up.example.net",
                    "http://node3.up.example.net/farm/a.bin?x=1");
        expect_host("https://up.example.net:8443/a", "node3", "https://node3:8443/a");
        expect_host("https://up.example.net:8443/a", "node3:444", "https://node3:444/a");
        expect_host("http://up.example.net/a b", "[2001:db8::1]", "http://[2001:db8::1]/a%20b");
        expect_host("http://u:p@up.example.net", "FRANKCAO8", "http://FRANKCAO8/");
        expect_host("http://localhost:80/a", "127.0.0.1", "http://127.0.0.1:80/a");

        buf_init(&out, BUP_URL_MAX_BYTES);
        assert_int_equal(bup_url_with_host(PLAIN, "127.0.0.1", &out), BUP_URL_LOCAL);
        assert_int_equal(bup_url_with_host(PLAIN, "localhost", &out), BUP_URL_LOCAL);
        assert_int_equal(bup_url_with_host(PLAIN, "169.254.169.254", &out), BUP_URL_LOCAL);
        assert_int_equal(bup_url_with_host(PLAIN, "a/b", &out), BUP_URL_MALFORMED);
        assert_int_equal(bup_url_with_host(PLAIN, "u@h", &out), BUP_URL_MALFORMED);
        assert_int_equal(bup_url_with_host(PLAIN, "", &out), BUP_URL_MALFORMED);
        assert_int_equal(bup_url_with_host("ftp://h/x", "node", &out), BUP_URL_SCHEME);
}

static void redirects_may_move_an_upload_on_its_host_only(void **state)
{
        assert_true(bup_url_is_moved(PLAIN, "http://up.example.net/other"));
        assert_true(bup_url_is_moved(PLAIN, "https://up.example.net/drop/file.bin"));
        assert_true(bup_url_is_moved(PLAIN, "http://UP.EXAMPLE.NET:80/x"));
        assert_false(bup_url_is_moved(ORDERS, "http://up.example.net/orders"));
        assert_false(bup_url_is_moved(PLAIN, "http://evil.example.net/x"));
        assert_false(bup_url_is_moved(PLAIN, "http://up.example.net:81/x"));
        assert_false(bup_url_is_moved(PLAIN, "https://up.example.net:8443/x"));
        assert_false(bup_url_is_moved("http://h:8080/", "https://h/"));
        assert_false(bup_url_is_moved(PLAIN, "http://u@up.example.net/x"));
        assert_true(bup_url_is_https(ORDERS));
        assert_false(bup_url_is_https(PLAIN));
        assert_false(bup_url_is_https("https:"));
        assert_true(bup_url_same_origin(PLAIN, "http://up.example.net:80/"));
        assert_false(bup_url_same_origin(PLAIN, "x"));
}

static void urls_have_a_largest_size_and_memory_an_end(void **state)
{
        static char reference[BUP_URL_MAX_BYTES];
        _cleanup_(buf_done) Buf out = {0};
        bool same;

        memset(reference, '{', sizeof(reference) - 1); /* grows threefold */
        expect_refused(PLAIN, reference, BUP_URL_MALFORMED);
        for (uint64_t n = 1;; n++) {
                BupUrlVerdict verdict;
                int struck;

                buf_init(&out, BUP_URL_MAX_BYTES);
                mem_fail_nth(n);
                verdict = bup_url_resolve(PLAIN, "http://cdn.example.net/a", &out, &same);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(verdict, struck ? BUP_URL_NO_MEMORY : BUP_URL_OK);
                if (!struck)
                        break;
                buf_done(&out);
        }
}

/* Whatever a server sends, what comes out is a URL that our own rules allow. */
static void random_references_give_safe_urls_or_none(void **state)
{
        static const char *const PIECES[] = {
                "http:",
                "https:",
                "//",
                "/",
                "\\",
                "..",
                ".",
                "?",
                "#",
                "%2e",
                "%",
                "@",
                ":",
                "[::1]",
                "localhost",
                "127.1",
                "up.example.net",
                "evil",
                "80",
                "{",
                " ",
                "\x7f",
                "\xc3",
                "a",
                "ftp:",
                "&",
                ";",
                "\n",
        };
        Random random = random_seeded(__func__);
        unsigned good = 0;

        for (int i = 0; i < 200000; i++) {
                _cleanup_(buf_done) Buf out = {0};
                char text[256] = "";
                const char *destination = i % 2 ? ORDERS : PLAIN, *url, *host;
                bool same = false;

                for (uint64_t k = random_below(&random, 12); k > 0; k--)
                        (void) strcat(text, PIECES[random_below(&random, ARRAY_LEN(PIECES))]);
                buf_init(&out, BUP_URL_MAX_BYTES);
                if (bup_url_resolve(destination, text, &out, &same) != BUP_URL_OK)
                        continue;
                good++;
                url = buf_cstr(&out);
                host = strstr(url, "//") + 2;
                assert_true(strncmp(url, "https://", 8) == 0 ||
                            (i % 2 == 0 && strncmp(url, "http://", 7) == 0));
                for (const char *p = url; *p != '\0'; p++)
                        assert_true(*p > 0x20 && *p < 0x7f && *p != '\\' && *p != '#');
                assert_int_equal(same, bup_url_same_origin(destination, url));
                assert_null(memmem(url, strcspn(url, "?"), "/../", 4));
                assert_null(memchr(host, '@', strcspn(host, "/")));
                /* What is clean stays as it is. */
                {
                        _cleanup_(buf_done) Buf again = {0};
                        bool same_again = false;

                        buf_init(&again, BUP_URL_MAX_BYTES);
                        assert_int_equal(bup_url_resolve(destination, url, &again, &same_again),
                                         BUP_URL_OK);
                        assert_string_equal(buf_cstr(&again), url);
                        assert_int_equal(same, same_again);
                }
        }
        assert_true(good > 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_spelling_of_this_machine_is_loopback),
                cmocka_unit_test(link_local_addresses_are_known),
                cmocka_unit_test(ordinary_hosts_stay_ordinary),
                cmocka_unit_test(broken_hosts_are_invalid),
                cmocka_unit_test(replies_of_iis_with_backslashes_and_braces_are_found),
                cmocka_unit_test(references_are_resolved_as_rfc_3986_says),
                cmocka_unit_test(absolute_references_say_whether_credentials_may_follow),
                cmocka_unit_test(references_that_lead_astray_are_refused),
                cmocka_unit_test(local_targets_need_a_local_destination),
                cmocka_unit_test(a_host_id_replaces_the_host_and_nothing_else),
                cmocka_unit_test(redirects_may_move_an_upload_on_its_host_only),
                cmocka_unit_test(urls_have_a_largest_size_and_memory_an_end),
                cmocka_unit_test(random_references_give_safe_urls_or_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
