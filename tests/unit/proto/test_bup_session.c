/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/bup_session.h"

#include "../base/random.h"

#define ID "{3f0c6d0a-51b5-4c0e-9c7a-0b6c1c1d2e33}"
#define NOW 1767225600

static BupSession receiving(uint64_t next, uint64_t synced, uint64_t total)
{
        BupSession s;

        bup_session_init(&s, ID, NOW);
        s.total_known = s.fragment_seen = true;
        s.total_bytes = total;
        s.next_bytes = next;
        s.synced_bytes = synced;
        s.phase = next == total ? BUP_SESSION_OWED : BUP_SESSION_RECEIVING;
        return s;
}

static void encode(const BupSession *s, Buf *out)
{
        buf_init(out, BUP_SESSION_MAX_BYTES);
        bup_session_encode(s, out);
        assert_int_equal(buf_error(out), 0);
}

static BupSession random_session(Random *random)
{
        uint64_t total = 1 + (random_u64(random) >> (2 + random_below(random, 61)));
        uint64_t next = random_below(random, 3) ? random_below(random, total) : total;
        BupSession s = receiving(next, random_below(random, next + 1), total);

        if (next == total)
                s.phase = (BupSessionPhase) (BUP_SESSION_OWED + random_below(random, 5));
        s.notified = random_below(random, 2);
        s.published = random_below(random, 2);
        s.copies = random_below(random, 2);
        s.final_status = random_below(random, 2) ? 403 : 0;
        s.touched_wall_sec = (int64_t) random_u64(random);
        memset(s.reply_url, 'r', (size_t) random_below(random, BUP_REPLY_URL_MAX_CHARS + 1));
        memset(s.content_name, 'n', (size_t) random_below(random, BUP_NAME_BYTES));
        return s;
}

static void stored_sessions_come_back_as_they_were(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 20000; i++) {
                BupSession s = random_session(&random), back;
                _cleanup_(buf_done) Buf b = {0}, again = {0};

                encode(&s, &b);
                assert_int_equal(bup_session_decode(b.data, b.len, &back), 0);
                encode(&back, &again);
                assert_int_equal(b.len, again.len);
                assert_memory_equal(b.data, again.data, b.len);
                assert_int_equal(back.phase, s.phase);
                assert_int_equal(back.next_bytes, s.next_bytes);
                assert_int_equal(back.notified, s.notified);
                assert_int_equal(back.final_status, s.final_status);
                assert_string_equal(back.reply_url, s.reply_url);
                assert_string_equal(back.content_name, s.content_name);
        }
}

static void unsound_sessions_are_refused(void **state)
{
        for (int i = 0; i <= 11; i++) {
                BupSession s = receiving(10, 5, 100), back;
                _cleanup_(buf_done) Buf b = {0};

                if (i == 1)
                        (void) strcpy(s.id, "../x");
                if (i == 2)
                        (void) strcpy(s.id, "{ABC}"); /* not as it is looked up */
                if (i == 3)
                        s.id[0] = '\0';
                if (i == 4)
                        s.next_bytes = 101;
                if (i == 5)
                        s.synced_bytes = 11;
                if (i == 6)
                        s.next_bytes = 100;
                if (i == 7)
                        s.phase = BUP_SESSION_OWED;
                if (i == 8)
                        s.phase = BUP_SESSION_PHASE_MAX;
                if (i == 9)
                        s.total_known = false;
                if (i == 10)
                        s.final_status = 1000;
                if (i == 11)
                        s.total_bytes = (uint64_t) 1 << 63;
                encode(&s, &b);
                assert_int_equal(bup_session_decode(b.data, b.len, &back), i == 0 ? 0 : -EBADMSG);
        }
}

static void damaged_sessions_are_refused_or_sound(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 50000; i++) {
                BupSession s = random_session(&random), back;
                _cleanup_free_ uint8_t *copy = NULL;
                _cleanup_(buf_done) Buf b = {0}, again = {0};
                size_t len;

                encode(&s, &b);
                len = 1 + (size_t) random_below(&random, b.len);
                copy = mem_alloc(len); /* of the exact size, so that a read behind it shows */
                assert_non_null(copy);
                memcpy(copy, b.data, len);
                for (uint64_t k = random_below(&random, 5); k > 0; k--)
                        copy[random_below(&random, MIN(len, 120))] = (uint8_t) random_u64(&random);
                if (bup_session_decode(copy, len, &back) < 0)
                        continue;
                encode(&back, &again);
                assert_int_equal(bup_session_decode(again.data, again.len, &s), 0);
                assert_true(back.synced_bytes <= back.next_bytes &&
                            back.next_bytes <= back.total_bytes);
        }
}

/* S6 */
static void after_kill_everything_that_was_counted_is_there(void **state)
{
        BupSession s = receiving(60, 20, 100);

        assert_false(bup_session_recover(&s, 60, true));
        assert_false(bup_session_recover(&s, UINT64_MAX, true));
        assert_false(bup_session_recover(&s, 80, true)); /* written, but not counted */
        assert_int_equal(s.next_bytes, 60);
}

static void after_power_loss_only_what_was_synchronised_counts(void **state)
{
        BupSession s = receiving(60, 20, 100);

        assert_true(bup_session_recover(&s, 60, false));
        assert_int_equal(s.next_bytes, 20);
        s = receiving(60, 20, 100);
        assert_true(bup_session_recover(&s, 10, false));
        assert_int_equal(s.next_bytes, 10);
        assert_int_equal(s.synced_bytes, 10);
        s = receiving(60, 20, 100);
        assert_true(bup_session_recover(&s, 59, true));
        assert_int_equal(s.next_bytes, 59);
}

static void a_finished_upload_that_lost_bytes_is_received_and_shown_again(void **state)
{
        BupSession s = receiving(100, 100, 100);

        s.notified = true;
        (void) strcpy(s.reply_url, "/r");
        assert_false(bup_session_recover(&s, 100, false));
        assert_true(bup_session_recover(&s, 99, false));
        assert_int_equal(s.phase, BUP_SESSION_RECEIVING);
        assert_false(s.notified);
        assert_string_equal(s.reply_url, "");
        s = receiving(100, 0, 100);
        s.phase = BUP_SESSION_CLOSED; /* its data is gone, as it should be */
        assert_false(bup_session_recover(&s, 0, false));
}

/* S23 */
static void sessions_end_after_their_time_and_tombstones_after_a_day(void **state)
{
        BupSession s = receiving(60, 20, 100);

        assert_false(bup_session_is_tombstone(&s));
        assert_false(bup_session_is_over(&s, NOW + 1000, 1000));
        assert_true(bup_session_is_over(&s, NOW + 1001, 1000));
        assert_false(bup_session_is_over(&s, NOW - 1000000, 1000));
        assert_false(bup_session_is_over(&s, INT64_MIN, 0));
        s.phase = BUP_SESSION_CANCELLED;
        assert_true(bup_session_is_tombstone(&s));
        assert_false(bup_session_is_over(&s, NOW + 86400, 1000));
        assert_true(bup_session_is_over(&s, NOW + 86401, 1000));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stored_sessions_come_back_as_they_were),
                cmocka_unit_test(unsound_sessions_are_refused),
                cmocka_unit_test(damaged_sessions_are_refused_or_sound),
                cmocka_unit_test(after_kill_everything_that_was_counted_is_there),
                cmocka_unit_test(after_power_loss_only_what_was_synchronised_counts),
                cmocka_unit_test(a_finished_upload_that_lost_bytes_is_received_and_shown_again),
                cmocka_unit_test(sessions_end_after_their_time_and_tombstones_after_a_day),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
