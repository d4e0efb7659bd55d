/* SPDX-License-Identifier: Apache-2.0 */
/* The queue in front of an emulated link: a FIFO of a fixed number of bytes, or FQ-CoDel (RFC 8290)
 * of the same size. Times are nanoseconds of the monotonic clock. Packets belong to the queue from
 * queue_push() until queue_pop() gives them back; what is dropped goes to `on_drop`, which frees
 * it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        PACKET_BYTES_MAX = 1600,
        QUEUE_FLOWS = 256, /* FQ-CoDel's buckets; a power of two */
};

typedef struct Packet Packet;
struct Packet {
        Packet *next;
        uint64_t queued_nsec; /* when it came; on the way to the receiver: when it is due */
        uint32_t flow;        /* hash of addresses, protocol and ports */
        uint16_t len;
        uint8_t class;
        unsigned char data[PACKET_BYTES_MAX];
};

typedef struct PacketList {
        Packet *first, *last;
        uint64_t bytes;
} PacketList;

typedef struct Flow Flow;
struct Flow {
        PacketList packets;
        Flow *next; /* in the list of new or old flows */
        bool listed;
        int64_t deficit;
        uint64_t first_above_nsec, drop_next_nsec;
        uint32_t count, last_count;
        bool dropping;
};

typedef struct FlowList {
        Flow *first, *last;
} FlowList;

typedef void (*QueueDrop)(void *ctx, Packet *p);

typedef struct Queue {
        uint64_t limit_bytes, bytes;
        bool fair; /* FQ-CoDel */
        PacketList fifo;
        Flow flows[QUEUE_FLOWS];
        FlowList young, old;
        QueueDrop on_drop;
        void *ctx;
} Queue;

void packet_list_push(PacketList *l, Packet *p);
Packet *packet_list_pop(PacketList *l); /* NULL: empty */

void queue_init(Queue *q, uint64_t limit_bytes, bool fair, QueueDrop on_drop, void *ctx);
void queue_push(Queue *q, Packet *p, uint64_t now_nsec);
Packet *queue_pop(Queue *q, uint64_t now_nsec); /* NULL: empty */
