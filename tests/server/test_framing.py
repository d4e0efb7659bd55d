# SPDX-License-Identifier: Apache-2.0
"""Requests that two readers could read differently, slow ones, long ones, many of them: S21 and the
rest of what arrives from the open internet."""
import contextlib
import socket
import time

import pytest

from conftest import wait_until
from wire import PROTOCOL, Closed, Wire, fragment_fields, head

PING = b"BITS_POST /f HTTP/1.1\r\nHost: h\r\nBITS-Packet-Type: Ping\r\nContent-Length: 0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def wire(server):
    return server.start().wire()


def answers(wire, data):
    """Status codes of all that comes until the server hangs up."""
    wire.send(data)
    codes = []
    try:
        while True:
            codes.append(wire.receive().status)
    except (Closed, AssertionError):  # the library's own refusals have odd bodies
        return codes


def start(*fields, method="BITS_POST", target="/f", version="HTTP/1.1", host="Host: h"):
    lines = [f"{method} {target} {version}", *([host] if host else []), "BITS-Packet-Type: Ping",
             *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


AMBIGUOUS = {
    "both lengths": start("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "both lengths, other order": start("Transfer-Encoding: chunked", "Content-Length: 0")
                                 + b"5\r\nhello\r\n0\r\n\r\n",
    "two lengths": start("Content-Length: 0", "Content-Length: 36"),
    "two equal lengths": start("Content-Length: 0", "Content-Length: 0"),
    "a list of lengths": start("Content-Length: 0, 0"),
    "a negative length": start("Content-Length: -1"),
    "a signed length": start("Content-Length: +0"),
    "a hexadecimal length": start("Content-Length: 0x24"),
    "a huge length": start("Content-Length: 99999999999999999999999"),
    "a length that wraps": start("Content-Length: 18446744073709551616"),
    "an empty length": start("Content-Length: "),
    "a length with a blank inside": start("Content-Length: 3 6"),
    "a blank before the colon": start("Content-Length : 0", "X: y"),
    "a coding with a tail": start("Transfer-Encoding: chunked, identity"),
    "an unknown coding": start("Transfer-Encoding: xchunked"),
    "a coding after a vertical tab": start("Transfer-Encoding: \x0bchunked"),
    "a folded field": start("X: a\r\n b", "Content-Length: 0"),
    "a folded length": start("Content-Length:\r\n 0"),
    "a bare LF": PING.replace(b"\r\n", b"\n"),
    "one bare LF": PING.replace(b"Ping\r\n", b"Ping\n"),
    "a bare LF at the end": PING[:-4] + b"\n\n",
    "a mixed end": PING[:-2] + b"\n",
    "a bare CR": PING.replace(b"Ping\r\n", b"Ping\r"),
    "a NUL in a value": PING.replace(b"Ping", b"Pi\0ng"),
    "a NUL in a name": PING.replace(b"Packet", b"Pa\0ket"),
    "no colon": start("nonsense", "Content-Length: 0"),
    "no name": start(": x", "Content-Length: 0"),
    "two hosts": start("Host: other", "Content-Length: 0"),
    "no host": start("Content-Length: 0", host=None),
    "a host with a path": start("Content-Length: 0", host="Host: h/x"),
    "a host with a blank": start("Content-Length: 0", host="Host: h x"),
    "HTTP/2.0": start("Content-Length: 0", version="HTTP/2.0"),
    "HTTP/1.2": start("Content-Length: 0", version="HTTP/1.2"),
    "HTTP/0.9": b"GET /f\r\n\r\n",
    "lower case http": start("Content-Length: 0", version="http/1.1"),
    "a method with a comma": start("Content-Length: 0", method="BITS,POST"),
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100,
    "bytes": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_answered_once_and_hung_up_on(server, wire, name):
    codes = answers(wire, AMBIGUOUS[name] + SMUGGLED)
    assert len(codes) <= 1 and not [c for c in codes if c < 400 or c == 404], codes
    with server.wire() as other:
        assert other.ping("/f").status == 200


def test_the_body_of_a_refused_request_is_no_request(wire):
    """A body that looks like a request."""
    wire.request("BITS_POST", "/f", [("BITS-Packet-Type", "Ping")], SMUGGLED)
    assert wire.receive().status == 400
    wire.request("BITS_POST", "/f", [("BITS-Packet-Type", "Ping")])
    answer = wire.receive()
    assert answer.status == 200 and answer["BITS-Packet-Type"] == "Ack"


def test_a_value_of_five_thousand_bytes(wire):
    answer = wire.packet("/f", "Ping", [("X", "y" * 5000)])
    assert answer.status == 400 and answer.error == "0x80070057"
    assert wire.packet("/f", "Ping", [("X", "y" * 4096)]).status == 200


def test_heads_that_do_not_end(server, wire):
    wire.send(b"BITS_POST /f HTTP/1.1\r\nHost: h\r\n")
    with contextlib.suppress(Closed, OSError):  # what is on its way when it hangs up may take the answer along
        for number in range(20_000):
            wire.send(b"X-%d: %s\r\n" % (number, b"y" * 100))
        assert wire.receive().status in (400, 413, 431)
    assert wire.is_closed()
    assert server.memory_kib() < 30_000
    assert server.wire().ping("/f").status == 200


def test_too_many_fields(wire):
    assert wire.packet("/f", "Ping", [(f"X{n}", "y") for n in range(500)]).status in (400, 431)


def test_blanks_before_a_value_are_none_of_it(wire):
    wire.send(start("Content-Length: \t 0"))
    assert wire.receive().status == 200


@pytest.mark.parametrize("length", ["0 ", "0\t"])
def test_blanks_behind_a_length_are_refused_rather_than_read_in_two_ways(wire, length):
    codes = answers(wire, start(f"Content-Length: {length}") + SMUGGLED)
    assert codes == [400]


def test_a_head_byte_by_byte(wire):
    for byte in PING:
        wire.send(bytes([byte]))
    assert wire.receive().status == 200


def test_a_body_byte_by_byte(server, wire):
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 300, 300)]
    wire.send(head("BITS_POST", "/f", fields, 300))
    for _ in range(300):
        wire.send(b"x")
    assert wire.receive().received == 300
    assert (server.root / "f").read_bytes() == b"x" * 300


def test_http_1_0_is_answered_and_closed(wire):
    wire.send(b"BITS_POST /f HTTP/1.0\r\nBITS-Packet-Type: Ping\r\nContent-Length: 0\r\n\r\n")
    assert wire.receive().status == 200
    assert wire.is_closed()


def test_connection_close_is_honoured(wire):
    answer = wire.packet("/f", "Ping", [("Connection", "close")])
    assert answer.status == 200 and answer["Connection"] == "close"
    assert wire.is_closed()


def test_a_client_that_stops_sending_still_gets_all_its_answers(wire):
    wire.send(PING * 3)
    wire.sock.shutdown(socket.SHUT_WR)
    assert [wire.receive().status for _ in range(3)] == [200] * 3
    assert wire.is_closed(3)


@pytest.mark.parametrize("data", [b"", b"BITS_POST /f", PING[:-2], PING,
                                  start("Content-Length: 100") + b"x" * 10])
def test_connections_of_clients_that_left_do_not_stay(server, data):
    server.start("--metrics", "127.0.0.1:0")
    for _ in range(20):
        with server.wire() as wire:
            wire.send(data)
    wait_until(lambda: server.metrics()["bitssrv_connections"] <= 1, "all are gone", 10)


def test_s21_two_hundred_idle_connections_block_nobody(server):
    server.start()
    idle = [server.wire() for _ in range(200)]
    begun = time.monotonic()
    assert server.wire().upload("/f", b"x" * 100_000, 10_000).status == 200
    assert time.monotonic() - begun < 5
    assert all(wire.ping("/f").status == 200 for wire in idle)


LIMITS = """
[server]
MaximumConnections = 10
MaximumConnectionsPerAddress = {}
IdleTimeout = 1
MinimumBodyRate = {}
MinimumBodyRateWindow = 1
[site /]
Directory = ROOT
BITSUploadEnabled = 1
"""


def test_connections_over_the_limit_are_told_so(server):
    server.start(config=LIMITS.format(0, 0).replace("IdleTimeout = 1", "IdleTimeout = 60"))
    wires = [server.wire() for _ in range(10)]
    assert all(wire.ping("/f").status == 200 for wire in wires)
    refused = server.wire().receive()
    assert refused.status == 503 and refused["Retry-After"]
    wires[0].close()
    wait_until(lambda: is_served(server), "a free place")


def is_served(server):
    with Wire(server.address()) as wire:
        try:
            return wire.ping("/f").status == 200
        except (Closed, OSError):
            return False


def test_connections_of_one_address(server):
    server.start(config=LIMITS.format(3, 0).replace("IdleTimeout = 1", "IdleTimeout = 60"))
    wires = [server.wire() for _ in range(3)]
    assert all(wire.ping("/f").status == 200 for wire in wires)
    assert server.wire().receive().status == 503
    elsewhere = socket.create_connection(server.address(), source_address=("127.0.0.2", 0))
    with elsewhere:
        elsewhere.sendall(PING)
        assert elsewhere.recv(100).startswith(b"HTTP/1.1 200 ")


def own_address():
    """One of this machine that is not 127.0.0.1; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but its own")
        return s.getsockname()[0]


def test_by_default_one_address_cannot_take_all_places(server):
    """An eighth of 160."""
    address = own_address()
    if address.startswith("127."):
        pytest.skip("this machine has no address but its own")
    config = LIMITS.format(0, 0).replace("MaximumConnectionsPerAddress = 0\n", "")
    config = config.replace("= 10", "= 160").replace("IdleTimeout = 1", "IdleTimeout = 60")
    server.start(config=config.replace("[server]", f"[server]\nListen = {address}:0"))
    host, port = server.addresses["http"].rsplit(":", 1)
    assert host == address
    wires = [Wire((address, int(port))) for _ in range(20)]
    assert all(wire.ping("/f").status == 200 for wire in wires)
    with Wire((address, int(port))) as wire:
        assert wire.receive().status == 503
    for wire in wires:
        wire.close()


def test_by_default_this_machine_may_take_many_places(server):
    config = LIMITS.format(0, 0).replace("MaximumConnectionsPerAddress = 0\n", "")
    server.start(config=config.replace("= 10", "= 160").replace("IdleTimeout = 1", "IdleTimeout = 60"))
    assert all(wire.ping("/f").status == 200 for wire in [server.wire() for _ in range(100)])


def test_idle_connections_are_closed(server):
    server.start(config=LIMITS.format(0, 0))
    begun = time.monotonic()
    wire = server.wire()
    assert wire.ping("/f").status == 200
    assert wire.is_closed(10) and time.monotonic() - begun > 0.9


def test_a_head_that_trickles_is_cut_off(server):
    server.start(config=LIMITS.format(0, 0))
    wire = server.wire()
    with pytest.raises(OSError):
        for byte in PING * 10:
            wire.send(bytes([byte]))
            time.sleep(0.05)


def trickle(wire, seconds):
    """One byte now and then: never idle, and never done."""
    deadline = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < deadline:
        wire.send(b"x")
        sent += 1
        time.sleep(0.02)
    return sent


def test_a_body_that_trickles_is_cut_off_and_its_beginning_kept(server):
    server.start(config=LIMITS.format(0, 1000).replace("IdleTimeout = 1", "IdleTimeout = 60"))
    session = server.wire().open("/f")
    wire = server.wire()
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 100_000, 100_000)]
    wire.send(head("BITS_POST", "/f", fields, 100_000) + b"x" * 50)
    with pytest.raises(OSError):
        trickle(wire, 10)
    assert server.wire().fragment("/f", session, 99_999, b"x", 100_000).received >= 50


def test_a_body_that_is_slow_but_not_too_slow_comes_through(server):
    server.start(config=LIMITS.format(0, 100).replace("Window = 1", "Window = 3").replace("IdleTimeout = 1", "IdleTimeout = 3"))
    wire = server.wire()
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 7000, 7000)]
    wire.send(head("BITS_POST", "/f", fields, 7000))
    for _ in range(70):
        wire.send(b"x" * 100)
        time.sleep(0.1)
    assert wire.receive().received == 7000


def test_a_client_that_does_not_read_its_answer_is_cut_off(server):
    server.start("--metrics", "127.0.0.1:0", config=LIMITS.format(0, 0))
    (server.root / "big").write_bytes(b"x" * 30_000_000)
    wire = server.wire(receive_buffer=4096)
    wire.send(head("GET", "/big", [], None))
    wait_until(lambda: server.metrics()["bitssrv_connections"] <= 1, "it is gone", 10)


def test_protocol_lists_over_several_fields_are_one(wire):
    other = "{00000000-0000-0000-0000-000000000001}"
    answer = wire.packet("/f", "Create-Session", [("BITS-Supported-Protocols", other),
                                                  ("BITS-Supported-Protocols", PROTOCOL)])
    assert answer.status in (200, 400)  # either reading is sound; a crash is not
    assert wire.ping("/f").status == 200
