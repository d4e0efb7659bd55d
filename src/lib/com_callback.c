/* SPDX-License-Identifier: Apache-2.0 */
#include "com_callback.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/guid.h"
#include "base/hash.h"
#include "base/list.h"
#include "client.h"
#include "comapi.h"
#include "ipc/protocol.h"
#include "link.h"
#include "registration.h"

enum {
        DELIVERIES_MAX = 64, /* waiting; the service has at most four out, so this is never met */
        RECONNECT_FIRST_MS = 100,
        RECONNECT_MAX_MS = 6400,
};

/* A call of the service that waits for its turn. */
typedef struct Delivery {
        List link;
        sd_bus_message *call;
        GUID job;
        uint32_t kind;
} Delivery;

/* Lock order: nothing is locked under `lock`, and no code of the program runs under it. */
struct CallbackHub {
        struct ComSession *session;
        Endpoint endpoint;
        pid_t pid;
        CallbackHub *inherited; /* left as it is, but within reach */
        atomic_size_t used;     /* registrations */

        pthread_mutex_t lock; /* over all that follows */
        Hash *by_job;
        sd_bus *bus;         /* NULL while not connected */
        uint64_t connection; /* counts them, from 1 */
        List deliveries;
        size_t deliveries_len;
        int wake_fd;
        pthread_t thread;
        bool has_thread;
        bool delivering; /* the thread is in a callback of the program */
        bool stopping;
        bool orphaned; /* the thread frees the hub */
        uint64_t retry_mono;
        unsigned pause_ms;
};

static void lock_hub(CallbackHub *hub)
{
        (void) pthread_mutex_lock(&hub->lock);
}

static void unlock_hub(CallbackHub *hub)
{
        (void) pthread_mutex_unlock(&hub->lock);
}

/* Makes the thread look again. */
static void wake(CallbackHub *hub)
{
        uint64_t one = 1;

        (void) !write(hub->wake_fd, &one, sizeof(one)); /* full means readable, which is enough */
}

/* ---- registrations; the lock is held ---- */

static Registration *take_registration(CallbackHub *hub, const GUID *job)
{
        Registration *r = hash_remove(hub->by_job, job);

        if (r)
                (void) atomic_fetch_sub(&hub->used, 1);
        return r;
}

static Registration *take_any_registration(CallbackHub *hub)
{
        size_t pos = 0;
        Registration *r = hash_next(hub->by_job, &pos);

        return r ? take_registration(hub, registration_job(r)) : NULL;
}

/* ---- connection; the lock is held ---- */

static void free_delivery(CallbackHub *hub, Delivery *d)
{
        list_remove(&d->link);
        hub->deliveries_len--;
        (void) sd_bus_message_unref(d->call);
        mem_free(d);
}

/* What was to be delivered is asked for again after reconnecting. */
static void hang_up(CallbackHub *hub)
{
        LIST_FOREACH (it, &hub->deliveries)
                free_delivery(hub, list_item(it, Delivery, link));
        hub->bus = sd_bus_close_unref(hub->bus); /* a delivery under way refers to it still */
}

static void lose(CallbackHub *hub)
{
        hang_up(hub);
        hub->retry_mono = clock_mono_usec(&CLOCK_SYSTEM) + hub->pause_ms * USEC_PER_MSEC;
        hub->pause_ms = MIN(hub->pause_ms * 2, RECONNECT_MAX_MS);
}

/* A Notify of the service: noted here, answered by the thread. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        CallbackHub *hub = userdata;
        Delivery *d;
        const void *id;
        size_t bytes;

        if (sd_bus_message_is_method_call(m, IPC_CALLBACK_INTERFACE, IPC_CALL_NOTIFY) <= 0)
                return 0;
        if (hub->deliveries_len >= DELIVERIES_MAX)
                return -EBUSY;
        d = mem_new(Delivery);
        if (!d)
                return -ENOMEM;
        if (sd_bus_message_read_array(m, 'y', &id, &bytes) < 0 || bytes != 16 ||
            sd_bus_message_read(m, "u", &d->kind) < 0) {
                mem_free(d);
                return -EINVAL;
        }
        d->job = guid_from_bytes(id);
        d->call = sd_bus_message_ref(m);
        list_append(&hub->deliveries, &d->link);
        hub->deliveries_len++;
        return 1;
}

/* Tells the service whether this connection takes the job's callbacks. */
static HRESULT announce(CallbackHub *hub, const GUID *job, bool on, LinkOutcome *ret_outcome)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        int r;

        *ret_outcome = LINK_BROKEN;
        r = sd_bus_message_new_method_call(hub->bus, &m, NULL, IPC_PATH, IPC_INTERFACE,
                                           "SetNotifyClient");
        if (r >= 0)
                r = client_append_id(m, job);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", (int) on);
        if (r < 0)
                return E_OUTOFMEMORY;
        *ret_outcome = link_call(hub->bus, m, hub->endpoint.timeout_usec, &reply);
        return *ret_outcome == LINK_ANSWERED ? link_reply_result(reply)
                                             : link_outcome_result(*ret_outcome);
}

static bool is_refusal(HRESULT hr)
{
        return hr == BG_E_NOT_FOUND || hr == BG_E_INVALID_STATE || hr == E_ACCESSDENIED;
}

/* One registration whose job is gone is taken out; NULL when all are announced or the connection
 * broke. */
static Registration *announce_all(CallbackHub *hub)
{
        LinkOutcome outcome;
        Registration *r;
        size_t pos = 0;

        while ((r = hash_next(hub->by_job, &pos))) {
                HRESULT hr;

                if (registration_connection(r) == hub->connection)
                        continue; /* the look begins anew after each that is taken out */
                hr = announce(hub, registration_job(r), true, &outcome);
                if (outcome != LINK_ANSWERED) {
                        lose(hub);
                        return NULL;
                }
                if (is_refusal(hr))
                        return take_registration(hub, registration_job(r));
                registration_set_connection(r, hub->connection);
        }
        hub->pause_ms = RECONNECT_FIRST_MS;
        return NULL;
}

/* Connects, with the lock released meanwhile: it may take seconds. */
static HRESULT connect_hub(CallbackHub *hub)
{
        sd_bus *bus = NULL;
        HRESULT hr;

        unlock_hub(hub);
        hr = link_open(&hub->endpoint, &bus);
        if (SUCCEEDED(hr) && sd_bus_add_filter(bus, NULL, on_message, hub) < 0) {
                bus = sd_bus_close_unref(bus);
                hr = E_OUTOFMEMORY;
        }
        lock_hub(hub);
        if (FAILED(hr))
                return hr;
        if (hub->bus)
                (void) sd_bus_close_unref(bus); /* another thread was faster */
        else {
                hub->bus = bus;
                hub->connection++;
        }
        return S_OK;
}

/* Lets a registration go while the lock is held, by releasing the lock: the program's own code
 * may run. */
static void release_unlocked(CallbackHub *hub, Registration *r)
{
        unlock_hub(hub);
        (void) registration_unref(r);
        lock_hub(hub);
}

/* Connects and announces what is registered. Releases the lock in between. */
static HRESULT reconnect(CallbackHub *hub)
{
        Registration *refused;
        HRESULT hr;

        if (hub->bus && link_is_hung_up(hub->bus))
                hang_up(hub);
        if (hub->bus)
                return S_OK;
        hr = connect_hub(hub);
        if (FAILED(hr))
                return hr;
        while (hub->bus && (refused = announce_all(hub)))
                release_unlocked(hub, refused);
        return hub->bus ? S_OK : HR_UNAVAILABLE;
}

/* ---- the thread ---- */

static void deliver_next(CallbackHub *hub)
{
        Delivery *d = list_item(hub->deliveries.next, Delivery, link);
        Registration *r = hash_get(hub->by_job, &d->job);
        sd_bus_message *call = sd_bus_message_ref(d->call);
        HRESULT hr = RPC_E_DISCONNECTED;
        uint32_t kind = d->kind;

        if (r)
                (void) registration_ref(r);
        free_delivery(hub, d);
        if (r) {
                hub->delivering = true;
                unlock_hub(hub);
                hr = registration_deliver(r, kind);
                (void) registration_unref(r);
                lock_hub(hub);
                hub->delivering = false;
        }
        /* On a connection that ended meanwhile this does nothing. */
        (void) sd_bus_reply_method_return(call, "u", (uint32_t) hr);
        (void) sd_bus_message_unref(call);
}

/* Reads what has come. */
static void pump(CallbackHub *hub)
{
        int r = 1;

        while (hub->bus && r > 0) {
                r = sd_bus_process(hub->bus, NULL);
                if (r == -EINTR)
                        r = 1;
                else if (r < 0 || sd_bus_is_open(hub->bus) <= 0)
                        lose(hub);
        }
}

/* Waits for the socket, the next try to connect, or wake(). */
static void wait_for_work(CallbackHub *hub)
{
        struct pollfd p[2] = {{.fd = hub->wake_fd, .events = POLLIN}, {.fd = -1}};
        int timeout_ms = -1, events;
        uint64_t now, count;

        if (hub->bus) {
                events = sd_bus_get_events(hub->bus);
                p[1].fd = sd_bus_get_fd(hub->bus);
                p[1].events = (short) (events < 0 ? POLLIN : events);
        } else if (atomic_load(&hub->used) > 0) {
                now = clock_mono_usec(&CLOCK_SYSTEM);
                timeout_ms = hub->retry_mono > now
                                     ? (int) ((hub->retry_mono - now) / USEC_PER_MSEC) + 1
                                     : 0;
        }
        unlock_hub(hub);
        (void) poll(p, 2, timeout_ms);
        (void) !read(hub->wake_fd, &count, sizeof(count));
        lock_hub(hub);
}

static CallbackHub *hub_free(CallbackHub *hub)
{
        hang_up(hub);
        if (hub->wake_fd >= 0)
                (void) close(hub->wake_fd);
        (void) hash_free(hub->by_job);
        (void) pthread_mutex_destroy(&hub->lock);
        endpoint_done(&hub->endpoint);
        mem_free(hub);
        return NULL;
}

static void *run_thread(void *arg)
{
        CallbackHub *hub = arg;
        bool orphaned;

        (void) pthread_setname_np(pthread_self(), "bits-callback");
        comapi_enter_library_thread();
        lock_hub(hub);
        while (!hub->stopping) {
                if (!list_is_empty(&hub->deliveries)) {
                        deliver_next(hub);
                        continue;
                }
                if (!hub->bus && atomic_load(&hub->used) > 0 &&
                    clock_mono_usec(&CLOCK_SYSTEM) >= hub->retry_mono && FAILED(reconnect(hub)))
                        lose(hub);
                pump(hub);
                if (hub->bus && atomic_load(&hub->used) == 0)
                        hang_up(hub); /* so that the service may leave when it is idle */
                if (list_is_empty(&hub->deliveries) && !hub->stopping)
                        wait_for_work(hub);
        }
        orphaned = hub->orphaned;
        unlock_hub(hub);
        if (orphaned)
                (void) hub_free(hub);
        return NULL;
}

/* Signals are the program's: its threads handle them. */
static HRESULT ensure_thread(CallbackHub *hub)
{
        sigset_t all, before;
        int r;

        if (hub->has_thread)
                return S_OK;
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&hub->thread, NULL, run_thread, hub);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return E_OUTOFMEMORY;
        hub->has_thread = true;
        return S_OK;
}

/* ---- for the objects ---- */

CallbackHub *callback_hub_new(struct ComSession *session, const Endpoint *e, CallbackHub *inherited)
{
        CallbackHub *hub = mem_new(CallbackHub);
        uint64_t seed;

        if (!hub)
                return NULL;
        hub->session = session;
        hub->pid = getpid();
        hub->inherited = inherited;
        if (inherited && pthread_mutex_trylock(&inherited->lock) == 0) {
                hang_up(inherited); /* else the service would not see the parent leave */
                (void) pthread_mutex_unlock(&inherited->lock);
        }
        hub->pause_ms = RECONNECT_FIRST_MS;
        list_init(&hub->deliveries);
        (void) pthread_mutex_init(&hub->lock, NULL);
        hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (hub->wake_fd < 0 || fd_random(&seed, sizeof(seed)) < 0 ||
            FAILED(endpoint_copy(&hub->endpoint, e)))
                return hub_free(hub);
        hub->by_job = hash_new(sizeof(GUID), seed);
        return hub->by_job ? hub : hub_free(hub);
}

void callback_hub_close(CallbackHub *hub)
{
        bool join;

        if (!hub || !callback_hub_is_ours(hub))
                return;
        lock_hub(hub);
        hub->stopping = true;
        /* On the thread itself, and while it is in a callback that may be waiting for us, the
         * thread cleans up alone. */
        join = hub->has_thread && !hub->delivering && !pthread_equal(hub->thread, pthread_self());
        hub->orphaned = hub->has_thread && !join;
        if (hub->orphaned)
                (void) pthread_detach(hub->thread);
        wake(hub);
        unlock_hub(hub);
        if (join)
                (void) pthread_join(hub->thread, NULL);
        if (!hub->has_thread || join)
                (void) hub_free(hub);
}

bool callback_hub_is_ours(const CallbackHub *hub)
{
        return hub->pid == getpid();
}

bool callback_hub_is_used(CallbackHub *hub)
{
        return atomic_load(&hub->used) > 0;
}

/* Announces a change for one job, over a new connection when the old one turns out to be dead.
 * The lock is held on return, but not all the time. */
static HRESULT announce_change(CallbackHub *hub, const GUID *job, bool on)
{
        LinkOutcome outcome;
        HRESULT hr;

        for (bool repeated = false;; repeated = true) {
                hr = reconnect(hub);
                if (FAILED(hr))
                        return hr;
                hr = announce(hub, job, on, &outcome);
                if (outcome == LINK_ANSWERED || outcome == LINK_TIMEOUT)
                        return hr;
                hang_up(hub);
                if (repeated)
                        return hr;
        }
}

HRESULT callback_hub_set(CallbackHub *hub, const GUID *job, IBackgroundCopyCallback *callback)
{
        Registration *new = registration_new(hub->session, job, callback), *old = NULL;
        HRESULT hr;

        if (!new)
                return E_OUTOFMEMORY;
        lock_hub(hub);
        hr = ensure_thread(hub);
        if (SUCCEEDED(hr))
                hr = announce_change(hub, job, true);
        if (SUCCEEDED(hr)) {
                old = take_registration(hub, job);
                if (hash_put(hub->by_job, registration_job(new), new) < 0)
                        hr = E_OUTOFMEMORY;
                else
                        (void) atomic_fetch_add(&hub->used, 1);
        }
        wake(hub);
        unlock_hub(hub);
        (void) registration_unref(old);
        if (FAILED(hr))
                (void) registration_unref(new);
        return hr;
}

HRESULT callback_hub_clear(CallbackHub *hub, const GUID *job)
{
        Registration *old;
        HRESULT hr;

        lock_hub(hub);
        hr = announce_change(hub, job, false);
        old = SUCCEEDED(hr) ? take_registration(hub, job) : NULL;
        wake(hub);
        unlock_hub(hub);
        (void) registration_unref(old);
        return hr;
}

void callback_hub_forget(CallbackHub *hub, const GUID *job)
{
        Registration *old;

        lock_hub(hub);
        old = take_registration(hub, job);
        if (old)
                wake(hub);
        unlock_hub(hub);
        (void) registration_unref(old);
}

void callback_hub_revoke(CallbackHub *hub)
{
        Registration *r;

        lock_hub(hub);
        while ((r = take_any_registration(hub)))
                release_unlocked(hub, r);
        hang_up(hub);
        wake(hub);
        unlock_hub(hub);
}

IUnknown *callback_hub_get(CallbackHub *hub, const GUID *job)
{
        Registration *r;
        IUnknown *unknown;

        lock_hub(hub);
        r = hash_get(hub->by_job, job);
        if (r)
                (void) registration_ref(r);
        unlock_hub(hub);
        if (!r)
                return NULL;
        unknown = registration_interface(r);
        (void) registration_unref(r);
        return unknown;
}
