# SPDX-License-Identifier: Apache-2.0
"""Connections that are reset at every phase below and around HTTP: a relay between worker and server
counts bytes and cuts, so that accepting, handshake, request, head, body and the pause between two
requests are all hit, plain and with TLS, directly and through a tunnel."""
import select
import socket
import struct
import threading

import pytest
from bad_server import BadServer, content
from conftest import temporaries

TRANSIENT = {0x80070000 + n for n in (12002, 12029, 12030, 12152, 12157)}
SIZE = 60000


class Relay:
    """Forwards to a server; the first `times` connections are reset once `up` bytes came from the client
    or `down` bytes went to it (None: never)."""

    def __init__(self, target_port, up=None, down=None, times=1):
        self.target_port, self.limits, self.times = target_port, (up, down), times
        self.cut = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(sock,), daemon=True).start()

    def relay(self, client):
        doomed = self.cut < self.times
        left = list(self.limits) if doomed else [None, None]
        server = socket.create_connection(("127.0.0.1", self.target_port))
        try:
            while 0 not in left:
                for source in select.select([client, server], [], [])[0]:
                    way = 0 if source is client else 1
                    data = source.recv(65536 if left[way] is None else left[way])
                    if not data:
                        return
                    (server if way == 0 else client).sendall(data)
                    if left[way] is not None:
                        left[way] -= len(data)
            self.cut += 1
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


@pytest.fixture(scope="module")
def tls():
    with BadServer(tls="good") as s:
        yield s


PHASES = [{"up": 0}, {"up": 1}, {"up": 40}, *({"down": n} for n in (1, 9, 17, 60, 150, 300, 1000, 1500, 5000, 50000))]


def fetch_through(driver, url, out, relay, **props):
    """The first attempt is broken and passes, the second gives the file."""
    first = driver.fetch(url, out / "f", **props)
    assert relay.cut == 1, "the phase was not reached"
    assert (first.event, first.fatal) == ("failed", False) and first.code in TRANSIENT, first.last
    second = driver.fetch(url, out / "f", first.kept, **props)
    assert second.event == "done", second.last
    assert temporaries(out)[0].read_bytes() == content("a", SIZE)


@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_plain_connections(driver, server, out, phase):
    relay = Relay(server.port, **phase)
    fetch_through(driver, f"http://127.0.0.1:{relay.port}/f?size={SIZE}", out, relay)
    relay.close()


@pytest.mark.parametrize("phase", [*PHASES, {"up": 400}], ids=str)
def test_tls_connections(drivers, tls, out, phase):
    driver = drivers("--ca-bundle", tls.ca_path)
    relay = Relay(tls.port, **phase)
    fetch_through(driver, f"https://127.0.0.1:{relay.port}/f?size={SIZE}", out, relay)
    relay.close()


@pytest.mark.parametrize("phase", [{"up": 0}, {"up": 30}, {"down": 1}, {"down": 19}, {"down": 200}, {"down": 5000}], ids=str)
def test_tunnels(drivers, tls, server, out, phase):
    driver = drivers("--ca-bundle", tls.ca_path)
    relay = Relay(server.port, **phase)
    fetch_through(driver, tls.url("/f", size=SIZE), out, relay, usage=2, list=f"127.0.0.1:{relay.port}")
    relay.close()


def test_between_two_requests(driver, server, out):
    """A connection that is kept and reset meanwhile costs nothing: the next request gets another."""
    relay = Relay(server.port, down=len_of_answer(server))
    for i in range(3):
        result = driver.fetch(f"http://127.0.0.1:{relay.port}/d?size=100&n={i}", out / f"d{i}")
        assert result.event == "done", result.last
    assert relay.cut == 1
    relay.close()


def len_of_answer(server):
    """Bytes of the whole answer to /d?size=100: the reset comes right behind it."""
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(b"GET /d?size=100&n=9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while b"\r\n\r\n" not in data:
            data += s.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        while len(body) < 100:
            body += s.recv(65536)
        return len(head) + 4 + len(body)
