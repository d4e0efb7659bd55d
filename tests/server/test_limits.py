# SPDX-License-Identifier: Apache-2.0
"""Sizes, numbers, ages, memory and disks that are full: S22, S23, S30, S31 of the checklist."""
import base64
import os
import subprocess
import time

import pytest

from conftest import SANITIZED, send_zeros, wait_until
from wire import (BG_E_SESSION_NOT_FOUND, BG_E_TOO_LARGE, DISK_FULL, fragment_fields, head)

SITE = "[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"
MIB = 1 << 20


def test_s22_a_fragment_over_the_limit_can_be_sent_smaller(server):
    wire = server.start(config=SITE + "MaximumFragmentSize = 1000\n").wire()
    session = wire.open("/f")
    data = b"x" * 2000
    big = wire.fragment("/f", session, 0, data[:1001], 2000)
    assert big.status == 413 and big.error is None
    wire = server.wire()
    assert wire.fragment("/f", session, 0, data[:1000], 2000).received == 1000
    assert wire.fragment("/f", session, 1000, data[1000:], 2000).received == 2000


def test_s22_a_huge_fragment_is_refused_before_it_is_read(server):
    wire = server.start(config=SITE).wire()
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 65 * MIB, 65 * MIB)]
    wire.send(head("BITS_POST", "/f", fields, 65 * MIB))
    assert wire.receive().status == 413
    assert wire.is_closed()


def test_s22_a_file_over_the_limit(server):
    wire = server.start(config=SITE + "BITSMaximumUploadSize = 1000\n").wire()
    session = wire.open("/f")
    large = wire.fragment("/f", session, 0, b"x" * 10, 1001)
    assert large.status == 500 and large.error == BG_E_TOO_LARGE
    assert wire.fragment("/f", session, 0, b"x" * 1000, 1000).received == 1000


def test_s22_no_limit_is_an_empty_text(server):
    wire = server.start(config=SITE + "BITSMaximumUploadSize =\n").wire()
    session = wire.open("/f")
    assert wire.fragment("/f", session, 0, b"x", (1 << 63) - 1).received == 1


def test_a_total_is_a_claim_and_takes_no_room(server):
    wire = server.start().wire()
    wire.fragment("/f", wire.open("/f"), 0, b"x", 1 << 50)
    data, = server.session_files(".data")
    assert os.stat(data).st_blocks * 512 < MIB


def basic(user, password="secret"):
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return [("Authorization", f"Basic {text}")]


def test_s22_sessions_of_one_user(server):
    users = server.directory / "users"
    for user in ("anna", "bert"):
        subprocess.run(["htpasswd", *(["-c"] if user == "anna" else []), "-bB", "-C4", users, user,
                        "secret"], check=True, capture_output=True)
    text = SITE + f"AuthUserFile = {users}\nBITSNumberOfSessionsLimit = {{}}\n"
    wire = server.start(config=text.format(3)).wire()
    ids = [wire.open(f"/f{n}", basic("anna")) for n in range(3)]
    over = wire.create("/g", basic("anna"))
    assert over.status == 503 and int(over["Retry-After"]) > 0
    assert wire.create("/g", basic("bert")).status == 200
    assert wire.cancel("/f0", ids[0], basic("anna")).status == 200
    assert wire.create("/f0", basic("anna")).status == 200
    server.stop()
    # Without the switch there is no limit.
    wire = server.start(config=text.format(3) + "BITSSessionLimitEnable = 0\n").wire()
    for n in range(5):
        wire.open(f"/h{n}", basic("anna"))
    server.stop()
    # With a lower limit the sweep removes the most recent ones.
    server.start(config=text.format(1))
    wait_until(lambda: len(server.session_files(".data")) == 2, "one for each of them")


def test_s22_sessions_in_all_and_of_one_address(server):
    wire = server.start(config="[server]\nMaximumSessions = 5\nMaximumSessionsPerAddress = 3\n"
                               + SITE).wire()
    for _ in range(3):
        wire.open("/f")
    assert wire.create("/f").status == 503
    server.kill()
    server.again()
    assert server.wire().create("/f").status == 503


def test_s23_a_session_without_progress_ends(server):
    wire = server.start(config=SITE + "BITSSessionTimeout = 3\n").wire()
    session, kept = wire.open("/f"), wire.open("/g")
    wire.fragment("/f", session, 0, b"abc", 6)
    wire.fragment("/g", kept, 0, b"abc", 1 << 40)
    deadline = time.monotonic() + 7
    offset = 3
    while time.monotonic() < deadline:  # this one makes progress all the time
        offset = wire.fragment("/g", kept, offset, b"x", 1 << 40).received
        time.sleep(0.2)
    assert wire.fragment("/f", session, 3, b"def", 6).error == BG_E_SESSION_NOT_FOUND
    assert wire.fragment("/g", kept, offset, b"x", 1 << 40).status == 200


def test_s23_the_sweep_removes_what_nobody_asks_for(server, tmp_path):
    text = SITE + "BITSSessionTimeout = 1\nBITSCleanupUseDefault = 0\nBITSCleanupCount = 1\n" \
                  "BITSCleanupUnits = 0\n"
    wire = server.start("--metrics", "127.0.0.1:0", config=text).wire()
    wire.fragment("/f", wire.open("/f"), 0, b"abc", 6)
    assert len(server.session_files(".data")) == 1

    def swept():
        server.signal(10)  # SIGUSR1: sweep now
        return not server.session_files(".data") and not server.session_files(".state")

    wait_until(swept, "the sweep")
    assert server.metrics()["bitssrv_sessions_expired_total"] == 1


def test_s23_orphans_are_removed_at_the_start(server):
    server.start()
    server.stop()
    name = "0123456789abcdef0123456789abcdef"
    for suffix in (".data", ".reply", ".body", ".new", ".link"):
        (server.sessions / (name + suffix)).write_bytes(b"x")
    (server.sessions / "unrelated").write_bytes(b"x")
    server.again()
    assert sorted(p.name for p in server.sessions.iterdir()) == ["lock", "unrelated"]


@pytest.mark.parametrize("damage", [b"", b"garbage" * 10, None])
def test_s23_a_damaged_state_costs_its_session_only(server, damage):
    wire = server.start().wire()
    bad, good = wire.open("/bad"), wire.open("/good")
    wire.fragment("/bad", bad, 0, b"abc", 6)
    wire.fragment("/good", good, 0, b"abc", 6)
    server.kill()
    path = server.sessions / (bad.strip("{}").replace("-", "") + ".state")
    state = bytearray(path.read_bytes())
    state[len(state) // 2] ^= 1
    path.write_bytes(state if damage is None else damage)
    server.again()
    wire = server.wire()
    assert wire.fragment("/bad", bad, 3, b"def", 6).error == BG_E_SESSION_NOT_FOUND
    assert wire.fragment("/good", good, 3, b"def", 6).received == 6
    assert len(server.session_files(".data")) == 1


def test_a_data_file_that_lost_bytes_is_filled_again(server):
    wire = server.start().wire()
    session = wire.open("/f")
    wire.fragment("/f", session, 0, b"abcdef", 9)
    server.kill()
    data, = server.session_files(".data")
    os.truncate(data, 2)
    server.again()
    wire = server.wire()
    gap = wire.fragment("/f", session, 6, b"ghi", 9)
    assert gap.status == 416 and gap.received == 2
    assert wire.fragment("/f", session, 0, b"abcdefghi", 9).received == 9
    assert (server.root / "f").read_bytes() == b"abcdefghi"


def test_two_servers_do_not_share_a_session_directory(server):
    server.start()
    first = server.process
    with pytest.raises(AssertionError, match="another server uses it"):
        server.again()
    server.process = first
    server.process.stdout = open(os.devnull)


def test_s30_a_full_disk_is_told_and_the_upload_goes_on_when_there_is_room(server, small_disk):
    root = small_disk / "root"
    root.mkdir()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 12 * MIB)
    server.root, server.sessions = root, small_disk / "root.bits-sessions"
    wire = server.start(config=SITE + "MinimumFreeSpace = 0\n").wire()
    data = os.urandom(8 * MIB)
    session = wire.open("/f")
    full = wire.fragment("/f", session, 0, data, len(data))
    assert full.status == 500 and full.error == DISK_FULL and full.context == "0x5"
    assert f"for /f: {server.sessions} has no space left; make room there" in server.log.read_text()
    wire = server.wire()
    assert wire.ping("/f").status == 200
    again = wire.fragment("/f", session, 7 * MIB, data[7 * MIB:], len(data))
    kept = again.received
    assert again.status == 416 and 0 < kept < 5 * MIB
    server.kill()
    ballast.unlink()
    server.again()
    wire = server.wire()
    assert wire.fragment("/f", session, kept, data[kept:], len(data)).received == len(data)
    assert (root / "f").read_bytes() == data


def free_bytes(path):
    fs = os.statvfs(path)
    return fs.f_bavail * fs.f_frsize


def test_room_for_others_is_left_before_a_byte_is_taken(server, small_disk):
    """16 MiB, of which 4 have to stay free."""
    server.root, server.sessions = small_disk / "root", small_disk / "root.bits-sessions"
    server.root.mkdir()
    wire = server.start(config=SITE + "MinimumFreeSpace = 4M\n").wire()
    data = os.urandom(13 * MIB)
    session = wire.open("/f")
    full = wire.fragment("/f", session, 0, data, len(data))
    assert full.status == 500 and full.error == DISK_FULL and full.context == "0x5"
    assert free_bytes(small_disk) > 15 * MIB
    wire = server.wire()
    part = wire.fragment("/f", session, 0, data[:11 * MIB], len(data))
    assert part.received == 11 * MIB and free_bytes(small_disk) > 4 * MIB
    full = wire.fragment("/f", session, 11 * MIB, data[11 * MIB:], len(data))
    assert full.error == DISK_FULL and free_bytes(small_disk) > 4 * MIB
    (small_disk / "ballast").write_bytes(bytes(MIB))
    refused = server.wire().create("/g")
    assert refused.status == 500 and refused.error == DISK_FULL
    assert "make room" in server.log.read_text()
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=32m", small_disk], check=True)
    wire = server.wire()
    assert wire.fragment("/f", session, 11 * MIB, data[11 * MIB:], len(data)).received == len(data)
    assert (server.root / "f").read_bytes() == data
    assert wire.create("/g").status == 200


def test_bodies_under_way_count_as_written(server, small_disk):
    server.root, server.sessions = small_disk / "root", small_disk / "root.bits-sessions"
    server.root.mkdir()
    server.start(config=SITE + "MinimumFreeSpace = 4M\n")
    first, second = server.wire(), server.wire()
    slow = first.open("/slow")
    first.send(head("BITS_POST", "/slow", [("BITS-Packet-Type", "Fragment"),
                                           *fragment_fields(slow, 0, 8 * MIB, 8 * MIB)], 8 * MIB))
    first.send(b"x")
    wait_until(lambda: [p for p in server.session_files(".data") if os.stat(p).st_size > 0], "it began")
    session = second.open("/f")
    assert second.fragment("/f", session, 0, bytes(6 * MIB), 6 * MIB).error == DISK_FULL
    first.close()
    wait_until(lambda: server.wire().fragment("/f", session, 0, bytes(6 * MIB), 6 * MIB).received == 6 * MIB,
               "what did not come is free again")


def test_s30_a_limit_on_file_sizes_is_a_full_disk(server):
    wire = server.start(prefix=["prlimit", f"--fsize={2 * MIB}"], config=SITE).wire()
    full = wire.fragment("/f", wire.open("/f"), 0, b"x" * 3 * MIB, 3 * MIB)
    assert full.status == 500 and full.error == DISK_FULL


def test_s31_memory_stays_flat_with_fragments_of_64_mib(server):
    wire = server.start().wire()
    send_zeros(wire, "/f", wire.open("/f"), 256 * MIB, 64 * MIB)
    assert os.stat(server.root / "f").st_size == 256 * MIB
    if not SANITIZED:
        assert server.memory_kib("VmHWM") < 24_000


def test_s31_a_thousand_open_sessions(server):
    server.start()
    wires = [server.wire() for _ in range(1000)]
    ids = [wire.open(f"/f{number}") for number, wire in enumerate(wires)]
    for number, (wire, session) in enumerate(zip(wires, ids)):
        assert wire.fragment(f"/f{number}", session, 0, b"x" * 1000, 2000).received == 1000
    if not SANITIZED:
        assert server.memory_kib() < 160_000
    server.kill()
    server.again()
    wire = server.wire()
    for number in range(0, 1000, 100):
        assert wire.fragment(f"/f{number}", ids[number], 1000, b"x" * 1000, 2000).received == 2000
