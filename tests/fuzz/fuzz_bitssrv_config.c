/* SPDX-License-Identifier: Apache-2.0 */
/* bitssrv's configuration file. Directories are not opened here. */
#include <string.h>
#include "server/config.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 16 * 1024,
        WHY_MAX_BYTES = 4096,
};

void fuzz_run(const uint8_t *data, size_t bytes)
{
        Config *config;
        Buf why;
        int r;

        if (bytes > INPUT_MAX_BYTES)
                return;
        FUZZ_CHECK(config_new(&config) == 0);
        buf_init(&why, WHY_MAX_BYTES);
        r = config_read(config, fuzz_file("bitssrv.conf", data, bytes), &why);
        if (r < 0)
                FUZZ_CHECK(buf_error(&why) < 0 || (buf_cstr(&why) && *buf_cstr(&why)));
        FUZZ_CHECK(config->n_sites <= CONFIG_SITES_MAX);
        FUZZ_CHECK(config->n_listeners <= CONFIG_LISTENERS_MAX);
        for (size_t i = 0; r == 0 && i < config->n_sites; i++) {
                const Site *site = &config->sites[i];

                FUZZ_CHECK(site->prefix[0] == '/');
                FUZZ_CHECK(site->directory && site->session_directory);
                FUZZ_CHECK(i == 0 || strlen(config->sites[i - 1].prefix) >= strlen(site->prefix));
                FUZZ_CHECK(config_find_site(config, site->prefix) != NULL);
        }
        config_unref(config);
        buf_done(&why);
}
