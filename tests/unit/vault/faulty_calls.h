/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the vault and the system: counts the calls that change files (and guarded memory
 * being taken), fails the n-th or ends the process before it, and writes down which they were. */
#pragma once

#include <stdbool.h>

enum { CRASH_STATUS = 77 };

typedef enum FaultKind { FAULT_ERROR, FAULT_CRASH } FaultKind;

/* The n-th call from now (1 = the next); 0 = none. */
void faults_arm(unsigned n, FaultKind kind, int error);
bool faults_struck(void);
/* Names of the calls since faults_arm(), each followed by a blank. */
const char *faults_trace(void);
/* The n-th taking of guarded memory fails; 0 = none. */
void faults_arm_memory(unsigned n);
bool faults_memory_struck(void);
/* renameat2 as on a file system that cannot refuse to overwrite. */
void faults_no_renameat2(bool on);
