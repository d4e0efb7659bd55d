# SPDX-License-Identifier: Apache-2.0
"""Credentials against what is out there: nginx, apache, squid, a Kerberos realm, bitssrv."""
import pytest
from conftest import BASIC, DIGEST, NEGOTIATE, NTLM, PROXY, SERVER, K, Driver, temporaries, upload
from real_servers import PASSWORD, USER, Apache, Nginx, Realm, Squid, body
from test_auth import assert_refused, fetch

GOOD = (USER, PASSWORD)
KIND = {"basic": (SERVER, BASIC, *GOOD), "digest": (SERVER, DIGEST, *GOOD),
        "gss": (SERVER, NEGOTIATE, None, None)}
OF_PROXY = {"basic": (PROXY, BASIC, *GOOD), "digest": (PROXY, DIGEST, *GOOD),
            "ntlm": (PROXY, NTLM, "DOMAIN\\user", "anything"), "negotiate": (PROXY, NEGOTIATE, None, None)}


def closing(server):
    yield server
    server.close()


@pytest.fixture(scope="module")
def realm():
    yield from closing(Realm())


@pytest.fixture(scope="module")
def apache(realm):
    yield from closing(Apache(realm))


@pytest.fixture(scope="module")
def squid(realm):
    yield from closing(Squid(["negotiate", "ntlm", "digest", "basic"], realm))


@pytest.fixture(scope="module")
def nginx():
    yield from closing(Nginx())


@pytest.fixture(scope="module")
def with_ticket(realm):
    driver = Driver("--connect-timeout-sec", 5, env=realm.env)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def without_ticket(realm):
    driver = Driver("--connect-timeout-sec", 5, env={**realm.env, "KRB5CCNAME": f"FILE:{realm.dir}/none"})
    yield driver
    driver.close()


def test_nginx_basic(with_ticket, nginx, out):
    assert_refused(fetch(with_ticket, nginx.url("/f"), out / "f"), 401, "Basic")
    assert_refused(fetch(with_ticket, nginx.url("/f"), out / "f", [(SERVER, BASIC, USER, "x")]), 401, "refuses")
    assert fetch(with_ticket, nginx.url("/f"), out / "f", [KIND["basic"]]).event == "done"
    assert temporaries(out)[0].read_bytes() == body("nginx")


@pytest.mark.parametrize("kind", KIND)
def test_apache(with_ticket, apache, out, kind):
    url = apache.url(f"/{kind}/f")
    assert_refused(fetch(with_ticket, url, out / "f"), 401)
    if kind != "gss":
        wrong = [(SERVER, KIND[kind][1], USER, "wrong")]
        assert_refused(fetch(with_ticket, url, out / "f", wrong), 401, "refuses")
    result = fetch(with_ticket, url, out / "f", list(KIND.values()))
    assert result.event == "done", (result.last, apache.words())
    assert temporaries(out)[0].read_bytes() == body(kind)
    assert apache.logged(lambda w: w[1] == f"/{kind}/f" and w[2].startswith(USER) and w[3] == "200")


def test_no_ticket_is_told(without_ticket, apache, out):
    assert_refused(fetch(without_ticket, apache.url("/gss/f"), out / "f", [KIND["gss"]]), 401, "kinit")


def test_implicit_ntlm_is_the_ticket_too(with_ticket, apache, out):
    assert fetch(with_ticket, apache.url("/gss/f"), out / "f", [(SERVER, NTLM, None, None)]).event == "done"


def test_a_ticket_is_not_shown_unasked(with_ticket, apache, out):
    """No credentials, no identity: also when the worker could."""
    assert_refused(fetch(with_ticket, apache.url("/gss/f"), out / "f"), 401, "Negotiate")


def test_implicit_credentials_of_the_proxy_serve_the_server(with_ticket, apache, out):
    implicit = (PROXY, NEGOTIATE, None, None)
    assert fetch(with_ticket, apache.url("/gss/f"), out / "f", [implicit]).event == "done"
    explicit = [implicit, (SERVER, BASIC, *GOOD)]
    assert_refused(fetch(with_ticket, apache.url("/gss/f"), out / "g", explicit), 401, "none that fit")


def test_the_proved_connection_is_nobody_elses(with_ticket, apache, out):
    for _ in range(3):
        assert fetch(with_ticket, apache.url("/gss/f"), out / "f", [KIND["gss"]]).event == "done"
        assert_refused(fetch(with_ticket, apache.url("/gss/f"), out / "g"), 401)


@pytest.mark.parametrize("scheme", OF_PROXY)
def test_squid(with_ticket, squid, apache, out, scheme):
    url = apache.url("/digest/f")
    props = squid.props()
    assert_refused(fetch(with_ticket, url, out / "f", [KIND["digest"]], **props), 407, "Negotiate")
    result = fetch(with_ticket, url, out / "f", [KIND["digest"], OF_PROXY[scheme]], **props)
    assert result.event == "done", (result.last, squid.words())
    assert temporaries(out)[0].read_bytes() == body("digest")
    squid.logged(lambda w: USER in w[2] and w[3] == "200")  # ntlm_fake_auth writes more around it


@pytest.mark.parametrize("scheme", OF_PROXY)
def test_squid_tunnels(realm, drivers, squid, auth_server, out, scheme):
    tls = auth_server({USER: PASSWORD}, auth="digest,basic", tls="good")
    driver = drivers("--ca-bundle", tls.ca_path, env=realm.env)
    creds = [KIND["basic"], KIND["digest"], OF_PROXY[scheme]]
    result = fetch(driver, tls.url("/f"), out / "f", creds, **squid.props())
    assert result.event == "done", (result.last, squid.words())
    assert not any("proxy-authorization" in r["headers"] for r in tls.requests)


def test_squid_refuses(with_ticket, without_ticket, squid, apache, out):
    wrong = [(PROXY, s, USER, "wrong") for s in (BASIC, DIGEST)]
    result = fetch(with_ticket, apache.url("/basic/f"), out / "f", wrong, **squid.props())
    assert_refused(result, 407, "refuses", "Digest or Basic")
    result = fetch(without_ticket, apache.url("/basic/f"), out / "f", [OF_PROXY["negotiate"]], **squid.props())
    assert_refused(result, 407, "kinit")


@pytest.mark.parametrize("of_proxy", OF_PROXY)
@pytest.mark.parametrize("kind", KIND)
def test_squid_and_apache_together(with_ticket, squid, apache, out, of_proxy, kind):
    result = fetch(with_ticket, apache.url(f"/{kind}/f"), out / "f", [KIND[kind], OF_PROXY[of_proxy]],
                   **squid.props())
    assert result.event == "done", (result.last, squid.words(), apache.words())
    assert temporaries(out)[0].read_bytes() == body(kind)


@pytest.mark.parametrize("kind", ["basic", "digest", "gss"])
def test_many_files_at_once(with_ticket, apache, out, kind):
    with_ticket.job([KIND[kind]])
    for i in range(40):
        with_ticket.file(apache.url(f"/{kind}/f?{i}"), out / f"f{i}")
    with_ticket.tell("run", parallel=6)
    assert with_ticket.wait("ran")[-1] == {"event": "ran", "done": 40, "failed": 0}
    assert {p.read_bytes() for p in temporaries(out)} == {body(kind)}


def test_http_2_over_tls(drivers, nginx, out):
    driver = drivers("--ca-bundle", nginx.ca_path)
    url = nginx.tls_url("/f")
    assert_refused(fetch(driver, url, out / "f", [(SERVER, BASIC, USER, "x")]), 401, "refuses")
    creds = [KIND["basic"], KIND["digest"], (SERVER, NTLM, *GOOD), KIND["gss"]]
    assert fetch(driver, url, out / "f", creds).event == "done"
    nginx.logged(lambda w: w == ["HTTP/2.0", USER, "200"])


# A name and a password for Negotiate: a ticket is got with them.

@pytest.mark.parametrize("user", [USER, f"{USER}@BITS.TEST", f"bits.test\\{USER}"])
def test_a_password_for_negotiate(without_ticket, apache, out, user):
    creds = [(SERVER, NEGOTIATE, user, PASSWORD)]
    result = fetch(without_ticket, apache.url("/gss/f"), out / "f", creds)
    assert result.event == "done", (result.last, apache.words())
    assert temporaries(out)[0].read_bytes() == body("gss")
    assert_refused(fetch(without_ticket, apache.url("/gss/f"), out / "g", [KIND["gss"]]), 401, "kinit")


@pytest.mark.parametrize("user, password", [
    ("long", "p" * 300), ("jürgen", "Grüße ¿ 日本 🙂"), ("u" * 200, "short"), ("blank", " a b ")],
    ids=["300", "unicode", "long name", "blanks"])
def test_a_ticket_for_secrets_of_every_shape(realm, without_ticket, apache, out, user, password):
    realm.add(user, password)
    result = fetch(without_ticket, apache.url("/gss/f"), out / "f", [(SERVER, NEGOTIATE, user, password)])
    assert result.event == "done", (result.last, apache.words())


@pytest.mark.parametrize("letter", ["p", "日"])
def test_the_longest_password_is_no_ticket_and_no_harm(without_ticket, apache, out, letter):
    creds = [(SERVER, NEGOTIATE, USER, letter * 65536)]
    assert_refused(fetch(without_ticket, apache.url("/gss/f"), out / "f", creds), 401, "ticket")
    creds = [(SERVER, NEGOTIATE, USER, PASSWORD)]
    assert fetch(without_ticket, apache.url("/gss/f"), out / "g", creds).event == "done"


@pytest.mark.parametrize("user, password, word", [
    (USER, "wrong", "password is wrong"), (USER, "", "ticket"), ("nobody", PASSWORD, "does not know the user"),
    ("a@b@c", PASSWORD, "ticket"), ("user@ELSE.WHERE", PASSWORD, "no Kerberos server")])
def test_no_ticket_for_a_password(with_ticket, apache, out, user, password, word):
    """And the owner's own ticket, which is there, is not taken in its place."""
    result = fetch(with_ticket, apache.url("/gss/f"), out / "f", [(SERVER, NEGOTIATE, user, password)])
    assert_refused(result, 401, word)
    assert user not in result.text or user == USER


def test_two_identities_side_by_side(with_ticket, realm, apache, out):
    """The ticket of a password is one job's, the cache is everybody else's."""
    realm.add("other", "secret")
    for creds, name in (([(SERVER, NEGOTIATE, "other", "secret")], "other@"), ([KIND["gss"]], f"{USER}@"),
                        ([(SERVER, NEGOTIATE, "other", "secret")], "other@")):
        assert fetch(with_ticket, apache.url(f"/gss/f?{name}"), out / "f", creds).event == "done"
    with_ticket.job([(SERVER, NEGOTIATE, "other", "secret")])
    for i in range(10):
        with_ticket.file(apache.url(f"/gss/f?o{i}"), out / f"o{i}")
    with_ticket.tell("run", parallel=5)
    assert with_ticket.wait("ran")[-1]["done"] == 10
    lines = apache.logged(lambda w: w[1] == "/gss/f" and w[2].startswith("other@") and w[3] == "200",
                          least=12)
    assert len(lines) == 12


@pytest.mark.parametrize("tunnel", [False, True])
def test_squid_takes_a_password_for_negotiate(realm, drivers, squid, apache, auth_server, out, tunnel):
    tls = auth_server({USER: PASSWORD}, auth="digest", tls="good")
    driver = drivers("--ca-bundle", tls.ca_path, env={**realm.env, "KRB5CCNAME": f"FILE:{realm.dir}/none"})
    creds = [KIND["digest"], (PROXY, NEGOTIATE, USER, PASSWORD)]
    url = tls.url("/f") if tunnel else apache.url("/digest/f")
    result = fetch(driver, url, out / "f", creds, **squid.props())
    assert result.event == "done", (result.last, squid.words())


def test_one_identity_at_a_time_for_server_and_proxy(realm, with_ticket, squid, apache, out):
    url = apache.url("/gss/f")
    both = [(SERVER, NEGOTIATE, USER, PASSWORD), (PROXY, NEGOTIATE, USER, PASSWORD)]
    assert fetch(with_ticket, url, out / "f", both, **squid.props()).event == "done"
    for proxy in ((PROXY, NEGOTIATE, "third", "secret"), (PROXY, NEGOTIATE, None, None)):
        if proxy[2]:
            realm.add(proxy[2], proxy[3])
        result = fetch(with_ticket, url, out / "g", [both[0], proxy], **squid.props())
        assert_refused(result, 401, "different ones")
