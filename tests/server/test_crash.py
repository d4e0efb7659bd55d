# SPDX-License-Identifier: Apache-2.0
"""Killed at a chosen system call, and machines that went down: S6 where it hurts most."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from wire import Closed

STRACE = shutil.which("strace")
SITE = "[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\nBITSAllowOverwrites = {}\n"
DATA = b"0123456789" * 1000
HALF = len(DATA) // 2


def can_trace():
    return STRACE and subprocess.run([STRACE, "-o", "/dev/null", "true"],
                                     capture_output=True).returncode == 0


class Upload:
    """Steps of an upload, each of which may find the server dead."""

    def __init__(self, server, target="/f"):
        self.server, self.target = server, target
        self.session, self.reply_url, self.done = None, None, False

    def go_on(self):
        with self.server.wire() as wire:
            if not self.session:
                self.session = wire.open(self.target)
            offset = 0
            while offset < len(DATA):
                answer = wire.fragment(self.target, self.session, offset,
                                       DATA[offset:offset + HALF], len(DATA))
                assert answer.status in (200, 416), answer
                assert answer.received >= offset
                offset = answer.received
            self.reply_url = answer["BITS-Reply-URL"]
            assert wire.close_session(self.target, self.session).status == 200
            self.done = True


def end_traced(server):
    """The tracer and, when the kill never came, the traced; a tracer that dies leaves it alive."""
    tracer = server.process.pid
    children = pathlib.Path(f"/proc/{tracer}/task/{tracer}/children")
    with contextlib.suppress(OSError):
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    server.process.wait(20)  # it ends with what it traces
    if not server.process.stdout.closed:
        server.process.stdout.close()
    server.process = None


def run_with_a_kill(server, config, call, when):
    """True when the server died of it. What was asked is done in the end in any case."""
    server.start(config=config)
    server.stop()
    plain = server.arguments
    server.arguments = [STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                        f"inject={call}:signal=KILL:when={when}", *plain]
    died = False
    try:
        server.again()
        upload = Upload(server)
        upload.go_on()
    except (Closed, OSError):
        died = True
    except AssertionError:  # killed before it listened
        died = True
        upload = Upload(server)
    end_traced(server)
    server.arguments = plain
    server.again()
    while not upload.done:
        upload.go_on()
    return died


POINTS = [("renameat", n) for n in (1, 2, 3, 4, 5)] + [("linkat", 1), ("linkat", 2)] \
    + [("io_submit", n) for n in (1, 2, 3, 4)] + [("pwrite64", 1), ("pwrite64", 2)] \
    + [("unlinkat", n) for n in (1, 2, 3)] + [("fchmod", 2)]


@pytest.mark.skipif(not can_trace(), reason="no strace here, or it may not trace")
@pytest.mark.parametrize("overwrite", [0, 1])
@pytest.mark.parametrize("call, when", POINTS)
def test_killed_at_a_system_call_the_file_arrives_whole(server, call, when, overwrite):
    run_with_a_kill(server, SITE.format(overwrite), call, when)
    assert (server.root / "f").read_bytes() == DATA
    assert server.files() == ["f"]
    server.stop()
    server.again()
    assert not [p for p in server.sessions.iterdir() if p.suffix in (".data", ".new", ".link")]


@pytest.mark.skipif(not can_trace(), reason="no strace here, or it may not trace")
@pytest.mark.parametrize("call, when", [("io_submit", n) for n in (1, 2, 3, 4, 5)]
                         + [("renameat", n) for n in (2, 3, 4, 5)] + [("connect", 1)])
def test_killed_around_a_notification_it_is_told_and_done_once(server, application, call, when):
    keys = {}

    def answer(call):
        assert call.body == DATA
        reply = keys.setdefault(call["Idempotency-Key"], b"reply %d" % len(keys))
        return 200, {"BITS-Copy-File-To-Destination": "1"}, reply

    app = application(answer)
    config = SITE.format(0) + ("BITSServerNotificationType = 2\n"
                               f"BITSServerNotificationURL = {app.url}\n")
    run_with_a_kill(server, config, call, when)
    assert (server.root / "f").read_bytes() == DATA
    assert len(keys) == 1 and 1 <= len(app.calls) <= 2


def test_the_points_are_reached(server):
    """A kill that never comes would prove nothing."""
    if not can_trace():
        pytest.skip("no strace here, or it may not trace")
    assert run_with_a_kill(server, SITE.format(0), "linkat", 1)


ANOTHER_BOOT = ["unshare", "-m", "sh", "-c",
                'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"']


def after_a_power_cut(server):
    """Starts the server in what looks to it like the next boot of the machine."""
    boot = server.directory / "boot"
    boot.write_text("01234567-89ab-4cde-8f01-23456789abcd\n")
    probe = subprocess.run([*ANOTHER_BOOT, boot, "true"], capture_output=True)
    if probe.returncode != 0:
        server.again()
        pytest.skip("no mount namespace here")
    server.arguments = [*ANOTHER_BOOT, str(boot), *server.arguments]
    return server.again()


def test_after_a_power_cut_only_what_was_synced_counts(server):
    wire = server.start(config=SITE.format(0)).wire()
    session = wire.open("/f")
    assert wire.fragment("/f", session, 0, DATA[:HALF], len(DATA)).received == HALF
    server.kill()
    wire = after_a_power_cut(server).wire()
    gap = wire.fragment("/f", session, HALF, DATA[HALF:], len(DATA))
    assert gap.status == 416 and gap.received == 0
    data, = server.session_files(".data")
    assert os.stat(data).st_size == 0
    assert wire.fragment("/f", session, 0, DATA, len(DATA)).received == len(DATA)
    assert (server.root / "f").read_bytes() == DATA


def test_an_orderly_stop_keeps_all_of_it_over_a_reboot(server):
    wire = server.start(config=SITE.format(0)).wire()
    session = wire.open("/f")
    wire.fragment("/f", session, 0, DATA[:HALF], len(DATA))
    server.stop()
    wire = after_a_power_cut(server).wire()
    assert wire.fragment("/f", session, HALF, DATA[HALF:], len(DATA)).received == len(DATA)


def test_a_delivered_upload_is_delivered_after_a_power_cut(server, application):
    app = application(lambda call: (200, {}, b"reply"))
    config = SITE.format(0) + ("BITSServerNotificationType = 2\n"
                               f"BITSServerNotificationURL = {app.url}\n")
    wire = server.start(config=config).wire()
    session = wire.open("/f")
    url = wire.fragment("/f", session, 0, DATA, len(DATA))["BITS-Reply-URL"]
    server.kill()
    wire = after_a_power_cut(server).wire()
    assert wire.get(url).body == b"reply"
    assert wire.fragment("/f", session, 0, DATA, len(DATA))["BITS-Reply-URL"] == url
    assert wire.close_session("/f", session).status == 200
    assert len(app.calls) == 1
