/* SPDX-License-Identifier: Apache-2.0 */
#include "upload_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf.h"

#include "file_plan.h"
#include "message.h"
#include "must.h"
#include "url_name.h"

#define PRIVATE_PREFIX "bitsctl-reply-"

void upload_plan_done(UploadPlan *p)
{
        mem_free((char *) p->file.local); /* the plan's own copies */
        mem_free((char *) p->file.remote);
        mem_free(p->reply);
        mem_free(p->reply_dir);
        *p = (UploadPlan){0};
}

/* ---- the file ---- */

static int complain_file(Cli *cli, const char *path, int err)
{
        const char *hint = NULL;

        if (err == ENOENT && url_is_http(path))
                hint = "the file comes first: bitsctl put FILE URL";
        return message_plain(&cli->out, err == EACCES ? STATUS_DENIED : STATUS_FAILED, hint,
                             "cannot send %s: %s", path, strerrordesc_np(err));
}

static int check_file(Cli *cli, const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return complain_file(cli, path, errno);
        if (S_ISDIR(st.st_mode))
                return message_plain(&cli->out, STATUS_FAILED, "pack it into one file first",
                                     "cannot send %s: it is a directory", path);
        if (!S_ISREG(st.st_mode))
                return message_plain(&cli->out, STATUS_FAILED,
                                     "only a file that stays can be sent in the background",
                                     "cannot send %s: it is no regular file", path);
        if (access(path, R_OK) < 0)
                return complain_file(cli, path, errno);
        return STATUS_OK;
}

static int take_file(Cli *cli, UploadPlan *p, const char *path)
{
        _cleanup_free_ char *full = NULL;
        int status;

        if (str_equal(path, "-"))
                return message_usage(&cli->out, "save it first, then: bitsctl put FILE URL",
                                     "cannot send standard input: a job in the background needs a "
                                     "file that stays");
        status = check_file(cli, path);
        if (status != STATUS_OK)
                return status;
        full = file_path_resolve(cli, "send", path);
        if (!full)
                return STATUS_FAILED;
        if (!utf8_is_valid(full, strlen(full)))
                return message_plain(&cli->out, STATUS_FAILED, NULL,
                                     "cannot send %s: names must be UTF-8", path);
        p->file.local = TAKE_PTR(full);
        return STATUS_OK;
}

/* ---- the address ---- */

static int take_url(Cli *cli, UploadPlan *p, const char *url)
{
        const char *leaf = strrchr(p->file.local, '/') + 1; /* the path is absolute */
        const char *problem = url_upload_problem(url);

        if (problem)
                return message_usage(&cli->out, NULL, "cannot send to %s: %s", url, problem);
        p->file.remote = url_with_file_name(url, leaf);
        return STATUS_OK;
}

int upload_plan_make(Cli *cli, UploadPlan *p, const char *path, const char *url)
{
        int status = take_file(cli, p, path);

        return status == STATUS_OK ? take_url(cli, p, url) : status;
}

/* ---- the reply ---- */

char *reply_path_resolve(Cli *cli, const char *path, bool force)
{
        _cleanup_free_ char *full = file_path_resolve(cli, "save to", path);

        if (!full)
                return NULL;
        if (!utf8_is_valid(full, strlen(full))) {
                (void) message_plain(&cli->out, STATUS_FAILED, NULL,
                                     "cannot save to %s: names must be UTF-8", path);
                return NULL;
        }
        return file_target_check(cli, full, force) == STATUS_OK ? TAKE_PTR(full) : NULL;
}

static bool is_same_file(const char *a, const char *b)
{
        struct stat st_a, st_b;

        return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
               st_a.st_ino == st_b.st_ino;
}

int upload_plan_reply(Cli *cli, UploadPlan *p, const char *path, bool force)
{
        _cleanup_free_ char *full = reply_path_resolve(cli, path, force);

        if (!full)
                return STATUS_FAILED;
        if (is_same_file(full, p->file.local))
                return message_usage(&cli->out, NULL,
                                     "the reply would replace the file that is sent");
        p->reply = TAKE_PTR(full);
        return STATUS_OK;
}

int upload_plan_private_reply(Cli *cli, UploadPlan *p)
{
        const char *tmp = getenv("TMPDIR");

        /* /var/tmp outlives the machine's restart, as the job does */
        p->reply_dir = must(mem_printf("%s/" PRIVATE_PREFIX "XXXXXX",
                                       tmp && path_is_absolute(tmp) ? tmp : "/var/tmp"));
        if (!mkdtemp(p->reply_dir)) {
                int err = errno;

                mem_free(p->reply_dir);
                p->reply_dir = NULL;
                return message_plain(&cli->out, STATUS_FAILED, "set TMPDIR to a directory of yours",
                                     "cannot make a place for the reply: %s", strerrordesc_np(err));
        }
        p->reply = must(mem_printf("%s/reply", p->reply_dir));
        return STATUS_OK;
}

void upload_plan_drop_reply(const UploadPlan *p)
{
        if (!p->reply_dir)
                return;
        (void) unlink(p->reply); /* may never have come */
        (void) rmdir(p->reply_dir);
}

void reply_drop_private_place(const char *reply_name)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;

        if (!reply_name || !str_ends_with(reply_name, "/reply") ||
            path_split(reply_name, &dir, &leaf) < 0)
                return;
        leaf = strrchr(dir, '/');
        if (leaf && str_starts_with(leaf + 1, PRIVATE_PREFIX))
                (void) rmdir(dir); /* not when anything is in it */
}
