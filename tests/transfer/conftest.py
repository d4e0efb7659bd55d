# SPDX-License-Identifier: Apache-2.0
"""The driver of transfer_driver.c as an object, and servers that misbehave."""
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import urllib.parse
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fakes"))
from auth_server import AuthServer  # noqa: E402
from bad_bits_server import BadBitsServer  # noqa: E402
from bad_server import BadServer, content  # noqa: E402
from free_port import free_port  # noqa: E402

ENDS = {"done", "failed", "stopped", "refused"}
EVENT_SEC = 20
K = 1024
UPLOAD, UPLOAD_REPLY = 1, 2
SERVER, PROXY = 1, 2
BASIC, DIGEST, NTLM, NEGOTIATE, PASSPORT = 1, 2, 3, 4, 5


def sealed(user, password):
    """What the driver can open, and nobody finds in its memory before."""
    return None if user is None else bytes(b ^ 0x5a for b in f"{user}\0{password}".encode()).hex()


class Driver:
    def __init__(self, *options, env=None, pass_fds=(), stderr=None):
        command = [os.environ["TRANSFER_DRIVER"], "--worker", os.environ["BITSD_WORKER"],
                   *map(str, options)]
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        clean |= {"KRB5_CONFIG": "/dev/null", "KRB5CCNAME": "FILE:/dev/null"}  # no realm of the machine
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**clean, **(env or {})}, pass_fds=pass_fds,
                                        stderr=stderr)
        self.events = queue.Queue()
        self.op = 0
        self.index = 0
        self.job_id = str(uuid.uuid4())
        threading.Thread(target=self.read, daemon=True).start()
        self.tell("job", id=self.job_id)

    def read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put(None)

    def tell(self, verb, **words):
        quoted = "".join(f" {k}={urllib.parse.quote(str(v), safe='')}" for k, v in words.items()
                         if v is not None)
        self.process.stdin.write(verb + quoted + "\n")
        self.process.stdin.flush()

    def event(self, timeout=EVENT_SEC):
        event = self.events.get(timeout=timeout)
        assert event is not None, "the driver ended"
        return event

    def wait(self, *kinds, op=None):
        """Events up to the first of these kinds (of that operation)."""
        seen = []
        while True:
            seen.append(self.event())
            if seen[-1]["event"] in kinds and op in (None, seen[-1].get("op")):
                return seen

    def job(self, creds=(), **props):
        """creds: (target, scheme, user, password) each; user None: implicit."""
        self.index = 0
        self.tell("job", id=self.job_id, **props)
        for target, scheme, user, password in creds:
            self.tell("cred", target=target, scheme=scheme, sealed=sealed(user, password))

    def file(self, url, local, **state):
        self.tell("file", index=self.index, url=url, local=local, **state)
        self.index += 1
        return self.index - 1

    def start(self, index=0):
        self.op += 1
        self.tell("start", op=self.op, index=index)
        return self.op

    def fetch(self, url, local, kept=None, **props):
        """A job of one file, from what an earlier fetch has kept; a Result."""
        self.job(**props)
        self.file(url, local, **(kept.as_words() if kept else {}))
        return Result(self.wait(*ENDS, op=self.start()))

    def fetch_stopped(self, url, local, kept=None):
        """Stops the fetch as soon as bytes are reported."""
        self.job()
        self.file(url, local, **(kept.as_words() if kept else {}))
        op = self.start()
        seen = self.wait("progress", "failed", "done", op=op)
        self.tell("stop", op=op)
        return Result(seen + self.wait("stopped", op=op))

    def bulk(self, verb):
        self.op += 1
        self.tell(verb, op=self.op)
        last = {"sync": "synced", "publish": "published", "discard": "discarded"}[verb]
        return self.wait(last, op=self.op)

    def worker_pid(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = children.read_text().split()
        return int(pids[0]) if pids else None

    def close(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
            assert self.process.wait(timeout=EVENT_SEC) == 0
        self.process.stdout.close()


class Result:
    """How a fetch ended, and what an engine would remember of it."""

    def __init__(self, events):
        self.events = events
        self.last = events[-1]
        self.kinds = [e["event"] for e in events]
        self.kept = Kept()
        for event in events:
            self.kept.note(event)

    def __getattr__(self, name):
        return self.last[name]


class Kept:
    def __init__(self, **values):
        self.size = self.etag = self.modified = None
        self.done = self.synced = 0
        self.__dict__.update(values)

    def note(self, event):
        if event["event"] in ("meta", "done"):
            self.size, self.etag, self.modified = event["size"], event["etag"], event["modified"]
        if event["event"] not in ("connected", "refused") and event["file"] == 0:
            self.done, self.synced = event["done"], event["synced"]

    def as_words(self):
        return {"size": self.size, "etag": self.etag, "modified": self.modified, "done": self.done,
                "synced": self.synced}


def temporaries(directory):
    return sorted(p for p in directory.iterdir() if p.name.startswith(".BIT"))


@pytest.fixture
def drivers():
    made = []

    def make(*options, **more):
        made.append(Driver(*options, **more))
        return made[-1]

    yield make
    for driver in made:
        driver.close()


@pytest.fixture
def driver(drivers):
    return drivers("--stall-timeout-sec", 2, "--connect-timeout-sec", 5)


@pytest.fixture
def server():
    with BadServer() as s:
        yield s


@pytest.fixture
def out(tmp_path):
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


@pytest.fixture
def unused_port():
    return free_port()


@pytest.fixture
def auth_server():
    """Makes servers (proxy=True: proxies) that want to know who is there."""
    made = []

    def make(accounts=None, **rules):
        made.append(AuthServer(accounts, **rules).__enter__())
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def bits_server():
    with BadBitsServer() as s:
        yield s


@pytest.fixture
def bits_driver(drivers):
    return drivers("--stall-timeout-sec", 2, "--connect-timeout-sec", 5, "--upload-send-timeout-sec", 2,
                   "--upload-response-timeout-sec", 2, "--upload-fragment-bytes", 64 * K)


@pytest.fixture
def source(tmp_path):
    def make(size=200 * K, seed="u"):
        path = tmp_path / "source.bin"
        path.write_bytes(content(seed, size))
        return path
    return make


def begin(driver, url, path, kind=UPLOAD, creds=(), **props):
    driver.job(creds, type=kind, **props)
    driver.file(url, path)
    return driver.start()


def upload(driver, url, path, kind=UPLOAD, **props):
    return Result(driver.wait(*ENDS, op=begin(driver, url, path, kind, **props)))


def again(driver):
    """Another attempt of the same job, with what the events so far have brought."""
    return Result(driver.wait(*ENDS, op=driver.start()))
