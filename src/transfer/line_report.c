/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/line_report.h"

#include <stdbool.h>
#include <string.h>

#include "transfer/worker_pack.h"

static void pack_pair(Buf *b, const uint64_t v[2])
{
        pack_u64(b, v[0]);
        pack_u64(b, v[1]);
}

static void unpack_pair(PackReader *r, uint64_t v[2])
{
        v[0] = unpack_u64(r);
        v[1] = unpack_u64(r);
}

void line_report_pack(Buf *b, const LineReport *report)
{
        pack_u64(b, report->wall_usec);
        pack_u32(b, (uint32_t) report->lines_len);
        for (size_t i = 0; i < report->lines_len; i++) {
                const LineState *l = &report->lines[i];

                pack_str(b, l->interface);
                pack_pair(b, l->capacity_bps);
                pack_pair(b, l->own_bps);
                pack_pair(b, l->foreground_bps);
                pack_pair(b, l->foreign_bps);
                pack_u8(b, l->governor[0]);
                pack_u8(b, l->governor[1]);
                pack_u32(b, l->connections);
                pack_u32(b, l->yielding);
                pack_u32(b, l->base_usec);
                pack_u32(b, l->queue_usec);
        }
}

/* What the kernel takes for a name: it ends up in a table on somebody's terminal. */
static bool is_name(const char *s)
{
        if (*s == '\0' || strlen(s) >= LINE_NAME_BYTES)
                return false;
        for (; *s; s++)
                if (*s <= ' ' || *s >= 0x7f || *s == '/')
                        return false;
        return true;
}

static void unpack_line(PackReader *r, LineState *l)
{
        char *name = unpack_text(r, LINE_NAME_BYTES - 1);

        if (name && is_name(name))
                memcpy(l->interface, name, strlen(name) + 1);
        else
                r->bad = true;
        mem_free(name);
        unpack_pair(r, l->capacity_bps);
        unpack_pair(r, l->own_bps);
        unpack_pair(r, l->foreground_bps);
        unpack_pair(r, l->foreign_bps);
        l->governor[0] = unpack_u8(r);
        l->governor[1] = unpack_u8(r);
        l->connections = (uint16_t) unpack_enum(r, UINT16_MAX + 1);
        l->yielding = (uint16_t) unpack_enum(r, UINT16_MAX + 1);
        l->base_usec = unpack_u32(r);
        l->queue_usec = unpack_u32(r);
        if (l->governor[0] >= LINE_GOVERNOR_MAX || l->governor[1] >= LINE_GOVERNOR_MAX ||
            l->yielding > l->connections)
                r->bad = true;
}

void line_report_unpack(PackReader *r, LineReport *ret)
{
        uint32_t n;

        *ret = (LineReport){.wall_usec = unpack_u64(r)};
        n = unpack_u32(r);
        if (n > LINE_REPORT_LINES_MAX)
                r->bad = true;
        for (uint32_t i = 0; i < n && !r->bad; i++)
                unpack_line(r, &ret->lines[i]);
        ret->lines_len = r->bad ? 0 : n;
}
