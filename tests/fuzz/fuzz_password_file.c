/* SPDX-License-Identifier: Apache-2.0 */
/* Password files, and who may come in by one: a line decides only for the user it names. Costly
 * hashes are kept out, for what they cost is the administrator's wish. */
#include <string.h>

#include "base/alloc.h"
#include "server/password_file.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 2048,
        USER_MAX_BYTES = 64,
};

/* "secret" by the oldest and cheapest method. */
#define KNOWN "known:abNANd1rDfiNc"

static void check(const char *text, size_t bytes, const char *user)
{
        const char *path = fuzz_file("users", text, bytes);
        bool admitted = password_file_verify(path, user, "secret");

        /* Who is let in stands there, at the beginning of a line. */
        if (admitted && !memchr(text, '\0', bytes)) {
                const char *line = text;
                size_t user_bytes = strlen(user);

                while (line && (strncmp(line, user, user_bytes) != 0 || line[user_bytes] != ':')) {
                        line = strchr(line, '\n');
                        line += line != NULL;
                }
                FUZZ_CHECK(line);
        }
        FUZZ_CHECK(!admitted || !password_file_verify(path, user, "other"));
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        char *user, *rest, *text;

        if (bytes > INPUT_MAX_BYTES)
                return;
        user = fuzz_line(&in, USER_MAX_BYTES);
        for (size_t i = 0; user[i]; i++)
                if (user[i] == ':')
                        user[i] = '.'; /* basic.h sees to it */
        rest = fuzz_rest(&in);
        for (size_t i = 0; rest[i]; i++)
                if (rest[i] == '$' || (rest[i] == '_' && i > 0 && rest[i - 1] == ':'))
                        rest[i] = 'x';
        text = mem_printf(KNOWN "\n%s", rest);
        FUZZ_CHECK(text);
        check(text, strlen(text), user);
        mem_free(text);
        text = mem_printf("%s\n" KNOWN, rest);
        FUZZ_CHECK(text);
        check(text, strlen(text), "known");
        mem_free(text);
        mem_free(user);
        mem_free(rest);
}
