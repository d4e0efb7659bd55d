# SPDX-License-Identifier: Apache-2.0
"""Proxies in all their usages, and certificates that are right or wrong."""
import pytest
from bad_server import BadServer, content
from conftest import temporaries
from free_port import free_port

PRECONFIG, NO_PROXY, OVERRIDE = 0, 1, 2
INVALID_PROXY_INFO = 0x8020003F
CANNOT_CONNECT, NOT_RESOLVED, REDIRECT_FAILED, SECURE_CHANNEL = (
    0x80070000 + n for n in (12029, 12007, 12156, 12157))
CERT_DATE, CERT_NAME, CERT_CA = (0x80070000 + n for n in (12037, 12038, 12045))


@pytest.fixture
def proxy():
    with BadServer() as s:
        yield s


@pytest.fixture
def closed_port():
    return free_port()


@pytest.fixture
def tls():
    with BadServer(tls="good") as s:
        yield s


def assert_through(proxy, server, result):
    assert result.event == "done", result.last
    assert len(proxy.requests) == 1 and proxy.requests[0]["proxied"] and server.requests == []


def assert_direct(proxy, server, result):
    assert result.event == "done", result.last
    assert proxy.requests == [] and len(server.requests) == 1


# Proxies.

def test_preconfig_takes_the_proxy_of_the_environment(drivers, server, proxy, out):
    driver = drivers(env={"http_proxy": f"http://127.0.0.1:{proxy.port}"})
    assert_through(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=PRECONFIG))


def test_preconfig_heeds_no_proxy_of_the_environment(drivers, server, proxy, out):
    driver = drivers(env={"http_proxy": f"http://127.0.0.1:{proxy.port}", "no_proxy": "127.0.0.1"})
    assert_direct(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=PRECONFIG))


def test_the_configuration_goes_before_the_environment(drivers, server, proxy, closed_port, out):
    driver = drivers("--http-proxy", f"http://127.0.0.1:{proxy.port}",
                     env={"http_proxy": f"http://127.0.0.1:{closed_port}"})
    assert_through(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=PRECONFIG))


def test_no_proxy_of_the_configuration(drivers, server, proxy, out):
    driver = drivers("--http-proxy", f"http://127.0.0.1:{proxy.port}", "--no-proxy", "127.0.0.1")
    assert_direct(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=PRECONFIG))


def test_no_proxy_is_direct_whatever_the_environment_says(drivers, server, proxy, out):
    driver = drivers("--http-proxy", f"http://127.0.0.1:{proxy.port}",
                     env={"http_proxy": f"http://127.0.0.1:{proxy.port}", "all_proxy": "http://127.0.0.1:1"})
    assert_direct(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=NO_PROXY))


def test_override_goes_before_the_environment(drivers, server, proxy, closed_port, out):
    driver = drivers(env={"http_proxy": f"http://127.0.0.1:{closed_port}", "no_proxy": "*"})
    assert_through(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=OVERRIDE,
                                               list=f"127.0.0.1:{proxy.port}"))


def test_entries_are_tried_in_order(driver, server, proxy, closed_port, out):
    proxies = f"127.0.0.1:{closed_port} no-such-proxy.invalid:80 http://127.0.0.1:{proxy.port}"
    assert_through(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=OVERRIDE, list=proxies))


def test_when_no_entry_works_the_job_waits(driver, server, closed_port, out):
    result = driver.fetch(server.url("/f"), out / "f", usage=OVERRIDE,
                          list=f"127.0.0.1:{closed_port} 127.0.0.1:{closed_port}")
    assert (result.event, result.code, result.fatal) == ("failed", CANNOT_CONNECT, False)
    assert server.requests == []


def test_entries_for_a_scheme_serve_that_scheme(driver, server, proxy, closed_port, out):
    proxies = f"https=127.0.0.1:{closed_port} http=127.0.0.1:{proxy.port}"
    assert_through(proxy, server, driver.fetch(server.url("/f"), out / "f", usage=OVERRIDE, list=proxies))


@pytest.mark.parametrize("bypass", ["127.0.0.1", "*.0.0.1", "x.example <local> *0.1", "*"])
def test_bypassed_hosts_are_reached_directly(driver, server, proxy, out, bypass):
    result = driver.fetch(server.url("/f"), out / "f", usage=OVERRIDE, list=f"127.0.0.1:{proxy.port}",
                          bypass=bypass)
    assert_direct(proxy, server, result)


def test_bypass_is_asked_again_after_a_redirect(driver, server, proxy, out):
    """From a host that is reached through the proxy to one that is not."""
    target = server.url("/f")
    result = driver.fetch(f"http://far.example/redirect?to={target}", out / "f", usage=OVERRIDE,
                          list=f"127.0.0.1:{proxy.port}", bypass="127.0.0.1")
    assert result.event == "done"
    assert [r["target"] for r in proxy.requests] == [f"http://far.example/redirect?to={target}"]
    assert len(server.requests) == 1 and not server.requests[0]["proxied"]


@pytest.mark.parametrize("bad", [
    {"list": ""}, {"list": "socks=a:1"}, {"list": "a:99999"}, {"list": "ftp://a"}, {"list": "a b:c"},
    {"list": "user@host:1"}, {"list": "a", "bypass": "aaa.*"}, {"list": "a", "bypass": "<global>"}, {}])
def test_malformed_lists_are_fatal(driver, server, out, bad):
    result = driver.fetch(server.url("/f"), out / "f", usage=OVERRIDE, **bad)
    assert (result.event, result.code, result.fatal) == ("failed", INVALID_PROXY_INFO, True)
    assert server.requests == []


@pytest.mark.parametrize("status, fatal", [(407, True), (502, False)])
def test_what_a_proxy_answers_is_an_answer(drivers, tls, out, status, fatal):
    with BadServer(connect_status=status) as proxy:
        driver = drivers("--ca-bundle", tls.ca_path)
        result = driver.fetch(tls.url("/f"), out / "f", usage=OVERRIDE, list=f"127.0.0.1:{proxy.port}")
    assert (result.event, result.code, result.fatal) == ("failed", 0x80190000 + status, fatal)


def test_https_goes_through_a_tunnel(drivers, tls, proxy, out):
    driver = drivers("--ca-bundle", tls.ca_path)
    result = driver.fetch(tls.url("/f"), out / "f", usage=OVERRIDE, list=f"127.0.0.1:{proxy.port}")
    assert result.event == "done"
    assert [r["method"] for r in proxy.requests] == ["CONNECT"]
    assert not tls.requests[0]["proxied"]


# TLS.

def test_a_good_certificate(drivers, tls, out):
    driver = drivers("--ca-bundle", tls.ca_path)
    result = driver.fetch(tls.url("/f"), out / "f")
    assert result.event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", 100000)


@pytest.mark.parametrize("mode, code", [
    ("untrusted", CERT_CA), ("expired", CERT_DATE), ("wrong-name", CERT_NAME)])
def test_a_bad_certificate_is_fatal_and_no_request_is_made(drivers, out, mode, code):
    with BadServer(tls=mode) as server:
        driver = drivers("--ca-bundle", server.ca_path)
        result = driver.fetch(server.url("/f"), out / "f")
        assert (result.event, result.code, result.fatal) == ("failed", code, True), result.last
        assert server.requests == [] and temporaries(out) == []


def test_the_system_does_not_trust_our_authority(driver, tls, out):
    result = driver.fetch(tls.url("/f"), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", CERT_CA, True)


def test_plain_http_on_a_tls_address_is_transient(driver, server, out):
    result = driver.fetch(server.url("/f").replace("http:", "https:"), out / "f")
    assert (result.event, result.code, result.fatal) == ("failed", SECURE_CHANNEL, False)


def test_redirects_may_go_to_tls_but_not_back(drivers, tls, server, out):
    driver = drivers("--ca-bundle", tls.ca_path)
    up = server.url("/redirect", to=tls.url("/f"))
    assert driver.fetch(up, out / "f").event == "done"
    for url in (tls.url("/redirect", to=server.url("/f")),
                server.url("/redirect", to=tls.url("/redirect", to=server.url("/f")))):
        before = len(server.requests)
        result = driver.fetch(url, out / "g")
        assert (result.event, result.code, result.fatal) == ("failed", REDIRECT_FAILED, True)
        assert not any(r["target"].startswith("/f") for r in server.requests[before:])


def test_a_tls_download_is_resumed(drivers, tls, out):
    driver = drivers("--ca-bundle", tls.ca_path)
    url = tls.url("/f", cut=40000, times=1)
    first = driver.fetch(url, out / "f")
    assert (first.event, first.fatal, first.done) == ("failed", False, 40000)
    assert driver.fetch(url, out / "f", first.kept).event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", 100000)
