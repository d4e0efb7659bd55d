/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "transfer/auth.h"
#include "transfer/transfer_error.h"

typedef struct Name {
        long scheme;
        const char *text;
} Name;

static const Name NAMES[] = {
        {CURLAUTH_NEGOTIATE, "Negotiate"},
        {CURLAUTH_NTLM, "NTLM"},
        {CURLAUTH_DIGEST, "Digest"},
        {CURLAUTH_BASIC, "Basic"},
};

enum { NAMES_BYTES = 64 };

/* "Digest or Basic"; "no scheme known here". */
static void write_names(char dst[NAMES_BYTES], long schemes)
{
        size_t at = 0;

        (void) str_copy(dst, NAMES_BYTES, "no scheme known here");
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
                if (schemes & NAMES[i].scheme)
                        at += (size_t) snprintf(dst + at, NAMES_BYTES - at, "%s%s",
                                                at > 0 ? " or " : "", NAMES[i].text);
}

static bool has_slot(const Auth *a, int status, BG_AUTH_SCHEME scheme, bool implicit)
{
        BG_AUTH_TARGET target = status == 407 ? BG_AUTH_TARGET_PROXY : BG_AUTH_TARGET_SERVER;

        for (uint32_t i = 0; a->set && i < a->set->slots_len; i++) {
                const AuthSlot *slot = &a->set->slots[i];

                if (slot->target == target && slot->scheme == scheme && !slot->user == implicit)
                        return true;
        }
        return false;
}

/* One without a scheme does not know the offer either: then it is 0. */
static const char *hint_of_curl(const Auth *a, int status, long offered)
{
        bool ntlm = has_slot(a, status, BG_AUTH_SCHEME_NTLM, false);
        bool ticket = has_slot(a, status, BG_AUTH_SCHEME_NTLM, true) ||
                      has_slot(a, status, BG_AUTH_SCHEME_NEGOTIATE, true);
        bool either = has_slot(a, status, BG_AUTH_SCHEME_NEGOTIATE, false);

        if (offered != 0 && !(offered & (long) (CURLAUTH_NTLM | CURLAUTH_NEGOTIATE)))
                return NULL;
        if ((ticket || either) && !auth_curl_has_negotiate())
                return "; the libcurl of this system was built without Negotiate";
        if ((ntlm || either) && !auth_curl_has_ntlm())
                return "; the libcurl of this system was built without NTLM";
        return NULL;
}

/* What the job has that looks as if it should fit, and does not. */
static const char *hint(const Auth *a, int status, long offered)
{
        const char *of_curl = hint_of_curl(a, status, offered);

        if (of_curl)
                return of_curl;
        if ((offered & CURLAUTH_NEGOTIATE) && has_slot(a, status, BG_AUTH_SCHEME_NEGOTIATE, false))
                return "; Negotiate takes the Kerberos ticket of the user here, not a password: "
                       "set it "
                       "without a user name";
        if (has_slot(a, status, BG_AUTH_SCHEME_PASSPORT, false))
                return "; Passport is not supported";
        if ((offered & CURLAUTH_NTLM) && (has_slot(a, status, BG_AUTH_SCHEME_NTLM, true) ||
                                          has_slot(a, status, BG_AUTH_SCHEME_NEGOTIATE, true)))
                return "; NTLM needs a user name and a password here";
        if ((offered & CURLAUTH_NTLM) && (has_slot(a, status, BG_AUTH_SCHEME_NTLM, false) ||
                                          has_slot(a, status, BG_AUTH_SCHEME_NEGOTIATE, false)))
                return "; NTLM carries only Latin-1 characters here";
        return "";
}

static void write_refused(char *dst, size_t dst_bytes, const Auth *a, const char *who,
                          const AuthSide *side)
{
        char names[NAMES_BYTES];
        bool ticket = side->refused == CURLAUTH_NEGOTIATE;

        write_names(names, (long) side->refused);
        if (ticket && a->ticket_why)
                (void) snprintf(dst, dst_bytes,
                                "no Kerberos ticket for the %s: %s: set other credentials, then "
                                "resume",
                                who, a->ticket_why);
        else
                (void) snprintf(dst, dst_bytes,
                                "the %s refuses the credentials of the job (%s): %s", who, names,
                                ticket ? "get a Kerberos ticket (kinit), then resume"
                                       : "set the right ones, then resume");
}

JobError auth_error(const Auth *a, int status)
{
        const AuthSide *side = status == 407 ? &a->proxy : &a->server;
        const char *who = status == 407 ? "proxy" : "server";
        JobError e = transfer_error_status(status, 0);
        char names[NAMES_BYTES], text[2 * JOB_ERROR_TEXT_BYTES];

        if (status == 407)
                e.context = BG_ERROR_CONTEXT_GENERAL_TRANSPORT;
        write_names(names, side->offered);
        if (a->set && a->set->unreadable[0] != '\0')
                (void) snprintf(
                        text, sizeof(text),
                        "the %s wants credentials, and those of the job cannot be read: %s: "
                        "set the credentials again, then resume",
                        who, a->set->unreadable);
        else if (side->refused)
                write_refused(text, sizeof(text), a, who, side);
        else if (status == 401 && !side->allowed && a->set)
                (void) snprintf(text, sizeof(text),
                                "another server than that of the job wants credentials (%s); those "
                                "of the job are not for it",
                                names);
        else
                (void) snprintf(text, sizeof(text),
                                "the %s wants credentials (%s), and the job has none that fit%s",
                                who, names, hint(a, status, side->offered));
        (void) str_copy(e.text, sizeof(e.text), text);
        return e;
}
