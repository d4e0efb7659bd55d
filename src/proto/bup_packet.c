/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_packet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "proto/http_date.h"

#define ACK_TEXT "Ack"
#define IDENTITY_TEXT "identity"
#define WRONG_DISK_FULL                                                                            \
        ((HRESULT) 0x80070112u) /* as the specification prints it: 112 was meant                   \
                                 */

/* Fields of requests. */
enum {
        IN_PACKET_TYPE,
        IN_PROTOCOLS,
        IN_SESSION_ID,
        IN_LENGTH,
        IN_TRANSFER_ENCODING,
        IN_RANGE,
        IN_CONTENT_ENCODING,
        IN_NAME,
        IN_MAX,
};

static const char *const IN_NAMES[IN_MAX] = {
        [IN_PACKET_TYPE] = "BITS-Packet-Type",        [IN_PROTOCOLS] = "BITS-Supported-Protocols",
        [IN_SESSION_ID] = "BITS-Session-Id",          [IN_LENGTH] = "Content-Length",
        [IN_TRANSFER_ENCODING] = "Transfer-Encoding", [IN_RANGE] = "Content-Range",
        [IN_CONTENT_ENCODING] = "Content-Encoding",   [IN_NAME] = "Content-Name",
};

/* Fields of Acks. */
enum {
        ACK_PACKET_TYPE,
        ACK_PROTOCOL,
        ACK_SESSION_ID,
        ACK_HOST_ID,
        ACK_FALLBACK,
        ACK_RECEIVED,
        ACK_REPLY_URL,
        ACK_ERROR,
        ACK_ERROR_CODE,
        ACK_ERROR_CONTEXT,
        ACK_OTHERS, /* the fields from here on are not of the protocol */
        ACK_ACCEPT_ENCODING = ACK_OTHERS,
        ACK_RETRY_AFTER,
        ACK_LOCATION,
        ACK_MAX,
};

static const char *const ACK_NAMES[ACK_MAX] = {
        [ACK_PACKET_TYPE] = "BITS-Packet-Type",
        [ACK_PROTOCOL] = "BITS-Protocol",
        [ACK_SESSION_ID] = "BITS-Session-Id",
        [ACK_HOST_ID] = "BITS-Host-Id",
        [ACK_FALLBACK] = "BITS-Host-Id-Fallback-Timeout",
        [ACK_RECEIVED] = "BITS-Received-Content-Range",
        [ACK_REPLY_URL] = "BITS-Reply-URL",
        [ACK_ERROR] = "BITS-Error",
        [ACK_ERROR_CODE] = "BITS-Error-Code",
        [ACK_ERROR_CONTEXT] = "BITS-Error-Context",
        [ACK_ACCEPT_ENCODING] = "Accept-Encoding",
        [ACK_RETRY_AFTER] = "Retry-After",
        [ACK_LOCATION] = "Location",
};

static const char *const TYPE_TEXTS[BUP_PACKET_TYPE_MAX] = {
        [BUP_CREATE_SESSION] = "Create-Session",
        [BUP_PING] = "Ping",
        [BUP_FRAGMENT] = "Fragment",
        [BUP_CLOSE_SESSION] = "Close-Session",
        [BUP_CANCEL_SESSION] = "Cancel-Session",
};

const char *bup_packet_type_text(BupPacketType type)
{
        return type < BUP_PACKET_TYPE_MAX ? TYPE_TEXTS[type] : "unknown";
}

/* Index of a name in a table, or n. */
static size_t find_name(const char *const *names, size_t n, const char *name)
{
        size_t i = 0;

        while (i < n && !str_equal_nocase(names[i], name))
                i++;
        return i;
}

static bool is_too_long(const char *value)
{
        return strnlen(value, BUP_VALUE_MAX_BYTES + 1) > BUP_VALUE_MAX_BYTES;
}

/* Tickets of Kerberos are long, and none of the protocol's business. */
static bool may_be_long(const char *name)
{
        return str_equal_nocase(name, "Authorization") ||
               str_equal_nocase(name, "Proxy-Authorization") || str_equal_nocase(name, "Cookie");
}

/* Sorts the fields of a request. Lists may be spread over several fields: these keep the first. */
static BupRefusal sort_request(const BupField *fields, size_t n, const char *values[IN_MAX])
{
        for (size_t i = 0; i < n; i++) {
                size_t k = find_name(IN_NAMES, IN_MAX, fields[i].name);

                if (is_too_long(fields[i].value) && !may_be_long(fields[i].name))
                        return BUP_BAD_VALUE_LENGTH;
                if (k == IN_MAX)
                        continue;
                if (!values[k])
                        values[k] = fields[i].value;
                else if (k != IN_PROTOCOLS && !str_equal(values[k], fields[i].value))
                        return BUP_BAD_REPEATED;
        }
        return BUP_FINE;
}

static BupRefusal parse_length(const char *values[IN_MAX], bool optional, uint64_t *ret)
{
        const char *value = values[IN_LENGTH];

        if (values[IN_TRANSFER_ENCODING] || (!value && !optional))
                return BUP_NO_LENGTH;
        *ret = 0;
        if (value && bup_number_parse(value, ret) < 0)
                return BUP_BAD_LENGTH;
        return BUP_FINE;
}

static BupRefusal parse_protocols(const BupField *fields, size_t n, const char *values[IN_MAX])
{
        unsigned left = BUP_PROTOCOLS_MAX;

        if (!values[IN_PROTOCOLS])
                return BUP_NO_PROTOCOLS;
        for (size_t i = 0; i < n; i++)
                if (str_equal_nocase(fields[i].name, IN_NAMES[IN_PROTOCOLS]) &&
                    bup_protocols_have_ours(fields[i].value, &left))
                        return BUP_FINE;
        return BUP_NO_COMMON_PROTOCOL;
}

static BupRefusal parse_fragment(const char *values[IN_MAX], BupRequest *r)
{
        const char *encoding = values[IN_CONTENT_ENCODING];

        if (encoding && !str_equal_nocase(encoding, IDENTITY_TEXT))
                return BUP_BAD_ENCODING;
        if (!values[IN_RANGE] || bup_range_parse(values[IN_RANGE], &r->range) < 0)
                return BUP_BAD_RANGE;
        if (bup_range_length(&r->range) != r->body_bytes)
                return BUP_BAD_RANGE_LENGTH;
        return BUP_FINE;
}

static BupRefusal parse_session_id(const char *values[IN_MAX], BupRequest *r)
{
        const char *id = values[IN_SESSION_ID];

        if (!id || !bup_session_id_is_valid(id))
                return BUP_BAD_SESSION_ID;
        (void) str_copy(r->session_id, sizeof(r->session_id), id);
        return BUP_FINE;
}

static BupRefusal parse_request(const BupField *fields, size_t n, const BupRequestRules *rules,
                                BupRequest *r)
{
        const char *values[IN_MAX] = {NULL};
        BupRefusal why = sort_request(fields, n, values);
        bool optional;

        if (why != BUP_FINE)
                return why;
        if (!values[IN_PACKET_TYPE])
                return BUP_BAD_PACKET_TYPE;
        r->type =
                (BupPacketType) find_name(TYPE_TEXTS, BUP_PACKET_TYPE_MAX, values[IN_PACKET_TYPE]);
        if (r->type == BUP_PACKET_TYPE_MAX)
                return BUP_BAD_PACKET_TYPE;
        optional = rules && rules->length_optional && r->type != BUP_FRAGMENT;
        why = parse_length(values, optional, &r->body_bytes);
        if (why != BUP_FINE)
                return why;
        if (r->type != BUP_FRAGMENT && r->body_bytes > 0)
                return BUP_BAD_BODY;

        if (r->type == BUP_CREATE_SESSION)
                why = parse_protocols(fields, n, values);
        else if (r->type != BUP_PING)
                why = parse_session_id(values, r);
        if (why == BUP_FINE && r->type == BUP_FRAGMENT)
                why = parse_fragment(values, r);
        if (values[IN_NAME] && r->type != BUP_PING)
                bup_name_sanitise(values[IN_NAME], r->content_name);
        return why;
}

int bup_request_parse(const BupField *fields, size_t n, const BupRequestRules *rules,
                      BupRequest *ret, BupRefusal *ret_refusal)
{
        BupRequest r = {0};
        BupRefusal why = parse_request(fields, n, rules, &r);

        if (why != BUP_FINE) {
                *ret_refusal = why;
                return -EBADMSG;
        }
        *ret = r;
        return 0;
}

/* Where fields go, and the first failure on the way. */
typedef struct Printer {
        BupFieldSink sink;
        void *ctx;
        int error;
} Printer;

static void print_text(Printer *p, const char *name, const char *value)
{
        if (p->error >= 0 && value[0] != '\0')
                p->error = p->sink(p->ctx, name, value);
}

static void print_number(Printer *p, const char *name, uint64_t value)
{
        char text[BUP_NUMBER_BYTES];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        print_text(p, name, text);
}

int bup_request_print(const BupRequest *request, BupFieldSink sink, void *ctx)
{
        Printer p = {sink, ctx, 0};
        char range[BUP_RANGE_TEXT_BYTES];

        print_text(&p, IN_NAMES[IN_PACKET_TYPE], bup_packet_type_text(request->type));
        if (request->type == BUP_CREATE_SESSION)
                print_text(&p, IN_NAMES[IN_PROTOCOLS], BUP_PROTOCOL_TEXT);
        else if (request->type != BUP_PING)
                print_text(&p, IN_NAMES[IN_SESSION_ID], request->session_id);
        if (request->type == BUP_FRAGMENT) {
                bup_range_format(&request->range, range);
                print_text(&p, IN_NAMES[IN_RANGE], range);
        }
        if (request->type != BUP_PING)
                print_text(&p, IN_NAMES[IN_NAME], request->content_name);
        return p.error < 0 ? p.error : 0;
}

void bup_ack_init(BupAck *ack, uint16_t status)
{
        *ack = (BupAck){.status = status, .is_ack = true, .fallback_sec = BUP_FALLBACK_NEVER};
}

/* Sorts the fields of an Ack; contradictions of the protocol's own are remembered. */
static void sort_ack(const BupField *fields, size_t n, const char *values[ACK_MAX], BupAck *ack)
{
        for (size_t i = 0; i < n; i++) {
                size_t k = find_name(ACK_NAMES, ACK_MAX, fields[i].name);

                if (k == ACK_MAX)
                        continue;
                if (is_too_long(fields[i].value))
                        ack->malformed |= k < ACK_OTHERS;
                else if (!values[k])
                        values[k] = fields[i].value;
                else if (k < ACK_OTHERS && !str_equal(values[k], fields[i].value))
                        ack->malformed = true;
        }
}

/* A code that means success, or nothing, says nothing. */
static HRESULT parse_error(const char *value)
{
        HRESULT hr;

        if (!value || bup_hresult_parse(value, &hr) < 0 || SUCCEEDED(hr))
                return S_OK;
        return hr == WRONG_DISK_FULL ? HRESULT_FROM_WIN32(ERROR_DISK_FULL) : hr;
}

static void parse_ack_error(const char *values[ACK_MAX], BupAck *ack)
{
        HRESULT context;

        ack->error = parse_error(values[ACK_ERROR]);
        if (ack->error == S_OK)
                ack->error = parse_error(values[ACK_ERROR_CODE]);
        if (ack->error == S_OK || !values[ACK_ERROR_CONTEXT] ||
            bup_hresult_parse(values[ACK_ERROR_CONTEXT], &context) < 0)
                return;
        if (context == BG_ERROR_CONTEXT_REMOTE_FILE ||
            context == BG_ERROR_CONTEXT_REMOTE_APPLICATION)
                ack->context = (BG_ERROR_CONTEXT) context;
}

static void parse_ack_session(const char *values[ACK_MAX], BupAck *ack)
{
        const char *id = values[ACK_SESSION_ID];
        unsigned left = 1;
        uint64_t sec;

        if (values[ACK_PROTOCOL]) {
                ack->has_protocol = true;
                ack->is_our_protocol = bup_protocols_have_ours(values[ACK_PROTOCOL], &left);
        }
        if (id && bup_session_id_is_valid(id))
                (void) str_copy(ack->session_id, sizeof(ack->session_id), id);
        else if (id)
                ack->malformed = true;
        if (values[ACK_HOST_ID] && bup_host_id_parse(values[ACK_HOST_ID], ack->host_id) < 0)
                ack->host_id[0] = '\0';
        if (values[ACK_FALLBACK] && bup_number_parse(values[ACK_FALLBACK], &sec) == 0 &&
            sec < BUP_FALLBACK_NEVER)
                ack->fallback_sec = (uint32_t) sec;
}

void bup_ack_parse(uint16_t status, const BupField *fields, size_t n, int64_t now_wall_sec,
                   BupAck *ret)
{
        const char *values[ACK_MAX] = {NULL};

        bup_ack_init(ret, status);
        sort_ack(fields, n, values, ret);
        ret->is_ack =
                values[ACK_PACKET_TYPE] && str_equal_nocase(values[ACK_PACKET_TYPE], ACK_TEXT);
        parse_ack_session(values, ret);
        parse_ack_error(values, ret);
        ret->accepts_identity = values[ACK_ACCEPT_ENCODING] &&
                                str_equal_nocase(values[ACK_ACCEPT_ENCODING], IDENTITY_TEXT);
        ret->has_received = values[ACK_RECEIVED] &&
                            bup_number_parse(values[ACK_RECEIVED], &ret->received_bytes) == 0;
        if (values[ACK_REPLY_URL])
                (void) str_copy(ret->reply_url, sizeof(ret->reply_url), values[ACK_REPLY_URL]);
        if (values[ACK_LOCATION])
                (void) str_copy(ret->location, sizeof(ret->location), values[ACK_LOCATION]);
        if (values[ACK_RETRY_AFTER] && http_retry_after_parse(values[ACK_RETRY_AFTER], now_wall_sec,
                                                              &ret->retry_after_sec) < 0)
                ret->retry_after_sec = 0;
}

/* IPv6 addresses travel without brackets (RFC 2373), unless a port follows. */
static void print_host_id(Printer *p, const char *host_id)
{
        char text[BUP_HOST_ID_BYTES];
        size_t len = strlen(host_id);

        if (len > 2 && host_id[0] == '[' && host_id[len - 1] == ']')
                (void) snprintf(text, sizeof(text), "%.*s", (int) len - 2, host_id + 1);
        else
                (void) str_copy(text, sizeof(text), host_id);
        print_text(p, ACK_NAMES[ACK_HOST_ID], text);
}

static void print_error(Printer *p, const BupAck *ack)
{
        char text[BUP_CODE_TEXT_BYTES];

        bup_hresult_format(ack->error, text);
        print_text(p, ACK_NAMES[ACK_ERROR], text);
        print_text(p, ACK_NAMES[ACK_ERROR_CODE], text);
        (void) snprintf(text, sizeof(text), "0x%x", (unsigned) ack->context);
        if (ack->context != BG_ERROR_CONTEXT_NONE)
                print_text(p, ACK_NAMES[ACK_ERROR_CONTEXT], text);
}

int bup_ack_print(const BupAck *ack, BupFieldSink sink, void *ctx)
{
        Printer p = {sink, ctx, 0};

        if (ack->is_ack)
                print_text(&p, ACK_NAMES[ACK_PACKET_TYPE], ACK_TEXT);
        if (ack->is_our_protocol)
                print_text(&p, ACK_NAMES[ACK_PROTOCOL], BUP_PROTOCOL_TEXT);
        print_text(&p, ACK_NAMES[ACK_SESSION_ID], ack->session_id);
        if (ack->accepts_identity)
                print_text(&p, ACK_NAMES[ACK_ACCEPT_ENCODING], IDENTITY_TEXT);
        if (ack->host_id[0] != '\0') {
                print_host_id(&p, ack->host_id);
                if (ack->fallback_sec != BUP_FALLBACK_NEVER)
                        print_number(&p, ACK_NAMES[ACK_FALLBACK], ack->fallback_sec);
        }
        if (ack->has_received)
                print_number(&p, ACK_NAMES[ACK_RECEIVED], ack->received_bytes);
        print_text(&p, ACK_NAMES[ACK_REPLY_URL], ack->reply_url);
        if (ack->error != S_OK)
                print_error(&p, ack);
        if (ack->retry_after_sec > 0)
                print_number(&p, ACK_NAMES[ACK_RETRY_AFTER], ack->retry_after_sec);
        return p.error < 0 ? p.error : 0;
}
