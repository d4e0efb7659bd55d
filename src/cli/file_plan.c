/* SPDX-License-Identifier: Apache-2.0 */
#include "file_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf.h"

#include "message.h"
#include "must.h"
#include "url_name.h"

enum {
        FROM_LINE_BYTES_MAX = 16384,
        FROM_LINES_MAX = 100000, /* what the service takes at once */
};

static const char HINT_DIRECTORY[] = "a directory is given with -d";

void file_plan_done(FilePlan *p)
{
        for (size_t i = 0; i < p->count; i++) {
                mem_free((char *) p->files[i].remote); /* the plan's own copies */
                mem_free((char *) p->files[i].local);
        }
        mem_free(p->files);
        mem_free(p->last_dir);
        mem_free(p->last_real);
        *p = (FilePlan){0};
}

/* Takes local. */
static void append(FilePlan *p, const char *remote, char *local)
{
        if ((p->count & (p->count + 1)) == 0) /* at each 2ⁿ − 1: room for as many again */
                p->files = must(mem_realloc(p->files, (2 * p->count + 1) * sizeof(*p->files)));
        p->files[p->count++] = (bits_file_spec){.remote = must(mem_strdup(remote)), .local = local};
}

/* NULL, with errno, when it is not there or no directory. Caller owns it. */
static char *real_directory(const char *dir)
{
        char *real = realpath(dir, NULL); /* malloc, as mem_free's */
        struct stat st;

        if (!real || stat(real, &st) < 0 || S_ISDIR(st.st_mode))
                return real;
        mem_free(real);
        errno = ENOTDIR;
        return NULL;
}

/* Takes dir. False, with errno, when there is no such directory. */
static bool resolve_directory(FilePlan *p, char *dir)
{
        char *real;

        if (p->last_dir && str_equal(p->last_dir, dir)) {
                mem_free(dir);
                return true;
        }
        real = real_directory(dir);
        mem_free(p->last_dir);
        mem_free(p->last_real);
        p->last_dir = real ? dir : NULL;
        p->last_real = real;
        if (!real) {
                int saved = errno;

                mem_free(dir);
                errno = saved;
        }
        return real != NULL;
}

/* The absolute form of `path`, whose directory exists. NULL after a message otherwise. */
static char *resolve(Cli *cli, FilePlan *p, const char *doing, const char *path, const char *hint)
{
        const char *leaf, *real;
        char *dir;

        if (path_split(path, &dir, &leaf) < 0) {
                (void) message_plain(&cli->out, STATUS_FAILED, hint,
                                     "cannot %s %s: it names no file", doing, path);
                return NULL;
        }
        if (!resolve_directory(p, dir)) {
                int err = errno;

                (void) message_plain(&cli->out, STATUS_FAILED,
                                     err == ENOENT ? "make the directory first" : NULL,
                                     "cannot %s %s: %s", doing, path, strerrordesc_np(err));
                return NULL;
        }
        real = str_equal(p->last_real, "/") ? "" : p->last_real;
        return must(mem_printf("%s/%s", real, leaf));
}

int file_plan_add(Cli *cli, FilePlan *p, const char *remote, const char *path, const char *dir)
{
        _cleanup_free_ char *name = NULL, *full = NULL;
        char *local;

        if (!path)
                path = name = url_file_name(remote);
        if (!path)
                return message_plain(&cli->out, STATUS_FAILED, "say how to call it: -o FILE",
                                     "cannot tell a file name from %s", remote);
        if (path_is_absolute(path))
                full = must(mem_strdup(path));
        else
                full = must(mem_printf("%s/%s", dir && *dir ? dir : ".", path));
        local = resolve(cli, p, "save to", full, HINT_DIRECTORY);
        if (!local)
                return STATUS_FAILED;
        if (!utf8_is_valid(remote, strlen(remote)) || !utf8_is_valid(local, strlen(local))) {
                mem_free(local);
                return message_plain(&cli->out, STATUS_FAILED, NULL,
                                     "cannot save to %s: names must be UTF-8", path);
        }
        append(p, remote, local);
        return STATUS_OK;
}

/* ---- --from ---- */

/* Takes a line apart in place. */
static void split_line(char *line, const char **ret_remote, const char **ret_path)
{
        char *p = line + strspn(line, " \t"), *end = line + strlen(line);

        while (end > p && strchr(" \t\r\n", end[-1]))
                *--end = '\0';
        *ret_remote = p;
        *ret_path = NULL;
        p += strcspn(p, " \t");
        if (!*p)
                return;
        *p++ = '\0';
        *ret_path = p + strspn(p, " \t");
}

static int read_lines(Cli *cli, FilePlan *p, FILE *f, const char *from, const char *dir)
{
        char *line = must(mem_alloc(FROM_LINE_BYTES_MAX));
        int status = STATUS_OK;
        size_t number = 0;

        while (status == STATUS_OK && fgets(line, FROM_LINE_BYTES_MAX, f)) {
                const char *remote, *path;

                number++;
                if (strlen(line) == FROM_LINE_BYTES_MAX - 1 || p->count == FROM_LINES_MAX) {
                        status = message_plain(&cli->out, STATUS_FAILED, NULL,
                                               "%s, line %zu: too long", from, number);
                        break;
                }
                split_line(line, &remote, &path);
                if (*remote && *remote != '#')
                        status = file_plan_add(cli, p, remote, path, dir);
        }
        if (status == STATUS_OK && ferror(f))
                status = message_plain(&cli->out, STATUS_FAILED, NULL, "cannot read %s: %s", from,
                                       strerrordesc_np(errno));
        mem_free(line);
        return status;
}

int file_plan_add_from(Cli *cli, FilePlan *p, const char *from, const char *dir)
{
        FILE *f;
        int status;

        if (str_equal(from, "-"))
                return read_lines(cli, p, stdin, from, dir);
        f = fopen(from, "re");
        if (!f)
                return message_plain(&cli->out, STATUS_FAILED, NULL, "cannot read %s: %s", from,
                                     strerrordesc_np(errno));
        status = read_lines(cli, p, f, from, dir);
        (void) fclose(f); /* it was only read */
        return status;
}

/* ---- checks ---- */

static int compare_locals(const void *a, const void *b)
{
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int check_twins(Cli *cli, const FilePlan *p)
{
        _cleanup_free_ const char **locals = must(mem_array(p->count + 1, sizeof(*locals)));

        for (size_t i = 0; i < p->count; i++)
                locals[i] = p->files[i].local;
        qsort(locals, p->count, sizeof(*locals), compare_locals);
        for (size_t i = 1; i < p->count; i++)
                if (str_equal(locals[i - 1], locals[i]))
                        return message_usage(&cli->out, "give one a name of its own: URL=FILE",
                                             "two files would be saved as %s", locals[i]);
        return STATUS_OK;
}

static int check_target(Cli *cli, const char *local, bool force, const char *hint)
{
        struct stat st;

        if (lstat(local, &st) < 0)
                return STATUS_OK; /* not there; what else may be wrong the service tells better */
        if (S_ISDIR(st.st_mode))
                return message_plain(&cli->out, STATUS_FAILED, hint,
                                     "cannot save to %s: it is a directory", local);
        if (force)
                return STATUS_OK;
        return message_plain(&cli->out, STATUS_FAILED, "replace it: --force",
                             "cannot save to %s: the file exists", local);
}

int file_plan_check(Cli *cli, const FilePlan *p, bool force)
{
        int status = check_twins(cli, p);

        for (size_t i = 0; i < p->count && status == STATUS_OK; i++)
                status = check_target(cli, p->files[i].local, force, HINT_DIRECTORY);
        return status;
}

char *file_path_resolve(Cli *cli, const char *doing, const char *path)
{
        _cleanup_(file_plan_done) FilePlan plan = {0};
        _cleanup_free_ char *full = NULL;

        if (path_is_absolute(path))
                return resolve(cli, &plan, doing, path, NULL);
        full = must(mem_printf("./%s", path));
        return resolve(cli, &plan, doing, full, NULL);
}

int file_target_check(Cli *cli, const char *local, bool force)
{
        return check_target(cli, local, force, NULL);
}
