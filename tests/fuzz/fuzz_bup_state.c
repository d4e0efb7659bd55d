/* SPDX-License-Identifier: Apache-2.0 */
/* Stored upload states of both ends: whatever decodes encodes to the same value again. */
#include <string.h>

#include "proto/bup_client_state.h"
#include "proto/bup_session.h"

#include "fuzz.h"

static void check_client(const uint8_t *data, size_t bytes)
{
        BupClientState s, again;
        Buf b, c;

        if (bup_client_state_decode(data, bytes, &s) < 0)
                return;
        FUZZ_CHECK(s.phase < BUP_PHASE_MAX);
        FUZZ_CHECK(s.offset_bytes <= s.source.size_bytes);
        FUZZ_CHECK(s.best_bytes <= s.source.size_bytes);
        FUZZ_CHECK(bup_client_state_progress(&s) <= s.source.size_bytes);
        buf_init(&b, BUP_CLIENT_STATE_MAX_BYTES);
        buf_init(&c, BUP_CLIENT_STATE_MAX_BYTES);
        bup_client_state_encode(&s, &b);
        FUZZ_CHECK(buf_error(&b) == 0);
        FUZZ_CHECK(bup_client_state_decode(b.data, b.len, &again) == 0);
        bup_client_state_encode(&again, &c);
        FUZZ_CHECK(b.len == c.len && memcmp(b.data, c.data, b.len) == 0);
        buf_done(&b);
        buf_done(&c);
}

static void check_server(const uint8_t *data, size_t bytes, uint64_t there)
{
        BupSession s, again;
        Buf b, c;

        if (bup_session_decode(data, bytes, &s) < 0)
                return;
        FUZZ_CHECK(s.phase < BUP_SESSION_PHASE_MAX);
        FUZZ_CHECK(!s.total_known || s.next_bytes <= s.total_bytes);
        FUZZ_CHECK(s.synced_bytes <= s.next_bytes);
        (void) bup_session_is_over(&s, (int64_t) there, BUP_SESSION_TIMEOUT_SEC);
        (void) bup_session_recover(&s, there, there & 1);
        FUZZ_CHECK(s.synced_bytes <= s.next_bytes);
        buf_init(&b, BUP_SESSION_MAX_BYTES);
        buf_init(&c, BUP_SESSION_MAX_BYTES);
        bup_session_encode(&s, &b);
        FUZZ_CHECK(buf_error(&b) == 0);
        FUZZ_CHECK(bup_session_decode(b.data, b.len, &again) == 0);
        bup_session_encode(&again, &c);
        FUZZ_CHECK(b.len == c.len && memcmp(b.data, c.data, b.len) == 0);
        buf_done(&b);
        buf_done(&c);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        uint64_t there = fuzz_number(&in);

        check_client(in.data, in.left);
        check_server(in.data, in.left, there);
}
