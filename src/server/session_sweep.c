/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end of sessions that the server finds rather than makes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "server/session_io.h"
#include "server/session_list.h"
#include "server/tally.h"

#define EXCESS_MAX 100 /* a sweep */

const Site *session_table_site(const Session *s, const Config *config)
{
        _cleanup_(target_done) Target target = {0};

        if (target_parse(s->label.url, &target) < 0)
                return NULL;
        return config_find_site(config, target.path);
}

static uint64_t data_length(const SessionStore *store, const GUID *id)
{
        _cleanup_close_ int fd = session_store_open_file(store, id, SESSION_DATA, O_RDONLY);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t) st.st_size : 0;
}

/* Bytes arrive in order, so the length of the data file is the offset, as long as the machine has
 * not gone down: that way the state need not be written after every fragment. */
static void take_later_bytes(BupSession *session, uint64_t data_bytes)
{
        if (session->phase != BUP_SESSION_RECEIVING || !session->total_known ||
            data_bytes <= session->next_bytes)
                return;
        session->next_bytes = MIN(data_bytes, session->total_bytes);
        session->fragment_seen = true;
        if (session->next_bytes == session->total_bytes)
                session->phase = BUP_SESSION_OWED;
}

/* What lies behind the offset does not count. */
static void cut_data(const SessionStore *store, const GUID *id, uint64_t bytes)
{
        _cleanup_close_ int fd = session_store_open_file(store, id, SESSION_DATA, O_WRONLY);

        if (fd >= 0 && ftruncate(fd, (off_t) bytes) < 0)
                log_warning("%s: the data of session %08x… cannot be cut: %s",
                            session_store_path(store), id->Data1, strerror(errno));
}

static void fit_to_data(SessionStore *store, const GUID *id, BupSession *session, bool same_boot)
{
        uint64_t data_bytes;

        if (session->phase != BUP_SESSION_RECEIVING && session->phase != BUP_SESSION_OWED)
                return;
        data_bytes = data_length(store, id);
        if (same_boot)
                take_later_bytes(session, data_bytes);
        (void) bup_session_recover(session, data_bytes, same_boot);
        if (data_bytes > session->next_bytes)
                cut_data(store, id, session->next_bytes);
}

int session_table_load_one(SessionTable *t, SessionStore *store, const GUID *id, Session **ret)
{
        Session *s = mem_new(Session);
        BupSession session;
        bool same_boot;
        int r;

        if (!s)
                return -ENOMEM;
        r = session_store_load(store, id, &session, &s->label, &same_boot);
        if (r < 0) {
                mem_free(s);
                return r;
        }
        fit_to_data(store, id, &session, same_boot);
        bup_server_init(&s->server, &session);
        s->id = *id;
        s->store = store;
        s->total_on_disk = session.total_known;
        /* Of an earlier boot: written again, so that it counts for this one. */
        s->dirty = !same_boot && !bup_session_is_tombstone(&session);
        r = session_table_insert_take(t, s);
        if (r < 0)
                return r;
        *ret = s;
        return 0;
}

typedef struct Loading {
        SessionTable *table;
        SessionStore *store;
        unsigned n;
        unsigned damaged;
} Loading;

static int load_visit(void *ctx, const GUID *id)
{
        Loading *loading = ctx;
        Session *s;
        int r = session_table_load_one(loading->table, loading->store, id, &s);

        if (r == -EBADMSG) { /* torn by a power cut; the client starts again */
                session_store_remove(loading->store, id, SESSION_STATE);
                session_store_remove_content(loading->store, id);
                loading->damaged++;
                return 0;
        }
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        loading->n++;
        /* A tombstone is stored before its files are removed. */
        if (bup_session_is_tombstone(&s->server.session))
                session_store_remove_content(loading->store, id);
        if (s->dirty && session_io_save(s) < 0)
                s->unsaved = true;
        session_table_tend_one(loading->table, s);
        return 0;
}

static int load_store(SessionTable *t, const Site *site, Buf *why)
{
        SessionStoreOptions options = {site->session_directory, site->shares,
                                       site->application_gid};
        Loading loading = {.table = t};
        SessionStore **stores;
        int r;

        if (session_table_store(t, site))
                return 0;
        stores = mem_realloc(t->stores, (t->n_stores + 1) * sizeof(*stores));
        if (!stores)
                return -ENOMEM;
        t->stores = stores;
        r = session_store_open(&options, &loading.store);
        if (r < 0) {
                (void) buf_printf(why, "[site %s] SessionDirectory %s: %s", site->prefix,
                                  site->session_directory,
                                  r == -EBUSY ? "another server uses it" : strerror(-r));
                return r;
        }
        t->stores[t->n_stores++] = loading.store;
        r = session_store_each(loading.store, load_visit, &loading);
        if (loading.n > 0 || loading.damaged > 0)
                log_info("%s: %u sessions taken up, %u damaged ones removed",
                         site->session_directory, loading.n, loading.damaged);
        return r;
}

static void roll_all_forward(SessionTable *t, Config *config)
{
        size_t pos = 0;
        Session *s;

        while ((s = hash_next(t->by_id, &pos))) {
                const Site *site = session_table_site(s, config);

                if (site && session_is_idle(s))
                        session_roll_forward(s, config, site);
        }
}

int session_table_open(SessionTable *t, Config *config, Buf *why)
{
        for (size_t i = 0; i < config->n_sites; i++) {
                int r = load_store(t, &config->sites[i], why);

                if (r < 0)
                        return r;
        }
        roll_all_forward(t, config);
        return 0;
}

void session_table_expire(SessionTable *t, Session *s)
{
        bool tombstone = bup_session_is_tombstone(&s->server.session);
        Tombstone *grave = hash_get(t->tombstones, &s->id);

        if (grave)
                session_table_exhume(t, grave);
        session_store_remove_content(s->store, &s->id);
        session_store_remove(s->store, &s->id, SESSION_STATE);
        if (!tombstone)
                t->world->metrics->sessions_expired++;
        session_table_drop(t, s);
}

static bool is_over(const Session *s, const Config *config, int64_t now_sec)
{
        const Site *site = session_table_site(s, config);
        uint32_t timeout_sec = site ? site->session_timeout_sec : BUP_SESSION_TIMEOUT_SEC;

        return session_is_idle(s) && bup_session_is_over(&s->server.session, now_sec, timeout_sec);
}

/* Listed first: the table changes when they go. */
static unsigned sweep_old(SessionTable *t, const Config *config, int64_t now_sec)
{
        _cleanup_free_ Session **over = mem_array(hash_size(t->by_id) + 1, sizeof(Session *));
        unsigned n = 0;
        size_t pos = 0;
        Session *s;

        if (!over)
                return 0;
        while ((s = hash_next(t->by_id, &pos)))
                if (is_over(s, config, now_sec))
                        over[n++] = s;
        for (unsigned i = 0; i < n; i++)
                session_table_expire(t, over[i]);
        return n;
}

/* The most recent idle session of a user who has too many: the limit was lowered. */
static Session *next_excess(SessionTable *t, const Config *config)
{
        Session *best = NULL;
        size_t pos = 0;
        Session *s;

        while ((s = hash_next(t->by_id, &pos))) {
                const Site *site = *s->label.owner ? session_table_site(s, config) : NULL;

                if (!site || !site->limits_sessions || !session_is_idle(s) ||
                    tally_get(t->owners, s->label.owner) <= site->sessions_per_user)
                        continue;
                if (!best ||
                    s->server.session.created_wall_sec > best->server.session.created_wall_sec)
                        best = s;
        }
        return best;
}

void session_table_sweep(SessionTable *t, Config *config)
{
        int64_t now_sec = session_table_now_sec();
        unsigned n = sweep_old(t, config, now_sec);
        Session *s;

        for (unsigned i = 0; i < EXCESS_MAX && (s = next_excess(t, config)); i++, n++)
                session_table_expire(t, s);
        LIST_FOREACH (it, &t->tombstones_by_age) {
                Tombstone *tombstone = list_item(it, Tombstone, link);

                if (now_sec - tombstone->ended_wall_sec > BUP_TOMBSTONE_SEC &&
                    !hash_get(t->by_id, &tombstone->id))
                        session_table_exhume(t, tombstone);
        }
        if (n > 0)
                log_info("%u sessions without progress removed", n);
}
