/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/guid.h"
#include "base/log.h"

enum { WORDS_BYTES = 400 };

void audit_job(const Call *call, const char *fmt, ...)
{
        char id[GUID_TEXT_LEN + 1], words[WORDS_BYTES], by[32] = "";
        LogFields fields = {.job = &call->job, .owner_uid = -1};
        const Job *job;
        va_list ap;

        if (FAILED(manager_read_job(call->service->manager, &call->caller, &call->job, &job)))
                return; /* it was done to a job that nobody has any more */
        fields.owner_uid = (long) job->owner_uid;
        va_start(ap, fmt);
        (void) vsnprintf(words, sizeof(words), fmt, ap); /* cut when too long */
        va_end(ap);
        /* The caller is the user whose instance this is, also when it is root who calls. */
        if (call->client->peer.uid != job->owner_uid)
                (void) snprintf(by, sizeof(by), ", by user %lu",
                                (unsigned long) call->client->peer.uid);
        guid_format(&job->id, id);
        log_line(LOG_INFO, &fields, "job %.8s \"%s\" of user %lu: %s%s", id, job->props.name,
                 (unsigned long) job->owner_uid, words, by);
}

const char *audit_slot(uint32_t target, uint32_t scheme, char text[AUDIT_SLOT_BYTES])
{
        static const char *const schemes[] = {
                "no", "Basic", "Digest", "NTLM", "Negotiate", "Passport",
        };

        (void) snprintf(text, AUDIT_SLOT_BYTES, "the %s's %s credentials",
                        target == BG_AUTH_TARGET_PROXY ? "proxy" : "server",
                        schemes[scheme < ARRAY_LEN(schemes) ? scheme : 0]);
        return text;
}
