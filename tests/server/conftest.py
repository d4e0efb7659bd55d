# SPDX-License-Identifier: Apache-2.0
"""bitssrv as an object, and applications that are told about uploads."""
import contextlib
import http.server
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time

import pytest

from wire import Wire, fragment_fields, head

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fakes"))
from free_port import free_port  # noqa: E402, F401
from mounted_disk import mounted_disk  # noqa: E402

START_SEC = 20
STOP_SEC = 20
# Memory and speed are other things under a sanitizer.
SANITIZED = os.environ.get("BITSSRV_SANITIZE", "none") != "none"


def wait_until(condition, what, seconds=20):
    """Polls for something that another process does."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.005)


def send_zeros(wire, target, session, total, size):
    """Fragments of zeros; the last Ack."""
    zeros = bytes(size)
    answer = None
    for first in range(0, total, size):
        part = min(size, total - first)
        fields = [("BITS-Packet-Type", "Fragment"), *fragment_fields(session, first, part, total)]
        wire.send(head("BITS_POST", target, fields, part))
        wire.send(zeros[:part] if part < size else zeros)
        answer = wire.receive()
        assert answer.received == first + part, answer
    return answer


class Server:
    """One bitssrv and its directories. It is started by start() and may be killed and started again
    on the same directories."""

    def __init__(self, directory):
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir()
        self.sessions = directory / "root.bits-sessions"
        self.config = directory / "bitssrv.conf"
        self.log = directory / "log"
        self.access_log = directory / "access"
        self.process = None
        self.arguments = []
        self.addresses = {}
        self.wires = []

    def start(self, *options, config=None, env=None, prefix=(), **popen):
        """`config`: text of a file instead of --root; ROOT stands for the root directory."""
        arguments = ["--listen", "127.0.0.1:0", "--access-log", str(self.access_log), "--verbose"]
        if config is None:
            arguments += ["--root", str(self.root)]
        else:
            self.config.write_text(config.replace("ROOT", str(self.root)))
            arguments += ["--config", str(self.config)]
        self.arguments = [*prefix, os.environ["BITSSRV"], *arguments, *map(str, options)]
        self.popen = {"env": {**os.environ, **(env or {})}, **popen}
        return self.again()

    def again(self):
        """With the arguments of the last time."""
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.PIPE,
                                        stderr=self.log.open("ab"), text=True, **self.popen)
        self.read_addresses()
        return self

    def read_addresses(self):
        self.addresses = {}
        expected = sum(a in ("--listen", "--listen-tls", "--metrics") for a in self.arguments)
        if self.config.exists():
            expected += len(re.findall(r"^(?:Listen|ListenTLS|MetricsListen) =",
                                       self.config.read_text(), re.M))
        for _ in range(max(expected, 1)):
            line = self.process.stdout.readline()
            if not line:
                self.process.wait(START_SEC)
                self.process.stdout.close()
                raise AssertionError(f"bitssrv did not start:\n{self.log.read_text()}")
            match = re.fullmatch(r"listening on (\S+) (\w+)\n", line)
            assert match, line
            if match[2] not in self.addresses or self.addresses[match[2]].startswith("unix:"):
                self.addresses[match[2]] = match[1]

    def address(self, use="http"):
        name = self.addresses[use]
        if name.startswith("unix:"):
            return name[5:]
        host, port = name.rsplit(":", 1)
        return host, int(port)

    def wire(self, use="http", **kwargs):
        wire = Wire(self.address(use), **kwargs)
        self.wires.append(wire)
        return wire

    def kill(self):
        self.process.kill()
        self.process.wait(STOP_SEC)
        self.process.stdout.close()
        self.process = None

    def stop(self, how=signal.SIGTERM):
        if not self.process:
            return
        if self.process.stdout.closed:
            self.process = None  # it never started, and the test has heard of it
            return
        self.process.send_signal(how)
        try:
            status = self.process.wait(STOP_SEC)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
            self.process = None
        assert status == 0, f"exit status {status}:\n{self.log.read_text()[-4000:]}"

    def signal(self, which):
        self.process.send_signal(which)

    def close(self):
        for wire in self.wires:
            wire.close()
        self.stop()
        text = self.log.read_text() if self.log.exists() else ""
        assert "Sanitizer" not in text and "runtime error" not in text, text[-4000:]

    def memory_kib(self, field="VmRSS"):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M)[1])

    def files(self):
        return sorted(p.name for p in self.root.rglob("*") if p.is_file())

    def session_files(self, suffix):
        return sorted(self.sessions.glob(f"*{suffix}"))

    def metrics(self):
        with Wire(self.address("metrics")) as wire:
            text = wire.get("/metrics").body.decode()
        return {name: float(value) for name, value in
                re.findall(r"^(bitssrv_\S+) (\S+)$", text, re.M)}

    def lines(self):
        return self.access_log.read_text().splitlines() if self.access_log.exists() else []


@pytest.fixture
def small_disk(tmp_path):
    """16 MiB of memory as a file system."""
    with mounted_disk(tmp_path / "disk", "size=16m") as where:
        yield where


@pytest.fixture
def server(tmp_path):
    instance = Server(tmp_path)
    yield instance
    try:
        instance.close()
    finally:  # pytest keeps directories of some runs; logs are worth that, gigabytes are not
        shutil.rmtree(instance.root, ignore_errors=True)
        shutil.rmtree(instance.sessions, ignore_errors=True)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    key, chain = directory / "key.pem", directory / "chain.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", chain,
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-days", "2"], check=True, capture_output=True)
    return chain, key


def trusting(chain):
    context = ssl.create_default_context(cafile=str(chain))
    return context


class Call:
    def __init__(self, handler, body):
        self.target, self.body = handler.path, body
        self.fields = {name.lower(): value for name, value in handler.headers.items()}

    def __getitem__(self, name):
        return self.fields.get(name.lower())


class Application:
    """A program that is told about uploads. `answer(call)` gives (status, fields, body); calls are
    kept. Runs on a port of its own, or on a Unix socket."""

    def __init__(self, answer, path=None, tls=None):
        self.calls, self.answer = [], answer
        self.allowed = threading.Event()
        self.allowed.set()
        application = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # whoever sent it has died
                    self.close_connection = True
                    return
                call = Call(self, body)
                application.calls.append(call)
                application.allowed.wait(20)
                status, fields, reply = application.answer(call)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in fields.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(reply)))
                    self.end_headers()
                    self.wfile.write(reply)

            def address_string(self):
                return "-"

            def log_message(self, *_):
                pass

            def handle(self):
                with contextlib.suppress(ConnectionError):
                    super().handle()

        class TcpServer(http.server.ThreadingHTTPServer):
            daemon_threads = True

        class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        if path:
            self.server = UnixServer(str(path), Handler)
            self.url = f"http://unix:{path}:/handle"
        else:
            self.server = TcpServer(("127.0.0.1", 0), Handler)
            if tls:
                self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
            self.url = (f"http{'s' if tls else ''}://localhost:"
                        f"{self.server.server_address[1]}/handle")
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self):
        self.allowed.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def application():
    """Makes applications: application(answer, path=None)."""
    running = []

    def make(answer=lambda call: (200, {}, b""), **kwargs):
        running.append(Application(answer, **kwargs))
        return running[-1]

    yield make
    for one in running:
        one.close()
