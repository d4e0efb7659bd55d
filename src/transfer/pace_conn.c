/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace_conn.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

#define FIRST_WINDOW_SEGMENTS 10
#define MSS_MIN_BYTES 536
#define IDLE_RESET_USEC USEC_PER_SEC /* what the controller knew of the queue is old then */

/* A limit is an average: its bucket holds what a quarter of a second brings, and as much may wait
 * in the kernel. */
#define LIMIT_BURST_PER_SEC 4
#define LIMIT_BURST_MIN_BYTES 512
#define LIMIT_WINDOW_MIN_BYTES 4096

#define PACE_CHANGE_PART 32          /* smaller changes are not worth telling */
#define LONG_RTT_TICKS 64            /* in which a long round trip is forgotten to a third */
#define RECORD_BYTES ((uint64_t) 64) /* what TLS adds to a write */

#define WRITE_MAX_BYTES ((uint64_t) 16 * 1024) /* at once, on lines where that is much */
#define WRITE_WINDOW_PART 8                    /* … else a part of the window */
#define FLOOR_EVERY_USEC (60 * USEC_PER_MSEC)
/* A server that hears nothing at all for a minute or two gives up. One segment, and seldom: two in
 * the queue of somebody else are soon sent again by the kernel (tail loss probe), and each one that
 * is lost takes a third of the congestion window, which is then missing for seconds at the end. The
 * first seconds are the worst: who comes overfills the queue once. (Some servers want 500 bytes a
 * second on the average.) */
#define STALL_EVERY_USEC (2500 * USEC_PER_MSEC)
#define ROOM_SOONEST_USEC USEC_PER_MSEC
#define ROOM_LATEST_USEC (3 * USEC_PER_MSEC)

PaceConn *pace_conn_new(int fd, int family, bool background, uint32_t window_bytes)
{
        PaceConn *c = mem_new(PaceConn);

        if (!c)
                return NULL;
        c->fd = fd;
        c->background = background;
        c->window_bytes = window_bytes;
        c->header_bytes = family == AF_INET6 ? TCP_HEADER6_BYTES : TCP_HEADER_BYTES;
        c->limit_bps = c->cap_bps = c->pace_bps = UINT64_MAX;
        c->decision = (BwDecision){.window_bytes = UINT32_MAX};
        list_init(&c->link);
        list_init(&c->flows);
        if (background && tcp_prepare_background(fd, family, window_bytes) < 0)
                c->blind = true;
        return c;
}

PaceConn *pace_conn_free(PaceConn *c)
{
        if (!c)
                return NULL;
        list_remove(&c->link);
        pace_conn_leave(c);
        mem_free(c);
        return NULL;
}

void pace_conn_leave(PaceConn *c)
{
        if (c->line) {
                pace_line_let_go(c->line, c->path);
                c->line->conns--;
        }
        c->line = NULL;
        c->path = NULL;
        c->located = c->adaptive = c->sampled = false;
        c->cap_bps = UINT64_MAX;
}

static uint32_t mss_of(const PaceConn *c)
{
        uint32_t mss = c->direction == BW_DOWN ? c->tcp.rcv_mss : c->tcp.snd_mss;

        return MAX(mss, (uint32_t) MSS_MIN_BYTES);
}

static bool is_limited(const PaceConn *c)
{
        return c->limit_bps != UINT64_MAX;
}

static uint64_t burst_bytes(const PaceConn *c)
{
        return MAX(c->limit_bps / LIMIT_BURST_PER_SEC, (uint64_t) LIMIT_BURST_MIN_BYTES);
}

/* What may be under way, or wait in the kernel, by the limit. Into less than a segment or two its
 * sender trickles by a timer. */
static uint64_t limit_window(const PaceConn *c)
{
        uint64_t round = MIN(c->limit_bps, (uint64_t) UINT32_MAX) *
                         (2 * (uint64_t) c->tcp.rcv_rtt_usec) / USEC_PER_SEC;

        return MAX(MAX(burst_bytes(c), round),
                   MAX(2 * (uint64_t) mss_of(c), (uint64_t) LIMIT_WINDOW_MIN_BYTES));
}

/* The window that the limits leave to the decision. */
static uint32_t wanted_window(const PaceConn *c)
{
        uint64_t window = c->decision.stall ? TCP_CLAMP_STALL_BYTES : c->decision.window_bytes;

        if (is_limited(c))
                window = MIN(window, limit_window(c));
        return (uint32_t) MIN(window, (uint64_t) c->window_bytes);
}

void pace_conn_apply(PaceConn *c)
{
        if (c->blind || c->direction != BW_DOWN)
                return;
        if (tcp_clamp_window(c->fd, wanted_window(c)) < 0) {
                log_debug("worker: the window of a connection cannot be set");
                c->blind = true;
        }
}

/* A round trip that shrinks as the queue drains at the end of a fragment would let the next one go
 * out faster than the line is. */
static uint64_t wanted_pace(PaceConn *c)
{
        uint64_t bps = UINT64_MAX;

        if (c->adaptive && !c->blind && c->direction == BW_UP && c->rtt_usec > 0) {
                c->long_rtt_usec =
                        MAX(c->rtt_usec, c->long_rtt_usec - c->long_rtt_usec / LONG_RTT_TICKS);
                bps = controller_pace_bps(&c->controller, c->long_rtt_usec);
        }
        if (bps == UINT64_MAX)
                c->long_rtt_usec = 0;
        return bps == UINT64_MAX ? bps : MIN(bps, (uint64_t) UINT32_MAX);
}

static void apply_pace(PaceConn *c)
{
        uint64_t bps = wanted_pace(c),
                 change = bps > c->pace_bps ? bps - c->pace_bps : c->pace_bps - bps;

        if (change <= c->pace_bps / PACE_CHANGE_PART && bps != UINT64_MAX)
                return;
        if (bps != c->pace_bps && tcp_pace(c->fd, bps) < 0)
                log_debug("worker: a connection cannot be paced");
        c->pace_bps = bps;
}

void pace_conn_begin(PaceConn *c, BwDirection direction, uint32_t target_usec, uint64_t now_usec)
{
        bool fresh = !c->sampled || direction != c->direction ||
                     now_usec - c->used_usec >= IDLE_RESET_USEC;

        c->direction = direction;
        c->used_usec = now_usec;
        if (!c->sampled) /* else nothing has moved since */
                pace_conn_sample(c);
        if (!c->background)
                return;
        c->began = c->tcp.is_idle;
        if (fresh) {
                c->floor_usec = 0;
                c->rtt_usec = c->tcp.rtt_usec;
                c->decision = (BwDecision){.window_bytes = UINT32_MAX};
                if (c->adaptive) {
                        controller_init(&c->controller, direction, &c->path->memory[direction],
                                        target_usec);
                        c->decision.window_bytes = FIRST_WINDOW_SEGMENTS * mss_of(c);
                }
        }
        if (c->adaptive) /* a job's priority may have changed */
                c->controller.target_usec = target_usec;
        if (direction != BW_UP)
                apply_pace(c);
}

void pace_conn_rest(PaceConn *c, uint64_t now_usec)
{
        c->used_usec = now_usec;
        if (c->adaptive)
                bw_group_forget(&c->line->group[c->direction], &c->controller);
}

static uint64_t on_the_wire(const PaceConn *c, uint64_t payload, uint32_t segments)
{
        return payload + (uint64_t) segments * (c->header_bytes + c->line->iface.header_bytes);
}

/* What arrived counts whether it was in order or not: else a lost segment looks like somebody
 * else's traffic. What waits behind a hole counts as it comes, and not again when the hole is
 * filled. Many segments are short (ends of TLS records), so their number alone would hide a
 * newcomer. */
static uint64_t arrived_bytes(const TcpState *s, const TcpState *before)
{
        uint64_t in_order = s->bytes_received - before->bytes_received;
        uint64_t waiting = (uint64_t) (s->ooopack - before->ooopack) * s->rcv_mss;
        uint64_t most = (uint64_t) (s->data_segs_in - before->data_segs_in) * s->rcv_mss;

        return MIN(in_order + waiting, most);
}

static void account(PaceConn *c, const TcpState *s)
{
        const TcpState *before = &c->tcp;
        uint64_t in = s->bytes_received - before->bytes_received;
        uint64_t *sum = c->background ? c->line->own_bytes : c->line->foreground_bytes;

        if (c->direction == BW_DOWN)
                in = arrived_bytes(s, before);
        sum[BW_DOWN] += on_the_wire(c, in, s->segs_in - before->segs_in);
        sum[BW_UP] +=
                on_the_wire(c, s->bytes_sent - before->bytes_sent, s->segs_out - before->segs_out);
}

void pace_conn_sample(PaceConn *c)
{
        uint32_t rtt;
        TcpState s;

        if (tcp_state_read(c->fd, &s) < 0) {
                c->blind = true;
                return;
        }
        if (c->sampled) {
                if (c->line)
                        account(c, &s);
                c->bytes += c->direction == BW_DOWN ? s.bytes_received - c->tcp.bytes_received
                                                    : s.bytes_acked - c->tcp.bytes_acked;
                rtt = tcp_fresh_rtt_usec(&c->tcp, &s);
                c->rtt_usec = rtt > 0 ? rtt : c->rtt_usec;
        }
        c->tcp = s;
        c->sampled = true;
}

/* Whoever comes under a limit begins without tokens: else many short connections would have a burst
 * each. */
void pace_conn_set_limit(PaceConn *c, uint64_t limit_bps, uint64_t now_usec)
{
        bool was_limited = is_limited(c);

        c->limit_bps = limit_bps;
        if (!is_limited(c))
                return;
        if (was_limited) {
                token_bucket_set_rate(&c->bucket, limit_bps, now_usec);
                return;
        }
        token_bucket_init(&c->bucket, limit_bps, now_usec);
        token_bucket_spend(&c->bucket, now_usec, token_bucket_available(&c->bucket, now_usec));
}

/* Not what the kernel took in: the first window is wide, and a small limit would have to do penance
 * for it. */
void pace_conn_read(PaceConn *c, uint64_t now_usec, size_t bytes)
{
        if (is_limited(c))
                token_bucket_spend(&c->bucket, now_usec, bytes);
}

bool pace_conn_must_wait(PaceConn *c, uint64_t now_usec)
{
        bool waits = is_limited(c) && c->direction == BW_DOWN &&
                     token_bucket_available(&c->bucket, now_usec) == 0;

        c->was_short |= waits;
        return waits;
}

static BwSample sample_of(const PaceConn *c, uint64_t now_usec)
{
        const TcpState *s = &c->tcp;

        if (c->direction == BW_DOWN)
                return (BwSample){
                        .now_usec = now_usec,
                        .rtt_usec = s->rcv_rtt_usec,
                        .bytes = s->bytes_received,
                        .mss = mss_of(c),
                        .loss = s->ooopack,
                        .rcv_ssthresh = s->rcv_ssthresh,
                        .has_timestamps = s->has_timestamps,
                };
        return (BwSample){
                .now_usec = now_usec,
                .rtt_usec = c->rtt_usec,
                .bytes = s->bytes_acked,
                .mss = mss_of(c),
                .loss = s->retrans,
                .rcv_ssthresh = s->rcv_ssthresh,
                .has_timestamps = s->has_timestamps,
                .is_idle = c->began || s->is_idle,
        };
}

bool pace_conn_yields(const PaceConn *c)
{
        if (!c->adaptive)
                return false;
        return c->decision.stall || c->cap_bps != UINT64_MAX ||
               controller_state(&c->controller) == BW_YIELD;
}

void pace_conn_control(PaceConn *c, uint64_t now_usec)
{
        BwSample s = sample_of(c, now_usec);

        c->used_usec = now_usec;
        if (c->adaptive && !c->blind)
                c->decision = bw_group_tick(&c->line->group[c->direction], &c->controller, &s,
                                            c->cap_bps);
        c->began = false;
        pace_conn_apply(c);
        apply_pace(c);
        if (c->direction == BW_DOWN && c->adaptive && c->decision.at_floor && !c->decision.stall)
                tcp_delay_acks(c->fd);
        c->ticks++;
        c->yield_ticks += pace_conn_yields(c);
}

/* What is acknowledged at once; a third segment, however small, would be late, as is a single one.
 */
static uint64_t pair_bytes(const PaceConn *c)
{
        return 2 * (uint64_t) mss_of(c) - RECORD_BYTES;
}

static uint64_t least_bytes(const PaceConn *c)
{
        return c->decision.stall ? mss_of(c) - RECORD_BYTES : pair_bytes(c);
}

/* Without counting the tokens. */
static uint64_t room_in_window(PaceConn *c, uint64_t now_usec, uint32_t queued, bool *ret_rule)
{
        uint64_t window = c->decision.window_bytes;
        uint64_t chunk = MAX(MAX(WRITE_MAX_BYTES, window / WRITE_WINDOW_PART), pair_bytes(c));

        *ret_rule = queued == 0;
        if (c->decision.stall || c->decision.at_floor) {
                uint64_t every = c->decision.stall ? STALL_EVERY_USEC : FLOOR_EVERY_USEC;

                if (queued > 0 || now_usec - c->floor_usec < every)
                        return 0;
                return least_bytes(c);
        }
        return queued < window ? MIN(window - queued, chunk) : 0;
}

size_t pace_conn_room(PaceConn *c, uint64_t now_usec, size_t bytes, bool *ret_rule)
{
        uint32_t queued = 0;
        uint64_t room = bytes, least = MIN((uint64_t) bytes, least_bytes(c)), tokens;

        *ret_rule = false;
        if (!c->adaptive && !is_limited(c))
                return bytes;
        if (tcp_queued_bytes(c->fd, &queued) < 0)
                return bytes;
        if (c->adaptive && !c->blind)
                room = MIN(room, room_in_window(c, now_usec, queued, ret_rule));
        if (is_limited(c)) {
                tokens = token_bucket_available(&c->bucket, now_usec);
                least = MIN(least, MAX(c->limit_bps / LIMIT_BURST_PER_SEC, (uint64_t) 1));
                if (tokens < least) {
                        *ret_rule = queued == 0;
                        c->was_short = true;
                        c->limit_ticks++;
                        return 0;
                }
                room = MIN(room, tokens);
        }
        return room >= least ? (size_t) room : 0;
}

void pace_conn_wrote(PaceConn *c, uint64_t now_usec, size_t bytes)
{
        c->floor_usec = now_usec;
        if (is_limited(c))
                token_bucket_spend(&c->bucket, now_usec, bytes);
}

/* A quarter of the window has drained by then. */
uint64_t pace_conn_room_in_usec(const PaceConn *c)
{
        uint64_t rate = c->adaptive ? controller_rate_bps(&c->controller) : 0;
        uint64_t usec = ROOM_LATEST_USEC;

        if (rate > 0 && !c->decision.stall && !c->decision.at_floor && !is_limited(c))
                usec = (uint64_t) c->decision.window_bytes * USEC_PER_SEC / 4 / rate;
        return MIN(MAX(usec, ROOM_SOONEST_USEC), ROOM_LATEST_USEC);
}
