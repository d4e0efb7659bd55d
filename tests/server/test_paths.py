# SPDX-License-Identifier: Apache-2.0
"""Where uploads may go: S17 of the checklist, and every spelling that has led a server astray."""
import contextlib
import os
import socket

import pytest

from wire import E_ACCESSDENIED, E_INVALIDARG, Closed, head

SITES = """
[site /drop]
Directory = ROOT
BITSUploadEnabled = 1
"""


@pytest.fixture
def outside(server):
    """Something beside the root that nobody may touch."""
    secret = server.directory / "secret"
    secret.write_text("secret")
    return secret


def try_everything(wire, target):
    """Create answers; a session that came into being is used, too."""
    answer = wire.create(target)
    if answer.status == 200:
        session = answer["BITS-Session-Id"]
        return wire.fragment(target, session, 0, b"evil", 4)
    return answer


HOSTILE = ["/../secret", "/..", "/../", "/a/../../secret", "/./../secret", "/%2e%2e/secret",
           "/%2E%2E/secret", "/.%2e/secret", "/..%2fsecret", "/%2e%2e%2fsecret", "//secret", "///x",
           "/a//b", "/sub//../x", "/%2fetc%2fpasswd", "/..\\secret", "/%5c..%5csecret",
           "/..%5csecret", "/sub/%2e%2e/%2e%2e/secret", "/%252e%252e/secret/x", "/.",
           "/sub/.", "/sub/..", "/x%00y", "/%00", "/x%0d%0aEvil:1", "/%7f", "/%zz", "/%", "/%2",
           "/.bits/replies/x", "/.bits", "/root.bits-sessions/x", "/sub/x.bits-sessions"]


@pytest.mark.parametrize("target", HOSTILE)
def test_s17_hostile_targets(server, outside, target):
    wire = server.start().wire()
    (server.root / "sub").mkdir()
    before = sorted(p for p in server.directory.rglob("*") if "bits-sessions" not in str(p))
    answer = try_everything(wire, target)
    assert answer.status in (400, 403, 404), answer
    assert answer["BITS-Packet-Type"] == "Ack"
    with server.wire() as other:
        assert other.get(target).status in (400, 403, 404)
    after = sorted(p for p in server.directory.rglob("*") if "bits-sessions" not in str(p))
    assert before == after
    assert outside.read_text() == "secret"


@pytest.mark.parametrize("target", ["x", "../secret", "*", "", "file:///etc/passwd", "ftp://h/x",
                                    "/x y", "/x#y", "\\x"])
def test_s17_targets_that_are_none(server, outside, target):
    wire = server.start().wire()
    wire.send(head("BITS_POST", target, [("BITS-Packet-Type", "Ping")], 0))
    with contextlib.suppress(Closed):  # hanging up at once will do, too
        assert wire.receive().status in (400, 405, 505)
    assert wire.is_closed()


def test_s17_a_raw_nul_in_the_request_line(server):
    wire = server.start().wire()
    wire.send(b"BITS_POST /x\0y HTTP/1.1\r\nHost: h\r\nBITS-Packet-Type: Ping\r\n"
              b"Content-Length: 0\r\n\r\n")
    assert wire.is_closed()
    assert b" 200 " not in wire.buffer
    assert server.wire().ping("/x").status == 200


def test_s17_a_directory_is_no_target(server):
    wire = server.start().wire()
    (server.root / "sub").mkdir()
    for target in ("/sub", "/sub/", "/"):
        answer = wire.create(target)
        assert answer.status == 400 and answer.error == E_INVALIDARG


def test_s17_a_missing_parent(server):
    wire = server.start().wire()
    (server.root / "file").write_text("x")
    for target in ("/sub/f", "/a/b/c", "/file/f"):
        answer = wire.create(target)
        assert answer.status == 404 and answer.error == "0x80070003"


def test_s17_a_parent_that_goes_away(server):
    wire = server.start().wire()
    (server.root / "sub").mkdir()
    session = wire.open("/sub/f")
    (server.root / "sub").rmdir()
    assert wire.fragment("/sub/f", session, 0, b"x", 1).status == 404
    (server.root / "sub").mkdir()
    assert wire.fragment("/sub/f", session, 0, b"x", 1).status == 200
    assert (server.root / "sub/f").read_bytes() == b"x"


def test_s17_links_are_not_followed(server, outside):
    elsewhere = server.directory / "elsewhere"
    elsewhere.mkdir()
    wire = server.start("--allow-overwrites").wire()
    (server.root / "link").symlink_to(outside)
    (server.root / "dir").symlink_to(elsewhere)
    (server.root / "dangling").symlink_to(server.directory / "nowhere")
    (server.root / "up").symlink_to("..")
    (server.root / "real").mkdir()
    (server.root / "real/f").write_bytes(b"x")
    (server.root / "alias").symlink_to("real")
    for target in ("/link", "/dir/f", "/dangling", "/up/secret", "/up/new", "/alias/f",
                   "/alias/g"):
        answer = try_everything(wire, target)
        assert answer.status == 403 and answer.error == E_ACCESSDENIED, (target, answer)
        assert wire.get(target).status in (403, 404)
    assert outside.read_text() == "secret" and not list(elsewhere.iterdir())
    assert not (server.directory / "nowhere").exists()


def test_s17_a_link_that_appears_between_create_and_the_last_byte(server, outside):
    wire = server.start("--allow-overwrites").wire()
    (server.root / "sub").mkdir()
    session, other = wire.open("/f"), wire.open("/sub/f")
    (server.root / "f").symlink_to(outside)
    (server.root / "sub").rmdir()
    (server.root / "sub").symlink_to(server.directory)
    assert wire.fragment("/f", session, 0, b"evil", 4).status == 403
    assert wire.fragment("/sub/f", other, 0, b"evil", 4).status == 403
    assert outside.read_text() == "secret" and not (server.directory / "f").exists()


def test_s17_pipes_sockets_and_devices_are_no_targets(server):
    wire = server.start("--allow-overwrites").wire()
    os.mkfifo(server.root / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(server.root / "socket"))
        for name in ("pipe", "socket"):
            assert try_everything(wire, f"/{name}").status == 403
            assert wire.get(f"/{name}").status == 404


def test_names_of_all_kinds_are_kept(server):
    wire = server.start().wire()
    for target, name in (("/a%20b", "a b"), ("/%C3%A4", "ä"), ("/ä", "ä2"), ("/a+b", "a+b"),
                         ("/a;b=c", "a;b=c"), ("/...", "..."), ("/.x", ".x"), ("/%25", "%"),
                         ("/" + "n" * 255, "n" * 255)):
        if name == "ä2":
            assert wire.create(target).status == 403  # is there already
            continue
        assert wire.upload(target, b"x").status == 200
        assert (server.root / name).read_bytes() == b"x"


def test_names_that_are_too_long(server):
    wire = server.start().wire()
    assert wire.create("/" + "n" * 256).status in (400, 414)
    assert wire.create("/" + "n/" * 3000 + "x").status in (400, 414)
    assert wire.create("/" + "n" * 9000).status in (400, 414)


def test_an_absolute_target_is_its_path(server):
    wire = server.start().wire()
    session = wire.open("http://localhost/f")
    assert wire.fragment("/f", session, 0, b"x", 1).status == 200
    assert wire.create("http://localhost/../x").status in (400, 403)


def test_a_site_is_its_directory_and_no_more(server, outside):
    wire = server.start(config=SITES).wire()
    assert wire.upload("/drop/f", b"x").status == 200
    assert (server.root / "f").read_bytes() == b"x"
    for target in ("/drop/../secret", "/drop/../../etc/x", "/drop/%2e%2e/secret"):
        assert wire.create(target).status in (400, 403)
    assert wire.create("/f").status == 404


def test_half_received_files_cannot_be_fetched(server):
    wire = server.start(config=f"{SITES}SessionDirectory = ROOT/x.bits-sessions\n").wire()
    session = wire.open("/drop/f")
    wire.fragment("/drop/f", session, 0, b"abc", 6)
    names = [p.name for p in (server.root / "x.bits-sessions").iterdir()]
    assert any(name.endswith(".data") for name in names)
    for name in names:
        assert wire.get(f"/drop/x.bits-sessions/{name}").status == 404
    mode = os.stat(server.root / "x.bits-sessions").st_mode & 0o777
    assert mode == 0o700


def test_a_session_directory_that_would_be_served_is_refused(server):
    with pytest.raises(AssertionError, match="is served"):
        server.start(config=f"{SITES}SessionDirectory = ROOT/sessions\n")
