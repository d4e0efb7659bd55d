/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_client_state.h"

#include <errno.h>

#include "base/str.h"
#include "proto/bup_pack.h"

enum { STATE_VERSION = 1 };

/* Bits of the encoded flags. */
enum {
        FLAG_WANTS_REPLY = 1 << 0,
        FLAG_CANCELLING = 1 << 1,
        FLAG_ALL_ACKED = 1 << 2,
        FLAG_REPLY_DONE = 1 << 3,
        FLAG_CLOSE_SENT = 1 << 4,
        FLAG_REPLY_MISSED = 1 << 5,
        FLAG_APPLICATION_FAILED = 1 << 6,
};

void bup_client_state_init(BupClientState *s, const BupSource *source, bool wants_reply)
{
        *s = (BupClientState){
                .source = *source,
                .wants_reply = wants_reply,
                .fallback_sec = BUP_FALLBACK_NEVER,
        };
}

static uint32_t flags_of(const BupClientState *s)
{
        return (s->wants_reply ? FLAG_WANTS_REPLY : 0u) | (s->cancelling ? FLAG_CANCELLING : 0u) |
               (s->all_acked ? FLAG_ALL_ACKED : 0u) | (s->reply_done ? FLAG_REPLY_DONE : 0u) |
               (s->close_sent ? FLAG_CLOSE_SENT : 0u) | (s->reply_missed ? FLAG_REPLY_MISSED : 0u) |
               (s->application_failed ? FLAG_APPLICATION_FAILED : 0u);
}

void bup_client_state_encode(const BupClientState *s, Buf *out)
{
        size_t record = pack_record_begin(out);

        pack_u8(out, STATE_VERSION);
        pack_u64(out, s->source.size_bytes);
        pack_i64(out, s->source.modified_nsec);
        pack_u64(out, s->source.inode);
        pack_u8(out, (uint8_t) s->phase);
        pack_u32(out, flags_of(s));
        pack_u8(out, s->restarts);
        pack_u64(out, s->offset_bytes);
        pack_u64(out, s->best_bytes);
        pack_u64(out, s->fragment_limit_bytes);
        pack_u32(out, s->fallback_sec);
        pack_u64(out, s->fallback_at_usec);
        pack_str(out, s->session_id);
        pack_str(out, s->host_id);
        pack_str(out, s->reply_url);
        pack_str(out, s->moved_url);
        pack_record_end(out, record);
}

static void set_flags(BupClientState *s, uint32_t flags)
{
        s->wants_reply = flags & FLAG_WANTS_REPLY;
        s->cancelling = flags & FLAG_CANCELLING;
        s->all_acked = flags & FLAG_ALL_ACKED;
        s->reply_done = flags & FLAG_REPLY_DONE;
        s->close_sent = flags & FLAG_CLOSE_SENT;
        s->reply_missed = flags & FLAG_REPLY_MISSED;
        s->application_failed = flags & FLAG_APPLICATION_FAILED;
}

static bool session_is_sound(const BupClientState *s)
{
        char host[BUP_HOST_ID_BYTES];

        if (s->session_id[0] != '\0' && !bup_session_id_is_valid(s->session_id))
                return false;
        if (s->host_id[0] != '\0' && bup_host_id_parse(s->host_id, host) < 0)
                return false;
        return (s->phase == BUP_PHASE_CREATE) == (s->session_id[0] == '\0');
}

static bool is_sound(const BupClientState *s)
{
        if (s->source.size_bytes > INT64_MAX || s->best_bytes > s->source.size_bytes ||
            s->offset_bytes > s->best_bytes || s->phase >= BUP_PHASE_MAX || !session_is_sound(s))
                return false;
        if (s->all_acked && s->offset_bytes != s->source.size_bytes)
                return false;
        switch (s->phase) {
        case BUP_PHASE_CREATE:
                return s->offset_bytes == 0 && !s->all_acked;
        case BUP_PHASE_UPLOAD:
                return s->source.size_bytes > 0;
        case BUP_PHASE_REPLY: /* a fragment's Ack brought the URL, and another one may have to */
                return s->all_acked && s->wants_reply && s->reply_url[0] != '\0' &&
                       s->source.size_bytes > 0;
        case BUP_PHASE_CLOSE:
                return s->all_acked || s->source.size_bytes == 0;
        default:
                return true;
        }
}

int bup_client_state_decode(const void *data, size_t bytes, BupClientState *ret)
{
        PackReader outer, r;
        BupClientState s = {0};

        pack_reader_init(&outer, data, bytes);
        r = unpack_record(&outer);
        if (unpack_u8(&r) != STATE_VERSION)
                return -EBADMSG;
        s.source.size_bytes = unpack_u64(&r);
        s.source.modified_nsec = unpack_i64(&r);
        s.source.inode = unpack_u64(&r);
        s.phase = (BupClientPhase) unpack_u8(&r);
        set_flags(&s, unpack_u32(&r));
        s.restarts = unpack_u8(&r);
        s.offset_bytes = unpack_u64(&r);
        s.best_bytes = unpack_u64(&r);
        s.fragment_limit_bytes = unpack_u64(&r);
        s.fallback_sec = unpack_u32(&r);
        s.fallback_at_usec = unpack_u64(&r);
        bup_unpack_text(&r, s.session_id, sizeof(s.session_id));
        bup_unpack_text(&r, s.host_id, sizeof(s.host_id));
        bup_unpack_text(&r, s.reply_url, sizeof(s.reply_url));
        bup_unpack_text(&r, s.moved_url, sizeof(s.moved_url));
        if (pack_reader_end(&r) < 0 || !is_sound(&s))
                return -EBADMSG;
        *ret = s;
        return 0;
}

bool bup_client_state_source_changed(const BupClientState *s, const BupSource *now)
{
        return s->source.size_bytes != now->size_bytes ||
               s->source.modified_nsec != now->modified_nsec ||
               (s->source.inode != 0 && now->inode != 0 && s->source.inode != now->inode);
}

uint64_t bup_client_state_progress(const BupClientState *s)
{
        return s->application_failed ? s->source.size_bytes : s->offset_bytes;
}
