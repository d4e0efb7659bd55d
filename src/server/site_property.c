/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of a virtual directory by name: documented ones first (upload protocol §13). */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "server/site.h"

typedef enum PropertyKind {
        PROPERTY_BOOL,
        PROPERTY_U32,
        PROPERTY_U32_SEC, /* seconds, or 15m, 2h, 14d */
        PROPERTY_SIZE,    /* bytes, or 64M; "" = no limit */
        PROPERTY_MODE,    /* octal */
        PROPERTY_ROOM,    /* bytes, or 5% */
        PROPERTY_TEXT,
        PROPERTY_NOTIFICATION,
        PROPERTY_PUBLISH, /* fragment or close */
} PropertyKind;

typedef struct Property {
        const char *name;
        PropertyKind kind;
        size_t offset;
        uint64_t min, max; /* numbers; texts: longest */
        bool stays;        /* not inherited */
} Property;

#define PLACE(member) offsetof(Site, member)
#define PATH_TEXT 4095

static const Property PROPERTIES[] = {
        {"BITSUploadEnabled", PROPERTY_BOOL, PLACE(uploads), .stays = true},
        {"BITSSessionTimeout", PROPERTY_U32_SEC, PLACE(session_timeout_sec), 1, UINT32_MAX},
        {"BITSMaximumUploadSize", PROPERTY_SIZE, PLACE(max_upload_bytes), 0, INT64_MAX},
        {"BITSServerNotificationType", PROPERTY_NOTIFICATION, PLACE(notification)},
        {"BITSServerNotificationURL", PROPERTY_TEXT, PLACE(notification_url),
         .max = SITE_NOTIFICATION_URL_MAX_CHARS},
        {"BITSHostId", PROPERTY_TEXT, PLACE(host_id), .max = BUP_HOST_ID_BYTES - 1},
        {"BITSHostIdFallbackTimeout", PROPERTY_U32_SEC, PLACE(fallback_sec), 0, UINT32_MAX},
        {"BITSAllowOverwrites", PROPERTY_BOOL, PLACE(allow_overwrites)},
        {"BITSCleanupUseDefault", PROPERTY_BOOL, PLACE(cleanup_default)},
        {"BITSCleanupCount", PROPERTY_U32, PLACE(cleanup_count), 1, 360},
        {"BITSCleanupUnits", PROPERTY_U32, PLACE(cleanup_units), 0, 2},
        {"BITSNumberOfSessionsLimit", PROPERTY_U32, PLACE(sessions_per_user), 0, UINT32_MAX},
        {"BITSSessionLimitEnable", PROPERTY_BOOL, PLACE(limits_sessions)},
        {"Directory", PROPERTY_TEXT, PLACE(directory), .max = PATH_TEXT, .stays = true},
        {"SessionDirectory", PROPERTY_TEXT, PLACE(session_directory), .max = PATH_TEXT,
         .stays = true},
        {"Publish", PROPERTY_PUBLISH, PLACE(publish_at_close)},
        {"Exclusive", PROPERTY_BOOL, PLACE(exclusive)},
        {"AllowEmpty", PROPERTY_BOOL, PLACE(allow_empty)},
        {"Downloads", PROPERTY_BOOL, PLACE(downloads)},
        {"LengthOptional", PROPERTY_BOOL, PLACE(length_optional)},
        {"MethodOverride", PROPERTY_BOOL, PLACE(method_override)},
        {"MaximumFragmentSize", PROPERTY_SIZE, PLACE(max_fragment_bytes), 1, INT64_MAX},
        {"MaximumReplySize", PROPERTY_SIZE, PLACE(max_reply_bytes), 0, INT64_MAX},
        {"MinimumFreeSpace", PROPERTY_ROOM, PLACE(min_free)},
        {"NotificationTimeout", PROPERTY_U32_SEC, PLACE(notification_timeout_sec), 1, 86400},
        {"NotificationCAFile", PROPERTY_TEXT, PLACE(notification_ca_file), .max = PATH_TEXT},
        {"FileMode", PROPERTY_MODE, PLACE(file_mode), 0, 0666},
        {"ApplicationGroup", PROPERTY_TEXT, PLACE(application_group), .max = 255},
        {"AuthUserFile", PROPERTY_TEXT, PLACE(auth_file), .max = PATH_TEXT},
        {"AuthRealm", PROPERTY_TEXT, PLACE(auth_realm), .max = 255},
};

static const Property *find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(PROPERTIES); i++)
                if (str_equal_nocase(PROPERTIES[i].name, name))
                        return &PROPERTIES[i];
        return NULL;
}

bool site_property_is_inherited(const char *name)
{
        const Property *p = find(name);

        return p && !p->stays;
}

static int check_number(const Property *p, int r, uint64_t value)
{
        if (r < 0)
                return r;
        return value < p->min || value > p->max ? -ERANGE : 0;
}

static int set_u32(const Property *p, void *place, const char *text)
{
        uint64_t value = 0;
        int r = p->kind == PROPERTY_U32 ? parse_u64(text, &value) : parse_duration(text, &value);

        r = check_number(p, r, value);
        if (r == 0)
                *(uint32_t *) place = (uint32_t) value;
        return r;
}

static int set_size(const Property *p, void *place, const char *text)
{
        uint64_t value = UINT64_MAX;
        int r;

        if (*text) {
                r = parse_size(text, &value);
                r = check_number(p, r, value);
                if (r < 0)
                        return r;
        }
        *(uint64_t *) place = value;
        return 0;
}

static int set_mode(const Property *p, void *place, const char *text)
{
        uint32_t mode = 0;

        if (!*text || strlen(text) > 4)
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '7')
                        return -EINVAL;
                mode = mode << 3 | (uint32_t) (*text - '0');
        }
        if (mode > p->max || (mode & ~(uint32_t) p->max))
                return -ERANGE; /* never an execute bit */
        *(uint32_t *) place = mode;
        return 0;
}

static int set_notification(void *place, const char *text)
{
        uint32_t type;
        int r = parse_u32(text, &type);

        if (r < 0)
                return r;
        if (type > BUP_NOTIFY_BY_VALUE)
                return -ERANGE;
        *(BupNotification *) place = (BupNotification) type;
        return 0;
}

static int set_publish(void *place, const char *text)
{
        if (!str_equal_nocase(text, "fragment") && !str_equal_nocase(text, "close"))
                return -EINVAL;
        *(bool *) place = str_equal_nocase(text, "close");
        return 0;
}

int site_set(Site *s, const char *name, const char *value)
{
        const Property *p = find(name);
        void *place;

        if (!p)
                return -ENOENT;
        place = (char *) s + p->offset;
        switch (p->kind) {
        case PROPERTY_BOOL:
                return parse_bool(value, place);
        case PROPERTY_U32:
        case PROPERTY_U32_SEC:
                return set_u32(p, place, value);
        case PROPERTY_SIZE:
                return set_size(p, place, value);
        case PROPERTY_MODE:
                return set_mode(p, place, value);
        case PROPERTY_ROOM:
                return room_rule_parse(value, place);
        case PROPERTY_TEXT:
                return strlen(value) > p->max ? -ERANGE : str_replace(place, value);
        case PROPERTY_NOTIFICATION:
                return set_notification(place, value);
        case PROPERTY_PUBLISH:
                return set_publish(place, value);
        }
        return -EINVAL;
}
