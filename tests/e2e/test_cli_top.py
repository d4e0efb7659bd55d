# SPDX-License-Identifier: Apache-2.0
"""bitsctl top on a terminal, and in a pipe, against a real service."""
import fcntl
import json
import os
import re
import signal
import struct
import termios

from conftest import until

ENTER, LEAVE, HOME = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H"
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


def frames(t):
    """The pictures so far, as they stand on the screen."""
    return [ESCAPES.sub("", f).split("\n") for f in t.text().split(HOME)[2:]]


def is_whole(t):
    return t.text().endswith("\x1b[J")


def mode(t):
    return termios.tcgetattr(t.master)[3]


def start(ctl, *args, **kwargs):
    ctl.ok("create", "a-job-with-a-name-that-is-longer-than-most-terminals-are-wide" * 2)
    t = ctl.terminal("top", *args, **kwargs)
    t.expect(re.escape(HOME) + "[^\x1b]*1 job")
    return t


def assert_left_clean(t, mode_before, status=0):
    assert t.wait() == status
    assert t.text().rstrip().endswith("\x1b[?25h" + LEAVE)
    assert t.text().count(ENTER) == t.text().count(LEAVE)
    assert t.text().count(NO_WRAP) == t.text().count(WRAP) > 0
    assert mode(t) == mode_before


def test_it_draws_in_place_until_q(ctl):
    ctl.ok("create", "first")
    t = ctl.terminal("top")
    before = mode(t) | termios.ICANON | termios.ECHO
    t.expect(re.escape(ENTER))
    t.expect("suspended")
    assert not mode(t) & (termios.ICANON | termios.ECHO)
    t.expect(r"▁▁")  # the second picture knows of the first
    assert t.text().count("\x1b[2J") == 1  # nothing is wiped but at the start: no flicker
    t.type(b"x")
    t.type(b"q")
    assert_left_clean(t, before)


def test_interrupt_leaves_a_clean_screen(ctl):
    t = start(ctl)
    before = mode(t) | termios.ICANON | termios.ECHO
    t.type(b"\x03")
    assert_left_clean(t, before)


def test_a_signal_that_ends_it_leaves_a_clean_screen(ctl):
    t = start(ctl)
    before = mode(t) | termios.ICANON | termios.ECHO
    t.process.send_signal(signal.SIGTERM)
    assert_left_clean(t, before, -signal.SIGTERM)


def test_it_follows_the_size_of_the_terminal(ctl):
    t = start(ctl, "--interval=1h")  # so that nothing but the new size draws again
    until(lambda: t.read() and is_whole(t), "the first picture")
    assert max(len(line) for line in frames(t)[-1]) <= 100
    n = len(frames(t))
    fcntl.ioctl(t.master, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 60, 0, 0))
    until(lambda: t.read() and len(frames(t)) > n and is_whole(t), "another picture")
    lines = [line for line in frames(t)[-1] if line]
    assert max(len(line) for line in lines) <= 60
    assert len(frames(t)[-1]) <= 5
    t.type(b"q")
    assert t.wait() == 0


def test_a_locale_without_utf8_has_plain_bars(ctl):
    t = start(ctl, env={"LC_ALL": "C", "LANG": "C"})
    t.expect(r" __ ")
    t.type(b"Q")
    assert t.wait() == 0
    assert t.text().isascii()


def test_so_many_pictures_and_no_more(ctl):
    t = start(ctl, "-n", "2")
    assert t.wait() == 0
    assert len(frames(t)) == 2


def test_a_service_that_goes_is_told_on_the_usual_screen(ctl):
    t = start(ctl, env={"BITSD_AUTOSTART": "0"})
    ctl.kill_service()
    assert t.wait() == 7
    assert "cannot look at the service" in t.text().split(LEAVE)[1]


def test_in_a_pipe_it_is_one_picture(ctl):
    ctl.ok("create", "j")
    out = ctl.ok("top")
    assert "\x1b" not in out and out.count("suspended") == 1
    assert re.match(r"\d\d:\d\d:\d\d  1 job, 0 active, 0 B/s; network (up|down)\n\n", out)
    assert ctl.ok("top", "-n", "2").count("suspended") == 2


def test_json_is_one_document_a_line(ctl):
    ctl.ok("create", "j", "--limit-rate=2M")
    documents = [json.loads(line) for line in ctl.ok("top", "-j", "-n", "2").splitlines()]
    assert len(documents) == 2
    for d in documents:
        assert list(d)[:2] == ["v", "at"] and d["lines"] == [] and d["metered"] is False
        assert [j["name"] for j in d["jobs"]] == ["j"]
    assert ctl.field("j", "limit_rate") == str(2 << 20)
    ctl.ok("set", "j", "--limit-rate", "0")
    assert ctl.field("j", "limit_rate") == ""
    assert ctl.run("set", "j", "--limit-rate", "255").returncode == 1


def test_a_dumb_terminal_gets_one_picture(ctl):
    t = ctl.terminal("top", env={"TERM": "dumb"})
    assert t.wait() == 0
    assert "\x1b" not in t.text() and os.isatty(t.master)


def test_a_job_without_files_has_not_done_all(ctl):
    ctl.ok("create", "j")
    assert "100%" not in ctl.ok("top")


def test_on_a_low_terminal_jobs_come_before_lines(ctl, bad, tmp_path):
    ctl.ok("get", "--detach", "--limit-rate", "100K", bad.url("/f?size=50000000"), "-o", tmp_path / "f")
    until(lambda: json.loads(ctl.ok("top", "--json"))["lines"], "a line")
    t = ctl.terminal("top", "--interval=1h")
    t.expect("link idle")
    n = len(frames(t))
    fcntl.ioctl(t.master, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 100, 0, 0))
    until(lambda: t.read() and len(frames(t)) > n and is_whole(t), "another picture")
    text = "\n".join(frames(t)[-1])
    assert "transferring" in text and "link idle" not in text
    assert len(frames(t)[-1]) <= 6
    t.type(b"q")
    assert t.wait() == 0
