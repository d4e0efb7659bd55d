/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_cover.h"

#include "base/attr.h"
#include "base/hresult.h"

#define WIN32(code) ((HRESULT) HRESULT_FROM_WIN32(code))

static const HRESULT ANSWERS[] = {
        S_OK,
        S_FALSE,
        E_ACCESSDENIED,
        E_INVALIDARG,
        E_NOTIMPL,
        BG_E_NOT_FOUND,
        BG_E_INVALID_STATE,
        BG_E_EMPTY,
        BG_E_STRING_TOO_LONG,
        BG_E_TOO_LARGE,
        BG_E_TOO_MANY_FILES,
        BG_E_TOO_MANY_FILES_IN_JOB,
        BG_E_TOO_MANY_JOBS_PER_USER,
        BG_E_TOO_MANY_JOBS_PER_MACHINE,
        BG_E_BLOCKED_BY_POLICY,
        BG_E_NEW_OWNER_NO_FILE_ACCESS,
        BG_E_INVALID_AUTH_TARGET,
        BG_E_INVALID_AUTH_SCHEME,
        BG_E_USERNAME_TOO_LARGE,
        BG_E_PASSWORD_TOO_LARGE,
        BG_E_PROXY_LIST_TOO_LARGE,
        BG_E_PROXY_BYPASS_LIST_TOO_LARGE,
        BG_S_PARTIAL_COMPLETE,
        BG_S_UNABLE_TO_DELETE_FILES,
        WIN32(ERROR_FILE_EXISTS),
        WIN32(ERROR_FILE_NOT_FOUND),
        WIN32(ERROR_BUSY),
        WIN32(ERROR_NOT_ENOUGH_QUOTA),
        WIN32(ERROR_DISK_FULL),
        WIN32(ERROR_IO_DEVICE),
};

static const HRESULT ERRORS[] = {
        BITS_E_WORKER_LOST,
        BG_E_NETWORK_DISCONNECTED,
        BG_E_MAXDOWNLOAD_TIMEOUT,
        BG_E_LOCAL_FILE_CHANGED,
        BG_E_INVALID_SERVER_RESPONSE,
        BG_E_INSUFFICIENT_RANGE_SUPPORT,
        BG_E_HTTP_ERROR_401,
        BG_E_HTTP_ERROR_404,
        BG_E_HTTP_ERROR_500,
        BG_E_HTTP_ERROR_503,
        E_ACCESSDENIED,
        WIN32(ERROR_WINHTTP_CANNOT_CONNECT),
        WIN32(ERROR_WINHTTP_CONNECTION_ERROR),
        WIN32(ERROR_DISK_FULL),
        WIN32(ERROR_IO_DEVICE),
        WIN32(ERROR_FILE_NOT_FOUND),
};

static const char *const EVENTS[TRANSFER_EVENT_MAX] = {
        [TRANSFER_CONNECTED] = "CONNECTED", [TRANSFER_META] = "META",
        [TRANSFER_PROGRESS] = "PROGRESS",   [TRANSFER_DONE] = "DONE",
        [TRANSFER_FAILED] = "FAILED",       [TRANSFER_STOPPED] = "STOPPED",
        [TRANSFER_SYNCED] = "SYNCED",       [TRANSFER_FILE_PUBLISHED] = "FILE_PUBLISHED",
        [TRANSFER_PUBLISHED] = "PUBLISHED", [TRANSFER_DISCARDED] = "DISCARDED",
        [TRANSFER_SESSION] = "SESSION",     [TRANSFER_UPLOADED] = "UPLOADED",
        [TRANSFER_FAREWELL] = "FAREWELL",   [TRANSFER_REPLY] = "REPLY",
        [TRANSFER_PACE] = "PACE",
};

static const char *const PORT_CALLS[SIM_PORT_CALL_MAX] = {
#define X(port, call) #port "." #call,
        SIM_PORT_CALLS(X)
#undef X
};

static const char *const WORLD[SIM_WORLD_MAX] = {
#define X(name) #name,
        SIM_WORLD(X)
#undef X
};

/* Functions that have no answer cannot fail. */
static bool can_fail(SimPortCall call)
{
        return call != SIM_store_rollback && call != SIM_transfer_stop &&
               call != SIM_transfer_session_stored && call != SIM_transfer_set_limits &&
               call != SIM_transfer_retune && call != SIM_notifier_reply &&
               call != SIM_notifier_changed;
}

/* The only static of the simulation: the wrapped functions have nobody to ask. */
static SimCover *used;

void sim_cover_use(SimCover *c)
{
        used = c;
}

const JobRow *__real_job_state_row(BG_JOB_STATE from, JobEvent event);
const JobRow *__wrap_job_state_row(BG_JOB_STATE from, JobEvent event);
void __real_manager_transfer_event(Manager *m, const TransferEvent *ev);
void __wrap_manager_transfer_event(Manager *m, const TransferEvent *ev);

const JobRow *__wrap_job_state_row(BG_JOB_STATE from, JobEvent event)
{
        if (used)
                used->steps[from][event]++;
        return __real_job_state_row(from, event);
}

void __wrap_manager_transfer_event(Manager *m, const TransferEvent *ev)
{
        if (used)
                used->events[ev->kind]++;
        __real_manager_transfer_event(m, ev);
}

static void count_code(SimCodes *codes, HRESULT hr, uint64_t n)
{
        uint32_t i = 0;

        while (i < codes->len && codes->code[i] != hr)
                i++;
        if (i == SIM_CODES_MAX)
                return; /* more kinds than anybody wants to read about */
        if (i == codes->len)
                codes->code[codes->len++] = hr;
        codes->count[i] += n;
}

void sim_cover_init(SimCover *c)
{
        *c = (SimCover){0};
        for (size_t i = 0; i < ARRAY_LEN(ANSWERS); i++)
                count_code(&c->answers, ANSWERS[i], 0);
        for (size_t i = 0; i < ARRAY_LEN(ERRORS); i++)
                count_code(&c->errors, ERRORS[i], 0);
}

void sim_cover_answer(SimCover *c, HRESULT hr)
{
        count_code(&c->answers, hr, 1);
}

void sim_cover_error(SimCover *c, HRESULT hr)
{
        count_code(&c->errors, hr, 1);
}

static void write_codes(FILE *out, const char *what, const SimCodes *codes)
{
        for (uint32_t i = 0; i < codes->len; i++) {
                const char *name = hresult_name(codes->code[i]);

                (void) fprintf(out, "%lu %s ", (unsigned long) codes->count[i], what);
                if (name)
                        (void) fprintf(out, "%s\n", name);
                else
                        (void) fprintf(out, "0x%08x\n", (unsigned) codes->code[i]);
        }
}

static void write_table(const SimCover *c, FILE *out)
{
        static const char *const KINDS[] = {
                [JOB_ROW_MISSING] = "missing", [JOB_ROW_MOVE] = "move",
                [JOB_ROW_STAY] = "stay",       [JOB_ROW_REFUSED] = "refused",
                [JOB_ROW_IGNORED] = "ignored",
        };

        for (int event = 0; event < JOB_EVENT_MAX; event++)
                for (int from = 0; from < JOB_STATE_COUNT; from++) {
                        const JobRow *row =
                                __real_job_state_row((BG_JOB_STATE) from, (JobEvent) event);

                        (void) fprintf(out, "%lu %s: %s, %s\n",
                                       (unsigned long) c->steps[from][event], KINDS[row->kind],
                                       job_event_name((JobEvent) event),
                                       job_state_name((BG_JOB_STATE) from));
                }
}

void sim_cover_write(const SimCover *c, FILE *out)
{
        write_table(c, out);
        write_codes(out, "answer", &c->answers);
        write_codes(out, "error of a job", &c->errors);
        for (int i = 0; i < TRANSFER_EVENT_MAX; i++)
                (void) fprintf(out, "%lu event %s\n", (unsigned long) c->events[i], EVENTS[i]);
        for (int i = 0; i < SIM_PORT_CALL_MAX; i++) {
                (void) fprintf(out, "%lu call %s\n", (unsigned long) c->calls[i], PORT_CALLS[i]);
                if (can_fail((SimPortCall) i))
                        (void) fprintf(out, "%lu failed %s\n", (unsigned long) c->failed[i],
                                       PORT_CALLS[i]);
                (void) fprintf(out, "%lu death in %s\n", (unsigned long) c->died[i], PORT_CALLS[i]);
        }
        (void) fprintf(out, "%lu death after store.commit\n", (unsigned long) c->died_after_commit);
        for (int i = 0; i < SIM_WORLD_MAX; i++)
                (void) fprintf(out, "%lu world %s\n", (unsigned long) c->world[i], WORLD[i]);
}
