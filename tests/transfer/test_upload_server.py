# SPDX-License-Identifier: Apache-2.0
"""Uploads by a real worker to the real bitssrv: bytes, deaths on either side, and speed."""
import http.server
import os
import signal
import subprocess
import threading

import pytest

from conftest import ENDS, EVENT_SEC, K, UPLOAD_REPLY, again, begin, temporaries, upload
from free_port import free_port

BITS_E_WORKER_LOST = 0x8007042B


class BitsSrv:
    def __init__(self, directory):
        self.root, self.log = directory / "root", directory / "access.log"
        self.directory = directory
        self.root.mkdir()
        self.port = str(free_port())  # it comes back there
        self.process = None
        self.configuration = None

    def start(self):
        command = [os.environ["BITSSRV"], "--listen", f"127.0.0.1:{self.port}", "--access-log", str(self.log)]
        command += (["--config", str(self.configuration)] if self.configuration else
                    ["--root", str(self.root), "--allow-overwrites", "--session-dir",
                     str(self.directory / "sessions")])
        (self.directory / "sessions").mkdir(exist_ok=True)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout.readline().startswith(b"listening on ")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(EVENT_SEC)
            self.process.stdout.close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def received_bytes(self):
        """Bytes of bodies that the server has read, by its own log."""
        words = self.log.read_text().split()
        return sum(int(w[3:]) for w in words if w.startswith("in="))


@pytest.fixture
def bitssrv(tmp_path):
    server = BitsSrv(tmp_path)
    yield server
    server.stop()


@pytest.mark.parametrize("size", [0, 1, 5 * K, 64 * K, 64 * K + 1, 3000 * K])
def test_bytes_arrive_as_they_are(bitssrv, bits_driver, source, size):
    bitssrv.start()
    path = source(size)
    result = upload(bits_driver, bitssrv.url("/up.bin"), path)
    assert result.event == "done", result.last
    assert (bitssrv.root / "up.bin").read_bytes() == path.read_bytes()
    assert [p.name for p in bitssrv.root.iterdir()] == ["up.bin"]


def test_the_default_fragments_grow(bitssrv, drivers, source):
    bitssrv.start()
    path = source(60 * K * K)
    assert upload(drivers(), bitssrv.url("/up"), path).event == "done"
    assert (bitssrv.root / "up").read_bytes() == path.read_bytes()
    fragments = [line for line in bitssrv.log.read_text().splitlines() if "packet=Fragment" in line]
    assert len(fragments) < 12 and any("in=13631488" in line for line in fragments)
    assert bitssrv.received_bytes() == 60 * K * K


def test_a_missing_directory_is_refused(bitssrv, bits_driver, source):
    bitssrv.start()
    result = upload(bits_driver, bitssrv.url("/none/up"), source())
    assert result.event == "failed" and result.fatal and result.context == 5


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_workers_that_die_send_little_twice(bitssrv, drivers, source, at):
    """C14 against the real server, at places that the clock chooses."""
    bitssrv.start()
    driver = drivers("--upload-fragment-bytes", 256 * K)
    path = source(40 * K * K)
    driver.tell("hold")  # so that no upload is over before its death
    op = begin(driver, bitssrv.url("/up"), path)
    deaths = 0
    while True:
        event = driver.event()
        if event["event"] == "session" and event["done"] > at * 40 * K * K and deaths < 3:
            os.kill(driver.worker_pid(), signal.SIGKILL)
            deaths += 1
            at += 0.02
            assert driver.wait(*ENDS, op=op)[-1]["code"] == BITS_E_WORKER_LOST
            op = driver.start()
        elif event["event"] == "session" and event["durable"]:
            driver.tell("stored", op=op)
        elif event["event"] in ENDS and event["op"] == op:
            break
    assert event["event"] == "done" and deaths == 3, event
    assert (bitssrv.root / "up").read_bytes() == path.read_bytes()
    assert bitssrv.log.read_text().count("packet=Create-Session") == 1
    assert bitssrv.received_bytes() <= 40 * K * K + deaths * 2 * 256 * K


def test_a_server_that_dies_goes_on_where_it_was(bitssrv, drivers, source):
    bitssrv.start()
    driver = drivers("--upload-fragment-bytes", 256 * K)
    path = source(40 * K * K)
    driver.tell("hold")  # so that the upload is not over before the death
    op = begin(driver, bitssrv.url("/up"), path)
    while True:
        event = driver.event()
        if event["event"] == "session" and event["done"] > 10 * K * K:
            break
        if event["event"] == "session" and event["durable"]:
            driver.tell("stored", op=op)
    bitssrv.stop(signal.SIGKILL)
    while True:
        last = driver.event()
        if last["event"] in ENDS:
            break
        if last["event"] == "session" and last["durable"]:  # all was sent already: Close finds nobody
            driver.tell("stored", op=op)
    assert last["event"] == "failed" and not last["fatal"]
    bitssrv.start()
    op = driver.start()
    while (last := driver.event())["event"] not in ENDS:
        if last["event"] == "session" and last["durable"]:
            driver.tell("stored", op=op)
    assert last["event"] == "done", last
    assert (bitssrv.root / "up").read_bytes() == path.read_bytes()
    assert bitssrv.log.read_text().count("packet=Create-Session") == 1


class Application(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls += 1
        status = 503 if self.server.calls <= self.server.failures else 200
        self.send_response(status)
        answer = data[::-1]
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def application():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        server.calls = server.failures = 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("failures, size", [(0, 5000), (1, 5000), (0, 3000 * K)])
def test_replies_of_an_application(bitssrv, bits_driver, source, out, application, failures, size):
    application.failures = failures
    bitssrv.configuration = bitssrv.directory / "conf"
    bitssrv.configuration.write_text(
        f"[site /orders]\nDirectory = {bitssrv.root}\nSessionDirectory = {bitssrv.directory}/sessions\n"
        "BITSUploadEnabled = 1\nBITSServerNotificationType = 2\n"
        f"BITSServerNotificationURL = http://127.0.0.1:{application.server_port}/handle\n")
    bitssrv.start()
    path = source(size)
    result = upload(bits_driver, bitssrv.url("/orders/o-17.xml?site=7"), path, UPLOAD_REPLY,
                    reply=out / "answer")
    if failures:
        assert (result.code, result.context, result.fatal) == (0x801901F7, 7, False), result.last
        result = again(bits_driver)
    assert result.event == "done", result.last
    assert application.calls == failures + 1
    assert [e["result"] for e in bits_driver.bulk("publish")] == [0, 0]
    assert (out / "answer").read_bytes() == path.read_bytes()[::-1] and not temporaries(out)
    assert bitssrv.log.read_text().count("packet=Create-Session") == 1
