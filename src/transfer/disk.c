/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/disk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define STACK_BYTES (256 * 1024)

struct Disk {
        sd_event_source *io;
        int event_fd; /* written by the thread for every finished task */
        pthread_t thread;
        bool has_thread; /* started with the first task */
        pthread_mutex_t lock;
        pthread_cond_t wake;
        List todo; /* under the lock, as all below */
        List finished;
        bool stop;
};

static DiskTask *next_task(Disk *d)
{
        DiskTask *t = NULL;

        (void) pthread_mutex_lock(&d->lock); /* a plain mutex, used rightly, cannot fail */
        while (!d->stop && list_is_empty(&d->todo))
                (void) pthread_cond_wait(&d->wake, &d->lock);
        if (!d->stop) {
                t = list_item(d->todo.next, DiskTask, link);
                list_remove(&t->link);
        }
        (void) pthread_mutex_unlock(&d->lock);
        return t;
}

static void *thread_main(void *arg)
{
        const uint64_t one = 1;
        Disk *d = arg;
        DiskTask *t;

        while ((t = next_task(d))) {
                t->run(t);
                (void) pthread_mutex_lock(&d->lock);
                list_append(&d->finished, &t->link);
                (void) pthread_mutex_unlock(&d->lock);
                (void) !write(d->event_fd, &one, sizeof(one)); /* full means: already awake */
        }
        return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Disk *d = userdata;
        uint64_t n;
        List batch;

        (void) !read(fd, &n, sizeof(n)); /* only clears it */
        list_init(&batch);
        (void) pthread_mutex_lock(&d->lock);
        LIST_FOREACH (it, &d->finished) {
                list_remove(it);
                list_append(&batch, it);
        }
        (void) pthread_mutex_unlock(&d->lock);
        while (!list_is_empty(&batch)) {
                DiskTask *t = list_item(batch.next, DiskTask, link);

                list_remove(&t->link);
                t->done(t);
        }
        return 0;
}

/* The thread takes no signals and needs little stack. */
static int start_thread(Disk *d)
{
        pthread_attr_t attr;
        sigset_t all, old;
        int r;

        (void) sigfillset(&all);
        r = pthread_attr_init(&attr);
        if (r != 0)
                return -r;
        r = pthread_attr_setstacksize(&attr, STACK_BYTES);
        if (r == 0) {
                (void) pthread_sigmask(SIG_SETMASK, &all, &old);
                r = pthread_create(&d->thread, &attr, thread_main, d);
                (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        }
        (void) pthread_attr_destroy(&attr);
        if (r == 0)
                d->has_thread = true;
        return -r;
}

int disk_new(sd_event *loop, Disk **ret)
{
        _cleanup_(disk_freep) Disk *d = mem_new(Disk);
        int r;

        if (!d)
                return -ENOMEM;
        list_init(&d->todo);
        list_init(&d->finished);
        (void) pthread_mutex_init(&d->lock, NULL);
        (void) pthread_cond_init(&d->wake, NULL);
        d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (d->event_fd < 0)
                return -errno;
        r = sd_event_add_io(loop, &d->io, d->event_fd, EPOLLIN, on_finished, d);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

Disk *disk_free(Disk *d)
{
        if (!d)
                return NULL;
        if (d->has_thread) {
                (void) pthread_mutex_lock(&d->lock);
                d->stop = true;
                (void) pthread_cond_signal(&d->wake);
                (void) pthread_mutex_unlock(&d->lock);
                (void) pthread_join(d->thread, NULL);
        }
        sd_event_source_disable_unref(d->io);
        close_fdp(&d->event_fd);
        (void) pthread_cond_destroy(&d->wake);
        (void) pthread_mutex_destroy(&d->lock);
        mem_free(d);
        return NULL;
}

int disk_submit(Disk *d, DiskTask *t)
{
        int r;

        if (!d->has_thread) {
                r = start_thread(d);
                if (r < 0)
                        return r;
        }
        (void) pthread_mutex_lock(&d->lock);
        list_append(&d->todo, &t->link);
        (void) pthread_cond_signal(&d->wake);
        (void) pthread_mutex_unlock(&d->lock);
        return 0;
}
