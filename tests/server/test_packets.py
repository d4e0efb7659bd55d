# SPDX-License-Identifier: Apache-2.0
"""Packets and their Acks: S1-S3, S10-S12, S18, S26, S28, S29, S32 of the checklist."""
import pytest

from wire import (BG_E_SESSION_NOT_FOUND, E_ACCESSDENIED, E_INVALIDARG, PROTOCOL, REMOTE_FILE,
                  fragment_fields, head, is_guid)

OTHER = "{00000000-0000-0000-0000-000000000001}"


@pytest.fixture
def wire(server):
    return server.start().wire()


def refused(answer, status, error):
    assert answer.status == status, answer
    assert answer["BITS-Packet-Type"] == "Ack", answer
    assert answer.error == error and answer.context == REMOTE_FILE, answer
    assert answer["Content-Length"] == "0" and answer.body == b"", answer


@pytest.mark.parametrize("spell", [str.upper, str.lower, str.title])
def test_s01_packet_types_in_any_letter_case(wire, spell):
    assert wire.packet("/f", spell("ping")).status == 200
    created = wire.packet("/f", spell("create-session"), [("BITS-Supported-Protocols", PROTOCOL)])
    session = created["BITS-Session-Id"]
    assert created.status == 200
    fields = fragment_fields(session, 0, 3, 4)
    assert wire.packet("/f", spell("fragment"), fields, b"abc").received == 3
    assert wire.finish("/f", session, spell("cancel-session")).status == 200
    again = wire.open("/f")
    assert wire.fragment("/f", again, 0, b"x", 1).status == 200
    assert wire.finish("/f", again, spell("close-session")).status == 200


def test_s01_unknown_and_missing_packet_types_are_refused(wire):
    refused(wire.packet("/f", "Open-Session"), 400, E_INVALIDARG)
    refused(wire.packet("/f", "Ack"), 400, E_INVALIDARG)
    wire.request("BITS_POST", "/f")
    refused(wire.receive(), 400, E_INVALIDARG)


def test_s01_a_create_ack_says_what_it_has_to(wire):
    answer = wire.create("/f")
    assert answer["BITS-Packet-Type"] == "Ack"
    assert answer["BITS-Protocol"] == PROTOCOL
    assert is_guid(answer["BITS-Session-Id"])
    assert answer["Accept-Encoding"] == "identity"
    assert answer["Content-Length"] == "0"
    assert answer["BITS-Error"] is None and answer["BITS-Host-Id"] is None


def test_s01_session_ids_are_not_alike(wire):
    ids = {wire.open("/f") for _ in range(50)}
    assert len(ids) == 50
    assert len({i[1:9] for i in ids}) == 50


@pytest.mark.parametrize("protocols", [
    PROTOCOL.upper(), f"{PROTOCOL}, {OTHER}", f"{PROTOCOL},{OTHER}", f"{OTHER} {PROTOCOL}",
    f"{OTHER}\t{PROTOCOL}", " ".join([OTHER] * 99 + [PROTOCOL])])
def test_s02_protocol_lists_that_hold_ours(wire, protocols):
    answer = wire.create("/f", protocols=protocols)
    assert answer.status == 200 and answer["BITS-Protocol"] == PROTOCOL


@pytest.mark.parametrize("protocols", [
    OTHER, None, "", "nonsense", " ".join([OTHER] * 100 + [PROTOCOL])],
    ids=["unknown", "absent", "empty", "nonsense", "101st"])
def test_s02_protocol_lists_that_do_not(wire, protocols):
    answer = wire.create("/f", protocols=protocols)
    refused(answer, 400, E_INVALIDARG)
    assert answer["BITS-Protocol"] is None and answer["BITS-Session-Id"] is None


@pytest.mark.parametrize("kind", ["Create-Session", "Ping", "Close-Session", "Cancel-Session"])
def test_s03_a_body_where_none_belongs(wire, kind):
    session = wire.open("/f")
    fields = [("BITS-Supported-Protocols", PROTOCOL)]
    if kind[0] == "C" and kind != "Create-Session":
        fields = [("BITS-Session-Id", session)]
    refused(wire.packet("/f", kind, fields, b"body"), 400, E_INVALIDARG)
    # The body was not taken for the next request.
    assert wire.ping("/f").status == 200
    assert wire.fragment("/f", session, 0, b"x", 2).received == 1


def test_s10_the_total_may_not_change(wire):
    session = wire.open("/f")
    assert wire.fragment("/f", session, 0, b"abc", 9).received == 3
    refused(wire.fragment("/f", session, 3, b"def", 10), 400, E_INVALIDARG)
    assert wire.fragment("/f", session, 3, b"defghi", 9).received == 9


BAD_RANGES = ["bytes 0-3", "bytes 0-3/", "bytes */4", "bytes 0-3/*", "bytes 3-0/4", "bytes 0-4/4",
              "items 0-3/4", "bytes=0-3/4", "bytes 0-9223372036854775808/9223372036854775809",
              "bytes -0-3/4", "bytes 0 -3/4", "bytes +0-3/4", "bytes 0-3/4 x", "0-3/4", "",
              "bytes 00000000000000000000000-3/4"]


@pytest.mark.parametrize("text", BAD_RANGES)
def test_s11_bad_ranges(wire, text):
    session = wire.open("/f")
    answer = wire.packet("/f", "Fragment", [("BITS-Session-Id", session), ("Content-Range", text)],
                         b"abcd")
    refused(answer, 400, E_INVALIDARG)
    assert wire.fragment("/f", session, 0, b"abcd", 4).received == 4


@pytest.mark.parametrize("text", ["bytes 0-2/4", "bytes 0-3/9", "bytes 1-3/4"])
def test_s11_a_range_that_is_not_the_body(wire, text):
    session = wire.open("/f")
    fields = [("BITS-Session-Id", session), ("Content-Range", text)]
    refused(wire.packet("/f", "Fragment", fields, b"abcde"), 400, E_INVALIDARG)
    assert wire.fragment("/f", session, 0, b"abcd", 4).received == 4


def test_s11_the_unit_in_capitals_is_fine(wire):
    session = wire.open("/f")
    fields = [("BITS-Session-Id", session), ("Content-Range", "Bytes 0-3/4")]
    assert wire.packet("/f", "Fragment", fields, b"abcd").received == 4


def test_s11_a_fragment_without_a_range(wire):
    session = wire.open("/f")
    answer = wire.packet("/f", "Fragment", [("BITS-Session-Id", session)], b"abcd")
    refused(answer, 400, E_INVALIDARG)


UNKNOWN = "{12345678-1234-4321-8765-1234567890ab}"


def test_s12_unknown_sessions(wire):
    refused(wire.fragment("/f", UNKNOWN, 0, b"x", 1), 500, BG_E_SESSION_NOT_FOUND)
    refused(wire.close_session("/f", UNKNOWN), 500, BG_E_SESSION_NOT_FOUND)
    refused(wire.cancel("/f", UNKNOWN), 500, BG_E_SESSION_NOT_FOUND)
    assert wire.packet("/f", "Ping", [("BITS-Session-Id", UNKNOWN)]).status == 200


def test_s12_a_missing_session_id(wire):
    refused(wire.packet("/f", "Close-Session"), 400, E_INVALIDARG)
    refused(wire.packet("/f", "Fragment", [("Content-Range", "bytes 0-0/1")], b"x"), 400,
            E_INVALIDARG)


def test_s12_a_session_is_bound_to_its_target(wire):
    session = wire.open("/f?a=1")
    for target in ("/g?a=1", "/f", "/f?a=2", "/F?a=1"):
        refused(wire.fragment(target, session, 0, b"x", 1), 400, E_INVALIDARG)
    # The same name in another spelling is the same.
    assert wire.fragment("/%66?a=1", session, 0, b"x", 1).status == 200


HOSTILE_IDS = ["../root", "../../etc/passwd", "{../../../../tmp/x}", "/etc/passwd", ".", "..",
               "%2e%2e%2f", "a" * 100, "{" * 64, "-" * 64, "lock", "\\..\\..", "x;rm -rf /",
               "{6ef07f32-d822-416d-9a42-33cff8517cdb}.state", "\x01\x02", "\xe4\xf6", "a" * 101,
               "{}", "*"]


@pytest.mark.parametrize("session", HOSTILE_IDS)
def test_s18_hostile_session_ids(server, session):
    server.start()
    before = sorted(p for p in server.directory.rglob("*"))
    for attack in (lambda w: w.fragment("/f", session, 0, b"evil", 4),
                   lambda w: w.close_session("/f", session), lambda w: w.cancel("/f", session)):
        with server.wire() as wire:
            answer = attack(wire)
        assert answer.status in (400, 500), answer
        assert answer.error in (E_INVALIDARG, BG_E_SESSION_NOT_FOUND), answer
    assert sorted(p for p in server.directory.rglob("*")) == before


HOSTILE_NAMES = ["../../evil", "/etc/passwd", "..\\..\\evil", "a" * 3000, "nul\x7f", "con:stream",
                 "<script>", "", ".", "..", "%00", "\xff\xfe", "name with blanks", "x|y?z*"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_s18_hostile_content_names_are_labels_only(server, name):
    wire = server.start().wire()
    session = wire.open("/f", [("Content-Name", name)] if name != "nul\x7f" else [])
    answer = wire.fragment("/f", session, 0, b"data", 4, [("Content-Name", name)])
    if name == "nul\x7f":
        assert answer.status == 400
        return
    assert answer.status == 200
    assert server.files() == ["f"]
    assert {p.name for p in server.directory.iterdir()} == {
        "root", "root.bits-sessions", "log", "access"}


def test_s26_host_id_and_its_time_out(server):
    wire = server.start(config="[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"
                               "BITSHostId = node3.up.example.net\n"
                               "BITSHostIdFallbackTimeout = 3600\n").wire()
    answer = wire.create("/f")
    assert answer["BITS-Host-Id"] == "node3.up.example.net"
    assert answer["BITS-Host-Id-Fallback-Timeout"] == "3600"
    assert wire.fragment("/f", answer["BITS-Session-Id"], 0, b"x", 1)["BITS-Host-Id"] is None


def test_s26_the_time_out_of_a_host_id_is_a_day_unless_said(server):
    wire = server.start(config="[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"
                               "BITSHostId = 192.0.2.7\n").wire()
    assert wire.create("/f")["BITS-Host-Id-Fallback-Timeout"] == "86400"


def test_s28_expect_continue_is_answered_before_the_body(wire):
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 4, 4),
              ("Expect", "100-continue")]
    wire.send(head("BITS_POST", "/f", fields, 4))
    while b"\r\n\r\n" not in wire.buffer:
        wire._fill()
    assert wire.buffer.startswith(b"HTTP/1.1 100 ")
    wire.send(b"data")
    answer = wire.receive()
    assert answer.status == 200 and answer.received == 4 and wire.continued


def test_s28_expect_continue_is_refused_before_the_body(wire):
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(UNKNOWN, 0, 1 << 20, 1 << 20),
              ("Expect", "100-continue")]
    wire.send(head("BITS_POST", "/f", fields, 1 << 20))
    answer = wire.receive()
    assert answer.error == BG_E_SESSION_NOT_FOUND and not wire.continued
    assert wire.is_closed()


def test_s29_chunked_bodies_are_refused(wire):
    session = wire.open("/f")
    fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, 0, 4, 4),
              ("Transfer-Encoding", "chunked")]
    wire.send(head("BITS_POST", "/f", fields, None) + b"4\r\ndata\r\n0\r\n\r\n")
    refused(wire.receive(), 411, E_INVALIDARG)
    assert wire.is_closed()


def test_s29_a_missing_length_is_refused(wire):
    wire.request("BITS_POST", "/f", [("BITS-Packet-Type", "Ping")], length=False)
    refused(wire.receive(), 411, E_INVALIDARG)


def test_s29_a_missing_length_is_forgiven_where_that_is_allowed(server):
    wire = server.start(config="[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\n"
                               "LengthOptional = yes\n").wire()
    wire.request("BITS_POST", "/f", [("BITS-Packet-Type", "Ping")], length=False)
    assert wire.receive().status == 200


def test_s32_pipelined_packets_are_answered_in_order(server):
    wire = server.start().wire()
    session = wire.open("/f")
    batch = b""
    for first in range(0, 20, 2):
        batch += head("BITS_POST", "/f", [("BITS-Packet-Type", "Fragment"),
                                          *fragment_fields(session, first, 2, 20)], 2) + b"ab"
    batch += head("BITS_POST", "/f", [("BITS-Packet-Type", "Close-Session"),
                                      ("BITS-Session-Id", session)], 0)
    wire.send(batch)
    assert [wire.receive().received for _ in range(10)] == list(range(2, 22, 2))
    assert wire.receive().status == 200
    assert (server.root / "f").read_bytes() == b"ab" * 10


def test_a_disabled_directory_takes_no_uploads(server):
    wire = server.start(config="[site /]\nDirectory = ROOT\n").wire()
    refused(wire.create("/f"), 501, E_ACCESSDENIED)
    assert wire.ping("/f").status == 200


def test_a_url_outside_of_all_directories(server):
    wire = server.start(config="[site /drop]\nDirectory = ROOT\nBITSUploadEnabled = 1\n").wire()
    refused(wire.create("/other/f"), 404, "0x80070003")
    refused(wire.create("/dropped/f"), 404, "0x80070003")
    assert wire.create("/drop/f").status == 200
    assert wire.get("/nothing").status == 404


def test_a_tunnelled_verb_where_that_is_allowed(server):
    both = ("[site /]\nDirectory = ROOT\nBITSUploadEnabled = 1\nMethodOverride = {}\n")
    fields = [("X-Http-Method-Override", "BITS_POST"), ("BITS-Packet-Type", "Ping")]
    wire = server.start(config=both.format("yes")).wire()
    wire.request("POST", "/f", fields)
    assert wire.receive()["BITS-Packet-Type"] == "Ack"
    server.stop()
    wire = server.start(config=both.format("no")).wire()
    wire.request("POST", "/f", fields)
    assert wire.receive().status == 405


def test_other_verbs_are_refused(wire):
    for method in ("PUT", "POST", "DELETE", "OPTIONS", "PROPFIND", "BITS_post", "TRACE"):
        wire.request(method, "/f")
        answer = wire.receive()
        assert answer.status == 405 and "BITS_POST" in answer["Allow"]
