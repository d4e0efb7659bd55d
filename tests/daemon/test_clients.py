# SPDX-License-Identifier: Apache-2.0
"""Many, strange, slow, greedy and dying clients: each is bounded, and the others go on."""
import contextlib
import os
import pathlib
import random
import socket
import struct
import tempfile
import time

import pytest

import dbus_wire
from conftest import SANITIZED, Service, wait_until
from dbus_wire import CALL, CallError, Closed, Connection, pack_files

CLIENTS_MAX = 512
CALLS_PENDING_MAX = 64
QUOTA = 0x80070718
CANCELLED, QUEUED = 8, 0
OTHER_UID = 12345


def alive(client):
    return client.call("Hello", "us", 1, "still here")[0] == 1


def connection_count(service):
    """Sockets that were accepted from the service's own and are still open, as the kernel lists them
    (whether the client is there or not)."""
    connected = "03"
    rows = [line.split() for line in pathlib.Path("/proc/net/unix").read_text().splitlines()]
    return sum(len(r) == 8 and r[7] == str(service.socket) and r[5] == connected for r in rows)


@pytest.fixture
def open_place():
    """Where every user can get to."""
    with tempfile.TemporaryDirectory(prefix="test-bitsd-", dir="/tmp") as name:
        path = pathlib.Path(name)
        path.chmod(0o711)
        (path / "run").mkdir(mode=0o711)
        s = Service(path)
        yield s
        s.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_before_a_byte_is_read(open_place):
    service = open_place.start()
    client = service.connect()
    service.socket.chmod(0o666)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        outcome = b"no connection"
        with contextlib.suppress(BaseException):
            os.setgid(OTHER_UID)
            os.setuid(OTHER_UID)
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20)
            s.connect(str(service.socket))
            outcome = b"closed" if s.recv(1) == b"" else b"served"
        os.write(write_end, outcome)
        os._exit(0)
    os.close(write_end)
    os.waitpid(pid, 0)
    assert os.read(read_end, 20) == b"closed"
    os.close(read_end)
    assert f"uid {OTHER_UID}" in service.log_text()
    assert alive(client)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_may_look_after_the_service_of_a_user(open_place):
    os.chown(open_place.dir, OTHER_UID, OTHER_UID)
    os.chown(open_place.dir / "run", OTHER_UID, OTHER_UID)
    open_place.log.touch()
    service = open_place.start(user=OTHER_UID)
    client = service.connect()
    job = client.create()
    assert client.read(job)["owner_uid"] == OTHER_UID
    assert len(client.list(1)) == 1


def test_512_clients_are_served_and_the_next_ones_told_to_go(service):
    clients = []
    for _ in range(600):
        try:
            clients.append(service.connect())
        except (Closed, BrokenPipeError):
            pass
    assert len(clients) == CLIENTS_MAX
    assert alive(clients[0]) and alive(clients[-1])
    clients[7].close()

    def one_more():
        try:
            return alive(service.connect())
        except (Closed, BrokenPipeError):
            return False
    wait_until(one_more, "a place that became free")


def test_connections_that_come_and_go_leave_nothing_behind(service, client):
    alive(client)
    before = connection_count(service)
    assert before == 1
    for i in range(300):
        c = Connection(service.socket, auth=i % 3 > 0)
        if i % 3 == 2:
            c.send("ListJobs", "u", 0)
        c.close()
    wait_until(lambda: connection_count(service) == before, "the connections to be closed")
    assert alive(client)


GARBAGE = {
    "nothing": b"",
    "zeros": b"\0" * 5000,
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no nul": b"AUTH EXTERNAL 30\r\n",
    "endless line": b"\0AUTH " + b"A" * 200000,
    "odd hex": b"\0AUTH EXTERNAL 3\r\nBEGIN\r\n",
    "begin at once": b"\0BEGIN\r\n" + b"l\1\0\1",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_before_the_handshake(service, client, name):
    c = service.connect(auth=False)
    with contextlib.suppress(ConnectionError):
        c.sock.sendall(GARBAGE[name])
    c.close()
    assert alive(client)


def header(body_len=0, serial=1, fields=b"", endian=b"l", kind=CALL, version=1, array_len=None):
    array_len = len(fields) if array_len is None else array_len
    return dbus_wire.pad(struct.pack("<cBBBIII", endian, kind, 0, version, body_len, serial,
                                     array_len) + fields, 8)


BROKEN = {
    "endianness": header(endian=b"x"),
    "version": header(version=9),
    "serial 0": header(serial=0),
    "kind 0": header(kind=0),
    "no fields": header(),
    "huge body": header(body_len=0xfffffff0),
    "huge fields": header(array_len=0xfffffff0),
    "zeros": b"\0" * 64,
    "text in no UTF-8": dbus_wire.encode(CALL, 1, {1: dbus_wire.PATH, 2: dbus_wire.INTERFACE,
                                                   3: "CreateJob"}, "su", [b"\xff\xfe", 0]),
    "text with NUL": dbus_wire.encode(CALL, 1, {1: dbus_wire.PATH, 2: dbus_wire.INTERFACE,
                                                3: "CreateJob"}, "su", [b"a\0b", 0]),
    "body shorter than its signature": dbus_wire.encode(
        CALL, 1, {1: dbus_wire.PATH, 2: dbus_wire.INTERFACE, 3: "CreateJob", 8: "su"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_messages(service, client, name):
    c = service.connect()
    c.sock.sendall(BROKEN[name])
    c.close()
    assert alive(client)
    assert client.list() == []


def test_random_bytes_for_messages(service, client):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    good = dbus_wire.encode(CALL, 1, {1: dbus_wire.PATH, 2: dbus_wire.INTERFACE, 3: "SetName"},
                            "ays", [b"\0" * 16, "some name"])
    for _ in range(150):
        c = Connection(service.socket)
        data = bytearray(good * 3)
        for _ in range(rng.randrange(1, 10)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with contextlib.suppress(ConnectionError):
            c.sock.sendall(data)
            c.sock.sendall(rng.randbytes(rng.randrange(300)))
        c.close()
    assert alive(client)


def test_a_message_cut_anywhere_harms_nobody_else(service, client):
    good = dbus_wire.encode(CALL, 1, {1: dbus_wire.PATH, 2: dbus_wire.INTERFACE, 3: "CreateJob"},
                            "su", ["half", 0])
    for cut in range(0, len(good), 3):
        c = Connection(service.socket)
        c.sock.sendall(good[:cut])
        c.close()
    assert alive(client)
    assert client.list() == []


def test_what_follows_the_handshake_at_once_is_served(service):
    """In one piece with BEGIN, then nothing more."""
    for _ in range(20):
        c = service.connect(auth=False)
        c.sock.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\n")
        assert c.read_line() == b"DATA"
        assert c.read_line().startswith(b"OK ")
        hello = [dbus_wire.encode(CALL, n, {1: dbus_wire.PATH, 2: dbus_wire.INTERFACE, 3: "Hello"},
                                  "us", [1, "x"]) for n in (1, 2)]
        c.sock.sendall(b"BEGIN\r\n" + b"".join(hello))
        assert c.wait_reply(1)[0] == 1
        assert c.wait_reply(2)[0] == 1
        c.close()


def test_anonymous_clients_are_told_by_the_kernel_anyway(service):
    c = service.connect(auth=False)
    c.sock.sendall(b"\0AUTH ANONYMOUS\r\n")
    if c.read_line().startswith(b"DATA"):
        c.sock.sendall(b"DATA\r\n")
        assert c.read_line().startswith(b"OK ")
    c.sock.sendall(b"BEGIN\r\n")
    assert alive(c)


def test_a_watcher_that_never_reads_is_cut_off_and_others_go_on(service, client):
    slow, good = service.connect(), service.connect()
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.call("Watch", "bay", False, b"\0" * 16)
    good.call("Watch", "bay", False, b"\0" * 16)
    for i in range(5000):
        client.call("Cancel", "ay", client.create(f"job {i} " + "x" * 200))
        if i % 10 == 0:
            while good.next_event(0.001):
                pass
        if i % 50 == 0 and "does not read" in service.log_text():
            break
    assert "does not read" in service.log_text()
    assert alive(client) and alive(good)
    assert slow.is_closed()


def test_a_client_that_asks_and_never_reads_is_cut_off(service, client):
    job = client.create()
    client.add(job, *((f"http://h/{i}/" + ("a" * 200 + "/") * 4 + "a", f"/tmp/t-{i}") for i in range(4000)))
    before = service.rss_kib()
    greedy = service.connect()
    with contextlib.suppress(ConnectionError):
        for _ in range(5000):
            greedy.send("ListFiles", "ay", job)
    wait_until(lambda: "more than it reads" in service.log_text(), "the greedy one to be cut off")
    assert alive(client)
    wait_until(lambda: service.rss_kib() < before + 64 * 1024 or SANITIZED, "the memory to be given back")


def test_errors_that_nobody_reads_are_bounded_too(service, client):
    greedy = service.connect()
    with contextlib.suppress(ConnectionError, TimeoutError):
        greedy.sock.settimeout(5)
        for _ in range(100000):
            greedy.send("Nope")
    wait_until(lambda: "does not read" in service.log_text(), "the greedy one to be cut off")
    assert alive(client)


def test_a_client_that_is_stopped_for_a_while_gets_everything_later(service, client):
    patient = service.connect()
    for _ in range(200):
        patient.send("ListJobs", "u", 0)
    client.create("meanwhile")
    for serial in range(1, 201):
        patient.wait_reply(serial)
    assert alive(patient)


@pytest.fixture
def silent_worker(place):
    """A service whose worker takes every order and never says a word."""
    program = place.dir / "worker"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    return place.start(env={"BITSD_WORKER": str(program)})


def make_running_job(client, name="job"):
    """One that the worker has, so that its end waits for the worker."""
    job = client.create(name)
    client.add(job, ("http://127.0.0.1:9/a", f"/tmp/never-{job.hex()}"))
    client.call("SetPriority", "ayu", job, 0)
    client.call("Resume", "ay", job)
    wait_until(lambda: client.read(job)["state"] != QUEUED, "the job to begin")
    return job


def test_unanswered_calls_of_one_connection_are_limited(silent_worker):
    client, busy = silent_worker.connect(), silent_worker.connect()
    jobs = [make_running_job(client, f"job {i}") for i in range(4)]
    serials = [busy.send("Cancel", "ay", jobs[i % 4]) for i in range(CALLS_PENDING_MAX + 3)]
    answered = 0
    with pytest.raises(CallError) as e:
        for serial in reversed(serials):
            busy.wait_reply(serial)
            answered += 1
    assert answered == 0
    assert e.value.code in (QUOTA, 0x80200002)
    assert alive(client) and alive(busy)


def test_a_client_that_dies_with_calls_open_is_forgotten(silent_worker):
    client = silent_worker.connect()
    alive(client)
    job = make_running_job(client)
    before = connection_count(silent_worker)
    assert before == 1
    dying = silent_worker.connect()
    dying.send("Cancel", "ay", job)
    alive(dying)
    dying.close()
    wait_until(lambda: connection_count(silent_worker) == before, "the connection to be closed")
    assert alive(client)


def test_a_second_cancel_waits_with_the_first_or_is_refused(silent_worker):
    client = silent_worker.connect()
    job = make_running_job(client)
    client.send("Cancel", "ay", job)
    started = time.monotonic()
    assert alive(client)  # other calls of the same connection do not wait
    assert time.monotonic() - started < 10
