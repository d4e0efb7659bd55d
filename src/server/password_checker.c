/* SPDX-License-Identifier: Apache-2.0 */
#include "server/password_checker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/pack.h"
#include "server/basic.h"
#include "server/password_file.h"

#define QUESTION_MAX_BYTES (8 * 1024)
#define PATH_TEXT_BYTES 4096
#define CHILD_FD 3

extern char **environ;

typedef struct Answer {
        uint32_t id;
        int32_t verdict;
} Answer;

struct PasswordChecker {
        sd_event *loop; /* borrowed */
        PasswordAnswer answer;
        void *ctx;
        int fd; /* -1: no process */
        pid_t pid;
        sd_event_source *io;
};

/* The process is gone, or goes because its descriptor is closed. */
static void part(PasswordChecker *c)
{
        c->io = sd_event_source_disable_unref(c->io);
        close_fdp(&c->fd);
        c->fd = -1;
        if (c->pid > 0) {
                (void) kill(c->pid, SIGKILL); /* it holds nothing worth keeping */
                while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        c->pid = 0;
}

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        PasswordChecker *c = userdata;
        Answer answer;
        ssize_t n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n != (ssize_t) sizeof(answer)) {
                log_error("the process that compares passwords has ended");
                part(c);
                c->answer(c->ctx, 0, -1);
                return 0;
        }
        c->answer(c->ctx, answer.id, answer.verdict != 0);
        return 0;
}

static int spawn(PasswordChecker *c, int child_fd)
{
        char *const argv[] = {(char *) "bitssrv", (char *) PASSWORD_CHECKER_OPTION, NULL};
        posix_spawn_file_actions_t actions;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, child_fd, CHILD_FD);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD + 1);
        if (r == 0)
                r = posix_spawn(&c->pid, "/proc/self/exe", &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int start(PasswordChecker *c)
{
        _cleanup_close_ int child_fd = -1;
        int pair[2];
        int r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        c->fd = pair[0];
        /* Above the number it gets over there: dup2() of a number to itself keeps close-on-exec. */
        child_fd = fcntl(pair[1], F_DUPFD_CLOEXEC, CHILD_FD + 1);
        r = child_fd < 0 ? -errno : 0;
        close_fdp(&pair[1]);
        if (r == 0)
                r = spawn(c, child_fd);
        if (r == 0)
                r = sd_event_add_io(c->loop, &c->io, c->fd, EPOLLIN, on_answer, c);
        if (r < 0)
                part(c);
        return r;
}

int password_checker_new(sd_event *loop, PasswordAnswer answer, void *ctx, PasswordChecker **ret)
{
        PasswordChecker *c = mem_new(PasswordChecker);

        if (!c)
                return -ENOMEM;
        *c = (PasswordChecker){.loop = loop, .answer = answer, .ctx = ctx, .fd = -1};
        *ret = c;
        return 0;
}

PasswordChecker *password_checker_free(PasswordChecker *c)
{
        if (!c)
                return NULL;
        part(c);
        mem_free(c);
        return NULL;
}

static void wipe(Buf *b)
{
        if (b->data)
                explicit_bzero(b->data, b->len);
        buf_done(b);
}

int password_checker_ask(PasswordChecker *c, uint32_t id, const char *path, const char *user,
                         const char *password)
{
        _cleanup_(wipe) Buf question;
        ssize_t n;
        int r;

        buf_init(&question, QUESTION_MAX_BYTES);
        if (c->fd < 0) {
                r = start(c);
                if (r < 0)
                        return r;
        }
        pack_u32(&question, id);
        pack_blob(&question, path, strlen(path) + 1);
        pack_blob(&question, user, strlen(user) + 1);
        pack_blob(&question, password, strlen(password) + 1);
        if (buf_error(&question))
                return buf_error(&question);
        n = send(c->fd, question.data, question.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        return n < 0 ? -errno : 0;
}

/* A text with its terminator inside the message; NULL for anything else. */
static const char *take_text(PackReader *r)
{
        size_t bytes;
        const uint8_t *p = unpack_blob(r, &bytes);

        return p && bytes > 0 && p[bytes - 1] == '\0' ? (const char *) p : NULL;
}

static bool answer_one(int fd, const uint8_t *data, size_t bytes)
{
        const char *path, *user, *password;
        Answer answer = {0};
        PackReader r;

        pack_reader_init(&r, data, bytes);
        answer.id = unpack_u32(&r);
        path = take_text(&r);
        user = take_text(&r);
        password = take_text(&r);
        if (!path || !user || !password)
                return false;
        answer.verdict = password_file_verify(path, user, password);
        return send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t) sizeof(answer);
}

int password_checker_run(int fd)
{
        uint8_t question[QUESTION_MAX_BYTES];
        bool going = true;

        while (going) {
                ssize_t n = recv(fd, question, sizeof(question), 0);

                if (n < 0 && errno == EINTR)
                        continue;
                going = n > 0 && answer_one(fd, question, (size_t) n);
                explicit_bzero(question, sizeof(question));
        }
        return 0;
}
