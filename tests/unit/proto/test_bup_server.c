/* SPDX-License-Identifier: Apache-2.0 */
/* The server's rules for offsets, for the ends of sessions, and for requests that meet. What
 * becomes of a file that is all there is in test_bup_delivery.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bup_drop.h"

/* §4.3, S1 */
static void a_ping_needs_nothing(void **state)
{
        BupAck ack;

        bup_server_ping(&ack);
        assert_int_equal(ack.status, 200);
        assert_true(ack.is_ack);
        assert_string_equal(ack.session_id, "");
}

/* §4.2, S26 */
static void create_tells_protocol_session_and_host(void **state)
{
        BupServerRules rules = {.host_id = "node3.up.example.net", .fallback_sec = 3600};
        BupServerFacts facts = {.now_wall_sec = DROP_NOW};
        BupRequest request = {.type = BUP_CREATE_SESSION, .content_name = "a.bin"};
        BupSession session;
        BupAck ack;

        assert_true(bup_server_create(&rules, &facts, &request, DROP_ID, &session, &ack));
        assert_int_equal(ack.status, 200);
        assert_true(ack.is_our_protocol && ack.accepts_identity);
        assert_string_equal(ack.session_id, DROP_ID);
        assert_string_equal(ack.host_id, "node3.up.example.net");
        assert_int_equal(ack.fallback_sec, 3600);
        assert_string_equal(session.id, DROP_ID);
        assert_string_equal(session.content_name, "a.bin");
        assert_int_equal(session.created_wall_sec, DROP_NOW);
        rules.fallback_sec = BUP_FALLBACK_NEVER;
        assert_true(bup_server_create(&rules, &facts, &request, DROP_ID, &session, &ack));
        assert_int_equal(ack.fallback_sec, BUP_FALLBACK_NEVER);
        rules = (BupServerRules){.host_id = "", .fallback_sec = 3600};
        assert_true(bup_server_create(&rules, &facts, &request, DROP_ID, &session, &ack));
        assert_string_equal(ack.host_id, "");
        assert_int_equal(ack.fallback_sec, BUP_FALLBACK_NEVER);
}

/* S16, S17, S22 */
static void create_is_refused_with_the_reason_that_was_found(void **state)
{
        static const BupRefusal reasons[] = {
                BUP_UPLOADS_DISABLED,  BUP_DENIED,      BUP_EXECUTE_ENABLED,
                BUP_DIRECTORY_MISSING, BUP_OVERLOADED,  BUP_TARGET_IS_DIRECTORY,
                BUP_TARGET_EXISTS,     BUP_TARGET_BUSY,
        };
        BupServerRules rules = {0};
        BupRequest request = {.type = BUP_CREATE_SESSION};

        for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
                BupServerFacts facts = {.access = reasons[i], .retry_after_sec = 30};
                BupAck ack, expected;
                BupSession session;

                bup_refuse(reasons[i], &expected);
                assert_false(bup_server_create(&rules, &facts, &request, DROP_ID, &session, &ack));
                assert_int_equal(ack.status, expected.status);
                assert_int_equal(ack.error, expected.error);
                assert_int_equal(ack.retry_after_sec, 30);
        }
}

/* S4 */
static void fragments_in_order_are_stored_one_after_the_other(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 8191, 10000);
        assert_int_equal(d.server.session.total_bytes, 10000);
        drop_restart(&d); /* S6 */
        drop_send(&d, 8192, 8192, 10000);
        assert_int_equal(d.server.session.next_bytes, 8193);
}

/* 4.1: some clients tell the name with Create-Session, others with the first fragment. */
static void the_first_name_that_is_told_is_kept(void **state)
{
        BupRequest r = {.type = BUP_FRAGMENT,
                        .session_id = DROP_ID,
                        .range = {0, 0, 10},
                        .body_bytes = 1,
                        .content_name = "other.bin"};
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        bup_server_feed(&d.server, &d.rules, &d.facts, &r, &d.step);
        assert_string_equal(d.server.session.content_name, "report.bin");
        drop_begin(&d, BUP_NOTIFY_NONE);
        d.server.session.content_name[0] = '\0';
        bup_server_feed(&d.server, &d.rules, &d.facts, &r, &d.step);
        assert_string_equal(d.server.session.content_name, "other.bin");
}

/* S7, 16.6 */
static void a_gap_is_answered_with_the_offset_and_no_error(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_fragment(&d, 5, 9, 10);
        drop_answers(&d, 416);
        assert_true(d.step.drop_body && d.step.ack.has_received);
        assert_int_equal(d.step.ack.received_bytes, 0);
        assert_int_equal(d.step.ack.error, S_OK);
        drop_send(&d, 0, 3, 11); /* a fragment that was not taken fixes no total */
        drop_fragment(&d, 5, 9, 11);
        drop_answers(&d, 416);
        assert_int_equal(d.step.ack.received_bytes, 4);
        drop_send(&d, 4, 9, 11);
}

/* S8 */
static void duplicates_are_acknowledged_and_not_written(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        drop_send(&d, 50, 79, 100);
        drop_fragment(&d, 0, 49, 100);
        drop_acks(&d, 80);
        assert_true(d.step.drop_body);
        drop_fragment(&d, 50, 79, 100);
        drop_acks(&d, 80);
        drop_fragment(&d, 79, 79, 100);
        drop_acks(&d, 80);
}

/* S9: the first write wins */
static void an_overlap_is_trimmed_to_what_is_new(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        drop_fragment(&d, 0, 59, 100);
        drop_asks_to_store(&d, 50, 50, 10);
        drop_stored(&d, 10);
        drop_acks(&d, 60);
        drop_fragment(&d, 59, 60, 100);
        drop_asks_to_store(&d, 60, 1, 1);
        drop_stored(&d, 1);
        drop_acks(&d, 61);
}

/* S10 */
static void a_changed_total_is_refused(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        drop_fragment(&d, 50, 99, 101);
        drop_refuses(&d, BUP_TOTAL_CHANGED);
        assert_true(d.step.drop_body);
        drop_fragment(&d, 0, 49, 50);
        drop_refuses(&d, BUP_TOTAL_CHANGED);
        drop_send(&d, 50, 98, 100);
}

/* S22, 16.5 */
static void limits_of_file_and_fragment_have_their_own_answers(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        d.rules.max_upload_bytes = 100;
        d.rules.max_fragment_bytes = 10;
        drop_fragment(&d, 0, 9, 101);
        drop_refuses(&d, BUP_FILE_TOO_LARGE);
        assert_true(d.step.drop_body);
        drop_fragment(&d, 0, 10, 100);
        drop_refuses(&d, BUP_FRAGMENT_TOO_LARGE);
        assert_true(d.step.drop_body);
        drop_fragment(&d, 0, 10, 101); /* the file is judged first: shrinking would not help */
        drop_refuses(&d, BUP_FILE_TOO_LARGE);
        drop_send(&d, 0, 9, 100);
}

/* S19 */
static void what_arrived_of_a_cut_fragment_stays(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        drop_fragment(&d, 40, 99, 100);
        drop_asks_to_store(&d, 50, 10, 50);
        drop_did(&d, (BupResult){.stored_bytes = 20, .cut = true});
        assert_int_equal(d.step.kind, BUP_STEP_HANG_UP);
        assert_true(d.step.save);
        drop_restart(&d);
        assert_int_equal(d.server.session.next_bytes, 70);
        drop_fragment(&d, 40, 98, 100);
        drop_asks_to_store(&d, 70, 30, 29);
}

/* The last byte came in, the client did not wait for the Ack. */
static void a_file_that_is_whole_is_delivered_although_the_client_left(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_fragment(&d, 0, 99, 100);
        drop_did(&d, (BupResult){.stored_bytes = 100, .cut = true});
        drop_asks(&d, BUP_OP_SYNC, false);
}

/* S30 */
static void a_full_disk_keeps_what_fitted(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_fragment(&d, 0, 99, 100);
        drop_did(&d, (BupResult){.why = BUP_DISK_FULL, .stored_bytes = 30});
        drop_refuses(&d, BUP_DISK_FULL);
        assert_true(d.step.save && d.step.drop_body);
        drop_fragment(&d, 0, 98, 100);
        drop_asks_to_store(&d, 30, 30, 69);
        drop_did(&d, (BupResult){.why = BUP_IO_ERROR});
        drop_refuses(&d, BUP_IO_ERROR);
        assert_int_equal(d.server.session.next_bytes, 30);
}

/* S12, §8 */
static void strangers_and_other_targets_learn_nothing(void **state)
{
        static const BupPacketType types[] = {BUP_FRAGMENT, BUP_CLOSE_SESSION, BUP_CANCEL_SESSION};
        BupAck ack;
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                BupRequest r = {.type = types[i], .session_id = DROP_ID, .body_bytes = i == 0};

                d.facts = (BupServerFacts){.other_owner = true, .access = BUP_DENIED};
                bup_server_feed(&d.server, &d.rules, &d.facts, &r, &d.step);
                drop_refuses(&d, BUP_SESSION_UNKNOWN);
                assert_int_equal(d.step.drop_body, i == 0);
                assert_string_equal(d.step.ack.session_id, "");
                d.facts = (BupServerFacts){.other_target = true};
                bup_server_feed(&d.server, &d.rules, &d.facts, &r, &d.step);
                drop_refuses(&d, BUP_TARGET_CHANGED); /* 16.21 */
                d.facts = (BupServerFacts){.access = BUP_UPLOADS_DISABLED};
                bup_server_feed(&d.server, &d.rules, &d.facts, &r, &d.step);
                drop_refuses(&d, BUP_UPLOADS_DISABLED);
                d.facts = (BupServerFacts){.access = BUP_OVERLOADED, .retry_after_sec = 9};
                bup_server_feed(&d.server, &d.rules, &d.facts, &r, &d.step);
                drop_refuses(&d, BUP_OVERLOADED);
                assert_int_equal(d.step.ack.retry_after_sec, 9);
        }
        d.facts = (BupServerFacts){0};
        drop_send(&d, 50, 59, 100); /* nothing has changed */
        bup_server_unknown(&ack);
        assert_int_equal(ack.status, 500);
        assert_int_equal(ack.error, BG_E_SESSION_NOT_FOUND);
}

static void packets_that_belong_to_no_session_are_unexpected(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_packet(&d, BUP_CREATE_SESSION);
        drop_refuses(&d, BUP_UNEXPECTED);
        drop_packet(&d, BUP_PING);
        drop_refuses(&d, BUP_UNEXPECTED);
}

/* S14, 16.8 */
static void closing_early_discards_and_says_so_again(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_refuses(&d, BUP_CLOSED_EARLY);
        drop_restart(&d);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_refuses(&d, BUP_CLOSED_EARLY);
        assert_false(d.step.drop_body || d.step.save);
        drop_fragment(&d, 50, 99, 100);
        drop_refuses(&d, BUP_SESSION_UNKNOWN);
        assert_true(d.step.drop_body);
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_answers(&d, 200);
}

/* S15 */
static void cancelling_half_way_discards_everything(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_send(&d, 0, 49, 100);
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){.why = BUP_IO_ERROR}); /* the sweep's, then */
        drop_answers(&d, 200);
        drop_restart(&d);
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_answers(&d, 200);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_refuses(&d, BUP_SESSION_UNKNOWN);
        drop_fragment(&d, 50, 99, 100);
        drop_refuses(&d, BUP_SESSION_UNKNOWN);
}

/* S20, §11.4 */
static void a_new_request_pre_empts_a_body_that_nobody_sends_any_more(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_fragment(&d, 0, 99, 100);
        drop_asks_to_store(&d, 0, 0, 100);
        drop_fragment(&d, 0, 99, 100);
        assert_int_equal(d.step.kind, BUP_STEP_PREEMPT);
        drop_did(&d, (BupResult){.stored_bytes = 40, .cut = true});
        assert_int_equal(d.step.kind, BUP_STEP_HANG_UP);
        drop_fragment(&d, 0, 99, 100);
        drop_asks_to_store(&d, 40, 40, 60);
        drop_packet(&d, BUP_CANCEL_SESSION);
        assert_int_equal(d.step.kind, BUP_STEP_PREEMPT);
        drop_did(&d, (BupResult){.stored_bytes = 0, .cut = true});
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
}

static void a_stranger_pre_empts_nobody(void **state)
{
        BupRequest r = {.type = BUP_CANCEL_SESSION, .session_id = DROP_ID};
        BupServerFacts stranger = {.other_owner = true};
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_fragment(&d, 0, 99, 100);
        bup_server_feed(&d.server, &d.rules, &stranger, &r, &d.step);
        drop_refuses(&d, BUP_SESSION_UNKNOWN);
        drop_stored(&d, 100);
        drop_asks(&d, BUP_OP_SYNC, false);
}

static void all_other_operations_hold_new_requests(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_VALUE);
        drop_fragment(&d, 0, 99, 100);
        drop_stored(&d, 100);
        drop_asks(&d, BUP_OP_SYNC, false);
        drop_packet(&d, BUP_CANCEL_SESSION);
        assert_int_equal(d.step.kind, BUP_STEP_HOLD);
        drop_did(&d, (BupResult){0});
        drop_asks(&d, BUP_OP_NOTIFY, true);
        drop_fragment(&d, 0, 99, 100);
        assert_int_equal(d.step.kind, BUP_STEP_HOLD);
        drop_did(&d, (BupResult){.application_status = 200, .reply_url = "/r", .copies = true});
        drop_asks(&d, BUP_OP_PUBLISH, true);
        drop_packet(&d, BUP_CLOSE_SESSION);
        assert_int_equal(d.step.kind, BUP_STEP_HOLD);
        drop_did(&d, (BupResult){0});
        drop_acks(&d, 100);
        drop_packet(&d, BUP_CANCEL_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_packet(&d, BUP_CANCEL_SESSION);
        assert_int_equal(d.step.kind, BUP_STEP_HOLD);
}

/* 16.10 */
static void an_empty_file_is_published_by_close(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_PUBLISH, true);
        drop_did(&d, (BupResult){.why = BUP_TARGET_EXISTS});
        drop_refuses(&d, BUP_TARGET_EXISTS);
        drop_restart(&d);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_PUBLISH, false);
        drop_did(&d, (BupResult){0});
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_answers(&d, 200);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_answers(&d, 200);
}

static void an_empty_file_is_shown_to_the_application_too(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_BY_REFERENCE);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_NOTIFY, true);
        drop_did(&d, (BupResult){.application_status = 403});
        drop_answers(&d, 403);
        drop_restart(&d);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_answers(&d, 403);
        assert_int_equal(d.step.ack.context, BG_ERROR_CONTEXT_REMOTE_APPLICATION);
}

/* A session that was ever told of bytes is not an empty file. */
static void a_refused_upload_does_not_become_an_empty_file(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        d.rules.max_upload_bytes = 10;
        drop_fragment(&d, 0, 99, 100);
        drop_refuses(&d, BUP_FILE_TOO_LARGE);
        assert_true(d.step.save);
        drop_restart(&d);
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_refuses(&d, BUP_CLOSED_EARLY);

        drop_begin(&d, BUP_NOTIFY_NONE);
        d.rules.refuse_empty = true;
        drop_packet(&d, BUP_CLOSE_SESSION);
        drop_asks(&d, BUP_OP_DISCARD, true);
        drop_did(&d, (BupResult){0});
        drop_refuses(&d, BUP_CLOSED_EARLY);
}

/* 16.19, S23 */
static void only_packets_that_get_on_keep_a_session_alive(void **state)
{
        Drop d;

        drop_begin(&d, BUP_NOTIFY_NONE);
        d.facts.now_wall_sec = DROP_NOW + 100;
        drop_send(&d, 0, 49, 100);
        assert_int_equal(d.server.session.touched_wall_sec, DROP_NOW + 100);
        d.facts.now_wall_sec = DROP_NOW + 200;
        drop_fragment(&d, 60, 99, 100); /* 416 counts */
        assert_int_equal(d.server.session.touched_wall_sec, DROP_NOW + 200);
        d.facts.now_wall_sec = DROP_NOW + 300;
        drop_fragment(&d, 0, 9, 101); /* 400 does not */
        assert_int_equal(d.server.session.touched_wall_sec, DROP_NOW + 200);
        drop_fragment(&d, 0, 9, 100); /* a duplicate does */
        assert_int_equal(d.server.session.touched_wall_sec, DROP_NOW + 300);
        d.facts.now_wall_sec = DROP_NOW - 1000; /* nor does a clock that went back */
        drop_fragment(&d, 0, 9, 100);
        assert_int_equal(d.server.session.touched_wall_sec, DROP_NOW + 300);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_ping_needs_nothing),
                cmocka_unit_test(create_tells_protocol_session_and_host),
                cmocka_unit_test(create_is_refused_with_the_reason_that_was_found),
                cmocka_unit_test(fragments_in_order_are_stored_one_after_the_other),
                cmocka_unit_test(the_first_name_that_is_told_is_kept),
                cmocka_unit_test(a_gap_is_answered_with_the_offset_and_no_error),
                cmocka_unit_test(duplicates_are_acknowledged_and_not_written),
                cmocka_unit_test(an_overlap_is_trimmed_to_what_is_new),
                cmocka_unit_test(a_changed_total_is_refused),
                cmocka_unit_test(limits_of_file_and_fragment_have_their_own_answers),
                cmocka_unit_test(what_arrived_of_a_cut_fragment_stays),
                cmocka_unit_test(a_file_that_is_whole_is_delivered_although_the_client_left),
                cmocka_unit_test(a_full_disk_keeps_what_fitted),
                cmocka_unit_test(strangers_and_other_targets_learn_nothing),
                cmocka_unit_test(packets_that_belong_to_no_session_are_unexpected),
                cmocka_unit_test(closing_early_discards_and_says_so_again),
                cmocka_unit_test(cancelling_half_way_discards_everything),
                cmocka_unit_test(a_new_request_pre_empts_a_body_that_nobody_sends_any_more),
                cmocka_unit_test(a_stranger_pre_empts_nobody),
                cmocka_unit_test(all_other_operations_hold_new_requests),
                cmocka_unit_test(an_empty_file_is_published_by_close),
                cmocka_unit_test(an_empty_file_is_shown_to_the_application_too),
                cmocka_unit_test(a_refused_upload_does_not_become_an_empty_file),
                cmocka_unit_test(only_packets_that_get_on_keep_a_session_alive),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
