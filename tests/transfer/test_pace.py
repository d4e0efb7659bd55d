# SPDX-License-Identifier: Apache-2.0
"""Background transfers as the world sees them: what is set on their sockets, what they share, how fast
they are under limits. Loopback is under control here by --control-loopback; bounds of time are wide."""
import ctypes
import os
import pathlib
import socket
import time

import pytest
from bad_server import content
from conftest import ENDS, UPLOAD, Result, begin, temporaries
from test_nginx import nginx  # noqa: F401  the fixture
from test_pool import wait_until

FOREGROUND, HIGH, NORMAL, LOW = range(4)
FREE, BUSY, LIMIT = range(3)
K = 1024
TCP_WINDOW_CLAMP, TCP_NOTSENT_LOWAT = 10, 25
SYS_PIDFD_GETFD = 438


@pytest.fixture
def paced(drivers):
    return drivers("--control-loopback", 1, "--stall-timeout-sec", 2, "--connect-timeout-sec", 5,
                   "--upload-send-timeout-sec", 2, "--upload-response-timeout-sec", 2)


def sockets_to(pid, port):
    """Copies of the worker's sockets to that port."""
    libc = ctypes.CDLL(None, use_errno=True)
    pid_fd = os.pidfd_open(pid)
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        fd = libc.syscall(SYS_PIDFD_GETFD, pid_fd, int(name), 0)
        if fd < 0:
            if ctypes.get_errno() == 1:
                pytest.skip("another process's sockets may not be looked at here")
            continue
        try:
            s = socket.socket(fileno=fd)
            if s.family == socket.AF_INET and s.getpeername()[1] == port:
                found.append(s)
            else:
                s.close()
        except OSError:
            os.close(fd)
    os.close(pid_fd)
    return found


def look_at_socket(driver, server, out, **props):
    """(clamp, type of service, low-water mark) in the middle of a download, after 100 ms of it."""
    if os.geteuid() != 0:
        pytest.skip("another process's sockets may not be looked at here")
    gate = f"g{time.monotonic_ns()}"
    driver.job(**props)
    driver.file(server.url(f"/f?size=3000000&gate={gate}&gate_at=1000000"), out / gate)
    op = driver.start()
    driver.wait("progress", op=op)
    s, = sockets_to(driver.worker_pid(), server.port)
    with s:
        seen = (s.getsockopt(socket.IPPROTO_TCP, TCP_WINDOW_CLAMP), s.getsockopt(socket.IPPROTO_IP, socket.IP_TOS),
                s.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT))
    driver.tell("stop", op=op)
    driver.wait(*ENDS, op=op)
    return seen


def test_the_window_of_a_background_download_is_clamped(paced, server, out):
    clamp, tos, low_water = look_at_socket(paced, server, out, priority=NORMAL)
    assert 1152 <= clamp <= 4000000
    assert tos == 4 and low_water == 128 * K


def test_a_limit_keeps_the_window_small(paced, server, out):
    clamp = look_at_socket(paced, server, out, priority=NORMAL, limit=2000000)[0]
    assert clamp <= 500000


def test_a_foreground_download_is_left_alone(paced, server, out):
    untouched = look_at_socket(paced, server, out, priority=FOREGROUND)
    assert untouched[1] == 0 and untouched[2] != 128 * K
    assert untouched[0] == 0 or untouched[0] != 4000000


def test_loopback_is_left_alone_by_default(driver, server, out):
    """No window is held down, and what administrators limit is the Internet."""
    driver.tell("limits", normal=1000)
    started = time.monotonic()
    assert driver.fetch(server.url("/f?size=5000000"), out / "f", priority=NORMAL).event == "done"
    assert time.monotonic() - started < 10  # 5000 s, if it were limited


def timed(driver, url, local, **props):
    started = time.monotonic()
    result = driver.fetch(url, local, **props)
    return result, time.monotonic() - started


def test_a_job_keeps_to_its_limit(paced, server, out):
    result, sec = timed(paced, server.url("/f?size=600000"), out / "f", priority=NORMAL, limit=200000)
    assert result.event == "done" and 2 < sec < 9
    assert temporaries(out)[0].read_bytes() == content("a", 600000)


def test_the_limit_of_a_job_holds_on_loopback_too(driver, server, out):
    result, sec = timed(driver, server.url("/f?size=400000"), out / "f", priority=LOW, limit=200000)
    assert result.event == "done" and 1.3 < sec < 8


def test_the_files_of_a_job_share_its_limit(paced, server, out):
    paced.job(priority=NORMAL, limit=200000)
    for i in range(4):
        paced.file(server.url(f"/f{i}?size=150000"), out / str(i))
    started = time.monotonic()
    paced.tell("run", parallel=4)
    assert paced.wait("ran")[-1]["done"] == 4
    assert 2 < time.monotonic() - started < 9


def test_a_level_keeps_to_its_limit_and_others_do_not(paced, server, out):
    """Also a worker that starts after the limits were set."""
    paced.tell("limits", normal=200000)
    assert timed(paced, server.url("/f?size=5000000"), out / "h", priority=HIGH)[1] < 10
    assert timed(paced, server.url("/f?size=5000000"), out / "f", priority=FOREGROUND)[1] < 10
    result, sec = timed(paced, server.url("/f?size=400000"), out / "n", priority=NORMAL)
    assert result.event == "done" and 1.3 < sec < 8
    paced.tell("limits")
    assert timed(paced, server.url("/f?size=5000000"), out / "n2", priority=NORMAL)[1] < 10


def test_retuning_lifts_a_limit(paced, server, out):
    paced.job(priority=NORMAL, limit=20000)
    paced.file(server.url("/f?size=5000000"), out / "f")
    op = paced.start()
    paced.wait("progress", op=op)
    started = time.monotonic()
    paced.tell("retune", op=op, limit=0)
    assert paced.wait(*ENDS, op=op)[-1]["event"] == "done"
    assert time.monotonic() - started < 10  # 250 s, if it were limited still


def test_retuning_sets_a_limit(paced, server, out):
    paced.job(priority=NORMAL)
    paced.file(server.url("/f?size=4000000&drip=40000,0.05"), out / "f")
    op = paced.start()
    paced.wait("progress", op=op)
    paced.tell("retune", op=op, limit=50000, priority=LOW)
    seen = paced.wait("pace", op=op)
    assert seen[-1]["pace"] == LIMIT
    before = max(e["done"] for e in seen if e["event"] in ("progress", "pace"))
    started = time.monotonic()
    seen = paced.wait("progress", op=op)
    while time.monotonic() - started < 3:
        seen = paced.wait("progress", op=op)
    assert seen[-1]["done"] - before < 50000 * 3 * 2 + 300000
    paced.tell("stop", op=op)
    paced.wait("stopped", op=op)


def test_what_we_hold_back_is_no_silence(paced, server, out):
    """Between two reads there are more seconds than a silent server has."""
    result, sec = timed(paced, server.url("/f?size=4000"), out / "f", priority=NORMAL, limit=300)
    assert result.event == "done" and sec > 8
    assert temporaries(out)[0].read_bytes() == content("a", 4000)


def test_a_silent_server_is_still_found_out(paced, server, out):
    result, sec = timed(paced, server.url("/f?size=400000&stall=100000"), out / "f", priority=NORMAL, limit=1000000)
    assert result.event == "failed" and result.code == 0x80072ee2 and sec < 15


def test_a_server_that_is_silent_to_a_controlled_one_is_found_out(paced, server, out):
    result, sec = timed(paced, server.url("/f?size=400000&stall=100000"), out / "f", priority=NORMAL)
    assert result.event == "failed" and result.code == 0x80072ee2 and sec < 15


def test_the_disk_is_told_once_what_was_held_back(paced, server, out):
    """An answer that goes wrong while it is held back stays wrong."""
    result = paced.fetch(server.url("/f?size=60000&cut=30000"), out / "f", priority=NORMAL, limit=20000)
    assert result.event == "failed" and result.done == 30000
    result = paced.fetch(server.url("/f?size=60000"), out / "f", result.kept, priority=NORMAL, limit=40000)
    assert result.event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", 60000)


def timed_upload(driver, url, path, **props):
    started = time.monotonic()
    result = Result(driver.wait(*ENDS, op=begin(driver, url, path, UPLOAD, **props)))
    return result, time.monotonic() - started


def test_an_upload_keeps_to_its_limit(paced, bits_server, source):
    path = source(600000)
    result, sec = timed_upload(paced, bits_server.url("/up"), path, priority=NORMAL, limit=200000)
    assert result.event == "done" and 2 < sec < 9
    assert bits_server.uploads["/up"] == path.read_bytes()


def test_an_upload_of_two_kib_a_second_does_not_time_out(paced, bits_server, source):
    path = source(8 * K)
    result, sec = timed_upload(paced, bits_server.url("/up"), path, priority=NORMAL, limit=2 * K)
    assert result.event == "done" and sec > 3
    assert bits_server.uploads["/up"] == path.read_bytes()


def test_a_controlled_upload_arrives(paced, bits_server, source):
    path = source(5000000)
    result, sec = timed_upload(paced, bits_server.url("/up"), path, priority=NORMAL)
    assert result.event == "done" and sec < 20
    assert bits_server.uploads["/up"] == path.read_bytes()


def test_foreground_and_background_share_no_connection(drivers, nginx, out):  # noqa: F811
    """By HTTP/2 they could, and requests of one priority do."""
    (nginx.www / "f").write_bytes(content("a", 1000))
    driver = drivers("--ca-bundle", nginx.ca_path, "--control-loopback", 1)
    turns = [FOREGROUND, NORMAL, LOW, HIGH, NORMAL, FOREGROUND, LOW]
    for i, priority in enumerate(turns):
        url = f"https://127.0.0.1:{nginx.tls_port}/f"
        assert driver.fetch(url, out / str(i), priority=priority).event == "done"
    assert wait_until(lambda: len(nginx.log()) == len(turns))
    rows = nginx.log()
    assert {row[0] for row in rows} == {"HTTP/2.0"}
    used = {}
    for priority, row in zip(turns, rows):
        used.setdefault(priority, set()).add(row[1])
    assert all(len(connections) == 1 for connections in used.values())
    assert len(set.union(*used.values())) == 4


def test_http_2_keeps_to_the_limit_of_a_job(drivers, nginx, out):  # noqa: F811
    for i in range(4):
        (nginx.www / str(i)).write_bytes(content(i, 150000))
    driver = drivers("--ca-bundle", nginx.ca_path, "--control-loopback", 1, "--stall-timeout-sec", 2)
    driver.job(priority=NORMAL, limit=200000)
    for i in range(4):
        driver.file(f"https://127.0.0.1:{nginx.tls_port}/{i}", out / str(i))
    started = time.monotonic()
    driver.tell("run", parallel=4)
    assert driver.wait("ran")[-1]["done"] == 4
    assert 2 < time.monotonic() - started < 10
    assert driver.bulk("publish")[-1]["result"] == 0
    for i in range(4):
        assert (out / str(i)).read_bytes() == content(i, 150000)


def test_a_limit_that_binds_is_told(paced, server, out):
    result = paced.fetch(server.url("/f?size=400000"), out / "f", priority=NORMAL, limit=100000)
    told = [e["pace"] for e in result.events if e["event"] == "pace"]
    assert told == [LIMIT]


def test_lines_are_told_while_something_runs_and_once_more(paced, server, out):
    paced.job(priority=NORMAL, limit=100000)
    paced.file(server.url("/f?size=30000000"), out / "f")
    op = paced.start()

    def line():
        paced.tell("lines")
        lines = paced.wait("lines")[-1]["lines"]
        return lines[0] if lines else None
    busy = {}

    def is_busy():
        busy.update(line() or {})
        return busy and busy["connections"] == 1 and busy["own"][0] > 20000
    assert wait_until(is_busy), busy
    assert busy["interface"] == "lo" and busy["own"][0] < 1000000
    assert busy["foreground"] == [0, 0]
    paced.tell("stop", op=op)
    paced.wait(*ENDS, op=op)
    assert wait_until(lambda: line()["connections"] == 0 and line()["own"] == [0, 0])
    pid = pathlib.Path(f"/proc/{paced.worker_pid()}/stat")
    assert pid.exists()  # it was not its end that said so
