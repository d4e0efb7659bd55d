/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/guid.h"
#include "base/str.h"
#include "ipc/protocol.h"
#include "ipc/record.h"
#include "link.h"

/* No record is shorter (its length, numbers and empty strings), so a count that could not fit is
 * refused before memory is taken for it. */
enum { JOB_RECORD_MIN_BYTES = 100, FILE_RECORD_MIN_BYTES = 24 };

/* Room for schemes that a later service may know. */
enum { CREDENTIALS_MAX = 64, LINES_MAX = 64 };

DEFINE_CLEANUP(bits_job_info *, bits_job_info_free)
DEFINE_CLEANUP(bits_job_list *, bits_job_list_free)
DEFINE_CLEANUP(bits_file_list *, bits_file_list_free)
DEFINE_CLEANUP(bits_status *, bits_status_free)

static HRESULT codec_result(int r)
{
        return r >= 0 ? S_OK : r == -ENOMEM ? E_OUTOFMEMORY : HR_CALL_FAILED;
}

static HRESULT open_record(sd_bus_message *m, PackReader *ret)
{
        const void *bytes;
        size_t n;

        if (sd_bus_message_read_array(m, 'y', &bytes, &n) < 0)
                return HR_CALL_FAILED;
        pack_reader_init(ret, bytes, n);
        return S_OK;
}

/* Also reads the number of records that follow. */
static HRESULT open_list(sd_bus_message *m, size_t record_min_bytes, PackReader *ret,
                         uint32_t *ret_count)
{
        HRESULT hr = open_record(m, ret);

        if (FAILED(hr))
                return hr;
        *ret_count = unpack_u32(ret);
        if (pack_reader_end(ret) < 0 || *ret_count > (ret->len - ret->pos) / record_min_bytes)
                return HR_CALL_FAILED;
        return S_OK;
}

HRESULT decode_id(sd_bus_message *m, void *ctx)
{
        const void *bytes;
        size_t n;

        if (sd_bus_message_read_array(m, 'y', &bytes, &n) < 0 || n != 16)
                return HR_CALL_FAILED;
        *(GUID *) ctx = guid_from_bytes(bytes);
        return S_OK;
}

HRESULT decode_hresult(sd_bus_message *m, void *ctx)
{
        uint32_t code;

        if (sd_bus_message_read(m, "u", &code) < 0)
                return HR_CALL_FAILED;
        *(HRESULT *) ctx = (HRESULT) code;
        return S_OK;
}

HRESULT decode_job(sd_bus_message *m, void *ctx)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        PackReader reader;
        HRESULT hr;

        hr = open_record(m, &reader);
        if (FAILED(hr))
                return hr;
        info = mem_new(bits_job_info);
        if (!info)
                return E_OUTOFMEMORY;
        hr = codec_result(record_get_job(&reader, info));
        if (SUCCEEDED(hr))
                *(bits_job_info **) ctx = TAKE_PTR(info);
        return hr;
}

HRESULT decode_job_list(sd_bus_message *m, void *ctx)
{
        _cleanup_(bits_job_list_freep) bits_job_list *list = mem_new(bits_job_list);
        PackReader reader;
        uint32_t count;
        HRESULT hr;

        if (!list)
                return E_OUTOFMEMORY;
        hr = open_list(m, JOB_RECORD_MIN_BYTES, &reader, &count);
        if (FAILED(hr))
                return hr;
        list->jobs = mem_array(count ? count : 1, sizeof(*list->jobs));
        if (!list->jobs)
                return E_OUTOFMEMORY;
        while (list->count < count) {
                hr = codec_result(record_get_job(&reader, &list->jobs[list->count++]));
                if (FAILED(hr))
                        return hr;
        }
        *(bits_job_list **) ctx = TAKE_PTR(list);
        return S_OK;
}

HRESULT decode_file_list(sd_bus_message *m, void *ctx)
{
        _cleanup_(bits_file_list_freep) bits_file_list *list = mem_new(bits_file_list);
        PackReader reader;
        uint32_t count;
        HRESULT hr;

        if (!list)
                return E_OUTOFMEMORY;
        hr = open_list(m, FILE_RECORD_MIN_BYTES, &reader, &count);
        if (FAILED(hr))
                return hr;
        list->files = mem_array(count ? count : 1, sizeof(*list->files));
        if (!list->files)
                return E_OUTOFMEMORY;
        while (list->count < count) {
                hr = codec_result(record_get_file(&reader, &list->files[list->count++]));
                if (FAILED(hr))
                        return hr;
        }
        *(bits_file_list **) ctx = TAKE_PTR(list);
        return S_OK;
}

HRESULT decode_file(sd_bus_message *m, void *ctx)
{
        _cleanup_(bits_file_list_freep) bits_file_list *list = NULL;
        HRESULT hr = decode_file_list(m, &list);

        if (FAILED(hr))
                return hr;
        if (list->count != 1)
                return HR_CALL_FAILED;
        *(bits_file_list **) ctx = TAKE_PTR(list);
        return S_OK;
}

HRESULT decode_reply(sd_bus_message *m, void *ctx)
{
        ReplyAnswer *answer = ctx;
        const void *bytes;
        uint32_t result;
        uint64_t total;
        size_t n;

        if (sd_bus_message_read(m, "ut", &result, &total) < 0 ||
            sd_bus_message_read_array(m, 'y', &bytes, &n) < 0)
                return HR_CALL_FAILED;
        if ((HRESULT) result == BG_E_TOO_LARGE) {
                *answer = (ReplyAnswer){.result = BG_E_TOO_LARGE, .bytes = total};
                return S_OK;
        }
        if (result != S_OK || n != total || n > IPC_REPLY_BYTES_MAX)
                return HR_CALL_FAILED;
        *answer = (ReplyAnswer){.bytes = total};
        if (n == 0)
                return S_OK;
        answer->data = mem_alloc(n);
        if (!answer->data)
                return E_OUTOFMEMORY;
        memcpy(answer->data, bytes, n);
        return S_OK;
}

HRESULT decode_number(sd_bus_message *m, void *ctx)
{
        return sd_bus_message_read(m, "u", (uint32_t *) ctx) < 0 ? HR_CALL_FAILED : S_OK;
}

HRESULT decode_credentials(sd_bus_message *m, void *ctx)
{
        _cleanup_free_ bits_credential *slots = mem_array(CREDENTIALS_MAX, sizeof(*slots));
        uint32_t target, scheme;
        int implicit, r;
        size_t n = 0;

        if (!slots)
                return E_OUTOFMEMORY;
        if (sd_bus_message_enter_container(m, 'a', "(uub)") < 0)
                return HR_CALL_FAILED;
        while ((r = sd_bus_message_read(m, "(uub)", &target, &scheme, &implicit)) > 0) {
                if (n == CREDENTIALS_MAX)
                        return HR_CALL_FAILED;
                slots[n++] = (bits_credential){(BG_AUTH_TARGET) target, (BG_AUTH_SCHEME) scheme,
                                               implicit != 0};
        }
        if (r < 0)
                return HR_CALL_FAILED;
        *(CredentialsAnswer *) ctx = (CredentialsAnswer){n > 0 ? TAKE_PTR(slots) : NULL, n};
        return S_OK;
}

static int read_line(sd_bus_message *m, bits_line *line)
{
        const char *name;
        uint8_t down, up;
        int r = sd_bus_message_read(
                m, "(sttttttttyyuuuu)", &name, &line->capacity_bps[0], &line->capacity_bps[1],
                &line->own_bps[0], &line->own_bps[1], &line->foreground_bps[0],
                &line->foreground_bps[1], &line->foreign_bps[0], &line->foreign_bps[1], &down, &up,
                &line->connections, &line->yielding, &line->base_usec, &line->queue_usec);

        if (r > 0) {
                (void) str_copy(line->interface_name, sizeof(line->interface_name), name);
                line->governor[0] = (bits_governor) down;
                line->governor[1] = (bits_governor) up;
        }
        return r;
}

HRESULT decode_lines(sd_bus_message *m, void *ctx)
{
        _cleanup_free_ bits_line *lines = mem_array(LINES_MAX, sizeof(*lines));
        bits_line line = {0};
        uint64_t wall_usec;
        size_t n = 0;
        int r;

        if (!lines)
                return E_OUTOFMEMORY;
        if (sd_bus_message_read(m, "t", &wall_usec) <= 0 ||
            sd_bus_message_enter_container(m, 'a', "(sttttttttyyuuuu)") < 0)
                return HR_CALL_FAILED;
        while ((r = read_line(m, &line)) > 0) {
                if (n == LINES_MAX)
                        return HR_CALL_FAILED;
                lines[n++] = line;
        }
        if (r < 0)
                return HR_CALL_FAILED;
        *(LinesAnswer *) ctx = (LinesAnswer){n > 0 ? TAKE_PTR(lines) : NULL, n,
                                             filetime_from_wall_usec(wall_usec)};
        return S_OK;
}

HRESULT decode_status(sd_bus_message *m, void *ctx)
{
        _cleanup_(bits_status_freep) bits_status *status = NULL;
        PackReader reader;
        HRESULT hr;

        hr = open_record(m, &reader);
        if (FAILED(hr))
                return hr;
        status = mem_new(bits_status);
        if (!status)
                return E_OUTOFMEMORY;
        hr = codec_result(record_get_status(&reader, status));
        if (SUCCEEDED(hr))
                *(bits_status **) ctx = TAKE_PTR(status);
        return hr;
}

_public_ void bits_job_info_free(bits_job_info *info)
{
        if (!info)
                return;
        record_done_job(info);
        mem_free(info);
}

_public_ void bits_job_list_free(bits_job_list *list)
{
        if (!list)
                return;
        for (size_t i = 0; i < list->count; i++)
                record_done_job(&list->jobs[i]);
        mem_free(list->jobs);
        mem_free(list);
}

_public_ void bits_file_list_free(bits_file_list *list)
{
        if (!list)
                return;
        for (size_t i = 0; i < list->count; i++)
                record_done_file(&list->files[i]);
        mem_free(list->files);
        mem_free(list);
}

_public_ void bits_status_free(bits_status *status)
{
        if (!status)
                return;
        record_done_status(status);
        mem_free(status);
}
