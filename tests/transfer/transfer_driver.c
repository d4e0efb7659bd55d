/* SPDX-License-Identifier: Apache-2.0 */
/* Stands where the engine stands: a WorkerPool, told what to do by lines on stdin, answering with
 * one JSON object a line. A line is a verb and key=value words; values are percent-encoded.
 *
 *   file index= url= local= [state= size= done= synced= etag= modified=]   adds a file to the job
 *   job [id=GUID] [usage= list= bypass=]                                   begins a new job;
 *       [type=1|2 reply= optional=]     an upload; `reply` is where its reply goes
 *       [priority= limit=]              BG_JOB_PRIORITY (FOREGROUND), bytes per second
 *   cred target= scheme= [sealed=HEX]    a slot of the job; without a seal implicit
 *   start op= index= | stop op= | sync op= | publish op= | discard op=     the port, on that job
 *   run parallel=                 all files of the job at once, printing only how it ended
 *   check local=                  check_destination
 *   farewell op=                  the port; the session is that of the events so far
 *   hold | stored op=             from now on what is durable is not confirmed by itself |
 * session_stored limits high= normal= low= lan=      set_limits, in bytes per second; not given:
 * none retune op= priority= limit=   of the job, then the port lines worker_pool_lines forget the
 * session, as after BG_E_LOCAL_FILE_CHANGED reply                         read_reply lose all that
 * is known of the reply quit                          (or end of input)
 *
 * Options: --worker PATH [--lock-fd N] [--idle-usec N] [--answer-usec N] and the numbers and texts
 * of TransferConfig by name: --stall-timeout-sec N … */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/guid.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "daemon/worker_pool.h"
#include "vault/vault.h"

#define LINE_MAX_BYTES (4 * 1024 * 1024)
#define FIRST_RUN_OP 1000000

typedef struct Driver {
        sd_event *loop;
        WorkerPool *pool;
        TransferPort port;
        Buf in;
        Job job;
        uint32_t files_cap;
        /* The command "run". */
        uint32_t run_parallel; /* 0 = not running */
        uint32_t run_next, run_done, run_failed;
        uint64_t next_op;
        bool hold;
} Driver;

static const char *const KINDS[TRANSFER_EVENT_MAX] = {
        [TRANSFER_CONNECTED] = "connected", [TRANSFER_META] = "meta",
        [TRANSFER_PROGRESS] = "progress",   [TRANSFER_DONE] = "done",
        [TRANSFER_FAILED] = "failed",       [TRANSFER_STOPPED] = "stopped",
        [TRANSFER_SYNCED] = "synced",       [TRANSFER_FILE_PUBLISHED] = "file_published",
        [TRANSFER_PUBLISHED] = "published", [TRANSFER_DISCARDED] = "discarded",
        [TRANSFER_SESSION] = "session",     [TRANSFER_UPLOADED] = "uploaded",
        [TRANSFER_FAREWELL] = "farewell",   [TRANSFER_REPLY] = "reply",
        [TRANSFER_PACE] = "pace",
};

static void die(const char *what)
{
        (void) fprintf(stderr, "transfer-driver: %s\n", what);
        exit(EXIT_FAILURE);
}

static void print_text(const char *key, const char *s)
{
        (void) printf(", \"%s\": ", key);
        if (!s) {
                (void) fputs("null", stdout);
                return;
        }
        (void) putchar('"');
        for (; *s; s++)
                if (*s == '"' || *s == '\\' || (unsigned char) *s < ' ')
                        (void) printf("\\u%04x", (unsigned) (unsigned char) *s);
                else
                        (void) putchar(*s);
        (void) putchar('"');
}

static void print_time(const char *key, int64_t sec)
{
        if (sec == FILE_NO_TIME)
                (void) printf(", \"%s\": null", key);
        else
                (void) printf(", \"%s\": %" PRId64, key, sec);
}

static void print_size(const char *key, uint64_t bytes)
{
        if (bytes == BG_SIZE_UNKNOWN)
                (void) printf(", \"%s\": null", key);
        else
                (void) printf(", \"%s\": %" PRIu64, key, bytes);
}

static void print_event(const TransferEvent *ev)
{
        const JobError *e = &ev->error;

        (void) printf("{\"event\": \"%s\", \"op\": %" PRIu64 ", \"file\": %u", KINDS[ev->kind],
                      ev->op, ev->file_index);
        print_size("size", ev->size_bytes);
        print_size("done", ev->done_bytes);
        print_size("synced", ev->synced_bytes);
        print_text("etag", ev->etag);
        print_time("modified", ev->modified_sec);
        (void) printf(", \"result\": %u", (unsigned) ev->result);
        print_text("reply_url", ev->reply_url);
        (void) printf(", \"session_bytes\": %u, \"durable\": %s, \"pace\": %d", ev->session_bytes,
                      ev->durable ? "true" : "false", (int) ev->pace);
        if (e->code != S_OK) {
                (void) printf(", \"code\": %u, \"context\": %d, \"error_file\": %d, \"status\": %d"
                              ", \"curl\": %d, \"errno\": %d, \"retry_after\": %u, \"fatal\": %s",
                              (unsigned) e->code, (int) e->context, e->file_index, e->http_status,
                              e->curl_code, e->sys_errno, e->retry_after_sec,
                              e->fatal ? "true" : "false");
                print_text("host", e->host);
                print_text("text", e->text);
        }
        (void) puts("}");
        (void) fflush(stdout);
}

static JobFile *find_file(Driver *d, uint32_t index)
{
        if (d->job.reply && index == JOB_REPLY_INDEX)
                return d->job.reply;
        for (uint32_t i = 0; i < d->job.files_len; i++)
                if (d->job.files[i]->index == index)
                        return d->job.files[i];
        die("no such file");
        return NULL;
}

static void run_more(Driver *d)
{
        while (d->run_next < d->job.files_len &&
               d->run_next - d->run_done - d->run_failed < d->run_parallel) {
                JobFile *f = d->job.files[d->run_next++];

                if (d->port.start(d->port.ctx, d->next_op++, &d->job, f) < 0)
                        die("start");
        }
        if (d->run_done + d->run_failed < d->job.files_len)
                return;
        (void) printf("{\"event\": \"ran\", \"done\": %u, \"failed\": %u}\n", d->run_done,
                      d->run_failed);
        (void) fflush(stdout);
        d->run_parallel = 0;
}

/* What the engine would do: remember what is kept. */
static void note(Driver *d, const TransferEvent *ev)
{
        JobFile *f = find_file(d, ev->file_index);

        if (ev->reply_url && f == d->job.reply && str_replace(&f->remote, ev->reply_url) < 0)
                die("out of memory");
        if (ev->kind == TRANSFER_META || ev->kind == TRANSFER_DONE || ev->kind == TRANSFER_REPLY) {
                if (str_replace(&f->etag, ev->etag) < 0)
                        die("out of memory");
                f->modified_sec = ev->modified_sec;
                f->size_bytes = ev->size_bytes;
        }
        f->done_bytes = ev->done_bytes;
        f->synced_bytes = ev->synced_bytes;
        f->state = ev->kind == TRANSFER_DONE || ev->kind == TRANSFER_REPLY ? FILE_DONE
                   : f->done_bytes > 0                                     ? FILE_PARTIAL
                                                                           : FILE_PENDING;
}

static void note_session(Driver *d, const TransferEvent *ev)
{
        uint8_t *copy = mem_alloc(ev->session_bytes);

        if (!copy)
                die("out of memory");
        memcpy(copy, ev->session, ev->session_bytes);
        mem_free(d->job.session);
        d->job.session = copy;
        d->job.session_bytes = ev->session_bytes;
}

static void on_event(void *ctx, const TransferEvent *ev)
{
        Driver *d = ctx;

        if (d->run_parallel == 0)
                print_event(ev);
        if (ev->kind == TRANSFER_FILE_PUBLISHED && ev->result == S_OK)
                find_file(d, ev->file_index)->state = FILE_PUBLISHED;
        if (ev->kind == TRANSFER_SESSION)
                note_session(d, ev);
        if (ev->durable && !d->hold)
                d->port.session_stored(d->port.ctx, ev->op);
        if ((ev->kind > TRANSFER_STOPPED && ev->kind != TRANSFER_REPLY) ||
            ev->kind == TRANSFER_CONNECTED || ev->result == BITS_E_WORKER_LOST)
                return;
        note(d, ev);
        if (d->run_parallel == 0)
                return;
        d->run_done += ev->kind == TRANSFER_DONE;
        if (ev->kind == TRANSFER_FAILED) {
                d->run_failed++;
                print_event(ev);
        }
        run_more(d);
}

/* The value of a word `key=…` in the line, decoded into memory of its own; NULL when not there. */
static char *value_of(const char *line, const char *key)
{
        size_t key_len = strlen(key);

        for (const char *word = strchr(line, ' '); word; word = strchr(word + 1, ' ')) {
                const char *s = word + 1;
                char *text, *to;

                if (strncmp(s, key, key_len) != 0 || s[key_len] != '=')
                        continue;
                s += key_len + 1;
                to = text = mem_strndup(s, strcspn(s, " "));
                if (!text)
                        die("out of memory");
                for (const char *from = text; *from; from++) {
                        char hex[3] = "";

                        if (*from == '%') {
                                (void) str_copy(hex, sizeof(hex), from + 1);
                                from += 2;
                                *to++ = (char) strtol(hex, NULL, 16);
                        } else {
                                *to++ = *from;
                        }
                }
                *to = '\0';
                return text;
        }
        return NULL;
}

static uint64_t number_of(const char *line, const char *key, uint64_t otherwise)
{
        _cleanup_free_ char *text = value_of(line, key);
        uint64_t v = otherwise;

        if (text && parse_u64(text, &v) < 0)
                die("not a number");
        return v;
}

static void free_file(JobFile *f)
{
        mem_free(f->remote);
        mem_free(f->local);
        mem_free(f->etag);
        mem_free(f);
}

static void free_job(Driver *d)
{
        for (uint32_t i = 0; i < d->job.files_len; i++)
                free_file(d->job.files[i]);
        if (d->job.reply)
                free_file(d->job.reply);
        for (uint32_t i = 0; i < d->job.credentials_len; i++)
                mem_free(d->job.credentials[i].sealed);
        mem_free(d->job.credentials);
        mem_free(d->job.session);
        mem_free(d->job.files);
        mem_free(d->job.props.proxy_list);
        mem_free(d->job.props.proxy_bypass);
        d->job = (Job){.owner_uid = geteuid()};
        d->files_cap = 0;
}

static JobFile *new_reply(const char *line)
{
        JobFile *f = mem_new(JobFile);

        if (!f)
                die("out of memory");
        *f = (JobFile){
                .index = JOB_REPLY_INDEX,
                .remote = mem_strdup(""),
                .local = value_of(line, "reply"),
                .size_bytes = BG_SIZE_UNKNOWN,
                .modified_sec = FILE_NO_TIME,
        };
        return f;
}

static void new_job(Driver *d, const char *line)
{
        _cleanup_free_ char *id = value_of(line, "id");

        free_job(d);
        if (guid_parse(id ?: "00112233-4455-6677-8899-aabbccddeeff", &d->job.id) < 0)
                die("not a GUID");
        d->job.props.proxy_usage = (BG_JOB_PROXY_USAGE) number_of(line, "usage", 0);
        d->job.props.proxy_list = value_of(line, "list");
        d->job.props.proxy_bypass = value_of(line, "bypass");
        d->job.type = (BG_JOB_TYPE) number_of(line, "type", 0);
        d->job.props.priority = (BG_JOB_PRIORITY) number_of(line, "priority", 0);
        d->job.props.limit_bps = number_of(line, "limit", 0);
        d->job.props.reply_optional = number_of(line, "optional", 0) == 1;
        if (d->job.type == BG_JOB_TYPE_UPLOAD_REPLY)
                d->job.reply = new_reply(line);
}

static void add_file(Driver *d, const char *line)
{
        JobFile *f = mem_new(JobFile);

        if (d->job.files_len == d->files_cap) {
                d->files_cap = d->files_cap * 2 + 16;
                d->job.files = mem_realloc(d->job.files, d->files_cap * sizeof(*d->job.files));
        }
        if (!f || !d->job.files)
                die("out of memory");
        f->index = (uint32_t) number_of(line, "index", d->job.files_len);
        f->remote = value_of(line, "url");
        f->local = value_of(line, "local");
        f->etag = value_of(line, "etag");
        f->size_bytes = number_of(line, "size", BG_SIZE_UNKNOWN);
        f->done_bytes = number_of(line, "done", 0);
        f->synced_bytes = number_of(line, "synced", 0);
        f->modified_sec = (int64_t) number_of(line, "modified", (uint64_t) FILE_NO_TIME);
        f->state = (FileState) number_of(line, "state",
                                         f->done_bytes > 0 ? FILE_PARTIAL : FILE_PENDING);
        d->job.files[d->job.files_len++] = f;
}

/* Stands for the seal of the vault: the bytes of "user NUL password", each one xor 0x5a, come as
 * hexadecimal digits and stay as they are until a worker needs them. */
#define SEAL 0x5a

static void add_credential(Driver *d, const char *line)
{
        _cleanup_free_ char *hex = value_of(line, "sealed");
        size_t bytes = strlen(hex ?: "") / 2;
        JobCredential *grown = mem_realloc(d->job.credentials, (d->job.credentials_len + 1) *
                                                                       sizeof(*d->job.credentials));
        uint8_t *sealed = mem_alloc(bytes);

        if (!grown || !sealed)
                die("out of memory");
        for (size_t i = 0; i < bytes; i++) {
                const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

                sealed[i] = (uint8_t) strtoul(digits, NULL, 16);
        }
        d->job.credentials = grown;
        grown[d->job.credentials_len++] = (JobCredential){
                .target = (uint32_t) number_of(line, "target", BG_AUTH_TARGET_SERVER),
                .scheme = (uint32_t) number_of(line, "scheme", BG_AUTH_SCHEME_BASIC),
                .implicit = !hex,
                .sealed = sealed,
                .sealed_bytes = (uint32_t) bytes,
        };
}

static Secret *unseal(const uint8_t *sealed, size_t bytes)
{
        Secret *s;

        if (secret_new(bytes, &s) < 0)
                die("out of memory");
        for (size_t i = 0; i < bytes; i++)
                secret_data(s)[i] = sealed[i] ^ SEAL;
        return s;
}

static int open_credential(void *ctx, const GUID *job, const JobCredential *c,
                           struct Credential *ret)
{
        const uint8_t *end = memchr(c->sealed, SEAL, c->sealed_bytes);
        size_t user_bytes = end ? (size_t) (end - c->sealed) : 0;

        if (!end)
                return VAULT_KEY_LOST;
        *ret = (Credential){
                .user = unseal(c->sealed, user_bytes),
                .password = unseal(end + 1, c->sealed_bytes - user_bytes - 1),
        };
        return 0;
}

static void check(Driver *d, const char *line)
{
        _cleanup_free_ char *local = value_of(line, "local");
        HRESULT hr = d->port.check_destination(d->port.ctx, geteuid(), local);

        (void) printf("{\"event\": \"checked\", \"result\": %u}\n", (unsigned) hr);
        (void) fflush(stdout);
}

static void read_reply(Driver *d)
{
        uint8_t *data = NULL;
        uint64_t bytes = 0;
        HRESULT hr = d->port.read_reply(d->port.ctx, &d->job, &data, &bytes);

        (void) printf("{\"event\": \"reply_data\", \"result\": %u, \"bytes\": %" PRIu64
                      ", \"data\": \"",
                      (unsigned) hr, bytes);
        for (uint64_t i = 0; data && i < bytes; i++)
                (void) printf("%02x", data[i]);
        (void) puts("\"}");
        (void) fflush(stdout);
        mem_free(data);
}

static void forget(Driver *d)
{
        mem_free(d->job.session);
        d->job.session = NULL;
        d->job.session_bytes = 0;
}

static void set_limits(Driver *d, const char *line)
{
        const TransferLimits limits = {
                .level_bps = {UINT64_MAX, number_of(line, "high", UINT64_MAX),
                              number_of(line, "normal", UINT64_MAX),
                              number_of(line, "low", UINT64_MAX)},
                .lan_exempt = number_of(line, "lan", 0) == 1,
        };

        d->port.set_limits(d->port.ctx, &limits);
}

static void print_pair(const char *key, const uint64_t v[2])
{
        (void) printf(", \"%s\": [%" PRIu64 ", %" PRIu64 "]", key, v[0], v[1]);
}

static void print_lines(const LineReport *report)
{
        (void) printf("{\"event\": \"lines\", \"known\": %s, \"lines\": [",
                      report ? "true" : "false");
        for (size_t i = 0; report && i < report->lines_len; i++) {
                const LineState *l = &report->lines[i];

                (void) printf("%s{\"connections\": %u, \"yielding\": %u, \"base\": %u"
                              ", \"queue\": %u, \"governor\": [%u, %u]",
                              i > 0 ? ", " : "", l->connections, l->yielding, l->base_usec,
                              l->queue_usec, l->governor[0], l->governor[1]);
                print_text("interface", l->interface);
                print_pair("capacity", l->capacity_bps);
                print_pair("own", l->own_bps);
                print_pair("foreground", l->foreground_bps);
                print_pair("foreign", l->foreign_bps);
                (void) putchar('}');
        }
        (void) puts("]}");
        (void) fflush(stdout);
}

static void do_line(Driver *d, const char *line)
{
        uint64_t op = number_of(line, "op", 0);
        int r = 0;

        if (str_starts_with(line, "job"))
                new_job(d, line);
        else if (str_starts_with(line, "cred"))
                add_credential(d, line);
        else if (str_starts_with(line, "file"))
                add_file(d, line);
        else if (str_starts_with(line, "start"))
                r = d->port.start(d->port.ctx, op, &d->job,
                                  find_file(d, (uint32_t) number_of(line, "index", 0)));
        else if (str_starts_with(line, "stop"))
                d->port.stop(d->port.ctx, op);
        else if (str_starts_with(line, "sync"))
                r = d->port.sync(d->port.ctx, op, &d->job);
        else if (str_starts_with(line, "publish"))
                r = d->port.publish(d->port.ctx, op, &d->job);
        else if (str_starts_with(line, "discard"))
                r = d->port.discard(d->port.ctx, op, &d->job);
        else if (str_starts_with(line, "check"))
                check(d, line);
        else if (str_starts_with(line, "limits"))
                set_limits(d, line);
        else if (str_starts_with(line, "retune")) {
                d->job.props.priority =
                        (BG_JOB_PRIORITY) number_of(line, "priority", d->job.props.priority);
                d->job.props.limit_bps = number_of(line, "limit", 0);
                d->port.retune(d->port.ctx, op, &d->job);
        } else if (str_starts_with(line, "lines"))
                print_lines(worker_pool_lines(d->pool));
        else if (str_starts_with(line, "farewell"))
                r = d->port.farewell(d->port.ctx, op, &d->job);
        else if (str_starts_with(line, "hold"))
                d->hold = true;
        else if (str_starts_with(line, "stored"))
                d->port.session_stored(d->port.ctx, op);
        else if (str_starts_with(line, "forget"))
                forget(d);
        else if (str_starts_with(line, "lose")) {
                d->job.reply->state = FILE_PENDING;
                d->job.reply->done_bytes = d->job.reply->synced_bytes = 0;
                d->job.reply->size_bytes = BG_SIZE_UNKNOWN;
        } else if (str_starts_with(line, "reply"))
                read_reply(d);
        else if (str_starts_with(line, "quit"))
                (void) sd_event_exit(d->loop, 0);
        else if (str_starts_with(line, "run")) {
                d->run_parallel = (uint32_t) number_of(line, "parallel", 6);
                d->run_next = d->run_done = d->run_failed = 0;
                run_more(d);
        } else
                die("what?");
        if (r < 0) {
                (void) printf("{\"event\": \"refused\", \"op\": %" PRIu64 ", \"errno\": %d}\n", op,
                              -r);
                (void) fflush(stdout);
        }
}

static int on_stdin(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Driver *d = userdata;
        char data[65536];
        ssize_t n = read(fd, data, sizeof(data));
        char *end;

        if (n <= 0)
                return sd_event_exit(d->loop, 0);
        if (buf_append(&d->in, data, (size_t) n) < 0)
                die("too long a line");
        while ((end = memchr(d->in.data, '\n', d->in.len))) {
                *end = '\0';
                do_line(d, (char *) d->in.data);
                buf_consume(&d->in, (size_t) (end + 1 - (char *) d->in.data));
                if (d->in.len == 0)
                        break;
        }
        return 0;
}

typedef struct Options {
        WorkerPoolOptions pool;
        TransferConfig config;
} Options;

static uint32_t option_number(const char *s)
{
        uint32_t v = 0;

        if (parse_u32(s, &v) < 0)
                die("not a number");
        return v;
}

static void parse_options(int argc, char *argv[], Options *o)
{
        static const struct option OPTIONS[] = {
                {"worker", required_argument, NULL, 'w'},
                {"lock-fd", required_argument, NULL, 'l'},
                {"idle-usec", required_argument, NULL, 'i'},
                {"answer-usec", required_argument, NULL, 'A'},
                {"connect-timeout-sec", required_argument, NULL, 'c'},
                {"stall-timeout-sec", required_argument, NULL, 's'},
                {"redirects-max", required_argument, NULL, 'r'},
                {"connections-per-host", required_argument, NULL, 'n'},
                {"upload-send-timeout-sec", required_argument, NULL, 'S'},
                {"upload-response-timeout-sec", required_argument, NULL, 'R'},
                {"upload-fragment-bytes", required_argument, NULL, 'F'},
                {"adapt", required_argument, NULL, 'D'},
                {"control-loopback", required_argument, NULL, 'L'},
                {"user-agent", required_argument, NULL, 'u'},
                {"ca-bundle", required_argument, NULL, 'a'},
                {"http-proxy", required_argument, NULL, 'p'},
                {"https-proxy", required_argument, NULL, 'P'},
                {"no-proxy", required_argument, NULL, 'N'},
                {NULL, 0, NULL, 0},
        };
        int c;

        transfer_config_init(&o->config);
        o->pool = (WorkerPoolOptions){
                .lock_fd = -1, .idle_usec = 10 * USEC_PER_SEC, .answer_usec = 60 * USEC_PER_SEC};
        o->pool.config = &o->config;
        o->pool.open_credential = open_credential;
        while ((c = getopt_long(argc, argv, "", OPTIONS, NULL)) >= 0) {
                TransferConfig *t = &o->config;

                switch (c) {
                case 'w':
                        o->pool.worker_path = optarg;
                        break;
                case 'l':
                        o->pool.lock_fd = (int) option_number(optarg);
                        break;
                case 'i':
                        o->pool.idle_usec = option_number(optarg);
                        break;
                case 'A':
                        o->pool.answer_usec = option_number(optarg);
                        break;
                case 'c':
                        t->connect_timeout_sec = option_number(optarg);
                        break;
                case 's':
                        t->stall_timeout_sec = option_number(optarg);
                        break;
                case 'r':
                        t->redirects_max = option_number(optarg);
                        break;
                case 'n':
                        t->connections_per_host = option_number(optarg);
                        break;
                case 'S':
                        t->upload_send_timeout_sec = option_number(optarg);
                        break;
                case 'R':
                        t->upload_response_timeout_sec = option_number(optarg);
                        break;
                case 'F':
                        t->upload_fragment_bytes = option_number(optarg);
                        break;
                case 'D':
                        t->adapt = option_number(optarg) == 1;
                        break;
                case 'L':
                        t->control_loopback = option_number(optarg) == 1;
                        break;
                case 'u':
                        t->user_agent = mem_strdup(optarg);
                        break;
                case 'a':
                        t->ca_bundle = mem_strdup(optarg);
                        break;
                case 'p':
                        t->http_proxy = mem_strdup(optarg);
                        break;
                case 'P':
                        t->https_proxy = mem_strdup(optarg);
                        break;
                case 'N':
                        t->no_proxy = mem_strdup(optarg);
                        break;
                default:
                        die("unknown option");
                }
        }
        if (!o->pool.worker_path)
                die("--worker is needed");
}

int main(int argc, char *argv[])
{
        Driver d = {.next_op = FIRST_RUN_OP};
        Options o = {0};
        int r;

        log_setup("transfer-driver", LOG_INFO);
        parse_options(argc, argv, &o);
        buf_init(&d.in, LINE_MAX_BYTES);
        free_job(&d);
        if (sd_event_new(&d.loop) < 0 ||
            worker_pool_new(d.loop, &o.pool, on_event, &d, &d.pool) < 0)
                die("cannot start");
        d.port = worker_pool_port(d.pool);
        transfer_config_done(&o.config);
        if (sd_event_add_io(d.loop, NULL, STDIN_FILENO, EPOLLIN, on_stdin, &d) < 0)
                die("stdin is no pipe");
        r = sd_event_loop(d.loop);
        worker_pool_free(d.pool);
        sd_event_unref(d.loop);
        free_job(&d);
        buf_done(&d.in);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
