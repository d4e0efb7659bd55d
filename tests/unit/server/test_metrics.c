/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server/metrics.h"

static void every_counter_is_told(void **state)
{
        _cleanup_(buf_done) Buf out;
        Metrics m = {0};

        buf_init(&out, 64 * 1024);
        m.packets[BUP_FRAGMENT] = 7;
        m.answers[4] = 3;
        m.received_bytes = UINT64_MAX;
        m.sessions_open = 5;
        metrics_print(&m, &out);
        assert_non_null(strstr(buf_cstr(&out), "\nbitssrv_packets_total{type=\"Fragment\"} 7\n"));
        assert_non_null(strstr(buf_cstr(&out), "\nbitssrv_answers_total{class=\"4xx\"} 3\n"));
        assert_non_null(strstr(buf_cstr(&out), "\nbitssrv_received_bytes_total "
                                               "18446744073709551615\n"));
        assert_non_null(strstr(buf_cstr(&out), "\n# TYPE bitssrv_sessions gauge\n"
                                               "bitssrv_sessions 5\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_counter_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
