# SPDX-License-Identifier: Apache-2.0
"""Downloads from servers that want to know who is there: what is sent, to whom, when, and what a
refusal says."""
import os

import pytest
from bad_server import content
from conftest import (BASIC, DIGEST, NEGOTIATE, NTLM, PASSPORT, PROXY, SERVER, K, temporaries)

HTTP_401, HTTP_407 = 0x80190191, 0x80190197
TRANSPORT, REMOTE_FILE = 6, 5
GOOD = ("user", "password")
ALL = [(SERVER, s, *GOOD) for s in (BASIC, DIGEST, NTLM, NEGOTIATE, PASSPORT)]


def fetch(driver, url, local, creds=(), **props):
    return driver.fetch(url, local, creds=list(creds), **props)


def schemes(server):
    """What the requests carried, in their order."""
    with server.lock:
        return [(r["headers"].get(server.guard.answer_field) or "-").split()[0]
                for r in server.requests]


def assert_refused(result, status=401, *words):
    code, context = {401: (HTTP_401, REMOTE_FILE), 407: (HTTP_407, TRANSPORT)}[status]
    assert (result.event, result.code, result.context, result.fatal) == (
        "failed", code, context, True), result.last
    assert result.status == status
    for word in words:
        assert word in result.text, result.text


# Schemes.

@pytest.mark.parametrize("offer, answers", [
    ("basic", ["-", "Basic"]), ("digest", ["-", "Digest"]), ("basic,digest", ["-", "Digest"]),
    ("digest,basic", ["-", "Digest"])])
def test_the_strongest_offer_is_answered(driver, auth_server, out, offer, answers):
    server = auth_server(auth=offer)
    creds = [(SERVER, BASIC, *GOOD), (SERVER, DIGEST, *GOOD)]
    assert fetch(driver, server.url("/f"), out / "f", creds).event == "done"
    assert schemes(server) == answers
    assert temporaries(out)[0].read_bytes() == content("a", 1000)


@pytest.mark.parametrize("rules", [{"merge": "1"}, {"case": "upper"}, {"merge": "1", "case": "upper"}])
def test_challenges_in_other_words(driver, auth_server, out, rules):
    server = auth_server(auth="negotiate,digest,basic", **rules)
    creds = [(SERVER, BASIC, *GOOD), (SERVER, DIGEST, *GOOD)]
    assert fetch(driver, server.url("/f"), out / "f", creds).event == "done"
    assert "Basic" not in schemes(server)


@pytest.mark.parametrize("rules", [
    {"algorithm": "MD5-sess"}, {"algorithm": "SHA-256"}, {"algorithm": "SHA-256-sess"}, {"qop": "none"},
    {"qop": "both"}, {"nextnonce": "1"}, {"nc": "strict"}])
def test_every_kind_of_digest(driver, auth_server, out, rules):
    server = auth_server(auth="digest", **rules)
    for name in "fg":
        assert fetch(driver, server.url("/f"), out / name, [(SERVER, DIGEST, *GOOD)]).event == "done"


def test_nothing_is_sent_unasked(driver, auth_server, out):
    server = auth_server(auth="none")
    assert fetch(driver, server.url("/f"), out / "f", ALL).event == "done"
    assert schemes(server) == ["-"]


def test_nothing_outlives_its_operation(driver, auth_server, out):
    """Handles and connections are used again; what one job may, the next may not."""
    server = auth_server(auth="digest,basic")
    for creds in ([(SERVER, DIGEST, *GOOD)], [(SERVER, BASIC, *GOOD)]):
        assert fetch(driver, server.url("/f"), out / "f", creds).event == "done"
        before = len(server.requests)
        assert_refused(fetch(driver, server.url("/g"), out / "g"))
        assert set(schemes(server)[before:]) == {"-"}


def test_a_weaker_slot_serves_when_the_stronger_is_refused(driver, auth_server, out):
    server = auth_server(auth="digest,basic")
    creds = [(SERVER, BASIC, *GOOD), (SERVER, DIGEST, "user", "wrong")]
    assert fetch(driver, server.url("/f"), out / "f", creds).event == "done"
    assert schemes(server) == ["-", "Digest", "Basic"]


# Refusals.

def test_without_credentials(driver, auth_server, out):
    server = auth_server(auth="digest,basic")
    assert_refused(fetch(driver, server.url("/f"), out / "f"), 401, "Digest or Basic")
    assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", [BASIC, DIGEST])
def test_wrong_ones_are_refused_once(driver, auth_server, out, scheme):
    server = auth_server(auth="digest,basic")
    result = fetch(driver, server.url("/f"), out / "f", [(SERVER, scheme, "user", "S3cr3t")])
    assert_refused(result, 401, "refuses", "Basic" if scheme == BASIC else "Digest", "then resume")
    assert "S3cr3t" not in str(result.events) and "user" not in result.text
    assert len([s for s in schemes(server) if s != "-"]) == 1


@pytest.mark.parametrize("offer, creds, words", [
    ("basic", [(SERVER, DIGEST, *GOOD)], ["Basic", "none that fit"]),
    ("bearer", ALL, ["no scheme known here"]),
    ("negotiate", [(SERVER, NEGOTIATE, *GOOD)], ["Kerberos ticket"]),
    ("ntlm", [(SERVER, NTLM, None, None)], ["NTLM needs a user name"]),
    ("ntlm", [(SERVER, NTLM, "user", "п")], ["Latin-1"]),
    ("basic", [(SERVER, PASSPORT, *GOOD)], ["Passport is not supported"]),
    ("basic", [(SERVER, BASIC, "us:er", "password")], ["none that fit"]),
    ("basic", [(PROXY, BASIC, *GOOD)], ["none that fit"])])
def test_what_does_not_fit_is_not_sent(driver, auth_server, out, offer, creds, words):
    server = auth_server(auth=offer)
    assert_refused(fetch(driver, server.url("/f"), out / "f", creds), 401, *words)
    assert set(schemes(server)) == {"-"}


@pytest.fixture
def lesser_driver(drivers):
    """Its worker finds a libcurl without NTLM and Negotiate."""
    if os.environ["BITSD_SANITIZED"] == "1":
        pytest.skip("the sanitizer wants to be the first library")
    return drivers(env={"LD_PRELOAD": os.environ["LESSER_CURL"]})


@pytest.mark.parametrize("offer, creds, words", [
    ("ntlm", (SERVER, NTLM, *GOOD), "built without NTLM"),
    ("negotiate", (SERVER, NEGOTIATE, None, None), "built without Negotiate"),
    ("negotiate", (SERVER, NEGOTIATE, *GOOD), "built without Negotiate"),
    ("ntlm", (SERVER, NTLM, None, None), "built without Negotiate")])
def test_what_curl_cannot_do_is_said(lesser_driver, auth_server, out, offer, creds, words):
    server = auth_server(auth=offer)
    assert_refused(fetch(lesser_driver, server.url("/f"), out / "f", [creds]), 401, words)
    assert set(schemes(server)) == {"-"}


def test_what_curl_can_do_serves_then(lesser_driver, auth_server, out):
    server = auth_server(auth="negotiate,ntlm,digest,basic")
    assert fetch(lesser_driver, server.url("/f"), out / "f", ALL).event == "done"
    assert schemes(server) == ["-", "Digest"]


def test_a_lost_key_is_told_only_when_it_matters(driver, auth_server, out):
    server = auth_server(auth="basic", open="/open")
    for path, ends in (("/open", "done"), ("/f", "failed")):
        driver.job()
        driver.tell("cred", target=SERVER, scheme=BASIC, sealed="00")  # no key opens that
        driver.file(server.url(path), out / "f")
        op = driver.start()
        last = driver.wait("done", "failed", op=op)[-1]
        assert last["event"] == ends, last
    assert last["code"] == HTTP_401 and "vault" in last["text"] and "again" in last["text"]


def test_bytes_that_are_kept_stay_and_new_credentials_heal(driver, auth_server, server, out):
    first = fetch(driver, server.url("/f", cut=40000, times=1), out / "f")
    gate = auth_server(auth="digest", upstream=f"http://127.0.0.1:{server.port}")
    refused = driver.fetch(gate.url("/f"), out / "f", first.kept)
    assert_refused(refused)
    assert refused.done == 40000
    healed = driver.fetch(gate.url("/f"), out / "f", first.kept, creds=[(SERVER, DIGEST, *GOOD)])
    assert healed.event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", 100000)


# Loops.

@pytest.mark.parametrize("rules, bound", [
    ({"auth": "digest", "stale": "always"}, 8), ({"auth": "digest,basic", "refuse": "1"}, 4),
    ({"rotate": "basic,digest,ntlm,negotiate"}, 12), ({"rotate": "digest,basic"}, 12)])
def test_challenges_without_end_are_bounded(driver, auth_server, out, rules, bound):
    server = auth_server(**rules)
    assert_refused(fetch(driver, server.url("/f"), out / "f", ALL), 401, "refuses")
    assert len(server.requests) <= bound, schemes(server)


@pytest.mark.parametrize("stale", [1, 2])
def test_nonces_that_grow_old(driver, auth_server, out, stale):
    server = auth_server(auth="digest", stale=stale)
    for name in "abcde":
        assert fetch(driver, server.url("/f"), out / name, [(SERVER, DIGEST, *GOOD)]).event == "done"


@pytest.mark.parametrize("rules", [{"close": "1"}, {"body": 50000}, {"body": 300000}])
def test_refusals_of_every_kind_are_followed(driver, auth_server, out, rules):
    server = auth_server(auth="digest,basic", **rules)
    for scheme in (BASIC, DIGEST):
        assert fetch(driver, server.url("/f"), out / "f", [(SERVER, scheme, *GOOD)]).event == "done"


# Who gets them.

@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_another_port_gets_nothing(driver, auth_server, out, code):
    other = auth_server(auth="basic")
    server = auth_server(auth="basic")
    url = server.url("/f", to=other.url("/x"), code=code)
    assert_refused(fetch(driver, url, out / "f", [(SERVER, BASIC, *GOOD)]), 401, "another server")
    assert schemes(server) == ["-", "Basic"] and schemes(other) == ["-"]


def test_another_host_and_back(driver, auth_server, out):
    server = auth_server(auth="digest,basic")
    back = server.url("/g").replace("127.0.0.1", "localhost")
    assert_refused(fetch(driver, server.url("/f", to=back), out / "f", ALL[:2]), 401, "another server")
    assert schemes(server) == ["-", "Digest", "-"]
    hop = auth_server(auth="none")
    home = server.url("/home")
    url = server.url("/f", to=hop.url("/hop", to=home))
    assert fetch(driver, url, out / "f", ALL[:2]).event == "done"
    assert schemes(hop) == ["-"]


def test_another_scheme_gets_nothing(drivers, auth_server, out):
    tls = auth_server(auth="basic", tls="good")
    server = auth_server(auth="basic")
    driver = drivers("--ca-bundle", tls.ca_path)
    result = fetch(driver, server.url("/f", to=tls.url("/x")), out / "f", [(SERVER, BASIC, *GOOD)])
    assert_refused(result, 401, "another server")
    assert schemes(tls) == ["-"]


# Secrets of every shape.

@pytest.mark.parametrize("scheme, offer", [(BASIC, "basic"), (DIGEST, "digest")])
@pytest.mark.parametrize("user, password", [
    ("user", ""), ("DOMAIN\\user", "p"), ("Jürgen", "Грüße ¿ 日本 🙂"), ("q\"uo\\te", "a:b\"c\\"),
    ("u" * 300, "p" * 3000), ("user", " blanks ")],
    ids=["empty", "domain", "unicode", "quotes", "long", "blanks"])
def test_names_and_passwords_arrive_as_they_are(driver, auth_server, out, scheme, offer, user, password):
    server = auth_server({user: password}, auth=offer)
    result = fetch(driver, server.url("/f"), out / "f", [(SERVER, scheme, user, password)])
    assert result.event == "done", result.last
    assert server.requests[-1]["user"] == user


@pytest.mark.parametrize("scheme, offer", [(BASIC, "basic"), (DIGEST, "digest"), (NTLM, "ntlm")])
@pytest.mark.parametrize("letter", ["p", "日"])
def test_the_longest_password_does_no_harm(driver, auth_server, out, scheme, offer, letter):
    server = auth_server({"user": letter * 65536}, auth=offer)
    result = fetch(driver, server.url("/f"), out / "f", [(SERVER, scheme, "user", letter * 65536)])
    assert result.event == "done" if scheme == DIGEST else result.event in ("done", "failed")
    assert fetch(driver, server.url("/f", auth="none"), out / "g", size=10 * K).event == "done"
