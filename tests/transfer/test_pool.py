# SPDX-License-Identifier: Apache-2.0
"""The processes: who starts, who ends when, who holds what, and that two never write one file."""
import contextlib
import ctypes
import os
import pathlib
import random
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest
from bad_server import content
from conftest import temporaries

WORKER_LOST = 0x8007042B
GONE_SEC = 20
TRIES = 4


def wait_until(condition, seconds=GONE_SEC):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def is_gone(pid):
    """Dead; a zombie that waits for its parent is dead too."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return text.rsplit(")", 1)[1].split()[0] == "Z"


def begin(driver, server, out, gate="g", name="f"):
    """A download that waits in the middle of the body."""
    driver.job()
    driver.file(server.url(f"/{name}", gate=gate, gate_at=1000), out / name)
    op = driver.start()
    driver.wait("progress", op=op)
    return op


def test_no_worker_runs_before_it_is_needed(driver, server, out):
    driver.tell("check", local=out / "f")
    driver.wait("checked")
    assert driver.worker_pid() is None
    driver.fetch(server.url("/f"), out / "f")
    assert driver.worker_pid() is not None


def test_an_idle_worker_is_retired_and_a_new_one_started(drivers, server, out):
    driver = drivers("--idle-usec", 50000)
    assert driver.fetch(server.url("/f"), out / "f").event == "done"
    first = driver.worker_pid()
    assert wait_until(lambda: driver.worker_pid() is None, 5)
    assert is_gone(first)
    assert driver.fetch(server.url("/g"), out / "g").event == "done"
    assert driver.worker_pid() not in (None, first)


def test_a_worker_that_dies_loses_its_operations_once_each(driver, server, out):
    driver.job()
    for i in range(5):
        driver.file(server.url(f"/{i}", gate="g"), out / str(i))
    ops = [driver.start(i) for i in range(5)]
    for _ in ops:
        driver.wait("connected")
    os.kill(driver.worker_pid(), signal.SIGKILL)
    seen = []
    while len(seen) < 5:
        seen += [e for e in driver.wait("failed") if e["event"] == "failed"]
    assert sorted(e["op"] for e in seen) == ops
    assert all(e["code"] == WORKER_LOST and not e["fatal"] for e in seen)
    server.gate("g").set()
    assert driver.fetch(server.url("/0"), out / "0").event == "done"


def test_bytes_reported_before_a_worker_dies_are_kept(driver, server, out):
    op = begin(driver, server, out)
    os.kill(driver.worker_pid(), signal.SIGKILL)
    driver.wait("failed", op=op)
    assert temporaries(out)[0].read_bytes() == content("a", 100000)[:1000]


def test_bulk_operations_of_a_dead_worker_are_reported(driver, server, out):
    driver.fetch(server.url("/f"), out / "f")
    os.kill(driver.worker_pid(), signal.SIGSTOP)
    driver.job()
    driver.file(server.url("/f"), out / "f", state=2, size=100000, done=100000)
    for verb in ("sync", "publish", "discard"):
        driver.op += 1
        driver.tell(verb, op=driver.op)
    driver.tell("lines")
    driver.wait("lines")  # so it has heard of all before
    os.kill(driver.worker_pid(), signal.SIGKILL)
    for kind in ("synced", "published", "discarded"):
        event = driver.wait(kind)[-1]
        assert event["result"] == WORKER_LOST == event["code"]


def quickest(attempt, bound_sec):
    """The least that `attempt` took; more than once when the processor may have been with others."""
    took = []
    while len(took) < TRIES and (not took or min(took) >= bound_sec):
        took.append(attempt())
    return min(took)


def test_the_worker_dies_with_the_broker_within_milliseconds(drivers, server, out):
    def death():
        driver = drivers()
        begin(driver, server, out)
        worker = driver.worker_pid()
        driver.process.kill()
        killed = time.monotonic()
        assert wait_until(lambda: is_gone(worker))
        took = time.monotonic() - killed
        driver.process.wait()
        return took

    assert quickest(death, 0.5) < 0.5


def test_a_worker_that_hangs_dies_with_the_broker_too(driver, server, out):
    begin(driver, server, out)
    worker = driver.worker_pid()
    os.kill(worker, signal.SIGSTOP)
    driver.process.kill()
    driver.process.wait()
    gone = wait_until(lambda: is_gone(worker))
    if not gone:
        os.kill(worker, signal.SIGKILL)
    assert gone


def test_the_worker_ends_when_the_socket_does(driver, server, out):
    """Also when it was adopted by somebody else and no signal comes."""
    begin(driver, server, out)
    worker = driver.worker_pid()
    driver.process.stdin.close()
    assert driver.process.wait(timeout=20) == 0
    assert wait_until(lambda: is_gone(worker))


def test_no_new_worker_starts_before_the_old_one_is_dead(driver, server, out):
    """A worker that cannot be scheduled still may write: its successor waits for it."""
    begin(driver, server, out)
    old = driver.worker_pid()
    os.kill(old, signal.SIGSTOP)
    os.kill(old, signal.SIGKILL)  # even a stopped process dies of this one
    driver.wait("failed")
    server.gate("g").set()
    assert driver.fetch(server.url("/f"), out / "f").event == "done"
    assert driver.worker_pid() != old and is_gone(old)


ANSWER_USEC = 600000
BUSY = 16


def seize(pid):
    """Who traces a process has to take note of its end before its parent can. To the parent that is
    like a process that was killed while it sleeps in the kernel: it is there, for ever."""
    libc = ctypes.CDLL(None, use_errno=True)
    ptrace_seize = 0x4206
    assert libc.ptrace(ptrace_seize, pid, None, None) == 0, os.strerror(ctypes.get_errno())


def test_a_worker_that_hangs_is_killed_and_its_operations_reported(drivers, server, out):
    bound_sec = ANSWER_USEC / 1e6 * 3

    def hang():
        driver = drivers("--answer-usec", ANSWER_USEC)
        op = begin(driver, server, out)
        old = driver.worker_pid()
        os.kill(old, signal.SIGSTOP)
        stopped = time.monotonic()
        driver.job()
        driver.file(server.url("/f"), out / "f", state=2, size=100000, done=100000)
        driver.op += 1
        driver.tell("publish", op=driver.op)
        seen = driver.wait("failed", op=op)
        if not any(e["event"] == "published" for e in seen):
            seen += driver.wait("published", op=driver.op)
        took = time.monotonic() - stopped
        assert ANSWER_USEC / 1e6 * 0.9 < took
        assert {e["code"] for e in seen if e["event"] in ("failed", "published")} == {WORKER_LOST}
        assert is_gone(old)
        assert driver.fetch(server.url("/g"), out / "g").event == "done"
        return took

    assert quickest(hang, bound_sec) < bound_sec


def test_a_worker_whose_server_is_silent_is_left_alone(drivers, server, out):
    driver = drivers("--answer-usec", ANSWER_USEC)  # in less it might itself be kept from the processor
    op = begin(driver, server, out)
    old = driver.worker_pid()
    assert not wait_until(lambda: driver.worker_pid() != old, ANSWER_USEC / 1e6 * 5)
    server.gate("g").set()
    driver.wait("done", op=op)


def test_a_broker_that_was_stopped_itself_blames_nobody(drivers, server, out):
    driver = drivers("--answer-usec", ANSWER_USEC)
    op = begin(driver, server, out)
    old = driver.worker_pid()
    for _ in range(3):
        driver.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: False, ANSWER_USEC / 1e6 * 2.5)
        driver.process.send_signal(signal.SIGCONT)
    server.gate("g").set()
    driver.wait("done", op=op)
    assert driver.worker_pid() == old


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may trace a worker")
def test_nobody_waits_for_a_worker_that_cannot_even_die(drivers, server, out):
    driver = drivers("--answer-usec", ANSWER_USEC)
    begin(driver, server, out)
    old = driver.worker_pid()
    seize(old)
    os.kill(old, signal.SIGSTOP)
    driver.job()
    driver.file(server.url("/f"), out / "f")
    for verb in ("publish", "discard"):
        driver.op += 1
        driver.tell(verb, op=driver.op)
    event = driver.wait("discarded", op=driver.op)[-1]
    assert event["code"] == WORKER_LOST
    # No second worker while the first is there.
    assert driver.wait("refused", op=driver.start())[-1]["errno"] == BUSY
    assert driver.worker_pid() == old
    os.waitpid(old, 0x40000000)  # __WALL: now it is gone

    def works_again():
        op = driver.start()
        return driver.wait("refused", "connected", op=op)[-1]["event"] == "connected"
    server.gate("g").set()
    assert wait_until(works_again, 5)
    assert driver.worker_pid() != old


def open_files(pid):
    """The worker goes on meanwhile: what it closes between the list and the look is left out."""
    found = {}
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[fd.name] = os.readlink(fd)
    return found


def lock_of_state(tmp_path):
    """In a directory of its own, which is hidden from the worker."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state/lock"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a worker")
def test_the_worker_has_nothing_open_that_it_does_not_need(drivers, server, out, tmp_path):
    secret = os.open(tmp_path / "secret", os.O_RDWR | os.O_CREAT)
    lock = os.open(lock_of_state(tmp_path), os.O_RDWR | os.O_CREAT)
    os.set_inheritable(secret, True)
    driver = drivers("--lock-fd", lock, pass_fds=(secret, lock))
    begin(driver, server, out)
    fds = open_files(driver.worker_pid())
    assert str(tmp_path / "secret") not in fds.values()
    assert fds["4"] == str(tmp_path / "state/lock")
    assert fds["0"] == "/dev/null" and fds["3"].startswith("socket:")
    os.close(secret)
    os.close(lock)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a worker")
@pytest.mark.skipif(os.environ.get("BITSD_SANITIZED") == "1", reason="sanitized workers have no sandbox")
def test_the_worker_is_walled_in(drivers, server, out, tmp_path):
    """tests/unit/sandbox shows what the walls stop; here they are those of the real program."""
    lock = os.open(lock_of_state(tmp_path), os.O_RDWR | os.O_CREAT)
    (tmp_path / "state/vault.key").write_text("secret")
    driver = drivers("--lock-fd", lock, pass_fds=(lock,))
    begin(driver, server, out)
    pid = driver.worker_pid()
    assert "Seccomp:\t2" in pathlib.Path(f"/proc/{pid}/status").read_text()
    seen = pathlib.Path(f"/proc/{pid}/root{tmp_path}")
    assert (seen / "out").is_dir() or (seen / out.name).is_dir()
    if os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
        pytest.skip("no mount namespaces here")
    assert os.listdir(seen / "state") == []
    assert os.listdir(tmp_path / "state") != []
    os.close(lock)


def test_the_lock_is_held_as_long_as_the_worker_lives(drivers, server, out, tmp_path):
    """A lock of the open file, as bitsd takes it, goes only with the last process that has it."""
    import fcntl
    lock = os.open(lock_of_state(tmp_path), os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    driver = drivers("--lock-fd", lock, pass_fds=(lock,))
    begin(driver, server, out)
    worker = driver.worker_pid()
    os.close(lock)
    other = os.open(tmp_path / "state/lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    driver.process.kill()
    driver.process.wait()
    assert wait_until(lambda: is_gone(worker))

    def free():
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
    assert wait_until(free)
    os.close(other)


def test_the_worker_leaves_no_core_and_cannot_be_looked_into(driver, server, out):
    begin(driver, server, out)
    pid = driver.worker_pid()
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    # What must not be dumped belongs to root in /proc, whoever runs it.
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            os.listdir(f"/proc/{pid}/fd")


def test_the_worker_is_no_program_for_people():
    done = subprocess.run([os.environ["BITSD_WORKER"]], capture_output=True, text=True)
    assert done.returncode == 1 and "bitsd" in done.stderr


def test_a_worker_that_is_not_there_is_an_error_of_the_call(drivers, server, out):
    driver = drivers("--worker", "/nowhere/bitsd-worker")
    driver.job()
    driver.file(server.url("/f"), out / "f")
    op = driver.start()
    event = driver.wait("refused", op=op)[-1]
    assert event["errno"] == 2
    driver.start()
    assert driver.wait("refused")[-1]["errno"] == 2


def test_a_worker_that_talks_nonsense_is_ended(drivers, server, out, tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    nonsense = random.Random(seed).randbytes(100000)
    if int.from_bytes(nonsense[:4], "little") <= 1 << 20:  # might be a message that is not whole yet
        nonsense = b"\xff" + nonsense[:2] + b"\xff" + nonsense
    (tmp_path / "nonsense").write_bytes(nonsense)
    liar = tmp_path / "liar"
    liar.write_text(f"#!/bin/sh\ncat '{tmp_path}/nonsense' >&3\nexec sleep 60\n")
    liar.chmod(0o755)
    driver = drivers("--worker", liar)
    driver.job()
    driver.file(server.url("/f"), out / "f")
    event = driver.wait("failed", op=driver.start())[-1]
    assert event["code"] == WORKER_LOST
    assert wait_until(lambda: driver.worker_pid() is None)


def event_frame(kind, op, file=0, result=0, url=None, session=b"", durable=0, done=0, pace=0):
    body = struct.pack("<BIQIQQQIqIB", 8, kind, op, file, 0, done, 0, 0xffffffff, 0, result, 0)
    body += struct.pack("<I", 0xffffffff) if url is None else struct.pack("<I", len(url)) + url
    body += struct.pack("<I", len(session)) + session + bytes([durable]) + struct.pack("<I", pace)
    return struct.pack("<I", len(body)) + body


def tell_lies(drivers, server, out, tmp_path, frame, kind=0):
    """A transfer of that type, done by a worker that says just this."""
    (tmp_path / "frame").write_bytes(frame)
    liar = tmp_path / "liar"
    liar.write_text(f"#!/bin/sh\ncat '{tmp_path}/frame' >&3\nexec sleep 60\n")
    liar.chmod(0o755)
    driver = drivers("--worker", liar)
    driver.job(type=kind, reply=out / "reply")
    driver.file(server.url("/f"), out / "f")
    return driver.wait("failed", "done", op=driver.start())


@pytest.mark.parametrize("what", [
    {"kind": 3, "op": 2},                          # DONE of an operation that is not
    {"kind": 3, "file": 1},                        # of another file than the one it is about
    {"kind": 6},                                   # SYNCED for a download
    {"kind": 15},                                  # no kind at all
    {"kind": 14, "pace": 3}, {"kind": 2, "pace": 1},   # no reason, or one where none belongs
    {"kind": 14, "file": 1},                       # of another file
    {"kind": 4, "result": 0x80004005},             # FAILED without an error
    {"kind": 3, "result": 0x80004005},             # DONE, and failed
    {"kind": 10, "session": b"x"}, {"kind": 11},   # what only uploads say
    {"kind": 1, "url": b"http://h/"},              # a URL where none belongs
    {"kind": 3, "session": b"x"},                  # a session where none belongs
])
def test_an_event_that_cannot_be_is_not_believed(drivers, server, out, tmp_path, what):
    frame = event_frame(**{"op": 1, **what})
    events = tell_lies(drivers, server, out, tmp_path, frame + event_frame(3, 1))
    assert [e["event"] for e in events] == ["failed"] and events[-1]["code"] == WORKER_LOST


@pytest.mark.parametrize("kind, what, fits", [
    (1, {"kind": 10, "session": b"x"}, True), (1, {"kind": 10, "session": b"x", "durable": 1}, True),
    (1, {"kind": 10}, False),                          # SESSION without a session
    (1, {"kind": 10, "session": b"x" * 16385}, False),
    (1, {"kind": 11}, True), (1, {"kind": 11, "durable": 1}, False),
    (1, {"kind": 11, "file": 1}, False), (1, {"kind": 12}, False), (1, {"kind": 6}, False),
    (1, {"kind": 14, "pace": 2}, True), (1, {"kind": 14, "file": 1}, False),
    (1, {"kind": 1, "file": 1}, False),                # there is no reply to an UPLOAD
    (1, {"kind": 13, "file": 1}, False),
    (2, {"kind": 1, "file": 1, "url": b"http://h/"}, True), (2, {"kind": 13, "file": 1}, True),
    (2, {"kind": 13}, False), (2, {"kind": 13, "file": 1, "done": 5}, False),
    (2, {"kind": 1, "file": 2}, False), (2, {"kind": 3, "file": 1}, False),
    (2, {"kind": 1, "file": 1, "url": b"http://h/ x"}, False),
    (2, {"kind": 1, "file": 0, "url": b"http://h/"}, False),
    (2, {"kind": 1, "file": 1, "url": "http://ö/".encode()}, False),
])
def test_which_events_an_upload_may_have(drivers, server, out, tmp_path, kind, what, fits):
    frame = event_frame(**{"op": 1, **what}) + event_frame(3, 1)
    events = tell_lies(drivers, server, out, tmp_path, frame, kind)
    assert events[-1]["event"] == ("done" if fits else "failed")
    assert len(events) == (2 if fits else 1)


def test_an_event_that_can_be_is_believed(drivers, server, out, tmp_path):
    """Else the tests above would prove nothing."""
    events = tell_lies(drivers, server, out, tmp_path, event_frame(3, 1))
    assert [e["event"] for e in events] == ["done"]


def lines_frame(count=1, name=b"eth0", governor=0, connections=2, yielding=1):
    line = struct.pack("<I", len(name)) + name + struct.pack("<8QBBIIII", *range(8), governor, 0, connections, yielding,
                                                             7, 8)
    body = struct.pack("<BQI", 13, 1, count) + line * count
    return struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("what, fits", [
    ({}, True), ({"count": 0}, True), ({"count": 8}, True), ({"count": 9}, False), ({"governor": 4}, False),
    ({"name": b""}, False), ({"name": b"x" * 15}, True), ({"name": b"x" * 16}, False), ({"name": b"a/b"}, False),
    ({"name": b"\x1b[2J"}, False), ({"yielding": 3}, False), ({"connections": 1 << 16}, False),
])
def test_a_report_of_lines_is_checked(drivers, server, out, tmp_path, what, fits):
    """It ends up on somebody's terminal."""
    frame = lines_frame(**what) + event_frame(3, 1)
    events = tell_lies(drivers, server, out, tmp_path, frame)
    assert events[-1]["event"] == ("done" if fits else "failed")


def test_the_last_report_of_lines_is_kept(drivers, server, out, tmp_path):
    (tmp_path / "frame").write_bytes(lines_frame(count=2) + lines_frame() + event_frame(3, 1))
    liar = tmp_path / "liar"
    liar.write_text(f"#!/bin/sh\ncat '{tmp_path}/frame' >&3\nexec sleep 60\n")
    liar.chmod(0o755)
    driver = drivers("--worker", liar, "--idle-usec", 1)
    driver.tell("lines")
    assert not driver.wait("lines")[-1]["known"]
    assert driver.fetch(server.url("/f"), out / "f").event == "done"
    driver.tell("lines")
    report = driver.wait("lines")[-1]
    assert [line["interface"] for line in report["lines"]] in (["eth0"], [])  # it may be gone by now
    assert report["known"]

    def is_empty():
        driver.tell("lines")
        return driver.wait("lines")[-1]["lines"] == []
    assert wait_until(is_empty)  # with its worker


def test_a_broker_that_talks_nonsense_is_left(server, out):
    """Random bytes, alone or after a sound message, end the worker by its own will and fast."""
    rng = random.Random(4711)
    config = struct.pack("<BIIIIIIIIBBIQQ", 1, 6, 5, 5, 10, 6, 0, 0, 0, 1, 0, 0, 0, 0) + b"\xff" * 20
    hello = struct.pack("<I", len(config)) + config
    for round_number in range(60):
        ours, theirs = socket.socketpair()
        worker = subprocess.Popen(["/bin/sh", "-c", 'exec "$0" 3<&0 </dev/null', os.environ["BITSD_WORKER"]],
                                  stdin=theirs, stderr=subprocess.PIPE)
        theirs.close()
        data = b"" if round_number == 1 else rng.randbytes(rng.randrange(1, 400))
        if round_number % 3 == 2:
            kind = bytes([rng.randrange(1, 14)])
            data = struct.pack("<I", len(data) + 1) + kind + data
        ours.sendall((hello if round_number % 2 else b"") + data)
        ours.shutdown(socket.SHUT_WR)
        text = worker.communicate(timeout=10)[1]
        assert worker.returncode in ((0,) if round_number == 1 else (0, 1)), text
        assert b"started by" not in text
        assert b"Sanitizer" not in text
        ours.close()


def test_a_worker_that_ends_at_once_is_reported(drivers, server, out):
    driver = drivers("--worker", "/bin/true")
    driver.job()
    driver.file(server.url("/f"), out / "f")
    for _ in range(3):
        assert driver.wait("failed", op=driver.start())[-1]["code"] == WORKER_LOST


def test_a_stop_for_what_is_over_is_ignored(driver, server, out):
    result = driver.fetch(server.url("/f"), out / "f")
    driver.tell("stop", op=result.op)
    driver.tell("stop", op=4711)
    assert driver.fetch(server.url("/g"), out / "g").event == "done"


def test_random_kills_never_spoil_a_file(driver, server, out):
    """Every time the worker dies, the rest is asked for again from what was reported."""
    from conftest import ENDS, Kept
    size = 3 << 20
    kept = Kept()
    url = server.url("/f", size=size, rate=4 << 20)
    for round_number in range(8):
        driver.job()
        driver.file(url, out / "f", **kept.as_words())
        op = driver.start()
        deadline = time.monotonic() + 0.1 + 0.07 * round_number
        while time.monotonic() < deadline:
            try:
                event = driver.events.get(timeout=max(0.001, deadline - time.monotonic()))
            except Exception:
                break
            kept.note(event)
            if event["event"] in ENDS:
                break
        else:
            event = None
        if kept.done < size and driver.worker_pid():
            os.kill(driver.worker_pid(), signal.SIGKILL)
            for event in driver.wait("failed", "done", op=op):
                if event.get("code") != WORKER_LOST:
                    kept.note(event)
    driver.job()
    result = driver.fetch(url, out / "f", kept)
    assert result.event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", size)


def test_five_thousand_files_in_one_job(drivers, server, out):
    """Bounded descriptors, memory and processes, whatever their number."""
    driver = drivers()
    driver.job()
    for i in range(5000):
        driver.file(server.url(f"/{i}", size=64, seed=i % 7), out / str(i))
    driver.tell("run", parallel=6)
    end = time.monotonic() + 100
    while driver.events.empty() and time.monotonic() < end:
        if os.geteuid() == 0 and driver.worker_pid():
            assert len(os.listdir(f"/proc/{driver.worker_pid()}/fd")) < 100
        time.sleep(0.1)
    assert driver.wait("ran")[-1]["done"] == 5000
    peak = pathlib.Path(f"/proc/{driver.worker_pid()}/status").read_text().split("VmHWM:")[1].split()[0]
    if "asan" not in os.environ["BITSD_WORKER"]:
        assert int(peak) < 24 * 1024
    assert driver.bulk("publish")[-1]["result"] == 0
    assert len(list(out.iterdir())) == 5000
    for i in range(0, 5000, 499):
        assert (out / str(i)).read_bytes() == content(i % 7, 64)
