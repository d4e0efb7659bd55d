# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a private bitsd (started by the library, as for a user) with everything in tmp_path, a
web server in this process whose behaviour a test chooses, and bitsctl in a pipe or on a terminal."""
import fcntl
import http.server
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.parse

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fakes"))
from bad_server import BadServer, content as bad_content  # noqa: E402, F401
from uploads import Intake  # noqa: E402

SANITIZED = os.environ.get("BITSD_SANITIZED") == "1"
BUILD = pathlib.Path(os.environ.get("BITSD_BUILD", "build")).resolve()
PATIENCE = 30  # seconds until a test gives up waiting for something that should happen at once


def is_dead(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second: between opening and reading
        return True


def until(condition, what):
    """Waits for something outside of our control; never decides by itself that it happened."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"waited in vain for {what}")


def content(name, size):
    """Bytes that differ for every name and place."""
    block = "".join(f"{name}:{i:08}\n" for i in range(0, 4096)).encode()
    return (block * (size // len(block) + 1))[:size]


class Web:
    """Serves /NAME?size=N (ranges, ETag), /status/CODE/NAME and /gated/NAME?size=N&at=M, which sends M
    bytes and the rest only once release() was called."""

    def __init__(self):
        self.requests = []
        self.gate = threading.Event()
        self.closing = False
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                web.requests.append((self.command, self.path, self.headers.get("Range")))
                web.answer(self)

            do_HEAD = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, h):
        url = urllib.parse.urlsplit(h.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        if parts[0] == "status":
            h.send_response(int(parts[1]))
            h.send_header("Content-Length", "0")
            h.end_headers()
            return
        body = content(parts[-1], int(query.get("size", 1000)))
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", h.headers.get("Range") or "")
        if match:
            start = int(match.group(1))
            end = int(match.group(2)) + 1 if match.group(2) else len(body)
            h.send_response(206)
            h.send_header("Content-Range", f"bytes {start}-{min(end, len(body)) - 1}/{len(body)}")
            body = body[start:end]
        else:
            h.send_response(200)
        h.send_header("Content-Length", str(len(body)))
        h.send_header("Accept-Ranges", "bytes")
        h.send_header("ETag", f'"{parts[-1]}"')
        h.end_headers()
        if h.command == "HEAD":
            return
        try:
            at = max(int(query.get("at", 0)) - start, 0) if parts[0] == "gated" else len(body)
            h.wfile.write(body[:at])
            h.wfile.flush()
            if at < len(body):
                while not self.gate.wait(0.05) and not self.closing:
                    pass
                h.wfile.write(body[at:])
        except OSError:
            h.close_connection = True

    def release(self):
        self.gate.set()

    def close(self):
        self.closing = True
        self.server.shutdown()
        self.server.server_close()


class Terminal:
    """A program on a pseudo terminal of its own, as its foreground process."""

    def __init__(self, args, env, cwd, columns=100, prefix=()):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.modes = termios.tcgetattr(self.master)  # before the program had a chance
        self.output = b""

        def become_foreground():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([*prefix, *args], env=env, cwd=cwd, stdin=slave, stdout=slave,
                                        stderr=slave, preexec_fn=become_foreground)
        os.close(slave)

    def read(self):
        """What there is to read now; False at the end."""
        if not select.select([self.master], [], [], 0.05)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)

    def expect(self, pattern):
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text()):
            if time.monotonic() > end or not self.read():
                if re.search(pattern, self.text()):
                    break
                pytest.fail(f"{pattern!r} did not come, but {self.text()!r}")

    def text(self):
        return self.output.decode(errors="replace").replace("\r\n", "\n")

    def type(self, keys):
        os.write(self.master, keys)

    def wait(self):
        end = time.monotonic() + PATIENCE
        while self.read():
            if self.process.poll() is not None and not select.select([self.master], [], [], 0.05)[0]:
                break
            assert time.monotonic() < end, f"does not end: {self.text()!r}"
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


class Ctl:
    """bitsctl with an environment that leads to the test's own service."""

    program = str(BUILD / "src/cli/bitsctl")

    def __init__(self, place, prefix=()):
        self.cwd = place / "work"
        self.cwd.mkdir()
        self.prefix = list(prefix)
        self.env = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm", "HOME": str(place),
            "BITSD_SOCKET": str(place / "socket"), "BITSD_STATE_DIR": str(place / "state"),
            "BITSD_PATH": str(BUILD / "src/daemon/bitsd"), "XDG_CONFIG_HOME": str(place),
            "TZ": "UTC", "TMPDIR": str(place),
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.terminals = []

    def run(self, *args, input=None, env=None, timeout=PATIENCE):
        return subprocess.run([*self.prefix, self.program, *args], env={**self.env, **(env or {})},
                              cwd=self.cwd, input=input, capture_output=True, text=True,
                              timeout=timeout, stdin=None if input is not None else subprocess.DEVNULL)

    def ok(self, *args, **kwargs):
        ran = self.run(*args, **kwargs)
        assert ran.returncode == 0, ran
        assert ran.stderr == "", ran
        return ran.stdout

    def json(self, *args):
        return json.loads(self.ok("-j", *args))

    def field(self, job, name):
        return self.ok("show", "-P", name, job).rstrip("\n")

    def popen(self, *args, **kwargs):
        return subprocess.Popen([*self.prefix, self.program, *args], env=self.env, cwd=self.cwd,
                                stdin=subprocess.DEVNULL, text=True, **kwargs)

    def terminal(self, *args, env=None, columns=100):
        t = Terminal([self.program, *args], {**self.env, **(env or {})}, self.cwd, columns,
                     self.prefix)
        self.terminals.append(t)
        return t

    def service_pid(self):
        ran = self.run("status", "-j")
        return json.loads(ran.stdout)["pid"] if ran.returncode == 0 else None

    def kill_service(self, signo=signal.SIGKILL):
        pid = self.service_pid()
        if pid:
            os.kill(pid, signo)
            if signo in (signal.SIGKILL, signal.SIGTERM):
                until(lambda: is_dead(pid), "the end of bitsd")
        return pid

    def close(self):
        for t in self.terminals:
            t.close()
        self.kill_service()


@pytest.fixture
def web():
    server = Web()
    yield server
    server.close()


@pytest.fixture
def bad():
    """The server of tests/fakes, which does what its URLs say."""
    with BadServer() as server:
        yield server


NOBODY = 65534


@pytest.fixture
def ordinary(tmp_path):
    """As `ctl`, but never as root."""
    if os.getuid() != 0:
        place, become = tmp_path, []
    else:  # pytest's own directories are closed to others
        place = pathlib.Path(tempfile.mkdtemp(prefix="bitsctl-user-"))
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        os.chown(place, NOBODY, NOBODY)
        if subprocess.run([*become, "test", "-x", Ctl.program]).returncode:
            pytest.skip("the build directory is closed to others")
    c = Ctl(place, become)
    os.chown(c.cwd, place.stat().st_uid, place.stat().st_gid)
    yield c
    c.close()
    if place != tmp_path:
        shutil.rmtree(place)


@pytest.fixture
def ctl(tmp_path):
    c = Ctl(tmp_path)
    yield c
    c.close()


@pytest.fixture
def intake(tmp_path):
    place = tmp_path / "intake"
    place.mkdir()
    server = Intake(place)
    yield server
    server.close()
