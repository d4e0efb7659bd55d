/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/pack.h"
#include "base/path.h"
#include "base/str.h"

#define NAME_BYTES (32 + 8)
#define LOCK_NAME "lock"
#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define STATE_MAGIC 0x53425442u /* "BTBS" */
#define TEXT_MAX_BYTES (16 * 1024)

static const char *const SUFFIXES[SESSION_FILE_MAX] = {
        [SESSION_STATE] = ".state", [SESSION_DATA] = ".data", [SESSION_REPLY] = ".reply",
        [SESSION_BODY] = ".body",   [SESSION_NEW] = ".new",   [SESSION_LINK] = ".link",
};

struct SessionStore {
        char *path;
        int fd;
        int lock_fd;
        bool shares;
        gid_t application_gid;
        GUID boot;
};

void session_label_done(SessionLabel *l)
{
        mem_free(l->target_key);
        mem_free(l->url);
        mem_free(l->owner);
        mem_free(l->address);
        *l = (SessionLabel){0};
}

static void name_of(const GUID *id, SessionFile file, char name[NAME_BYTES])
{
        uint8_t bytes[16];
        char *p = name;

        guid_to_bytes(id, bytes);
        for (size_t i = 0; i < sizeof(bytes); i++)
                p += snprintf(p, 3, "%02x", bytes[i]);
        (void) str_copy(p, NAME_BYTES - 32, SUFFIXES[file]);
}

/* Without /proc nothing written by an earlier process counts: a boot of its own. */
static int read_boot(GUID *ret)
{
        _cleanup_free_ char *text = NULL;
        uint8_t bytes[16];
        int r = fd_read_file(BOOT_ID_PATH, 64, &text);

        if (r >= 0) {
                text[strcspn(text, "\n")] = '\0';
                if (guid_parse(text, ret) == 0)
                        return 0;
        }
        r = fd_random(bytes, sizeof(bytes));
        if (r < 0)
                return r;
        *ret = guid_from_random(bytes);
        return 0;
}

/* Closed to everybody else; applications that are told names may pass through, not list. */
static int claim_directory(SessionStore *s)
{
        mode_t mode = s->shares ? 0710 : 0700;
        int r = path_make_dirs(s->path, mode);

        if (r < 0)
                return r;
        s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->fd < 0)
                return -errno;
        if (fchmod(s->fd, mode) < 0)
                return -errno;
        if (s->shares && fchown(s->fd, (uid_t) -1, s->application_gid) < 0)
                return -errno;
        s->lock_fd = openat(s->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (s->lock_fd < 0)
                return -errno;
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return 0;
}

int session_store_open(const SessionStoreOptions *options, SessionStore **ret)
{
        _cleanup_(session_store_freep) SessionStore *s = mem_new(SessionStore);
        int r;

        if (!s)
                return -ENOMEM;
        s->fd = s->lock_fd = -1;
        s->shares = options->shares;
        s->application_gid = options->application_gid;
        s->path = mem_strdup(options->path);
        if (!s->path)
                return -ENOMEM;
        r = read_boot(&s->boot);
        if (r < 0)
                return r;
        r = claim_directory(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

SessionStore *session_store_free(SessionStore *s)
{
        if (!s)
                return NULL;
        close_fdp(&s->fd);
        close_fdp(&s->lock_fd);
        mem_free(s->path);
        mem_free(s);
        return NULL;
}

const char *session_store_path(const SessionStore *s)
{
        return s->path;
}

int session_store_fd(const SessionStore *s)
{
        return s->fd;
}

char *session_store_file_path(const SessionStore *s, const GUID *id, SessionFile file)
{
        char name[NAME_BYTES];

        name_of(id, file, name);
        return mem_printf("%s/%s", s->path, name);
}

static bool is_for_applications(SessionFile file)
{
        return file == SESSION_DATA || file == SESSION_REPLY;
}

int session_store_create(const SessionStore *s, const GUID *id, SessionFile file)
{
        bool shared = s->shares && is_for_applications(file);
        _cleanup_close_ int fd = -1;
        char name[NAME_BYTES];

        name_of(id, file, name);
        fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (shared && (fchown(fd, (uid_t) -1, s->application_gid) < 0 ||
                       fchmod(fd, file == SESSION_REPLY ? 0660 : 0640) < 0))
                return -errno;
        return 0;
}

int session_store_open_file(const SessionStore *s, const GUID *id, SessionFile file, int flags)
{
        _cleanup_close_ int fd = -1;
        char name[NAME_BYTES];
        struct stat st;

        name_of(id, file, name);
        fd = openat(s->fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        return TAKE_FD(fd);
}

void session_store_remove(const SessionStore *s, const GUID *id, SessionFile file)
{
        char name[NAME_BYTES];

        name_of(id, file, name);
        (void) unlinkat(s->fd, name, 0); /* not there, or a sweep's business */
}

void session_store_remove_content(const SessionStore *s, const GUID *id)
{
        for (SessionFile file = SESSION_DATA; file < SESSION_FILE_MAX; file++)
                session_store_remove(s, id, file);
}

int session_store_move(const SessionStore *s, const GUID *id, SessionFile from, SessionFile to)
{
        char old[NAME_BYTES], new[NAME_BYTES];

        name_of(id, from, old);
        name_of(id, to, new);
        return renameat(s->fd, old, s->fd, new) < 0 ? -errno : 0;
}

int session_store_link(const SessionStore *s, const GUID *id, SessionFile file, SessionFile link)
{
        char from[NAME_BYTES], to[NAME_BYTES];

        name_of(id, file, from);
        name_of(id, link, to);
        (void) unlinkat(s->fd, to, 0);
        return linkat(s->fd, from, s->fd, to, 0) < 0 ? -errno : 0;
}

/* FNV-1a: against files torn by a power cut, not against anybody. */
static uint64_t checksum(const void *data, size_t bytes)
{
        const uint8_t *p = data;
        uint64_t sum = 0xcbf29ce484222325u;

        for (size_t i = 0; i < bytes; i++)
                sum = (sum ^ p[i]) * 0x100000001b3u;
        return sum;
}

static void encode(const SessionStore *s, const BupSession *session, const SessionLabel *label,
                   Buf *out)
{
        pack_u32(out, STATE_MAGIC);
        pack_guid(out, &s->boot);
        pack_str(out, label->target_key);
        pack_str(out, label->url);
        pack_str(out, label->owner);
        pack_str(out, label->address);
        pack_str(out, label->reply_name);
        bup_session_encode(session, out);
        if (!buf_error(out))
                pack_u64(out, checksum(out->data, out->len));
}

int session_store_write_new(const SessionStore *s, const GUID *id, const BupSession *session,
                            const SessionLabel *label, int *ret_fd)
{
        _cleanup_close_ int fd = -1;
        _cleanup_(buf_done) Buf out;
        char name[NAME_BYTES];
        int r;

        buf_init(&out, SESSION_STATE_MAX_BYTES);
        encode(s, session, label, &out);
        if (buf_error(&out))
                return buf_error(&out);
        name_of(id, SESSION_NEW, name);
        fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, out.data, out.len);
        if (r < 0) {
                (void) unlinkat(s->fd, name, 0);
                return r;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int session_store_commit_new(const SessionStore *s, const GUID *id)
{
        return session_store_move(s, id, SESSION_NEW, SESSION_STATE);
}

static int decode_label(PackReader *r, SessionLabel *label)
{
        _cleanup_free_ char *reply_name = NULL;

        label->target_key = unpack_str(r, TEXT_MAX_BYTES);
        label->url = unpack_str(r, TEXT_MAX_BYTES);
        label->owner = unpack_str(r, TEXT_MAX_BYTES);
        label->address = unpack_str(r, TEXT_MAX_BYTES);
        reply_name = unpack_str(r, REPLY_NAME_BYTES - 1);
        if (pack_reader_end(r) < 0)
                return pack_reader_end(r); /* what there was no memory for is not damaged */
        if (!label->target_key || !label->url || !label->owner || !label->address || !reply_name)
                return -EBADMSG;
        (void) str_copy(label->reply_name, sizeof(label->reply_name), reply_name);
        return 0;
}

static int decode(const SessionStore *s, const void *data, size_t bytes, BupSession *ret_session,
                  SessionLabel *label, bool *ret_same_boot)
{
        PackReader r, tail;
        GUID boot;
        int rc;

        if (bytes < sizeof(uint64_t))
                return -EBADMSG;
        pack_reader_init(&tail, (const uint8_t *) data + bytes - sizeof(uint64_t),
                         sizeof(uint64_t));
        if (unpack_u64(&tail) != checksum(data, bytes - sizeof(uint64_t)))
                return -EBADMSG;
        pack_reader_init(&r, data, bytes - sizeof(uint64_t));
        if (unpack_u32(&r) != STATE_MAGIC)
                return -EBADMSG;
        boot = unpack_guid(&r);
        rc = decode_label(&r, label);
        if (rc < 0)
                return rc;
        rc = bup_session_decode(r.data + r.pos, r.len - r.pos, ret_session);
        if (rc < 0)
                return rc;
        *ret_same_boot = guid_equal(&boot, &s->boot);
        return 0;
}

int session_store_load(const SessionStore *s, const GUID *id, BupSession *ret_session,
                       SessionLabel *ret_label, bool *ret_same_boot)
{
        _cleanup_(session_label_done) SessionLabel label = {0};
        _cleanup_close_ int fd = session_store_open_file(s, id, SESSION_STATE, O_RDONLY);
        _cleanup_free_ uint8_t *data = NULL;
        ssize_t n;
        int r;

        if (fd < 0)
                return fd;
        data = mem_alloc(SESSION_STATE_MAX_BYTES);
        if (!data)
                return -ENOMEM;
        n = pread(fd, data, SESSION_STATE_MAX_BYTES, 0);
        if (n < 0)
                return -errno;
        r = decode(s, data, (size_t) n, ret_session, &label, ret_same_boot);
        if (r < 0)
                return r;
        *ret_label = label;
        label = (SessionLabel){0};
        return 0;
}

/* "0123…ef.state" → id and which file. */
static int parse_name(const char *name, GUID *ret_id, SessionFile *ret_file)
{
        char text[GUID_TEXT_LEN + 1];

        if (strlen(name) <= 32)
                return -EINVAL;
        (void) snprintf(text, sizeof(text), "%.8s-%.4s-%.4s-%.4s-%.12s", name, name + 8, name + 12,
                        name + 16, name + 20);
        if (guid_parse(text, ret_id) < 0)
                return -EINVAL;
        for (SessionFile file = 0; file < SESSION_FILE_MAX; file++) {
                if (str_equal(name + 32, SUFFIXES[file])) {
                        *ret_file = file;
                        return 0;
                }
        }
        return -EINVAL;
}

static bool is_orphan(const SessionStore *s, const GUID *id, SessionFile file)
{
        char state[NAME_BYTES];

        if (file == SESSION_STATE)
                return false;
        if (file == SESSION_NEW || file == SESSION_LINK)
                return true;
        name_of(id, SESSION_STATE, state);
        return faccessat(s->fd, state, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void closedirp(DIR **dir)
{
        if (*dir)
                (void) closedir(*dir);
}

int session_store_each(SessionStore *s, SessionStoreVisit visit, void *ctx)
{
        _cleanup_close_ int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *dir = NULL;
        const struct dirent *entry;

        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        (void) TAKE_FD(fd);
        while ((errno = 0, entry = readdir(dir))) {
                SessionFile file;
                GUID id;
                int r;

                if (parse_name(entry->d_name, &id, &file) < 0)
                        continue;
                if (is_orphan(s, &id, file)) {
                        session_store_remove(s, &id, file);
                } else if (file == SESSION_STATE) {
                        r = visit(ctx, &id);
                        if (r < 0)
                                return r;
                }
        }
        return errno ? -errno : 0;
}
