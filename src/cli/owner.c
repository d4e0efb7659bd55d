/* SPDX-License-Identifier: Apache-2.0 */
#include "owner.h"

#include <inttypes.h>
#include <pwd.h>

#include "base/alloc.h"

#include "must.h"

void owners_done(Owners *o)
{
        mem_free(o->name);
        *o = (Owners){0};
}

const char *owners_name(Owners *o, uint32_t uid)
{
        const struct passwd *user;

        if (o->name && o->uid == uid)
                return o->name;
        user = getpwuid(uid);
        mem_free(o->name);
        o->name = must(user ? mem_strdup(user->pw_name) : mem_printf("%" PRIu32, uid));
        o->uid = uid;
        return o->name;
}
