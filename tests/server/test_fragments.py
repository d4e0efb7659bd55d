# SPDX-License-Identifier: Apache-2.0
"""Bytes and their offsets, the ends of sessions, and what happens to the file: S4-S9, S13-S16,
S19, S20 of the checklist."""
import contextlib
import os
import random
import socket
import struct
import threading

import pytest

from conftest import wait_until
from wire import (BG_E_SESSION_NOT_FOUND, E_ACCESSDENIED, E_INVALIDARG, Closed, fragment_fields,
                  head)

OVERWRITE = "[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\nBITSAllowOverwrites = 1\n"


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@pytest.fixture
def wire(server):
    return server.start().wire()


def test_s04_two_fragments_are_the_file(server, wire):
    data = noise(300_001)
    answer = wire.upload("/f", data, 200_000)
    assert answer.received == len(data)
    assert (server.root / "f").read_bytes() == data
    assert os.stat(server.root / "f").st_mode & 0o7777 == 0o644


def test_s04_nothing_is_visible_before_the_last_byte(server, wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"abc", 6)
    assert server.files() == []
    assert wire.fragment("/f", session, 3, b"def", 6).status == 200
    assert (server.root / "f").read_bytes() == b"abcdef"


def test_s04_every_fragment_size_from_one_byte_on(server, wire):
    data = noise(64)
    wire.upload("/f", data, 1)
    assert (server.root / "f").read_bytes() == data


def test_s05_each_packet_on_a_connection_of_its_own(server):
    server.start()
    data = noise(100_000)
    with server.wire() as wire:
        session = wire.open("/f")
    for first in range(0, len(data), 9_999):
        with server.wire() as wire:
            part = data[first:first + 9_999]
            assert wire.fragment("/f", session, first, part, len(data)).status == 200
    with server.wire() as wire:
        assert wire.close_session("/f", session).status == 200
    assert (server.root / "f").read_bytes() == data


def test_s06_a_killed_server_goes_on_where_it_was(server):
    data = noise(50_000)
    session = server.start().wire().open("/f")
    for first in range(0, len(data), 10_000):
        with server.wire() as wire:
            answer = wire.fragment("/f", session, first, data[first:first + 10_000], len(data))
            assert answer.received == first + 10_000
        server.kill()
        server.again()
    assert server.wire().close_session("/f", session).status == 200
    assert (server.root / "f").read_bytes() == data


def test_s06_a_fresh_session_and_its_first_offset_survive(server):
    session = server.start().wire().open("/f")
    server.kill()
    server.again()
    assert server.wire().fragment("/f", session, 5, b"x", 9).received == 0
    assert server.wire().fragment("/f", session, 0, b"123456789", 9).received == 9


def test_s07_a_gap_is_told_the_offset_and_can_be_filled(server, wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"abc", 9)
    gap = wire.fragment("/f", session, 5, b"f", 9)
    assert gap.status == 416 and gap.received == 3 and gap.error is None
    assert wire.fragment("/f", session, 3, b"defghi", 9).received == 9
    assert (server.root / "f").read_bytes() == b"abcdefghi"


def test_s07_a_gap_before_the_first_byte(wire):
    session = wire.open("/f")
    gap = wire.fragment("/f", session, 1, b"b", 2)
    assert gap.status == 416 and gap.received == 0


def test_s08_duplicates_of_the_first_the_middle_and_the_last(server, wire):
    session = wire.open("/f")
    for first, part, received in ((0, b"abc", 3), (0, b"abc", 3), (3, b"def", 6), (0, b"abc", 6),
                                  (3, b"def", 6), (6, b"ghi", 9), (6, b"ghi", 9), (0, b"abc", 9)):
        answer = wire.fragment("/f", session, first, part, 9)
        assert answer.status == 200 and answer.received == received
    assert wire.close_session("/f", session).status == 200
    assert wire.fragment("/f", session, 6, b"ghi", 9).received == 9
    assert (server.root / "f").read_bytes() == b"abcdefghi"


def test_s09_what_was_written_first_stays(server, wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"aaaa", 8)
    assert wire.fragment("/f", session, 2, b"bbbb", 8).received == 6
    assert wire.fragment("/f", session, 0, b"cccccccc", 8).received == 8
    assert wire.fragment("/f", session, 0, b"dddddddd", 8).received == 8
    assert (server.root / "f").read_bytes() == b"aaaabbcc"


def test_s13_close_twice(server, wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"x", 1)
    for _ in range(3):
        assert wire.close_session("/f", session).status == 200
    server.kill()
    server.again()
    again = server.wire().close_session("/f", session)
    assert again.status == 200 and again["BITS-Session-Id"] == session
    assert server.session_files(".data") == []


def test_s13_a_closed_session_cannot_be_another_users_upload(wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"x", 1)
    wire.close_session("/f", session)
    assert wire.fragment("/f", session, 0, b"yy", 2).error == E_INVALIDARG
    assert wire.cancel("/f", session).status == 200


def test_s14_closed_early_there_is_no_file_and_no_session(server, wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"abc", 6)
    early = wire.close_session("/f", session)
    assert early.status == 400 and early.error == E_INVALIDARG
    assert server.files() == [] and server.session_files(".data") == []
    late = wire.fragment("/f", session, 3, b"def", 6)
    assert late.status == 500 and late.error == BG_E_SESSION_NOT_FOUND
    assert wire.close_session("/f", session).status == 400


def test_s14_a_file_of_no_bytes_is_closed_without_a_fragment(server, wire):
    assert wire.close_session("/f", wire.open("/f")).status == 200
    assert (server.root / "f").read_bytes() == b""


def test_s14_a_file_of_no_bytes_where_that_is_not_allowed(server):
    wire = server.start(config="[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"
                               "AllowEmpty = no\n").wire()
    assert wire.close_session("/f", wire.open("/f")).status == 400
    assert server.files() == []


def test_s15_cancelled_in_the_middle_nothing_is_left(server, wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"abc", 6)
    assert wire.cancel("/f", session).status == 200
    assert wire.cancel("/f", session).status == 200
    assert server.files() == [] and server.session_files(".data") == []
    assert wire.fragment("/f", session, 3, b"def", 6).error == BG_E_SESSION_NOT_FOUND
    assert wire.close_session("/f", session).error == BG_E_SESSION_NOT_FOUND


def test_s15_cancelled_after_the_last_byte_the_file_stays(server, wire):
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"abc", 3)
    assert wire.cancel("/f", session).status == 200
    assert (server.root / "f").read_bytes() == b"abc"
    assert server.session_files(".data") == []


def test_s16_an_existing_file_is_safe(server, wire):
    (server.root / "f").write_bytes(b"old")
    answer = wire.create("/f")
    assert answer.status == 403 and answer.error == E_ACCESSDENIED
    # One that comes into being after the Create, too.
    session = wire.open("/g")
    (server.root / "g").write_bytes(b"old")
    answer = wire.fragment("/g", session, 0, b"new", 3)
    assert answer.status == 403 and answer.error == E_ACCESSDENIED
    assert (server.root / "f").read_bytes() == (server.root / "g").read_bytes() == b"old"
    # And when it goes away, the repeated last fragment delivers.
    (server.root / "g").unlink()
    assert wire.fragment("/g", session, 0, b"new", 3).received == 3
    assert (server.root / "g").read_bytes() == b"new"


def test_s16_overwriting_happens_at_the_end_and_at_once(server):
    wire = server.start(config=OVERWRITE).wire()
    (server.root / "f").write_bytes(b"old")
    with open(server.root / "f", "rb") as reader:
        session = wire.open("/f")
        wire.fragment("/f", session, 0, b"ne", 3)
        assert (server.root / "f").read_bytes() == b"old"
        assert wire.fragment("/f", session, 2, b"w", 3).status == 200
        assert (server.root / "f").read_bytes() == b"new"
        assert reader.read() == b"old"
    assert wire.close_session("/f", session).status == 200


def test_s16_two_sessions_for_one_name_the_first_wins(server, wire):
    one, two = wire.open("/f"), wire.open("/f")
    wire.fragment("/f", one, 0, b"on", 3)
    wire.fragment("/f", two, 0, b"tw", 3)
    assert wire.fragment("/f", one, 2, b"e", 3).status == 200
    assert wire.fragment("/f", two, 2, b"o", 3).error == E_ACCESSDENIED
    assert (server.root / "f").read_bytes() == b"one"


def test_s16_two_sessions_for_one_name_with_overwriting_the_last_wins(server):
    wire = server.start(config=OVERWRITE).wire()
    one, two = wire.open("/f"), wire.open("/f")
    assert wire.fragment("/f", one, 0, b"one", 3).status == 200
    assert wire.fragment("/f", two, 0, b"two", 3).status == 200
    # A repeat of the first one's last fragment does not publish it again.
    assert wire.fragment("/f", one, 0, b"one", 3).status == 200
    assert (server.root / "f").read_bytes() == b"two"


def test_s16_exclusive_destinations(server):
    wire = server.start(config=OVERWRITE + "Exclusive = yes\n").wire()
    session = wire.open("/f")
    busy = wire.create("/f")
    assert busy.status == 409 and busy.error == "0x80070020"
    assert wire.create("/g").status == 200
    wire.cancel("/f", session)
    assert wire.create("/f").status == 200


def test_s16_published_at_close_where_that_is_wished(server):
    wire = server.start(config=OVERWRITE + "Publish = close\n").wire()
    session = wire.open("/f")
    assert wire.fragment("/f", session, 0, b"abc", 3).received == 3
    assert server.files() == []
    assert wire.close_session("/f", session).status == 200
    assert (server.root / "f").read_bytes() == b"abc"


def send_part_of(server, session, data, part, target="/f"):
    """A fragment of which only the beginning is sent; the connection stays."""
    wire = server.wire()
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, len(data), len(data))]
    wire.send(head("BITS_POST", target, fields, len(data)) + data[:part])
    return wire


def data_bytes(server):
    return sum(p.stat().st_size for p in server.session_files(".data"))


@pytest.mark.parametrize("how", ["close", "reset"])
def test_s19_the_beginning_of_a_cut_fragment_is_kept(server, how):
    data = noise(500_000)
    session = server.start().wire().open("/f")
    cut = send_part_of(server, session, data, 200_000)
    wait_until(lambda: data_bytes(server) == 200_000, "200,000 bytes on disk")
    if how == "reset":
        cut.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cut.close()
    wire = server.wire()
    gap = wire.fragment("/f", session, 400_000, data[400_000:], len(data))
    assert gap.status == 416 and gap.received == 200_000
    assert wire.fragment("/f", session, 0, data, len(data)).received == len(data)
    assert (server.root / "f").read_bytes() == data


def test_s20_a_new_request_ends_an_old_one_that_hangs(server):
    data = noise(300_000)
    session = server.start().wire().open("/f")
    old = send_part_of(server, session, data, 100_000)
    wait_until(lambda: data_bytes(server) == 100_000, "100,000 bytes on disk")
    # Nothing was closed: the old connection looks alive.
    answer = server.wire().fragment("/f", session, 0, data, len(data))
    assert answer.received == len(data)
    assert old.is_closed()
    assert (server.root / "f").read_bytes() == data


def test_s20_closing_ends_a_request_that_hangs(server):
    session = server.start().wire().open("/f")
    old = send_part_of(server, session, b"x" * 1000, 500)
    wait_until(lambda: data_bytes(server) == 500, "500 bytes on disk")
    assert server.wire().cancel("/f", session).status == 200
    assert old.is_closed() and server.session_files(".data") == []


def test_s20_somebody_who_does_not_know_the_target_ends_nothing(server):
    session = server.start().wire().open("/f")
    data = b"x" * 1000
    old = send_part_of(server, session, data, 500)
    wait_until(lambda: data_bytes(server) == 500, "500 bytes on disk")
    assert server.wire().cancel("/other", session).error == E_INVALIDARG
    old.send(data[500:])
    assert old.receive().received == 1000


def test_s20_sixty_four_sessions_at_once(server):
    server.start()
    failures = []

    def one(number):
        try:
            data = noise(200_000 + number, number)
            with server.wire() as wire:
                wire.upload(f"/f{number}", data, 30_000)
            assert (server.root / f"f{number}").read_bytes() == data
        except (AssertionError, OSError, Closed) as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and len(server.files()) == 64


@pytest.mark.parametrize("turn", range(3))
def test_s20_two_clients_that_fight_over_one_session_do_not_harm_the_file(server, turn):
    seed = int(os.environ.get("SEED", random.randrange(1 << 32))) + turn
    print(f"SEED={seed - turn}")
    data = noise(400_000, seed)
    session = server.start().wire().open("/f")

    def fight(number):
        dice = random.Random(seed + number)
        for _ in range(30):
            first = dice.randrange(len(data))
            part = data[first:first + dice.randrange(1, 100_000)]
            try:
                with server.wire() as wire:
                    fields = [("BITS-Packet-Type", "Fragment"),
                              *fragment_fields(session, first, len(part), len(data))]
                    cut = dice.randrange(len(part) + 1)
                    wire.send(head("BITS_POST", "/f", fields, len(part)) + part[:cut])
                    if cut == len(part):
                        wire.receive()
            except (Closed, OSError):
                pass

    threads = [threading.Thread(target=fight, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def is_delivered():
        """Of what the fighters left half sent, the server may hear later than of this, and then it cuts this
        one off as the older. A client asks again."""
        with contextlib.suppress(Closed):
            return server.wire().fragment("/f", session, 0, data, len(data)).received == len(data)
        return False
    wait_until(is_delivered, "the end of what the fighters have left")
    assert (server.root / "f").read_bytes() == data
