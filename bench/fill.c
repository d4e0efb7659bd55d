/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmark client: `fill COUNT URL DIR` creates COUNT downloads with a file each and resumes them
 * over one connection; `fill --upload COUNT URL DIR` the same with uploads that complete
 * themselves; `fill --list` lists all jobs once. Prints the seconds it took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bits_native.h"

static double seconds_now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int fail(const char *what, HRESULT hr)
{
        fprintf(stderr, "fill: %s: 0x%08X %s %s\n", what, (unsigned) hr, bits_error_text(hr),
                bits_last_message());
        return 1;
}

static HRESULT run_by_itself(bits_client *client, const GUID *id)
{
        HRESULT hr = bits_job_set_priority(client, id, BG_JOB_PRIORITY_FOREGROUND);

        return FAILED(hr) ? hr : bits_job_set_auto_complete(client, id, 1);
}

static int make_job(bits_client *client, BG_JOB_TYPE type, long number, const char *url,
                    const char *dir)
{
        char name[64], remote[512], local[512];
        bits_file_spec spec = {remote, local};
        GUID id;

        snprintf(name, sizeof(name), "job %ld", number);
        snprintf(remote, sizeof(remote), "%s/%ld.bin", url, number);
        snprintf(local, sizeof(local), "%s/%ld.bin", dir, number);
        HRESULT hr = bits_job_create(client, name, type, &id);
        if (FAILED(hr))
                return fail("create", hr);
        hr = bits_job_add_files(client, &id, &spec, 1);
        if (FAILED(hr))
                return fail("add", hr);
        if (type == BG_JOB_TYPE_UPLOAD)
                hr = run_by_itself(client, &id);
        if (SUCCEEDED(hr))
                hr = bits_job_resume(client, &id);
        return FAILED(hr) ? fail("resume", hr) : 0;
}

int main(int argc, char **argv)
{
        bits_client *client = NULL;
        HRESULT hr = bits_connect(NULL, &client);
        if (FAILED(hr))
                return fail("connect", hr);

        double started = seconds_now();
        if (argc == 2 && strcmp(argv[1], "--list") == 0) {
                bits_job_list *list = NULL;
                hr = bits_jobs_list(client, 0, &list);
                if (FAILED(hr))
                        return fail("list", hr);
                bits_job_list_free(list);
        } else if (argc == 4 || (argc == 5 && strcmp(argv[1], "--upload") == 0)) {
                BG_JOB_TYPE type = argc == 4 ? BG_JOB_TYPE_DOWNLOAD : BG_JOB_TYPE_UPLOAD;
                char **arg = argv + argc - 3;

                for (long n = 0; n < atol(arg[0]); n++)
                        if (make_job(client, type, n, arg[1], arg[2]) != 0)
                                return 1;
        } else {
                fprintf(stderr, "usage: fill [--upload] COUNT URL DIR | fill --list\n");
                return 2;
        }
        printf("%.6f\n", seconds_now() - started);
        bits_disconnect(client);
        return 0;
}
