/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "server/site.h"

static int set_up(void **state)
{
        static Site site;

        *state = &site;
        return site_init(&site, "/");
}

static int tear_down(void **state)
{
        site_done(*state);
        return 0;
}

static void sizes(void **state)
{
        Site *s = *state;

        assert_int_equal(site_set(s, "BITSMaximumUploadSize", "1844674407370955"), 0);
        assert_true(s->max_upload_bytes == UINT64_C(1844674407370955));
        assert_int_equal(site_set(s, "BITSMaximumUploadSize", "4K"), 0);
        assert_true(s->max_upload_bytes == 4096);
        assert_int_equal(site_set(s, "BITSMaximumUploadSize", ""), 0);
        assert_true(s->max_upload_bytes == UINT64_MAX);
        assert_int_equal(site_set(s, "BITSMaximumUploadSize", "9223372036854775808"), -ERANGE);
        assert_int_equal(site_set(s, "BITSMaximumUploadSize", "-1"), -EINVAL);
        assert_int_equal(site_set(s, "MaximumFragmentSize", "0"), -ERANGE);
        assert_int_equal(site_set(s, "MaximumReplySize", "0"), 0);
        assert_true(s->max_reply_bytes == 0);
}

static void names_in_any_case_and_no_others(void **state)
{
        Site *s = *state;

        assert_int_equal(site_set(s, "bitsuploadenabled", "1"), 0);
        assert_true(s->uploads);
        assert_int_equal(site_set(s, "BITSUPLOADENABLED", "no"), 0);
        assert_false(s->uploads);
        assert_int_equal(site_set(s, "BITSUpload", "1"), -ENOENT);
        assert_int_equal(site_set(s, "", "1"), -ENOENT);
}

static void numbers(void **state)
{
        Site *s = *state;

        assert_int_equal(site_set(s, "BITSSessionTimeout", "14d"), 0);
        assert_int_equal(s->session_timeout_sec, 1209600);
        assert_int_equal(site_set(s, "BITSSessionTimeout", "0"), -ERANGE);
        assert_int_equal(site_set(s, "BITSSessionTimeout", "4294967296"), -ERANGE);
        assert_int_equal(s->session_timeout_sec, 1209600);
        assert_int_equal(site_set(s, "BITSCleanupUnits", "3"), -ERANGE);
        assert_int_equal(site_set(s, "BITSCleanupCount", "0"), -ERANGE);
        assert_int_equal(site_set(s, "BITSNumberOfSessionsLimit", "7"), 0);
        assert_int_equal(s->sessions_per_user, 7);
        assert_int_equal(site_set(s, "BITSNumberOfSessionsLimit", "7d"), -EINVAL);
        assert_int_equal(site_set(s, "NotificationTimeout", "5m"), 0);
        assert_int_equal(s->notification_timeout_sec, 300);
}

static void modes_have_no_execute_bit(void **state)
{
        Site *s = *state;

        assert_int_equal(site_set(s, "FileMode", "0640"), 0);
        assert_int_equal(s->file_mode, 0640);
        assert_int_equal(site_set(s, "FileMode", "0755"), -ERANGE);
        assert_int_equal(site_set(s, "FileMode", "4644"), -ERANGE);
        assert_int_equal(site_set(s, "FileMode", "648"), -EINVAL);
        assert_int_equal(site_set(s, "FileMode", ""), -EINVAL);
        assert_int_equal(site_set(s, "FileMode", "00644"), -EINVAL);
        assert_int_equal(s->file_mode, 0640);
}

static void notification(void **state)
{
        char url[SITE_NOTIFICATION_URL_MAX_CHARS + 2];
        Site *s = *state;

        assert_int_equal(site_set(s, "BITSServerNotificationType", "2"), 0);
        assert_int_equal(s->notification, BUP_NOTIFY_BY_VALUE);
        assert_int_equal(site_set(s, "BITSServerNotificationType", "3"), -ERANGE);
        memset(url, 'x', sizeof(url));
        url[SITE_NOTIFICATION_URL_MAX_CHARS] = '\0';
        assert_int_equal(site_set(s, "BITSServerNotificationURL", url), 0);
        url[SITE_NOTIFICATION_URL_MAX_CHARS] = 'x';
        url[SITE_NOTIFICATION_URL_MAX_CHARS + 1] = '\0';
        assert_int_equal(site_set(s, "BITSServerNotificationURL", url), -ERANGE);
}

static void publishing(void **state)
{
        Site *s = *state;

        assert_int_equal(site_set(s, "Publish", "close"), 0);
        assert_true(s->publish_at_close);
        assert_int_equal(site_set(s, "Publish", "Fragment"), 0);
        assert_false(s->publish_at_close);
        assert_int_equal(site_set(s, "Publish", "never"), -EINVAL);
}

static void what_is_inherited(void **state)
{
        assert_false(site_property_is_inherited("BITSUploadEnabled"));
        assert_false(site_property_is_inherited("Directory"));
        assert_true(site_property_is_inherited("bitsallowoverwrites"));
        assert_true(site_property_is_inherited("AuthUserFile"));
        assert_false(site_property_is_inherited("nonsense"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes),
                cmocka_unit_test(names_in_any_case_and_no_others),
                cmocka_unit_test(numbers),
                cmocka_unit_test(modes_have_no_execute_bit),
                cmocka_unit_test(notification),
                cmocka_unit_test(publishing),
                cmocka_unit_test(what_is_inherited),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
