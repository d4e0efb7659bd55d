/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_session.h"

#include <errno.h>

#include "base/str.h"
#include "proto/bup_pack.h"

enum { SESSION_VERSION = 1 };

/* Bits of the encoded flags. */
enum {
        FLAG_TOTAL_KNOWN = 1 << 0,
        FLAG_NOTIFIED = 1 << 1,
        FLAG_PUBLISHED = 1 << 2,
        FLAG_COPIES = 1 << 3,
        FLAG_FRAGMENT_SEEN = 1 << 4,
};

void bup_session_init(BupSession *s, const char *id, int64_t now_wall_sec)
{
        *s = (BupSession){.created_wall_sec = now_wall_sec, .touched_wall_sec = now_wall_sec};
        (void) str_copy(s->id, sizeof(s->id), id);
}

void bup_session_encode(const BupSession *s, Buf *out)
{
        size_t record = pack_record_begin(out);

        pack_u8(out, SESSION_VERSION);
        pack_str(out, s->id);
        pack_u8(out, (uint8_t) s->phase);
        pack_u32(out,
                 (s->total_known ? FLAG_TOTAL_KNOWN : 0u) | (s->notified ? FLAG_NOTIFIED : 0u) |
                         (s->published ? FLAG_PUBLISHED : 0u) | (s->copies ? FLAG_COPIES : 0u) |
                         (s->fragment_seen ? FLAG_FRAGMENT_SEEN : 0u));
        pack_u64(out, s->total_bytes);
        pack_u64(out, s->next_bytes);
        pack_u64(out, s->synced_bytes);
        pack_u32(out, s->final_status);
        pack_i64(out, s->created_wall_sec);
        pack_i64(out, s->touched_wall_sec);
        pack_str(out, s->reply_url);
        pack_str(out, s->content_name);
        pack_record_end(out, record);
}

static bool is_sound(const BupSession *s)
{
        char id[BUP_SESSION_ID_BYTES];

        if (bup_session_id_canonical(s->id, id) < 0 || !str_equal(s->id, id))
                return false;
        if (s->phase >= BUP_SESSION_PHASE_MAX || s->total_bytes > INT64_MAX ||
            s->synced_bytes > s->next_bytes || s->next_bytes > s->total_bytes)
                return false;
        if (!s->total_known)
                return s->total_bytes == 0 && s->phase != BUP_SESSION_OWED &&
                       s->phase != BUP_SESSION_DELIVERED && s->phase != BUP_SESSION_CLOSED;
        switch (s->phase) {
        case BUP_SESSION_RECEIVING:
                return s->next_bytes < s->total_bytes;
        case BUP_SESSION_OWED:
        case BUP_SESSION_DELIVERED:
        case BUP_SESSION_CLOSED:
                return s->next_bytes == s->total_bytes;
        default:
                return true;
        }
}

int bup_session_decode(const void *data, size_t bytes, BupSession *ret)
{
        PackReader outer, r;
        BupSession s = {0};
        uint32_t flags, status;

        pack_reader_init(&outer, data, bytes);
        r = unpack_record(&outer);
        if (unpack_u8(&r) != SESSION_VERSION)
                return -EBADMSG;
        bup_unpack_text(&r, s.id, sizeof(s.id));
        s.phase = (BupSessionPhase) unpack_u8(&r);
        flags = unpack_u32(&r);
        s.total_known = flags & FLAG_TOTAL_KNOWN;
        s.notified = flags & FLAG_NOTIFIED;
        s.published = flags & FLAG_PUBLISHED;
        s.copies = flags & FLAG_COPIES;
        s.fragment_seen = flags & FLAG_FRAGMENT_SEEN;
        s.total_bytes = unpack_u64(&r);
        s.next_bytes = unpack_u64(&r);
        s.synced_bytes = unpack_u64(&r);
        status = unpack_u32(&r);
        s.final_status = (uint16_t) status;
        s.created_wall_sec = unpack_i64(&r);
        s.touched_wall_sec = unpack_i64(&r);
        bup_unpack_text(&r, s.reply_url, sizeof(s.reply_url));
        bup_unpack_text(&r, s.content_name, sizeof(s.content_name));
        if (pack_reader_end(&r) < 0 || status > 999 || !is_sound(&s))
                return -EBADMSG;
        *ret = s;
        return 0;
}

bool bup_session_recover(BupSession *s, uint64_t data_bytes, bool same_boot)
{
        uint64_t there = MIN(same_boot ? s->next_bytes : s->synced_bytes, data_bytes);

        if (s->phase != BUP_SESSION_RECEIVING && s->phase != BUP_SESSION_OWED)
                return false;
        if (there >= s->next_bytes)
                return false;
        s->next_bytes = there;
        s->synced_bytes = MIN(s->synced_bytes, there);
        s->phase = BUP_SESSION_RECEIVING;
        s->notified = false; /* it was told of bytes that are gone: it hears of their return */
        s->reply_url[0] = '\0';
        return true;
}

bool bup_session_is_tombstone(const BupSession *s)
{
        return s->phase >= BUP_SESSION_CLOSED;
}

bool bup_session_is_over(const BupSession *s, int64_t now_wall_sec, uint32_t timeout_sec)
{
        int64_t age;

        if (__builtin_sub_overflow(now_wall_sec, s->touched_wall_sec, &age))
                return false;
        return age >
               (bup_session_is_tombstone(s) ? (int64_t) BUP_TOMBSTONE_SEC : (int64_t) timeout_sec);
}
