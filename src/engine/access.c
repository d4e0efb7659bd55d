/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/access.h"

HRESULT access_check(const Caller *caller, const Job *job)
{
        return caller->is_admin || caller->uid == job->owner_uid ? S_OK : E_ACCESSDENIED;
}

HRESULT access_check_admin(const Caller *caller)
{
        return caller->is_admin ? S_OK : E_ACCESSDENIED;
}

bool access_is_exempt_from_quota(const Caller *caller)
{
        return caller->is_admin;
}
