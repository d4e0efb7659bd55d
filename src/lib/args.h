/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of arguments that need no service: they come before anything is sent, in the order
 * pointers, values, lengths. Limits count UTF-16 units, as the published ones do; the service
 * checks the same again. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "bits_native.h"

enum {
        NAME_MAX_UNITS = 256,
        DESCRIPTION_MAX_UNITS = 1024,
        PROGRAM_MAX_UNITS = 260,
        PARAMETERS_MAX_UNITS = 4000,
        REPLY_NAME_MAX_UNITS = 4095,
        PROXY_LIST_MAX_UNITS = 32000,
        USER_NAME_MAX_UNITS = 300,
        PASSWORD_MAX_UNITS = 65536,
        NOTIFY_FLAGS_MASK = BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR | BG_NOTIFY_DISABLE |
                            BG_NOTIFY_JOB_MODIFICATION,
};

/* E_INVALIDARG for NULL and for text that is not strict UTF-8. */
_must_use_ HRESULT args_check_text(const char *text);
/* The same, and too_long for text over the limit. */
_must_use_ HRESULT args_check_limited(const char *text, size_t max_units, HRESULT too_long);
/* A slot for credentials: BG_E_INVALID_AUTH_TARGET, BG_E_INVALID_AUTH_SCHEME. */
_must_use_ HRESULT args_check_slot(BG_AUTH_TARGET target, BG_AUTH_SCHEME scheme);
/* May user and password be given, or left out, like this? Both or none; none, the owner's own
 * identity, with the schemes that can prove it. */
_must_use_ HRESULT args_check_identity(BG_AUTH_SCHEME scheme, bool has_user, bool has_password);
/* The rules of SetProxySettings about which list goes with which usage. */
_must_use_ HRESULT args_check_proxy(BG_JOB_PROXY_USAGE usage, const char *list, const char *bypass);
