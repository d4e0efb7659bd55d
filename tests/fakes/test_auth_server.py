# SPDX-License-Identifier: Apache-2.0
"""The authenticating server against curl, and against the examples of the RFCs."""
import base64
import pathlib
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from auth_guard import Guard, digest_response, parse_params  # noqa: E402
from auth_server import BITS_PROTOCOL, AuthServer  # noqa: E402
from bad_server import BadServer, content  # noqa: E402
from free_port import free_port  # noqa: E402

CURL_SEC = 20


class Curl:
    """One run of curl: status codes of all answers, the last body."""

    def __init__(self, *args, tmp):
        body = tmp / "body"
        body.unlink(missing_ok=True)
        run = subprocess.run(["curl", "-q", "-s", "-S", "-D", "-", "-o", str(body), "--noproxy", "",
                              "--max-time", str(CURL_SEC), *map(str, args)],
                             capture_output=True, env={"PATH": "/usr/bin:/bin"}, timeout=CURL_SEC + 5)
        self.code = run.returncode
        self.head = run.stdout.decode("latin-1")
        self.error = run.stderr.decode()
        self.statuses = [int(line.split()[1]) for line in self.head.splitlines()
                         if line.startswith("HTTP/")]
        self.body = body.read_bytes() if body.exists() else b""


@pytest.fixture
def curl(tmp_path):
    return lambda *args: Curl(*args, tmp=tmp_path)


RFC_7616 = {"username": "Mufasa", "realm": "http-auth@example.org", "uri": "/dir/index.html",
            "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "nc": "00000001",
            "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "qop": "auth"}


@pytest.mark.parametrize("algorithm, response", [
    ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")])
def test_examples_of_rfc_7616(algorithm, response):
    assert digest_response({**RFC_7616, "algorithm": algorithm}, "Circle of Life", "GET") == response


def test_example_of_rfc_2617():
    p = {"username": "Mufasa", "realm": "testrealm@host.com", "uri": "/dir/index.html", "qop": "auth",
         "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "nc": "00000001", "cnonce": "0a4f113b"}
    assert digest_response(p, "Circle Of Life", "GET") == "6629fae49393a05397450978507c4ef1"


def test_parameters_are_read_strictly():
    assert parse_params('a="x\\"y, z=1", b=2 ,C="") '.rstrip(") ")) == {"a": 'x"y, z=1', "b": "2", "c": ""}
    for text in ("a", "a=1 b=2", 'a="x', "=1", "a=1,a=2", 'a="x"y'):
        assert parse_params(text) is None, text


def test_nothing_is_given_without_credentials(curl):
    with AuthServer(auth="basic,digest") as s:
        got = curl(s.url("/f"))
        assert got.statuses == [401]
        assert content("a", 1000) not in got.body
        assert s.verdicts() == ["missing"]
        assert 'WWW-Authenticate: Basic realm="here"' in got.head
        assert 'WWW-Authenticate: Digest realm="here"' in got.head


@pytest.mark.parametrize("rules", [
    {"auth": "basic"}, {"auth": "digest"}, {"auth": "digest", "algorithm": "SHA-256"},
    {"auth": "digest", "algorithm": "MD5-sess"}, {"auth": "digest", "algorithm": "SHA-256-sess"},
    {"auth": "digest", "qop": "none"}, {"auth": "digest", "qop": "both"},
    {"auth": "basic,digest"}, {"auth": "digest,basic", "merge": "1"},
    {"auth": "bearer,ntlm,digest"}, {"auth": "basic", "case": "upper"},
    {"auth": "digest", "nc": "strict", "nextnonce": "1"},
    {"auth": "digest", "realm": 'a "quoted", realm'}], ids=lambda r: " ".join(r.values()))
def test_the_right_password_opens(curl, rules):
    with AuthServer({"user": 'pass:"wörd'}, **rules) as s:
        got = curl("--anyauth", "-u", 'user:pass:"wörd', s.url("/f", size=50000))
        assert got.statuses == [401, 200]
        assert got.body == content("a", 50000)
        assert s.verdicts() == ["missing", "ok"]
        digest_first = "digest" in rules["auth"]
        assert s.requests[1]["scheme"] == ("digest" if digest_first else "basic")
        if digest_first:
            assert s.requests[1]["algorithm"] == rules.get("algorithm", "MD5")


@pytest.mark.parametrize("auth", ["basic", "digest"])
@pytest.mark.parametrize("login, word", [("user:wrong", "wrong"), ("user:", "wrong"),
                                         ("other:password", "unknown-user")])
def test_a_wrong_one_does_not(curl, auth, login, word):
    with AuthServer(auth=auth) as s:
        got = curl("--anyauth", "-u", login, s.url("/f"))
        assert set(got.statuses) == {401}
        assert s.verdicts()[:2] == ["missing", word]
        assert content("a", 1000) not in got.body


def test_right_ones_may_be_refused_too(curl):
    with AuthServer(auth="digest", refuse=1) as s:
        assert set(curl("--digest", "-u", "user:password", s.url("/f")).statuses) == {401}
        assert "wrong" in s.verdicts() and "ok" not in s.verdicts()


def test_an_empty_password_may_be_the_right_one(curl):
    for auth in ("basic", "digest"):
        with AuthServer({"user": ""}, auth=auth) as s:
            assert curl("--anyauth", "-u", "user:", s.url("/f")).statuses == [401, 200]


def test_basic_knows_both_encodings():
    guard = Guard({"jos\u00e9": "p\u00e4ss"})
    for encoding in ("utf-8", "latin-1"):
        text = base64.b64encode("jos\u00e9:p\u00e4ss".encode(encoding)).decode()
        verdict = guard.judge("GET", "/", {"authorization": f"Basic {text}"}, {})
        assert (verdict.word, verdict.details["encoding"]) == ("ok", encoding)
    for text in ("!", "dXNlcg==", ""):
        assert guard.judge("GET", "/", {"authorization": f"Basic {text}"}, {}).word == "malformed"


def test_a_stale_nonce_is_replaced_and_the_client_goes_on(curl):
    with AuthServer(auth="digest", stale=2) as s:
        there = s.url("/1", to=s.url("/2", to=s.url("/3")))
        got = curl("-L", "--digest", "-u", "user:password", there)
        assert got.statuses == [401, 302, 302, 401, 200]
        assert s.verdicts() == ["missing", "ok", "ok", "stale", "ok"]
        nonces = [r.get("nonce") for r in s.requests]
        assert nonces[1] == nonces[2] == nonces[3] != nonces[4]
        assert [r.get("nc") for r in s.requests[1:4]] == ["00000001", "00000002", "00000003"]
        assert "stale=true" in got.head


def test_a_nonce_of_before_the_restart_is_stale(curl):
    with AuthServer(auth="digest") as s:
        header = digest_header(s.guard.new_nonce())["authorization"]
        assert curl("-H", f"Authorization: {header}", s.url("/f")).statuses == [200]
        assert curl(s.url("/_restart")).body == b"ok"
        got = curl("-H", f"Authorization: {header}", s.url("/f"))
        assert got.statuses == [401] and "stale=true" in got.head


def test_always_stale_never_opens(curl):
    with AuthServer(auth="digest", stale="always") as s:
        got = curl("--digest", "-u", "user:password", s.url("/f"))
        assert 200 not in got.statuses
        assert set(s.verdicts()) == {"missing", "stale"}


def test_a_scheme_each_time(curl):
    with AuthServer(rotate="basic,digest,ntlm") as s:
        asked = [curl(s.url("/f")).head for _ in range(4)]
        for head, name in zip(asked, ("Basic", "Digest", "NTLM", "Basic")):
            assert f"WWW-Authenticate: {name}" in head
        curl("--basic", "-u", "user:password", s.url("/f"))
        assert s.verdicts()[-1] == "scheme"


def digest_header(nonce, method="GET", uri="/f", nc="00000001", **changes):
    p = {"username": "user", "realm": "here", "nonce": nonce, "uri": uri, "nc": nc, "cnonce": "c",
         "qop": "auth", "opaque": '0p4que, "really"', "algorithm": "MD5", **changes}
    p = {k: v for k, v in p.items() if v is not None}
    p.setdefault("response", digest_response(p, "password", method))
    quoted = {k: '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for k, v in p.items()}
    return {"authorization": "Digest " + ", ".join(f"{k}={v}" for k, v in quoted.items())}


def test_a_digest_for_something_else_is_none():
    guard = Guard({"user": "password"})
    rules = {"auth": "digest", "nc": "strict"}
    nonce = guard.new_nonce()

    def word(method="GET", target="/f", rules=rules, **header):
        return guard.judge(method, target, digest_header(nonce, **header), rules).word

    assert word() == "ok"
    assert word() == "replayed"
    assert word(nc="00000002") == "ok"
    assert word(target="/g") == "wrong-uri"
    assert word(method="BITS_POST") == "wrong"
    assert word(method="BITS_POST", nc="00000003", response="0" * 32) == "wrong"
    assert word(realm="there") == "malformed"
    assert word(opaque="x") == "malformed"
    assert word(algorithm="SHA-256") == "malformed"
    assert word(nc="1") == "malformed"
    assert word(cnonce="") == "malformed"
    assert word(qop="auth-int") == "malformed"
    assert guard.judge("GET", "/f", digest_header("never issued"), rules).word == "stale"
    assert guard.judge("GET", "/f", {"authorization": "Digest nonsense"}, rules).word == "malformed"


def test_a_proxy_takes_the_whole_url_or_its_path():
    guard = Guard({"user": "password"}, proxy=True)
    rules = {"auth": "digest"}
    nonce = guard.new_nonce()
    target = "http://a.example/f?q=1"
    for uri, word in ((target, "ok"), ("/f?q=1", "ok"), ("/f", "wrong-uri"), ("", "wrong-uri"),
                      ("http://b.example/f?q=1", "wrong-uri")):
        header = {"proxy-authorization": digest_header(nonce, uri=uri)["authorization"]}
        assert guard.judge("GET", target, header, rules).word == word
    header = {"proxy-authorization": digest_header(nonce, method="CONNECT", uri="a:1")["authorization"]}
    assert guard.judge("CONNECT", "a:1", header, rules).word == "ok"
    assert guard.judge("CONNECT", "a:2", header, rules).word == "wrong-uri"


def test_auth_int_covers_the_body():
    guard = Guard({"user": "password"})
    rules = {"auth": "digest", "qop": "auth-int"}
    nonce = guard.new_nonce()
    p = {"username": "user", "realm": "here", "nonce": nonce, "uri": "/f", "nc": "00000001",
         "cnonce": "c", "qop": "auth-int"}
    header = digest_header(nonce, qop="auth-int", algorithm=None,
                           response=digest_response(p, "password", "POST", b"body"))
    assert guard.judge("POST", "/f", header, rules, b"body").word == "ok"
    assert guard.judge("POST", "/f", header, rules, b"bodY").word == "wrong"


def bits(curl, server, path, packet, *more, body=b"", tmp):
    (tmp / "packet").write_bytes(body)
    fields = [w for name, value in packet.items() for w in ("-H", f"{name}: {value}")]
    return curl("-X", "BITS_POST", "--data-binary", f"@{tmp / 'packet'}", "-H", "Content-Type:", "-H",
                "Expect:", *fields, *more, server.url(path))


@pytest.mark.parametrize("rules", [{"auth": "basic"}, {"auth": "digest"},
                                   {"auth": "digest", "algorithm": "SHA-256", "stale": 1}],
                         ids=lambda r: " ".join(map(str, r.values())))
def test_an_upload_with_a_reply(curl, tmp_path, rules):
    data = content("up", 1500)
    login = ["--anyauth", "-u", "user:password"]
    with AuthServer(reply=300, **rules) as s:
        def send(packet, body=b""):
            got = bits(curl, s, "/up", packet, *login, body=body, tmp=tmp_path)
            assert got.statuses[-1] == 200, got.head
            last = got.head.strip().split("\r\n\r\n")[-1]
            return dict(line.split(": ", 1) for line in last.split("\r\n")[1:])

        ack = send({"BITS-Packet-Type": "Create-Session", "BITS-Supported-Protocols": BITS_PROTOCOL})
        assert ack["BITS-Protocol"] == BITS_PROTOCOL
        session = {"BITS-Session-Id": ack["BITS-Session-Id"]}
        for start, end in ((0, 1000), (1000, 1500)):
            ack = send({"BITS-Packet-Type": "Fragment", **session,
                        "Content-Range": f"bytes {start}-{end - 1}/1500"}, data[start:end])
            assert ack["BITS-Received-Content-Range"] == str(end)
        reply = curl(*login, s.url(ack["BITS-Reply-URL"]))
        assert reply.body == content("reply", 300)
        send({"BITS-Packet-Type": "Close-Session", **session})
        assert s.uploads == {"/up": data}
        got = bits(curl, s, "/up", {"BITS-Packet-Type": "Fragment", **session}, *login, tmp=tmp_path)
        assert got.statuses[-1] == 500 and "BITS-Error: 0x8020001f" in got.head


def test_without_credentials_nothing_is_uploaded(curl, tmp_path):
    with AuthServer(auth="digest") as s:
        got = bits(curl, s, "/up", {"BITS-Packet-Type": "Create-Session"}, body=b"x", tmp=tmp_path)
        assert got.statuses == [401]
        assert "BITS-Packet-Type" not in got.head
        assert not s.state.sessions


def test_an_early_refusal_does_not_read_the_body():
    with AuthServer(early=1) as s, socket.create_connection(("127.0.0.1", s.port), 10) as c:
        c.sendall(b"BITS_POST /up HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += c.recv(65536)
        assert b" 401 " in answer and b"Connection: close" in answer


def test_refusals_may_close_the_connection(curl):
    with AuthServer(auth="digest", close=1) as s:
        got = curl("--digest", "-u", "user:password", s.url("/f"))
        assert got.statuses == [401, 200]
        assert "Connection: close" in got.head


def test_ranges_redirects_and_open_paths(curl):
    login = ("-u", "user:password")
    with AuthServer(open="/free,/also") as s:
        got = curl(*login, "-r", "400-", s.url("/f"))
        assert got.statuses == [206] and got.body == content("a", 1000, 400)
        assert curl(*login, "-r", "400-", "-H", 'If-Range: "x"', s.url("/f")).statuses == [200]
        got = curl(*login, "-L", s.url("/f", to="/g?size=7", code=307))
        assert got.statuses == [307, 200] and got.body == content("a", 7)
        assert curl(s.url("/free/f")).statuses == [200]
        assert curl(s.url("/f", auth="none")).statuses == [200]
        assert curl(*login, "-I", s.url("/f")).statuses == [200]


@pytest.mark.parametrize("auth", ["basic", "digest", "digest:SHA-256"])
def test_a_proxy_lets_its_users_through(curl, auth):
    with AuthServer({"p": "q"}, proxy=True, auth=auth) as proxy, AuthServer(auth="digest") as origin:
        through = ("-x", f"http://127.0.0.1:{proxy.port}")
        got = curl(*through, origin.url("/f"))
        assert got.statuses == [407] and not origin.requests
        assert "Proxy-Authenticate:" in got.head
        got = curl(*through, "--proxy-anyauth", "--proxy-user", "p:q", "--digest", "-u",
                   "user:password", origin.url("/f"))
        assert got.statuses[-1] == 200 and got.body == content("a", 1000)
        assert [r["verdict"] for r in origin.requests] == ["missing", "ok"]
        assert all("proxy-authorization" not in r["headers"] for r in origin.requests)
        assert proxy.requests[-1]["proxied"] and proxy.requests[-1]["user"] == "p"


def test_a_proxy_tunnels_for_its_users_only(curl):
    with AuthServer({"p": "q"}, proxy=True, auth="digest") as proxy, \
            AuthServer(tls="good") as origin:
        through = ("-p", "-x", f"http://127.0.0.1:{proxy.port}", "--cacert", origin.ca_path)
        assert curl(*through, origin.url("/f")).statuses == [407]
        assert not origin.requests
        got = curl(*through, "--proxy-digest", "--proxy-user", "p:q", "-u", "user:password",
                   origin.url("/f"))
        assert got.statuses == [407, 200, 200] and got.body == content("a", 1000)
        assert proxy.requests[-1]["method"] == "CONNECT"


def test_an_upload_through_a_proxy(curl, tmp_path):
    with AuthServer({"p": "q"}, proxy=True) as proxy, AuthServer(auth="none") as origin:
        got = bits(curl, origin, "/up", {"BITS-Packet-Type": "Create-Session"}, "--proxy-user", "p:q",
                   "-x", f"http://127.0.0.1:{proxy.port}", tmp=tmp_path)
        assert got.statuses == [200] and "BITS-Session-Id" in got.head


def test_a_gate_in_front_of_another_server(curl):
    with AuthServer(auth="none") as inner, \
            AuthServer(auth="digest", upstream=f"http://127.0.0.1:{inner.port}") as gate:
        got = curl("--digest", "-u", "user:password", gate.url("/f", size=123))
        assert got.statuses == [401, 200] and got.body == content("a", 123)
        assert len(inner.requests) == 1
        assert "authorization" not in inner.requests[0]["headers"]


@pytest.mark.parametrize("query", [{"length": "none"}, {"length": "chunked"}, {"size": 0},
                                   {"size": 300000}, {"status": 404}],
                         ids=lambda q: " ".join(map(str, q.values())))
def test_every_form_of_answer_passes_a_gate(curl, query):
    with BadServer() as inner, \
            AuthServer(auth="basic", upstream=f"http://127.0.0.1:{inner.port}") as gate:
        login = ("-u", "user:password")
        direct, through = curl(inner.url("/f", **query)), curl(*login, gate.url("/f", **query))
        assert through.code == 0 and through.statuses == direct.statuses
        assert through.body == direct.body
        head = curl(*login, "-I", gate.url("/f", **query))
        assert head.code == 0 and head.statuses == direct.statuses


def test_a_cut_answer_stays_cut_behind_a_gate(curl):
    with BadServer() as inner, \
            AuthServer(auth="basic", upstream=f"http://127.0.0.1:{inner.port}") as gate:
        got = curl("-u", "user:password", gate.url("/f", cut=500))
        assert got.code == 18 and len(got.body) == 500  # a partial file


def test_nobody_there_is_said(curl):
    with AuthServer(proxy=True, auth="none") as proxy:
        got = curl("-x", f"http://127.0.0.1:{proxy.port}", f"http://127.0.0.1:{free_port()}/")
        assert got.statuses == [502]


def test_as_a_program(curl, tmp_path):
    (tmp_path / "accounts").write_text('{"a": "b"}')
    program = pathlib.Path(__file__).with_name("auth_server.py")
    run = subprocess.Popen([sys.executable, str(program), "--accounts", str(tmp_path / "accounts"),
                            "--rule", "auth=digest"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{int(run.stdout.readline())}"
        assert curl("--digest", "-u", "a:b", url + "/f").statuses == [401, 200]
        log = curl(url + "/_log").body
        assert b'"verdict": "ok"' in log
        curl(url + "/_forget")
        assert curl(url + "/_log").body == b"[]"
        run.stdin.close()
        assert run.wait(timeout=CURL_SEC) == 0
    finally:
        run.kill()
        run.wait()
        run.stdout.close()
