/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bitsctl, one word a line: options, their values, addresses in words. */
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/utf.h"
#include "cli/options.h"
#include "cli/url_name.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 4096,
        WORDS_MAX = 64,
        RATE_BYTES_MAX = 32,
};

static void check_name(const char *word)
{
        char *name = url_file_name(word);
        const char *file = url_split_file(word);
        char *with;

        if (name) {
                FUZZ_CHECK(*name && *name != '.' && strlen(name) <= 255 && !strchr(name, '/'));
                FUZZ_CHECK(utf8_is_valid(name, strlen(name)) || !utf8_is_valid(word, strlen(word)));
        }
        FUZZ_CHECK(!file || (file >= word && file < word + strlen(word) && *file == '='));
        if (url_is_http(word) && !url_upload_problem(word)) {
                with = url_with_file_name(word, "a b%.bin");
                FUZZ_CHECK(with && strncmp(with, word, 4) == 0);
                mem_free(with);
        }
        mem_free(name);
}

/* A plain number is the same in every grammar of numbers. */
static void check_numbers(const char *word)
{
        uint64_t plain = 0, size = 0, duration = 0;
        uint32_t small = 0;
        bool truth = false;
        int is_plain = parse_u64(word, &plain), is_small = parse_u32(word, &small);

        if (parse_size(word, &size) < 0)
                size = 0;
        if (parse_duration(word, &duration) < 0)
                duration = 0;
        if (is_plain == 0)
                FUZZ_CHECK(size == plain && duration == plain);
        FUZZ_CHECK((is_small == 0) == (is_plain == 0 && plain <= UINT32_MAX));
        FUZZ_CHECK(is_small < 0 || small == plain);
        if (parse_bool(word, &truth) == 0)
                FUZZ_CHECK(strlen(word) <= 5);
}

/* With its unit or without, a rate is a size. */
static void check_rate(const char *word)
{
        char *words[] = {mem_strdup("set"), mem_strdup("--limit-rate"), mem_printf("%s/s", word)};
        UsageError error = {0};
        Options options;
        uint64_t size = 0;
        bool fits = strlen(word) < RATE_BYTES_MAX;

        FUZZ_CHECK(words[0] && words[1] && words[2]);
        options_parse(ARRAY_LEN(words), words, &options, &error);
        if (!error.text)
                FUZZ_CHECK(parse_size(word, &size) == 0 && options.limit_bps == size);
        else
                FUZZ_CHECK(!fits || parse_size(word, &size) < 0);
        options_done(&options);
        usage_error_done(&error);
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                mem_free(words[i]);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        char *words[WORDS_MAX + 1] = {0};
        UsageError error = {0};
        Options options;
        int n = 0;

        if (bytes > INPUT_MAX_BYTES)
                return;
        while (in.left > 0 && n < WORDS_MAX)
                words[n++] = fuzz_line(&in, INPUT_MAX_BYTES);
        options_parse(n, words, &options, &error);
        FUZZ_CHECK(options.n_args <= (size_t) n);
        FUZZ_CHECK(options.verb || options.n_args == 0);
        FUZZ_CHECK(!error.text || *error.text);
        options_done(&options);
        usage_error_done(&error);
        for (int i = 0; i < n; i++) {
                check_name(words[i]);
                check_numbers(words[i]);
                check_rate(words[i]);
                mem_free(words[i]);
        }
}
