/* SPDX-License-Identifier: Apache-2.0 */
/* The manager object, which CoCreateInstance makes. */
#pragma once

#include "base/attr.h"
#include "bits.h"

/* Reaches the service (starting it if needed). *ret is a manager asked for as riid. */
_must_use_ HRESULT com_manager_create(REFIID riid, void **ret);
