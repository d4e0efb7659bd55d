/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/str.h"

/* Room for one more item at the end; a test without memory is no test. */
static void *grow(void *items, uint32_t *len, size_t bytes)
{
        void *grown = realloc(items, (*len + 1) * bytes);

        if (!grown)
                abort();
        (*len)++;
        return grown;
}

void fake_disk_init(FakeDisk *d)
{
        *d = (FakeDisk){.default_size = 1000};
}

void fake_disk_done(FakeDisk *d)
{
        for (uint32_t i = 0; i < d->finals_len; i++)
                free(d->finals[i].path);
        for (uint32_t i = 0; i < d->remotes_len; i++)
                free(d->remotes[i].url);
        free(d->temps);
        free(d->finals);
        free(d->remotes);
        *d = (FakeDisk){0};
}

FakeRemote *fake_disk_remote(FakeDisk *d, const char *url)
{
        for (uint32_t i = 0; i < d->remotes_len; i++)
                if (str_equal(d->remotes[i].url, url))
                        return &d->remotes[i];
        d->remotes = grow(d->remotes, &d->remotes_len, sizeof(*d->remotes));
        d->remotes[d->remotes_len - 1] = (FakeRemote){
                .url = strdup(url),
                .version = 1,
                .size = d->default_size,
        };
        return &d->remotes[d->remotes_len - 1];
}

FakeTemp *fake_disk_temp(const FakeDisk *d, const GUID *job, uint32_t index)
{
        for (uint32_t i = 0; i < d->temps_len; i++) {
                FakeTemp *t = &d->temps[i];

                if (t->used && t->index == index && guid_equal(&t->job, job))
                        return t;
        }
        return NULL;
}

static FakeTemp *free_temp(FakeDisk *d)
{
        for (uint32_t i = 0; i < d->temps_len; i++)
                if (!d->temps[i].used)
                        return &d->temps[i];
        d->temps = grow(d->temps, &d->temps_len, sizeof(*d->temps));
        return &d->temps[d->temps_len - 1];
}

FakeTemp *fake_disk_make_temp(FakeDisk *d, const GUID *job, uint32_t index, uint32_t version)
{
        FakeTemp *t = fake_disk_temp(d, job, index);

        if (!t)
                t = free_temp(d);
        *t = (FakeTemp){.used = true, .job = *job, .index = index, .version = version};
        return t;
}

void fake_disk_remove_temps(FakeDisk *d, const GUID *job)
{
        for (uint32_t i = 0; i < d->temps_len; i++)
                if (guid_equal(&d->temps[i].job, job))
                        d->temps[i].used = false;
}

uint32_t fake_disk_count_temps(const FakeDisk *d, const GUID *job)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->temps_len; i++)
                n += d->temps[i].used && guid_equal(&d->temps[i].job, job);
        return n;
}

static FakeFinal *find_final(const FakeDisk *d, const char *path)
{
        for (uint32_t i = 0; i < d->finals_len; i++)
                if (str_equal(d->finals[i].path, path))
                        return &d->finals[i];
        return NULL;
}

const FakeFinal *fake_disk_final(const FakeDisk *d, const char *path)
{
        return find_final(d, path);
}

void fake_disk_publish(FakeDisk *d, const FakeTemp *temp, const char *path)
{
        FakeFinal *final = find_final(d, path);
        FakeTemp *live = fake_disk_temp(d, &temp->job, temp->index);

        if (!final) {
                d->finals = grow(d->finals, &d->finals_len, sizeof(*d->finals));
                final = &d->finals[d->finals_len - 1];
                *final = (FakeFinal){.path = strdup(path)};
        }
        final->version = temp->version;
        final->bytes = temp->bytes;
        final->durable = false;
        final->from = *temp;
        if (live)
                live->used = false;
}

void fake_disk_harden(FakeDisk *d)
{
        for (uint32_t i = 0; i < d->finals_len; i++)
                d->finals[i].durable = true;
}

static void remove_final(FakeDisk *d, uint32_t i)
{
        FakeTemp from = d->finals[i].from;

        free(d->finals[i].path);
        d->finals[i] = d->finals[--d->finals_len];
        *fake_disk_make_temp(d, &from.job, from.index, from.version) = from;
}

void fake_disk_power_loss(FakeDisk *d, bool (*reverts)(void *ctx), void *ctx)
{
        for (uint32_t i = d->finals_len; i-- > 0;)
                if (!d->finals[i].durable && reverts(ctx))
                        remove_final(d, i);
        for (uint32_t i = 0; i < d->temps_len; i++) {
                FakeTemp *t = &d->temps[i];

                t->bytes = t->synced;
                if (t->bytes == 0 && !t->named)
                        t->used = false;
        }
}
