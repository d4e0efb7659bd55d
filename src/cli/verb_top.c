/* SPDX-License-Identifier: Apache-2.0 */
/* The live picture: drawn in place on a terminal, printed elsewhere. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

#include "message.h"
#include "must.h"
#include "signals.h"
#include "top_screen.h"
#include "top_view.h"
#include "verbs.h"

typedef struct Top {
        Cli *cli;
        TopView view;
        TopScreen screen;
        Signals signals;
        uint64_t interval_usec;
        uint32_t samples; /* 0: no end */
} Top;

static void top_done(Top *t)
{
        top_screen_leave(&t->screen);
        signals_release(&t->signals);
        top_view_done(&t->view);
}

/* The picture for the terminal as it is now. */
static void draw(Top *t)
{
        _cleanup_free_ char *text = NULL;
        size_t bytes = 0;
        Out page = t->cli->out;

        page.data = must(open_memstream(&text, &bytes));
        page.width = out_columns(t->cli->out.data);
        top_view_print(&t->view, &page, top_screen_rows(&t->screen));
        (void) fclose(page.data);
        top_screen_draw(&t->screen, must(text)); /* none without memory */
}

static void stop_here(Top *t)
{
        top_screen_leave(&t->screen);
        signals_stop_here();
        top_screen_enter(&t->screen, &t->cli->out);
        draw(t);
}

/* False: it is over. */
static bool take_signals(Top *t)
{
        for (int signo = signals_next(&t->signals); signo != 0; signo = signals_next(&t->signals)) {
                switch (signo) {
                case SIGWINCH:
                        draw(t);
                        break;
                case SIGTSTP:
                        stop_here(t);
                        break;
                case SIGINT:
                        return false;
                default:
                        top_screen_leave(&t->screen);
                        signals_die(&t->signals, signo);
                }
        }
        return true;
}

static bool take_keys(void)
{
        for (int key = top_screen_key(); key != 0; key = top_screen_key())
                if (key == 'q' || key == 'Q')
                        return false;
        return true;
}

/* Until the next picture is due. False: the person has seen enough. */
static bool rest(Top *t, bool keys)
{
        uint64_t end = clock_mono_usec(&CLOCK_SYSTEM) + t->interval_usec;

        for (uint64_t now = end - t->interval_usec; now < end;
             now = clock_mono_usec(&CLOCK_SYSTEM)) {
                struct pollfd fds[] = {
                        {.fd = t->signals.fd, .events = POLLIN},
                        {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN},
                };
                int timeout_ms = (int) ((end - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC);

                if (poll(fds, ARRAY_LEN(fds), timeout_ms) <= 0)
                        continue;
                if (!take_signals(t))
                        return false;
                if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
                        return false; /* the terminal is gone */
                if ((fds[1].revents & POLLIN) && !take_keys())
                        return false;
        }
        return true;
}

static int read_failed(const Top *t, HRESULT hr)
{
        return message_call_failed(&t->cli->out, hr, "cannot look at the service", NULL);
}

static int live(Top *t)
{
        HRESULT hr;

        if (signals_watch(&t->signals) < 0)
                return message_usage(&t->cli->out, NULL, "signals cannot be watched here");
        for (uint32_t n = 0; t->samples == 0 || n < t->samples; n++) {
                hr = top_view_read(&t->view, t->cli);
                if (FAILED(hr)) {
                        top_screen_leave(&t->screen);
                        return read_failed(t, hr);
                }
                if (!t->screen.entered)
                        top_screen_enter(&t->screen, &t->cli->out);
                draw(t);
                if (!rest(t, t->screen.raw))
                        break;
        }
        return STATUS_OK;
}

static int print(Top *t)
{
        uint32_t samples = t->samples > 0 ? t->samples : 1;

        for (uint32_t n = 0; n < samples; n++) {
                HRESULT hr;

                if (n > 0 && !rest(t, false))
                        break;
                hr = top_view_read(&t->view, t->cli);
                if (FAILED(hr))
                        return read_failed(t, hr);
                if (out_is_json(&t->cli->out)) {
                        top_view_print_json(&t->view, &t->cli->out);
                        continue;
                }
                if (n > 0)
                        out_line(&t->cli->out, "%s", "");
                top_view_print(&t->view, &t->cli->out, 0);
                (void) fflush(t->cli->out.data);
        }
        return STATUS_OK;
}

int verb_top(Cli *cli)
{
        const Options *o = cli->opt;
        const Out *out = &cli->out;
        _cleanup_(top_done) Top t = {.cli = cli, .signals = {.fd = -1}};
        int status = cli_connect(cli);

        if (status != STATUS_OK)
                return status;
        t.samples = options_has(o, OPT_ONCE) ? 1 : o->samples;
        t.interval_usec = (options_has(o, OPT_INTERVAL) ? o->interval_sec : 1) * USEC_PER_SEC;
        if (out->data_tty && out->terminal_able && !out_is_json(out) && !options_has(o, OPT_ONCE))
                return live(&t);
        return print(&t);
}
