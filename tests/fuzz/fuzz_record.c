/* SPDX-License-Identifier: Apache-2.0 */
/* Records on bitsd's socket, which the library reads: jobs, files, status. */
#include <string.h>

#include "ipc/record.h"

#include "fuzz.h"

enum { BUFFER_MAX_BYTES = 16 * 1024 * 1024 };

static void check_jobs(const uint8_t *data, size_t bytes)
{
        PackReader r, again_r;
        bits_job_info info = {0}, again = {0};
        Buf b, c;

        buf_init(&b, BUFFER_MAX_BYTES);
        buf_init(&c, BUFFER_MAX_BYTES);
        pack_reader_init(&r, data, bytes);
        if (record_get_job(&r, &info) == 0) {
                FUZZ_CHECK(info.name && info.description && info.error_text);
                record_put_job(&b, &info);
                pack_reader_init(&again_r, b.data, b.len);
                FUZZ_CHECK(record_get_job(&again_r, &again) == 0);
                record_put_job(&c, &again);
                FUZZ_CHECK(b.len == c.len && memcmp(b.data, c.data, b.len) == 0);
        }
        record_done_job(&info);
        record_done_job(&again);
        buf_done(&b);
        buf_done(&c);
}

static void check_files(const uint8_t *data, size_t bytes)
{
        PackReader r, again_r;
        Buf b;

        buf_init(&b, BUFFER_MAX_BYTES);
        pack_reader_init(&r, data, bytes);
        while (!unpack_at_end(&r)) {
                bits_file_info info = {0}, again = {0};
                int rc = record_get_file(&r, &info);

                if (rc == 0) {
                        buf_clear(&b);
                        record_put_file(&b, &info);
                        pack_reader_init(&again_r, b.data, b.len);
                        FUZZ_CHECK(record_get_file(&again_r, &again) == 0);
                        FUZZ_CHECK(strcmp(info.local, again.local) == 0);
                        FUZZ_CHECK(strcmp(info.remote, again.remote) == 0);
                }
                record_done_file(&info);
                record_done_file(&again);
                if (rc < 0)
                        break;
        }
        buf_done(&b);
}

static void check_status(const uint8_t *data, size_t bytes)
{
        bits_status status = {0}, again = {0};
        PackReader r, again_r;
        Buf b, c;

        buf_init(&b, BUFFER_MAX_BYTES);
        buf_init(&c, BUFFER_MAX_BYTES);
        pack_reader_init(&r, data, bytes);
        if (record_get_status(&r, &status) == 0) {
                FUZZ_CHECK(status.version && status.state_dir && status.store_note);
                record_put_status(&b, &status);
                pack_reader_init(&again_r, b.data, b.len);
                FUZZ_CHECK(record_get_status(&again_r, &again) == 0);
                record_put_status(&c, &again);
                FUZZ_CHECK(b.len == c.len && memcmp(b.data, c.data, b.len) == 0);
        }
        record_done_status(&status);
        record_done_status(&again);
        buf_done(&b);
        buf_done(&c);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        check_jobs(data, bytes);
        check_files(data, bytes);
        check_status(data, bytes);
}
