/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/validator.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "proto/http_date.h"
#include "transfer/transfer_error.h"

#define STRONG_DATE_SEC 60

bool validator_is_resumable(const char *etag, int64_t modified_sec)
{
        return etag || modified_sec != FILE_NO_TIME;
}

bool validator_if_range(const Validator *v, char text[VALIDATOR_TEXT_BYTES])
{
        if (v->etag && strlen(v->etag) < VALIDATOR_TEXT_BYTES) {
                (void) str_copy(text, VALIDATOR_TEXT_BYTES, v->etag);
                return true;
        }
        return v->modified_sec != FILE_NO_TIME && http_date_format(v->modified_sec, text) == 0;
}

uint64_t validator_resume_from(uint64_t done_bytes, uint64_t size_bytes)
{
        bool open_end = size_bytes == BG_SIZE_UNKNOWN || done_bytes >= size_bytes;

        return done_bytes > 0 && open_end ? done_bytes - 1 : done_bytes;
}

int64_t validator_strong_modified(const HttpHead *head)
{
        int64_t age;

        if (head->modified_sec == FILE_NO_TIME || head->date_sec == FILE_NO_TIME ||
            __builtin_sub_overflow(head->date_sec, head->modified_sec, &age) ||
            age < STRONG_DATE_SEC)
                return FILE_NO_TIME;
        return head->modified_sec;
}

static JobError fatal(HRESULT code, const char *text)
{
        return transfer_error_make(code, BG_ERROR_CONTEXT_REMOTE_FILE, true, text);
}

static JobError invalid_answer(const char *text)
{
        return transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_INVALID_SERVER_RESPONSE),
                                   BG_ERROR_CONTEXT_REMOTE_FILE, false, text);
}

/* Same version? Equal strong etags say yes and different ones no. A date speaks only where one
 * side has no etag. */
static bool is_same_version(const Validator *v, const HttpHead *head)
{
        if (v->etag && head->etag[0] != '\0')
                return str_equal(v->etag, head->etag);
        return v->modified_sec != FILE_NO_TIME && v->modified_sec == head->modified_sec;
}

static bool is_wanted_range(const Validator *v, const HttpHead *head)
{
        const HttpContentRange *r = &head->range;

        if (!head->has_range || !r->satisfied || r->first_byte != v->from_byte ||
            r->total_bytes == HTTP_RANGE_UNKNOWN)
                return false;
        if (v->size_bytes != BG_SIZE_UNKNOWN && v->size_bytes != r->total_bytes)
                return false;
        return head->length_bytes == BG_SIZE_UNKNOWN ||
               head->length_bytes == r->last_byte - r->first_byte + 1;
}

static bool is_whole_range(const HttpHead *head)
{
        const HttpContentRange *r = &head->range;

        return head->has_range && r->satisfied && r->first_byte == 0 &&
               r->total_bytes != HTTP_RANGE_UNKNOWN && r->last_byte == r->total_bytes - 1 &&
               (head->length_bytes == BG_SIZE_UNKNOWN || head->length_bytes == r->total_bytes);
}

/* Can this body be stored as it comes, and is its end known? */
static bool body_is_usable(const HttpHead *head, JobError *ret_error)
{
        if (head->encoding[0] != '\0' || head->transfer[0] != '\0') {
                char text[JOB_ERROR_TEXT_BYTES];

                (void) snprintf(text, sizeof(text),
                                "the server encodes the file as \"%s\", which was not asked for",
                                head->encoding[0] != '\0' ? head->encoding : head->transfer);
                *ret_error = fatal(BG_E_INSUFFICIENT_HTTP_SUPPORT, text);
                return false;
        }
        if (head->length_bytes == BG_SIZE_UNKNOWN && !head->chunked && !head->keeps_framing) {
                *ret_error = fatal(BG_E_MISSING_FILE_SIZE,
                                   "the server says neither the size of the file nor where it "
                                   "ends");
                return false;
        }
        return true;
}

static Verdict judge_part(const Validator *v, const HttpHead *head, JobError *ret_error)
{
        if (v->from_byte > 0)
                return is_wanted_range(v, head) && is_same_version(v, head) ? VERDICT_CONTINUE
                                                                            : VERDICT_RETRY;
        if (is_whole_range(head))
                return VERDICT_WHOLE;
        *ret_error = invalid_answer("the server sent a part that nobody asked for");
        return VERDICT_FAIL;
}

Verdict validator_judge(const Validator *v, const HttpHead *head, JobError *ret_error)
{
        if ((head->status == 416 || head->status == 412) && v->from_byte > 0)
                return VERDICT_RETRY;
        if (head->status != 200 && head->status != 206) {
                *ret_error = transfer_error_status(head->status, head->retry_after_sec);
                return VERDICT_FAIL;
        }
        if (!body_is_usable(head, ret_error))
                return VERDICT_FAIL;
        return head->status == 206 ? judge_part(v, head, ret_error) : VERDICT_WHOLE;
}

void validator_extent(const Validator *v, const HttpHead *head, uint64_t *ret_end_bytes,
                      uint64_t *ret_size_bytes)
{
        if (head->status == 206) {
                *ret_end_bytes = head->range.last_byte + 1;
                *ret_size_bytes = head->range.total_bytes;
        } else {
                *ret_end_bytes = *ret_size_bytes = head->length_bytes;
        }
}

/* FNV-1a: the tag only tells versions of one file apart; nobody gains by making two alike. */
static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
        const uint8_t *p = data;

        for (size_t i = 0; i < bytes; i++)
                hash = (hash ^ p[i]) * 0x100000001b3;
        return hash;
}

uint64_t validator_tag(const char *etag, int64_t modified_sec)
{
        uint64_t hash = 0xcbf29ce484222325;

        hash = mix(hash, etag ?: "", etag ? strlen(etag) : 0);
        return mix(hash, &modified_sec, sizeof(modified_sec));
}
