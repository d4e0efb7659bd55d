/* SPDX-License-Identifier: Apache-2.0 */
/* Downloads one file through the native interface: UTF-8, no COM, and events instead of polling.
 *   cc native_download.c $(pkg-config --cflags --libs libbits) */
#include <bits_native.h>
#include <stdio.h>

static int explain(const char *what, HRESULT hr)
{
        const char *message = bits_last_message();

        fprintf(stderr, "%s: %s (0x%08x)\n", what, *message ? message : bits_error_text(hr),
                (unsigned) hr);
        return 1;
}

static BG_JOB_STATE show(const bits_job_info *info)
{
        fprintf(stderr, "%s, %llu bytes %s\n", bits_state_name(info->state),
                (unsigned long long) info->bytes_transferred, bits_why_name(info->why));
        return info->state;
}

/* Follows the job until it has come to rest. */
static HRESULT follow(bits_client *client, bits_events *events, const GUID *id,
                      BG_JOB_STATE *ret_state)
{
        bits_job_info *info;
        bits_event *event;
        HRESULT hr;

        *ret_state = BG_JOB_STATE_QUEUED;
        while (*ret_state != BG_JOB_STATE_TRANSFERRED && *ret_state != BG_JOB_STATE_ERROR) {
                hr = bits_events_next(events, -1, &event);
                if (FAILED(hr))
                        return hr;
                if (event->kind == BITS_EVENT_CHANGED)
                        *ret_state = show(event->info);
                else if (event->kind == BITS_EVENT_RECONNECTED) { /* something may be missed */
                        hr = bits_job_read(client, id, &info);
                        if (SUCCEEDED(hr)) {
                                *ret_state = show(info);
                                bits_job_info_free(info);
                        }
                }
                bits_event_free(event);
        }
        return S_OK;
}

static HRESULT download(bits_client *client, const char *url, const char *path)
{
        bits_file_spec file = {url, path};
        BG_JOB_STATE state;
        bits_events *events;
        HRESULT hr;
        GUID id;

        hr = bits_job_create(client, "example", BG_JOB_TYPE_DOWNLOAD, &id);
        if (FAILED(hr))
                return hr;
        hr = bits_events_open(NULL, &id, &events); /* before Resume, so that nothing is missed */
        if (FAILED(hr)) {
                (void) bits_job_cancel(client, &id);
                return hr;
        }
        hr = bits_job_add_files(client, &id, &file, 1);
        if (SUCCEEDED(hr))
                hr = bits_job_resume(client, &id);
        if (SUCCEEDED(hr))
                hr = follow(client, events, &id, &state);
        if (SUCCEEDED(hr))
                hr = state == BG_JOB_STATE_TRANSFERRED ? bits_job_complete(client, &id) : E_FAIL;
        if (FAILED(hr))
                (void) bits_job_cancel(client, &id);
        bits_events_close(events);
        return hr;
}

int main(int argc, char **argv)
{
        bits_client *client;
        HRESULT hr;

        if (argc != 3) {
                fprintf(stderr, "usage: native_download URL /ABSOLUTE/PATH\n");
                return 2;
        }
        hr = bits_connect(NULL, &client);
        if (FAILED(hr))
                return explain("cannot reach the service", hr);
        hr = download(client, argv[1], argv[2]);
        bits_disconnect(client);
        return FAILED(hr) ? explain(argv[1], hr) : 0;
}
