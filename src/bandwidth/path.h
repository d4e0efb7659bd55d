/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a network path: the smallest delay and the largest rate of the last minute. It
 * outlives the connections over the path (one PathMemory per interface and destination) and is
 * plain data: no owner, no failure, times of any monotonic clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
        WINDOW_FILTER_SLOTS = 16,
        PATH_WINDOW_USEC = 60 * 1000 * 1000,
        PATH_HOLD_MIN_USEC = 1000 * 1000,
        PATH_HOLD_MAX_USEC = 8 * 1000 * 1000,
        PATH_PATIENCE_MIN_USEC = 7 * 1000 * 1000,
        PATH_PATIENCE_MAX_USEC = 16 * 1000 * 1000,
};

/* Extreme of a sliding window, in slots of a sixteenth of it: exact at the new end, up to one
 * slot too old at the other. */
typedef struct WindowFilter {
        uint64_t slot_usec;
        uint64_t newest; /* number of the newest slot */
        bool is_max;
        bool has_any;
        double value[WINDOW_FILTER_SLOTS];
        bool is_set[WINDOW_FILTER_SLOTS];
} WindowFilter;

void window_filter_init(WindowFilter *f, uint64_t window_usec, bool is_max);
/* Takes a sample. A clock that went back starts the window anew with it. */
void window_filter_add(WindowFilter *f, uint64_t now_usec, double value);
/* The extreme of the window, `otherwise` while it is empty. What is older than the window counts
 * until something newer has come: an old figure is better than none. */
double window_filter_get(const WindowFilter *f, double otherwise);

typedef struct PathMemory {
        WindowFilter base;      /* least round trip, usec */
        WindowFilter capacity;  /* greatest rate, bytes/s */
        uint64_t hold_usec;     /* how long the path must be calm before we come back */
        uint64_t patience_usec; /* how long who has it must look like a scavenger before we join */
        uint64_t join_usec;     /* when we last did; 0 never */
        uint64_t ramp_usec;     /* when a connection last came back; 0 never */
        uint64_t yield_usec;    /* when one last stepped aside; 0 never */
        /* Connections of one path drain together, else none would see the queue empty. */
        uint64_t drain_usec, next_drain_usec;
        /* What they have together: of the last whole tick, and what this one has added so far. */
        WindowFilter whole; /* greatest, bytes/s */
        uint64_t sum_usec;
        double sum_bps, adding_bps;
        unsigned sum_len, adding_len;
        bool is_doubtful; /* what this one has added */
} PathMemory;

void path_memory_init(PathMemory *p);
/* Each connection on each tick, all with the same time: what it has of the path. `is_sure`: neither
 * what came behind a hole, nor of a connection that begins, whose mean is of a shorter time: with
 * those, together they may seem to have more than the line is. */
void path_memory_add_rate(PathMemory *p, uint64_t now_usec, double rate_bps, bool is_sure);
bool path_memory_is_shared(const PathMemory *p);      /* by connections of ours */
double path_memory_whole_part(const PathMemory *p);   /* what they have now of the most they had */
double path_memory_base_usec(const PathMemory *p);    /* 0 while unknown */
double path_memory_capacity_bps(const PathMemory *p); /* bytes/s; 0 while unknown */
