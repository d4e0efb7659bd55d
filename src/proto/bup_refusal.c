/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_refusal.h"

#include "bitsmsg.h"
#include "proto/bup_packet.h"

typedef struct Row {
        uint16_t status;
        HRESULT error; /* S_OK: the status says it all */
        BG_ERROR_CONTEXT context;
        const char *text;
} Row;

#define BAD(text)                                                                                  \
        {                                                                                          \
                400, E_INVALIDARG, BG_ERROR_CONTEXT_REMOTE_FILE, text                              \
        }
#define FILE_ERROR(status, code, text)                                                             \
        {                                                                                          \
                status, code, BG_ERROR_CONTEXT_REMOTE_FILE, text                                   \
        }
#define STATUS(status, text)                                                                       \
        {                                                                                          \
                status, S_OK, BG_ERROR_CONTEXT_NONE, text                                          \
        }

static const Row ROWS[BUP_REFUSAL_MAX] = {
        [BUP_FINE] = STATUS(200, "fine"),
        [BUP_BAD_VALUE_LENGTH] = BAD("a header value is over 4 KiB"),
        [BUP_BAD_REPEATED] = BAD("a header stands twice with different values"),
        [BUP_BAD_PACKET_TYPE] = BAD("packet type missing or unknown"),
        [BUP_BAD_LENGTH] = BAD("Content-Length is no number"),
        [BUP_NO_LENGTH] = FILE_ERROR(411, E_INVALIDARG, "no Content-Length"),
        [BUP_BAD_BODY] = BAD("a body on a packet that has none"),
        [BUP_BAD_ENCODING] = BAD("encoded content"),
        [BUP_NO_PROTOCOLS] = BAD("no list of protocols"),
        [BUP_NO_COMMON_PROTOCOL] = BAD("no common protocol"),
        [BUP_BAD_SESSION_ID] = BAD("session id missing or malformed"),
        [BUP_BAD_RANGE] = BAD("Content-Range missing or malformed"),
        [BUP_BAD_RANGE_LENGTH] = BAD("Content-Range and Content-Length differ"),
        [BUP_UNEXPECTED] = BAD("unexpected packet"),
        [BUP_TOTAL_CHANGED] = BAD("the total length changed"),
        [BUP_TARGET_CHANGED] = BAD("the URL is not that of the session"),
        [BUP_CLOSED_EARLY] = BAD("closed before the last byte"),
        [BUP_FILE_TOO_LARGE] = FILE_ERROR(500, BG_E_TOO_LARGE, "the file is too large"),
        [BUP_FRAGMENT_TOO_LARGE] = STATUS(413, "the fragment is too large"),
        [BUP_SESSION_UNKNOWN] = FILE_ERROR(500, BG_E_SESSION_NOT_FOUND, "unknown session"),
        [BUP_UPLOADS_DISABLED] = FILE_ERROR(501, E_ACCESSDENIED, "uploads are disabled"),
        [BUP_DENIED] = FILE_ERROR(403, E_ACCESSDENIED, "access denied"),
        [BUP_EXECUTE_ENABLED] =
                FILE_ERROR(403, BG_E_SERVER_EXECUTE_ENABLE, "the directory allows execution"),
        [BUP_DIRECTORY_MISSING] =
                FILE_ERROR(404, HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND), "no such directory"),
        [BUP_TARGET_IS_DIRECTORY] = BAD("the target is a directory"),
        [BUP_TARGET_EXISTS] = FILE_ERROR(403, E_ACCESSDENIED, "the target exists"),
        [BUP_TARGET_BUSY] = FILE_ERROR(409, HRESULT_FROM_WIN32(ERROR_SHARING_VIOLATION),
                                       "another session writes the target"),
        [BUP_TARGET_VANISHED] = STATUS(404, "the uploaded data is gone"),
        [BUP_URL_TOO_LONG] = BAD("the reply URL is over 2200 characters"),
        [BUP_DISK_FULL] = FILE_ERROR(500, HRESULT_FROM_WIN32(ERROR_DISK_FULL), "disk full"),
        [BUP_IO_ERROR] = FILE_ERROR(500, HRESULT_FROM_WIN32(ERROR_WRITE_FAULT), "write error"),
        [BUP_NO_MEMORY] = FILE_ERROR(500, E_OUTOFMEMORY, "out of memory"),
        [BUP_OVERLOADED] = STATUS(503, "overloaded"),
        [BUP_APPLICATION_TIMED_OUT] = {408, HRESULT_FROM_WIN32(ERROR_TIMEOUT),
                                       BG_ERROR_CONTEXT_REMOTE_APPLICATION,
                                       "the application did not answer in time"},
};

void bup_refuse(BupRefusal why, BupAck *ret)
{
        const Row *row = &ROWS[why];

        bup_ack_init(ret, row->status);
        ret->error = row->error;
        ret->context = row->context;
}

void bup_refuse_application(uint16_t status, BupAck *ret)
{
        uint16_t shown = status >= 300 && status <= 599 ? status : 502;

        bup_ack_init(ret, shown);
        ret->error = (HRESULT) (0x80190000u + (status > 0 && status <= 999 ? status : shown));
        ret->context = BG_ERROR_CONTEXT_REMOTE_APPLICATION;
}

const char *bup_refusal_text(BupRefusal why)
{
        return why < BUP_REFUSAL_MAX ? ROWS[why].text : "unknown";
}
