/* SPDX-License-Identifier: Apache-2.0 */
#include "com_rig.h"

#include "base/alloc.h"

int com_rig_setup(void **state)
{
        ComRig *com = mem_new(ComRig);

        assert_non_null(com);
        (void) rig_setup((void **) &com->rig);
        com->fake = com->rig->fake;
        assert_hr(CoInitializeEx(NULL, COINIT_MULTITHREADED), S_OK);
        assert_hr(CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                   &IID_IBackgroundCopyManager, (void **) &com->manager),
                  S_OK);
        *state = com;
        return 0;
}

int com_rig_teardown(void **state)
{
        ComRig *com = *state;

        if (com->manager)
                (void) IBackgroundCopyManager_Release(com->manager);
        CoUninitialize();
        (void) rig_teardown((void **) &com->rig);
        mem_free(com);
        return 0;
}

IBackgroundCopyJob2 *com_rig_job(ComRig *com, const GUID *id)
{
        IBackgroundCopyJob *job;
        IBackgroundCopyJob2 *job2;

        assert_hr(IBackgroundCopyManager_GetJob(com->manager, id, &job), S_OK);
        assert_hr(IBackgroundCopyJob_QueryInterface(job, &IID_IBackgroundCopyJob2, (void **) &job2),
                  S_OK);
        (void) IBackgroundCopyJob_Release(job);
        return job2;
}

void assert_wide(LPWSTR text, const wchar_t *expected)
{
        assert_non_null(text);
        assert_int_equal(wcscmp(text, expected), 0);
        CoTaskMemFree(text);
}
