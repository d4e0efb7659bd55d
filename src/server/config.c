/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "server/config_site.h"

#define MAX_CONNECTIONS 4000
#define MAX_SESSIONS 20000
#define MAX_SESSIONS_PER_ADDRESS 5000
#define IDLE_SEC 120
#define BODY_RATE_MIN_BYTES 1024
#define BODY_RATE_WINDOW_SEC 60
#define STOP_SEC 10

int config_new(Config **ret)
{
        Config *c = mem_new(Config);

        if (!c)
                return -ENOMEM;
        *c = (Config){
                .refs = 1,
                .metrics_address = mem_strdup(""),
                .tls_certificate = mem_strdup(""),
                .tls_key = mem_strdup(""),
                .access_log = mem_strdup(""),
                .public_url = mem_strdup(""),
                .max_connections = MAX_CONNECTIONS,
                .max_connections_per_address = CONFIG_PER_ADDRESS_DEFAULT,
                .max_sessions = MAX_SESSIONS,
                .max_sessions_per_address = MAX_SESSIONS_PER_ADDRESS,
                .idle_sec = IDLE_SEC,
                .body_rate_min_bytes = BODY_RATE_MIN_BYTES,
                .body_rate_window_sec = BODY_RATE_WINDOW_SEC,
                .stop_sec = STOP_SEC,
        };
        if (!c->metrics_address || !c->tls_certificate || !c->tls_key || !c->access_log ||
            !c->public_url) {
                config_unref(c);
                return -ENOMEM;
        }
        *ret = c;
        return 0;
}

Config *config_ref(Config *c)
{
        c->refs++;
        return c;
}

Config *config_unref(Config *c)
{
        if (!c || --c->refs > 0)
                return NULL;
        for (size_t i = 0; i < c->n_sites; i++)
                site_done(&c->sites[i]);
        mem_free(c->sites);
        for (size_t i = 0; i < c->n_listeners; i++)
                mem_free(c->listeners[i].address);
        mem_free(c->metrics_address);
        mem_free(c->tls_certificate);
        mem_free(c->tls_key);
        mem_free(c->access_log);
        mem_free(c->public_url);
        mem_free(c);
        return NULL;
}

int config_add_listener(Config *c, const char *address, bool tls)
{
        char *copy;

        if (c->n_listeners == CONFIG_LISTENERS_MAX)
                return -E2BIG;
        copy = mem_strdup(address);
        if (!copy)
                return -ENOMEM;
        c->listeners[c->n_listeners++] = (ConfigListener){copy, tls};
        return 0;
}

/* Room for one more site, at its place in the order of the prefixes: longest first. */
int config_add_site(Config *c, const char *prefix, Site **ret)
{
        size_t at = 0;
        Site *sites;
        Site site;
        int r;

        if (c->n_sites == CONFIG_SITES_MAX)
                return -E2BIG;
        sites = mem_realloc(c->sites, (c->n_sites + 1) * sizeof(*sites));
        if (!sites)
                return -ENOMEM;
        c->sites = sites;
        r = site_init(&site, prefix);
        if (r < 0)
                return r;
        while (at < c->n_sites && strlen(sites[at].prefix) >= strlen(prefix))
                at++;
        memmove(&sites[at + 1], &sites[at], (c->n_sites - at) * sizeof(*sites));
        sites[at] = site;
        c->n_sites++;
        *ret = &sites[at];
        return 0;
}

int config_add_root(Config *c, const char *directory, Site **ret_site)
{
        Site *site;
        int r;

        for (size_t i = 0; i < c->n_sites; i++)
                if (str_equal(c->sites[i].prefix, "/"))
                        return -EEXIST;
        r = config_add_site(c, "/", &site);
        if (r < 0)
                return r;
        site->uploads = true;
        r = str_replace(&site->directory, directory);
        if (r < 0)
                return r;
        *ret_site = site;
        return 0;
}

static int check_server(const Config *c, Buf *why)
{
        const char *problem = NULL;
        bool tls = false;

        for (size_t i = 0; i < c->n_listeners; i++)
                tls = tls || c->listeners[i].tls;
        if (c->n_sites == 0)
                problem = "nothing to serve: no [site] section and no --root";
        else if (tls && (!*c->tls_certificate || !*c->tls_key))
                problem = "TLSCertificate and TLSKey are needed for ListenTLS";
        else if (*c->public_url && !str_starts_with(c->public_url, "http://") &&
                 !str_starts_with(c->public_url, "https://"))
                problem = "PublicURL is no http or https URL";
        if (!problem)
                return 0;
        (void) buf_append_str(why, problem);
        return -EINVAL;
}

/* Half-received files are nobody's to read: not in a directory that is served, unless under a name
 * that never is. */
static int check_session_directories(const Config *c, Buf *why)
{
        for (size_t i = 0; i < c->n_sites; i++) {
                const char *sessions = c->sites[i].session_directory;

                for (size_t k = 0; k < c->n_sites; k++) {
                        const char *served = c->sites[k].directory;
                        size_t bytes = strlen(served);

                        if (strncmp(sessions, served, bytes) != 0 ||
                            (sessions[bytes] != '/' && sessions[bytes]) ||
                            site_path_is_private(sessions + bytes))
                                continue;
                        (void) buf_printf(why,
                                          "[site %s] SessionDirectory lies inside of %s, "
                                          "which is served",
                                          c->sites[i].prefix, served);
                        return -EINVAL;
                }
        }
        return 0;
}

int config_open(Config *c, Buf *why)
{
        int r = check_server(c, why);

        for (size_t i = 0; r == 0 && i < c->n_sites; i++) {
                r = site_open(&c->sites[i], why);
                if (r < 0 && why->len == 0)
                        (void) buf_printf(why, "[site %s] %s", c->sites[i].prefix, strerror(-r));
        }
        return r < 0 ? r : check_session_directories(c, why);
}

uint64_t config_sweep_period_sec(const Config *c)
{
        uint64_t period_sec = c->n_sites > 0 ? UINT64_MAX : SITE_CLEANUP_DEFAULT_SEC;

        for (size_t i = 0; i < c->n_sites; i++)
                period_sec = MIN(period_sec, site_cleanup_period_sec(&c->sites[i]));
        return period_sec;
}

const Site *config_find_site(const Config *c, const char *path)
{
        for (size_t i = 0; i < c->n_sites; i++)
                if (site_path_below(&c->sites[i], path))
                        return &c->sites[i];
        return NULL;
}
