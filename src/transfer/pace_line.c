/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace_line.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define NETS_EVERY_USEC (10 * USEC_PER_SEC)

int pace_line_new(const Iface *iface, const TransferConfig *config, PaceLine **ret)
{
        PaceLine *l = mem_new(PaceLine);

        if (!l)
                return -ENOMEM;
        l->iface = *iface;
        list_init(&l->link);
        list_init(&l->paths);
        for (size_t d = 0; d < 2; d++) {
                governor_init(&l->governor[d], d == BW_UP);
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
        lan_meter_free(l->meter);
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

/* The connections that are left to their delay when the governor has nothing to go by. */
static void set_free(PaceLine *l)
{
        for (size_t d = 0; d < 2; d++)
                l->cap_bps[d] = UINT64_MAX;
}

static void give_up_meter(PaceLine *l, int r)
{
        log_debug("worker: what neighbours on %s move is not known: %s", l->iface.name,
                  strerror(-r));
        l->meter = lan_meter_free(l->meter);
        l->no_meter = true;
        l->has_neighbours = false;
}

static bool has_neighbours(PaceLine *l, int netlink_fd, uint64_t now_usec)
{
        int r = 0;

        if (l->no_meter || !l->iface.has_subnet || !l->only_beyond)
                return false;
        if (l->meter && now_usec - l->nets_usec < NETS_EVERY_USEC)
                return l->has_neighbours;
        if (!l->meter)
                r = lan_meter_new(l->iface.index, &l->meter);
        if (r >= 0)
                r = lan_meter_find_nets(l->meter, netlink_fd);
        if (r < 0)
                give_up_meter(l, r);
        l->nets_usec = now_usec;
        return l->has_neighbours = r > 0;
}

/* Of this thread: interruptions cost us nothing. */
static uint64_t cpu_usec(void)
{
        struct timespec spent = {.tv_sec = 0};

        (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
        return (uint64_t) spent.tv_sec * USEC_PER_SEC + (uint64_t) spent.tv_nsec / 1000;
}

/* Where what is seen may be the neighbours' traffic, and who they are is known, it is asked. */
static void ask_for_neighbours(PaceLine *l, int netlink_fd, const LanLook *look, bool is_step)
{
        uint64_t near[2], began;
        int r;

        if (!has_neighbours(l, netlink_fd, look->now_usec)) {
                lan_split_stop(&l->split);
                return;
        }
        if (!lan_split_wants_reading(&l->split, look, is_step))
                return;
        if (l->split.read_usec == 0)
                lan_meter_restart(l->meter);
        began = cpu_usec();
        r = lan_meter_read(l->meter, l->iface.header_bytes, near);
        if (r < 0) {
                give_up_meter(l, r);
                lan_split_stop(&l->split);
                return;
        }
        lan_split_reading(&l->split, look, near, cpu_usec() - began);
}

static LanLook look_at(const PaceLine *l, uint64_t now_usec)
{
        return (LanLook){
                .now_usec = now_usec,
                .total_bytes = {l->iface.rx_bytes, l->iface.tx_bytes},
                .own_bytes = {l->own_bytes[BW_DOWN], l->own_bytes[BW_UP]},
                .line_bps = {governor_capacity_bps(&l->governor[BW_DOWN]),
                             governor_capacity_bps(&l->governor[BW_UP])},
        };
}

void pace_line_step(PaceLine *l, int netlink_fd, uint64_t now_usec, uint64_t base_usec)
{
        int r = l->gone ? -ENODEV : iface_read(netlink_fd, l->iface.index, &l->iface);
        uint64_t counted[2];
        LanLook look;

        if (r == -ENODEV && !l->gone) {
                log_debug("worker: interface %s is gone", l->iface.name);
                l->gone = true;
        }
        if (l->iface.loopback) /* what is sent there is also received: nothing can be told apart */
                return;
        if (r < 0) {
                set_free(l);
                return;
        }
        look = look_at(l, now_usec);
        ask_for_neighbours(l, netlink_fd, &look, true);
        lan_split_step(&l->split, &look, counted);
        for (size_t d = 0; d < 2; d++)
                l->cap_bps[d] = governor_step(&l->governor[d], now_usec, counted[d],
                                              l->own_bytes[d], base_usec);
}

bool pace_line_glance(PaceLine *l, int netlink_fd, uint64_t now_usec, uint64_t base_usec)
{
        bool changed = false;
        uint64_t counted[2];
        LanLook look;

        if (l->gone || l->iface.loopback || iface_read(netlink_fd, l->iface.index, &l->iface) < 0)
                return false;
        look = look_at(l, now_usec);
        ask_for_neighbours(l, netlink_fd, &look, false);
        if (!lan_split_glance(&l->split, &look, counted))
                return false;
        for (size_t d = 0; d < 2; d++) {
                uint64_t cap = governor_glance(&l->governor[d], now_usec, counted[d],
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
