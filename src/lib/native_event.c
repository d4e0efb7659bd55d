/* SPDX-License-Identifier: Apache-2.0 */
/* bits_native.h: events, over a connection of their own.
 *
 * The descriptor for poll(2) is an epoll set of the socket, a timer (for connecting again) and an
 * eventfd that is readable exactly while something waits inside: in our queue or, already read
 * from the socket, in sd-bus. So the descriptor is readable whenever bits_events_next() has
 * something to give or to do, and a wake-up cannot be lost. */
#include "bits_native.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "autostart.h"
#include "base/clock.h"
#include "base/hresult.h"
#include "client.h"
#include "decode.h"
#include "event_queue.h"
#include "ipc/protocol.h"
#include "last_message.h"
#include "link.h"

enum {
        PROCESS_MAX = 4096, /* messages handled before the caller gets a turn */
        RECONNECT_FIRST_MS = 100,
        RECONNECT_MAX_MS = 3200,
        RESPAWN_MS = 10000, /* the service is started at most this often */
};

typedef enum EventPhase {
        EVENTS_DOWN,     /* not connected; deadline_mono is the next try */
        EVENTS_GREETING, /* Hello is under way; deadline_mono ends the patience with it */
        EVENTS_ASKING,   /* Watch is under way; likewise */
        EVENTS_WATCHING,
} EventPhase;

struct bits_events {
        Endpoint endpoint;
        GUID job;
        bool one_job;
        EventQueue queue;
        int epoll_fd, timer_fd, wake_fd;
        pid_t pid;

        EventPhase phase;
        sd_bus *bus;
        sd_bus_slot *request; /* of the phase's call */
        uint32_t bus_events;  /* as the epoll set has them */
        bool awake;           /* wake_fd is readable */
        uint64_t timer_mono;  /* as timer_fd is set */
        uint64_t deadline_mono;
        uint64_t spawned_mono;
        unsigned pause_ms;
        unsigned failures; /* tries since the loss */
        bool was_watching; /* so RECONNECTED is due, and a refusal is not the opener's answer */
        HRESULT refusal;   /* of Hello or Watch while opening */
};

static uint64_t now_mono(void)
{
        return clock_mono_usec(&CLOCK_SYSTEM);
}

/* ---- connection ---- */

static void drop_bus(bits_events *ev)
{
        ev->request = sd_bus_slot_unref(ev->request);
        if (ev->bus && ev->bus_events)
                (void) epoll_ctl(ev->epoll_fd, EPOLL_CTL_DEL, sd_bus_get_fd(ev->bus), NULL);
        ev->bus = sd_bus_close_unref(ev->bus);
        ev->bus_events = 0;
}

static void lose(bits_events *ev)
{
        drop_bus(ev);
        if (ev->phase == EVENTS_WATCHING) {
                event_queue_note_lost(&ev->queue);
                ev->pause_ms = RECONNECT_FIRST_MS;
                ev->failures = 0;
        }
        ev->phase = EVENTS_DOWN;
        ev->deadline_mono = now_mono() + ev->pause_ms * USEC_PER_MSEC;
        ev->pause_ms = MIN(ev->pause_ms * 2, RECONNECT_MAX_MS);
}

static void refuse(bits_events *ev, HRESULT hr)
{
        if (!ev->was_watching)
                ev->refusal = hr;
        lose(ev);
}

static void become_watching(bits_events *ev)
{
        if (ev->was_watching)
                event_queue_note_reconnected(&ev->queue);
        ev->was_watching = true;
        ev->phase = EVENTS_WATCHING;
        ev->deadline_mono = USEC_INFINITY;
}

static int on_watch_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        bits_events *ev = userdata;
        HRESULT hr;

        if (sd_bus_is_open(ev->bus) <= 0)
                return 1; /* step() sees it */
        hr = link_reply_result(m);
        /* After a reconnection the job may be unknown: whoever reads the jobs anew learns that. */
        if (FAILED(hr) && !ev->was_watching)
                ev->refusal = hr;
        else
                become_watching(ev);
        return 1;
}

static int ask_to_watch(bits_events *ev)
{
        static const GUID none;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(ev->bus, &m, NULL, IPC_PATH, IPC_INTERFACE, "Watch");
        if (r >= 0)
                r = sd_bus_message_append(m, "b", (int) ev->one_job);
        if (r >= 0)
                r = client_append_id(m, ev->one_job ? &ev->job : &none);
        if (r < 0)
                return r;
        ev->request = sd_bus_slot_unref(ev->request);
        return sd_bus_call_async(ev->bus, &ev->request, m, on_watch_answer, ev, UINT64_MAX);
}

static int on_greeting_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        bits_events *ev = userdata;
        HRESULT hr;

        if (sd_bus_is_open(ev->bus) <= 0)
                return 1;
        hr = link_reply_result(m);
        if (SUCCEEDED(hr) && ask_to_watch(ev) < 0)
                hr = HR_UNAVAILABLE;
        if (FAILED(hr))
                ev->refusal = hr;
        else
                ev->phase = EVENTS_ASKING;
        return 1;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        bits_events *ev = userdata;
        bits_job_info *info = NULL;

        if (sd_bus_message_is_signal(m, IPC_INTERFACE, IPC_SIGNAL_CHANGED) <= 0)
                return 0;
        /* A change that cannot be passed on is a reason to tell the program to read anew. */
        if (FAILED(decode_job(m, &info)) || event_queue_take_change(&ev->queue, info) < 0)
                return -ENOBUFS;
        return 1;
}

/* The socket becomes a bus with a greeting on its way. */
static int begin(bits_events *ev, int fd)
{
        int r;

        r = link_start(fd, &ev->bus);
        if (r >= 0)
                r = sd_bus_add_filter(ev->bus, NULL, on_message, ev);
        if (r >= 0)
                r = link_greet_async(ev->bus, &ev->request, on_greeting_answer, ev);
        if (r < 0) {
                drop_bus(ev);
                return r;
        }
        ev->phase = EVENTS_GREETING;
        ev->refusal = S_OK;
        ev->deadline_mono = now_mono() + ev->endpoint.timeout_usec;
        return 0;
}

/* One try to connect again, without waiting. A service that went away may be on its way back by
 * somebody else's hand, so it is started only at the second try. */
static void try_connect(bits_events *ev)
{
        uint64_t now = now_mono();
        int fd, r;

        r = endpoint_connect(&ev->endpoint, &fd);
        if (r >= 0)
                r = begin(ev, fd);
        if (r >= 0)
                return;
        ev->failures++;
        if ((r == -ENOENT || r == -ECONNREFUSED) && ev->endpoint.autostart && ev->failures > 1 &&
            now - ev->spawned_mono >= RESPAWN_MS * USEC_PER_MSEC) {
                ev->spawned_mono = now;
                ev->pause_ms = RECONNECT_FIRST_MS;
                autostart_spawn(&ev->endpoint);
        }
        lose(ev);
}

/* ---- the descriptor ---- */

static int add_to_epoll(bits_events *ev, int fd)
{
        struct epoll_event e = {.events = EPOLLIN};

        return epoll_ctl(ev->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void arm_bus(bits_events *ev)
{
        struct epoll_event e = {0};
        int events;

        if (!ev->bus)
                return;
        events = sd_bus_get_events(ev->bus);
        if (events < 0)
                events = POLLIN;
        e.events = (events & POLLIN ? EPOLLIN : 0U) | (events & POLLOUT ? EPOLLOUT : 0U);
        if (e.events == ev->bus_events)
                return;
        if (epoll_ctl(ev->epoll_fd, ev->bus_events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                      sd_bus_get_fd(ev->bus), &e) >= 0)
                ev->bus_events = e.events;
}

static void arm_wake(bits_events *ev)
{
        uint64_t timeout_usec, value = 1;
        bool wanted = !event_queue_is_empty(&ev->queue);

        /* Zero is how sd-bus says that it holds messages it has read already. */
        if (!wanted && ev->bus && sd_bus_get_timeout(ev->bus, &timeout_usec) > 0)
                wanted = timeout_usec == 0;
        if (wanted == ev->awake)
                return;
        if (wanted)
                ev->awake = write(ev->wake_fd, &value, sizeof(value)) > 0;
        else
                ev->awake = read(ev->wake_fd, &value, sizeof(value)) < 0;
}

static void arm_timer(bits_events *ev)
{
        struct itimerspec t = {0};

        if (ev->deadline_mono == ev->timer_mono)
                return;
        if (ev->deadline_mono != USEC_INFINITY) {
                t.it_value.tv_sec = (time_t) (ev->deadline_mono / USEC_PER_SEC);
                t.it_value.tv_nsec = (long) (ev->deadline_mono % USEC_PER_SEC) * 1000;
        }
        if (timerfd_settime(ev->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) >= 0)
                ev->timer_mono = ev->deadline_mono;
}

static void arm(bits_events *ev)
{
        arm_bus(ev);
        arm_wake(ev);
        arm_timer(ev);
}

static int make_descriptors(bits_events *ev)
{
        int r;

        ev->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        ev->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        ev->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (ev->epoll_fd < 0 || ev->timer_fd < 0 || ev->wake_fd < 0)
                return -errno;
        r = add_to_epoll(ev, ev->timer_fd);
        if (r >= 0)
                r = add_to_epoll(ev, ev->wake_fd);
        return r;
}

static void close_descriptors(bits_events *ev)
{
        close_fdp(&ev->epoll_fd);
        close_fdp(&ev->timer_fd);
        close_fdp(&ev->wake_fd);
        ev->epoll_fd = ev->timer_fd = ev->wake_fd = -1;
}

/* In a child the descriptors and the connection are still the parent's: it gets its own, under
 * the number that the program knows. */
static int leave_parent(bits_events *ev)
{
        int number = ev->epoll_fd, r;

        ev->epoll_fd = -1;
        ev->bus_events = 0; /* the set is not ours to change */
        ev->awake = false;
        ev->timer_mono = USEC_INFINITY;
        close_descriptors(ev);
        r = make_descriptors(ev);
        if (r >= 0 && dup3(ev->epoll_fd, number, O_CLOEXEC) < 0)
                r = -errno;
        close_fdp(&ev->epoll_fd);
        ev->epoll_fd = number;
        if (r < 0)
                return r;
        ev->pid = getpid();
        lose(ev);
        ev->deadline_mono = 1; /* now */
        return 0;
}

/* ---- work ---- */

/* Handles what there is to handle, without waiting. */
static HRESULT step(bits_events *ev)
{
        int r = 1;

        if (ev->pid != getpid()) {
                r = leave_parent(ev);
                if (r < 0)
                        return hresult_from_errno(r);
        }
        if (ev->phase == EVENTS_DOWN && now_mono() >= ev->deadline_mono)
                try_connect(ev);
        for (unsigned n = 0; ev->bus && r > 0 && n < PROCESS_MAX; n++) {
                r = sd_bus_process(ev->bus, NULL);
                if (r == -EINTR)
                        r = 1;
                else if (FAILED(ev->refusal))
                        refuse(ev, ev->refusal);
                else if (r < 0 || sd_bus_is_open(ev->bus) <= 0)
                        lose(ev);
        }
        if ((ev->phase == EVENTS_GREETING || ev->phase == EVENTS_ASKING) &&
            now_mono() >= ev->deadline_mono)
                refuse(ev, link_outcome_result(LINK_TIMEOUT));
        return S_OK;
}

static HRESULT open_connection(bits_events *ev)
{
        HRESULT hr;
        int fd, r;

        hr = autostart_connect(&ev->endpoint, &fd);
        if (FAILED(hr))
                return hr;
        r = begin(ev, fd);
        if (r < 0)
                return hresult_from_errno(r);
        while (ev->phase != EVENTS_WATCHING) {
                struct pollfd p = {.fd = ev->epoll_fd, .events = POLLIN};

                hr = step(ev);
                if (FAILED(hr) || ev->phase == EVENTS_WATCHING)
                        return hr;
                if (FAILED(ev->refusal))
                        return ev->refusal;
                if (ev->phase == EVENTS_DOWN)
                        return link_outcome_result(LINK_UNSENT);
                arm(ev);
                (void) poll(&p, 1, -1); /* the timer is in the set */
        }
        return S_OK;
}

_public_ HRESULT bits_events_open(const bits_options *options, const GUID *id, bits_events **ret)
{
        bits_events *ev;
        HRESULT hr;
        int r;

        last_message_clear();
        if (!ret)
                return E_INVALIDARG;
        *ret = NULL;
        ev = mem_new(bits_events);
        if (!ev)
                return E_OUTOFMEMORY;
        ev->epoll_fd = ev->timer_fd = ev->wake_fd = -1;
        ev->pid = getpid();
        ev->timer_mono = USEC_INFINITY;
        ev->pause_ms = RECONNECT_FIRST_MS;
        ev->one_job = id != NULL;
        if (id)
                ev->job = *id;
        hr = endpoint_init(&ev->endpoint, options);
        if (SUCCEEDED(hr)) {
                r = event_queue_init(&ev->queue);
                if (r >= 0)
                        r = make_descriptors(ev);
                if (r < 0)
                        hr = hresult_from_errno(r);
        }
        if (SUCCEEDED(hr))
                hr = open_connection(ev);
        if (FAILED(hr)) {
                bits_events_close(ev);
                return hr;
        }
        arm(ev);
        *ret = ev;
        return S_OK;
}

_public_ void bits_events_close(bits_events *events)
{
        if (!events)
                return;
        drop_bus(events);
        close_descriptors(events);
        event_queue_done(&events->queue);
        endpoint_done(&events->endpoint);
        mem_free(events);
}

_public_ int bits_events_fd(bits_events *events)
{
        return events ? events->epoll_fd : -1;
}

static int poll_timeout_ms(uint64_t deadline_mono)
{
        uint64_t now = now_mono();

        if (deadline_mono == USEC_INFINITY)
                return -1;
        if (now >= deadline_mono)
                return 0;
        return (int) MIN((deadline_mono - now) / USEC_PER_MSEC + 1, (uint64_t) INT32_MAX);
}

_public_ HRESULT bits_events_next(bits_events *events, int timeout_ms, bits_event **ret)
{
        uint64_t deadline = USEC_INFINITY;
        HRESULT hr;

        last_message_clear();
        if (!events || !ret)
                return E_INVALIDARG;
        *ret = NULL;
        if (timeout_ms >= 0)
                deadline = now_mono() + (uint64_t) timeout_ms * USEC_PER_MSEC;
        for (;;) {
                struct pollfd p = {.events = POLLIN};
                int left_ms;

                hr = step(events);
                if (FAILED(hr))
                        return hr;
                if (event_queue_next(&events->queue, ret) < 0)
                        return E_OUTOFMEMORY;
                arm(events);
                if (*ret)
                        return S_OK;
                left_ms = poll_timeout_ms(deadline);
                if (left_ms == 0)
                        return S_FALSE;
                p.fd = events->epoll_fd;
                (void) poll(&p, 1, left_ms);
        }
}

_public_ void bits_event_free(bits_event *event)
{
        if (!event)
                return;
        bits_job_info_free(event->info);
        mem_free(event);
}
