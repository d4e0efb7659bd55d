/* SPDX-License-Identifier: Apache-2.0 */
/* What the server does with a file that is all there: synchronise, notify, publish, answer; and
 * what of it happens again, and what does not. S24 and its kin. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bup_drop.h"

#define SUCCESS ((BupResult){.application_status = 200, .reply_url = "/drop/.bits/replies/5zv0"})

static void deliver_plainly(Drop *d)
{
        drop_all(d);
        drop_asks(d, BUP_OP_PUBLISH, true);
        drop_did(d, (BupResult){0});
        drop_acks(d, 100);
        assert_true(d->step.save);
}

static void deliver_by_value(Drop *d)
{
        drop_all(d);
        drop_asks(d, BUP_OP_NOTIFY, true);
        drop_did(d, SUCCESS);
        drop_acks(d, 100);
        assert_true(d->step.save);
        assert_string_equal(d->step.ack.reply_url, "/drop/.bits/replies/5zv0");
}

/* S4, S16, §11.2 */
static void a_plain_upload_is_on_disk_then_published_then_acknowledged(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        deliver_plainly(&d);
        assert_string_equal(d.step.ack.reply_url, "");
        assert_int_equal(d.server.session.phase, BUP_SESSION_DELIVERED);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_answers(&d, 200);
        assert_int_equal(d.server.session.phase, BUP_SESSION_CLOSED);
}

/* S8: the last one */
static void repeats_of_the_last_fragment_get_its_ack_again(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        deliver_by_value(&d);
        for (int i = 0; i < 3; i++) {
                drop_restart(&d);
                drop_fragment(&d, i == 1 ? 99 : 0, 99, 100);
                drop_acks(&d, 100);
                assert_true(d.step.drop_body);
                assert_string_equal(d.step.ack.reply_url, "/drop/.bits/replies/5zv0");
        }
        drop_fragment(&d, 0, 99, 101);
        drop_refuses(&d, BUP_TOTAL_CHANGED);
}

/* S13, §11.3 */
static void tombstones_repeat_the_answers_of_a_closed_session(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        deliver_by_value(&d);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_did(&d, (BupResult){0});
        drop_restart(&d);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_answers(&d, 200);
        assert_false(d.step.save);
        drop_fragment(&d, 0, 99, 100);
        drop_acks(&d, 100);
        assert_string_equal(d.step.ack.reply_url, "/drop/.bits/replies/5zv0");
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_answers(&d, 200);
}

/* S15, 16.22 */
static void cancelling_after_delivery_drops_the_reply_and_keeps_the_file(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        deliver_by_value(&d);
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_answers(&d, 200);
        assert_int_equal(d.server.session.phase, BUP_SESSION_CANCELLED);
}

/* §12.3 */
static void the_application_decides_whether_its_upload_is_also_published(void **state)
{
        BupResult copy = SUCCESS;
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_REFERENCE);
        drop_all(&d);
        copy.copies = true;
        drop_did(&d, copy);
        drop_asks(&d, BUP_OP_PUBLISH, true);
        drop_did(&d, (BupResult){.why = BUP_DISK_FULL});
        drop_refuses(&d, BUP_DISK_FULL);
        drop_restart(&d);
        drop_fragment(&d, 0, 99, 100);
        drop_asks(&d, BUP_OP_PUBLISH, false); /* without asking the application again */
        assert_true(d.step.drop_body);
        drop_did(&d, (BupResult){0});
        drop_acks(&d, 100);
        assert_string_equal(d.step.ack.reply_url, "/drop/.bits/replies/5zv0");
}

/* §12.4 */
static void a_failed_application_is_notified_again_by_a_repeat(void **state)
{
        static const uint16_t statuses[] = {500, 503, 404, 302, 401, 201, 0};

        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                BupAck expected;
                Drop d;

                bup_refuse_application(statuses[i], &expected);
                drop_begin(&d, BUP_NOTIFY_BY_VALUE);
                drop_all(&d);
                drop_did(&d, (BupResult){.application_status = statuses[i]});
                drop_answers(&d, expected.status);
                assert_int_equal(d.step.ack.error, expected.error);
                assert_int_equal(d.step.ack.context, BG_ERROR_CONTEXT_REMOTE_APPLICATION);
                assert_string_equal(d.step.ack.session_id, DROP_ID);
                assert_false(d.step.ack.has_received);
                drop_restart(&d);
                drop_fragment(&d, 50, 99, 100);
                drop_asks(&d, BUP_OP_NOTIFY, false);
                drop_did(&d, SUCCESS);
                drop_acks(&d, 100);
        }
}

/* §12.4: timeout */
static void an_application_that_does_not_answer_in_time_is_408(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        drop_all(&d);
        drop_did(&d, (BupResult){.why = BUP_APPLICATION_TIMED_OUT});
        drop_refuses(&d, BUP_APPLICATION_TIMED_OUT);
        drop_fragment(&d, 0, 99, 100);
        drop_asks(&d, BUP_OP_NOTIFY, false);
}

/* §12.4: 403 is final, also over a restart */
static void a_403_of_the_application_is_never_asked_again(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        drop_all(&d);
        drop_did(&d, (BupResult){.application_status = 403});
        drop_answers(&d, 403);
        assert_true(d.step.save);
        drop_restart(&d);
        drop_fragment(&d, 0, 99, 100);
        drop_answers(&d, 403);
        assert_int_equal(d.step.ack.error, BG_E_HTTP_ERROR_403);
        assert_int_equal(d.step.ack.context, BG_ERROR_CONTEXT_REMOTE_APPLICATION);
        assert_true(d.step.drop_body);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_refuses(&d, BUP_CLOSED_EARLY); /* it was never delivered */
}

static void a_reply_url_that_is_too_long_is_not_sent(void **state)
{
        static char url[BUP_REPLY_URL_MAX_CHARS + 2];
        Drop d;

        memset(url, 'a', BUP_REPLY_URL_MAX_CHARS + 1);
        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        drop_all(&d);
        drop_did(&d, (BupResult){.application_status = 200, .reply_url = url});
        drop_refuses(&d, BUP_URL_TOO_LONG);
        url[BUP_REPLY_URL_MAX_CHARS] = '\0';
        drop_fragment(&d, 0, 99, 100);
        drop_did(&d, (BupResult){.application_status = 200, .reply_url = url});
        drop_acks(&d, 100);
        assert_string_equal(d.step.ack.reply_url, url);
}

/* S16 */
static void publishing_may_be_refused_and_tried_again(void **state)
{
        static const BupRefusal reasons[] = {BUP_TARGET_EXISTS, BUP_TARGET_IS_DIRECTORY,
                                             BUP_DENIED,        BUP_DIRECTORY_MISSING,
                                             BUP_DISK_FULL,     BUP_TARGET_VANISHED};

        for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
                Drop d;

                drop_begin(&d, BUP_NOTIFY_NONE);
                drop_all(&d);
                drop_did(&d, (BupResult){.why = reasons[i]});
                drop_refuses(&d, reasons[i]);
                assert_int_equal(d.server.session.phase, BUP_SESSION_OWED);
                drop_fragment(&d, 0, 99, 100);
                drop_asks(&d, BUP_OP_PUBLISH, false);
                drop_did(&d, (BupResult){0});
                drop_acks(&d, 100);
        }
}

static void what_cannot_be_synchronised_is_neither_shown_nor_published(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        drop_fragment(&d, 0, 99, 100);
        drop_stored(&d, 100);
        drop_did(&d, (BupResult){.why = BUP_IO_ERROR});
        drop_refuses(&d, BUP_IO_ERROR);
        assert_true(d.step.save); /* the bytes are counted all the same */
        drop_fragment(&d, 0, 99, 100);
        drop_asks(&d, BUP_OP_SYNC, false);
        drop_did(&d, (BupResult){0});
        drop_asks(&d, BUP_OP_NOTIFY, true);
}

/* A crash anywhere between the last byte and its Ack: what was stored decides. */
static void a_crash_in_the_middle_of_delivery_goes_on_there(void **state)
{
        BupResult copy = SUCCESS;
        Drop d;

        copy.copies = true;
        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        drop_all(&d);
        drop_restart(&d); /* stored with NOTIFY */
        drop_fragment(&d, 0, 99, 100);
        drop_asks(&d, BUP_OP_NOTIFY, false); /* at least once */
        drop_did(&d, copy);
        drop_asks(&d, BUP_OP_PUBLISH, true);
        drop_restart(&d);
        drop_fragment(&d, 0, 99, 100);
        drop_asks(&d, BUP_OP_PUBLISH, false); /* its success is known: not called again */
        drop_did(&d, (BupResult){0});
        drop_restart(&d);
        drop_fragment(&d, 0, 99, 100);
        drop_acks(&d, 100);
}

/* 16.8: the option */
static void publishing_may_wait_for_close(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        d.rules.publish_at_close = true;
        drop_all(&d);
        drop_acks(&d, 100);
        drop_restart(&d);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_PUBLISH, false);
        drop_did(&d, (BupResult){.why = BUP_DISK_FULL});
        drop_refuses(&d, BUP_DISK_FULL);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_PUBLISH, false);
        drop_did(&d, (BupResult){0});
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_answers(&d, 200);

        drop_begin(&d, BUP_NOTIFY_NONE);
        d.rules.publish_at_close = true;
        drop_all(&d);
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true); /* and nothing was ever there */
}

/* A configuration that is changed under a session. */
static void a_delivered_upload_is_not_shown_to_an_application_that_came_later(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        deliver_plainly(&d);
        d.rules.notification = BUP_NOTIFY_BY_VALUE;
        d.rules.publish_at_close = true;
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
}

static void bytes_that_are_known_to_be_on_disk_are_not_synchronised_again(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        bup_server_synced(&d.server, 1000); /* no more than there are */
        assert_int_equal(d.server.session.synced_bytes, 50);
        bup_server_synced(&d.server, 10);
        assert_int_equal(d.server.session.synced_bytes, 50);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_plain_upload_is_on_disk_then_published_then_acknowledged),
                cmocka_unit_test(repeats_of_the_last_fragment_get_its_ack_again),
                cmocka_unit_test(tombstones_repeat_the_answers_of_a_closed_session),
                cmocka_unit_test(cancelling_after_delivery_drops_the_reply_and_keeps_the_file),
                cmocka_unit_test(the_application_decides_whether_its_upload_is_also_published),
                cmocka_unit_test(a_failed_application_is_notified_again_by_a_repeat),
                cmocka_unit_test(an_application_that_does_not_answer_in_time_is_408),
                cmocka_unit_test(a_403_of_the_application_is_never_asked_again),
                cmocka_unit_test(a_reply_url_that_is_too_long_is_not_sent),
                cmocka_unit_test(publishing_may_be_refused_and_tried_again),
                cmocka_unit_test(what_cannot_be_synchronised_is_neither_shown_nor_published),
                cmocka_unit_test(a_crash_in_the_middle_of_delivery_goes_on_there),
                cmocka_unit_test(publishing_may_wait_for_close),
                cmocka_unit_test(a_delivered_upload_is_not_shown_to_an_application_that_came_later),
                cmocka_unit_test(bytes_that_are_known_to_be_on_disk_are_not_synchronised_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
