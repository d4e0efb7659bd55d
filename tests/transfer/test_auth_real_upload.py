# SPDX-License-Identifier: Apache-2.0
"""Uploads and their replies with credentials, to bitssrv: by itself, behind apache (Basic, Digest and
Negotiate of a real realm), through squid."""
import http.server
import threading

import pytest
from conftest import NEGOTIATE, SERVER, K, UPLOAD_REPLY, Driver, begin, temporaries, upload
from real_servers import PASSWORD, USER, Apache, BitsSrv, Realm, Squid
from test_auth import assert_refused
from test_auth_real import KIND, OF_PROXY, closing
from test_upload_server import Application


@pytest.fixture(scope="module")
def realm():
    yield from closing(Realm())


@pytest.fixture(scope="module")
def echo():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        server.calls = server.failures = 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def bitssrv(echo):
    yield from closing(BitsSrv(application=echo))


@pytest.fixture(scope="module")
def guarded(echo):
    yield from closing(BitsSrv(passwords=True, application=echo))


@pytest.fixture(scope="module")
def apache(realm, bitssrv):
    yield from closing(Apache(realm, f"http://127.0.0.1:{bitssrv.port}"))


@pytest.fixture(scope="module")
def squid(realm):
    yield from closing(Squid(["negotiate", "ntlm", "digest", "basic"], realm))


@pytest.fixture(scope="module")
def client(realm):
    driver = Driver("--connect-timeout-sec", 5, "--upload-fragment-bytes", 64 * K, env=realm.env)
    yield driver
    driver.close()


def assert_replied(result, server, path, out, words=""):
    assert result.event == "done", (result.last, words, [e for e in result.events if e["reply_url"]][-1:])
    assert temporaries(out)[0].read_bytes() == path.read_bytes()[::-1]


def refused_bodies(apache):
    """Bytes that came with requests that were refused, by its own log."""
    return [line for line in apache.log() if line[0] == "BITS_POST" and line[3] in ("401", "407")
            and int(line[4]) > 4000]


def test_bitssrv_by_itself(client, guarded, source, out):
    path = source(300 * K)
    url = guarded.url("/in/up")
    assert_refused(upload(client, url, path, creds=[KIND["digest"]]), 401, "Basic")
    result = upload(client, url, path, UPLOAD_REPLY, creds=list(KIND.values()), reply=out / "r")
    assert_replied(result, guarded, path, out, (guarded.dir / "access.log").read_text() + guarded.words())
    refused = [line for line in (guarded.dir / "access.log").read_text().splitlines() if " 401 " in line]
    assert refused and not any("Fragment" in line for line in refused)


@pytest.mark.parametrize("kind", KIND)
def test_behind_apache(client, apache, bitssrv, source, out, kind):
    path = source(700 * K, seed=kind)
    url = apache.url(f"/up-{kind}/{kind}.bin")
    assert_refused(upload(client, url, path), 401)
    result = upload(client, url, path, UPLOAD_REPLY, creds=list(KIND.values()), reply=out / "r")
    assert_replied(result, apache, path, out, apache.words())
    assert refused_bodies(apache) == []
    mine = apache.logged(lambda w: w[1].endswith(f"{kind}.bin") and w[3] == "200")
    assert all(words[2].startswith("user") for words in mine)


def test_a_password_for_negotiate_behind_apache(drivers, realm, apache, bitssrv, source, out):
    driver = drivers("--upload-fragment-bytes", 64 * K, env={**realm.env, "KRB5CCNAME": f"FILE:{realm.dir}/no"})
    path = source(500 * K, seed="k")
    creds = [(SERVER, NEGOTIATE, USER, PASSWORD)]
    result = upload(driver, apache.url("/up-gss/k.bin"), path, UPLOAD_REPLY, creds=creds, reply=out / "r")
    assert_replied(result, apache, path, out, apache.words())


@pytest.mark.parametrize("kind", KIND)
def test_a_farewell_behind_apache(client, apache, bitssrv, source, kind):
    op = begin(client, apache.url(f"/up-{kind}/bye-{kind}.bin"), source(30000 * K), creds=[KIND[kind]],
               limit=1000 * K)  # it lasts longer than anybody looks away
    client.wait("session", op=op)
    while client.event()["event"] not in ("progress", "session"):
        pass
    client.tell("stop", op=op)
    client.wait("stopped", op=op)
    client.op += 1
    client.tell("farewell", op=client.op)
    assert client.wait("farewell", op=client.op)[-1]["result"] == 0
    mine = bitssrv.logged(lambda w: f"/bye-{kind}.bin" in " ".join(w) and "packet=Cancel-Session" in w)
    assert "200" in mine[-1]


@pytest.mark.parametrize("of_proxy", OF_PROXY)
def test_through_squid(client, squid, apache, bitssrv, source, out, of_proxy):
    path = source(400 * K, seed=of_proxy)
    url = apache.url(f"/up-digest/{of_proxy}.bin")
    assert_refused(upload(client, url, path, creds=[KIND["digest"]], **squid.props()), 407)
    result = upload(client, url, path, UPLOAD_REPLY, creds=[KIND["digest"], OF_PROXY[of_proxy]],
                    reply=out / "r", **squid.props())
    assert_replied(result, apache, path, out, squid.words() + apache.words())
    assert refused_bodies(apache) == []
