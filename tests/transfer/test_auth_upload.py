# SPDX-License-Identifier: Apache-2.0
"""Uploads, their replies and their farewells, to servers that want to know who is there."""
import time

import pytest
from bad_server import content
from conftest import (BASIC, DIGEST, EVENT_SEC, K, NEGOTIATE, NTLM, SERVER, UPLOAD_REPLY, again, begin, temporaries,
                      upload)
from test_auth import GOOD, assert_refused, schemes

BOTH = [(SERVER, BASIC, *GOOD), (SERVER, DIGEST, *GOOD)]


@pytest.fixture
def driver(drivers):
    return drivers("--stall-timeout-sec", 2, "--connect-timeout-sec", 5, "--upload-fragment-bytes", 64 * K)


def bodies_lost(server):
    """Bytes of bodies that came with requests that were refused."""
    return sum(int(r["headers"].get("content-length", 0)) for r in server.requests if r["verdict"] != "ok")


@pytest.mark.parametrize("offer", ["basic", "digest", "basic,digest", "negotiate,digest,basic"])
@pytest.mark.parametrize("rules", [{}, {"algorithm": "SHA-256"}, {"qop": "none"}, {"close": "1"}])
def test_no_body_is_spent_on_a_challenge(driver, auth_server, source, offer, rules):
    server = auth_server(auth=offer, **rules)
    path = source(300 * K)
    result = upload(driver, server.url("/up"), path, creds=BOTH)
    assert result.event == "done", result.last
    assert server.uploads["/up"] == path.read_bytes()
    assert bodies_lost(server) == 0
    assert server.requests[0]["headers"]["bits-packet-type"].lower() == "ping"
    if "digest" in offer:
        assert "Basic" not in schemes(server)


@pytest.mark.parametrize("stale", [1, 2, 3])
@pytest.mark.parametrize("early", ["0", "1"])
def test_nonces_that_grow_old_cost_one_body_each(driver, auth_server, source, stale, early):
    server = auth_server(auth="digest", stale=stale, early=early)
    path = source(300 * K)
    result = upload(driver, server.url("/up"), path, creds=BOTH)
    assert result.event == "done", result.last
    assert server.uploads["/up"] == path.read_bytes()
    fragments = [r for r in server.requests if r["headers"]["bits-packet-type"].lower() == "fragment"]
    assert len(fragments) <= 2 * 5


@pytest.mark.parametrize("creds", [[], [(SERVER, DIGEST, "user", "S3cr3t")],
                                   [(SERVER, BASIC, "user", "S3cr3t"), (SERVER, DIGEST, "user", "S3cr3t")]])
def test_refusals_cost_no_body_and_heal(driver, auth_server, source, creds):
    server = auth_server(auth="digest,basic")
    path = source(100 * K)
    result = upload(driver, server.url("/up"), path, creds=creds)
    assert_refused(result, 401, "refuses" if creds else "Digest or Basic")
    assert "S3cr3t" not in str(result.events)
    assert bodies_lost(server) == 0 and len(server.requests) <= 5
    assert upload(driver, server.url("/up"), path, creds=BOTH).event == "done"


@pytest.mark.parametrize("rules", [{"auth": "digest", "stale": "always"}, {"auth": "digest", "refuse": "1"},
                                   {"rotate": "basic,digest,ntlm,negotiate"}, {"rotate": "digest,basic"}])
def test_challenges_without_end_are_bounded(driver, auth_server, source, rules):
    server = auth_server(**rules)
    creds = BOTH + [(SERVER, NTLM, *GOOD), (SERVER, NEGOTIATE, *GOOD)]
    assert_refused(upload(driver, server.url("/up"), source(100 * K), creds=creds), 401)
    assert len(server.requests) <= 16, schemes(server)
    assert bodies_lost(server) == 0


@pytest.mark.parametrize("offer", ["basic", "digest"])
def test_a_server_that_forgets_its_nonces_in_the_middle(driver, auth_server, source, offer):
    server = auth_server(auth=offer)
    path = source(64 * K * 40)
    op = begin(driver, server.url("/up"), path, creds=BOTH)
    driver.wait("progress", "session", op=op)
    server.guard.forget_nonces()
    assert driver.wait("done", "failed", op=op)[-1]["event"] == "done"
    assert server.uploads["/up"] == path.read_bytes()


def test_nonces_that_go_without_a_word(driver, auth_server, source):
    """What was right a moment ago is tried once more, with a new nonce."""
    server = auth_server(auth="digest", stale=4, silent=1)
    path = source(300 * K)
    result = upload(driver, server.url("/up"), path, creds=BOTH)
    assert result.event == "done", result.last
    assert server.uploads["/up"] == path.read_bytes()


@pytest.mark.parametrize("offer", ["basic", "digest"])
def test_the_reply_is_fetched_with_them(driver, auth_server, source, out, offer):
    server = auth_server(auth=offer)
    result = upload(driver, server.url("/up", reply=70000), source(100 * K), UPLOAD_REPLY, creds=BOTH,
                    reply=out / "r")
    assert result.event == "done", result.last
    assert temporaries(out)[0].read_bytes() == content("reply", 70000)
    gets = [r for r in server.requests if r["method"] == "GET"]
    assert "authorization" not in gets[0]["headers"] and gets[-1]["verdict"] == "ok"


def test_a_reply_elsewhere_is_fetched_without_them(driver, auth_server, bits_server, source, out):
    trap = auth_server(auth="basic")
    result = upload(driver, bits_server.url("/up", reply=trap.url("/r")), source(100 * K), UPLOAD_REPLY,
                    creds=BOTH, reply=out / "r")
    assert result.event == "failed", result.last
    assert set(schemes(trap)) == {"-"}


def stopped_in_the_middle(driver, server, path):
    op = begin(driver, server.url("/up"), path, creds=BOTH)
    end = time.monotonic() + EVENT_SEC
    while sum(r["verdict"] == "ok" for r in server.requests) < 10:
        assert time.monotonic() < end
        time.sleep(0.001)
    driver.tell("stop", op=op)
    driver.wait("stopped", op=op)


@pytest.mark.parametrize("offer", ["basic", "digest"])
def test_the_farewell_has_them(driver, auth_server, source, offer):
    server = auth_server(auth=offer)
    stopped_in_the_middle(driver, server, source(64 * K * 400))
    driver.op += 1
    driver.tell("farewell", op=driver.op)
    end = driver.wait("farewell", op=driver.op)[-1]
    assert end["result"] == 0, end
    last = server.requests[-1]
    assert last["headers"]["bits-packet-type"].lower() == "cancel-session" and last["verdict"] == "ok"
    assert server.state.sessions == {}


def test_what_was_sent_is_not_sent_again_with_new_credentials(driver, auth_server, source):
    server = auth_server(auth="digest")
    path = source(64 * K * 400)
    stopped_in_the_middle(driver, server, path)
    server.guard.accounts["user"] = "other"
    assert_refused(again(driver), 401, "refuses")
    server.guard.accounts["user"] = "password"
    before = len(server.requests)
    assert again(driver).event == "done"
    sent = sum(int(r["headers"].get("content-length", 0)) for r in server.requests[before:])
    assert sent < path.stat().st_size and server.uploads["/up"] == path.read_bytes()
