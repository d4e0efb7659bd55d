# SPDX-License-Identifier: Apache-2.0
"""Connections that are cut and servers that are killed, at random, until everything has arrived:
byte by byte what was sent, every application told, and each upload processed once."""
import collections
import os
import random
import signal
import threading
import time

import pytest

from conftest import free_port
from wire import BG_E_SESSION_NOT_FOUND, Closed, fragment_fields, head

SITE = "[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"


@pytest.fixture
def dice():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    return random.Random(seed)


class Client:
    """Uploads one file as a client does that knows nothing but what Acks tell it."""

    def __init__(self, server, dice, target, data):
        self.server, self.target, self.data = server, target, data
        self.dice = random.Random(dice.random())
        self.session, self.offset, self.reply_url, self.closed = None, 0, None, False
        self.restarts = 0

    def run(self, deadline):
        while not self.closed:
            assert time.monotonic() < deadline, f"{self.target}: at {self.offset} of {len(self.data)}"
            try:
                with self.server.wire(timeout=10) as wire:
                    while not self.closed:
                        self.step(wire)
            except (Closed, OSError, KeyError):
                time.sleep(0.002)

    def step(self, wire):
        if not self.session:
            answer = wire.create(self.target)
            if answer.status == 200:
                self.session, self.offset = answer["BITS-Session-Id"], 0
        elif self.offset < len(self.data) or self.reply_url is None:
            self.send_fragment(wire)
        else:
            answer = wire.close_session(self.target, self.session)
            assert answer.status == 200, answer
            self.closed = True

    def send_fragment(self, wire):
        first = min(self.offset, len(self.data) - 1)
        part = self.data[first:first + self.dice.randrange(1, 60_000)]
        fields = [("BITS-Packet-Type", "Fragment"),
                  *fragment_fields(self.session, first, len(part), len(self.data))]
        packet = head("BITS_POST", self.target, fields, len(part)) + part
        if self.dice.random() < 0.2:  # the connection is cut
            wire.send(packet[:self.dice.randrange(len(packet))])
            raise Closed
        wire.send(packet)
        if self.dice.random() < 0.1:  # the Ack is lost
            raise Closed
        answer = wire.receive()
        if answer.error == BG_E_SESSION_NOT_FOUND:
            self.session, self.restarts = None, self.restarts + 1
        elif answer.status in (200, 416):
            self.offset = answer.received
            if self.offset == len(self.data) and answer.status == 200:
                self.reply_url = answer["BITS-Reply-URL"] or ""
        else:
            assert answer.status in (408, 502, 503), answer


def run_clients(server, clients, dice, kills, trouble=None):
    """`trouble` happens that often while they upload; being killed and started again by default."""
    failures = []
    deadline = time.monotonic() + 60

    def run(client):
        try:
            client.run(deadline)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        time.sleep(dice.uniform(0.02, 0.25))
        if trouble:
            trouble()
        else:
            server.kill()
            server.again()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert not [client for client in clients if client.restarts], "an acknowledged session was lost"


@pytest.fixture
def fixed_port(server):
    """A server that comes back at the same address."""
    def begin(config):
        # Not an ephemeral one: a client that knocks while nobody is in might be given that very
        # port for its own end, and then nobody else could have it.
        port = free_port()
        server.start(config=config)
        server.stop()
        server.arguments[server.arguments.index("--listen") + 1] = f"127.0.0.1:{port}"
        return server.again()
    return begin


def test_random_cuts_and_kills_give_the_files_byte_by_byte(fixed_port, dice):
    server = fixed_port(SITE)
    clients = [Client(server, dice, f"/f{n}", dice.randbytes(dice.randrange(1, 600_000)))
               for n in range(8)]
    run_clients(server, clients, dice, 12)
    for number, client in enumerate(clients):
        assert (server.root / f"f{number}").read_bytes() == client.data
    # Killed before it could tell of a session, the server still has it; nobody knows it, and nothing is in it.
    left = [p for p in server.sessions.iterdir() if p.suffix in (".data", ".new", ".link")]
    assert not [p for p in left if p.suffix != ".data" or p.stat().st_size > 0]
    assert not {p.stem for p in left} & {client.session.strip("{}").replace("-", "") for client in clients}


def test_random_cuts_and_reloads_give_the_files_byte_by_byte(fixed_port, dice):
    server = fixed_port(SITE)
    clients = [Client(server, dice, f"/f{n}", dice.randbytes(dice.randrange(1, 600_000)))
               for n in range(8)]

    def reload():
        server.signal(signal.SIGHUP)
        server.read_addresses()

    run_clients(server, clients, dice, 20, reload)
    for number, client in enumerate(clients):
        assert (server.root / f"f{number}").read_bytes() == client.data
    assert "old configuration stays" not in server.log.read_text()


def test_random_cuts_and_kills_tell_every_application_once(fixed_port, dice, application):
    """By the key, that is: calls may be repeated, work is not."""
    results, work = {}, collections.Counter()
    lock = threading.Lock()

    def answer(call):
        with lock:
            key = call["Idempotency-Key"]
            if key not in results:
                work[call["BITS-Original-Request-URL"].rsplit("/", 1)[1]] += 1
                results[key] = call.body[::-1]
            return 200, {"BITS-Copy-File-To-Destination": "1"}, results[key]

    app = application(answer)
    server = fixed_port(SITE + "BITSServerNotificationType = 2\n"
                        f"BITSServerNotificationURL = {app.url}\n")
    clients = [Client(server, dice, f"/f{n}", dice.randbytes(dice.randrange(1, 200_000)))
               for n in range(6)]
    run_clients(server, clients, dice, 8)
    for number, client in enumerate(clients):
        assert (server.root / f"f{number}").read_bytes() == client.data
        assert client.reply_url
    assert work == {f"f{n}": 1 for n in range(len(clients))}
    assert len(app.calls) >= len(clients)
    assert all(results[call["Idempotency-Key"]] == call.body[::-1] for call in app.calls)


def test_random_bytes_harm_nobody(server, dice):
    server.start()
    good = server.wire()
    session = good.open("/f")
    pieces = [b"BITS_POST ", b"GET ", b"/f", b" HTTP/1.1\r\n", b"Host: h\r\n", b"\r\n", b"\r\n\r\n",
              b"BITS-Packet-Type: ", b"Fragment\r\n", b"Create-Session\r\n", b"Content-Length: ",
              b"BITS-Session-Id: " + session.encode() + b"\r\n", b"10\r\n", b"Content-Range: bytes ",
              b"0-9/10\r\n", b"\0", b"\xff", b"%2e%2e", b"Transfer-Encoding: chunked\r\n",
              b"BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n"]
    for _ in range(300):
        with server.wire() as wire:
            try:
                wire.send(b"".join(dice.choice(pieces) for _ in range(dice.randrange(1, 25))))
            except OSError:
                pass
    assert server.process.poll() is None
    good = server.wire()
    assert good.fragment("/f", session, 0, b"x" * 20, 20).status in (200, 400)
    assert good.upload("/g", b"data").status == 200
    assert set(server.files()) <= {"f", "g"}
