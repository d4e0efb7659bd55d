/* SPDX-License-Identifier: Apache-2.0 */
/* The user's files and a server's files, as far as the engine's promises concern them: which
 * version of which remote file a temporary or final file holds, how much of it, and how much of
 * that survives power loss. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wintypes.h"

typedef struct FakeTemp {
        bool used;
        GUID job;
        uint32_t index;
        uint32_t version;
        uint64_t bytes;
        uint64_t synced;
        bool named; /* the directory entry is on disk too */
} FakeTemp;

typedef struct FakeFinal {
        char *path;
        uint32_t version;
        uint64_t bytes;
        bool durable;  /* the rename survives power loss */
        FakeTemp from; /* what it was, for a rename that did not */
} FakeFinal;

typedef struct FakeRemote {
        char *url;
        uint32_t version;
        uint64_t size;
} FakeRemote;

typedef struct FakeDisk {
        FakeTemp *temps;
        uint32_t temps_len;
        FakeFinal *finals;
        uint32_t finals_len;
        FakeRemote *remotes;
        uint32_t remotes_len;
        uint64_t default_size;
} FakeDisk;

void fake_disk_init(FakeDisk *d);
void fake_disk_done(FakeDisk *d);

/* The server's file; comes into being with version 1 and the default size. */
FakeRemote *fake_disk_remote(FakeDisk *d, const char *url);

/* NULL when there is none. */
FakeTemp *fake_disk_temp(const FakeDisk *d, const GUID *job, uint32_t index);
/* An empty one, replacing what was there. */
FakeTemp *fake_disk_make_temp(FakeDisk *d, const GUID *job, uint32_t index, uint32_t version);
void fake_disk_remove_temps(FakeDisk *d, const GUID *job);
uint32_t fake_disk_count_temps(const FakeDisk *d, const GUID *job);

const FakeFinal *fake_disk_final(const FakeDisk *d, const char *path);
/* Renames the temporary file. */
void fake_disk_publish(FakeDisk *d, const FakeTemp *temp, const char *path);
void fake_disk_harden(FakeDisk *d);
/* What was not synced is gone; of the renames not hardened, those for which `reverts` says so. */
void fake_disk_power_loss(FakeDisk *d, bool (*reverts)(void *ctx), void *ctx);
