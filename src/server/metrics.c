/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

#include <inttypes.h>
#include <stddef.h>

typedef struct MetricRow {
        const char *name;
        const char *type;
        const char *help;
        size_t offset;
} MetricRow;

#define PLACE(member) offsetof(Metrics, member)

static const MetricRow ROWS[] = {
        {"downloads_total", "counter", "GET and HEAD requests", PLACE(downloads)},
        {"framing_flaws_total", "counter", "Requests refused for how they were framed",
         PLACE(framing_flaws)},
        {"auth_failures_total", "counter", "Requests with wrong credentials", PLACE(auth_failures)},
        {"received_bytes_total", "counter", "Bytes of files received and kept",
         PLACE(received_bytes)},
        {"sessions_created_total", "counter", "Upload sessions begun", PLACE(sessions_created)},
        {"sessions_delivered_total", "counter", "Uploads delivered", PLACE(sessions_delivered)},
        {"sessions_expired_total", "counter", "Sessions removed for lack of progress",
         PLACE(sessions_expired)},
        {"notifications_total", "counter", "Calls of server applications", PLACE(notifications)},
        {"notification_failures_total", "counter", "Calls that did not end in 200",
         PLACE(notification_failures)},
        {"connections_total", "counter", "Connections accepted", PLACE(connections)},
        {"connections_refused_total", "counter", "Connections over a limit",
         PLACE(connections_refused)},
        {"sessions", "gauge", "Upload sessions open", PLACE(sessions_open)},
        {"tombstones", "gauge", "Ended sessions still remembered", PLACE(tombstones)},
        {"connections", "gauge", "Connections open", PLACE(connections_open)},
};

static void head(Buf *out, const char *name, const char *type, const char *help)
{
        (void) buf_printf(out, "# HELP bitssrv_%s %s\n# TYPE bitssrv_%s %s\n", name, help, name,
                          type);
}

void metrics_print(const Metrics *m, Buf *out)
{
        head(out, "packets_total", "counter", "Packets of the upload protocol by type");
        for (BupPacketType type = 0; type < BUP_PACKET_TYPE_MAX; type++)
                (void) buf_printf(out, "bitssrv_packets_total{type=\"%s\"} %" PRIu64 "\n",
                                  bup_packet_type_text(type), m->packets[type]);
        head(out, "answers_total", "counter", "Answers by class of status");
        for (unsigned i = 1; i < ARRAY_LEN(m->answers); i++)
                (void) buf_printf(out, "bitssrv_answers_total{class=\"%uxx\"} %" PRIu64 "\n", i,
                                  m->answers[i]);
        for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
                uint64_t value = *(const uint64_t *) ((const char *) m + ROWS[i].offset);

                head(out, ROWS[i].name, ROWS[i].type, ROWS[i].help);
                (void) buf_printf(out, "bitssrv_%s %" PRIu64 "\n", ROWS[i].name, value);
        }
}
