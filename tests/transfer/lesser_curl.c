/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before libcurl: makes it one that was built without NTLM and without Negotiate, as some
 * systems have it. It then does not say so in its features, and does not know these offers. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>

#undef curl_easy_getinfo

typedef curl_version_info_data *VersionInfo(CURLversion);
typedef CURLcode GetInfo(CURL *, CURLINFO, ...);

CURL_EXTERN curl_version_info_data *curl_version_info(CURLversion age)
{
        static curl_version_info_data lesser;
        VersionInfo *real = (VersionInfo *) dlsym(RTLD_NEXT, "curl_version_info");

        lesser = *real(age);
        lesser.features &= ~(CURL_VERSION_NTLM | CURL_VERSION_SPNEGO | CURL_VERSION_GSSAPI);
        return &lesser;
}

CURL_EXTERN CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
        GetInfo *real = (GetInfo *) dlsym(RTLD_NEXT, "curl_easy_getinfo");
        CURLcode code;
        void *ret;
        va_list ap;

        va_start(ap, info);
        ret = va_arg(ap, void *);
        va_end(ap);
        code = real(easy, info, ret);
        if (code == CURLE_OK &&
            (info == CURLINFO_HTTPAUTH_AVAIL || info == CURLINFO_PROXYAUTH_AVAIL))
                *(long *) ret &= ~(long) (CURLAUTH_NTLM | CURLAUTH_NEGOTIATE);
        return code;
}
