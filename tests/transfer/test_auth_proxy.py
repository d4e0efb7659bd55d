# SPDX-License-Identifier: Apache-2.0
"""Proxies that want to know who is there: in every usage, for plain requests and for tunnels."""
import pytest
from bad_server import content
from conftest import BASIC, DIGEST, NEGOTIATE, NTLM, PASSPORT, PROXY, SERVER, UPLOAD_REPLY, temporaries, upload
from test_auth import GOOD, assert_refused, fetch, schemes

PRECONFIG, NO_PROXY, OVERRIDE = 0, 1, 2
PROXY_ALL = [(PROXY, s, *GOOD) for s in (BASIC, DIGEST, NTLM, NEGOTIATE, PASSPORT)]


def through(proxy, **more):
    return {"usage": OVERRIDE, "list": f"127.0.0.1:{proxy.port}", **more}


@pytest.fixture
def tls(auth_server):
    return auth_server(auth="none", tls="good")


@pytest.fixture
def tls_driver(drivers, tls):
    return drivers("--ca-bundle", tls.ca_path, "--stall-timeout-sec", 2, "--connect-timeout-sec", 5)


@pytest.mark.parametrize("offer, answers", [
    ("basic", ["-", "Basic"]), ("digest", ["-", "Digest"]), ("basic,digest", ["-", "Digest"])])
@pytest.mark.parametrize("tunnel", [False, True])
def test_the_strongest_offer_is_answered(tls_driver, auth_server, server, tls, out, offer, answers, tunnel):
    proxy = auth_server(auth=offer, proxy=True)
    url = tls.url("/f", size=100000) if tunnel else server.url("/f")
    creds = [(PROXY, BASIC, *GOOD), (PROXY, DIGEST, *GOOD)]
    assert fetch(tls_driver, url, out / "f", creds, **through(proxy)).event == "done"
    assert schemes(proxy) == answers
    assert {r["method"] for r in proxy.requests} == {"CONNECT" if tunnel else "GET"}
    assert temporaries(out)[0].read_bytes() == content("a", 100000)


@pytest.mark.parametrize("creds, words", [
    ([], ["proxy wants credentials"]), ([(PROXY, DIGEST, "user", "wrong")], ["proxy refuses", "Digest"]),
    ([(SERVER, BASIC, *GOOD)], ["none that fit"])])
@pytest.mark.parametrize("tunnel", [False, True])
def test_refusals(tls_driver, auth_server, server, tls, out, creds, words, tunnel):
    proxy = auth_server(auth="digest,basic", proxy=True)
    url = tls.url("/f") if tunnel else server.url("/f")
    assert_refused(fetch(tls_driver, url, out / "f", creds, **through(proxy)), 407, *words)
    assert len(proxy.requests) <= 3 and server.requests == [] and tls.requests == []


@pytest.mark.parametrize("rules", [
    {"auth": "digest", "stale": "always"}, {"auth": "digest,basic", "refuse": "1"},
    {"rotate": "basic,digest,ntlm,negotiate"}])
@pytest.mark.parametrize("tunnel", [False, True])
def test_challenges_without_end_are_bounded(tls_driver, auth_server, server, tls, out, rules, tunnel):
    proxy = auth_server(proxy=True, **rules)
    url = tls.url("/f") if tunnel else server.url("/f")
    assert_refused(fetch(tls_driver, url, out / "f", PROXY_ALL, **through(proxy)), 407, "refuses")
    assert len(proxy.requests) <= 16, schemes(proxy)


@pytest.mark.parametrize("rules", [{"close": "1"}, {"stale": "1"}, {"nextnonce": "1"}, {"qop": "none"},
                                   {"algorithm": "SHA-256"}, {"body": "60000"}])
@pytest.mark.parametrize("tunnel", [False, True])
def test_proxies_that_make_it_hard(tls_driver, auth_server, server, tls, out, rules, tunnel):
    proxy = auth_server(auth="digest", proxy=True, **rules)
    url = tls.url("/f") if tunnel else server.url("/f")
    for name in "fgh":
        result = fetch(tls_driver, url, out / name, [(PROXY, DIGEST, *GOOD)], **through(proxy))
        assert result.event == "done", result.last


@pytest.mark.parametrize("tunnel", [False, True])
@pytest.mark.parametrize("of_proxy", ["basic", "digest"])
@pytest.mark.parametrize("of_server", ["basic", "digest"])
def test_proxy_and_server_both_ask(tls_driver, auth_server, tls, out, of_proxy, of_server, tunnel):
    proxy = auth_server({"p": "p-secret"}, auth=of_proxy, proxy=True)
    server = tls if tunnel else auth_server()
    server.rules.update(auth=of_server)
    creds = [(t, s, *who) for t, who in ((PROXY, ("p", "p-secret")), (SERVER, GOOD)) for s in (BASIC, DIGEST)]
    result = fetch(tls_driver, server.url("/f"), out / "f", creds, **through(proxy))
    assert result.event == "done", result.last
    assert not any("authorization" in r["headers"] for r in proxy.requests if r["method"] == "CONNECT")
    assert not any("proxy-authorization" in r["headers"] for r in server.requests)


@pytest.mark.parametrize("usage", [PRECONFIG, OVERRIDE])
def test_every_usage_that_has_a_proxy(drivers, auth_server, server, out, usage):
    proxy = auth_server(auth="digest", proxy=True)
    driver = drivers("--http-proxy", f"http://127.0.0.1:{proxy.port}")
    props = through(proxy) if usage == OVERRIDE else {"usage": usage}
    result = fetch(driver, server.url("/f"), out / "f", [(PROXY, DIGEST, *GOOD)], **props)
    assert result.event == "done" and len(proxy.requests) == 2


@pytest.mark.parametrize("props", [{"usage": NO_PROXY}, {"bypass": "127.0.0.1"}])
def test_without_a_proxy_a_407_gets_nothing(drivers, auth_server, server, out, props):
    """A server that plays proxy to learn the password."""
    proxy = auth_server(auth="basic", proxy=True)
    driver = drivers("--http-proxy", f"http://127.0.0.1:{proxy.port}")
    props = props if "usage" in props else through(proxy, **props)
    assert fetch(driver, server.url("/f"), out / "f", PROXY_ALL, **props).event == "done"
    assert proxy.requests == []
    result = fetch(driver, f"http://127.0.0.1:{proxy.port}/f", out / "g", PROXY_ALL, **props)
    assert_refused(result, 407)
    assert schemes(proxy) == ["-"]


def test_a_server_behind_a_tunnel_cannot_ask_for_the_proxys_password(tls_driver, auth_server, out):
    trap = auth_server(auth="basic", proxy=True, tls="good")
    proxy = auth_server(auth="basic", proxy=True)
    driver = tls_driver
    result = fetch(driver, f"https://127.0.0.1:{trap.port}/f", out / "f", PROXY_ALL, **through(proxy))
    assert result.event == "failed" and not any("proxy-authorization" in r["headers"] for r in trap.requests)


def test_the_next_proxy_is_asked_in_its_turn(driver, auth_server, server, out, unused_port):
    proxy = auth_server(auth="digest", proxy=True)
    result = fetch(driver, server.url("/f"), out / "f", [(PROXY, DIGEST, *GOOD)], usage=OVERRIDE,
                   list=f"127.0.0.1:{unused_port} 127.0.0.1:{proxy.port}")
    assert result.event == "done"


@pytest.mark.parametrize("of_proxy, of_server", [("basic", "digest"), ("digest", "basic"), ("digest", "digest")])
@pytest.mark.parametrize("tunnel", [False, True])
def test_uploads_with_replies_through_them(drivers, auth_server, tls, source, out, of_proxy, of_server, tunnel):
    proxy = auth_server({"p": "p-secret"}, auth=of_proxy, proxy=True)
    server = tls if tunnel else auth_server()
    server.rules.update(auth=of_server, reply="5000")
    driver = drivers("--ca-bundle", tls.ca_path, "--upload-fragment-bytes", 64 * 1024)
    creds = [(t, s, *who) for t, who in ((PROXY, ("p", "p-secret")), (SERVER, GOOD)) for s in (BASIC, DIGEST)]
    path = source(200 * 1024)
    result = upload(driver, server.url("/up"), path, UPLOAD_REPLY, creds=creds, reply=out / "r",
                    **through(proxy))
    assert result.event == "done", result.last
    assert server.uploads["/up"] == path.read_bytes()
    assert temporaries(out)[0].read_bytes() == content("reply", 5000)


def test_a_proxy_of_the_environment_may_bring_its_own(drivers, auth_server, server, out):
    """As people write it; the job's slots are for other proxies then."""
    proxy = auth_server(auth="basic", proxy=True)
    driver = drivers(env={"http_proxy": f"http://user:password@127.0.0.1:{proxy.port}"})
    result = fetch(driver, server.url("/f"), out / "f", usage=PRECONFIG)
    assert result.event == "done" and schemes(proxy) == ["Basic"]
    assert not any("proxy-authorization" in r["headers"] for r in server.requests)


# Secrets of every shape.

@pytest.mark.parametrize("scheme, offer", [(BASIC, "basic"), (DIGEST, "digest")])
@pytest.mark.parametrize("user, password", [
    ("user", ""), ("Jürgen", "Grüße ¿ 日本 🙂"), ("u" * 300, "p" * 300)], ids=["empty", "unicode", "300"])
@pytest.mark.parametrize("tunnel", [False, True])
def test_names_and_passwords_arrive_as_they_are(tls_driver, auth_server, server, tls, out, scheme, offer, user,
                                                password, tunnel):
    proxy = auth_server({user: password}, auth=offer, proxy=True)
    url = tls.url("/f") if tunnel else server.url("/f")
    result = fetch(tls_driver, url, out / "f", [(PROXY, scheme, user, password)], **through(proxy))
    assert result.event == "done", result.last
    assert proxy.requests[-1]["user"] == user


@pytest.mark.parametrize("scheme, offer", [(BASIC, "basic"), (DIGEST, "digest")])
@pytest.mark.parametrize("tunnel", [False, True])
def test_the_longest_password_does_no_harm(tls_driver, auth_server, server, tls, out, scheme, offer, tunnel):
    proxy = auth_server({"user": "日" * 65536}, auth=offer, proxy=True)
    url = tls.url("/f") if tunnel else server.url("/f")
    result = fetch(tls_driver, url, out / "f", [(PROXY, scheme, "user", "日" * 65536)], **through(proxy))
    assert result.event == "done" if scheme == DIGEST else result.event in ("done", "failed"), result.last
    direct = fetch(tls_driver, server.url("/f"), out / "g", usage=NO_PROXY)
    assert direct.event == "done"
