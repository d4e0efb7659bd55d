/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the upload protocol: what is taken can be printed, and means the same when read again.
 */
#include <string.h>

#include "base/alloc.h"

#include "../unit/proto/bup_wire.h"
#include "fuzz.h"

enum { INPUT_MAX_BYTES = 8 * 1024 };

static void check_request(const Wire *w, bool length_optional)
{
        BupRequestRules rules = {.length_optional = length_optional};
        BupRequest a, b;
        BupRefusal refusal = BUP_REFUSAL_MAX;
        Wire again;
        BupAck ack;

        if (bup_request_parse(w->fields, w->n, &rules, &a, &refusal) < 0) {
                FUZZ_CHECK(refusal > BUP_FINE && refusal < BUP_REFUSAL_MAX);
                bup_refuse(refusal, &ack);
                FUZZ_CHECK(ack.status >= 400);
                return;
        }
        FUZZ_CHECK(a.type < BUP_PACKET_TYPE_MAX);
        if (a.type == BUP_FRAGMENT) {
                FUZZ_CHECK(a.range.first_byte <= a.range.last_byte);
                FUZZ_CHECK(a.range.last_byte < a.range.total_bytes);
                FUZZ_CHECK(a.body_bytes == bup_range_length(&a.range));
        }
        FUZZ_CHECK(!strpbrk(a.content_name, "/\\:*?\"<>|"));
        wire_print_request(&again, &a);
        FUZZ_CHECK(bup_request_parse(again.fields, again.n, NULL, &b, &refusal) == 0);
        FUZZ_CHECK(a.type == b.type && a.body_bytes == b.body_bytes);
        FUZZ_CHECK(strcmp(a.session_id, b.session_id) == 0);
        FUZZ_CHECK(strcmp(a.content_name, b.content_name) == 0);
}

static void check_ack(const Wire *w, uint16_t status)
{
        BupAck a, b;
        Wire again;

        bup_ack_parse(status, w->fields, w->n, 1767225600, &a);
        FUZZ_CHECK(a.status == status);
        if (!a.is_ack || a.malformed)
                return;
        wire_print_ack(&again, &a);
        bup_ack_parse(status, again.fields, again.n, 1767225600, &b);
        FUZZ_CHECK(b.is_ack && !b.malformed);
        FUZZ_CHECK(a.has_received == b.has_received);
        FUZZ_CHECK(!a.has_received || a.received_bytes == b.received_bytes);
        FUZZ_CHECK(a.error == b.error);
        FUZZ_CHECK(strcmp(a.session_id, b.session_id) == 0);
        FUZZ_CHECK(strcmp(a.host_id, b.host_id) == 0);
        FUZZ_CHECK(strcmp(a.reply_url, b.reply_url) == 0);
}

static void check_values(const char *text)
{
        char canonical[BUP_SESSION_ID_BYTES], host[BUP_HOST_ID_BYTES], name[BUP_NAME_BYTES];
        char range_text[BUP_RANGE_TEXT_BYTES];
        char name_again[BUP_NAME_BYTES];
        BupRange range, range_again;

        if (bup_range_parse(text, &range) == 0) {
                bup_range_format(&range, range_text);
                FUZZ_CHECK(bup_range_parse(range_text, &range_again) == 0);
                FUZZ_CHECK(memcmp(&range, &range_again, sizeof(range)) == 0);
        }
        if (bup_session_id_canonical(text, canonical) == 0)
                FUZZ_CHECK(bup_session_id_is_valid(canonical) && !strpbrk(canonical, "/."));
        if (bup_host_id_parse(text, host) == 0)
                FUZZ_CHECK(!strpbrk(host, "/@?# "));
        bup_name_sanitise(text, name);
        bup_name_sanitise(name, name_again);
        FUZZ_CHECK(strcmp(name, name_again) == 0);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        bool length_optional;
        uint16_t status;
        char *text;
        Wire w;

        if (bytes > INPUT_MAX_BYTES)
                return;
        length_optional = fuzz_bool(&in);
        status = (uint16_t) (fuzz_u8(&in) * 4);
        text = fuzz_rest(&in);
        wire_read(&w, text);
        check_request(&w, length_optional);
        check_ack(&w, status);
        for (size_t i = 0; i < w.n; i++)
                check_values(w.fields[i].value);
        mem_free(text);
}
