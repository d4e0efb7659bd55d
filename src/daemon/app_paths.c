/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app_paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "daemon/app.h"
#include "daemon/socket_path.h"
#include "ipc/address.h"

#define DIR_MODE 0700

static int make_absolute(const char *path, char **ret)
{
        char *cwd, *absolute;

        if (path_is_absolute(path)) {
                absolute = mem_strdup(path);
        } else {
                cwd = get_current_dir_name();
                if (!cwd)
                        return -errno;
                absolute = mem_printf("%s/%s", cwd, path);
                mem_free(cwd);
        }
        if (!absolute)
                return -ENOMEM;
        *ret = absolute;
        return 0;
}

static int find_socket(const Options *options, uid_t uid, AppPaths *paths)
{
        const char *given = secure_getenv("BITSD_SOCKET");
        _cleanup_free_ char *path = NULL;
        int r;

        if (options->socket) {
                paths->socket_is_chosen = true;
                return make_absolute(options->socket, &paths->socket);
        }
        paths->socket_is_chosen = given && *given;
        r = address_user_socket(uid, &path);
        return r < 0 ? r : make_absolute(path, &paths->socket);
}

static int find_state_dir(const Options *options, uid_t uid, AppPaths *paths)
{
        _cleanup_free_ char *path = NULL;
        int r;

        if (options->state_dir)
                return make_absolute(options->state_dir, &paths->state_dir);
        r = address_user_state_dir(uid, &path);
        return r < 0 ? r : make_absolute(path, &paths->state_dir);
}

static int prepare_state_dir(AppPaths *paths, uid_t uid)
{
        int r = path_make_dirs(paths->state_dir, DIR_MODE);

        if (r < 0) {
                log_error("cannot make the directory %s: %s", paths->state_dir, strerror(-r));
                return APP_EXIT_FAILURE;
        }
        r = path_check_private_dir(paths->state_dir, uid);
        if (r < 0) {
                log_error("the directory %s must belong to uid %ld and be closed to all others "
                          "(chmod 700)",
                          paths->state_dir, (long) uid);
                return APP_EXIT_FAILURE;
        }
        paths->lock_dir = mem_strdup(paths->state_dir);
        return paths->lock_dir ? APP_EXIT_OK : APP_EXIT_FAILURE;
}

/* Nothing is kept, so two services would meet at the socket only. */
static int prepare_without_state(AppPaths *paths, uid_t uid)
{
        _cleanup_free_ char *problem = NULL;
        const char *leaf;
        int r = socket_path_prepare_dir(paths->socket, uid, paths->socket_is_chosen, &problem);

        if (r == 0)
                r = path_split(paths->socket, &paths->lock_dir, &leaf);
        if (r == 0)
                return APP_EXIT_OK;
        log_error("%s", problem ? problem : strerror(-r));
        return APP_EXIT_FAILURE;
}

int app_paths_prepare(const Options *options, uid_t uid, AppPaths *ret_paths)
{
        int r = find_socket(options, uid, ret_paths);

        if (r < 0) {
                log_error("no place for the socket: %s", strerror(-r));
                return APP_EXIT_FAILURE;
        }
        if (options->no_persist)
                return prepare_without_state(ret_paths, uid);
        r = find_state_dir(options, uid, ret_paths);
        if (r == -ENOENT) {
                log_error("uid %ld has no home directory; say where to keep the queue "
                          "(--state-dir), or that nothing is to be kept (--no-persist)",
                          (long) uid);
                return APP_EXIT_FAILURE;
        }
        if (r < 0) {
                log_error("no place for the queue: %s", strerror(-r));
                return APP_EXIT_FAILURE;
        }
        return prepare_state_dir(ret_paths, uid);
}

int app_paths_find_socket_again(const Options *options, uid_t uid, AppPaths *paths)
{
        AppPaths fresh = {0};
        int r = find_socket(options, uid, &fresh);

        if (r < 0)
                return r;
        mem_free(paths->socket);
        paths->socket = fresh.socket;
        paths->socket_is_chosen = fresh.socket_is_chosen;
        return 0;
}

void app_paths_done(AppPaths *paths)
{
        mem_free(paths->socket);
        mem_free(paths->state_dir);
        mem_free(paths->lock_dir);
        *paths = (AppPaths){0};
}
