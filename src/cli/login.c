/* SPDX-License-Identifier: Apache-2.0 */
#include "login.h"

#include <string.h>

#include "base/alloc.h"
#include "base/utf.h"

#include "message.h"
#include "must.h"

void logins_done(Logins *l)
{
        passwords_done(&l->passwords);
        mem_free(l->asked_user);
        *l = (Logins){0};
}

const char *target_name(BG_AUTH_TARGET target)
{
        return target == BG_AUTH_TARGET_PROXY ? "proxy" : "server";
}

const char *scheme_name(BG_AUTH_SCHEME scheme)
{
        static const char *const names[] = {
                [BG_AUTH_SCHEME_BASIC] = "basic",       [BG_AUTH_SCHEME_DIGEST] = "digest",
                [BG_AUTH_SCHEME_NTLM] = "ntlm",         [BG_AUTH_SCHEME_NEGOTIATE] = "negotiate",
                [BG_AUTH_SCHEME_PASSPORT] = "passport",
        };

        return (size_t) scheme < ARRAY_LEN(names) && names[scheme] ? names[scheme] : "unknown";
}

char *scheme_names(unsigned schemes)
{
        Buf names;

        buf_init(&names, 256); /* errors stick to the buffer */
        for (unsigned scheme = BG_AUTH_SCHEME_BASIC; scheme <= BG_AUTH_SCHEME_PASSPORT; scheme++)
                if (schemes & SCHEME_BIT(scheme))
                        (void) buf_printf(&names, "%s%s", names.len > 0 ? ", " : "",
                                          scheme_name((BG_AUTH_SCHEME) scheme));
        return must_take_str(&names);
}

/* What stands there may be a password, so it is not repeated. */
int login_check_name(const Cli *cli, const char *user)
{
        if (!*user)
                return message_usage(&cli->out, NULL, "the user name is empty");
        if (!utf8_is_valid(user, strlen(user)))
                return message_usage(&cli->out, NULL, "the user name is no valid UTF-8");
        if (!strchr(user, ':'))
                return STATUS_OK;
        return message_usage(&cli->out,
                             "the name alone; the password is asked for, or use "
                             "--password-stdin, --password-file=FILE or --password-fd=N",
                             "a user name holds no \":\", and a password does not belong on a "
                             "command line, which everybody can read");
}

int logins_check(const Cli *cli)
{
        const Options *o = cli->opt;
        int status = o->login ? login_check_name(cli, o->login) : STATUS_OK;

        if (status == STATUS_OK && o->proxy_login)
                status = login_check_name(cli, o->proxy_login);
        if (status != STATUS_OK)
                return status;
        if (o->login || o->proxy_login)
                return passwords_check(cli);
        if (password_source_given(o) || options_has(o, OPT_SCHEME))
                return message_usage(&cli->out, NULL, "whose password? --login=NAME says it");
        return STATUS_OK;
}

int logins_read_passwords(Cli *cli, Logins *l)
{
        char *questions[PASSWORDS_MAX];
        int status;

        for (size_t i = 0; i < l->count; i++) {
                _cleanup_free_ char *user = out_escape(l->logins[i].user);

                questions[i] = must(mem_printf("password of %s for the %s: ", user,
                                               target_name(l->logins[i].target)));
        }
        status = passwords_read(cli, (const char *const *) questions, l->count, &l->passwords);
        for (size_t i = 0; i < l->count; i++) {
                l->logins[i].password = l->passwords.of[i];
                mem_free(questions[i]);
        }
        return status;
}

int logins_read(Cli *cli, Logins *ret)
{
        const Options *o = cli->opt;

        *ret = (Logins){.schemes = o->schemes ? o->schemes : SCHEMES_DEFAULT};
        if (o->login)
                ret->logins[ret->count++] =
                        (Login){.target = BG_AUTH_TARGET_SERVER, .user = o->login};
        if (o->proxy_login)
                ret->logins[ret->count++] =
                        (Login){.target = BG_AUTH_TARGET_PROXY, .user = o->proxy_login};
        return ret->count > 0 ? logins_read_passwords(cli, ret) : STATUS_OK;
}

static int set_slot(Cli *cli, const Login *login, BG_AUTH_SCHEME scheme, const bits_job_info *job)
{
        HRESULT hr = bits_job_set_credentials(cli->client, &job->id, login->target, scheme,
                                              login->user, login->password);

        if (SUCCEEDED(hr))
                return STATUS_OK;
        return message_call_failed(&cli->out, hr, "cannot set the credentials of", job);
}

int logins_set(Cli *cli, const Logins *l, const bits_job_info *job)
{
        int status = STATUS_OK;

        for (size_t i = 0; i < l->count && status == STATUS_OK; i++)
                for (unsigned scheme = BG_AUTH_SCHEME_BASIC;
                     scheme <= BG_AUTH_SCHEME_PASSPORT && status == STATUS_OK; scheme++)
                        if (l->schemes & SCHEME_BIT(scheme))
                                status = set_slot(cli, &l->logins[i], (BG_AUTH_SCHEME) scheme, job);
        return status;
}
