/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "server/session_io.h"
#include "server/session_list.h"
#include "server/tally.h"

#define REPLY_KEY_BYTES (REPLY_NAME_BYTES - 1)
#define TEND_SAVES_MAX 64 /* a turn, so that the loop goes on */

int64_t session_table_now_sec(void)
{
        return (int64_t) (clock_wall_usec(&CLOCK_SYSTEM) / USEC_PER_SEC);
}

int session_table_new(const SessionWorld *world, SessionTable **ret)
{
        _cleanup_(session_table_freep) SessionTable *t = mem_new(SessionTable);
        uint64_t seed;
        int r;

        if (!t)
                return -ENOMEM;
        list_init(&t->tombstones_by_age);
        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        t->world = world;
        t->by_id = hash_new(sizeof(GUID), seed);
        t->by_reply = hash_new(REPLY_KEY_BYTES, seed);
        t->tombstones = hash_new(sizeof(GUID), seed);
        t->owners = tally_new(seed);
        t->addresses = tally_new(seed);
        if (!t->by_id || !t->by_reply || !t->tombstones || !t->owners || !t->addresses)
                return -ENOMEM;
        *ret = TAKE_PTR(t);
        return 0;
}

static void session_free(Session *s)
{
        close_fdp(&s->data_fd);
        config_unref(s->config);
        session_label_done(&s->label);
        mem_free(s->step);
        mem_free(s->reply_url);
        mem_free(s);
}

SessionTable *session_table_free(SessionTable *t)
{
        size_t pos = 0;
        Session *s;

        if (!t)
                return NULL;
        while (t->by_id && (s = hash_next(t->by_id, &pos)))
                session_free(s);
        LIST_FOREACH (it, &t->tombstones_by_age)
                mem_free(list_item(it, Tombstone, link));
        for (size_t i = 0; i < t->n_stores; i++)
                session_store_free(t->stores[i]);
        mem_free(t->stores);
        hash_free(t->by_id);
        hash_free(t->by_reply);
        hash_free(t->tombstones);
        tally_free(t->owners);
        tally_free(t->addresses);
        mem_free(t);
        return NULL;
}

/* A session counts from its insertion to its removal, unless it came back as a tombstone. */
static int count_in(SessionTable *t, const Session *s)
{
        int r = tally_add(t->owners, s->label.owner);

        if (r < 0)
                return r;
        r = tally_add(t->addresses, s->label.address);
        if (r < 0)
                tally_remove(t->owners, s->label.owner);
        return r;
}

int session_table_insert_take(SessionTable *t, Session *s)
{
        int r;

        s->table = t;
        s->world = t->world;
        s->data_fd = -1;
        s->counted = !bup_session_is_tombstone(&s->server.session);
        r = hash_put(t->by_id, &s->id, s);
        if (r < 0) {
                session_free(s);
                return r;
        }
        if (s->counted && count_in(t, s) < 0) {
                s->counted = false;
                r = -ENOMEM;
        } else if (s->label.reply_name[0]) {
                r = hash_put(t->by_reply, s->label.reply_name, s);
        }
        if (r < 0)
                session_table_drop(t, s);
        return r;
}

void session_table_drop(SessionTable *t, Session *s)
{
        (void) hash_remove(t->by_id, &s->id);
        if (s->label.reply_name[0])
                (void) hash_remove(t->by_reply, s->label.reply_name);
        if (s->counted) {
                tally_remove(t->owners, s->label.owner);
                tally_remove(t->addresses, s->label.address);
        }
        session_free(s);
}

int session_table_bury(SessionTable *t, SessionStore *store, const GUID *id, int64_t ended_wall_sec)
{
        Tombstone *tombstone;
        int r;

        if (hash_get(t->tombstones, id))
                return 0;
        tombstone = mem_new(Tombstone);
        if (!tombstone)
                return -ENOMEM;
        tombstone->id = *id;
        tombstone->store = store;
        tombstone->ended_wall_sec = ended_wall_sec;
        r = hash_put(t->tombstones, &tombstone->id, tombstone);
        if (r < 0) {
                mem_free(tombstone);
                return r;
        }
        list_append(&t->tombstones_by_age, &tombstone->link);
        if (hash_size(t->tombstones) > SESSION_TOMBSTONES_MAX)
                session_table_exhume(t, list_item(t->tombstones_by_age.next, Tombstone, link));
        return 0;
}

void session_table_exhume(SessionTable *t, Tombstone *tombstone)
{
        session_store_remove(tombstone->store, &tombstone->id, SESSION_STATE);
        (void) hash_remove(t->tombstones, &tombstone->id);
        list_remove(&tombstone->link);
        mem_free(tombstone);
}

void session_table_tend_one(SessionTable *t, Session *s)
{
        const BupSession *session = &s->server.session;

        if (!session_is_idle(s) || !bup_session_is_tombstone(session))
                return;
        if (session_table_bury(t, s->store, &s->id, session->touched_wall_sec) < 0)
                session_store_remove(s->store, &s->id, SESSION_STATE); /* forgotten early */
        session_table_drop(t, s);
}

SessionStore *session_table_store(const SessionTable *t, const Site *site)
{
        for (size_t i = 0; i < t->n_stores; i++)
                if (str_equal(session_store_path(t->stores[i]), site->session_directory))
                        return t->stores[i];
        return NULL;
}

static bool is_target_taken(const SessionTable *t, const char *target_key)
{
        size_t pos = 0;
        const Session *s;

        while ((s = hash_next(t->by_id, &pos)))
                if (s->server.session.phase <= BUP_SESSION_OWED &&
                    str_equal(s->label.target_key, target_key))
                        return true;
        return false;
}

BupRefusal session_table_admits(SessionTable *t, const Config *config, const Site *site,
                                const SessionOrigin *origin)
{
        if (hash_size(t->by_id) >= config->max_sessions)
                return BUP_OVERLOADED;
        if (config->max_sessions_per_address > 0 &&
            tally_get(t->addresses, origin->address) >= config->max_sessions_per_address)
                return BUP_OVERLOADED;
        /* Of a user: whoever nobody knows is limited by his address. */
        if (site->limits_sessions && *origin->owner &&
            tally_get(t->owners, origin->owner) >= site->sessions_per_user)
                return BUP_OVERLOADED;
        if (site->exclusive && is_target_taken(t, origin->target->key))
                return BUP_TARGET_BUSY;
        return BUP_FINE;
}

static int label_new(SessionLabel *label, const SessionOrigin *origin)
{
        label->target_key = mem_strdup(origin->target->key);
        label->url = mem_strdup(origin->url);
        label->owner = mem_strdup(origin->owner);
        label->address = mem_strdup(origin->address);
        return label->target_key && label->url && label->owner && label->address ? 0 : -ENOMEM;
}

static int new_id(GUID *ret, char text[BUP_SESSION_ID_BYTES])
{
        char bare[GUID_TEXT_LEN + 1];
        uint8_t bytes[16];
        int r = fd_random(bytes, sizeof(bytes));

        if (r < 0)
                return r;
        *ret = guid_from_random(bytes);
        guid_format(ret, bare);
        (void) snprintf(text, BUP_SESSION_ID_BYTES, "{%s}", bare);
        return 0;
}

static int create_files(Session *s)
{
        int r = session_store_create(s->store, &s->id, SESSION_DATA);

        return r < 0 ? r : session_io_save(s);
}

Session *session_table_create(SessionTable *t, const Site *site, const SessionOrigin *origin,
                              const BupServerRules *rules, const BupServerFacts *facts,
                              const BupRequest *request, BupAck *ret_ack)
{
        char id[BUP_SESSION_ID_BYTES];
        BupSession session;
        Session *s = mem_new(Session);
        int r = s ? 0 : -ENOMEM;

        if (r == 0)
                r = new_id(&s->id, id);
        if (r < 0)
                goto rollback;
        if (!bup_server_create(rules, facts, request, id, &session, ret_ack)) {
                mem_free(s);
                return NULL;
        }
        bup_server_init(&s->server, &session);
        s->store = session_table_store(t, site);
        r = s->store ? label_new(&s->label, origin) : -ENOENT;
        if (r < 0)
                goto rollback;
        r = session_table_insert_take(t, s);
        if (r < 0) {
                s = NULL;
                goto rollback;
        }
        r = create_files(s);
        if (r < 0) {
                log_error("%s: no new session: %s", session_store_path(s->store), strerror(-r));
                session_store_remove_content(s->store, &s->id);
                session_table_drop(t, s);
                bup_refuse(session_io_refusal(r), ret_ack);
                return NULL;
        }
        t->world->metrics->sessions_created++;
        return s;
rollback:
        if (s) {
                session_label_done(&s->label);
                mem_free(s);
        }
        bup_refuse(r == -ENOMEM ? BUP_NO_MEMORY : BUP_IO_ERROR, ret_ack);
        return NULL;
}

static Session *revive(SessionTable *t, const GUID *id)
{
        const Tombstone *tombstone = hash_get(t->tombstones, id);
        Session *s;

        if (!tombstone || session_table_load_one(t, tombstone->store, id, &s) < 0)
                return NULL;
        return s;
}

Session *session_table_find(SessionTable *t, const Config *config, const char *id)
{
        GUID guid;
        Session *s;
        const Site *site;

        if (guid_parse(id, &guid) < 0)
                return NULL;
        s = hash_get(t->by_id, &guid);
        if (!s)
                s = revive(t, &guid);
        if (!s)
                return NULL;
        site = session_table_site(s, config);
        if (site && session_is_idle(s) &&
            bup_session_is_over(&s->server.session, session_table_now_sec(),
                                site->session_timeout_sec)) {
                session_table_expire(t, s);
                return NULL;
        }
        return s;
}

Session *session_table_find_reply(SessionTable *t, const char *name)
{
        return strlen(name) == REPLY_KEY_BYTES ? hash_get(t->by_reply, name) : NULL;
}

int session_table_name_reply(SessionTable *t, Session *s)
{
        static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz234567";
        uint8_t bytes[REPLY_KEY_BYTES];
        int r;

        if (s->label.reply_name[0])
                return 0;
        r = fd_random(bytes, sizeof(bytes));
        if (r < 0)
                return r;
        for (size_t i = 0; i < sizeof(bytes); i++) /* five bits each */
                s->label.reply_name[i] = LETTERS[bytes[i] % (sizeof(LETTERS) - 1)];
        s->label.reply_name[REPLY_KEY_BYTES] = '\0';
        r = hash_put(t->by_reply, s->label.reply_name, s);
        if (r < 0)
                s->label.reply_name[0] = '\0';
        return r;
}

void session_table_tend(SessionTable *t)
{
        unsigned saves = 0;
        size_t pos = 0;
        Session *s;

        while (saves < TEND_SAVES_MAX && (s = hash_next(t->by_id, &pos))) {
                const BupSession *session = &s->server.session;

                if (!session_is_idle(s))
                        continue;
                if (s->dirty || s->unsaved) {
                        if (session_io_save(s) < 0)
                                s->unsaved = true;
                        saves++;
                }
                if (session->phase == BUP_SESSION_RECEIVING &&
                    session->synced_bytes < session->next_bytes) {
                        session_io_checkpoint(s);
                        saves++;
                }
        }
}

void session_table_count(const SessionTable *t, Metrics *m)
{
        m->sessions_open = hash_size(t->by_id);
        m->tombstones = hash_size(t->tombstones);
}

static void sync_stores(const SessionTable *t)
{
        for (size_t i = 0; i < t->n_stores; i++)
                if (syncfs(session_store_fd(t->stores[i])) < 0)
                        log_warning("%s: %s", session_store_path(t->stores[i]), strerror(errno));
}

void session_table_flush(SessionTable *t)
{
        char text[SESSION_TEXT_BYTES];
        bool any = false;
        size_t pos = 0;
        Session *s;

        while ((s = hash_next(t->by_id, &pos)))
                any = any || s->dirty || s->unsaved ||
                      s->server.session.synced_bytes < s->server.session.next_bytes;
        if (!any)
                return;
        sync_stores(t);
        pos = 0;
        while ((s = hash_next(t->by_id, &pos))) {
                bup_server_synced(&s->server, s->server.session.next_bytes);
                if (!s->saving && session_io_save(s) < 0)
                        log_warning("%s: its state cannot be written in %s; after a reboot the "
                                    "client may have to send more again",
                                    session_describe(s, text), session_store_path(s->store));
        }
        sync_stores(t);
}
