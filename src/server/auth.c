/* SPDX-License-Identifier: Apache-2.0 */
#include "server/auth.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/str.h"
#include "server/password_checker.h"

#define TAG_BYTES 32 /* SHA-256 */
#define FILE_LOOK_USEC USEC_PER_SEC

/* A pair of name and password that was right, for a version of a file. */
typedef struct Remembered {
        List link; /* by age */
        uint8_t tag[TAG_BYTES];
        uint64_t until_mono;
} Remembered;

struct AuthQuestion {
        List link;
        uint8_t tag[TAG_BYTES];
        uint32_t id; /* of the question that was sent; several may wait for one */
        AuthDone done;
        void *ctx;
};

struct Auth {
        PasswordChecker *checker;
        Hash *remembered;
        List by_age;
        List questions;
        unsigned n_questions;
        uint32_t last_id;
        uint8_t key[TAG_BYTES];
        /* The file looked at last: its state is part of every tag. */
        char *file;
        struct stat file_state;
        uint64_t file_looked_mono;
};

static void forget(Auth *a, Remembered *entry)
{
        (void) hash_remove(a->remembered, entry->tag);
        list_remove(&entry->link);
        mem_free(entry);
}

static void remember(Auth *a, const uint8_t tag[TAG_BYTES])
{
        Remembered *entry;

        if (hash_get(a->remembered, tag))
                return;
        if (hash_size(a->remembered) >= AUTH_REMEMBERED_MAX)
                forget(a, list_item(a->by_age.next, Remembered, link));
        entry = mem_new(Remembered);
        if (!entry)
                return; /* asked again next time */
        memcpy(entry->tag, tag, TAG_BYTES);
        entry->until_mono = clock_mono_usec(&CLOCK_SYSTEM) + AUTH_REMEMBERED_SEC * USEC_PER_SEC;
        if (hash_put(a->remembered, entry->tag, entry) < 0) {
                mem_free(entry);
                return;
        }
        list_append(&a->by_age, &entry->link);
}

static bool is_remembered(Auth *a, const uint8_t tag[TAG_BYTES])
{
        Remembered *entry = hash_get(a->remembered, tag);

        if (!entry)
                return false;
        if (clock_mono_usec(&CLOCK_SYSTEM) < entry->until_mono)
                return true;
        forget(a, entry);
        return false;
}

static void close_question(Auth *a, AuthQuestion *question, AuthVerdict verdict)
{
        AuthDone done = question->done;
        void *ctx = question->ctx;

        list_remove(&question->link);
        a->n_questions--;
        mem_free(question);
        if (done)
                done(ctx, verdict);
}

/* All that wait for `id`; 0: for anything. */
static void on_answer(void *ctx, uint32_t id, int verdict)
{
        Auth *a = ctx;
        List over;

        list_init(&over);
        LIST_FOREACH (it, &a->questions) {
                AuthQuestion *question = list_item(it, AuthQuestion, link);

                if (id != 0 && question->id != id)
                        continue;
                if (verdict > 0)
                        remember(a, question->tag);
                list_remove(it);
                list_append(&over, it);
        }
        while (!list_is_empty(&over))
                close_question(a, list_item(over.next, AuthQuestion, link),
                               verdict > 0    ? AUTH_ACCEPTED
                               : verdict == 0 ? AUTH_REFUSED
                                              : AUTH_BUSY);
}

int auth_new(sd_event *loop, Auth **ret)
{
        _cleanup_(auth_freep) Auth *a = mem_new(Auth);
        uint64_t seed;
        int r;

        if (!a)
                return -ENOMEM;
        list_init(&a->by_age);
        list_init(&a->questions);
        r = fd_random(a->key, sizeof(a->key));
        if (r == 0)
                r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        a->remembered = hash_new(TAG_BYTES, seed);
        if (!a->remembered)
                return -ENOMEM;
        r = password_checker_new(loop, on_answer, a, &a->checker);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

Auth *auth_free(Auth *a)
{
        if (!a)
                return NULL;
        password_checker_free(a->checker);
        LIST_FOREACH (it, &a->questions)
                mem_free(list_item(it, AuthQuestion, link));
        LIST_FOREACH (it, &a->by_age)
                mem_free(list_item(it, Remembered, link));
        hash_free(a->remembered);
        mem_free(a->file);
        explicit_bzero(a->key, sizeof(a->key));
        mem_free(a);
        return NULL;
}

/* At most once a second: what a file was like is part of what was found right about it. */
static void look_at_file(Auth *a, const char *file)
{
        uint64_t now_mono = clock_mono_usec(&CLOCK_SYSTEM);

        if (str_equal(a->file, file) && now_mono - a->file_looked_mono < FILE_LOOK_USEC)
                return;
        if (str_replace(&a->file, file) < 0)
                return;
        a->file_looked_mono = now_mono;
        if (stat(file, &a->file_state) < 0)
                a->file_state = (struct stat){0};
}

static int make_tag(Auth *a, const char *file, const BasicCredentials *c, uint8_t tag[TAG_BYTES])
{
        gnutls_hmac_hd_t hmac;

        look_at_file(a, file);
        if (gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, a->key, sizeof(a->key)) < 0)
                return -ENOMEM;
        (void) gnutls_hmac(hmac, file, strlen(file) + 1);
        (void) gnutls_hmac(hmac, &a->file_state.st_ino, sizeof(a->file_state.st_ino));
        (void) gnutls_hmac(hmac, &a->file_state.st_size, sizeof(a->file_state.st_size));
        (void) gnutls_hmac(hmac, &a->file_state.st_mtim, sizeof(a->file_state.st_mtim));
        (void) gnutls_hmac(hmac, c->user, strlen(c->user) + 1);
        (void) gnutls_hmac(hmac, c->password, strlen(c->password) + 1);
        gnutls_hmac_deinit(hmac, tag);
        return 0;
}

/* Somebody may have asked the same already: 64 connections of one client begin at once. */
static uint32_t asked_already(const Auth *a, const uint8_t tag[TAG_BYTES])
{
        LIST_FOREACH (it, &a->questions) {
                const AuthQuestion *question = list_item(it, AuthQuestion, link);

                if (memcmp(question->tag, tag, TAG_BYTES) == 0)
                        return question->id;
        }
        return 0;
}

static int ask(Auth *a, AuthQuestion *question, const char *file, const BasicCredentials *c)
{
        question->id = asked_already(a, question->tag);
        if (question->id != 0)
                return 0;
        if (a->n_questions >= AUTH_QUESTIONS_MAX)
                return -EBUSY;
        a->last_id = a->last_id == UINT32_MAX ? 1 : a->last_id + 1;
        question->id = a->last_id;
        return password_checker_ask(a->checker, question->id, file, c->user, c->password);
}

AuthVerdict auth_check(Auth *a, const char *file, const char *authorization,
                       char user[BASIC_USER_BYTES], AuthDone done, void *ctx,
                       AuthQuestion **ret_question)
{
        _cleanup_free_ AuthQuestion *question = NULL;
        _cleanup_(basic_wipe) BasicCredentials c;
        int r = authorization ? basic_parse(authorization, &c) : -EINVAL;

        user[0] = '\0';
        if (r < 0)
                return AUTH_REFUSED;
        (void) str_copy(user, BASIC_USER_BYTES, c.user);
        question = mem_new(AuthQuestion);
        if (!question || make_tag(a, file, &c, question->tag) < 0)
                return AUTH_BUSY;
        if (is_remembered(a, question->tag))
                return AUTH_ACCEPTED;
        question->done = done;
        question->ctx = ctx;
        if (ask(a, question, file, &c) < 0)
                return AUTH_BUSY;
        list_append(&a->questions, &question->link);
        a->n_questions++;
        *ret_question = TAKE_PTR(question);
        return AUTH_ASKED;
}

void auth_forget(AuthQuestion *question)
{
        question->done = NULL; /* the answer is still worth remembering */
}
