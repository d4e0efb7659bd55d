/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields in memory, for tests of the upload protocol: the sink of the printers, and a reader
 * of headers written as text, one "Name: value" a line. */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bup_packet.h"

enum {
        WIRE_FIELDS_MAX = 24,
        WIRE_TEXT_BYTES = 32 * 1024,
};

typedef struct Wire {
        BupField fields[WIRE_FIELDS_MAX];
        size_t n;
        char text[WIRE_TEXT_BYTES];
        size_t used;
} Wire;

static inline int wire_add(void *ctx, const char *name, const char *value)
{
        Wire *w = ctx;
        size_t name_bytes = strlen(name) + 1, value_bytes = strlen(value) + 1;

        if (w->n == WIRE_FIELDS_MAX || w->used + name_bytes + value_bytes > sizeof(w->text))
                return -1;
        w->fields[w->n].name = memcpy(w->text + w->used, name, name_bytes);
        w->used += name_bytes;
        w->fields[w->n].value = memcpy(w->text + w->used, value, value_bytes);
        w->used += value_bytes;
        w->n++;
        return 0;
}

static inline void wire_add_length(Wire *w, uint64_t bytes)
{
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, bytes);
        (void) wire_add(w, "Content-Length", text);
}

/* Value of a field, NULL when it is not there. */
static inline const char *wire_get(const Wire *w, const char *name)
{
        for (size_t i = 0; i < w->n; i++)
                if (strcasecmp(w->fields[i].name, name) == 0)
                        return w->fields[i].value;
        return NULL;
}

/* "Name: value\nName: value\n"; each line may end the text. */
static inline void wire_read(Wire *w, const char *text)
{
        w->n = w->used = 0;
        while (*text != '\0') {
                char line[WIRE_TEXT_BYTES / 2];
                size_t len = strcspn(text, "\n");
                char *colon;

                memcpy(line, text, len);
                line[len] = '\0';
                text += len + (text[len] == '\n');
                colon = strchr(line, ':');
                if (!colon)
                        continue;
                *colon++ = '\0';
                colon += strspn(colon, " ");
                (void) wire_add(w, line, colon);
        }
}

static inline void wire_print_request(Wire *w, const BupRequest *request)
{
        w->n = w->used = 0;
        if (bup_request_print(request, wire_add, w) < 0)
                abort();
        wire_add_length(w, request->body_bytes);
}

static inline void wire_print_ack(Wire *w, const BupAck *ack)
{
        w->n = w->used = 0;
        if (bup_ack_print(ack, wire_add, w) < 0)
                abort();
        wire_add_length(w, 0);
}

static inline int wire_parse_request(const char *text, BupRequest *ret, BupRefusal *ret_refusal)
{
        Wire w;

        wire_read(&w, text);
        return bup_request_parse(w.fields, w.n, NULL, ret, ret_refusal);
}

static inline BupAck wire_parse_ack(uint16_t status, const char *text)
{
        Wire w;
        BupAck ack;

        wire_read(&w, text);
        bup_ack_parse(status, w.fields, w.n, 0, &ack);
        return ack;
}
