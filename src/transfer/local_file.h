/* SPDX-License-Identifier: Apache-2.0 */
/* The temporary file of a download: hidden, exclusive, 0600, beside the destination, written from
 * the front. Everything goes through a descriptor of the directory, and nothing through a link.
 *
 * A tag, kept in an extended attribute, names the version of the remote file that the bytes belong
 * to. The queue may forget that a file was begun anew (a crash before its commit); the tag in the
 * file cannot, so that bytes of two versions never meet even when a server swings back. File
 * systems without such attributes have only the queue's word, so there the queue is told first
 * (target.h).
 *
 * Functions return 0 or a negative errno. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "engine/port/transfer.h"

typedef struct LocalFile {
        int dir_fd; /* O_PATH; -1 = not open */
        int fd;     /* -1 = not open */
        char leaf[TEMP_LEAF_BYTES];
        uint64_t written_bytes;    /* good bytes from offset 0 */
        uint64_t write_back_bytes; /* of these, handed to the disk */
} LocalFile;

void local_file_init(LocalFile *f);
void local_file_done(LocalFile *f); /* closes; what is there stays */

/* Opens the directory of `local`. Nothing is created yet. */
_must_use_ int local_file_open_dir(LocalFile *f, const char *local, const GUID *job,
                                   uint32_t file_index);
/* Opens what an earlier operation left, when it holds `bytes` bytes of the version `tag`: 1, cut to
 * that length, or 0 when there is no such file. */
_must_use_ int local_file_open_partial(LocalFile *f, uint64_t bytes, uint64_t tag);
/* Creates it empty; a leftover of ours of the same name goes first. */
_must_use_ int local_file_create(LocalFile *f);
/* Keeps room on the disk for a file of `size_bytes`. 0 where that cannot be done. */
_must_use_ int local_file_reserve(LocalFile *f, uint64_t size_bytes);
_must_use_ int local_file_set_tag(LocalFile *f, uint64_t tag);
/* False where the file system has no attributes. */
bool local_file_can_tag(const LocalFile *f);
/* Appends; on failure written_bytes tells how much arrived. */
_must_use_ int local_file_append(LocalFile *f, const void *data, uint64_t bytes);
/* Goes back so that the next byte is written at `offset_bytes`, which is not over the end. */
void local_file_rewind(LocalFile *f, uint64_t offset_bytes);
/* The file is whole: sets its time (FILE_NO_TIME: leaves it) and closes it. */
_must_use_ int local_file_finish(LocalFile *f, int64_t modified_sec);
/* Removes it, when it is there and ours. Whoever only tidies up may ignore the result. */
int local_file_remove(LocalFile *f);
/* True for a regular file of this user with one name: no stranger's file, no link. */
struct stat;
bool local_file_is_ours(const struct stat *st);
