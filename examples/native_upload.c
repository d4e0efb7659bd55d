/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads one file through the native interface. The job completes itself, so it would also do that
 * without this program; it only waits to tell.
 *   cc native_upload.c $(pkg-config --cflags --libs libbits) */
#include <bits_native.h>
#include <stdio.h>

/* Reads the job anew at each event, so that none is too few. */
static HRESULT follow(bits_client *client, bits_events *events, const GUID *id)
{
        BG_JOB_STATE state = BG_JOB_STATE_QUEUED;
        HRESULT hr, error = S_OK;
        bits_job_info *info;
        bits_event *event;

        while (state != BG_JOB_STATE_ACKNOWLEDGED && SUCCEEDED(error)) {
                hr = bits_events_next(events, -1, &event);
                if (SUCCEEDED(hr)) {
                        bits_event_free(event);
                        hr = bits_job_read(client, id, &info);
                }
                if (FAILED(hr))
                        return hr;
                state = info->state;
                error = state == BG_JOB_STATE_ERROR ? info->error_code : S_OK;
                fprintf(stderr, "%s, %llu bytes %s%s\n", bits_state_name(state),
                        (unsigned long long) info->bytes_transferred, bits_why_name(info->why),
                        info->error_text);
                bits_job_info_free(info);
        }
        return error;
}

static HRESULT upload(bits_client *client, const char *path, const char *url)
{
        bits_file_spec file = {url, path};
        bits_events *events = NULL;
        HRESULT hr;
        GUID id;

        hr = bits_job_create(client, "example", BG_JOB_TYPE_UPLOAD, &id);
        if (FAILED(hr))
                return hr;
        hr = bits_events_open(NULL, &id, &events);
        if (SUCCEEDED(hr))
                hr = bits_job_add_files(client, &id, &file, 1);
        if (SUCCEEDED(hr))
                hr = bits_job_set_auto_complete(client, &id, 1);
        if (SUCCEEDED(hr))
                hr = bits_job_resume(client, &id);
        if (SUCCEEDED(hr))
                hr = follow(client, events, &id);
        if (FAILED(hr))
                (void) bits_job_cancel(client, &id);
        bits_events_close(events);
        return hr;
}

int main(int argc, char **argv)
{
        bits_client *client = NULL;
        HRESULT hr;

        if (argc != 3) {
                fprintf(stderr, "usage: native_upload /ABSOLUTE/PATH URL\n");
                return 2;
        }
        hr = bits_connect(NULL, &client);
        if (SUCCEEDED(hr))
                hr = upload(client, argv[1], argv[2]);
        bits_disconnect(client);
        if (FAILED(hr))
                fprintf(stderr, "%s: %s (0x%08x)\n", argv[1], bits_error_text(hr), (unsigned) hr);
        return FAILED(hr);
}
