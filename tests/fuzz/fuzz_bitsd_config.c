/* SPDX-License-Identifier: Apache-2.0 */
/* bitsd's configuration file: never refused for what it says, and what is set is in its range. */
#include <errno.h>
#include <string.h>

#include "daemon/config.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 16 * 1024 };

static void count(void *ctx, const char *text)
{
        unsigned *warnings = ctx;

        FUZZ_CHECK(text && *text);
        ++*warnings;
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        unsigned warnings = 0;
        ConfigSource source = {.warn = count, .ctx = &warnings};
        Config config;
        int r;

        if (bytes > INPUT_MAX_BYTES)
                return;
        source.only_file = fuzz_file("bitsd.conf", data, bytes);
        r = config_read(&source, &config);
        if (r < 0) { /* a file that is no text at all */
                FUZZ_CHECK(r == -EBADMSG && memchr(data, '\0', bytes));
                return;
        }
        FUZZ_CHECK(warnings <= bytes + 1);
        FUZZ_CHECK(config.transfer.connections_per_host > 0);
        FUZZ_CHECK(config.transfer.connect_timeout_sec > 0);
        config_done(&config);
}
