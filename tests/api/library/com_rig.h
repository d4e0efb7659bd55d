/* SPDX-License-Identifier: Apache-2.0 */
/* A manager object connected to the fake service; COM is initialised. */
#pragma once

#define COBJMACROS
#include "bits.h"

#include "rig.h"

typedef struct ComRig {
        Rig *rig;
        FakeService *fake;
        IBackgroundCopyManager *manager;
} ComRig;

int com_rig_setup(void **state);
int com_rig_teardown(void **state);

/* A job of the fake as an object, with the extended interface. */
IBackgroundCopyJob2 *com_rig_job(ComRig *com, const GUID *id);
/* Compares and frees a returned string. */
void assert_wide(LPWSTR text, const wchar_t *expected);
