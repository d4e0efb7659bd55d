/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/program_env.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"

#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_SHELL "/bin/sh"
#define DEFAULT_LANG "C.UTF-8"

enum { VARIABLES_MAX = 10 };

static bool is_set(const char *text)
{
        return text && *text;
}

int program_user_find(uid_t uid, ProgramUser *ret)
{
        const struct passwd *entry = getpwuid(uid);
        const char *home = entry ? entry->pw_dir : getenv("HOME");
        ProgramUser user = {0};

        user.name = entry ? mem_strdup(entry->pw_name) : mem_printf("%lu", (unsigned long) uid);
        user.home = mem_strdup(is_set(home) && path_is_absolute(home) ? home : "/");
        user.shell = mem_strdup(entry && is_set(entry->pw_shell) ? entry->pw_shell : DEFAULT_SHELL);
        if (!user.name || !user.home || !user.shell) {
                program_user_done(&user);
                return -ENOMEM;
        }
        *ret = user;
        return 0;
}

void program_user_done(ProgramUser *user)
{
        mem_free(user->name);
        mem_free(user->home);
        mem_free(user->shell);
        *user = (ProgramUser){0};
}

typedef struct Variable {
        const char *name;
        const char *value; /* NULL: not there */
} Variable;

static char **make_block(const Variable *variables, size_t n)
{
        size_t bytes = 0, count = 0;
        char **envp, *text;

        for (size_t i = 0; i < n; i++)
                if (variables[i].value)
                        bytes += strlen(variables[i].name) + 1 + strlen(variables[i].value) + 1;
        envp = mem_alloc((n + 1) * sizeof(*envp) + bytes);
        if (!envp)
                return NULL;
        text = (char *) (envp + n + 1);
        for (size_t i = 0; i < n; i++) {
                if (!variables[i].value)
                        continue;
                envp[count++] = text;
                text = stpcpy(text, variables[i].name);
                *text++ = '=';
                text = stpcpy(text, variables[i].value) + 1;
        }
        envp[count] = NULL;
        return envp;
}

char **program_env_new(const ProgramUser *user, const char *socket, const GUID *job,
                       NotifyKind event)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR"), *lang = getenv("LANG");
        char id[GUID_TEXT_LEN + 1];
        const Variable variables[VARIABLES_MAX] = {
                {"HOME", user->home},
                {"USER", user->name},
                {"LOGNAME", user->name},
                {"SHELL", user->shell},
                {"PATH", SEARCH_PATH},
                {"LANG", is_set(lang) ? lang : DEFAULT_LANG},
                {"XDG_RUNTIME_DIR", is_set(runtime) && path_is_absolute(runtime) ? runtime : NULL},
                {"BITSD_SOCKET", socket},
                {"BITS_JOB_ID", id},
                {"BITS_JOB_EVENT", event == NOTIFY_ERROR ? "error" : "transferred"},
        };

        guid_format(job, id);
        return make_block(variables, VARIABLES_MAX);
}
