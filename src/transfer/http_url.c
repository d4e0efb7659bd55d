/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_url.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "transfer/curl_memory.h"
#include "transfer/http_client.h"

static int copy_url_part(CURLU *u, CURLUPart part, char *dst, size_t dst_bytes)
{
        char *text = NULL;
        int r = 0, rc = curl_url_get(u, part, &text, 0);

        if (rc != CURLUE_OK)
                return rc == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
        if (strlen(text) < dst_bytes)
                (void) str_copy(dst, dst_bytes, text);
        else
                r = -EINVAL;
        curl_free(text);
        return r;
}

int http_url_resolve(HttpUrl *url, const char *target)
{
        const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE | CURLU_ALLOW_SPACE;
        char scheme[HTTP_SCHEME_BYTES], host[HTTP_HOST_BYTES], *text = NULL, *copy;
        CURLU *u = curl_url();
        uint64_t refusals = curl_memory_refusals();
        int r = 0;

        if (!u)
                return -ENOMEM;
        if ((url->text && curl_url_set(u, CURLUPART_URL, url->text, flags) != CURLUE_OK) ||
            curl_url_set(u, CURLUPART_URL, target, flags) != CURLUE_OK ||
            copy_url_part(u, CURLUPART_HOST, host, sizeof(host)) < 0)
                r = -EINVAL;
        else if (copy_url_part(u, CURLUPART_SCHEME, scheme, sizeof(scheme)) < 0 ||
                 (!str_equal(scheme, "https") &&
                  (!str_equal(scheme, "http") || str_equal(url->scheme, "https"))))
                r = -EPROTONOSUPPORT;
        else if (curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK)
                r = -ENOMEM;
        curl_url_cleanup(u);
        if (curl_memory_refusals() != refusals)
                r = -ENOMEM; /* then it found fault with what was right */
        if (r < 0) {
                curl_free(text);
                return r;
        }

        copy = mem_strdup(text);
        curl_free(text);
        if (!copy)
                return -ENOMEM;
        mem_free(url->text);
        url->text = copy;
        memcpy(url->scheme, scheme, sizeof(scheme));
        memcpy(url->host, host, sizeof(host));
        return 0;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
        char *x = NULL, *y = NULL;
        bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                    curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                    str_equal_nocase(x, y);

        curl_free(x);
        curl_free(y);
        return same;
}

bool http_url_same_origin(const char *a, const char *b)
{
        const unsigned flags = CURLU_URLENCODE | CURLU_ALLOW_SPACE;
        CURLU *x = curl_url(), *y = curl_url();
        bool same = x && y && curl_url_set(x, CURLUPART_URL, a, flags) == CURLUE_OK &&
                    curl_url_set(y, CURLUPART_URL, b, flags) == CURLUE_OK &&
                    same_part(x, y, CURLUPART_SCHEME) && same_part(x, y, CURLUPART_HOST) &&
                    same_part(x, y, CURLUPART_PORT);

        curl_url_cleanup(x);
        curl_url_cleanup(y);
        return same;
}

void http_url_done(HttpUrl *u)
{
        mem_free(u->text);
        *u = (HttpUrl){.text = NULL};
}

bool http_url_is_local(const char *text)
{
        HttpUrl u = {.text = NULL};
        bool local = http_url_resolve(&u, text) == 0 &&
                     (str_equal_nocase(u.host, "localhost") || http_address_is_local(u.host));

        http_url_done(&u);
        return local;
}
