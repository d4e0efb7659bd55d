/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests as bitssrv's HTTP library hands them over: the first line is method, target and
 * version, the others are fields. What is taken can be read in one way only, its path leads nowhere
 * but down, and its line in the access log is one line. */
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "server/access_log.h"
#include "server/backend_url.h"
#include "server/basic.h"
#include "server/framing.h"
#include "server/reply.h"
#include "server/target.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 12 * 1024,
        LOG_MAX_BYTES = 256 * 1024,
};

/* Cuts `line` at the next blank; the rest, or "". */
static char *cut(char *line)
{
        size_t bytes = strcspn(line, " ");

        if (!line[bytes])
                return line + bytes;
        line[bytes] = '\0';
        return line + bytes + 1;
}

static void check_framing(const HttpHead *head)
{
        unsigned lengths = 0, hosts = 0, codings = 0;
        Framing f = {0};
        FramingFlaw flaw = framing_check(head, &f);

        FUZZ_CHECK(flaw < FRAMING_FLAW_MAX && *framing_text(flaw));
        if (flaw != FRAMING_FINE) {
                FUZZ_CHECK(framing_status(flaw) >= 400);
                return;
        }
        for (size_t i = 0; i < head->n_fields; i++) {
                lengths += str_equal_nocase(head->fields[i].name, "Content-Length");
                hosts += str_equal_nocase(head->fields[i].name, "Host");
                codings += str_equal_nocase(head->fields[i].name, "Transfer-Encoding");
                FUZZ_CHECK(*head->fields[i].name && !strpbrk(head->fields[i].name, " \t:"));
                for (const char *p = head->fields[i].value; *p; p++)
                        FUZZ_CHECK((unsigned char) *p >= ' ' || *p == '\t');
        }
        FUZZ_CHECK(!head->odd_lines && !head->too_many_fields);
        FUZZ_CHECK(lengths <= 1 && hosts <= 1 && codings == 0);
        FUZZ_CHECK(f.has_length == (lengths == 1));
        FUZZ_CHECK(f.has_length || f.length_bytes == 0);
        FUZZ_CHECK(f.host && (hosts == 1 || str_equal(head->version, "HTTP/1.0")));
        FUZZ_CHECK(!strpbrk(f.host, "/@\\ ?#"));
        FUZZ_CHECK(framing_announces_body(head) == (f.length_bytes > 0) || lengths == 1);
}

static void check_path(const char *path)
{
        FUZZ_CHECK(path[0] == '/' && strlen(path) < TARGET_PATH_MAX_BYTES);
        FUZZ_CHECK(!strchr(path, '\\') && !strstr(path, "//"));
        for (const char *p = path; *p;) {
                size_t bytes = strcspn(++p, "/");

                FUZZ_CHECK(bytes <= TARGET_SEGMENT_MAX_BYTES);
                FUZZ_CHECK(!(bytes == 1 && p[0] == '.') &&
                           !(bytes == 2 && memcmp(p, "..", 2) == 0));
                p += bytes;
        }
}

static void check_target(const char *raw)
{
        Target t = {0};
        const char *name;

        if (target_parse(raw, &t) < 0)
                return;
        check_path(t.path);
        FUZZ_CHECK(t.url[0] == '/' && str_starts_with(t.key, t.path));
        FUZZ_CHECK(target_is_directory(&t) == (t.path[strlen(t.path) - 1] == '/'));
        name = reply_name_in(t.path);
        FUZZ_CHECK(!name || (*name && !strchr(name, '/')));
        target_done(&t);
}

static void check_backend(const char *configured, const char *destination)
{
        Buf url, socket;

        buf_init(&url, BACKEND_URL_MAX_BYTES);
        buf_init(&socket, BACKEND_URL_MAX_BYTES);
        if (backend_url_build(configured, destination, "http://127.0.0.1:8080", &url, &socket) ==
            0) {
                FUZZ_CHECK(str_starts_with_nocase(buf_cstr(&url), "http://") ||
                           str_starts_with_nocase(buf_cstr(&url), "https://"));
                /* The host is ours, whatever the client asked for. */
                if (configured[0] == '/')
                        FUZZ_CHECK(str_starts_with(buf_cstr(&url), "http://127.0.0.1:8080/"));
        }
        if (backend_url_is_static(configured))
                FUZZ_CHECK(!strpbrk(configured, "\r\n "));
        buf_done(&url);
        buf_done(&socket);
}

static void check_log(const HttpHead *head, const char *user)
{
        const char *path = fuzz_file("access.log", "", 0);
        char short_user[BASIC_USER_BYTES];
        AccessEntry entry = {.address = "::1",
                             .user = str_copy(short_user, sizeof(short_user), user),
                             .method = head->method,
                             .path = head->target,
                             .version = head->version,
                             .status = 200,
                             .session_id = head->target};
        _cleanup_free_ char *text = NULL;
        AccessLog *log;

        FUZZ_CHECK(access_log_open(path, &log) == 0);
        access_log_write(log, &entry);
        access_log_free(log);
        FUZZ_CHECK(fd_read_file(path, LOG_MAX_BYTES, &text) == 0);
        FUZZ_CHECK(*text && strchr(text, '\n') == text + strlen(text) - 1);
        for (const char *p = text; p[1]; p++)
                FUZZ_CHECK((unsigned char) *p >= ' ' && *p != 0x7f);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        BupField fields[HTTP_FIELDS_MAX];
        char *lines[HTTP_FIELDS_MAX];
        HttpHead head = {.fields = fields};
        char *first, *target, *version;

        if (bytes > INPUT_MAX_BYTES)
                return;
        first = fuzz_line(&in, INPUT_MAX_BYTES);
        target = cut(first);
        version = cut(target);
        head.method = first;
        head.target = target;
        head.version = version;
        while (in.left > 0 && head.n_fields < HTTP_FIELDS_MAX) {
                char *line = fuzz_line(&in, INPUT_MAX_BYTES), *colon = strchr(line, ':');

                lines[head.n_fields] = line;
                if (colon)
                        *colon++ = '\0';
                fields[head.n_fields++] = (BupField){line, colon ? colon + (*colon == ' ') : ""};
        }
        check_framing(&head);
        check_target(target);
        check_backend(target, head.n_fields > 0 ? fields[0].value : "/drop/x");
        if (bytes < 2048)
                check_log(&head, head.n_fields > 0 ? fields[0].value : "");
        for (size_t i = 0; i < head.n_fields; i++)
                mem_free(lines[i]);
        mem_free(first);
}
