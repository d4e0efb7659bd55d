/* SPDX-License-Identifier: Apache-2.0 */
#include "server/framing.h"

#include <string.h>

#include "base/str.h"

static bool is_token_char(unsigned char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *s)
{
        if (!*s)
                return false;
        for (; *s; s++)
                if (!is_token_char((unsigned char) *s))
                        return false;
        return true;
}

static bool is_value(const char *s)
{
        for (; *s; s++)
                if (((unsigned char) *s < 0x20 && *s != '\t') || *s == 0x7f)
                        return false;
        return true;
}

/* Visible characters only; what they mean is for target.h. Bytes over 0x7f should have been
 * encoded, but browsers and scripts forget it and no two readers differ about them. */
static bool is_target(const char *s)
{
        if (*s != '/' && !str_starts_with_nocase(s, "http://") &&
            !str_starts_with_nocase(s, "https://"))
                return false;
        for (; *s; s++)
                if ((unsigned char) *s <= 0x20 || *s == 0x7f || *s == '#')
                        return false;
        return true;
}

/* Name, address or bracketed address, and a port: the characters, not the grammar. */
/* What may stand between "http://" and the path of a URL, where it will be put: behind a "#" the
 * path would be none. */
static bool is_host(const char *s)
{
        for (; *s; s++)
                if (strchr("#^`|", *s) ||
                    (!is_token_char((unsigned char) *s) && !strchr(":[]", *s)))
                        return false;
        return true;
}

/* Digits only, and no number that two readers could cut differently. */
static bool read_length(const char *s, uint64_t *ret)
{
        return bup_number_parse(s, ret) == 0;
}

static FramingFlaw check_request_line(const HttpHead *head)
{
        if (!str_equal(head->version, "HTTP/1.1") && !str_equal(head->version, "HTTP/1.0"))
                return FRAMING_BAD_VERSION;
        if (!is_token(head->method))
                return FRAMING_BAD_METHOD;
        if (strlen(head->target) > FRAMING_TARGET_MAX_BYTES)
                return FRAMING_LONG_TARGET;
        return is_target(head->target) ? FRAMING_FINE : FRAMING_BAD_TARGET;
}

typedef struct Seen {
        unsigned hosts;
        unsigned lengths;
        bool encoded;
        bool bad_length;
        bool bad_host;
} Seen;

static void look_at(const BupField *field, Seen *seen, Framing *framing)
{
        if (str_equal_nocase(field->name, "Host")) {
                seen->hosts++;
                seen->bad_host = seen->bad_host || !is_host(field->value);
                framing->host = field->value;
        } else if (str_equal_nocase(field->name, "Content-Length")) {
                seen->lengths++;
                framing->has_length = true;
                if (!read_length(field->value, &framing->length_bytes))
                        seen->bad_length = true;
        } else if (str_equal_nocase(field->name, "Transfer-Encoding")) {
                seen->encoded = true;
        } else if (str_equal_nocase(field->name, "Expect")) {
                framing->expects_continue = str_equal_nocase(field->value, "100-continue");
        }
}

static FramingFlaw judge(const HttpHead *head, const Seen *seen)
{
        if (seen->hosts == 0 && str_equal(head->version, "HTTP/1.1"))
                return FRAMING_NO_HOST;
        if (seen->hosts > 1)
                return FRAMING_TWO_HOSTS;
        if (seen->bad_host)
                return FRAMING_BAD_HOST;
        if (seen->lengths > 0 && seen->encoded)
                return FRAMING_BOTH_LENGTHS;
        if (seen->lengths > 1)
                return FRAMING_TWO_LENGTHS;
        if (seen->bad_length)
                return FRAMING_BAD_LENGTH;
        return seen->encoded ? FRAMING_CHUNKED : FRAMING_FINE;
}

FramingFlaw framing_check(const HttpHead *head, Framing *ret)
{
        Framing framing = {.host = ""};
        Seen seen = {0};
        FramingFlaw flaw;

        if (head->odd_lines)
                return FRAMING_ODD_LINES;
        if (head->too_many_fields)
                return FRAMING_TOO_MANY_FIELDS;
        flaw = check_request_line(head);
        if (flaw != FRAMING_FINE)
                return flaw;
        for (size_t i = 0; i < head->n_fields; i++) {
                if (!is_token(head->fields[i].name))
                        return FRAMING_BAD_NAME;
                if (!is_value(head->fields[i].value))
                        return FRAMING_BAD_VALUE;
                look_at(&head->fields[i], &seen, &framing);
        }
        flaw = judge(head, &seen);
        if (flaw == FRAMING_FINE)
                *ret = framing;
        return flaw;
}

typedef struct FlawRow {
        uint16_t status;
        const char *text;
} FlawRow;

static const FlawRow FLAWS[FRAMING_FLAW_MAX] = {
        [FRAMING_FINE] = {200, "fine"},
        [FRAMING_ODD_LINES] = {400, "bare LF, folded line or NUL in the head"},
        [FRAMING_TOO_MANY_FIELDS] = {431, "too many header fields"},
        [FRAMING_BAD_NAME] = {400, "malformed field name"},
        [FRAMING_BAD_VALUE] = {400, "control characters in a field value"},
        [FRAMING_BAD_VERSION] = {505, "not HTTP/1.1"},
        [FRAMING_BAD_METHOD] = {400, "malformed method"},
        [FRAMING_BAD_TARGET] = {400, "malformed request target"},
        [FRAMING_LONG_TARGET] = {414, "request target too long"},
        [FRAMING_NO_HOST] = {400, "no Host"},
        [FRAMING_TWO_HOSTS] = {400, "two Host fields"},
        [FRAMING_BAD_HOST] = {400, "malformed Host"},
        [FRAMING_BOTH_LENGTHS] = {400, "Content-Length and Transfer-Encoding"},
        [FRAMING_TWO_LENGTHS] = {400, "more than one Content-Length"},
        [FRAMING_BAD_LENGTH] = {400, "malformed Content-Length"},
        [FRAMING_CHUNKED] = {411, "chunked body"},
};

uint16_t framing_status(FramingFlaw flaw)
{
        return FLAWS[flaw].status;
}

const char *framing_text(FramingFlaw flaw)
{
        return FLAWS[flaw].text;
}

const char *framing_field(const HttpHead *head, const char *name)
{
        for (size_t i = 0; i < head->n_fields; i++)
                if (str_equal_nocase(head->fields[i].name, name))
                        return head->fields[i].value;
        return NULL;
}

bool framing_announces_body(const HttpHead *head)
{
        const char *length = framing_field(head, "Content-Length");

        return framing_field(head, "Transfer-Encoding") || (length && !str_equal(length, "0"));
}
