/* SPDX-License-Identifier: Apache-2.0 */
#include "password.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/utf.h"

#include "message.h"
#include "must.h"
#include "terminal.h"

enum {
        PASSWORD_UNITS_MAX = 65536, /* of UTF-16: the API's limit */
        /* Each takes 3 bytes of UTF-8 at most; and a line end. */
        PASSWORD_LINE_MAX = 3 * PASSWORD_UNITS_MAX + 2,
};

static const uint64_t SOURCES =
        OPT_BIT(OPT_PASSWORD_FILE) | OPT_BIT(OPT_PASSWORD_FD) | OPT_BIT(OPT_PASSWORD_STDIN);

void passwords_done(Passwords *p)
{
        if (p->data)
                explicit_bzero(p->data, p->room);
        mem_free(p->data);
        *p = (Passwords){0};
}

bool password_source_given(const Options *o)
{
        return (o->given & SOURCES) != 0;
}

bool can_ask(const Cli *cli)
{
        return cli->out.talk_tty && !options_has(cli->opt, OPT_NO_INPUT);
}

static bool reads_stdin(const Options *o)
{
        return options_has(o, OPT_PASSWORD_STDIN) ||
               (o->password_file && str_equal(o->password_file, "-"));
}

int passwords_check(const Cli *cli)
{
        const Options *o = cli->opt;

        if (__builtin_popcountll(o->given & SOURCES) > 1)
                return message_usage(&cli->out, NULL,
                                     "the password comes from one place: --password-stdin, "
                                     "--password-file or --password-fd");
        if (reads_stdin(o) && o->from && str_equal(o->from, "-"))
                return message_usage(&cli->out, "use --password-file=FILE",
                                     "standard input cannot hold both addresses and a password");
        /* Asked before we open anything ourselves: the number could become one of ours. */
        if (options_has(o, OPT_PASSWORD_FD) && fcntl((int) o->password_fd, F_GETFD) < 0)
                return message_usage(&cli->out, "open it in the shell: --password-fd=3 3< FILE",
                                     "descriptor %" PRIu32 " is not open", o->password_fd);
        if (!password_source_given(o) && !can_ask(cli))
                return message_usage(&cli->out,
                                     "--password-stdin, --password-file=FILE or --password-fd=N",
                                     "nobody to ask for the password");
        return STATUS_OK;
}

/* A leak check under a sanitizer needs to look into the process. */
static void forbid_dumps(void)
{
#ifndef __SANITIZE_ADDRESS__
        (void) prctl(PR_SET_DUMPABLE, 0); /* what can fail here is no reason to stop */
#endif
}

static int complain(const Cli *cli, const char *why)
{
        return message_plain(&cli->out, STATUS_FAILED, NULL, "cannot read the password: %s", why);
}

static int complain_too_long(const Cli *cli, const char *hint)
{
        Message m = {
                .what = "cannot read the password",
                .why = "it is too long",
                .code = BG_E_PASSWORD_TOO_LARGE,
                .hint = hint,
        };

        message_print(&cli->out, &m);
        return STATUS_FAILED;
}

/* ---- from a descriptor ---- */

static int open_source(Cli *cli, int *ret_own)
{
        const Options *o = cli->opt;
        struct stat st;
        int fd;

        if (reads_stdin(o))
                return STDIN_FILENO;
        if (options_has(o, OPT_PASSWORD_FD))
                return (int) o->password_fd;
        fd = open(o->password_file, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_own = fd;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)))
                out_note(&cli->out, "others can read %s: chmod 600 it", o->password_file);
        return fd;
}

/* Everything there is; -EMSGSIZE when that is more than the block holds. */
static ssize_t read_all(int fd, char *dst, size_t room)
{
        size_t len = 0;

        while (len < room) {
                ssize_t n = read(fd, dst + len, room - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return (ssize_t) len;
                len += (size_t) n;
        }
        return -EMSGSIZE;
}

/* Ends each line in place. The last line end may be missing; nothing may follow the last line. */
static int split_lines(const Cli *cli, Passwords *p, size_t len, size_t count)
{
        char *at = p->data, *end = p->data + len;

        for (size_t i = 0; i < count; i++) {
                char *line_end = memchr(at, '\n', (size_t) (end - at));

                if (at == end)
                        return complain(cli, i == 0 ? "there is none (an empty one is an empty "
                                                      "line)"
                                                    : "there is no second one: a line for the "
                                                      "server, a line for the proxy");
                p->of[i] = at;
                at = line_end ? line_end + 1 : end;
                if (!line_end)
                        line_end = end; /* the block has room for the terminator */
                if (line_end > p->of[i] && line_end[-1] == '\r')
                        line_end--;
                *line_end = '\0';
                if (strlen(p->of[i]) != (size_t) (line_end - p->of[i]))
                        return complain(cli, "it holds a zero byte");
        }
        return at == end ? STATUS_OK : complain(cli, "there is more behind it than a line end");
}

static int read_lines(Cli *cli, size_t count, Passwords *p)
{
        _cleanup_close_ int own = -1;
        int fd = open_source(cli, &own);
        ssize_t n;

        if (fd < 0)
                return message_plain(&cli->out, STATUS_FAILED, NULL,
                                     "cannot read the password: %s: %s", cli->opt->password_file,
                                     strerrordesc_np(-fd));
        n = read_all(fd, p->data, p->room - 1);
        if (n == -EMSGSIZE)
                return complain_too_long(cli, NULL);
        if (n < 0)
                return complain(cli, strerrordesc_np((int) -n));
        return split_lines(cli, p, (size_t) n, count);
}

/* ---- from a person ---- */

static int ask(Cli *cli, const char *const *questions, size_t count, Passwords *p)
{
        char *at = p->data;

        for (size_t i = 0; i < count; i++) {
                ssize_t n = terminal_ask(questions[i], false, at, PASSWORD_LINE_MAX);

                if (n == -ENODATA)
                        return complain(cli, "none was given");
                if (n == -EMSGSIZE)
                        return complain_too_long(cli, "longer ones: --password-file=FILE");
                if (n < 0)
                        return complain(cli, strerrordesc_np((int) -n));
                p->of[i] = at;
                at += PASSWORD_LINE_MAX;
        }
        return STATUS_OK;
}

/* ---- both ---- */

static int check_text(const Cli *cli, const char *password)
{
        if (!utf8_is_valid(password, strlen(password)))
                return complain(cli, "it is no valid UTF-8");
        if (utf8_utf16_units(password) > PASSWORD_UNITS_MAX)
                return complain_too_long(cli, NULL);
        return STATUS_OK;
}

int passwords_read(Cli *cli, const char *const *questions, size_t count, Passwords *ret)
{
        int status;

        forbid_dumps();
        *ret = (Passwords){.room = count * PASSWORD_LINE_MAX + 2};
        ret->data = must(mem_zalloc(ret->room));
        status = password_source_given(cli->opt) ? read_lines(cli, count, ret)
                                                 : ask(cli, questions, count, ret);
        for (size_t i = 0; i < count && status == STATUS_OK; i++)
                status = check_text(cli, ret->of[i]);
        if (status != STATUS_OK)
                passwords_done(ret);
        return status;
}
