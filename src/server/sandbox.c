/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sandbox.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "sandbox/file_rules.h"
#include "sandbox/syscall_filter.h"

#define UNIX_PREFIX "unix:"
#define HANDLED FILE_ANY

typedef struct Place {
        char *path; /* without links */
        unsigned rights;
} Place;

struct ServerSandbox {
        bool has_file_rules;
        Place *places;
        size_t n_places;
};

/* Goes through what a configuration needs until one call does not return 0. */
typedef struct Taker {
        int (*take)(void *ctx, const char *path, unsigned rights);
        void *ctx;
} Taker;

static int take(const Taker *t, const char *path, unsigned rights)
{
        return path && path_is_absolute(path) ? t->take(t->ctx, path, rights) : 0;
}

static int take_directory_of(const Taker *t, const char *path, unsigned rights)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        int r;

        if (!path || !path_is_absolute(path))
                return 0;
        r = path_split(path, &dir, &leaf);
        return r < 0 ? r : take(t, dir, rights);
}

/* A file that is read again: whoever renews it puts a new one in its place, and it may be a link to
 * where the real ones are. */
static int take_renewed(const Taker *t, const char *path)
{
        char real[PATH_MAX];
        int r;

        if (!path || !*path)
                return 0;
        if (!realpath(path, real))
                return 0; /* whoever reads it says what is wrong */
        r = path_is_absolute(path) ? take_directory_of(t, path, FILE_READS) : 0;
        return r != 0 ? r : take_directory_of(t, real, FILE_READS);
}

static int take_listener(const Taker *t, const char *address)
{
        if (!address || !str_starts_with(address, UNIX_PREFIX))
                return 0;
        return take_directory_of(t, address + strlen(UNIX_PREFIX), FILE_WRITES | FILE_SOCKETS);
}

static int take_site(const Taker *t, const Site *s)
{
        int r = take(t, s->directory, FILE_READS | FILE_WRITES);

        if (r == 0)
                r = take(t, s->session_directory, FILE_READS | FILE_WRITES);
        if (r == 0)
                r = take_renewed(t, s->notification_ca_file);
        return r == 0 ? take_renewed(t, s->auth_file) : r;
}

/* What is written under a name that may be relative to where we were started. */
static int take_written(const Taker *t, const char *path)
{
        char dir[PATH_MAX];
        const char *slash = path ? strrchr(path, '/') : NULL;

        if (!path || !*path || str_equal(path, "-"))
                return 0;
        if (path_is_absolute(path))
                return take_directory_of(t, path, FILE_READS | FILE_WRITES);
        if (slash && (size_t) (slash - path) >= sizeof(dir))
                return -ENAMETOOLONG;
        (void) memcpy(dir, slash ? path : ".", slash ? (size_t) (slash - path) : 1);
        dir[slash ? slash - path : 1] = '\0';
        return t->take(t->ctx, dir, FILE_READS | FILE_WRITES);
}

static int take_config(const Taker *t, const Options *o, const Config *c)
{
        int r = take_renewed(t, o->config);

        for (size_t i = 0; r == 0 && i < c->n_sites; i++)
                r = take_site(t, &c->sites[i]);
        for (size_t i = 0; r == 0 && i < c->n_listeners; i++)
                r = take_listener(t, c->listeners[i].address);
        if (r == 0)
                r = take_listener(t, c->metrics_address);
        if (r == 0)
                r = take_renewed(t, c->tls_certificate);
        if (r == 0)
                r = take_renewed(t, c->tls_key);
        if (r == 0)
                r = take_written(t, c->access_log);
        return r == 0 ? take_written(t, o->port_file) : r;
}

/* The C library and its modules, certificates, names; all is the system's and much is not there. */
static int take_system(const Taker *t)
{
        static const char *const READ[] = {
                "/etc",
                "/usr",
                "/lib",
                "/lib64",
                "/proc",
                "/sys/devices/system/cpu",
                "/run/systemd/resolve",
                "/run/resolvconf",
                "/run/nscd",
                "/var/lib/sss",
                "/var/lib/ca-certificates",
                "/dev/urandom",
                "/dev/random",
                "/nix/store",
        };
        int r = take(t, "/dev/null", FILE_READS | FILE_WRITES);

        for (size_t i = 0; r == 0 && i < sizeof(READ) / sizeof(READ[0]); i++)
                r = take(t, READ[i], FILE_READS);
        return r;
}

/* The process that compares passwords is this program again, wherever its libraries are. */
static int take_object(struct dl_phdr_info *info, size_t size, void *data)
{
        const Taker *t = data;
        int r = take(t, info->dlpi_name, FILE_READS);

        for (size_t i = 0; r == 0 && i < info->dlpi_phnum; i++)
                if (info->dlpi_phdr[i].p_type == PT_INTERP)
                        r = take(t, (const char *) (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                                 FILE_READS | FILE_RUNS);
        return r;
}

static int take_program(const Taker *t)
{
        int r = take(t, "/proc/self/exe", FILE_READS | FILE_RUNS);

        return r == 0 ? dl_iterate_phdr(take_object, (void *) t) : r;
}

/* ---- entering ---- */

typedef struct Grant {
        ServerSandbox *sandbox;
        FileRules *rules;
} Grant;

static int remember(ServerSandbox *s, const char *real, unsigned rights)
{
        Place *more = mem_realloc(s->places, (s->n_places + 1) * sizeof(Place));

        if (!more)
                return -ENOMEM;
        s->places = more;
        more[s->n_places] = (Place){.path = mem_strdup(real), .rights = rights};
        if (!more[s->n_places].path)
                return -ENOMEM;
        s->n_places++;
        return 0;
}

static int grant(void *ctx, const char *path, unsigned rights)
{
        Grant *g = ctx;
        char real[PATH_MAX];
        int r = file_rules_add(g->rules, path, rights);

        if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
                return 0; /* what is not there, or not for us, needs no right */
        if (r < 0)
                return r;
        return realpath(path, real) ? remember(g->sandbox, real, rights) : 0;
}

static int enter_file_rules(ServerSandbox *s, const Options *o, const Config *c)
{
        FileRules rules;
        Grant g = {.sandbox = s, .rules = &rules};
        const Taker t = {.take = grant, .ctx = &g};
        int r = file_rules_new(&rules, HANDLED, true);

        if (r > 0) {
                log_debug("this kernel has no Landlock");
                return 0;
        }
        if (r == 0)
                r = take_system(&t);
        if (r == 0)
                r = take_program(&t);
        if (r == 0)
                r = take_config(&t, o, c);
        if (r == 0)
                r = file_rules_enter(&rules);
        file_rules_done(&rules);
        s->has_file_rules = r == 0;
        return r;
}

int server_sandbox_enter(const Options *o, const Config *c, ServerSandbox **ret)
{
        _cleanup_(server_sandbox_freep) ServerSandbox *s = mem_new(ServerSandbox);
        int r = s ? 0 : -ENOMEM;

#ifdef SANDBOX_LEFT_OUT
        *ret = TAKE_PTR(s);
        return r;
#endif
        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        if (r == 0)
                r = enter_file_rules(s, o, c);
        if (r == 0)
                r = syscall_filter_enter(SYSCALLS_OF_SERVER);
        if (r > 0)
                log_debug("system calls cannot be filtered here");
        if (r < 0) {
                log_error("the sandbox cannot be closed: %s", strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

/* ---- reloading ---- */

static bool is_below(const char *path, const char *dir)
{
        size_t n = strlen(dir);

        return str_equal(dir, "/") ||
               (strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* 1: it is outside, which was said. */
static int check(void *ctx, const char *path, unsigned rights)
{
        const ServerSandbox *s = ctx;
        char real[PATH_MAX];
        unsigned have = 0;

        if (!realpath(path, real))
                return 0; /* whoever uses it says what is wrong */
        for (size_t i = 0; i < s->n_places; i++)
                if (is_below(real, s->places[i].path))
                        have |= s->places[i].rights;
        if ((have & rights) == rights)
                return 0;
        log_error("%s: not inside of the sandbox that was closed at the start; restart to add it",
                  path);
        return 1;
}

bool server_sandbox_allows(const ServerSandbox *s, const Options *o, const Config *c)
{
        const Taker t = {.take = check, .ctx = (void *) s};

        return !s || !s->has_file_rules || take_config(&t, o, c) == 0;
}

ServerSandbox *server_sandbox_free(ServerSandbox *s)
{
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_places; i++)
                mem_free(s->places[i].path);
        mem_free(s->places);
        mem_free(s);
        return NULL;
}
