/* SPDX-License-Identifier: Apache-2.0 */
/* Command line and file together. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "server/confine.h"
#include "server/server_config.h"

#define WHY_MAX_BYTES (8 * 1024)

static int set(char **place, const char *value)
{
        return value ? str_replace(place, value) : 0;
}

static int make_absolute(char **path)
{
        char here[PATH_MAX];
        char *whole;

        if (path_is_absolute(*path))
                return 0;
        if (!getcwd(here, sizeof(here)))
                return -errno;
        whole = mem_printf("%s/%s", here, *path);
        if (!whole)
                return -ENOMEM;
        mem_free(*path);
        *path = whole;
        return 0;
}

static int add_root(Config *c, const Options *o)
{
        Site *site;
        int r = config_add_root(c, o->root, &site);

        if (r < 0)
                return r;
        site->allow_overwrites = o->allow_overwrites;
        if (!o->session_directory)
                return 0;
        r = set(&site->session_directory, o->session_directory);
        return r < 0 ? r : make_absolute(&site->session_directory);
}

static int add_options(Config *c, const Options *o)
{
        int r = set(&c->tls_certificate, o->tls_certificate);

        if (r == 0)
                r = set(&c->tls_key, o->tls_key);
        if (r == 0)
                r = set(&c->metrics_address, o->metrics_address);
        if (r == 0)
                r = set(&c->access_log, o->access_log);
        for (size_t i = 0; r == 0 && i < o->n_listeners; i++)
                r = config_add_listener(c, o->listeners[i].address, o->listeners[i].tls);
        return r;
}

static int load(const Options *o, const ServerSandbox *sandbox, Buf *why, Config **ret)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        int r = config_new(&c);

        if (r == 0 && o->config)
                r = config_read(c, o->config, why);
        if (r == 0)
                r = add_options(c, o);
        if (r == 0 && o->root)
                r = add_root(c, o);
        if (r == 0 && !server_sandbox_allows(sandbox, o, c)) {
                (void) buf_append_str(why, "it names places outside of the sandbox");
                r = -EACCES;
        }
        if (r == 0)
                r = config_open(c, why);
        if (r == -EEXIST && why->len == 0)
                (void) buf_append_str(why, "both --root and [site /] serve /");
        if (r < 0) {
                if (why->len == 0)
                        (void) buf_append_str(why, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

static void warn_about_passwords(const Config *c)
{
        bool plain = false;

        for (size_t i = 0; i < c->n_listeners; i++)
                plain = plain || (!c->listeners[i].tls &&
                                  !str_starts_with(c->listeners[i].address, "unix:") &&
                                  !str_starts_with(c->listeners[i].address, "127.") &&
                                  !str_starts_with(c->listeners[i].address, "[::1]"));
        for (size_t i = 0; plain && i < c->n_sites; i++)
                if (*c->sites[i].auth_file)
                        log_warning("[site %s] passwords travel over connections without TLS",
                                    c->sites[i].prefix);
}

int server_config_prepare(const Options *o, const ServerSandbox *sandbox, Config **ret)
{
        _cleanup_(buf_done) Buf why;
        const char *text;
        int r;

        buf_init(&why, WHY_MAX_BYTES);
        r = load(o, sandbox, &why, ret);
        if (r < 0) {
                text = buf_cstr(&why);
                log_error("configuration: %s", text ? text : strerror(-r));
                return r;
        }
        r = confine_probe();
        if (r < 0) {
                log_error("this kernel cannot confine file names (openat2): %s", strerror(-r));
                config_unref(*ret);
                *ret = NULL;
                return r;
        }
        warn_about_passwords(*ret);
        return 0;
}

int server_check_config(const Options *options)
{
        _cleanup_(config_unrefp) Config *config = NULL;

        if (server_config_prepare(options, NULL, &config) < 0)
                return EXIT_FAILED;
        (void) printf("the configuration is sound\n");
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
