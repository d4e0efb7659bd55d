/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without libFuzzer: over every file of the directories named, over beginnings
 * of each, and over copies with some bytes changed, which are the same each time (the generator
 * starts from the file's own bytes). Usage: fuzz-NAME DIRECTORY… */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 1024 * 1024,
        CUTS = 8,
        CHANGES = 24,
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* xorshift64*: any seed but 0. */
static uint64_t next_random(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * UINT64_C(2685821657736338717);
}

/* On a heap block of the exact size, for the address sanitizer. */
static void run_copy(const uint8_t *data, size_t bytes)
{
        uint8_t *copy = mem_alloc(bytes > 0 ? bytes : 1);

        FUZZ_CHECK(copy);
        if (bytes > 0)
                memcpy(copy, data, bytes);
        (void) LLVMFuzzerTestOneInput(copy, bytes);
        mem_free(copy);
}

static void run_changed(uint8_t *data, size_t bytes, uint64_t *random)
{
        uint8_t old[4];
        size_t at[4];

        for (size_t i = 0; i < 4; i++) {
                at[i] = next_random(random) % bytes;
                old[i] = data[at[i]];
                data[at[i]] = (uint8_t) next_random(random);
                if (next_random(random) % 2)
                        data[at[i]] = data[next_random(random) % bytes];
        }
        run_copy(data, bytes);
        for (size_t i = 4; i-- > 0;)
                data[at[i]] = old[i];
}

static void run_variations(uint8_t *data, size_t bytes)
{
        uint64_t random = 88172645463325252;

        for (size_t i = 0; i < CUTS && bytes > CUTS; i++)
                run_copy(data, bytes * i / CUTS);
        for (size_t i = 0; i < bytes; i++)
                random = random * 31 + data[i];
        random |= 1;
        for (unsigned i = 0; i < CHANGES && bytes > 0; i++)
                run_changed(data, bytes, &random);
}

static unsigned run_file(const char *directory, const char *leaf, bool varied)
{
        char *path = mem_printf("%s/%s", directory, leaf);
        uint8_t *data = mem_alloc(INPUT_MAX_BYTES);
        FILE *file = path ? fopen(path, "rbe") : NULL;
        size_t bytes;

        if (!data || !file) {
                (void) fprintf(stderr, "%s/%s: %s\n", directory, leaf, strerror(errno));
                exit(1);
        }
        (void) fprintf(stderr, "%s\n", path);
        bytes = fread(data, 1, INPUT_MAX_BYTES, file);
        (void) fclose(file);
        run_copy(data, bytes);
        if (varied)
                run_variations(data, bytes);
        mem_free(data);
        mem_free(path);
        return 1;
}

static unsigned run_directory(const char *path, bool varied)
{
        struct dirent **entries;
        unsigned n = 0;
        int len = scandir(path, &entries, NULL, alphasort);

        for (int i = 0; i < len; i++) {
                if (entries[i]->d_name[0] != '.')
                        n += run_file(path, entries[i]->d_name, varied);
                mem_free(entries[i]);
        }
        if (len >= 0)
                mem_free(entries);
        return n;
}

int main(int argc, char **argv)
{
        bool varied = argc < 2 || strcmp(argv[1], "--as-they-are") != 0;
        unsigned n = 0;

        (void) LLVMFuzzerInitialize(&argc, &argv);
        for (int i = varied ? 1 : 2; i < argc; i++)
                n += run_directory(argv[i], varied);
        (void) printf("%u inputs\n", n);
        return n > 0 ? 0 : 1; /* a corpus that is not found is no success */
}
