/* SPDX-License-Identifier: Apache-2.0 */
/* Who may see and change what: a job belongs to one user; administrators may do everything. The
 * caller's identity is a fact established outside (kernel credentials); only the rule is here. */
#pragma once

#include "engine/manager.h"

/* S_OK or E_ACCESSDENIED. */
HRESULT access_check(const Caller *caller, const Job *job);
/* May the caller enumerate everybody's jobs, or take a job over? S_OK or E_ACCESSDENIED. */
HRESULT access_check_admin(const Caller *caller);
/* The count limits guard a shared queue against ordinary users only. */
bool access_is_exempt_from_quota(const Caller *caller);
