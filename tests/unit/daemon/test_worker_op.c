/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker may say about an operation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/worker_op.h"

enum { FILE_INDEX = 2 };

static TransferEvent event_of(TransferEventKind kind, uint64_t size_bytes, uint64_t done_bytes)
{
        return (TransferEvent){
                .kind = kind,
                .op = 1,
                .file_index = FILE_INDEX,
                .size_bytes = size_bytes,
                .done_bytes = done_bytes,
                .modified_sec = FILE_NO_TIME,
        };
}

static bool download_may_say(TransferEventKind kind, uint64_t size_bytes, uint64_t done_bytes)
{
        const WorkerOpRules rules = {.kind = WORKER_OP_DOWNLOAD, .file_index = FILE_INDEX};
        TransferEvent ev = event_of(kind, size_bytes, done_bytes);
        bool ends;

        return worker_op_allows(&rules, &ev, &ends);
}

static void a_download_is_done_with_all_of_its_bytes(void **state)
{
        assert_true(download_may_say(TRANSFER_DONE, 1000, 1000));
        assert_true(download_may_say(TRANSFER_DONE, 0, 0));
        assert_true(download_may_say(TRANSFER_DONE, BG_SIZE_UNKNOWN, 1000));
        assert_false(download_may_say(TRANSFER_DONE, 1000, 999));
        assert_false(download_may_say(TRANSFER_DONE, 1000, 1001));
        assert_false(download_may_say(TRANSFER_DONE, 1, 0));
}

static void before_that_it_has_a_part(void **state)
{
        assert_true(download_may_say(TRANSFER_CONNECTED, 1000, 10));
        assert_true(download_may_say(TRANSFER_META, 1000, 10));
        assert_true(download_may_say(TRANSFER_PROGRESS, 1000, 10));
        assert_true(download_may_say(TRANSFER_STOPPED, 1000, 10));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_download_is_done_with_all_of_its_bytes),
                cmocka_unit_test(before_that_it_has_a_part),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
