/* SPDX-License-Identifier: Apache-2.0 */
#include "com_session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "link.h"

struct ComSession {
        List link;
        unsigned refs; /* under sessions_lock, like everything that changes */
        bits_client *client;
        CallbackHub *hub; /* NULL until a callback is registered */
};

/* COM has process-wide state by nature. The lock is held over fork(2), so that a child finds it
 * free and the list whole. */
static pthread_mutex_t sessions_lock = PTHREAD_MUTEX_INITIALIZER;
static List sessions = {&sessions, &sessions};
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void lock_sessions(void)
{
        (void) pthread_mutex_lock(&sessions_lock);
}

static void unlock_sessions(void)
{
        (void) pthread_mutex_unlock(&sessions_lock);
}

static void watch_forks(void)
{
        (void) pthread_atfork(lock_sessions, unlock_sessions, unlock_sessions);
}

static ComSession *find_session(const char *socket)
{
        LIST_FOREACH (it, &sessions) {
                ComSession *s = list_item(it, ComSession, link);

                if (strcmp(client_endpoint(s->client)->socket, socket) == 0)
                        return s;
        }
        return NULL;
}

/* A reference to the session for a socket, or NULL. */
static ComSession *ref_session_of(const char *socket)
{
        ComSession *s;

        lock_sessions();
        s = find_session(socket);
        if (s)
                s->refs++;
        unlock_sessions();
        return s;
}

HRESULT com_session_open(ComSession **ret)
{
        ComSession *s, *other;
        bits_client *client;
        Endpoint e;
        HRESULT hr;

        (void) pthread_once(&fork_once, watch_forks);
        hr = endpoint_init(&e, NULL);
        if (FAILED(hr))
                return hr;
        s = ref_session_of(e.socket);
        endpoint_done(&e);
        if (s) {
                *ret = s;
                return S_OK;
        }

        hr = client_new(NULL, &client); /* may take seconds: not under the lock */
        if (FAILED(hr))
                return hr;
        s = mem_new(ComSession);
        if (!s) {
                (void) client_unref(client);
                return E_OUTOFMEMORY;
        }
        s->refs = 1;
        s->client = client;
        lock_sessions();
        other = find_session(client_endpoint(client)->socket);
        if (other)
                other->refs++;
        else
                list_append(&sessions, &s->link);
        unlock_sessions();
        if (other) {
                (void) client_unref(client);
                mem_free(s);
                s = other;
        }
        *ret = s;
        return S_OK;
}

ComSession *com_session_ref(ComSession *s)
{
        lock_sessions();
        s->refs++;
        unlock_sessions();
        return s;
}

ComSession *com_session_unref(ComSession *s)
{
        bool last;

        if (!s)
                return NULL;
        lock_sessions();
        last = --s->refs == 0;
        if (last)
                list_remove(&s->link);
        unlock_sessions();
        if (last) {
                callback_hub_close(s->hub);
                (void) client_unref(s->client);
                mem_free(s);
        }
        return NULL;
}

bits_client *com_session_client(ComSession *s)
{
        return s->client;
}

CallbackHub *com_session_hub(ComSession *s)
{
        CallbackHub *hub;

        lock_sessions();
        /* The hub of the parent process has no thread in a child, nor can its lock be trusted. */
        if (!s->hub || !callback_hub_is_ours(s->hub)) {
                hub = callback_hub_new(s, client_endpoint(s->client), s->hub);
                if (hub)
                        s->hub = hub;
        } else
                hub = s->hub;
        unlock_sessions();
        return hub;
}

/* A hub of this process that holds registrations, with a reference to its session. */
static CallbackHub *next_hub(ComSession **ret_session)
{
        CallbackHub *hub = NULL;

        lock_sessions();
        LIST_FOREACH (it, &sessions) {
                ComSession *s = list_item(it, ComSession, link);

                if (!s->hub || !callback_hub_is_ours(s->hub) || !callback_hub_is_used(s->hub))
                        continue;
                s->refs++;
                *ret_session = s;
                hub = s->hub;
                break;
        }
        unlock_sessions();
        return hub;
}

void com_session_revoke_all(void)
{
        ComSession *session;
        CallbackHub *hub;

        while ((hub = next_hub(&session))) {
                callback_hub_revoke(hub);
                (void) com_session_unref(session);
        }
}
