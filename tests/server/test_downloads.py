# SPDX-License-Identifier: Apache-2.0
"""GET and HEAD: files below the directory, in ranges, pinned by validators."""
import hashlib
import os
import pathlib

import pytest

DATA = bytes(range(100)) * 10
DATE = "Sun, 22 Nov 2026 08:00:00 GMT"
DATE_SEC = 1795334400


@pytest.fixture
def wire(server):
    (server.root / "f").write_bytes(DATA)
    os.utime(server.root / "f", (DATE_SEC, DATE_SEC))
    return server.start().wire()


def test_a_whole_file(wire):
    answer = wire.get("/f")
    assert answer.status == 200 and answer.body == DATA
    assert answer["Content-Length"] == "1000" and answer["Accept-Ranges"] == "bytes"
    assert answer["Last-Modified"] == DATE and answer["ETag"][0] == '"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == "application/octet-stream"


def test_its_head_alone(wire):
    answer = wire.get("/f", method="HEAD")
    assert answer.status == 200 and answer["Content-Length"] == "1000"
    assert wire.get("/f").body == DATA  # nothing of a body was on the way


@pytest.mark.parametrize("value, first, end", [
    ("bytes=0-0", 0, 1), ("bytes=0-", 0, 1000), ("bytes=999-", 999, 1000), ("bytes=10-19", 10, 20),
    ("bytes=990-5000", 990, 1000), ("bytes=-1", 999, 1000), ("bytes=-5000", 0, 1000),
    ("BYTES=5-6", 5, 7)])
def test_parts(wire, value, first, end):
    answer = wire.get("/f", [("Range", value)])
    assert answer.status == 206 and answer.body == DATA[first:end]
    assert answer["Content-Range"] == f"bytes {first}-{end - 1}/1000"


@pytest.mark.parametrize("value", ["bytes=1000-", "bytes=1000-2000", "bytes=-0",
                                   "bytes=9223372036854775807-"])
def test_parts_that_are_not_there(wire, value):
    answer = wire.get("/f", [("Range", value)])
    assert answer.status == 416 and answer["Content-Range"] == "bytes */1000"


@pytest.mark.parametrize("value", ["bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes",
                                   "bytes=", "bytes=-", "bytes=1", "bytes=0x1-2",
                                   "bytes=99999999999999999999999-"])
def test_ranges_that_are_none_give_the_whole(wire, value):
    answer = wire.get("/f", [("Range", value)])
    assert answer.status == 200 and answer.body == DATA


def test_if_range(wire):
    etag = wire.get("/f", method="HEAD")["ETag"]
    part = [("Range", "bytes=0-9")]
    assert wire.get("/f", [*part, ("If-Range", etag)]).status == 206
    assert wire.get("/f", [*part, ("If-Range", DATE)]).status in (200, 206)
    for other in ('"other"', f"W/{etag}", "Sun, 22 Nov 2026 08:00:01 GMT", "nonsense"):
        answer = wire.get("/f", [*part, ("If-Range", other)])
        assert answer.status == 200 and answer.body == DATA


def test_a_changed_file_has_another_etag(server, wire):
    before = wire.get("/f", method="HEAD")["ETag"]
    (server.root / "f").write_bytes(DATA[::-1])
    os.utime(server.root / "f", (DATE_SEC, DATE_SEC))  # the date does not tell
    os.replace(server.root / "f", server.root / "g")
    (server.root / "f").write_bytes(DATA)
    assert wire.get("/f", method="HEAD")["ETag"] != before


def test_not_modified(wire):
    etag = wire.get("/f", method="HEAD")["ETag"]
    for fields in ([("If-None-Match", etag)], [("If-None-Match", f'"x", {etag}')],
                   [("If-None-Match", "*")], [("If-Modified-Since", DATE)]):
        answer = wire.get("/f", fields)
        assert answer.status == 304 and answer["ETag"] == etag, fields
    for fields in ([("If-None-Match", '"x"')], [("If-None-Match", etag[:-2] + '"')],
                   [("If-Modified-Since", "Sat, 21 Nov 2026 08:00:00 GMT")],
                   [("If-None-Match", '"x"'), ("If-Modified-Since", DATE)]):
        assert wire.get("/f", fields).status == 200, fields


def test_an_empty_file(server, wire):
    (server.root / "empty").write_bytes(b"")
    answer = wire.get("/empty")
    assert answer.status == 200 and answer["Content-Length"] == "0"
    assert wire.get("/empty", [("Range", "bytes=0-")]).status == 416


def test_what_is_not_there(server, wire):
    (server.root / "dir").mkdir()
    for target in ("/none", "/dir", "/dir/", "/", "/f/", "/f/x", "/dir/none"):
        assert wire.get(target).status == 404


def test_what_may_not_be_read(server, wire):
    (server.root / "f").chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    assert wire.get("/f").status == 403


def test_downloads_can_be_forbidden(server):
    (server.root / "f").write_bytes(DATA)
    wire = server.start(config="[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"
                               "Downloads = no\n").wire()
    assert wire.get("/f").status == 403
    assert wire.upload("/g", b"x").status == 200


def test_a_get_with_a_body_is_refused(wire):
    wire.request("GET", "/f", body=b"x" * 10)
    assert wire.receive().status == 400


def body_digest(wire, size):
    """Reads an answer without keeping it."""
    while b"\r\n\r\n" not in wire.buffer:
        wire._fill()
    rest = wire.buffer.split(b"\r\n\r\n", 1)[1]
    digest, seen = hashlib.sha256(rest), len(rest)
    while seen < size:
        data = wire.sock.recv(1 << 20)
        assert data, seen
        digest.update(data)
        seen += len(data)
    return digest.digest()


def test_a_large_file_by_many_at_once_costs_no_memory(server, wire):
    block = os.urandom(1 << 20)
    with open(server.root / "big", "wb") as f:
        for _ in range(64):
            f.write(block)
    wires = [server.wire() for _ in range(8)]
    for one in wires:
        one.send(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
    wanted = hashlib.sha256(block * 64).digest()
    for one in wires:
        assert body_digest(one, 64 << 20) == wanted
    assert server.memory_kib("VmHWM") < 40_000


def test_a_sparse_file_of_six_gib_has_its_end(server, wire):
    with open(server.root / "huge", "wb") as f:
        f.seek((6 << 30) - 3)
        f.write(b"end")
    answer = wire.get("/huge", [("Range", f"bytes={(6 << 30) - 5}-")])
    assert answer.status == 206 and answer.body == b"\0\0end"
    assert answer["Content-Range"].endswith(f"/{6 << 30}")
    assert wire.get("/huge", method="HEAD")["Content-Length"] == str(6 << 30)


def test_a_file_that_shrinks_on_the_way_ends_the_connection(server):
    server.start(config="[server]\nIdleTimeout = 1\n[site /]\nDirectory = ROOT\n")
    path = pathlib.Path(server.root / "big")
    with open(path, "wb") as f:
        f.truncate(200 << 20)
    slow = server.wire(receive_buffer=4096)
    slow.send(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
    while b"\r\n\r\n" not in slow.buffer:
        slow._fill()
    os.truncate(path, 10)
    assert slow.is_closed()
    assert len(slow.buffer) < 200 << 20
    assert server.wire().get("/big").body == b"\0" * 10
