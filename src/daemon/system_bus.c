/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/system_bus.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/alloc.h"
#include "base/attr.h"
#include "base/log.h"

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
        sd_bus_slot *changes, *owner, *disconnected;
        sd_bus_slot *question; /* under way; a newer one replaces it */
        bool value;
} Source;

struct SystemBus {
        sd_bus *bus;
        void (*changed)(void *ctx);
        void *ctx;
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

static int on_disconnected(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        Source *s = ctx;

        s->question = sd_bus_slot_unref(s->question);
        set_value(s, false);
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
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &s->disconnected, "org.freedesktop.DBus.Local",
                                              NULL, "org.freedesktop.DBus.Local", "Disconnected",
                                              on_disconnected, NULL, s);
        return r < 0 ? r : ask(s);
}

int system_bus_new(sd_event *loop, void (*changed)(void *ctx), void *ctx, SystemBus **ret)
{
        _cleanup_(system_bus_freep) SystemBus *s = mem_new(SystemBus);
        int r;

        if (!s)
                return -ENOMEM;
        s->changed = changed;
        s->ctx = ctx;
        r = sd_bus_open_system_with_description(&s->bus, "system");
        if (r < 0) {
                log_debug("no system bus: %s", strerror(-r));
                *ret = NULL;
                return 0;
        }
        r = sd_bus_attach_event(s->bus, loop, SD_EVENT_PRIORITY_NORMAL);
        for (int i = 0; i < SOURCE_COUNT && r >= 0; i++) {
                s->sources[i] = (Source){.bus = s, .id = (SourceId) i};
                r = follow(&s->sources[i]);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

SystemBus *system_bus_free(SystemBus *s)
{
        if (!s)
                return NULL;
        for (int i = 0; i < SOURCE_COUNT; i++) {
                sd_bus_slot_unref(s->sources[i].question);
                sd_bus_slot_unref(s->sources[i].changes);
                sd_bus_slot_unref(s->sources[i].owner);
                sd_bus_slot_unref(s->sources[i].disconnected);
        }
        if (s->bus) {
                (void) sd_bus_detach_event(s->bus); /* nothing is left to send */
                sd_bus_close(s->bus);
                sd_bus_unref(s->bus);
        }
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
