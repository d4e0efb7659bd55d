/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of lives has reached: rows of the transition table, answers to users, errors of jobs,
 * events of transfers, calls of ports and how they failed, places to die. Everything that could be
 * reached has a name, so what never was can be listed. The linker puts the counting around the
 * engine's two doors (meson.build: --wrap), which the engine does not notice. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/job_state.h"
#include "engine/manager.h"

#define SIM_PORT_CALLS(X)                                                                          \
        X(store, begin)                                                                            \
        X(store, commit)                                                                           \
        X(store, rollback)                                                                         \
        X(store, job_save)                                                                         \
        X(store, job_delete)                                                                       \
        X(store, files_insert)                                                                     \
        X(store, file_save)                                                                        \
        X(store, credential_save)                                                                  \
        X(store, credential_delete)                                                                \
        X(store, load)                                                                             \
        X(transfer, start)                                                                         \
        X(transfer, stop)                                                                          \
        X(transfer, sync)                                                                          \
        X(transfer, publish)                                                                       \
        X(transfer, discard)                                                                       \
        X(transfer, farewell)                                                                      \
        X(transfer, session_stored)                                                                \
        X(transfer, set_limits)                                                                    \
        X(transfer, retune)                                                                        \
        X(transfer, read_reply)                                                                    \
        X(transfer, check_destination)                                                             \
        X(notifier, reply)                                                                         \
        X(notifier, changed)                                                                       \
        X(notifier, deliver)                                                                       \
        X(notifier, run_program)                                                                   \
        X(vault, seal)                                                                             \
        X(vault, reseal)                                                                           \
        X(vault, rekey_begin)                                                                      \
        X(vault, rekey_end)                                                                        \
        X(vault, rekey_pending)

typedef enum SimPortCall {
#define X(port, call) SIM_##port##_##call,
        SIM_PORT_CALLS(X)
#undef X
                SIM_PORT_CALL_MAX,
} SimPortCall;

enum { SIM_CODES_MAX = 64 };

typedef struct SimCodes { /* of one kind: names are known beforehand, others are added */
        HRESULT code[SIM_CODES_MAX];
        uint64_t count[SIM_CODES_MAX];
        uint32_t len;
} SimCodes;

/* Things that happen to the world. */
#define SIM_WORLD(X)                                                                               \
        X(kill)                                                                                    \
        X(power_loss)                                                                              \
        X(died_while_starting)                                                                     \
        X(queue_unreadable)                                                                        \
        X(network_lost)                                                                            \
        X(network_back)                                                                            \
        X(store_fails)                                                                             \
        X(wall_forward)                                                                            \
        X(wall_back)                                                                               \
        X(suspend)                                                                                 \
        X(client_gone)                                                                             \
        X(worker_lost)                                                                             \
        X(vault_fails)                                                                             \
        X(rekey)                                                                                   \
        X(policy_changed)                                                                          \
        X(new_owner)

typedef enum SimWorld {
#define X(name) SIM_WORLD_##name,
        SIM_WORLD(X)
#undef X
                SIM_WORLD_MAX,
} SimWorld;

typedef struct SimCover {
        uint64_t steps[JOB_STATE_COUNT][JOB_EVENT_MAX];
        uint64_t events[TRANSFER_EVENT_MAX];
        uint64_t calls[SIM_PORT_CALL_MAX], failed[SIM_PORT_CALL_MAX], died[SIM_PORT_CALL_MAX];
        uint64_t died_after_commit;
        SimCodes answers; /* to calls */
        SimCodes errors;  /* of jobs in ERROR and TRANSIENT_ERROR */
        uint64_t world[SIM_WORLD_MAX];
} SimCover;

void sim_cover_init(SimCover *c);
/* Where the wrapped doors count from now on; NULL = nowhere. */
void sim_cover_use(SimCover *c);
void sim_cover_answer(SimCover *c, HRESULT hr);
void sim_cover_error(SimCover *c, HRESULT hr);
/* One line "COUNT NAME" for everything that has a name, reached or not. */
void sim_cover_write(const SimCover *c, FILE *out);
