/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a refused call. */
#include "daemon/call.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/hresult.h"
#include "base/str.h"

#define SHORT_ID_CHARS 8

static const struct {
        const char *method;
        const char *words;
} deeds[] = {
        {"Hello", "greet the service"},
        {"Status", "read the service's status"},
        {"CreateJob", "create the job"},
        {"OpenJob", "open"},
        {"ReadJob", "read"},
        {"ListJobs", "list the jobs"},
        {"ListFiles", "list the files of"},
        {"ReadFile", "read a file of"},
        {"AddFiles", "add files to"},
        {"Suspend", "suspend"},
        {"Resume", "resume"},
        {"Complete", "complete"},
        {"Cancel", "cancel"},
        {"SetName", "rename"},
        {"SetDescription", "set the description of"},
        {"SetPriority", "set the priority of"},
        {"SetNotifyFlags", "set the notify flags of"},
        {"SetRetryDelay", "set the retry delay of"},
        {"SetNoProgressTimeout", "set the no-progress time-out of"},
        {"SetProxy", "set the proxy of"},
        {"TakeOwnership", "take ownership of"},
        {"SetAutoComplete", "set the automatic completion of"},
        {"SetFilesInFlight", "set the number of files in flight of"},
        {"SetLimitRate", "set the limit of"},
        {"Lines", "read how the lines are used"},
        {"SetReplyName", "set the name of the reply of"},
        {"SetReplyOptional", "change the need of a reply of"},
        {"ReplyData", "read the reply of"},
        {"SetCredentials", "set credentials of"},
        {"RemoveCredentials", "remove credentials of"},
        {"ListCredentials", "list the credentials of"},
        {"SetNotifyCmdLine", "set the program of"},
        {"Rekey", "change the key of the credentials"},
        {"Watch", "watch"},
        {"SetNotifyClient", "register the callback of"},
};

static const char *const state_words[] = {
        [BG_JOB_STATE_QUEUED] = "queued",
        [BG_JOB_STATE_CONNECTING] = "connecting",
        [BG_JOB_STATE_TRANSFERRING] = "transferring",
        [BG_JOB_STATE_SUSPENDED] = "suspended",
        [BG_JOB_STATE_ERROR] = "stopped by an error",
        [BG_JOB_STATE_TRANSIENT_ERROR] = "waiting to try again after an error",
        [BG_JOB_STATE_TRANSFERRED] = "transferred",
        [BG_JOB_STATE_ACKNOWLEDGED] = "completed already",
        [BG_JOB_STATE_CANCELLED] = "cancelled already",
};

static const char *deed_of(const char *method)
{
        for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
                if (str_equal(deeds[i].method, method))
                        return deeds[i].words;
        return method;
}

/* A sentence as part of another: no capital at its start (but "HTTP …" stays), no stop. */
static void as_clause(const char *sentence, char *dst, size_t dst_bytes)
{
        size_t len;

        (void) str_copy(dst, dst_bytes, sentence);
        if (!isupper((unsigned char) dst[1]))
                dst[0] = (char) tolower((unsigned char) dst[0]);
        len = strlen(dst);
        if (len > 0 && dst[len - 1] == '.')
                dst[len - 1] = '\0';
}

char *call_error_text(const char *method, const char *subject, HRESULT hr, const char *detail,
                      char text[CALL_TEXT_BYTES])
{
        char why[CALL_DETAIL_BYTES], hint[CALL_DETAIL_BYTES];

        as_clause(*detail ? detail : hresult_text(hr), why, sizeof(why));
        as_clause(*detail ? "" : hresult_hint(hr), hint, sizeof(hint));
        (void) snprintf(text, CALL_TEXT_BYTES, "cannot %s%s%s: %s%s%s", deed_of(method),
                        *subject ? " " : "", subject, why, *hint ? "; " : "", hint);
        return text;
}

char *call_subject(const Call *call, char subject[CALL_SUBJECT_BYTES])
{
        char id[GUID_TEXT_LEN + 1], name[CALL_SUBJECT_BYTES - SHORT_ID_CHARS - 4];
        const Job *job;

        *subject = '\0';
        if (!call->has_job)
                return subject;
        guid_format(&call->job, id);
        id[SHORT_ID_CHARS] = '\0';
        if (FAILED(manager_read_job(call->service->manager, &call->caller, &call->job, &job)))
                (void) snprintf(subject, CALL_SUBJECT_BYTES, "job %s", id);
        else
                (void) snprintf(subject, CALL_SUBJECT_BYTES, "%s \"%s\"", id,
                                str_escape(name, sizeof(name), job->props.name));
        return subject;
}

const char *call_state_words(BG_JOB_STATE state)
{
        return (size_t) state < ARRAY_LEN(state_words) ? state_words[state] : "";
}

/* Its end is under way: then its state says nothing about why it takes no more calls. */
static void explain_intent(Call *call, const Job *job)
{
        bool completes = job->status.intent == INTENT_COMPLETE;
        Why why;

        manager_why(call->service->manager, job, &why);
        call_explain(call, "it is being %s since an earlier call%s; %s",
                     completes ? "completed" : "cancelled",
                     why.code == WHY_CANNOT_SAVE
                             ? ", which waits because the service cannot save its queue"
                             : "",
                     why.code == WHY_CANNOT_SAVE ? "make room on the disk of its state directory"
                                                 : "wait for the answer to that one");
}

/* What helps is not said where the user has just asked for the end that is there. */
static const char *state_remedy(const Call *call, const Job *job)
{
        bool is_upload = job->type != BG_JOB_TYPE_DOWNLOAD;

        if (job_state_is_final(job->status.state))
                return str_equal(call->method, "Complete") || str_equal(call->method, "Cancel")
                               ? ""
                               : " and cannot be changed any more";
        if (is_upload && str_equal(call->method, "Complete"))
                return "; an upload can be completed once it is transferred, or be cancelled";
        return "";
}

void call_explain_state(Call *call)
{
        const Job *job;

        if (FAILED(manager_read_job(call->service->manager, &call->caller, &call->job, &job)))
                return;
        if (job->status.intent != INTENT_NONE)
                explain_intent(call, job);
        else if (*call_state_words(job->status.state))
                call_explain(call, "it is %s%s", call_state_words(job->status.state),
                             state_remedy(call, job));
}
