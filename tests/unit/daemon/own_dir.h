/* SPDX-License-Identifier: Apache-2.0 */
/* A private directory for each test: *state is its path. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
        return remove(path);
}

static inline int own_dir_make(void **state)
{
        char *dir = mem_strdup("/tmp/test-bitsd-XXXXXX");

        *state = dir ? mkdtemp(dir) : NULL;
        return *state ? 0 : -1;
}

static inline int own_dir_remove(void **state)
{
        int r = nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS);

        mem_free(*state);
        return r;
}

#define own_dir_test(f) cmocka_unit_test_setup_teardown(f, own_dir_make, own_dir_remove)
