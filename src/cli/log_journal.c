/* SPDX-License-Identifier: Apache-2.0 */
#include "log_journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/str.h"

#include "log_entry.h"
#include "must.h"

enum {
        ARGS_MAX = 16,
        TEXT_MAX_BYTES = 65536, /* of a message; the rest is left out */
        SHOWN_MAX_BYTES = 4 * TEXT_MAX_BYTES + 1,
};

/* Its complaints are not ours: stderr goes nowhere. NULL when it cannot be run. */
static FILE *start(char *const *argv, pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        int ends[2], r;
        FILE *f;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return NULL;
        (void) posix_spawn_file_actions_init(&actions); /* what fails here fails the spawn */
        (void) posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        (void) posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        (void) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        r = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) close(ends[1]);
        f = r == 0 ? fdopen(ends[0], "r") : NULL;
        if (!f)
                (void) close(ends[0]);
        return f;
}

/* A value with control characters comes as its length, its bytes and a line feed. Only a message is
 * kept: false when it is something else, or the entry is cut off. */
static bool read_binary(FILE *f, const char *key, char **ret_text)
{
        static const char message[] = "MESSAGE";
        uint64_t left;
        char *text;
        size_t n = 0;
        int c = 0;

        if (fread(&left, sizeof(left), 1, f) != 1)
                return false;
        left = le64toh(left);
        text = must(mem_alloc(TEXT_MAX_BYTES + 1));
        for (; left > 0 && (c = getc(f)) != EOF; left--)
                if (n < TEXT_MAX_BYTES)
                        text[n++] = (char) (c ? c : ' ');
        text[n] = '\0';
        if (c == EOF || getc(f) != '\n' || !str_equal(key, message)) {
                mem_free(text);
                return false;
        }
        *ret_text = text;
        return true;
}

/* Whoever may write to the journal may call himself bitsd, and the terminal is the user's. */
static void print_entry(const Cli *cli, LogEntry *e, const char *text)
{
        _cleanup_free_ char *shown = must(mem_alloc(SHOWN_MAX_BYTES));

        e->text = str_escape(shown, SHOWN_MAX_BYTES, text);
        log_entry_print(cli, e);
        (void) fflush(cli->out.data);
}

/* An entry is lines "KEY=VALUE" up to an empty one. The lines are kept until it is whole: the text
 * is borrowed from one. */
static uint64_t print_entries(const Cli *cli, FILE *f)
{
        _cleanup_free_ char *line = NULL, *text = NULL;
        LogEntry e = {0};
        uint64_t n = 0;
        size_t room = 0;
        ssize_t len;

        while ((len = getline(&line, &room, f)) > 0) {
                if (line[len - 1] == '\n')
                        line[len - 1] = '\0';
                if (*line && !strchr(line, '=')) {
                        char *message;

                        if (read_binary(f, line, &message)) {
                                mem_free(text);
                                text = message;
                        }
                        continue;
                }
                if (*line) {
                        e.text = NULL;
                        log_entry_add_field(&e, line);
                        if (!e.text)
                                continue;
                        mem_free(text);
                        text = must(mem_strdup(e.text));
                        continue;
                }
                if (text) {
                        print_entry(cli, &e, text);
                        n++;
                }
                mem_free(text);
                text = NULL;
                e = (LogEntry){0};
        }
        return n;
}

uint64_t log_journal_print(const Cli *cli, const JournalQuery *query)
{
        char job[64] = "BITS_JOB=", lines[16];
        char *argv[ARGS_MAX];
        size_t n = 0;
        uint64_t printed;
        pid_t pid;
        FILE *f;

        argv[n++] = (char *) "journalctl";
        argv[n++] = (char *) "--user";
        argv[n++] = (char *) "--quiet";
        argv[n++] = (char *) "--no-pager";
        argv[n++] = (char *) "--output=export";
        argv[n++] = (char *) "--identifier=bitsd";
        if (query->follow)
                argv[n++] = (char *) "--follow";
        (void) snprintf(lines, sizeof(lines), "--lines=%" PRIu32, query->lines);
        argv[n++] = query->lines == UINT32_MAX ? (char *) "--lines=all" : lines;
        if (query->job) {
                bits_guid_format(query->job, job + strlen(job));
                argv[n++] = job;
        }
        argv[n] = NULL;
        f = start(argv, &pid);
        if (!f)
                return 0;
        printed = print_entries(cli, f);
        (void) fclose(f);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return printed;
}
