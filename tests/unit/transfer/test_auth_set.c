/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "transfer/worker_msg.h"

#include "../base/random.h"

#define FUZZ_ROUNDS 3000
#define LENGTH_BYTES 4

static Secret *secret(const char *text)
{
        Secret *s;

        assert_int_equal(secret_copy(text, strlen(text), &s), 0);
        return s;
}

static AuthSet *new_set(void)
{
        AuthSet *s;

        assert_int_equal(auth_set_new(&s), 0);
        return s;
}

static void add(AuthSet *s, uint32_t target, uint32_t scheme, const char *user,
                const char *password)
{
        assert_int_equal(auth_set_add(s, target, scheme, user ? secret(user) : NULL,
                                      password ? secret(password) : NULL),
                         0);
}

static AuthSet *sample(void)
{
        AuthSet *s = new_set();

        add(s, BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_BASIC, "Jürgen", "Größe 日本");
        add(s, BG_AUTH_TARGET_PROXY, BG_AUTH_SCHEME_NEGOTIATE, NULL, NULL);
        add(s, BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_DIGEST, "", "");
        return s;
}

/* What comes out at the other end; NULL also for a message that is refused. */
static AuthSet *travel(const AuthSet *s, bool *ret_bad)
{
        AuthSet *arrived;
        PackReader r;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        auth_set_pack(&b, s);
        assert_int_equal(buf_error(&b), 0);
        pack_reader_init(&r, b.data, b.len);
        arrived = auth_set_unpack(&r);
        *ret_bad = pack_reader_end(&r) < 0;
        buf_done(&b);
        return arrived;
}

static void a_set_arrives_as_it_was(void **state)
{
        AuthSet *s = sample(), *t;
        bool bad;

        t = travel(s, &bad);
        assert_false(bad);
        assert_true(auth_set_equal(s, t));
        assert_string_equal(secret_text(t->slots[0].password), "Größe 日本");
        assert_null(t->slots[1].user);
        assert_int_equal(secret_len_bytes(t->slots[2].password), 0);
        auth_set_unref(t);
        strcpy(s->unreadable, "the key is lost");
        t = travel(s, &bad);
        assert_true(!bad && auth_set_equal(s, t));
        auth_set_unref(t);
        auth_set_unref(s);
        assert_null(travel(NULL, &bad));
        assert_false(bad);
}

static void a_reason_without_slots_arrives_too(void **state)
{
        AuthSet *s = new_set(), *t;
        bool bad;

        strcpy(s->unreadable, "the key is lost");
        t = travel(s, &bad);
        assert_true(!bad && auth_set_equal(s, t));
        auth_set_unref(t);
        auth_set_unref(s);
}

static void slots_have_rules(void **state)
{
        AuthSet *s = new_set();

        assert_int_equal(auth_set_add(s, 0, 1, NULL, NULL), -EINVAL);
        assert_int_equal(auth_set_add(s, 3, 1, NULL, NULL), -EINVAL);
        assert_int_equal(auth_set_add(s, 1, 0, NULL, NULL), -EINVAL);
        assert_int_equal(auth_set_add(s, 1, 6, NULL, NULL), -EINVAL);
        assert_int_equal(auth_set_add(s, 1, 1, secret("u"), NULL), -EINVAL);
        assert_int_equal(auth_set_add(s, 1, 1, NULL, secret("p")), -EINVAL);
        for (uint32_t target = 1; target <= 2; target++)
                for (uint32_t scheme = 1; scheme <= 5; scheme++) {
                        add(s, target, scheme, "u", "p");
                        assert_true(auth_set_add(s, target, scheme, secret("u"), secret("p")) < 0);
                }
        assert_int_equal(s->slots_len, JOB_CREDENTIALS_MAX);
        assert_int_equal(auth_set_add(s, 1, 1, NULL, NULL), -ENOSPC);
        auth_set_unref(s);
}

static void sets_differ_by_anything(void **state)
{
        AuthSet *a = sample(), *b = sample();

        assert_true(auth_set_equal(a, b));
        assert_true(auth_set_equal(NULL, NULL));
        assert_false(auth_set_equal(a, NULL));
        secret_data(b->slots[0].password)[3] ^= 1;
        assert_false(auth_set_equal(a, b));
        secret_data(b->slots[0].password)[3] ^= 1;
        b->slots[0].target = BG_AUTH_TARGET_PROXY;
        assert_false(auth_set_equal(a, b));
        b->slots[0].target = BG_AUTH_TARGET_SERVER;
        b->unreadable[0] = 'x';
        assert_false(auth_set_equal(a, b));
        b->unreadable[0] = '\0';
        add(b, BG_AUTH_TARGET_PROXY, BG_AUTH_SCHEME_BASIC, "u", "p");
        assert_false(auth_set_equal(a, b));
        auth_set_unref(a);
        auth_set_unref(b);
}

static Secret *long_secret(size_t bytes)
{
        Secret *s;

        assert_int_equal(secret_new(bytes, &s), 0);
        memset(secret_data(s), 'p', bytes);
        return s;
}

static void the_longest_of_all_fit_a_message_and_longer_ones_are_refused(void **state)
{
        AuthSet *s = new_set(), *t;
        bool bad;

        for (uint32_t i = 0; i < JOB_CREDENTIALS_MAX; i++)
                assert_int_equal(auth_set_add(s, 1 + i / 5, 1 + i % 5,
                                              long_secret(AUTH_USER_BYTES_MAX),
                                              long_secret(AUTH_PASSWORD_BYTES_MAX)),
                                 0);
        t = travel(s, &bad);
        assert_true(!bad && auth_set_equal(s, t));
        auth_set_unref(t);
        auth_set_unref(s);
        for (int i = 0; i < 2; i++) {
                s = new_set();
                assert_int_equal(auth_set_add(s, 1, 1, long_secret(AUTH_USER_BYTES_MAX + (i == 0)),
                                              long_secret(AUTH_PASSWORD_BYTES_MAX + (i == 1))),
                                 0);
                assert_null(travel(s, &bad));
                assert_true(bad);
                auth_set_unref(s);
        }
}

static void only_text_is_taken(void **state)
{
        static const char *const BAD[] = {"\xff", "a\xc3", "\xed\xa0\x80"};
        bool bad;

        for (size_t i = 0; i <= ARRAY_LEN(BAD); i++) {
                AuthSet *s = new_set();

                add(s, 1, 1, "user", i < ARRAY_LEN(BAD) ? BAD[i] : "a.b");
                if (i == ARRAY_LEN(BAD))
                        secret_data(s->slots[0].password)[1] = '\0';
                assert_null(travel(s, &bad));
                assert_true(bad);
                auth_set_unref(s);
        }
}

static void append_start(Buf *b, const AuthSet *set)
{
        JobFile f = {.remote = (char *) "http://h/", .local = (char *) "/l"};
        Job job = {.type = BG_JOB_TYPE_DOWNLOAD};

        worker_msg_encode_start(b, 1, &job, &f, set);
}

static void a_start_carries_them_and_the_link_keeps_nothing(void **state)
{
        AuthSet *s = sample();
        WorkerLink link;
        WorkerMsg m;
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        append_start(&b, s);
        worker_link_init(&link, -1);
        assert_int_equal(buf_append(&link.in, b.data, b.len), 0);
        assert_int_equal(worker_link_next(&link, &m), 1);
        assert_true(auth_set_equal(m.start.credentials, s));
        assert_null(memmem(link.in.data - link.in.head, link.in.cap, "Jürgen", 6));
        worker_msg_done(&m);
        worker_link_done(&link);
        buf_done(&b);
        auth_set_unref(s);
}

static void changed_messages_are_decoded_or_refused(void **state)
{
        Random random = random_seeded("changed credentials");
        AuthSet *s = sample();
        Buf b, copy;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        append_start(&b, s);
        for (int i = 0; i < FUZZ_ROUNDS; i++) {
                WorkerMsg m;
                size_t bytes = b.len - LENGTH_BYTES;

                buf_init(&copy, WORKER_MSG_MAX_BYTES);
                assert_int_equal(buf_append(&copy, b.data + LENGTH_BYTES, bytes), 0);
                for (uint64_t n = random_below(&random, 4); n > 0; n--)
                        copy.data[bytes - 1 - random_below(&random, 90)] =
                                (uint8_t) random_below(&random, 256);
                if (random_below(&random, 8) == 0)
                        bytes -= random_below(&random, 90);
                if (worker_msg_decode(copy.data, bytes, &m) == 0)
                        worker_msg_done(&m);
                buf_done(&copy);
        }
        buf_done(&b);
        auth_set_unref(s);
}

static void every_failed_allocation_is_survived(void **state)
{
        AuthSet *s = sample();
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        append_start(&b, s);
        for (uint64_t n = 1;; n++) {
                WorkerMsg m;
                int r;

                mem_fail_nth(n);
                r = worker_msg_decode(b.data + LENGTH_BYTES, b.len - LENGTH_BYTES, &m);
                if (!mem_fail_struck()) {
                        mem_fail_nth(0);
                        assert_int_equal(r, 0);
                        worker_msg_done(&m);
                        assert_true(n > 5);
                        break;
                }
                assert_true(r < 0);
        }
        buf_done(&b);
        auth_set_unref(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_set_arrives_as_it_was),
                cmocka_unit_test(a_reason_without_slots_arrives_too),
                cmocka_unit_test(slots_have_rules),
                cmocka_unit_test(sets_differ_by_anything),
                cmocka_unit_test(the_longest_of_all_fit_a_message_and_longer_ones_are_refused),
                cmocka_unit_test(only_text_is_taken),
                cmocka_unit_test(a_start_carries_them_and_the_link_keeps_nothing),
                cmocka_unit_test(changed_messages_are_decoded_or_refused),
                cmocka_unit_test(every_failed_allocation_is_survived),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
