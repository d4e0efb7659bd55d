/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "server/config.h"

static char path[] = "/tmp/bitssrv-config-XXXXXX";

/* 0 with a configuration, or the error and the reason in `why`. */
static int read_text(const char *text, Config **ret, Buf *why)
{
        int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        int r;

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
        close_fdp(&fd);
        buf_init(why, 4096);
        assert_int_equal(config_new(ret), 0);
        r = config_read(*ret, path, why);
        if (r < 0)
                assert_non_null(buf_cstr(why));
        return r;
}

static void check_wrong(const char *text, const char *what)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(buf_done) Buf why;

        assert_true(read_text(text, &c, &why) < 0);
        assert_non_null(strstr(buf_cstr(&why), what));
}

static void settings_of_the_server(void **state)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(buf_done) Buf why;

        assert_int_equal(read_text("[server]\nListen = :80\nListenTLS = [::1]:443\n"
                                   "IdleTimeout = 2m\nMinimumBodyRate = 2K\n"
                                   "TrustedProxy = 10.0.0.0/8\nMaximumConnections = 7\n",
                                   &c, &why),
                         0);
        assert_int_equal(c->n_listeners, 2);
        assert_string_equal(c->listeners[1].address, "[::1]:443");
        assert_true(c->listeners[1].tls && !c->listeners[0].tls);
        assert_int_equal(c->idle_sec, 120);
        assert_int_equal(c->body_rate_min_bytes, 2048);
        assert_int_equal(c->max_connections, 7);
        assert_true(trusted_has(&c->trusted, "10.1.1.1"));
}

static void what_is_wrong_is_named(void **state)
{
        check_wrong("[server]\nListne = :80\n", "Listne");
        check_wrong("[server]\nIdleTimeout = 0\n", "outside its limits");
        check_wrong("[server]\nMaximumConnections = 1000001\n", "MaximumConnections");
        check_wrong("[server]\nTrustedProxy = me\n", "is not a value");
        check_wrong("[site /x]\nBITSUploadEnabled = 2\n", "BITSUploadEnabled");
        check_wrong("[site /x]\nFrob = 2\n", "no such property");
        check_wrong("[sites /x]\nDirectory = /\n", "no such section");
        check_wrong("[site x]\nDirectory = /\n", "no such section");
        check_wrong("[site /x/]\nDirectory = /\n", "no plain path");
        check_wrong("[site /a/../x]\nDirectory = /\n", "no plain path");
        check_wrong("[site /a%20b]\nDirectory = /\n", "no plain path");
        check_wrong("[site /x]\nnonsense\n", ":2:");
        check_wrong("[site /0123456789012345678901234567890123456789012345678901]\nDirectory = /\n",
                    "too long");
}

static void many_listeners(void **state)
{
        char text[4096] = "[server]\n";
        size_t n = strlen(text);

        for (unsigned i = 0; i <= CONFIG_LISTENERS_MAX; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "Listen = :%u\n", i);
        check_wrong(text, "outside its limits");
}

static void sub_directories_start_with_what_is_above(void **state)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(buf_done) Buf why;
        const Site *site;

        /* Whatever the order in the file. */
        assert_int_equal(read_text("[site /a/b/c]\nBITSUploadEnabled = 1\n"
                                   "[site /a]\nBITSSessionTimeout = 7\nBITSAllowOverwrites = 1\n"
                                   "[site /]\nDirectory = /srv\nBITSUploadEnabled = 1\n"
                                   "BITSSessionTimeout = 5\n[site /ab]\nDirectory = /ab\n",
                                   &c, &why),
                         0);
        site = config_find_site(c, "/a/b/c/file");
        assert_string_equal(site->prefix, "/a/b/c");
        assert_string_equal(site->directory, "/srv/a/b/c");
        assert_int_equal(site->session_timeout_sec, 7);
        assert_true(site->allow_overwrites && site->uploads);
        site = config_find_site(c, "/a/b/file");
        assert_string_equal(site->prefix, "/a");
        assert_false(site->uploads);
        site = config_find_site(c, "/ab");
        assert_string_equal(site->directory, "/ab");
        assert_int_equal(site->session_timeout_sec, 5);
        assert_false(site->allow_overwrites);
        assert_string_equal(config_find_site(c, "/other")->prefix, "/");
}

static void nothing_is_found_outside(void **state)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(buf_done) Buf why;

        assert_int_equal(read_text("[site /drop]\nDirectory = /srv\n", &c, &why), 0);
        assert_null(config_find_site(c, "/"));
        assert_null(config_find_site(c, "/dropped"));
        assert_non_null(config_find_site(c, "/drop/x"));
}

static void the_most_eager_site_says_how_often_is_swept(void **state)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(config_unrefp) Config *d = NULL;
        _cleanup_(buf_done) Buf why, other;

        assert_int_equal(read_text("[site /]\nBITSCleanupUseDefault = 0\nBITSCleanupCount = 2\n"
                                   "BITSCleanupUnits = 2\n",
                                   &c, &why),
                         0);
        assert_int_equal(config_sweep_period_sec(c), 2 * 86400);
        assert_int_equal(read_text("[site /]\nBITSCleanupUseDefault = 0\nBITSCleanupCount = 2\n"
                                   "BITSCleanupUnits = 2\n[site /a]\nBITSCleanupUseDefault = 1\n",
                                   &d, &other),
                         0);
        assert_int_equal(config_sweep_period_sec(d), 12 * 3600);
}

static void one_root_is_enough(void **state)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        Site *site;

        assert_int_equal(config_new(&c), 0);
        assert_int_equal(config_add_root(c, "/srv", &site), 0);
        assert_true(site->uploads);
        assert_int_equal(config_add_root(c, "/srv", &site), -EEXIST);
}

static void a_missing_file_is_named(void **state)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(buf_done) Buf why;

        buf_init(&why, 4096);
        assert_int_equal(config_new(&c), 0);
        assert_int_equal(config_read(c, "/nonexistent/x.conf", &why), -ENOENT);
        assert_non_null(strstr(buf_cstr(&why), "/nonexistent/x.conf"));
}

static int make_file(void **state)
{
        int fd = mkstemp(path);

        return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
        return unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(settings_of_the_server),
                cmocka_unit_test(what_is_wrong_is_named),
                cmocka_unit_test(many_listeners),
                cmocka_unit_test(sub_directories_start_with_what_is_above),
                cmocka_unit_test(nothing_is_found_outside),
                cmocka_unit_test(the_most_eager_site_says_how_often_is_swept),
                cmocka_unit_test(one_root_is_enough),
                cmocka_unit_test(a_missing_file_is_named),
        };

        return cmocka_run_group_tests(tests, make_file, remove_file);
}
