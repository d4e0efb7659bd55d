/* SPDX-License-Identifier: Apache-2.0 */
#include "owner.h"

#include <inttypes.h>
#include <pwd.h>

#include "base/alloc.h"

#include "must.h"

char *owner_name(uint32_t uid)
{
        const struct passwd *user = getpwuid(uid);

        if (user)
                return must(mem_strdup(user->pw_name));
        return must(mem_printf("%" PRIu32, uid));
}
