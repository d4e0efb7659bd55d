# SPDX-License-Identifier: Apache-2.0
"""Proxies of jobs as a user sets them: what "system" reads and when, lists that make no sense, and
what this version does not do."""
import pathlib
import signal
import socket
import threading

import pytest

from bad_server import BadServer
from conftest import until

SIZE = 1000
INVALID = "BG_E_INVALID_PROXY_INFO"


@pytest.fixture
def proxy():
    with BadServer() as server:
        yield server


@pytest.fixture
def other_proxy():
    with BadServer() as server:
        yield server


@pytest.fixture
def site():
    with BadServer() as server:
        yield server


def address(server):
    return f"http://127.0.0.1:{server.port}"


def configure(ctl, text):
    """The user's own file; a service that runs reads it again."""
    path = pathlib.Path(ctl.env["XDG_CONFIG_HOME"]) / "bitsd" / "bitsd.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def get(ctl, site, name, *args):
    ran = ctl.run("get", site.url("/f", size=SIZE, seed="1"), "-o", name, *args)
    assert ran.returncode == 0, ran
    assert (ctl.cwd / name).stat().st_size == SIZE


def test_system_is_the_users_own_file_before_the_environment(ctl, site, proxy, other_proxy):
    """http_proxy is that of whoever started the service; the file of the user goes before it."""
    ctl.env["http_proxy"] = address(proxy)
    get(ctl, site, "by-environment")
    assert len(proxy.requests) == 1 and site.requests == []
    ctl.kill_service(signal.SIGTERM)
    configure(ctl, f"[Transfer]\nHttpProxy={address(other_proxy)}\n")
    get(ctl, site, "by-file")
    assert len(other_proxy.requests) == 1 and len(proxy.requests) == 1 and site.requests == []
    # A job's own word goes before both.
    get(ctl, site, "direct", "--proxy", "none")
    assert len(site.requests) == 1 and len(other_proxy.requests) == 1
    get(ctl, site, "own", "--proxy", address(proxy))
    assert len(proxy.requests) == 2 and len(other_proxy.requests) == 1


def test_the_environment_of_who_asks_later_does_not_count(ctl, site, proxy):
    ctl.ok("list")  # which starts the service, without a proxy
    ctl.env["http_proxy"] = address(proxy)
    get(ctl, site, "f")
    assert proxy.requests == [] and len(site.requests) == 1


def test_a_proxy_of_the_file_is_taken_at_a_reload(ctl, site, proxy):
    get(ctl, site, "before")
    configure(ctl, f"[Transfer]\nHttpProxy={address(proxy)}\n")
    pid = ctl.kill_service(signal.SIGHUP)
    count = 0

    def is_taken():
        nonlocal count
        count += 1
        get(ctl, site, f"after-{count}")
        return proxy.requests

    until(is_taken, "the new proxy")
    assert ctl.service_pid() == pid
    configure(ctl, f"[Transfer]\nHttpProxy={address(proxy)}\nNoProxy=127.0.0.1\n")
    direct = len(site.requests)
    ctl.kill_service(signal.SIGHUP)
    until(lambda: is_taken() and len(site.requests) > direct, "the exception")


def test_a_reload_cuts_off_no_transfer(ctl, site, web, proxy):
    """One that runs goes on as it began; the next one of the same user has the new settings."""
    job = ctl.ok("get", "--detach", "-q", f"{web.url}/gated/slow?size=50000&at=20000", "-o", "slow").strip()
    until(lambda: ctl.field(job, "state_word") == "transferring" and web.requests, "its first bytes")
    configure(ctl, f"[Transfer]\nHttpProxy={address(proxy)}\n")
    ctl.kill_service(signal.SIGHUP)
    ctl.ok("list")
    web.release()
    ctl.ok("wait", "-q", job)
    assert (ctl.cwd / "slow").stat().st_size == 50000 and len(web.requests) == 1
    get(ctl, site, "next")
    assert len(proxy.requests) == 1 and site.requests == []


@pytest.mark.parametrize("bad", ["ftp://gw", "gw:99999", "gw:", "user@gw", "http=", "a b:c", "[::1"])
def test_a_list_that_makes_no_sense_is_an_error_when_it_is_used(ctl, site, proxy, bad):
    """SetProxySettings takes any text; the job says what is wrong, and is healed by a better one."""
    ctl.ok("create", "j")
    ctl.ok("add", "j", site.url("/f", size=SIZE), str(ctl.cwd / "f"))
    ctl.ok("set", "j", "--proxy", bad)
    ran = ctl.run("resume", "--wait", "j")
    assert ran.returncode == 3 and INVALID in ran.stderr and "proxy" in ran.stderr, ran
    job = ctl.json("show", "j")["jobs"][0]
    assert job["state_word"] == "error" and site.requests == []
    ctl.ok("set", "j", "--proxy", address(proxy))
    ctl.ok("resume", "--wait", "j")
    assert len(proxy.requests) == 1 and site.requests == []


@pytest.mark.parametrize("bad", ["aaa.*", "<global>", "a/b"])
def test_so_is_a_list_of_exceptions(ctl, site, proxy, bad):
    ctl.ok("create", "j")
    ctl.ok("add", "j", site.url("/f", size=SIZE), str(ctl.cwd / "f"))
    ctl.ok("set", "j", "--proxy", address(proxy), "--no-proxy", bad)
    ran = ctl.run("resume", "--wait", "j")
    assert ran.returncode == 3 and INVALID in ran.stderr, ran
    assert proxy.requests == [] == site.requests


def test_two_words_are_two_proxies(ctl, site, proxy):
    """The first does not exist, so the second has its turn."""
    get(ctl, site, "f", "--proxy", f"bad.invalid {address(proxy)}")
    assert len(proxy.requests) == 1 and site.requests == []


def test_automatic_detection_is_refused(ctl):
    """The interface is that of BITS 1.5, which has none."""
    ctl.ok("create", "j")
    ran = ctl.run("set", "j", "--proxy", "detect")
    assert ran.returncode == 1 and "E_NOTIMPL" in ran.stderr
    assert "proxies are not detected by this version; name one" in ran.stderr
    assert ctl.json("show", "j")["jobs"][0]["proxy"]["usage"] == "system"


@pytest.fixture
def rude_proxy():
    """Reads a request, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                peer = listener.accept()[0]
                peer.recv(4096)
                peer.close()
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_proxy_that_closes_is_an_error_that_passes(ctl, site, proxy, rude_proxy):
    job = ctl.ok("create", "-q", "j").strip()
    ctl.ok("add", job, site.url("/f", size=SIZE), str(ctl.cwd / "f"))
    ctl.ok("set", job, "--proxy", rude_proxy)
    ctl.ok("resume", job)
    until(lambda: ctl.field(job, "state_word") == "retrying", "the first try")
    assert site.requests == []
    ctl.ok("set", job, "--proxy", address(proxy))
    ctl.ok("resume", "--wait", job)
    assert len(proxy.requests) == 1
