/* SPDX-License-Identifier: Apache-2.0 */
/* A key as a file: read with suspicion, made so that it is there whole or not at all. Functions
 * return 0, a positive KeyFileOutcome where they say so, or a negative errno; after anything but
 * 0 and KEY_FILE_NONE the text in *why tells what is wrong with which file. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vault/vault_key.h"
#include "vault/vault_why.h"

typedef enum KeyFileOutcome {
        KEY_FILE_READ,
        KEY_FILE_NONE,    /* not there */
        KEY_FILE_REFUSED, /* a link, not a file, not ours, open to others, unreadable, no key */
} KeyFileOutcome;

/* A directory that holds key files. */
typedef struct KeyDir {
        int fd;
        const char *path; /* for texts; borrowed */
        uid_t uid;        /* whose files are trusted */
        bool handed;      /* filled by the service manager: root's files are trusted too, and a
                             group may read, because ACLs show as group bits */
} KeyDir;

/* 0, KEY_FILE_NONE when there is no such directory, KEY_FILE_REFUSED when it is none of ours to
 * enter. The caller closes ret->fd (key_dir_close). */
_must_use_ int key_dir_open(const char *path, uid_t uid, bool handed, KeyDir *ret, VaultWhy *why);
void key_dir_close(KeyDir *dir);

_must_use_ int key_file_read(const KeyDir *dir, const char *leaf, VaultKey *ret, VaultWhy *why);
/* Mode 0600, on disk with its name when this returns 0. -EEXIST: there is one already. After any
 * failure there is no file of that name that was not there before. */
_must_use_ int key_file_make(const KeyDir *dir, const char *leaf, const VaultKey *key,
                             VaultWhy *why);
/* Puts `from` in the place of `to`, and on disk. */
_must_use_ int key_file_replace(const KeyDir *dir, const char *from, const char *to, VaultWhy *why);
/* 0 also when there is none; gone from the disk when this returns. */
_must_use_ int key_file_remove(const KeyDir *dir, const char *leaf, VaultWhy *why);
/* Makes sure that the file and its name are on disk, whoever has written it. */
_must_use_ int key_file_sync(const KeyDir *dir, const char *leaf, VaultWhy *why);
