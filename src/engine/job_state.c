/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_state.h"

enum {
        Q = 1 << BG_JOB_STATE_QUEUED,
        C = 1 << BG_JOB_STATE_CONNECTING,
        X = 1 << BG_JOB_STATE_TRANSFERRING,
        S = 1 << BG_JOB_STATE_SUSPENDED,
        E = 1 << BG_JOB_STATE_ERROR,
        R = 1 << BG_JOB_STATE_TRANSIENT_ERROR, /* retrying */
        T = 1 << BG_JOB_STATE_TRANSFERRED,
        A = 1 << BG_JOB_STATE_ACKNOWLEDGED,
        K = 1 << BG_JOB_STATE_CANCELLED,
        LIVE = Q | C | X | S | E | R | T,
        FINAL = A | K,
};

#define MOVE(number, from, event, to, persist, effects)                                            \
        {                                                                                          \
                (from), (number), JOB_EVENT_##event, JOB_ROW_MOVE, BG_JOB_STATE_##to, S_OK,        \
                        JOB_PERSIST_##persist, (effects)                                           \
        }
#define STAY(number, from, event, persist, effects)                                                \
        {                                                                                          \
                (from), (number), JOB_EVENT_##event, JOB_ROW_STAY, BG_JOB_STATE_QUEUED, S_OK,      \
                        JOB_PERSIST_##persist, (effects)                                           \
        }
#define REFUSE(number, from, event, refusal)                                                       \
        {                                                                                          \
                (from), (number), JOB_EVENT_##event, JOB_ROW_REFUSED, BG_JOB_STATE_QUEUED,         \
                        (refusal), JOB_PERSIST_NONE, 0                                             \
        }
#define IGNORE(from, event)                                                                        \
        {                                                                                          \
                (from), 0, JOB_EVENT_##event, JOB_ROW_IGNORED, BG_JOB_STATE_QUEUED, S_OK,          \
                        JOB_PERSIST_NONE, 0                                                        \
        }

#define MODIFIED JOB_EFFECT_MODIFIED
#define SET_ERROR JOB_EFFECT_SET_ERROR
#define COUNTED (JOB_EFFECT_SET_ERROR | JOB_EFFECT_COUNT_ERROR)
#define CLEAR_ERROR JOB_EFFECT_CLEAR_ERROR
#define CLOCKS JOB_EFFECT_RESTART_CLOCKS
#define ENDED (JOB_EFFECT_END_INTENT | JOB_EFFECT_CLEAR_ERROR | JOB_EFFECT_MODIFIED)

static const JobRow ROWS[] = {
        MOVE(2, S, RESUME, QUEUED, DURABLE, MODIFIED | CLOCKS),
        MOVE(17, R, RESUME, QUEUED, DURABLE, MODIFIED | CLOCKS),
        MOVE(25, E, RESUME, QUEUED, DURABLE, MODIFIED | CLOCKS),
        MOVE(27, T, RESUME, QUEUED, DURABLE, MODIFIED | CLOCKS),
        STAY(0, Q | C | X, RESUME, NONE, 0),
        REFUSE(36, FINAL, RESUME, BG_E_INVALID_STATE),
        REFUSE(3, LIVE, RESUME_NOTHING, BG_E_EMPTY),
        REFUSE(36, FINAL, RESUME_NOTHING, BG_E_INVALID_STATE),

        STAY(4, S, SUSPEND, NONE, 0),
        MOVE(24, Q | C | X | R, SUSPEND, SUSPENDED, DURABLE, MODIFIED),
        STAY(26, E | T, SUSPEND, NONE, 0),
        REFUSE(36, FINAL, SUSPEND, BG_E_INVALID_STATE),

        STAY(0, LIVE, ADD_FILES, SOFT, MODIFIED),
        REFUSE(36, FINAL, ADD_FILES, BG_E_INVALID_STATE),
        STAY(0, LIVE, SET_PROPERTY, SOFT, MODIFIED),
        REFUSE(36, FINAL, SET_PROPERTY, BG_E_INVALID_STATE),
        STAY(37, LIVE, TAKE_OWNERSHIP, SOFT, MODIFIED),
        REFUSE(36, FINAL, TAKE_OWNERSHIP, BG_E_INVALID_STATE),

        STAY(28, T, COMPLETE, DURABLE, JOB_EFFECT_INTENT_COMPLETE),
        STAY(30, LIVE & ~T, COMPLETE, DURABLE, JOB_EFFECT_INTENT_COMPLETE),
        REFUSE(36, FINAL, COMPLETE, BG_E_INVALID_STATE),
        STAY(32, LIVE, CANCEL, DURABLE, JOB_EFFECT_INTENT_CANCEL),
        REFUSE(36, FINAL, CANCEL, BG_E_INVALID_STATE),

        MOVE(5, Q, START, CONNECTING, NONE, MODIFIED),
        IGNORE(LIVE & ~Q, START),
        IGNORE(FINAL, START),
        MOVE(10, C | X, SLICE_END, QUEUED, NONE, MODIFIED),
        IGNORE(LIVE & ~(C | X), SLICE_END),
        IGNORE(FINAL, SLICE_END),
        MOVE(11, C | X, PREEMPT, QUEUED, NONE, MODIFIED),
        IGNORE(LIVE & ~(C | X), PREEMPT),
        IGNORE(FINAL, PREEMPT),

        MOVE(6, C, CONNECTED, TRANSFERRING, NONE, MODIFIED | CLEAR_ERROR),
        IGNORE(LIVE & ~C, CONNECTED),
        IGNORE(FINAL, CONNECTED),
        STAY(9, X, PROGRESS, NONE, MODIFIED),
        IGNORE(LIVE & ~X, PROGRESS),
        IGNORE(FINAL, PROGRESS),
        MOVE(14, X, ALL_DONE, TRANSFERRED, DURABLE, 0),
        IGNORE(LIVE & ~X, ALL_DONE),
        IGNORE(FINAL, ALL_DONE),
        MOVE(7, C, TRANSIENT, TRANSIENT_ERROR, SOFT, MODIFIED | SET_ERROR),
        MOVE(12, X, TRANSIENT, TRANSIENT_ERROR, SOFT, MODIFIED | COUNTED),
        IGNORE(LIVE & ~(C | X), TRANSIENT),
        IGNORE(FINAL, TRANSIENT),
        MOVE(8, C, FATAL, ERROR, DURABLE, SET_ERROR),
        MOVE(13, X, FATAL, ERROR, DURABLE, COUNTED),
        IGNORE(LIVE & ~(C | X), FATAL),
        IGNORE(FINAL, FATAL),
        MOVE(0, C | X, WORKER_LOST, QUEUED, NONE, MODIFIED),
        IGNORE(LIVE & ~(C | X), WORKER_LOST),
        IGNORE(FINAL, WORKER_LOST),

        MOVE(20, Q | C | X, NETWORK_LOST, TRANSIENT_ERROR, SOFT, MODIFIED | SET_ERROR),
        IGNORE(S | E | R | T, NETWORK_LOST),
        IGNORE(FINAL, NETWORK_LOST),
        MOVE(19, R, NETWORK_BACK, QUEUED, SOFT, MODIFIED),
        IGNORE(LIVE & ~R, NETWORK_BACK),
        IGNORE(FINAL, NETWORK_BACK),
        MOVE(0, Q | C | X, BRAKED, TRANSIENT_ERROR, SOFT, MODIFIED | SET_ERROR),
        STAY(0, R, BRAKED, SOFT, MODIFIED | SET_ERROR),
        IGNORE(S | E | T, BRAKED),
        IGNORE(FINAL, BRAKED),
        MOVE(0, R, RELEASED, QUEUED, SOFT, MODIFIED),
        IGNORE(LIVE & ~R, RELEASED),
        IGNORE(FINAL, RELEASED),
        MOVE(16, R, RETRY_DUE, QUEUED, SOFT, MODIFIED),
        IGNORE(LIVE & ~R, RETRY_DUE),
        IGNORE(FINAL, RETRY_DUE),
        MOVE(18, R, GIVE_UP, ERROR, DURABLE, 0),
        IGNORE(LIVE & ~R, GIVE_UP),
        IGNORE(FINAL, GIVE_UP),
        STAY(33, LIVE, INACTIVE, DURABLE, JOB_EFFECT_INTENT_CANCEL),
        IGNORE(FINAL, INACTIVE),
        MOVE(34, C | X, RESTART, QUEUED, NONE, 0),
        STAY(35, LIVE & ~(C | X), RESTART, NONE, 0),
        STAY(35, FINAL, RESTART, NONE, 0),

        MOVE(28, T, COMPLETED, ACKNOWLEDGED, DURABLE, ENDED),
        MOVE(30, LIVE & ~T, COMPLETED, ACKNOWLEDGED, DURABLE, ENDED),
        IGNORE(FINAL, COMPLETED),
        STAY(29, T, COMPLETE_FAILED, DURABLE, JOB_EFFECT_END_INTENT),
        STAY(0, Q | S | E | R, COMPLETE_FAILED, DURABLE, JOB_EFFECT_END_INTENT),
        MOVE(0, C | X, COMPLETE_FAILED, QUEUED, DURABLE, JOB_EFFECT_END_INTENT | MODIFIED),
        IGNORE(FINAL, COMPLETE_FAILED),
        MOVE(0, LIVE, AUTO_COMPLETE_FAILED, ERROR, DURABLE, JOB_EFFECT_END_INTENT | SET_ERROR),
        IGNORE(FINAL, AUTO_COMPLETE_FAILED),
        MOVE(32, LIVE, CANCELLED, CANCELLED, DURABLE, ENDED),
        IGNORE(FINAL, CANCELLED),
};

static const JobRow MISSING = {.kind = JOB_ROW_MISSING};

static const char *const STATE_NAMES[JOB_STATE_COUNT] = {
        [BG_JOB_STATE_QUEUED] = "QUEUED",
        [BG_JOB_STATE_CONNECTING] = "CONNECTING",
        [BG_JOB_STATE_TRANSFERRING] = "TRANSFERRING",
        [BG_JOB_STATE_SUSPENDED] = "SUSPENDED",
        [BG_JOB_STATE_ERROR] = "ERROR",
        [BG_JOB_STATE_TRANSIENT_ERROR] = "TRANSIENT_ERROR",
        [BG_JOB_STATE_TRANSFERRED] = "TRANSFERRED",
        [BG_JOB_STATE_ACKNOWLEDGED] = "ACKNOWLEDGED",
        [BG_JOB_STATE_CANCELLED] = "CANCELLED",
};

static const char *const EVENT_NAMES[JOB_EVENT_MAX] = {
        [JOB_EVENT_RESUME] = "Resume",
        [JOB_EVENT_RESUME_NOTHING] = "Resume, nothing to move",
        [JOB_EVENT_SUSPEND] = "Suspend",
        [JOB_EVENT_ADD_FILES] = "AddFile",
        [JOB_EVENT_SET_PROPERTY] = "Set…",
        [JOB_EVENT_TAKE_OWNERSHIP] = "TakeOwnership",
        [JOB_EVENT_COMPLETE] = "Complete",
        [JOB_EVENT_CANCEL] = "Cancel",
        [JOB_EVENT_START] = "start",
        [JOB_EVENT_SLICE_END] = "slice end",
        [JOB_EVENT_PREEMPT] = "pre-empted",
        [JOB_EVENT_CONNECTED] = "connected",
        [JOB_EVENT_PROGRESS] = "progress",
        [JOB_EVENT_ALL_DONE] = "all files on disk",
        [JOB_EVENT_TRANSIENT] = "transient error",
        [JOB_EVENT_FATAL] = "fatal error",
        [JOB_EVENT_WORKER_LOST] = "worker lost",
        [JOB_EVENT_NETWORK_LOST] = "network lost",
        [JOB_EVENT_NETWORK_BACK] = "network back",
        [JOB_EVENT_BRAKED] = "braked",
        [JOB_EVENT_RELEASED] = "released",
        [JOB_EVENT_RETRY_DUE] = "retry due",
        [JOB_EVENT_GIVE_UP] = "no-progress time-out",
        [JOB_EVENT_INACTIVE] = "inactivity limit",
        [JOB_EVENT_RESTART] = "service restart",
        [JOB_EVENT_COMPLETED] = "completed",
        [JOB_EVENT_COMPLETE_FAILED] = "completing failed",
        [JOB_EVENT_AUTO_COMPLETE_FAILED] = "completing by itself failed",
        [JOB_EVENT_CANCELLED] = "cancelled",
};

const JobRow *job_state_row(BG_JOB_STATE from, JobEvent event)
{
        if ((unsigned) from >= JOB_STATE_COUNT || (unsigned) event >= JOB_EVENT_MAX)
                return &MISSING;
        for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
                if (ROWS[i].event == event && (ROWS[i].from >> from & 1) != 0)
                        return &ROWS[i];
        return &MISSING;
}

const JobRow *job_state_table(uint32_t *ret_len)
{
        *ret_len = ARRAY_LEN(ROWS);
        return ROWS;
}

const char *job_state_name(BG_JOB_STATE state)
{
        return (unsigned) state < JOB_STATE_COUNT ? STATE_NAMES[state] : "?";
}

const char *job_event_name(JobEvent event)
{
        return (unsigned) event < JOB_EVENT_MAX ? EVENT_NAMES[event] : "?";
}

static void format_from(Buf *out, uint16_t from)
{
        const char *separator = "";

        if (from == FINAL) {
                (void) buf_append_str(out, "final");
                return;
        }
        if (from == LIVE) {
                (void) buf_append_str(out, "any live");
                return;
        }
        for (int s = 0; s < JOB_STATE_COUNT; s++) {
                if ((from >> s & 1) == 0)
                        continue;
                (void) buf_printf(out, "%s%s", separator, STATE_NAMES[s]);
                separator = ", ";
        }
}

static void format_to(Buf *out, const JobRow *row)
{
        if (row->kind == JOB_ROW_MOVE)
                (void) buf_append_str(out, STATE_NAMES[row->to]);
        else if (row->kind == JOB_ROW_STAY)
                (void) buf_append_str(out, "stays");
        else
                (void) buf_append_str(out, row->refusal == BG_E_EMPTY ? "BG_E_EMPTY"
                                                                      : "BG_E_INVALID_STATE");
}

static void format_effects(Buf *out, const JobRow *row)
{
        static const char *const TEXTS[] = {"count error",    "set error",       "clear error",
                                            "restart clocks", "intent complete", "intent cancel",
                                            "end intent",     "modified"};
        static const char *const PERSIST[] = {"", "soft", "durable"};
        const char *separator = "";

        (void) buf_printf(out, "%s | ", PERSIST[row->persist]);
        for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
                if ((row->effects >> i & 1) == 0)
                        continue;
                (void) buf_printf(out, "%s%s", separator, TEXTS[i]);
                separator = ", ";
        }
}

int job_state_format(Buf *out)
{
        for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
                const JobRow *row = &ROWS[i];

                if (row->kind == JOB_ROW_IGNORED)
                        continue;
                (void) buf_append_str(out, "| ");
                if (row->number != 0)
                        (void) buf_printf(out, "%u", (unsigned) row->number);
                (void) buf_append_str(out, " | ");
                format_from(out, row->from);
                (void) buf_printf(out, " | %s | ", EVENT_NAMES[row->event]);
                format_to(out, row);
                (void) buf_append_str(out, " | ");
                format_effects(out, row);
                (void) buf_append_str(out, " |\n");
        }
        return buf_error(out);
}
