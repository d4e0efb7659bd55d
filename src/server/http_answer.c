/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "server/http_front.h"

#define TEXT_MAX_BYTES (1024 * 1024)

void http_answer_init(HttpAnswer *a, uint16_t status)
{
        *a = (HttpAnswer){.status = status, .fd = -1};
        buf_init(&a->fields, HTTP_ANSWER_MAX_BYTES);
        buf_init(&a->text, TEXT_MAX_BYTES);
}

void http_answer_done(HttpAnswer *a)
{
        buf_done(&a->fields);
        buf_done(&a->text);
        close_fdp(&a->fd);
        a->fd = -1;
}

static bool is_field_text(const char *s)
{
        for (; *s; s++)
                if (((unsigned char) *s < 0x20 && *s != '\t') || *s == 0x7f)
                        return false;
        return true;
}

int http_answer_add(void *answer, const char *name, const char *value)
{
        HttpAnswer *a = answer;

        if (!*name || !is_field_text(name) || !is_field_text(value) || strchr(name, ':'))
                return -EINVAL;
        (void) buf_append(&a->fields, name, strlen(name) + 1);
        return buf_append(&a->fields, value, strlen(value) + 1);
}

void http_answer_take_file(HttpAnswer *a, int fd, uint64_t offset_bytes, uint64_t length_bytes)
{
        close_fdp(&a->fd);
        a->fd = fd;
        a->offset_bytes = offset_bytes;
        a->length_bytes = length_bytes;
}
