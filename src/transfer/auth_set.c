/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/auth_set.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "base/utf.h"
#include "transfer/worker_pack.h"

int auth_set_new(AuthSet **ret)
{
        AuthSet *s = mem_new(AuthSet);

        if (!s)
                return -ENOMEM;
        list_init(&s->link);
        s->refs = 1;
        *ret = s;
        return 0;
}

AuthSet *auth_set_ref(AuthSet *s)
{
        if (s)
                s->refs++;
        return s;
}

AuthSet *auth_set_unref(AuthSet *s)
{
        if (!s || --s->refs > 0)
                return NULL;
        list_remove(&s->link);
        for (uint32_t i = 0; i < s->slots_len; i++) {
                secret_free(s->slots[i].user);
                secret_free(s->slots[i].password);
        }
        mem_free(s);
        return NULL;
}

static bool has_slot(const AuthSet *s, uint32_t target, uint32_t scheme)
{
        for (uint32_t i = 0; i < s->slots_len; i++)
                if (s->slots[i].target == target && s->slots[i].scheme == scheme)
                        return true;
        return false;
}

int auth_set_add(AuthSet *s, uint32_t target, uint32_t scheme, Secret *take_user,
                 Secret *take_password)
{
        int r = 0;

        if (s->slots_len == JOB_CREDENTIALS_MAX)
                r = -ENOSPC;
        else if (target < BG_AUTH_TARGET_SERVER || target > BG_AUTH_TARGET_PROXY ||
                 scheme < BG_AUTH_SCHEME_BASIC || scheme > BG_AUTH_SCHEME_PASSPORT ||
                 !take_user != !take_password || has_slot(s, target, scheme))
                r = -EINVAL;
        if (r < 0) {
                secret_free(take_user);
                secret_free(take_password);
                return r;
        }
        s->slots[s->slots_len++] = (AuthSlot){
                .target = (BG_AUTH_TARGET) target,
                .scheme = (BG_AUTH_SCHEME) scheme,
                .user = take_user,
                .password = take_password,
        };
        return 0;
}

static bool same_secret(const Secret *a, const Secret *b)
{
        return a && b ? secret_equal(a, b) : a == b;
}

bool auth_set_equal(const AuthSet *a, const AuthSet *b)
{
        if (!a || !b)
                return a == b;
        if (a->slots_len != b->slots_len || !str_equal(a->unreadable, b->unreadable))
                return false;
        for (uint32_t i = 0; i < a->slots_len; i++) {
                const AuthSlot *x = &a->slots[i], *y = &b->slots[i];

                if (x->target != y->target || x->scheme != y->scheme ||
                    !same_secret(x->user, y->user) || !same_secret(x->password, y->password))
                        return false;
        }
        return true;
}

static void pack_secret(Buf *b, const Secret *s)
{
        pack_blob(b, secret_bytes_of(s), secret_len_bytes(s));
}

void auth_set_pack(Buf *b, const AuthSet *s)
{
        pack_u32(b, s ? s->slots_len : 0);
        pack_str(b, s && s->unreadable[0] != '\0' ? s->unreadable : NULL);
        for (uint32_t i = 0; s && i < s->slots_len; i++) {
                const AuthSlot *slot = &s->slots[i];

                pack_u32(b, slot->target);
                pack_u32(b, slot->scheme);
                pack_bool(b, !slot->user);
                if (!slot->user)
                        continue;
                pack_secret(b, slot->user);
                pack_secret(b, slot->password);
        }
}

/* Text that may become a header: UTF-8 without NUL. Goes straight into guarded memory. */
static Secret *unpack_secret(PackReader *r, size_t max_bytes)
{
        size_t bytes = 0;
        const uint8_t *data = unpack_blob(r, &bytes);
        Secret *s = NULL;

        if (r->bad || bytes > max_bytes || (bytes > 0 && memchr(data, 0, bytes)) ||
            !utf8_is_valid((const char *) data, bytes)) {
                r->bad = true;
                return NULL;
        }
        return secret_copy(data, bytes, &s) < 0 ? pack_reader_no_memory(r) : s;
}

static void unpack_slot(PackReader *r, AuthSet *s)
{
        uint32_t target = unpack_u32(r), scheme = unpack_u32(r);
        bool implicit = unpack_bool(r);
        Secret *user = implicit || r->bad ? NULL : unpack_secret(r, AUTH_USER_BYTES_MAX);
        Secret *password = implicit || r->bad ? NULL : unpack_secret(r, AUTH_PASSWORD_BYTES_MAX);

        int rc = auth_set_add(s, target, scheme, user, password);

        if (rc == -ENOMEM)
                (void) pack_reader_no_memory(r);
        else if (rc < 0)
                r->bad = true;
}

AuthSet *auth_set_unpack(PackReader *r)
{
        uint32_t n = unpack_enum(r, JOB_CREDENTIALS_MAX + 1);
        _cleanup_free_ char *unreadable = unpack_str(r, AUTH_REASON_BYTES - 1);
        _cleanup_(auth_set_unrefp) AuthSet *s = NULL;

        if (unreadable && *unreadable == '\0') /* no reason is NULL */
                r->bad = true;
        if (r->bad || (n == 0 && !unreadable))
                return NULL;
        if (auth_set_new(&s) < 0)
                return pack_reader_no_memory(r);
        (void) str_copy(s->unreadable, sizeof(s->unreadable), unreadable ?: "");
        for (uint32_t i = 0; i < n && !r->bad; i++)
                unpack_slot(r, s);
        return r->bad ? NULL : TAKE_PTR(s);
}
