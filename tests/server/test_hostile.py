# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm, many at a time, while an honest one at another address uploads and reads back
without end: it must be served, memory and descriptors stay bounded. BITSSRV_LORIS=5000 has the full crowd,
BITSSRV_SHOW_FIGURES=1 (with -s) prints what it cost."""
import contextlib
import os
import random
import resource
import socket
import threading
import time

import pytest

from conftest import SANITIZED, wait_until
from wire import DISK_FULL, Closed, Wire, head

CROWD = int(os.environ.get("BITSSRV_LORIS", 600))
MIB = 1 << 20
HONEST = "127.0.0.2"
SERVED_SEC = 60 if SANITIZED else 10  # an upload of 100 KB and a look at it, on a machine that is busy
PER_ADDRESS = 500
CONFIG = f"""
[server]
MaximumConnectionsPerAddress = {PER_ADDRESS}
MaximumSessionsPerAddress = 200
IdleTimeout = 60
[site /]
Directory = ROOT
BITSUploadEnabled = 1
"""


@pytest.fixture
def rng():
    seed = int(os.environ.get("BITSSRV_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed} (BITSSRV_SEED={seed} repeats it)")
    return random.Random(seed)


class HonestClient(threading.Thread):
    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.over = server, threading.Event()
        self.rounds, self.slowest_sec, self.failure = 0, 0.0, None
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                began = time.monotonic()
                self.once(self.rounds)
                self.slowest_sec = max(self.slowest_sec, time.monotonic() - began)
                self.rounds += 1
        except Exception as error:
            self.failure = error

    def once(self, number):
        data = os.urandom(1000) * 100
        with Wire(self.server.address(), source=HONEST) as wire:
            assert wire.upload(f"/honest-{number}", data).status == 200
            assert wire.get(f"/honest-{number}").body == data

    def was_served(self):
        """At least twice more from now on, so while whatever is there is there."""
        more = self.rounds + 2
        wait_until(lambda: self.rounds >= more or self.failure, "the honest client", 3 * SERVED_SEC)
        assert not self.failure, self.failure
        assert self.slowest_sec < SERVED_SEC


@pytest.fixture
def crowd_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Siege:
    """What the server has and costs while it lasts."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.rss, self.fds = server.memory_kib(), self.descriptors()
        self.honest = HonestClient(server)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def costs(self, rss_kib, descriptors):
        rss, fds = self.server.memory_kib("VmHWM") - self.rss, self.descriptors() - self.fds
        self.honest.was_served()
        if os.environ.get("BITSSRV_SHOW_FIGURES"):
            print(f"FIGURE {self.name}: {rss} KiB, {fds} descriptors, honest rounds {self.honest.rounds}, "
                  f"slowest {self.honest.slowest_sec:.2f} s")
        assert SANITIZED or rss < rss_kib
        assert fds <= descriptors

    def end(self):
        self.honest.over.set()
        self.honest.join(SERVED_SEC * 3)
        assert not self.honest.failure, self.honest.failure
        wait_until(lambda: self.descriptors() <= self.fds + 8, "the descriptors to be given back", 30)


@pytest.fixture
def siege(server, request):
    server.start(config=CONFIG)
    s = Siege(server, request.node.name)
    yield s
    s.end()


def connect(server):
    sock = socket.socket()
    sock.settimeout(20)
    sock.connect(server.address())
    return sock


def test_slow_lorises(siege, server, crowd_limit):
    """Each sends a head that never ends, a byte now and then; those over the limit are told to go."""
    if crowd_limit < CROWD + 500:
        pytest.skip(f"only {crowd_limit} descriptors here")
    with contextlib.ExitStack() as stack:
        crowd = []
        for n in range(CROWD):
            crowd.append(stack.enter_context(connect(server)))
            with contextlib.suppress(OSError):
                crowd[-1].sendall(b"BITS_POST /f HTTP/1.1\r\nHost: x\r\nX-%d: " % n)
        for _ in range(3):
            for sock in crowd:
                with contextlib.suppress(OSError):
                    sock.sendall(b"x")
            siege.honest.was_served()
        siege.costs(PER_ADDRESS * 64, PER_ADDRESS + 64)


def test_slow_bodies(siege, server):
    """A fragment each whose body stays away; one session a connection."""
    wires = [server.wire() for _ in range(150)]
    for n, wire in enumerate(wires):
        session = wire.open(f"/slow-{n}")
        fields = [("BITS-Packet-Type", "Fragment"), ("BITS-Session-Id", session),
                  ("Content-Range", "bytes 0-999999/1000000")]
        wire.send(head("BITS_POST", f"/slow-{n}", fields, 1000000) + b"x")
    siege.costs(150 * 200, 150 * 3 + 64)
    for wire in wires:
        wire.close()


def test_a_flood_of_sessions(siege, server):
    with server.wire() as wire:
        made = sum(wire.create(f"/f{n}").status == 200 for n in range(2000))
    assert made == 200
    siege.costs(4 * 1024, 64)
    assert len(server.session_files(".data")) <= 200 + 2


def test_oversized_heads(siege, server):
    heads = [b"GET /" + b"x" * MIB + b" HTTP/1.1\r\n\r\n",
             b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"x" * (16 * MIB),
             b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100000)),
             b"GET / HTTP/1.1\r\nHost: x\r\n" + b"Host: y\r\n" * 100000,
             b"\r\n" * 100000, b"x" * (8 * MIB), b"BITS_POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"1" * MIB]
    for data in heads * 4:
        with connect(server) as sock:
            with contextlib.suppress(OSError):
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(OSError):
                while piece := sock.recv(65536):
                    answer += piece
            assert b" 200 " not in answer
    siege.costs(4 * 1024, 64)


def test_garbage_in_pipelines(siege, server, rng):
    """Sound requests and noise in one stream, a thousand times."""
    sound = [head("BITS_POST", "/p", [("BITS-Packet-Type", "Ping")], 0), head("GET", "/nothing", [], None)]
    for _ in range(1000):
        pieces = [rng.choice([*sound, rng.randbytes(rng.randrange(1, 300)), b"\r\n", b"POST", b"\0" * 20])
                  for _ in range(rng.randrange(1, 12))]
        with connect(server) as sock, contextlib.suppress(OSError):
            sock.sendall(b"".join(pieces))
            if rng.random() < 0.5:
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
    siege.costs(8 * 1024, 64)


def test_a_thousand_pipelined_requests_at_once(siege, server):
    """More than a buffer holds; the client reads nothing until all is sent."""
    ping = head("BITS_POST", "/p", [("BITS-Packet-Type", "Ping")], 0)
    socks = [connect(server) for _ in range(50)]
    for sock in socks:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.send(ping * 20000)
    siege.costs(50 * 512, 50 + 64)
    for sock in socks:
        sock.close()


def test_half_closed_connections(siege, server):
    starts = [b"", b"BITS_POST /f", head("BITS_POST", "/f", [("BITS-Packet-Type", "Ping")], 10) + b"x",
              head("BITS_POST", "/f", [("BITS-Packet-Type", "Ping")], 0)]
    socks = [connect(server) for _ in range(400)]
    for n, sock in enumerate(socks):
        sock.sendall(starts[n % len(starts)])
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:  # each was taken, and let go again
        sock.settimeout(30)
        with contextlib.suppress(ConnectionError):
            while sock.recv(4096):
                pass
    wait_until(lambda: siege.descriptors() < siege.fds + 64, "the server to hang up", 30)
    siege.costs(400 * 64, 64)
    for sock in socks:
        sock.close()


def test_clients_that_ask_and_never_read(siege, server):
    (server.root / "big").write_bytes(b"x" * 20 * MIB)
    wires = [server.wire(receive_buffer=4096) for _ in range(200)]
    for wire in wires:
        wire.send(head("GET", "/big", [], None))
    siege.costs(200 * 64, 200 * 2 + 64)
    for wire in wires:
        wire.close()


PIECES = ["..", ".", "/", "//", "\\", "%2e", "%2E%2e", "%2f", "%5c", "%00", "%c0%ae", "%c0%af", "%e0%80%af", "%252e",
          "%252f", ".bits", "replies", "secret", "root", "root.bits-sessions", "sub", "x", "~", ";", "::$DATA", "%0a",
          "\u202e", "?", "#", "%", "con"]


def test_paths_made_of_every_trick(siege, server, rng):
    secret = server.directory / "secret"
    secret.write_text("secret")
    before = {p for p in server.directory.rglob("*") if server.root not in p.parents and server.sessions not in p.parents}
    for n in range(600):
        target = "/" + "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 8)))
        with server.wire() as wire, contextlib.suppress(Closed, OSError):
            answer = wire.create(target)
            if answer.status == 200:
                session = answer["BITS-Session-Id"]
                wire.fragment(target, session, 0, b"evil", 4)
                wire.cancel(target, session)
            else:
                assert answer.status >= 400
    after = {p for p in server.directory.rglob("*") if server.root not in p.parents and server.sessions not in p.parents}
    assert after == before and secret.read_text() == "secret"
    assert not [p for p in server.root.rglob("*") if p.is_symlink() or p.name == ".."]
    siege.costs(8 * 1024, 64)


def test_a_disk_that_a_client_fills_is_told_and_is_free_again_after_its_time(server, small_disk):
    server.root, server.sessions = small_disk / "root", small_disk / "root.bits-sessions"
    server.root.mkdir()
    server.start(config=CONFIG + "BITSSessionTimeout = 2\n")
    filler = server.wire()
    for n in range(20):
        answer = filler.fragment(f"/f{n}", filler.open(f"/f{n}"), 0, b"x" * MIB, 2 * MIB)
        if answer.error == DISK_FULL:
            break
    else:
        pytest.fail("the disk was never full")
    data = os.urandom(MIB)

    def served():
        """Full is an error of the protocol, never a lie; then there is room again."""
        server.signal(10)  # SIGUSR1: sweep now
        with Wire(server.address(), source=HONEST) as wire:
            created = wire.create("/honest")
            if created.status != 200:
                assert created.error == DISK_FULL, created
                return False
            session = created["BITS-Session-Id"]
            answer = wire.fragment("/honest", session, 0, data, MIB)
            assert answer.status == 200 or answer.error == DISK_FULL, answer
            if answer.status != 200:
                with Wire(server.address(), source=HONEST) as other:
                    other.cancel("/honest", session)
            return answer.status == 200

    wait_until(served, "room for the honest", 30)
    assert (server.root / "honest").read_bytes() == data


def test_without_a_limit_by_address_the_crowd_is_cut_off_in_time(server, crowd_limit):
    """All places taken by one: the next are told when to come again, and served after IdleTimeout."""
    places = min(CROWD, 4000) - 100
    server.start(config=f"[server]\nMaximumConnections = {places}\nIdleTimeout = 5\n[site /]\nDirectory = ROOT\n"
                        "BITSUploadEnabled = 1\n")
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            sock = stack.enter_context(connect(server))
            with contextlib.suppress(OSError):
                sock.sendall(b"BITS_POST /f HTTP/1.1\r\nHost: x\r\nX: ")
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < places + 64

        def served():
            with contextlib.suppress(Closed, OSError), Wire(server.address(), source=HONEST) as wire:
                answer = wire.ping("/f")
                assert answer.status == 200 or answer["Retry-After"]
                return answer.status == 200
            return False

        wait_until(served, "a place", 60)
