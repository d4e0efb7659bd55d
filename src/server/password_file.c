/* SPDX-License-Identifier: Apache-2.0 */
#include "server/password_file.h"

#include <crypt.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

/* Of nobody: what a user who does not exist is compared with in an empty file. */
#define NOBODYS_HASH "$2y$10$YoP2z2gHNBHRi6.yNRYoRuNPBdR/0spWBLeE3Ca/ssG9mPSQchHSG"

/* The same time for equal and different texts of one length. */
static bool is_same(const char *a, const char *b)
{
        size_t bytes = strlen(a);
        unsigned char difference = 0;

        if (strlen(b) != bytes)
                return false;
        for (size_t i = 0; i < bytes; i++)
                difference |= (unsigned char) (a[i] ^ b[i]);
        return difference == 0;
}

/* The hash of `user`, else of whoever stands first, so that the work is the same. Cuts `text`. */
static const char *find_hash(char *text, const char *user, bool *ret_found)
{
        const char *stranger = NULL, *found = NULL;

        for (char *line = text, *next; line; line = next) {
                char *colon;

                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                line[strcspn(line, "\r")] = '\0';
                colon = *line == '#' ? NULL : strchr(line, ':');
                if (!colon)
                        continue;
                *colon = '\0';
                colon[1 + strcspn(colon + 1, ":")] = '\0'; /* further fields are comments */
                if (!stranger)
                        stranger = colon + 1;
                if (!found && str_equal(line, user))
                        found = colon + 1;
        }
        *ret_found = found != NULL;
        if (found)
                return found;
        return stranger ? stranger : NOBODYS_HASH;
}

bool password_file_verify(const char *path, const char *user, const char *password)
{
        struct crypt_data data = {0}; /* 32 KiB, in a process of its own */
        _cleanup_free_ char *text = NULL;
        const char *hash, *computed;
        bool found, same;
        int r = fd_read_file(path, PASSWORD_FILE_MAX_BYTES, &text);

        if (r < 0) {
                log_error("%s: %s", path, strerror(-r));
                return false;
        }
        hash = find_hash(text, user, &found);
        /* Not crypt_r(), which the address sanitizer puts itself in front of. */
        computed = crypt_rn(password, hash, &data, sizeof(data));
        if (!computed || *computed == '*') {
                log_warning("%s: a hash that libcrypt does not know; make them with htpasswd -B",
                            path);
                computed = "";
        }
        same = *computed && is_same(computed, hash);
        explicit_bzero(&data, sizeof(data));
        return same && found;
}
