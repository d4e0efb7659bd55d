/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of bitssrv but its signals and listening sockets, in this process: what the input says
 * is what a client writes to a connection. The bytes 0x1e, 0x1d and 0x1f part it into pieces, each
 * sent when the server has nothing left to do; behind 0x1d comes a new connection, behind 0x1f a
 * server that was started anew over the same files. "$ID" stands for the session id last seen. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/str.h"
#include "proto/bup_field.h"
#include "server/request.h"
#include "server/server.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 16 * 1024,
        OUTPUT_MAX_BYTES = 1024 * 1024,
        CONFIG_BYTES = 1024,
        IDLE_ROUNDS = 3,
        ROUNDS_MAX = 4000,
        SETTLE_ROUNDS = 5000,
};

#define IDLE_USEC 200
#define SETTLE_USEC 1000
#define CANARY "nobody writes here"
#define ID_FIELD "BITS-Session-Id: "

typedef struct Play {
        Server server;
        int fd; /* the client's end */
        Buf output;
        char id[BUP_SESSION_ID_BYTES];
} Play;

static void start(Play *p)
{
        Server *s = &p->server;
        HttpHandler handler = request_handler(s);
        char text[CONFIG_BYTES], dir[256];
        Buf why;

        (void) str_copy(dir, sizeof(dir), fuzz_directory());
        (void) snprintf(text, sizeof(text),
                        "[server]\nMaximumSessions = 8\nTrustedProxy = unix\n"
                        "[site /]\nDirectory = %s/files\nSessionDirectory = %s/sessions\n"
                        "BITSUploadEnabled = 1\nBITSMaximumUploadSize = 1M\n"
                        "[site /over]\nBITSAllowOverwrites = 1\nMethodOverride = 1\n",
                        dir, dir);
        buf_init(&why, 4096);
        FUZZ_CHECK(config_new(&s->config) == 0);
        if (config_read(s->config, fuzz_file("conf", text, strlen(text)), &why) < 0 ||
            config_open(s->config, &why) < 0) {
                (void) fprintf(stderr, "%s\n", buf_cstr(&why));
                abort();
        }
        FUZZ_CHECK(sd_event_new(&s->loop) >= 0);
        FUZZ_CHECK(sync_queue_new(s->loop, &s->world.sync) == 0);
        FUZZ_CHECK(backend_new(s->loop, &s->world.backend) == 0);
        FUZZ_CHECK(auth_new(s->loop, &s->auth) == 0);
        s->world.loop = s->loop;
        s->world.metrics = &s->metrics;
        s->world.room = &s->room;
        s->world.local_origin = mem_strdup("http://127.0.0.1:8095");
        FUZZ_CHECK(s->world.local_origin);
        FUZZ_CHECK(session_table_new(&s->world, &s->sessions) == 0);
        FUZZ_CHECK(fronts_new(s->loop, &s->metrics, &handler, &handler, &s->fronts) == 0);
        FUZZ_CHECK(access_log_open("", &s->access_log) == 0);
        FUZZ_CHECK(session_table_open(s->sessions, s->config, &why) == 0);
        FUZZ_CHECK(fronts_configure(s->fronts, s->config, &why) == 0);
        buf_done(&why);
}

static void stop(Play *p)
{
        Server *s = &p->server;

        fronts_free(s->fronts);
        backend_free(s->world.backend);
        session_table_flush(s->sessions);
        sync_queue_free(s->world.sync);
        session_table_free(s->sessions);
        auth_free(s->auth);
        access_log_free(s->access_log);
        config_unref(s->config);
        mem_free(s->world.local_origin);
        sd_event_unref(s->loop);
        *s = (Server){0};
}

static bool read_some(Play *p)
{
        char bytes[4096];
        ssize_t n = p->fd >= 0 ? read(p->fd, bytes, sizeof(bytes)) : 0;

        if (n <= 0)
                return false;
        FUZZ_CHECK(buf_append(&p->output, bytes, (size_t) n) == 0);
        return true;
}

/* Until the server waits for something. */
static void pump(Play *p)
{
        unsigned idle = 0;

        for (unsigned i = 0; i < ROUNDS_MAX && idle < IDLE_ROUNDS; i++) {
                int r = sd_event_run(p->server.loop, idle > 0 ? IDLE_USEC : 0);

                FUZZ_CHECK(r >= 0);
                idle = read_some(p) || r > 0 ? 0 : idle + 1;
        }
}

static void connect_client(Play *p)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        HttpPeer peer = {.address = "unix", .is_unix = true};
        int pair[2];

        FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
        p->fd = pair[0];
        buf_clear(&p->output);
        fronts_accept(p->server.fronts, LISTENER_PLAIN, pair[1], (struct sockaddr *) &address,
                      sizeof(address.sun_family), &peer);
}

/* A connection that its client left is gone soon. */
static void leave(Play *p)
{
        if (p->fd < 0)
                return;
        (void) shutdown(p->fd, SHUT_WR);
        pump(p);
        if (p->output.len >= 5)
                FUZZ_CHECK(memcmp(p->output.data, "HTTP/", 5) == 0);
        close_fdp(&p->fd);
        p->fd = -1;
        for (unsigned i = 0; fronts_connections(p->server.fronts) > 0; i++) {
                FUZZ_CHECK(i < SETTLE_ROUNDS);
                FUZZ_CHECK(sd_event_run(p->server.loop, SETTLE_USEC) >= 0);
        }
}

static void note_id(Play *p)
{
        const char *text = buf_cstr(&p->output), *at;

        for (at = text ? strstr(text, ID_FIELD) : NULL; at; at = strstr(at, ID_FIELD)) {
                size_t bytes;

                at += strlen(ID_FIELD);
                bytes = strcspn(at, "\r\n");
                if (bytes < sizeof(p->id)) {
                        memcpy(p->id, at, bytes);
                        p->id[bytes] = '\0';
                }
        }
}

static void send_piece(Play *p, const uint8_t *data, size_t bytes)
{
        Buf out;

        buf_init(&out, (size_t) INPUT_MAX_BYTES * BUP_SESSION_ID_BYTES);
        for (size_t i = 0; i < bytes; i++) {
                if (bytes - i >= 3 && memcmp(data + i, "$ID", 3) == 0) {
                        (void) buf_append_str(&out, p->id);
                        i += 2;
                } else {
                        (void) buf_append(&out, data + i, 1);
                }
        }
        FUZZ_CHECK(buf_error(&out) == 0);
        for (size_t sent = 0; sent < out.len;) {
                ssize_t n = send(p->fd, out.data + sent, out.len - sent, MSG_NOSIGNAL);

                if (n > 0)
                        sent += (size_t) n;
                pump(p);
                if (n <= 0)
                        break; /* it does not listen any more, or not now */
        }
        pump(p);
        note_id(p);
        buf_done(&out);
}

/* Nothing stands outside of the two directories that was not there before. */
static void check_files(void)
{
        static const char *const own[] = {".", "..", "files", "sessions", "conf", "canary"};
        _cleanup_free_ char *canary = NULL;
        char path[300];
        struct dirent *entry;
        DIR *dir = opendir(fuzz_directory());

        FUZZ_CHECK(dir);
        while ((entry = readdir(dir))) {
                bool known = false;

                for (size_t i = 0; i < ARRAY_LEN(own); i++)
                        known = known || str_equal(entry->d_name, own[i]);
                FUZZ_CHECK(known);
        }
        (void) closedir(dir);
        (void) snprintf(path, sizeof(path), "%s/canary", fuzz_directory());
        FUZZ_CHECK(fd_read_file(path, sizeof(CANARY), &canary) == 0);
        FUZZ_CHECK(str_equal(canary, CANARY));
}

static void make_places(void)
{
        char path[300];

        (void) umask(077);
        fuzz_empty_directory();
        (void) snprintf(path, sizeof(path), "%s/files", fuzz_directory());
        FUZZ_CHECK(mkdir(path, 0700) == 0);
        (void) snprintf(path, sizeof(path), "%s/files/over", fuzz_directory());
        FUZZ_CHECK(mkdir(path, 0700) == 0);
        (void) snprintf(path, sizeof(path), "%s/sessions", fuzz_directory());
        FUZZ_CHECK(mkdir(path, 0700) == 0);
        (void) fuzz_file("files/there.txt", "hello world", 11);
        (void) fuzz_file("files/over/there.txt", "hello world", 11);
        (void) fuzz_file("canary", CANARY, strlen(CANARY));
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        Play p = {.fd = -1};

        if (bytes > INPUT_MAX_BYTES)
                return;
        make_places();
        buf_init(&p.output, OUTPUT_MAX_BYTES);
        start(&p);
        connect_client(&p);
        for (size_t at = 0, n; at < bytes; at += n + 1) {
                for (n = 0; at + n < bytes && (data[at + n] < 0x1d || data[at + n] > 0x1f); n++)
                        ;
                send_piece(&p, data + at, n);
                if (at + n == bytes || data[at + n] == 0x1e)
                        continue;
                leave(&p);
                if (data[at + n] == 0x1f) {
                        stop(&p);
                        start(&p);
                }
                connect_client(&p);
        }
        leave(&p);
        stop(&p);
        check_files();
        buf_done(&p.output);
}
