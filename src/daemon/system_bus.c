/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/system_bus.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/alloc.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"

/* A bus that was there is back in a moment; one that is not there may come, but rarely does, and
 * who looks wakes the machine. */
#define AGAIN_USEC (500 * USEC_PER_MSEC)
#define RETRY_LEAST_USEC (5 * USEC_PER_SEC)
#define RETRY_MOST_USEC (300 * USEC_PER_SEC)
#define RETRY_ACCURACY_PART 4

/* NMMetered */
enum { NM_METERED_YES = 1, NM_METERED_GUESS_YES = 3 };

typedef enum SourceId { SOURCE_NETWORK, SOURCE_POWER, SOURCE_COUNT } SourceId;

/* One service with the property that is of interest. */
typedef struct SourceSpec {
        const char *name; /* on the bus, and of its interface */
        const char *path;
        const char *property;
        const char *words;
} SourceSpec;

static const SourceSpec SPECS[SOURCE_COUNT] = {
        [SOURCE_NETWORK] = {"org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager",
                            "Metered", "metered network"},
        [SOURCE_POWER] = {"org.freedesktop.UPower", "/org/freedesktop/UPower", "OnBattery",
                          "on battery"},
};

typedef struct Source {
        SystemBus *bus;
        SourceId id;
        sd_bus_slot *changes, *owner;
        sd_bus_slot *question; /* under way; a newer one replaces it */
        bool value;
} Source;

struct SystemBus {
        sd_event *loop; /* borrowed */
        sd_bus *bus;    /* NULL: there is none now */
        sd_event_source *retry;
        uint64_t wait_usec; /* before the next try */
        void (*changed)(void *ctx);
        void *ctx;
        sd_bus_slot *disconnected;
        Source sources[SOURCE_COUNT];
};

static void set_value(Source *s, bool value)
{
        if (s->value == value)
                return;
        s->value = value;
        log_info("%s: %s", SPECS[s->id].words, value ? "yes" : "no");
        s->bus->changed(s->bus->ctx);
}

/* 0 or negative errno; anything unexpected counts as an answer that was not given. */
static int read_answer(const Source *s, sd_bus_message *m, bool *ret)
{
        uint32_t metered;
        int on, r;

        if (sd_bus_message_is_method_error(m, NULL))
                return -ENOENT;
        if (s->id == SOURCE_POWER) {
                r = sd_bus_message_read(m, "v", "b", &on);
                *ret = r > 0 && on;
                return r > 0 ? 0 : -EBADMSG;
        }
        r = sd_bus_message_read(m, "v", "u", &metered);
        *ret = r > 0 && (metered == NM_METERED_YES || metered == NM_METERED_GUESS_YES);
        return r > 0 ? 0 : -EBADMSG;
}

static int on_answer(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        Source *s = ctx;
        bool value = false;

        s->question = sd_bus_slot_unref(s->question);
        if (sd_bus_is_ready(s->bus->bus) > 0) /* whoever answered: this is a bus */
                s->bus->wait_usec = 0;
        if (read_answer(s, m, &value) < 0)
                value = false;
        set_value(s, value);
        return 0;
}

static int ask(Source *s)
{
        const SourceSpec *spec = &SPECS[s->id];
        sd_bus_message *m = NULL;
        int r;

        s->question = sd_bus_slot_unref(s->question);
        r = sd_bus_message_new_method_call(s->bus->bus, &m, spec->name, spec->path,
                                           "org.freedesktop.DBus.Properties", "Get");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, 0);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", spec->name, spec->property);
        if (r >= 0)
                r = sd_bus_call_async(s->bus->bus, &s->question, m, on_answer, s, 0);
        sd_bus_message_unref(m);
        return r;
}

static int on_changes(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        (void) ask(ctx); /* what could not be asked stays as it was */
        return 0;
}

/* It comes, goes, or is another process now. */
static int on_owner(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        const char *name, *before, *now;
        Source *s = ctx;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) <= 0)
                return 0;
        if (now[0] != '\0') {
                (void) ask(s);
                return 0;
        }
        s->question = sd_bus_slot_unref(s->question);
        set_value(s, false);
        return 0;
}

static void retry_later(SystemBus *s)
{
        uint64_t wait = s->wait_usec > 0 ? s->wait_usec : AGAIN_USEC;

        s->wait_usec = s->wait_usec > 0 ? MIN(2 * s->wait_usec, RETRY_MOST_USEC) : RETRY_LEAST_USEC;
        if (sd_event_source_set_time_relative(s->retry, wait) >= 0 &&
            sd_event_source_set_time_accuracy(s->retry, wait / RETRY_ACCURACY_PART) >= 0)
                (void) sd_event_source_set_enabled(s->retry, SD_EVENT_ONESHOT);
}

/* Of the connection: it is let go of before the next try, and not while it tells this. */
static int on_disconnected(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        SystemBus *s = ctx;

        log_debug("the system bus is gone");
        for (int i = 0; i < SOURCE_COUNT; i++) {
                s->sources[i].question = sd_bus_slot_unref(s->sources[i].question);
                set_value(&s->sources[i], false);
        }
        retry_later(s);
        return 0;
}

static int follow(Source *s)
{
        const SourceSpec *spec = &SPECS[s->id];
        sd_bus *bus = s->bus->bus;
        char match[256];
        int r;

        r = sd_bus_match_signal_async(bus, &s->changes, spec->name, spec->path,
                                      "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                      on_changes, NULL, s);
        (void) snprintf(match, sizeof(match),
                        "type='signal',sender='org.freedesktop.DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                        spec->name);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &s->owner, match, on_owner, NULL, s);
        return r < 0 ? r : ask(s);
}

static void drop(SystemBus *s)
{
        for (int i = 0; i < SOURCE_COUNT; i++) {
                Source *source = &s->sources[i];

                source->question = sd_bus_slot_unref(source->question);
                source->changes = sd_bus_slot_unref(source->changes);
                source->owner = sd_bus_slot_unref(source->owner);
        }
        s->disconnected = sd_bus_slot_unref(s->disconnected);
        if (!s->bus)
                return;
        (void) sd_bus_detach_event(s->bus); /* nothing is left to send */
        sd_bus_close(s->bus);
        s->bus = sd_bus_unref(s->bus);
}

/* 0 or negative errno: there is none, or nothing can be asked of it. */
static int dial(SystemBus *s)
{
        int r = sd_bus_open_system_with_description(&s->bus, "system");

        if (r >= 0)
                r = sd_bus_attach_event(s->bus, s->loop, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal_async(
                        s->bus, &s->disconnected, "org.freedesktop.DBus.Local", NULL,
                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, s);
        for (int i = 0; i < SOURCE_COUNT && r >= 0; i++)
                r = follow(&s->sources[i]);
        return r < 0 ? r : 0;
}

static void dial_or_wait(SystemBus *s)
{
        int r;

        drop(s);
        r = dial(s);
        if (r >= 0)
                return;
        log_debug("no system bus: %s", strerror(-r));
        drop(s);
        retry_later(s);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
        dial_or_wait(ctx);
        return 0;
}

int system_bus_new(sd_event *loop, void (*changed)(void *ctx), void *ctx, SystemBus **ret)
{
        _cleanup_(system_bus_freep) SystemBus *s = mem_new(SystemBus);
        int r;

        if (!s)
                return -ENOMEM;
        s->loop = loop;
        s->changed = changed;
        s->ctx = ctx;
        s->wait_usec = RETRY_LEAST_USEC;
        for (int i = 0; i < SOURCE_COUNT; i++)
                s->sources[i] = (Source){.bus = s, .id = (SourceId) i};
        r = sd_event_add_time_relative(loop, &s->retry, CLOCK_MONOTONIC, 0, 0, on_retry, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->retry, SD_EVENT_OFF);
        if (r < 0)
                return r;
        dial_or_wait(s);
        *ret = TAKE_PTR(s);
        return 0;
}

SystemBus *system_bus_free(SystemBus *s)
{
        if (!s)
                return NULL;
        drop(s);
        sd_event_source_disable_unref(s->retry);
        mem_free(s);
        return NULL;
}

bool system_bus_is_metered(const SystemBus *s)
{
        return s && s->sources[SOURCE_NETWORK].value;
}

bool system_bus_is_on_battery(const SystemBus *s)
{
        return s && s->sources[SOURCE_POWER].value;
}
