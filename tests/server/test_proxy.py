# SPDX-License-Identifier: Apache-2.0
"""Behind a real nginx, with the configuration that is shipped."""
import os
import pathlib
import shutil
import ssl
import subprocess

import pytest

from conftest import free_port, send_zeros, trusting, wait_until
from wire import Wire, fragment_fields, head

SHIPPED = pathlib.Path(os.environ["SOURCE_ROOT"]) / "packaging/nginx/bitssrv.conf"
MIB = 1 << 20
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
SITE = """
[server]
TrustedProxy = 127.0.0.1 unix
[site /]
Directory = ROOT
BITSUploadEnabled = 1
"""

pytestmark = pytest.mark.skipif(not os.path.exists(NGINX), reason="no nginx here")


class Nginx:
    def __init__(self, directory, upstream, certificate):
        self.port, self.tls_port = free_port(), free_port()
        self.temporary = directory / "body"
        snippet = SHIPPED.read_text().replace("http://127.0.0.1:8095", upstream)
        assert upstream in snippet
        (directory / "bitssrv.conf").write_text(snippet)
        paths = "\n".join(f"{kind}_temp_path {directory}/{name};" for kind, name in (
            ("client_body", "body"), ("proxy", "p"), ("fastcgi", "f"), ("uwsgi", "u"), ("scgi", "s")))
        config = directory / "nginx.conf"
        config.write_text(f"""
daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
{'user root;' if os.geteuid() == 0 else ''}
events {{ worker_connections 256; }}
http {{ access_log off; {paths}
  server {{ listen 127.0.0.1:{self.port}; include {directory}/bitssrv.conf; }}
  server {{ listen 127.0.0.1:{self.tls_port} ssl;
    ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};
    include {directory}/bitssrv.conf; }} }}
""")
        self.process = subprocess.Popen([NGINX, "-p", directory, "-c", config],
                                        stderr=subprocess.DEVNULL)
        wait_until(self.answers, "nginx")

    def answers(self):
        try:
            for port in (self.port, self.tls_port):
                Wire(("127.0.0.1", port)).close()
            return True
        except OSError:
            assert self.process.poll() is None
            return False

    def wire(self, **kwargs):
        return Wire(("127.0.0.1", self.port), **kwargs)

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def nginx(server, certificate, tmp_path):
    running = []

    def make(config=SITE, upstream=None):
        server.start(config=config)
        directory = tmp_path / "nginx"
        directory.mkdir()
        running.append(Nginx(directory, upstream or f"http://{server.addresses['http']}",
                             certificate))
        return running[-1]

    yield make
    for one in running:
        one.close()


def test_an_upload_through_nginx(server, nginx):
    data = os.urandom(3 * MIB + 1)
    with nginx().wire() as wire:
        assert wire.upload("/a%20b?x=1", data, MIB).received == len(data)
    assert (server.root / "a b").read_bytes() == data


def test_acks_come_through_with_all_their_fields(nginx):
    with nginx().wire() as wire:
        created = wire.create("/f")
        assert created["BITS-Packet-Type"] == "Ack" and created["BITS-Protocol"]
        gap = wire.fragment("/f", created["BITS-Session-Id"], 5, b"x", 9)
        assert gap.status == 416 and gap.received == 0
        assert wire.fragment("/f", "{unknown}", 0, b"x", 9).error


def test_fragments_of_64_mib_and_no_larger(server, nginx):
    proxy = nginx()
    with proxy.wire(timeout=60) as wire:
        session = wire.open("/f")
        assert send_zeros(wire, "/f", session, 128 * MIB, 64 * MIB).status == 200
    assert os.stat(server.root / "f").st_size == 128 * MIB
    # Nothing was collected on the way.
    assert not [p for p in proxy.temporary.rglob("*") if p.is_file()]
    with proxy.wire() as wire:
        session = wire.open("/g")
        fields = [("BITS-Packet-Type", "Fragment"),
                  *fragment_fields(session, 0, 65 * MIB, 65 * MIB)]
        wire.send(head("BITS_POST", "/g", fields, 65 * MIB))
        assert wire.receive().status == 413


def test_what_arrived_of_a_cut_fragment_is_kept(server, nginx):
    proxy = nginx()
    data = os.urandom(MIB)
    with proxy.wire() as wire:
        session = wire.open("/f")
        fields = [("BITS-Packet-Type", "Fragment"),
                  *fragment_fields(session, 0, len(data), len(data))]
        wire.send(head("BITS_POST", "/f", fields, len(data)) + data[:500_000])
        wait_until(lambda: sum(p.stat().st_size for p in server.session_files(".data")) > 400_000,
                   "bytes behind the proxy")
    with proxy.wire() as wire:
        gap = wire.fragment("/f", session, MIB - 1, data[-1:], MIB)
        assert gap.status == 416 and gap.received > 400_000
        assert wire.fragment("/f", session, 0, data, len(data)).received == len(data)
    assert (server.root / "f").read_bytes() == data


def test_the_client_is_who_nginx_says(server, nginx, application):
    app = application(lambda call: (200, {}, b"reply"))
    proxy = nginx(SITE + f"BITSServerNotificationType = 2\nBITSServerNotificationURL = {app.url}\n")
    tls = trusting_wire(proxy, server)
    session = tls.open("/f?q=1")
    ack = tls.fragment("/f?q=1", session, 0, b"data", 4)
    assert app.calls[0]["BITS-Original-Request-URL"] == "https://localhost/f?q=1"
    assert tls.get(ack["BITS-Reply-URL"]).body == b"reply"
    server.stop()
    assert all(line.startswith("127.0.0.1 ") for line in server.lines())


def trusting_wire(proxy, server):
    chain = server.directory / "nginx" / "nginx.conf"
    name = chain.read_text().split("ssl_certificate ")[1].split(";")[0]
    return Wire(("127.0.0.1", proxy.tls_port), tls=trusting(name))


def test_forged_words_about_the_client_do_not_count(server):
    wire = server.start(config=SITE.replace("TrustedProxy = 127.0.0.1 unix", "")).wire()
    wire.packet("/f", "Ping", [("X-Forwarded-For", "203.0.113.9")])
    server.stop()
    assert server.lines()[0].startswith("127.0.0.1 ")


def test_only_the_last_untrusted_address_counts(server):
    wire = server.start(config=SITE).wire()
    wire.packet("/f", "Ping", [("X-Forwarded-For", "203.0.113.1, 203.0.113.9, 127.0.0.1")])
    wire.packet("/f", "Ping", [("X-Forwarded-For", "nonsense\"<>")])
    server.stop()
    assert [line.split()[0] for line in server.lines()] == ["203.0.113.9", "127.0.0.1"]


def test_over_a_unix_socket(server, nginx):
    path = server.directory / "http.sock"
    config = SITE.replace("[server]", f"[server]\nListen = unix:{path}")
    proxy = nginx(config, upstream=f"http://unix:{path}:")
    with proxy.wire() as wire:
        assert wire.upload("/f", b"x" * 100_000, 10_000).status == 200


@pytest.mark.skipif(not ssl.HAS_ALPN, reason="an old ssl module")
def test_tls_at_the_proxy(server, nginx):
    proxy = nginx()
    with trusting_wire(proxy, server) as wire:
        assert wire.upload("/f", os.urandom(MIB), 300_000).status == 200


def test_pings_and_uploads_of_many_clients_share_the_proxy(server, nginx):
    proxy = nginx()
    wires = [proxy.wire() for _ in range(64)]
    ids = [wire.open(f"/f{n}") for n, wire in enumerate(wires)]
    for n, wire in enumerate(wires):
        assert wire.fragment(f"/f{n}", ids[n], 0, b"x" * 1000, 1000).status == 200
    for wire in wires:
        wire.close()
    assert len(server.files()) == 64
