/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/worker_msg.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define READ_BYTES 65536
#define LENGTH_BYTES sizeof(uint32_t)

void worker_link_init(WorkerLink *l, int take_fd)
{
        l->fd = take_fd;
        buf_init(&l->in, LENGTH_BYTES + WORKER_MSG_MAX_BYTES + READ_BYTES);
        buf_init(&l->out, WORKER_LINK_OUT_MAX_BYTES);
        l->in.wipes = l->out.wipes = true; /* credentials pass through */
}

void worker_link_done(WorkerLink *l)
{
        close_fdp(&l->fd);
        l->fd = -1;
        buf_done(&l->in);
        buf_done(&l->out);
}

int worker_link_fill(WorkerLink *l)
{
        uint8_t data[READ_BYTES];
        ssize_t n;
        int r;

        do {
                n = recv(l->fd, data, sizeof(data), MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (n == 0)
                return 0;
        r = buf_append(&l->in, data, (size_t) n);
        explicit_bzero(data, (size_t) n);
        return r < 0 ? r : 1;
}

int worker_link_next(WorkerLink *l, WorkerMsg *ret)
{
        uint32_t length;
        int r;

        if (l->in.len < LENGTH_BYTES)
                return 0;
        memcpy(&length, l->in.data, LENGTH_BYTES);
        length = le32toh(length);
        if (length > WORKER_MSG_MAX_BYTES)
                return -EBADMSG;
        if (l->in.len - LENGTH_BYTES < length)
                return 0;
        r = worker_msg_decode(l->in.data + LENGTH_BYTES, length, ret);
        if (r < 0)
                return r;
        buf_consume(&l->in, LENGTH_BYTES + length);
        return 1;
}

int worker_link_flush(WorkerLink *l)
{
        int r = buf_error(&l->out);

        if (r < 0)
                return r;
        while (l->out.len > 0 && l->fd >= 0) {
                ssize_t n = send(l->fd, l->out.data, l->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                buf_consume(&l->out, (size_t) n);
        }
        return l->out.len == 0;
}
