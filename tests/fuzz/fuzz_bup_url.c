/* SPDX-License-Identifier: Apache-2.0 */
/* URLs that a server gave: what comes out is absolute, http or https, without user information, no
 * way down from https, not to this machine, and stays what it is when resolved again. */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "proto/bup_field.h"
#include "proto/bup_host.h"
#include "proto/bup_url.h"
#include "transfer/http_url.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 4096 };

static const char *const DESTINATIONS[] = {
        "http://up.example.net/drop/report.bin",
        "https://up.example.net:8443/a/b/c?x=1#f",
        "http://127.0.0.1:8080/drop/x",
        "http://[2001:db8::1]/",
        "https://up.example.net",
        "http://169.254.169.254/x",
};

static BupHostClass class_of(const char *url)
{
        const char *host = strstr(url, "://") + 3;
        const char *user_end = memrchr(host, '@', strcspn(host, "/?#"));
        size_t bytes;

        host = user_end ? user_end + 1 : host;
        bytes = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");

        return bup_host_classify(host, bytes);
}

static void check_safe(const char *url, const char *destination)
{
        BupHostClass to = class_of(url), from = class_of(destination);
        const char *host;

        FUZZ_CHECK(str_starts_with(url, "http://") || str_starts_with(url, "https://"));
        FUZZ_CHECK(!bup_url_is_https(destination) || bup_url_is_https(url));
        host = strstr(url, "://") + 3;
        FUZZ_CHECK(strcspn(host, "@") >= strcspn(host, "/?"));
        for (const char *p = url; *p; p++)
                FUZZ_CHECK((unsigned char) *p > ' ' && (unsigned char) *p < 0x7f);
        FUZZ_CHECK(!strchr(url, '#'));
        FUZZ_CHECK(to != BUP_HOST_INVALID);
        FUZZ_CHECK(to == BUP_HOST_ORDINARY || from == to);
}

static void check_resolve(const char *destination, const char *reference)
{
        bool same_origin = false, again_same = false;
        Buf once, twice;

        buf_init(&once, BUP_URL_MAX_BYTES);
        buf_init(&twice, BUP_URL_MAX_BYTES);
        if (bup_url_resolve(destination, reference, &once, &same_origin) == BUP_URL_OK) {
                const char *url = buf_cstr(&once);

                FUZZ_CHECK(url);
                check_safe(url, destination);
                FUZZ_CHECK(same_origin == bup_url_same_origin(destination, url));
                FUZZ_CHECK(bup_url_resolve(destination, url, &twice, &again_same) == BUP_URL_OK);
                FUZZ_CHECK(str_equal(url, buf_cstr(&twice)));
                FUZZ_CHECK(same_origin == again_same);
                (void) bup_url_is_moved(destination, url);
        }
        buf_done(&once);
        buf_done(&twice);
}

static void check_host(const char *destination, const char *value)
{
        char host[BUP_HOST_ID_BYTES];
        Buf out;

        if (bup_host_id_parse(value, host) < 0)
                return;
        buf_init(&out, BUP_URL_MAX_BYTES);
        if (bup_url_with_host(destination, host, &out) == BUP_URL_OK) {
                FUZZ_CHECK(buf_cstr(&out));
                FUZZ_CHECK(bup_url_is_https(destination) == bup_url_is_https(buf_cstr(&out)));
        }
        buf_done(&out);
}

/* Redirects of downloads go through curl's own parser. */
static void check_redirect(const char *first, const char *target)
{
        HttpUrl u = {0};

        FUZZ_CHECK(http_url_resolve(&u, first) == 0);
        if (http_url_resolve(&u, target) == 0) {
                FUZZ_CHECK(str_equal(u.scheme, "http") || str_equal(u.scheme, "https"));
                FUZZ_CHECK(!str_starts_with(first, "https") || str_equal(u.scheme, "https"));
                FUZZ_CHECK(*u.host && strlen(u.host) < sizeof(u.host));
                (void) http_url_is_local(u.text);
        }
        http_url_done(&u);
        (void) http_url_is_local(target);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        const char *destination;
        char *text;

        if (bytes > INPUT_MAX_BYTES)
                return;
        destination = DESTINATIONS[fuzz_below(&in, ARRAY_LEN(DESTINATIONS))];
        text = fuzz_rest(&in);
        check_resolve(destination, text);
        check_host(destination, text);
        check_redirect(destination, text);
        if (bup_url_same_origin(text, text))
                check_resolve(text, "/x/../y?z");
        mem_free(text);
}
