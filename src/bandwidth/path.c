/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/path.h"

void window_filter_init(WindowFilter *f, uint64_t window_usec, bool is_max)
{
        *f = (WindowFilter){.slot_usec = window_usec / WINDOW_FILTER_SLOTS, .is_max = is_max};
        if (f->slot_usec == 0)
                f->slot_usec = 1;
}

static bool is_better(const WindowFilter *f, double a, double b)
{
        return f->is_max ? a > b : a < b;
}

/* Forgets the slots between the newest one and `number`, which becomes the newest. */
static void advance(WindowFilter *f, uint64_t number)
{
        uint64_t steps = number - f->newest;

        if (steps > WINDOW_FILTER_SLOTS)
                steps = WINDOW_FILTER_SLOTS;
        for (uint64_t i = 0; i < steps; i++)
                f->is_set[(number - i) % WINDOW_FILTER_SLOTS] = false;
        f->newest = number;
}

void window_filter_add(WindowFilter *f, uint64_t now_usec, double value)
{
        uint64_t number = now_usec / f->slot_usec;
        unsigned slot = (unsigned) (number % WINDOW_FILTER_SLOTS);

        if (!f->has_any || number < f->newest) {
                for (unsigned i = 0; i < WINDOW_FILTER_SLOTS; i++)
                        f->is_set[i] = false;
                f->newest = number;
                f->has_any = true;
        } else {
                advance(f, number);
        }
        if (!f->is_set[slot] || is_better(f, value, f->value[slot])) {
                f->value[slot] = value;
                f->is_set[slot] = true;
        }
}

double window_filter_get(const WindowFilter *f, double otherwise)
{
        bool found = false;
        double best = otherwise;

        for (unsigned i = 0; i < WINDOW_FILTER_SLOTS; i++)
                if (f->is_set[i] && (!found || is_better(f, f->value[i], best))) {
                        best = f->value[i];
                        found = true;
                }
        return best;
}

void path_memory_init(PathMemory *p)
{
        *p = (PathMemory){.hold_usec = PATH_HOLD_MIN_USEC, .patience_usec = PATH_PATIENCE_MIN_USEC};
        window_filter_init(&p->base, PATH_WINDOW_USEC, false);
        window_filter_init(&p->capacity, PATH_WINDOW_USEC, true);
        window_filter_init(&p->whole, PATH_WINDOW_USEC, true);
}

double path_memory_base_usec(const PathMemory *p)
{
        return window_filter_get(&p->base, 0);
}

double path_memory_capacity_bps(const PathMemory *p)
{
        return window_filter_get(&p->capacity, 0);
}

void path_memory_add_rate(PathMemory *p, uint64_t now_usec, double rate_bps, bool is_sure)
{
        if (now_usec != p->sum_usec) {
                if (p->adding_len > 0 && !p->is_doubtful)
                        window_filter_add(&p->whole, p->sum_usec, p->adding_bps);
                p->sum_usec = now_usec;
                p->sum_bps = p->adding_bps;
                p->sum_len = p->adding_len;
                p->adding_bps = 0;
                p->adding_len = 0;
                p->is_doubtful = false;
        }
        p->adding_bps += rate_bps;
        p->adding_len++;
        p->is_doubtful = p->is_doubtful || !is_sure;
}

bool path_memory_is_shared(const PathMemory *p)
{
        return p->sum_len > 1;
}

double path_memory_whole_part(const PathMemory *p)
{
        double whole = window_filter_get(&p->whole, 0);

        return whole > 0 ? p->sum_bps / whole : 0;
}
