/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/fetch.h"

#include <errno.h>

#include "transfer/transfer_error.h"

JobError fetch_no_memory(void)
{
        return transfer_error_make(E_OUTOFMEMORY, BG_ERROR_CONTEXT_GENERAL_TRANSPORT, false,
                                   "out of memory");
}

JobError fetch_url_error(int r)
{
        if (r == -EINVAL)
                return transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_INVALID_URL),
                                           BG_ERROR_CONTEXT_REMOTE_FILE, true,
                                           "the remote name is no address");
        if (r == -EPROTONOSUPPORT)
                return transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_UNRECOGNIZED_SCHEME),
                                           BG_ERROR_CONTEXT_REMOTE_FILE, true,
                                           "only http and https are supported");
        return fetch_no_memory();
}

int fetch_init_proxies(const WorkerStart *start, ProxyPlan *ret, JobError *ret_error)
{
        int r = proxy_plan_init(ret, start->proxy_usage, start->proxy_list, start->proxy_bypass);

        if (r == 0)
                return 0;
        if (r == -EINVAL)
                *ret_error = transfer_error_make(BG_E_INVALID_PROXY_INFO,
                                                 BG_ERROR_CONTEXT_GENERAL_TRANSPORT, true,
                                                 "the job's proxy or bypass list is malformed");
        else
                *ret_error = fetch_no_memory();
        return 1;
}
