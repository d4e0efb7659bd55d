/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sync_queue.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "base/list.h"
#include "base/log.h"

typedef struct SyncItem {
        List link;
        struct iocb block;
        int fd;
        bool data_only;
        int result; /* of items that ended without the kernel's queue */
        SyncDone done;
        void *ctx;
} SyncItem;

struct SyncQueue {
        aio_context_t aio; /* 0: not available */
        int event_fd;
        sd_event_source *io;
        sd_event_source *later; /* hands out results of `over` */
        List waiting;
        List flying;
        List over;
        unsigned n_flying;
};

static SyncItem *sync_item_free(SyncItem *item)
{
        list_remove(&item->link);
        close_fdp(&item->fd);
        mem_free(item);
        return NULL;
}

static void finish(SyncItem *item, int result)
{
        SyncDone done = item->done;
        void *ctx = item->ctx;

        sync_item_free(item);
        done(ctx, result);
}

static void move_to(List *list, SyncItem *item)
{
        list_remove(&item->link);
        list_append(list, &item->link);
}

/* In the loop: no kernel queue, or not for this file. */
static void sync_here(SyncQueue *q, SyncItem *item)
{
        int r = item->data_only ? fdatasync(item->fd) : fsync(item->fd);

        item->result = r < 0 ? -errno : 0;
        move_to(&q->over, item);
        (void) sd_event_source_set_enabled(q->later, SD_EVENT_ONESHOT);
}

static bool submit(SyncQueue *q, SyncItem *item)
{
        struct iocb *blocks[] = {&item->block};

        item->block = (struct iocb){
                .aio_data = (uint64_t) (uintptr_t) item,
                .aio_lio_opcode = item->data_only ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC,
                .aio_fildes = (uint32_t) item->fd,
                .aio_flags = IOCB_FLAG_RESFD,
                .aio_resfd = (uint32_t) q->event_fd,
        };
        return syscall(SYS_io_submit, q->aio, 1L, blocks) == 1;
}

static void start_waiting(SyncQueue *q)
{
        while (!list_is_empty(&q->waiting) && q->n_flying < SYNC_QUEUE_IN_FLIGHT_MAX) {
                SyncItem *item = list_item(q->waiting.next, SyncItem, link);

                if (q->aio && submit(q, item)) {
                        move_to(&q->flying, item);
                        q->n_flying++;
                } else {
                        sync_here(q, item);
                }
        }
}

static void reap(SyncQueue *q)
{
        struct io_event events[SYNC_QUEUE_IN_FLIGHT_MAX];
        long n = syscall(SYS_io_getevents, q->aio, 0L, (long) ARRAY_LEN(events), events, NULL);

        for (long i = 0; i < n; i++) {
                SyncItem *item = (SyncItem *) (uintptr_t) events[i].data;

                q->n_flying--;
                item->result = (int) events[i].res;
                move_to(&q->over, item);
        }
}

static void hand_out(SyncQueue *q)
{
        while (!list_is_empty(&q->over)) {
                SyncItem *item = list_item(q->over.next, SyncItem, link);

                finish(item, item->result);
        }
        start_waiting(q);
}

static int on_synced(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        SyncQueue *q = userdata;
        uint64_t count;

        if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
                log_warning("eventfd: %s", strerror(errno));
        reap(q);
        hand_out(q);
        return 0;
}

static int on_later(sd_event_source *source, void *userdata)
{
        hand_out(userdata);
        return 0;
}

int sync_queue_new(sd_event *loop, SyncQueue **ret)
{
        _cleanup_(sync_queue_freep) SyncQueue *q = mem_new(SyncQueue);
        int r;

        if (!q)
                return -ENOMEM;
        list_init(&q->waiting);
        list_init(&q->flying);
        list_init(&q->over);
        q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (q->event_fd < 0)
                return -errno;
        r = sd_event_add_io(loop, &q->io, q->event_fd, EPOLLIN, on_synced, q);
        if (r < 0)
                return r;
        r = sd_event_add_defer(loop, &q->later, on_later, q);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(q->later, SD_EVENT_OFF);
        if (r < 0)
                return r;
        if (syscall(SYS_io_setup, (long) SYNC_QUEUE_IN_FLIGHT_MAX, &q->aio) < 0) {
                log_info("no asynchronous fsync here (%s): it is done in the loop",
                         strerror(errno));
                q->aio = 0;
        }
        *ret = TAKE_PTR(q);
        return 0;
}

static void forget_all(List *list)
{
        LIST_FOREACH (it, list)
                sync_item_free(list_item(it, SyncItem, link));
}

SyncQueue *sync_queue_free(SyncQueue *q)
{
        if (!q)
                return NULL;
        if (q->aio)
                (void) syscall(SYS_io_destroy, q->aio); /* waits */
        forget_all(&q->waiting);
        forget_all(&q->flying);
        forget_all(&q->over);
        sd_event_source_disable_unref(q->io);
        sd_event_source_disable_unref(q->later);
        close_fdp(&q->event_fd);
        mem_free(q);
        return NULL;
}

int sync_queue_add_take(SyncQueue *q, int fd, bool data_only, SyncDone done, void *ctx)
{
        SyncItem *item = mem_new(SyncItem);

        if (!item) {
                close_fdp(&fd);
                return -ENOMEM;
        }
        item->fd = fd;
        item->data_only = data_only;
        item->done = done;
        item->ctx = ctx;
        list_init(&item->link);
        list_append(&q->waiting, &item->link);
        start_waiting(q);
        return 0;
}
