/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/bup_client_state.h"
#include "proto/bup_pack.h"

#include "../base/random.h"

static void random_text(Random *random, char *text, size_t bytes)
{
        size_t len = (size_t) random_below(random, random_below(random, 20) ? 40 : bytes);

        for (size_t i = 0; i < len; i++)
                text[i] = (char) (0x21 + random_below(random, 94));
        text[len] = '\0';
}

/* A state that a client can be in. */
static BupClientState random_state(Random *random)
{
        static const char *const hosts[] = {"", "node", "[::1]:80"};
        BupClientState s;
        BupSource source = {.size_bytes = random_u64(random) >> (1 + random_below(random, 63)),
                            .modified_nsec = (int64_t) random_u64(random),
                            .inode = random_u64(random)};

        bup_client_state_init(&s, &source, random_below(random, 2));
        s.cancelling = random_below(random, 2);
        s.reply_missed = random_below(random, 2);
        s.reply_done = random_below(random, 2);
        s.close_sent = random_below(random, 2);
        s.application_failed = random_below(random, 2);
        s.restarts = (uint8_t) random_u64(random);
        s.fragment_limit_bytes = random_u64(random);
        s.fallback_sec = (uint32_t) random_u64(random);
        s.fallback_at_usec = random_u64(random);
        s.best_bytes = random_below(random, source.size_bytes + 1);
        (void) strcpy(s.host_id, hosts[random_below(random, 3)]);
        random_text(random, s.reply_url, sizeof(s.reply_url));
        random_text(random, s.moved_url, sizeof(s.moved_url));
        if (random_below(random, 4) == 0)
                return s;
        random_text(random, s.session_id, sizeof(s.session_id));
        (void) strcpy(s.session_id + MIN(strlen(s.session_id), 99), "x");
        s.phase = BUP_PHASE_UPLOAD;
        s.offset_bytes = random_below(random, s.best_bytes + 1);
        if (random_below(random, 2) || source.size_bytes == 0) {
                s.phase = BUP_PHASE_CLOSE;
                s.offset_bytes = s.best_bytes = source.size_bytes;
                s.all_acked = true;
        }
        return s;
}

static void encode(const BupClientState *s, Buf *out)
{
        buf_init(out, BUP_CLIENT_STATE_MAX_BYTES);
        bup_client_state_encode(s, out);
        assert_int_equal(buf_error(out), 0);
}

static void stored_states_come_back_as_they_were(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 20000; i++) {
                BupClientState s = random_state(&random), back;
                _cleanup_(buf_done) Buf b = {0}, again = {0};

                encode(&s, &b);
                assert_int_equal(bup_client_state_decode(b.data, b.len, &back), 0);
                encode(&back, &again);
                assert_int_equal(b.len, again.len);
                assert_memory_equal(b.data, again.data, b.len);
                assert_int_equal(back.offset_bytes, s.offset_bytes);
                assert_int_equal(back.phase, s.phase);
                assert_int_equal(back.all_acked, s.all_acked);
                assert_int_equal(back.fallback_at_usec, s.fallback_at_usec);
                assert_string_equal(back.session_id, s.session_id);
                assert_string_equal(back.moved_url, s.moved_url);
        }
}

static void the_usual_state_is_small(void **state)
{
        BupSource source = {.size_bytes = 1000000};
        _cleanup_(buf_done) Buf b = {0};
        BupClientState s;

        bup_client_state_init(&s, &source, true);
        (void) strcpy(s.session_id, "{3f0c6d0a-51b5-4c0e-9c7a-0b6c1c1d2e33}");
        s.phase = BUP_PHASE_UPLOAD;
        encode(&s, &b);
        assert_true(b.len < 200);
}

/* Invariants that the machine relies on. */
static void unsound_states_are_refused(void **state)
{
        BupSource source = {.size_bytes = 100};
        BupClientState good, back;

        bup_client_state_init(&good, &source, true);
        (void) strcpy(good.session_id, "x");
        good.phase = BUP_PHASE_UPLOAD;
        good.offset_bytes = 10;
        good.best_bytes = 20;
        for (int i = 0; i <= 17; i++) {
                BupClientState s = good;
                _cleanup_(buf_done) Buf b = {0};

                if (i == 1)
                        s.session_id[0] = '\0';
                if (i == 2)
                        (void) strcpy(s.session_id, "a b");
                if (i == 3)
                        (void) strcpy(s.host_id, "a/b");
                if (i == 4)
                        s.offset_bytes = 21;
                if (i == 5)
                        s.best_bytes = 101;
                if (i == 6)
                        s.all_acked = true;
                if (i == 7)
                        s.phase = BUP_PHASE_CLOSE;
                if (i == 8)
                        s.phase = BUP_PHASE_REPLY;
                if (i == 9)
                        s.phase = BUP_PHASE_MAX;
                if (i == 10)
                        s.source.size_bytes = (uint64_t) 1 << 63;
                if (i == 11)
                        s.phase = BUP_PHASE_CREATE;
                if (i == 12) {
                        s.source.size_bytes = s.best_bytes = s.offset_bytes = 0;
                        s.phase = BUP_PHASE_UPLOAD;
                }
                if (i == 13) {
                        s.session_id[0] = '\0';
                        s.phase = BUP_PHASE_CREATE; /* with an offset of a session that is not */
                }
                if (i >= 14) { /* REPLY needs all four */
                        s.phase = BUP_PHASE_REPLY;
                        s.offset_bytes = s.best_bytes = s.source.size_bytes = i != 17 ? 100 : 0;
                        s.all_acked = i != 14;
                        s.wants_reply = i != 15;
                        (void) strcpy(s.reply_url, i != 16 ? "/r" : "");
                }
                encode(&s, &b);
                assert_int_equal(bup_client_state_decode(b.data, b.len, &back),
                                 i == 0 ? 0 : -EBADMSG);
        }
}

static void text_that_does_not_fit_its_place_is_refused(void **state)
{
        static const struct {
                size_t bytes;
                bool nul;
                int expected;
        } rows[] = {{99, false, 0},
                    {100, false, -EBADMSG},
                    {101, false, -EBADMSG},
                    {99, true, -EBADMSG}};

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char data[101], text[100] = "............";
                _cleanup_(buf_done) Buf b = {0};
                PackReader r;

                memset(data, 'a', sizeof(data));
                data[50] = rows[i].nul ? '\0' : 'a';
                buf_init(&b, 1000);
                pack_blob(&b, data, rows[i].bytes);
                pack_reader_init(&r, b.data, b.len);
                bup_unpack_text(&r, text, sizeof(text));
                assert_int_equal(pack_reader_end(&r), rows[i].expected);
                assert_int_equal(strlen(text), rows[i].expected ? 12 : 99);
        }
}

static void damaged_states_are_refused_or_sound(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 100000; i++) {
                BupClientState s = random_state(&random), back;
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
                if (bup_client_state_decode(copy, len, &back) < 0)
                        continue;
                encode(&back, &again);
                assert_int_equal(bup_client_state_decode(again.data, again.len, &s), 0);
                assert_true(back.offset_bytes <= back.source.size_bytes);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stored_states_come_back_as_they_were),
                cmocka_unit_test(the_usual_state_is_small),
                cmocka_unit_test(unsound_states_are_refused),
                cmocka_unit_test(text_that_does_not_fit_its_place_is_refused),
                cmocka_unit_test(damaged_states_are_refused_or_sound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
