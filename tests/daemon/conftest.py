# SPDX-License-Identifier: Apache-2.0
"""A real bitsd in a temporary directory, on its own socket."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import dbus_wire  # noqa: E402

BITSD = os.environ["BITSD_UNDER_TEST"]
SANITIZED = os.environ.get("BITSD_SANITIZED") == "1"
START_TIMEOUT = 30


class Service:
    """What one directory holds: socket, state, log; the process can be started again and again."""

    def __init__(self, directory):
        self.dir = directory
        self.socket = directory / "run" / "socket"
        self.state = directory / "state"
        self.log = directory / "log"
        self.process = None
        self.connections = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("BITSD_S", "XDG_"))}
        self.env.update(HOME=str(directory), XDG_CONFIG_HOME=str(directory / "config"),
                        TMPDIR=str(directory))

    def argv(self, *args):
        return [BITSD, "--socket", str(self.socket), "--state-dir", str(self.state), *map(str, args)]

    def start(self, *args, env=None, argv=None, user=None):
        """Waits until it says that it is ready."""
        read_end, write_end = os.pipe()
        argv = argv or self.argv("--idle-exit", "0", *args)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*argv, "--ready-fd", str(write_end)],
                                            env={**self.env, **(env or {})}, stderr=log,
                                            pass_fds=[write_end], stdin=subprocess.DEVNULL, user=user,
                                            group=user)
        os.close(write_end)
        try:
            assert os.read(read_end, 2) == b"1", self.log.read_text()
        finally:
            os.close(read_end)
        return self

    def run(self, *args, timeout=START_TIMEOUT, env=None, argv=None):
        """A bitsd that is expected to end by itself."""
        return subprocess.run(argv or self.argv(*args), env={**self.env, **(env or {})}, text=True,
                              capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def connect(self, **kwargs):
        c = dbus_wire.Connection(self.socket, **kwargs)
        self.connections.append(c)
        return c

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self, timeout=START_TIMEOUT):
        status = self.process.wait(timeout)
        self.process = None
        return status

    def rss_kib(self):
        return self.field("VmRSS")

    def wakeups(self):
        return self.field("voluntary_ctxt_switches")

    def cpu_seconds(self):
        pid = self.process.pid
        return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9

    def field(self, key):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise KeyError(key)

    def log_text(self):
        return self.log.read_text() if self.log.exists() else ""

    def close(self):
        for c in self.connections:
            c.close()
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            status = self.stop()
            assert status == 0, f"exit status {status}\n{self.log_text()}"
        assert "Sanitizer" not in self.log_text(), self.log_text()
        assert "runtime error" not in self.log_text(), self.log_text()


@pytest.fixture
def tmp_path():
    """pytest's own one is cleaned by whichever run comes later; several may be under way."""
    with tempfile.TemporaryDirectory(prefix="test-bitsd-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def place(tmp_path):
    """Not started yet."""
    (tmp_path / "run").mkdir(mode=0o700)
    s = Service(tmp_path)
    yield s
    s.close()


@pytest.fixture
def service(place):
    return place.start()


@pytest.fixture
def client(service):
    return service.connect()


def wait_until(condition, what, seconds=START_TIMEOUT):
    """Polls; no test depends on how long it takes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.005)
