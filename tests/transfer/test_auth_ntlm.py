# SPDX-License-Identifier: Apache-2.0
"""NTLM: three messages, and a connection that is known from then on and must be nobody else's."""
import pytest
from bad_server import content
from conftest import (BASIC, DIGEST, K, NEGOTIATE, NTLM, PROXY, SERVER, UPLOAD_REPLY, temporaries, upload)
from ntlm_server import NtlmServer
from test_auth import assert_refused, fetch, schemes

GOOD = (SERVER, NTLM, "DOM\\user", "password")


@pytest.fixture
def ntlm_server():
    made = []

    def make(accounts=None, **rules):
        made.append(NtlmServer(accounts, **rules).__enter__())
        return made[-1]

    yield make
    for server in made:
        server.close()


def test_a_download(driver, ntlm_server, out):
    server = ntlm_server()
    assert fetch(driver, server.url("/f", size=50000), out / "f", [GOOD]).event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", 50000)
    assert [r["ntlm"] for r in server.requests] == [0, 1, 3]
    assert server.requests[1]["connection"] == server.requests[2]["connection"]


@pytest.mark.parametrize("user, password", [
    ("user", "password"), ("DOM\\user", ""), ("Jürgen", "Größe §½"), ("ßtraße", "ÿ"), ("DOM\\u" + "s" * 60, "x" * 500),
    ("u" * 300, "p" * 300), ("user", "p" * 65536)],
    ids=["bare", "empty", "latin", "sharp", "long", "300", "longest"])
def test_names_and_passwords_are_hashed_right(driver, ntlm_server, out, user, password):
    server = ntlm_server({user.split("\\")[-1].lower(): password})
    result = fetch(driver, server.url("/f"), out / "f", [(SERVER, NTLM, user, password)])
    assert result.event == "done", (result.last, [r["verdict"] for r in server.requests])


@pytest.mark.parametrize("rules, answers", [
    ({}, ["NTLM"]), ({"also": "Basic"}, ["NTLM"]), ({"also": "Negotiate"}, ["NTLM"])])
@pytest.mark.parametrize("scheme", [NTLM, NEGOTIATE])
def test_a_password_for_negotiate_is_one_for_ntlm(driver, ntlm_server, out, rules, answers, scheme):
    server = ntlm_server(**rules)
    creds = [(SERVER, BASIC, "user", "password"), (SERVER, scheme, "user", "password")]
    assert fetch(driver, server.url("/f"), out / "f", creds).event == "done"
    assert set(schemes(server)) - {"-"} == set(answers)


def test_wrong_ones_are_refused_once(driver, ntlm_server, out):
    server = ntlm_server(also="Basic")
    result = fetch(driver, server.url("/f"), out / "f", [(SERVER, NTLM, "user", "S3cr3t")])
    assert_refused(result, 401, "refuses", "NTLM")
    assert [r["ntlm"] for r in server.requests if r["ntlm"]] == [1, 3]


def test_the_proved_connection_is_nobody_elses(driver, ntlm_server, out):
    """Else a job without credentials would be let in as the one before."""
    server = ntlm_server({"user": "password", "other": "secret"})
    other = (SERVER, NTLM, "other", "secret")
    for creds, name in (([GOOD], "USER"), ([], None), ([other], "OTHER"), ([], None), ([GOOD], "USER"),
                        ([(SERVER, DIGEST, "user", "password")], None)):
        result = fetch(driver, server.url("/f"), out / "f", creds)
        if name:
            assert result.event == "done" and server.requests[-1]["user"].upper() == name
        else:
            assert_refused(result)


def test_many_files_at_once_and_each_is_let_in(driver, ntlm_server, out):
    server = ntlm_server()
    driver.job([GOOD])
    for i in range(30):
        driver.file(server.url(f"/f{i}", seed=i), out / f"f{i}")
    driver.tell("run", parallel=8)
    assert driver.wait("ran")[-1] == {"event": "ran", "done": 30, "failed": 0}


def test_a_server_that_closes_in_the_middle(driver, ntlm_server, out):
    server = ntlm_server(close="1")
    result = fetch(driver, server.url("/f"), out / "f", [GOOD])
    assert result.event == "failed" and len(server.requests) < 10


def test_an_old_server_without_target_information_does_no_harm(driver, ntlm_server, out):
    server = ntlm_server(v2="0")
    assert fetch(driver, server.url("/f"), out / "f", [GOOD]).event == "failed"
    assert len(server.requests) < 10


@pytest.mark.parametrize("size", [0, 1, 300 * K])
def test_an_upload_shakes_hands_once_and_loses_no_body(drivers, ntlm_server, source, out, size):
    server = ntlm_server()
    driver = drivers("--upload-fragment-bytes", 64 * K)
    path = source(size)
    result = upload(driver, server.url("/up", reply=9000), path, UPLOAD_REPLY if size else 1, creds=[GOOD],
                    **({"reply": out / "r"} if size else {}))
    assert result.event == "done", result.last
    packets = [r for r in server.requests if r["method"] == "BITS_POST"]
    assert [r["ntlm"] for r in packets[:3]] == [0, 1, 3] and not any(r["ntlm"] for r in packets[3:])
    assert all(int(r["headers"].get("content-length", 0)) == 0 for r in packets if r["verdict"] != "ok")
    assert {r["connection"] for r in packets[1:]} == {packets[1]["connection"]}
    if size:
        assert server.uploads["/up"] == path.read_bytes()
        assert temporaries(out)[0].read_bytes() == content("reply", 9000)


@pytest.mark.parametrize("tunnel", [False, True])
def test_a_proxy(drivers, ntlm_server, auth_server, out, source, tunnel):
    proxy = ntlm_server(proxy=True)
    server = auth_server(auth="digest", tls="good" if tunnel else None)
    driver = drivers(*(["--ca-bundle", server.ca_path] if tunnel else []))
    creds = [(PROXY, NTLM, "user", "password"), (SERVER, DIGEST, "user", "password")]
    props = {"usage": 2, "list": f"127.0.0.1:{proxy.port}"}
    for name in "fg":
        result = fetch(driver, server.url("/f"), out / name, creds, **props)
        assert result.event == "done", result.last
    path = source(300 * K)
    result = upload(driver, server.url("/up"), path, creds=creds, **props)
    assert result.event == "done", result.last
    assert server.uploads["/up"] == path.read_bytes()
    assert_refused(fetch(driver, server.url("/f"), out / "h", creds[1:], **props), 407, "NTLM")
