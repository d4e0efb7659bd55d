/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace_line.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

int pace_line_new(const Iface *iface, const TransferConfig *config, PaceLine **ret)
{
        PaceLine *l = mem_new(PaceLine);

        if (!l)
                return -ENOMEM;
        l->iface = *iface;
        list_init(&l->link);
        list_init(&l->paths);
        for (size_t d = 0; d < 2; d++) {
                governor_init(&l->governor[d]);
                bw_group_init(&l->group[d]);
                l->cap_bps[d] = UINT64_MAX;
        }
        governor_set_capacity(&l->governor[BW_DOWN], config->line_bps_down);
        governor_set_capacity(&l->governor[BW_UP], config->line_bps_up);
        *ret = l;
        return 0;
}

static void forget_path(PaceLine *l, PacePath *path)
{
        list_remove(&path->link);
        l->paths_len--;
        mem_free(path);
}

PaceLine *pace_line_free(PaceLine *l)
{
        if (!l)
                return NULL;
        while (!list_is_empty(&l->paths))
                forget_path(l, list_item(l->paths.next, PacePath, link));
        list_remove(&l->link);
        mem_free(l);
        return NULL;
}

static void read_address(const struct sockaddr *peer, uint8_t ret[PACE_ADDRESS_BYTES])
{
        size_t bytes = 0;
        const void *address = iface_address(peer, &bytes);

        memset(ret, 0, PACE_ADDRESS_BYTES);
        if (address)
                memcpy(ret, address, bytes);
}

static void trim_paths(PaceLine *l)
{
        LIST_FOREACH (it, &l->paths) {
                PacePath *path = list_item(it, PacePath, link);

                if (l->paths_len < PACE_PATHS_MAX)
                        return;
                if (path->refs == 0)
                        forget_path(l, path);
        }
}

int pace_line_path(PaceLine *l, const struct sockaddr *peer, PacePath **ret)
{
        uint8_t address[PACE_ADDRESS_BYTES];
        PacePath *path;

        read_address(peer, address);
        LIST_FOREACH (it, &l->paths) {
                path = list_item(it, PacePath, link);
                if (memcmp(path->address, address, sizeof(address)) != 0)
                        continue;
                path->refs++;
                *ret = path;
                return 0;
        }
        trim_paths(l);
        path = mem_new(PacePath);
        if (!path)
                return -ENOMEM;
        path->refs = 1;
        memcpy(path->address, address, sizeof(address));
        path_memory_init(&path->memory[BW_DOWN]);
        path_memory_init(&path->memory[BW_UP]);
        list_append(&l->paths, &path->link);
        l->paths_len++;
        *ret = path;
        return 0;
}

void pace_line_let_go(PaceLine *l, PacePath *path)
{
        if (!path || --path->refs > 0)
                return;
        list_remove(&path->link); /* the latest is the last */
        list_append(&l->paths, &path->link);
}

static uint64_t counter(const PaceLine *l, size_t direction)
{
        return direction == BW_DOWN ? l->iface.rx_bytes : l->iface.tx_bytes;
}

void pace_line_step(PaceLine *l, int netlink_fd, uint64_t now_usec, uint64_t base_usec)
{
        int r = l->gone ? -ENODEV : iface_read(netlink_fd, l->iface.index, &l->iface);

        if (r == -ENODEV && !l->gone) {
                log_debug("worker: interface %s is gone", l->iface.name);
                l->gone = true;
        }
        if (l->iface.loopback) /* what is sent there is also received: nothing can be told apart */
                return;
        /* Without counters the delay of each connection is all there is to go by. */
        for (size_t d = 0; d < 2; d++)
                l->cap_bps[d] = r < 0 ? UINT64_MAX
                                      : governor_step(&l->governor[d], now_usec, counter(l, d),
                                                      l->own_bytes[d], base_usec);
}

bool pace_line_glance(PaceLine *l, int netlink_fd, uint64_t now_usec, uint64_t base_usec)
{
        bool changed = false;

        if (l->gone || l->iface.loopback || iface_read(netlink_fd, l->iface.index, &l->iface) < 0)
                return false;
        for (size_t d = 0; d < 2; d++) {
                uint64_t cap = governor_glance(&l->governor[d], now_usec, counter(l, d),
                                               l->own_bytes[d], base_usec);

                changed |= cap != l->cap_bps[d];
                l->cap_bps[d] = cap;
        }
        return changed;
}

static uint64_t rate(uint64_t bytes, uint64_t usec)
{
        return usec > 0 ? bytes * USEC_PER_SEC / usec : 0;
}

void pace_line_report(PaceLine *l, uint64_t usec, LineState *ret)
{
        *ret = (LineState){.connections = 0};
        (void) str_copy(ret->interface, sizeof(ret->interface), l->iface.name);
        for (size_t d = 0; d < 2; d++) {
                uint64_t foreign = governor_foreign_bps(&l->governor[d]);

                ret->own_bps[d] = rate(l->own_bytes[d] - l->told_own_bytes[d], usec);
                ret->foreground_bps[d] =
                        rate(l->foreground_bytes[d] - l->told_foreground_bytes[d], usec);
                ret->foreign_bps[d] =
                        foreign > ret->foreground_bps[d] ? foreign - ret->foreground_bps[d] : 0;
                ret->capacity_bps[d] = governor_capacity_bps(&l->governor[d]);
                ret->governor[d] = (uint8_t) governor_state(&l->governor[d]);
                l->told_own_bytes[d] = l->own_bytes[d];
                l->told_foreground_bytes[d] = l->foreground_bytes[d];
        }
}
