/* SPDX-License-Identifier: Apache-2.0 */
/* Remote and local names of files as AddFile takes them. */
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf.h"
#include "engine/file_name.h"
#include "engine/types.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 12 * 1024 };

static void check_remote(const char *name)
{
        char host[256];

        if (FAILED(remote_name_check(name)))
                return;
        FUZZ_CHECK(utf8_utf16_units(name) <= LIMIT_URL_UNITS);
        remote_name_host(name, host, sizeof(host));
        FUZZ_CHECK(strlen(host) < sizeof(host) && !strpbrk(host, "/@"));
        FUZZ_CHECK(!remote_name_is_http(name) || *host);
        (void) remote_name_needs_network(name);
}

static void check_local(const char *name, const char *other)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        size_t dir_bytes;

        if (FAILED(local_name_check(name)))
                return;
        FUZZ_CHECK(path_is_absolute(name) && strlen(name) <= LIMIT_LOCAL_BYTES);
        dir_bytes = local_name_dir_len(name);
        FUZZ_CHECK(dir_bytes > 0 && dir_bytes < strlen(name) && name[dir_bytes - 1] == '/');
        FUZZ_CHECK(path_split(name, &dir, &leaf) == 0);
        FUZZ_CHECK(strlen(leaf) <= LIMIT_LOCAL_LEAF_BYTES);
        FUZZ_CHECK(!str_equal(leaf, ".") && !str_equal(leaf, ".."));
        FUZZ_CHECK(local_name_equal(name, name));
        if (SUCCEEDED(local_name_check(other)) && local_name_equal(name, other)) {
                FUZZ_CHECK(local_name_equal(other, name));
                FUZZ_CHECK(local_name_hash(name, 7) == local_name_hash(other, 7));
        }
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        char *a, *b;

        if (bytes > INPUT_MAX_BYTES)
                return;
        a = fuzz_line(&in, INPUT_MAX_BYTES);
        b = fuzz_rest(&in);
        /* Callers have checked the encoding: the bus takes nothing else. */
        if (utf8_is_valid(a, strlen(a)) && utf8_is_valid(b, strlen(b))) {
                check_remote(a);
                check_remote(b);
                check_local(a, b);
                check_local(b, a);
        }
        mem_free(a);
        mem_free(b);
}
