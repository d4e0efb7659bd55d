/* SPDX-License-Identifier: Apache-2.0 */
#include "store/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"

enum { FIRST_CAPACITY = 16 };

void image_done(Image *image)
{
        for (size_t i = 0; i < image->len; i++)
                stored_job_free(image->jobs[i]);
        mem_free(image->jobs);
        *image = (Image){0};
}

bool image_find(const Image *image, uint64_t serial, size_t *ret_pos)
{
        size_t low = 0, high = image->len;

        /* New jobs and loaded ones come at the end. */
        if (high > 0 && image->jobs[high - 1]->serial < serial)
                low = high;
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (image->jobs[middle]->serial < serial)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_pos = low;
        return low < image->len && image->jobs[low]->serial == serial;
}

bool image_find_credential(const Job *job, uint32_t target, uint32_t scheme, uint32_t *ret_pos)
{
        uint32_t pos = 0;

        while (pos < job->credentials_len) {
                const JobCredential *c = &job->credentials[pos];

                if (c->target > target || (c->target == target && c->scheme >= scheme))
                        break;
                pos++;
        }
        *ret_pos = pos;
        return pos < job->credentials_len && job->credentials[pos].target == target &&
               job->credentials[pos].scheme == scheme;
}

int image_reserve(Image *image)
{
        size_t cap = image->cap > 0 ? image->cap * 2 : FIRST_CAPACITY;
        Job **jobs;

        if (image->len < image->cap)
                return 0;
        jobs = mem_realloc(image->jobs, cap * sizeof(*jobs));
        if (!jobs)
                return -ENOMEM;
        image->jobs = jobs;
        image->cap = cap;
        return 0;
}

/* A Job has no field for a capacity: its array is full whenever the length is a power of two. */
int image_reserve_file(Job *job)
{
        size_t len = job->files_len;
        JobFile **files;

        if (len > 0 && (len & (len - 1)) != 0)
                return 0;
        files = mem_realloc(job->files, (len > 0 ? len * 2 : 1) * sizeof(*files));
        if (!files)
                return -ENOMEM;
        job->files = files;
        return 0;
}

int image_reserve_credential(Job *job)
{
        size_t len = job->credentials_len + 1;
        JobCredential *credentials = mem_realloc(job->credentials, len * sizeof(*credentials));

        if (!credentials)
                return -ENOMEM;
        job->credentials = credentials;
        return 0;
}

void image_insert(Image *image, size_t pos, Job *take_job)
{
        memmove(&image->jobs[pos + 1], &image->jobs[pos],
                (image->len - pos) * sizeof(*image->jobs));
        image->jobs[pos] = take_job;
        image->len++;
}

void image_append_file(Job *job, JobFile *take_file)
{
        job->files[job->files_len++] = take_file;
}

void image_insert_credential(Job *job, uint32_t pos, const JobCredential *take_credential)
{
        memmove(&job->credentials[pos + 1], &job->credentials[pos],
                (job->credentials_len - pos) * sizeof(*job->credentials));
        job->credentials[pos] = *take_credential;
        job->credentials_len++;
}

JobCredential image_remove_credential(Job *job, uint32_t pos)
{
        JobCredential c = job->credentials[pos];

        job->credentials_len--;
        memmove(&job->credentials[pos], &job->credentials[pos + 1],
                (job->credentials_len - pos) * sizeof(*job->credentials));
        return c;
}

Job *image_remove(Image *image, size_t pos)
{
        Job *job = image->jobs[pos];

        image->len--;
        memmove(&image->jobs[pos], &image->jobs[pos + 1],
                (image->len - pos) * sizeof(*image->jobs));
        return job;
}

static int compare_ids(const void *a, const void *b)
{
        const Job *x = *(Job *const *) a, *y = *(Job *const *) b;

        return memcmp(&x->id, &y->id, sizeof(x->id));
}

int image_find_twin(const Image *image, const Job **ret)
{
        _cleanup_free_ Job **by_id = mem_array(image->len, sizeof(*by_id));
        const Job *twin = NULL;

        if (!by_id)
                return -ENOMEM;
        if (image->len > 0)
                memcpy(by_id, image->jobs, image->len * sizeof(*by_id));
        qsort(by_id, image->len, sizeof(*by_id), compare_ids);
        for (size_t i = 1; i < image->len && !twin; i++)
                if (guid_equal(&by_id[i - 1]->id, &by_id[i]->id))
                        twin = by_id[i];
        *ret = twin;
        return 0;
}

static int dup_files(const Job *job, Job *copy)
{
        for (uint32_t i = 0; i < job->files_len; i++) {
                JobFile *file;

                if (image_reserve_file(copy) < 0)
                        return -ENOMEM;
                file = stored_file_dup(job->files[i]);
                if (!file)
                        return -ENOMEM;
                image_append_file(copy, file);
        }
        if (job->reply) {
                copy->reply = stored_file_dup(job->reply);
                if (!copy->reply)
                        return -ENOMEM;
        }
        return 0;
}

static int dup_credentials(const Job *job, Job *copy)
{
        for (uint32_t i = 0; i < job->credentials_len; i++) {
                JobCredential c;

                if (image_reserve_credential(copy) < 0 ||
                    stored_credential_dup(&job->credentials[i], &c) < 0)
                        return -ENOMEM;
                image_insert_credential(copy, i, &c);
        }
        return 0;
}

static int append_copy(Image *image, const Job *job)
{
        _cleanup_(stored_job_freep) Job *copy = stored_job_dup(job);

        if (!copy || dup_files(job, copy) < 0 || dup_credentials(job, copy) < 0 ||
            image_reserve(image) < 0)
                return -ENOMEM;
        image_insert(image, image->len, TAKE_PTR(copy));
        return 0;
}

int image_dup(const Image *image, Image *ret)
{
        Image copy = {0};

        for (size_t i = 0; i < image->len; i++)
                if (append_copy(&copy, image->jobs[i]) < 0) {
                        image_done(&copy);
                        return -ENOMEM;
                }
        *ret = copy;
        return 0;
}

uint64_t image_next_serial(const Image *image)
{
        return image->len > 0 ? image->jobs[image->len - 1]->serial + 1 : 1;
}

/* Takes the file; *r sticks. */
static void hand_out_file(const StoreSink *sink, const GUID *job, JobFile *take_file, int *r)
{
        if (*r >= 0)
                *r = sink->file(sink->ctx, job, take_file);
        else
                stored_file_free(take_file);
}

static int hand_out_job(Job *job, const StoreSink *sink)
{
        JobFile **files = TAKE_PTR(job->files), *reply = TAKE_PTR(job->reply);
        uint32_t n = job->files_len;
        GUID id = job->id;
        int r;

        job->files_len = 0;
        r = sink->job(sink->ctx, job);
        for (uint32_t i = 0; i < n; i++)
                hand_out_file(sink, &id, files[i], &r);
        if (reply)
                hand_out_file(sink, &id, reply, &r);
        mem_free(files);
        return r < 0 ? r : 0;
}

int image_hand_out(Image *image, const StoreSink *sink)
{
        int r = 0;

        for (size_t i = 0; i < image->len; i++)
                if (r >= 0)
                        r = hand_out_job(image->jobs[i], sink);
                else
                        stored_job_free(image->jobs[i]);
        image->len = 0;
        image_done(image);
        return r;
}
