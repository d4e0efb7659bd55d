/* SPDX-License-Identifier: Apache-2.0 */
/* The heads of answers, line by line as curl hands them over: of downloads (http_head, validator)
 * and of upload packets (ack_head). */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "transfer/ack_head.h"
#include "transfer/validator.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 16 * 1024 };

#define NOW_SEC 1767225600

static void check_head(const HttpHead *h)
{
        FUZZ_CHECK(strlen(h->etag) < sizeof(h->etag));
        FUZZ_CHECK(strlen(h->location) < sizeof(h->location));
        FUZZ_CHECK(strlen(h->encoding) < sizeof(h->encoding));
        FUZZ_CHECK(!h->has_range || h->range_seen);
        FUZZ_CHECK(h->seen_bytes <= HTTP_HEAD_MAX_BYTES);
}

/* What is taken as a continuation begins exactly where we are, and belongs to what we have. */
static void judge(const HttpHead *h, FuzzInput *in)
{
        Validator v = {.etag = fuzz_bool(in) ? "\"v1\"" : NULL,
                       .modified_sec = fuzz_bool(in) ? 784111777 : FILE_NO_TIME,
                       .size_bytes = fuzz_bool(in) ? 100 : BG_SIZE_UNKNOWN,
                       .from_byte = fuzz_below(in, 100)};
        JobError error = {0};
        uint64_t end = 0, size = 0;

        switch (validator_judge(&v, h, &error)) {
        case VERDICT_CONTINUE:
                FUZZ_CHECK(h->status == 206 && h->has_range && h->range.satisfied);
                FUZZ_CHECK(h->range.first_byte == v.from_byte);
                FUZZ_CHECK(v.size_bytes == BG_SIZE_UNKNOWN ||
                           h->range.total_bytes == HTTP_RANGE_UNKNOWN ||
                           h->range.total_bytes == v.size_bytes);
                validator_extent(&v, h, &end, &size);
                FUZZ_CHECK(end >= v.from_byte && end <= size);
                break;
        case VERDICT_WHOLE:
                validator_extent(&v, h, &end, &size);
                FUZZ_CHECK(end <= size);
                break;
        case VERDICT_FAIL:
                FUZZ_CHECK(FAILED(error.code));
                break;
        default:
                break;
        }
        (void) validator_strong_modified(h);
}

static void read_ack(const AckHead *h)
{
        BupAck ack;

        FUZZ_CHECK(ack_head_read(h, NOW_SEC, &ack) == 0);
        FUZZ_CHECK(ack.status == h->status);
        FUZZ_CHECK(strlen(ack.session_id) < sizeof(ack.session_id));
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes}, wishes;
        HttpHead head = {0};
        AckHead ack;
        bool head_fails = false, ack_fails = false;

        if (bytes > INPUT_MAX_BYTES)
                return;
        wishes = (FuzzInput){data, bytes < 4 ? bytes : 4};
        in.data += wishes.left;
        in.left -= wishes.left;
        ack_head_init(&ack);
        while (in.left > 0) {
                const uint8_t *end = memchr(in.data, '\n', in.left);
                size_t len = end ? (size_t) (end - in.data) + 1 : in.left;
                char *line = mem_alloc(len);

                FUZZ_CHECK(line);
                memcpy(line, in.data, len);
                in.data += len;
                in.left -= len;
                if (!head_fails) {
                        int r = http_head_feed(&head, line, len, NOW_SEC);

                        head_fails = r < 0;
                        check_head(&head);
                        if (r == 1)
                                judge(&head, &wishes);
                }
                if (!ack_fails) {
                        int r = ack_head_feed(&ack, line, len);

                        ack_fails = r < 0;
                        if (r == 1)
                                read_ack(&ack);
                }
                mem_free(line);
        }
        ack_head_done(&ack);
}
