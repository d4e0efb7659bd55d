# SPDX-License-Identifier: Apache-2.0
"""The same worker against a server that millions use."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest
from bad_server import content, make_context
from conftest import Result, temporaries
from free_port import free_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = pytest.mark.skipif(not os.path.exists(NGINX), reason="nginx is not installed")

CONFIG = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format short '$server_protocol $connection $status $http_range'; access_log {dir}/access.log short;
  client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir};
  scgi_temp_path {dir}; sendfile on; root {dir}/www;
  ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;
  server {{ listen 127.0.0.1:{port}; location /slow/ {{ alias {dir}/www/; limit_rate 2m; }} }}
  server {{ listen 127.0.0.1:{tls_port} ssl http2; }}
}}
"""


class Nginx:
    def __init__(self, directory):
        self.dir, self.www = directory, directory / "www"
        self.www.mkdir()
        os.chmod(directory, 0o755)
        self.ca_path = make_context("good", directory)[1]
        self.port, self.tls_port = free_port(), free_port()
        (directory / "nginx.conf").write_text(
            ("user root;" if os.geteuid() == 0 else "")
            + CONFIG.format(dir=directory, port=self.port, tls_port=self.tls_port))
        self.process = subprocess.Popen([NGINX, "-p", directory, "-c", directory / "nginx.conf"],
                                        stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port)).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end
                time.sleep(0.01)

    def log(self):
        return [line.split() for line in (self.dir / "access.log").read_text().splitlines()]


@pytest.fixture
def nginx(tmp_path):
    directory = tmp_path / "nginx"
    directory.mkdir()
    server = Nginx(directory)
    yield server
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=10)


def stopped_in_the_middle(driver, url, local):
    driver.job()
    driver.file(url, local)
    op = driver.start()
    seen = driver.wait("progress", op=op)
    driver.tell("stop", op=op)
    return Result(seen + driver.wait("stopped", op=op))


def test_a_stopped_download_goes_on(driver, nginx, out):
    (nginx.www / "f").write_bytes(content("a", 20 << 20))
    first = stopped_in_the_middle(driver, f"http://127.0.0.1:{nginx.port}/slow/f", out / "f")
    assert 0 < first.done < 20 << 20
    result = driver.fetch(f"http://127.0.0.1:{nginx.port}/f", out / "f", first.kept)
    assert result.event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", 20 << 20)
    assert nginx.log()[-1][2:] == ["206", f"bytes={first.done}-"]


def test_a_replaced_file_of_equal_size_starts_again(driver, nginx, out):
    (nginx.www / "f").write_bytes(content("a", 20 << 20))
    first = stopped_in_the_middle(driver, f"http://127.0.0.1:{nginx.port}/slow/f", out / "f")
    (nginx.www / "new").write_bytes(content("b", 20 << 20))
    os.utime(nginx.www / "new", (1500000000, 1500000000))
    (nginx.www / "new").rename(nginx.www / "f")
    result = driver.fetch(f"http://127.0.0.1:{nginx.port}/f", out / "f", first.kept)
    assert result.event == "done" and result.modified == 1500000000
    assert temporaries(out)[0].read_bytes() == content("b", 20 << 20)


def test_http_2_carries_many_files_over_few_connections(drivers, nginx, out):
    for i in range(60):
        (nginx.www / f"{i}").write_bytes(content(i, 10000 + i))
    driver = drivers("--ca-bundle", nginx.ca_path)
    driver.job()
    for i in range(60):
        driver.file(f"https://127.0.0.1:{nginx.tls_port}/{i}", out / str(i))
    driver.tell("run", parallel=20)
    assert driver.wait("ran")[-1]["done"] == 60
    assert driver.bulk("publish")[-1]["result"] == 0
    for i in range(60):
        assert (out / str(i)).read_bytes() == content(i, 10000 + i)
    assert {row[0] for row in nginx.log()} == {"HTTP/2.0"}
    assert len({row[1] for row in nginx.log()}) <= 2


def test_http_2_resumes_as_well(drivers, nginx, out):
    (nginx.www / "f").write_bytes(content("a", 20 << 20))
    driver = drivers("--ca-bundle", nginx.ca_path)
    first = stopped_in_the_middle(driver, f"http://127.0.0.1:{nginx.port}/slow/f", out / "f")
    result = driver.fetch(f"https://127.0.0.1:{nginx.tls_port}/f", out / "f", first.kept)
    assert result.event == "done"
    assert temporaries(out)[0].read_bytes() == content("a", 20 << 20)
    assert nginx.log()[-1][0] == "HTTP/2.0" and nginx.log()[-1][2] == "206"


def test_memory_stays_flat(driver, nginx, out):
    """Six large files at once."""
    (nginx.www / "f").write_bytes(content("a", 64 << 20))
    driver.job()
    for i in range(6):
        driver.file(f"http://127.0.0.1:{nginx.port}/f", out / str(i))
    driver.tell("run", parallel=6)
    assert driver.wait("ran")[-1]["done"] == 6
    status = pathlib.Path(f"/proc/{driver.worker_pid()}/status").read_text()
    if "asan" not in os.environ["BITSD_WORKER"]:
        assert int(status.split("VmHWM:")[1].split()[0]) < 16 * 1024
    for path in temporaries(out):
        assert path.read_bytes() == content("a", 64 << 20)
