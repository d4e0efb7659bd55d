# SPDX-License-Identifier: Apache-2.0
"""Uploads by a real worker against a server of the protocol that misbehaves (numbers C… are those of
the checklist in upload-protocol.md §17)."""

import pytest

from bad_bits_server import PROTOCOL, BadBitsServer
from conftest import ENDS, K, again, begin, upload

REMOTE_FILE, TRANSPORT, APPLICATION = 5, 6, 7
BG_E_INVALID_SERVER_RESPONSE = 0x8020001B
BG_E_TOO_LARGE = 0x80200020
BG_E_PROTOCOL_MISMATCH = 0x80200022
BG_E_NO_PROGRESS = 0x80200024
E_ACCESSDENIED = 0x80070005
TIMEOUT = 0x80072EE2


def ranges(bits_server):
    return [p["range"][:2] for p in bits_server.packets if p["type"] == "fragment" and "range" in p]


# The plain way.

def test_an_upload_takes_no_round_trip_more_than_it_needs(bits_server, bits_driver, source):
    path = source(10000)
    result = upload(bits_driver, bits_server.url("/a/up?site=7"), path)
    assert result.event == "done" and result.done == result.size == 10000
    assert bits_server.uploads["/a/up"] == path.read_bytes()
    assert bits_server.types() == ["create", "fragment", "close"]
    assert {p["connection"] for p in bits_server.packets} == {1}
    kinds = [k for k in result.kinds if k != "session"]
    assert kinds == ["connected", "meta", "progress", "uploaded", "done"]
    assert path.exists() and bits_server.closed == ["/a/up"]


def test_what_stands_on_the_wire(bits_server, bits_driver, source):  # C1, C16
    path = source(100 * K)
    upload(bits_driver, bits_server.url("/a/up", site=7), path)
    create, first, second, close = bits_server.packets
    for packet in bits_server.packets:
        h = packet["headers"]
        assert packet["target"] == "/a/up?site=7" and "expect" not in h
        assert "transfer-encoding" not in h and h["accept"] == "*/*"
        assert "content-type" not in h and h["host"].startswith("127.0.0.1:")
    assert create["headers"]["bits-supported-protocols"] == PROTOCOL
    assert create["headers"]["bits-packet-type"] == "Create-Session"
    assert create["headers"]["content-length"] == close["headers"]["content-length"] == "0"
    assert "bits-session-id" not in create["headers"]
    assert first["headers"]["content-range"] == f"bytes 0-{64 * K - 1}/{100 * K}"
    assert first["headers"]["content-length"] == str(64 * K)
    assert first["headers"]["content-name"] == "source.bin"
    assert second["headers"]["content-range"] == f"bytes {64 * K}-{100 * K - 1}/{100 * K}"
    assert second["headers"]["bits-session-id"] == close["headers"]["bits-session-id"]
    assert "content-range" not in close["headers"]


def test_a_file_of_no_bytes(bits_server, bits_driver, source):
    result = upload(bits_driver, bits_server.url("/a"), source(0))
    assert result.event == "done" and bits_server.uploads["/a"] == b""
    assert bits_server.types() == ["create", "close"] and "uploaded" in result.kinds


@pytest.mark.parametrize("query", [
    {"created": 201}, {"sid": 0}, {"identity": 0}, {"junk": 1}, {"extra": "X-Unknown: 1"},
    {"protocol": PROTOCOL.upper()}, {"keep": 0}, {"keep": 2},
    {"do": "*:*:nolength"},
])
def test_odd_acks_are_taken(bits_server, bits_driver, source, query):  # C2, C4, C10, C11
    path = source()
    result = upload(bits_driver, bits_server.url("/a", **query), path)
    assert result.event == "done", result.last
    assert bits_server.uploads["/a"] == path.read_bytes()
    assert bits_server.types() == ["create", *["fragment"] * 4, "close"]


# Answers that say no.

@pytest.mark.parametrize("query, code, fatal", [
    ({"do": "create:1:status:403:80070005"}, E_ACCESSDENIED, True),
    ({"do": "create:1:status:403:80070005", "names": "error"}, E_ACCESSDENIED, True),  # C3
    ({"do": "create:1:status:403:80070005", "names": "code"}, E_ACCESSDENIED, True),
    ({"do": "create:1:status:403:80070005", "names": "code", "bare": 1}, E_ACCESSDENIED, True),
    ({"do": "create:1:status:409:80070020"}, 0x80070020, True),
    ({"do": "create:1:status:401"}, 0x80190191, True),
    ({"do": "create:1:plain:405"}, 0x80190195, True),
    ({"do": "create:1:plain:404"}, 0x80190194, True),
    ({"do": "create:1:plain:501"}, 0x801901F5, True),
    ({"do": "create:1:plain:502"}, 0x801901F6, False),
    ({"do": "create:1:login"}, BG_E_INVALID_SERVER_RESPONSE, False),  # C12
    ({"do": "fragment:2:login"}, BG_E_INVALID_SERVER_RESPONSE, False),
    ({"protocol": "none"}, BG_E_PROTOCOL_MISMATCH, True),
    ({"protocol": "{00000000-249b-430f-820d-3d2a9bef4931}"}, BG_E_PROTOCOL_MISMATCH, True),
    ({"do": "fragment:1:status:500:80200020"}, BG_E_TOO_LARGE, True),
    ({"do": "fragment:2:status:500:80070070"}, 0x80070070, False),
    ({"do": "fragment:1:status:401"}, 0x80190191, True),
    ({"do": "fragment:1:blind"}, BG_E_INVALID_SERVER_RESPONSE, False),  # C5
    ({"do": "fragment:1:mute"}, BG_E_INVALID_SERVER_RESPONSE, False),
    ({"do": "fragment:1:other"}, BG_E_INVALID_SERVER_RESPONSE, False),
    ({"do": "fragment:1:twice"}, BG_E_INVALID_SERVER_RESPONSE, False),
    ({"do": "fragment:*:gap:0"}, BG_E_INVALID_SERVER_RESPONSE, False),
    ({"do": "fragment:*:took:99999999"}, BG_E_INVALID_SERVER_RESPONSE, False),
    ({"do": "create:1:to:http%3A//127.0.0.2/"}, 0x80190133, True),
])
def test_refusals(bits_server, bits_driver, source, query, code, fatal):
    result = upload(bits_driver, bits_server.url("/a", **query), source())
    assert (result.event, result.code, result.fatal) == ("failed", code, fatal), result.last
    assert result.context == REMOTE_FILE and result.host == "127.0.0.1"


def test_an_application_that_fails_has_its_own_context(bits_server, bits_driver, source):
    path = source()
    url = bits_server.url("/a", do="fragment:4:status:503:801901F7:7:77")
    result = upload(bits_driver, url, path)
    assert (result.code, result.context, result.fatal) == (0x801901F7, APPLICATION, False)
    assert result.retry_after == 77 and result.status == 503
    assert again(bits_driver).event == "done"


def test_fragments_shrink_to_what_the_server_takes(bits_server, bits_driver, source):  # C6
    path = source()
    assert upload(bits_driver, bits_server.url("/a", limit=20000), path).event == "done"
    assert bits_server.uploads["/a"] == path.read_bytes()
    sizes = [p["body"] for p in bits_server.packets if p["type"] == "fragment"]
    assert sizes[:3] == [64 * K, 32 * K, 16 * K] and max(sizes[2:]) <= 20000


def test_fragments_do_not_shrink_for_ever(bits_server, bits_driver, source):  # C6
    result = upload(bits_driver, bits_server.url("/a", limit=100), source())
    assert (result.code, result.fatal) == (0x8019019D, True)
    assert min(p["body"] for p in bits_server.packets if p["type"] == "fragment") == 5 * K


@pytest.mark.parametrize("status", [413, 503])
def test_an_answer_before_the_end_of_the_body_is_heard(bits_server, drivers, source, status):
    driver = drivers("--upload-fragment-bytes", 8 * K * K)
    path = source(16 * K * K)
    result = upload(driver, bits_server.url("/a", do=f"fragment:1:early:{status}"), path)
    if status == 503:
        assert (result.code, result.fatal) == (0x801901F7, False)
        result = again(driver)
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()


def test_an_answer_before_the_end_of_the_body_and_a_reset(bits_server, drivers, source):
    """The reset may win; then it is a failure that passes."""
    driver = drivers("--upload-fragment-bytes", 8 * K * K)
    path = source(16 * K * K)
    result = upload(driver, bits_server.url("/a", do="fragment:1:slam:413"), path)
    if result.event == "failed":
        assert not result.fatal
        result = again(driver)
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()


# Offsets.

@pytest.mark.parametrize("rule, expected", [
    ("fragment:3:gap:0", 0), ("fragment:3:took:1000", 1000), ("fragment:2:gap:65536", 65536),
])
def test_the_offset_goes_where_the_server_says(bits_server, bits_driver, source, rule, expected):  # C5
    path = source()
    result = upload(bits_driver, bits_server.url("/a", do=rule), path)
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()
    assert expected in [first for first, _ in ranges(bits_server)[int(rule.split(":")[1]):]]


def test_progress_goes_down_when_the_server_goes_back(bits_server, bits_driver, source):
    rules = "fragment:3:wait:x,fragment:4:gap:0,fragment:5:wait:y"
    op = begin(bits_driver, bits_server.url("/a", do=rules), source())
    assert bits_driver.wait("progress", op=op)[-1]["done"] == 128 * K
    bits_server.open("x")
    while bits_driver.wait("progress", op=op)[-1]["done"] != 0:
        pass
    bits_server.open("y")
    assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == "done"


# Sessions that are lost.

@pytest.mark.parametrize("nth", [1, 3])
def test_a_lost_session_begins_anew(bits_server, bits_driver, source, nth):  # C7
    path = source()
    assert upload(bits_driver, bits_server.url("/a", do=f"fragment:{nth}:lost"), path).event == "done"
    assert bits_server.types().count("create") == 2 and bits_server.uploads["/a"] == path.read_bytes()


def test_sessions_are_not_lost_for_ever(bits_server, bits_driver, source):
    result = upload(bits_driver, bits_server.url("/a", do="fragment:*:lost"), source())
    assert (result.code, result.fatal) == (BG_E_NO_PROGRESS, False)
    assert bits_server.types().count("create") == 6


def test_a_lost_ack_of_close_uploads_nothing_again(bits_server, bits_driver, source):  # C7
    path = source()
    result = upload(bits_driver, bits_server.url("/a", do="close:1:cut"), path)
    if result.event == "failed":
        assert not result.fatal
        path.unlink()  # nobody needs it any more
        result = again(bits_driver)
    assert result.event == "done" and bits_server.types().count("create") == 1
    assert bits_server.types().count("fragment") == 4


# Connections.

@pytest.mark.parametrize("rule", ["fragment:2:cut", "fragment:2:half", "fragment:4:cut", "fragment:4:half", "fragment:2:body:1000",
                                  "create:1:cut", "create:1:half", "fragment:1:body:0", "close:1:half"])
def test_a_cut_connection_is_transient_and_costs_little(bits_server, bits_driver, source, rule):  # C10
    path = source()
    result = upload(bits_driver, bits_server.url("/a", do=rule), path)
    if result.event == "failed":
        assert not result.fatal and result.context in (TRANSPORT, REMOTE_FILE), result.last
        result = again(bits_driver)
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()
    sent = sum(p["body"] for p in bits_server.packets)
    assert sent <= 200 * K + 64 * K


@pytest.mark.parametrize("rule, context", [("fragment:2:hang", TRANSPORT), ("create:1:hang", TRANSPORT),
                                           ("close:1:hang", TRANSPORT)])
def test_an_ack_that_never_comes_is_a_time_out(bits_server, bits_driver, source, rule, context):
    result = upload(bits_driver, bits_server.url("/a", do=rule), source())
    assert (result.code, result.fatal, result.context) == (TIMEOUT, False, context)
    result = again(bits_driver)
    assert result.event == "done", result.last


def test_a_server_that_takes_nothing_is_a_time_out(bits_server, drivers, source):
    driver = drivers("--upload-send-timeout-sec", 1, "--upload-fragment-bytes", 13 * K * K)
    result = upload(driver, bits_server.url("/a", do="fragment:1:deaf"), source(13 * K * K))
    assert (result.code, result.fatal) == (TIMEOUT, False)
    assert "taken nothing" in result.text


def test_a_slow_line_is_no_silence(drivers, source):
    """What waits in the socket was not sent; as long as it gets less, there is progress."""
    driver = drivers("--upload-send-timeout-sec", 3, "--upload-response-timeout-sec", 3,
                     "--upload-fragment-bytes", 4 * K * K)
    path = source(4 * K * K)
    with BadBitsServer(receive_bytes=64 * K) as server:
        url = server.url("/a", do=f"fragment:1:slow:{256 * K}:0.4")
        result = upload(driver, url, path)
        assert result.event == "done", result.last
        assert server.uploads["/a"] == path.read_bytes()


@pytest.mark.parametrize("rule", ["create:1:flood", "create:1:babble", "fragment:2:babble"])
def test_answers_that_do_not_end_are_left(bits_server, bits_driver, source, rule):
    result = upload(bits_driver, bits_server.url("/a", do=rule), source())
    assert result.event == "failed" and result.code in (BG_E_INVALID_SERVER_RESPONSE,
                                                        BG_E_PROTOCOL_MISMATCH), result.last
    assert bits_server.flooded < 16 * K * K


def test_a_slow_ack_is_waited_for(bits_server, drivers, source):  # C17, with the time that the default allows
    driver = drivers("--upload-send-timeout-sec", 3, "--stall-timeout-sec", 3)
    path = source()
    assert upload(driver, bits_server.url("/a", do="fragment:1:delay:5"), path).event == "done"


def test_nobody_there(bits_driver, source, unused_port):
    result = upload(bits_driver, f"http://127.0.0.1:{unused_port}/a", source())
    assert (result.code, result.context, result.fatal) == (0x80072EFD, TRANSPORT, False)


def test_an_idle_connection_that_died_is_no_failure(bits_server, bits_driver, source):
    path = source()
    assert upload(bits_driver, bits_server.url("/a", shut=1), path).event == "done"
    assert bits_server.uploads["/a"] == path.read_bytes()
    assert len({p["connection"] for p in bits_server.packets}) == len(bits_server.packets) == 6


# Redirects, host ids.

def test_a_redirect_on_the_same_host_is_followed(bits_server, bits_driver, source):
    path = source()
    result = upload(bits_driver, bits_server.url("/a", do="create:1:to:/b"), path)
    assert result.event == "done" and bits_server.uploads["/b"] == path.read_bytes()
    assert "/a" not in bits_server.uploads


def test_packets_go_to_the_host_id(bits_server, bits_driver, source):  # C8
    path = source()
    url = bits_server.url("/a", host_id="localhost", fallback=3600)
    assert upload(bits_driver, url, path).event == "done"
    hosts = [p["headers"]["host"].split(":")[0] for p in bits_server.packets]
    assert bits_server.types() == ["create", "ping", *["fragment"] * 4, "close"]
    assert hosts[0] == "127.0.0.1" and set(hosts[1:]) == {"localhost"}


def test_a_host_id_out_of_reach_is_given_up_in_time(bits_server, bits_driver, source):  # C8
    path = source()
    url = bits_server.url("/a", host_id="127.0.0.77:1", fallback=0)
    result = upload(bits_driver, url, path)
    assert result.event == "failed" and not result.fatal
    result = again(bits_driver)
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()


# Proxies (C15).

def test_through_a_proxy_the_target_is_absolute(bits_server, bits_driver, source):
    path = source()
    proxy = f"http=127.0.0.1:{bits_server.port}"
    result = upload(bits_driver, "http://up.example/a?x=1", path, usage=2, list=proxy)
    assert result.event == "done"
    assert {p["target"] for p in bits_server.packets} == {"http://up.example/a?x=1"}


def test_the_next_proxy_is_tried_when_one_is_not_there(bits_server, bits_driver, source, unused_port):
    path = source()
    result = upload(bits_driver, "http://up.example/a", path, usage=2,
                    list=f"127.0.0.1:{unused_port} 127.0.0.1:{bits_server.port}")
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()


def test_a_proxy_that_wants_credentials_is_fatal(bits_driver, source):
    with BadBitsServer(connect_status=407) as proxy:
        result = upload(bits_driver, "http://up.example/a", source(), usage=2,
                        list=f"127.0.0.1:{proxy.port}")
        assert (result.code, result.fatal) == (0x80190197, True)
        result = upload(bits_driver, "https://up.example/a", source(), usage=2,
                        list=f"127.0.0.1:{proxy.port}")
        assert (result.code, result.fatal) == (0x80190197, True)


def test_tls_speaks_http_1_and_checks_the_certificate(drivers, source):
    path = source()
    with BadBitsServer(tls="good") as bits_server:
        bits_server.context.set_alpn_protocols(["h2", "http/1.1"])
        driver = drivers("--ca-bundle", bits_server.ca_path)
        assert upload(driver, bits_server.url("/a"), path).event == "done"
        assert bits_server.uploads["/a"] == path.read_bytes()
    with BadBitsServer(tls="untrusted") as bits_server:
        driver = drivers("--ca-bundle", bits_server.ca_path)
        result = upload(driver, bits_server.url("/a"), path)
        assert (result.code, result.fatal) == (0x80072F0D, True) and not bits_server.packets
