/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/auth_ticket.h"

#include <errno.h>

#ifdef HAVE_KRB5

#include <ctype.h>
#include <string.h>

#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

struct AuthTicket {
        unsigned refs;
        krb5_context krb;
        krb5_ccache cache;
        char *name; /* of the cache, for GSS-API */
};

bool auth_ticket_is_possible(void)
{
        return true;
}

AuthTicket *auth_ticket_ref(AuthTicket *t)
{
        if (t)
                t->refs++;
        return t;
}

AuthTicket *auth_ticket_unref(AuthTicket *t)
{
        if (!t || --t->refs > 0)
                return NULL;
        if (t->cache)
                (void) krb5_cc_destroy(t->krb, t->cache);
        if (t->krb)
                krb5_free_context(t->krb);
        mem_free(t->name);
        mem_free(t);
        return NULL;
}
DEFINE_CLEANUP(AuthTicket *, auth_ticket_unref)

/* No message of the library: those name the user. */
static int fail(krb5_error_code code, const char **ret_why)
{
        switch (code) {
        case KRB5KDC_ERR_PREAUTH_FAILED:
        case KRB5KRB_AP_ERR_BAD_INTEGRITY:
                *ret_why = "the password is wrong";
                return -EACCES;
        case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
                *ret_why = "Kerberos does not know the user";
                return -EACCES;
        case KRB5KDC_ERR_KEY_EXP:
                *ret_why = "the password has expired";
                return -EACCES;
        case KRB5_KDC_UNREACH:
        case KRB5_REALM_CANT_RESOLVE:
        case KRB5_REALM_UNKNOWN:
                *ret_why = "no Kerberos server of the realm answers";
                return -EHOSTUNREACH;
        case ENOMEM:
                *ret_why = "out of memory";
                return -ENOMEM;
        default:
                *ret_why = "Kerberos gives no ticket";
                return -EIO;
        }
}

/* REALM\user becomes user@REALM. */
static krb5_error_code parse_user(krb5_context krb, const char *user, krb5_principal *ret)
{
        const char *backslash = strchr(user, '\\');
        krb5_error_code code;
        char *text;

        if (!backslash)
                return krb5_parse_name(krb, user, ret);
        text = mem_printf("%s@%.*s", backslash + 1, (int) (backslash - user), user);
        if (!text)
                return ENOMEM;
        for (char *p = strrchr(text, '@'); *p; p++)
                *p = (char) toupper((unsigned char) *p);
        code = krb5_parse_name(krb, text, ret);
        secret_wipe(text, strlen(text));
        mem_free(text);
        return code;
}

static krb5_error_code fill(AuthTicket *t, krb5_principal who, const char *password)
{
        krb5_creds creds = {0};
        krb5_error_code code = krb5_get_init_creds_password(t->krb, &creds, who, password, NULL,
                                                            NULL, 0, NULL, NULL);

        if (code)
                return code;
        code = krb5_cc_new_unique(t->krb, "MEMORY", NULL, &t->cache);
        if (!code)
                code = krb5_cc_initialize(t->krb, t->cache, who);
        if (!code)
                code = krb5_cc_store_cred(t->krb, t->cache, &creds);
        krb5_free_cred_contents(t->krb, &creds);
        return code;
}

int auth_ticket_get(const Secret *user, const Secret *password, AuthTicket **ret,
                    const char **ret_why)
{
        _cleanup_(auth_ticket_unrefp) AuthTicket *t = mem_new(AuthTicket);
        krb5_principal who = NULL;
        krb5_error_code code;

        if (!t)
                return fail(ENOMEM, ret_why);
        t->refs = 1;
        code = krb5_init_context(&t->krb);
        if (code)
                return fail(code, ret_why);
        code = parse_user(t->krb, secret_text(user), &who);
        if (!code)
                code = fill(t, who, secret_text(password));
        krb5_free_principal(t->krb, who);
        if (code)
                return fail(code, ret_why);
        t->name = mem_printf("MEMORY:%s", krb5_cc_get_name(t->krb, t->cache));
        if (!t->name)
                return fail(ENOMEM, ret_why);
        *ret = TAKE_PTR(t);
        return 0;
}

void auth_ticket_use(const AuthTicket *t)
{
        OM_uint32 minor;

        (void) gss_krb5_ccache_name(&minor, t ? t->name : NULL, NULL); /* NULL: KRB5CCNAME */
}

#else

bool auth_ticket_is_possible(void)
{
        return false;
}

int auth_ticket_get(const Secret *user, const Secret *password, AuthTicket **ret,
                    const char **ret_why)
{
        *ret_why = "this program was built without Kerberos";
        return -ENOTSUP;
}

AuthTicket *auth_ticket_ref(AuthTicket *t)
{
        return NULL;
}

AuthTicket *auth_ticket_unref(AuthTicket *t)
{
        return NULL;
}

void auth_ticket_use(const AuthTicket *t)
{
}

#endif
