/* SPDX-License-Identifier: Apache-2.0 */
/* The identifiers as exported symbols. */
#define INITGUID
#include "bits.h"
