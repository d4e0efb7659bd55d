# SPDX-License-Identifier: Apache-2.0
"""The real bitsd and its worker with the shim in them: a job's life under a fault, and what must hold
after it."""
import contextlib
import hashlib
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "daemon"), str(HERE.parent / "fakes")]
import dbus_wire  # noqa: E402
from dbus_wire import CallError, Closed  # noqa: E402
from bad_server import BadServer, content  # noqa: E402

from control import Control  # noqa: E402

QUEUED, CONNECTING, TRANSFERRING, SUSPENDED, ERROR, TRANSIENT, TRANSFERRED, ACKNOWLEDGED, CANCELLED = \
    range(9)
BG_E_NOT_FOUND, BG_E_INVALID_STATE = 0x80200001, 0x80200002
BG_S_UNABLE_TO_DELETE_FILES = 0x0020001A
FOREGROUND, PATIENCE = 0, 20
SIZES = [70_000, 1]


class Broken(AssertionError):
    """What was promised did not hold."""


class Given(Exception):
    """The fault was answered with an error: the attempt is over. `code` may be None (hung up)."""

    def __init__(self, step, code):
        said = "hung up" if code is None else f"{code:#x}" if isinstance(code, int) else code
        super().__init__(f"{step}: {said}")
        self.step, self.code = step, code


def until(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise Broken(f"waited {seconds} s for {what}")
        time.sleep(0.002)
    return value


def descriptors(pid):
    """What they are open on. Numbers of sockets and the like differ and do not count."""
    names = []
    with contextlib.suppress(OSError):  # a worker may end meanwhile
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                names.append(os.readlink(f"/proc/{pid}/fd/{entry}").split(":[")[0])
    return sorted(names)


class Rig:
    """One bitsd on directories of its own, and a web server without faults."""

    def __init__(self, place, build, shim, extra_env=None):
        self.place, self.build = place, build
        self.out, self.pages = place / "out", place / "pages"
        for directory in (self.out, self.pages):
            directory.mkdir()
        (place / "run").mkdir(mode=0o700)
        self.socket, self.state, self.log = place / "run/socket", place / "state", place / "log"
        self.bitsd = Control(self.pages, "bitsd")
        self.worker = Control(self.pages, "bitsd-worker")
        self.programs = {"bitsd": build / "src/daemon/bitsd",
                         "bitsd-worker": build / "src/transfer/bitsd-worker"}
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("BITSD_S", "XDG_"))}
        # The shim itself has a library loaded, to say where a call came from.
        self.env["LSAN_OPTIONS"] = f"suppressions={HERE}/leaks.txt:print_suppressions=0"
        self.env.update(HOME=str(place), XDG_CONFIG_HOME=str(place), TMPDIR=str(place),
                        LD_PRELOAD=str(shim), FAULT_DIR=str(self.pages), BITSD_WORKER_SANDBOX="off",
                        **(extra_env or {}))
        self.web = BadServer().__enter__()
        self.process, self.serial, self.acknowledged = None, 0, set()
        self.patience = PATIENCE

    # ---- the process ----

    def start(self, must=True):
        """False when it says that it cannot, which only a fault may make it do."""
        read_end, write_end = os.pipe()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.programs["bitsd"], "--socket", self.socket, "--state-dir", self.state,
                 "--idle-exit", "0", "--log-level", "err", "--ready-fd", str(write_end)],
                env=self.env, stderr=log, pass_fds=[write_end], stdin=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as ready:
            said = ready.read(1)
        if said == b"1":
            return True
        status = self.process.wait(PATIENCE)
        self.process = None
        if must or status < 0 or status > 127:
            raise Broken(f"bitsd did not start: status {status}\n{self.tail()}")
        return False

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.process = None
        if status != 0:
            raise Broken(f"bitsd left with status {status}\n{self.tail()}")
        self.check_log()

    def close(self):
        try:
            for page in (self.bitsd, self.worker):
                page.disarm()
        finally:
            if self.process:
                self.process.kill()
                self.process.wait()
            self.web.__exit__(None, None, None)

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def check_log(self):
        text = self.log.read_text(errors="replace")
        if "Sanitizer" in text or "runtime error" in text or "assertion" in text.lower():
            raise Broken(text[-6000:])

    def workers(self):
        pid = self.process.pid
        with contextlib.suppress(OSError):
            return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def open_files(self):
        """What bitsd and its worker have open."""
        return [descriptors(self.process.pid)] + [descriptors(k) for k in self.workers()]

    def page(self, program):
        return {"bitsd": self.bitsd, "restart": self.bitsd, "worker": self.worker}[program]

    def restart(self):
        """With nothing of the past."""
        self.acknowledged.clear()
        if self.process:
            self.process.kill()
            self.process.wait()
        for p in [*self.out.iterdir(), *self.state.glob("queue.db*")]:
            p.unlink()
        self.log.write_text("")
        self.start()

    def again(self):
        """Stops, and starts with the fault: it may refuse, but then another start finds everything."""
        self.serial += 1
        with contextlib.closing(self.connect()) as c:
            for _ in range(2):
                job = c.create(f"job {self.serial}")
                c.add(job, self.file(0, SIZES[0]), self.file(1, SIZES[1]))
                self.acknowledged.add((job, self.serial))
                self.serial += 1
        self.stop()

    def check_alive(self):
        if self.process.poll() is not None:
            status, self.process = self.process.returncode, None
            raise Broken(f"bitsd died of it: status {status}\n{self.tail()}")

    # ---- a job ----

    def connect(self):
        try:
            return dbus_wire.Connection(self.socket, timeout=self.patience)
        except AssertionError as e:  # the handshake was refused
            raise Closed from e

    def file(self, n, size):
        name = f"{self.serial}-{n}"
        return self.web.url(f"/{name}", size=size, seed=name), str(self.out / name)

    def step(self, name, call):
        """An error that is ours ends the attempt, a connection that ends does, too."""
        try:
            return call()
        except CallError as e:
            raise Given(name, e.code if e.code is not None else e.name) from e
        except (Closed, OSError) as e:
            if isinstance(e, TimeoutError):
                self.give_up(f"{name}: no answer")
            raise Given(name, None) from e

    def give_up(self, what):
        """As long as nothing can be stored, a change may wait; else nothing may take so long."""
        if self.patience == PATIENCE:
            raise Broken(what)
        raise Given(what, None)

    def wait_state(self, c, job, wanted):
        """Ends at once when something goes wrong instead."""
        end = time.monotonic() + self.patience
        while True:
            info = self.step("ReadJob", lambda: c.read(job))
            if info["state"] in wanted:
                return info
            if info["state"] in (ERROR, TRANSIENT):
                raise Given("the transfer", info["error_code"])
            if time.monotonic() > end:
                self.give_up(f"the job stays {info['state']}, why {info['why']}")
            self.step("Watch", lambda: c.next_event(0.25))

    def life(self):
        """Everything that a download goes through. What was acknowledged is remembered."""
        self.serial += 1
        c = self.step("connect", self.connect)
        with contextlib.closing(c):
            job = self.step("CreateJob", lambda: c.create(f"job {self.serial}"))
            self.acknowledged.add((job, self.serial))
            self.step("SetPriority", lambda: c.call("SetPriority", "ayu", job, FOREGROUND))
            self.step("SetDescription", lambda: c.call("SetDescription", "ays", job, "x" * 300))
            self.step("AddFiles", lambda: c.add(job, *(self.file(n, s) for n, s in enumerate(SIZES))))
            self.step("Watch", lambda: c.call("Watch", "bay", True, job))
            self.step("Resume", lambda: c.call("Resume", "ay", job))
            self.wait_state(c, job, [TRANSFERRED])
            if any(not p.name.startswith(".") for p in self.out.glob(f"*{self.serial}-*")):
                raise Broken("a file is seen before Complete")
            self.step("Complete", lambda: self.end(c, "Complete", job))
            self.check_files(self.serial)
            doomed = self.step("CreateJob", lambda: c.create("doomed"))
            self.acknowledged.add((doomed, None))
            self.step("AddFiles", lambda: c.add(doomed, self.file(9, 5)))
            self.step("ListFiles", lambda: c.files(doomed))
            self.step("SetPriority", lambda: c.call("SetPriority", "ayu", doomed, FOREGROUND))
            self.step("Watch", lambda: c.call("Watch", "bay", True, doomed))
            self.step("Resume", lambda: c.call("Resume", "ay", doomed))
            self.wait_state(c, doomed, [TRANSFERRED])
            self.step("Cancel", lambda: self.end(c, "Cancel", doomed))

    def end(self, c, how, job):
        hr = c.call(how, "ay", job)
        if hr not in (0, BG_S_UNABLE_TO_DELETE_FILES if how == "Cancel" else 0):
            raise Given(how, hr)
        if hr:  # said so, and may leave what it could not remove
            for p in self.out.glob(".*"):
                p.unlink()
        self.acknowledged = {a for a in self.acknowledged if a[0] != job}

    def check_files(self, serial):
        for n, size in enumerate(SIZES):
            path = self.out / f"{serial}-{n}"
            if not path.exists() or path.read_bytes() != content(f"{serial}-{n}", size):
                raise Broken(f"{path.name} has wrong bytes")
            path.unlink()

    # ---- what must hold when the fault is gone ----

    def finish(self):
        """Every acknowledged job is there and can be brought to its end; nothing is left over."""
        self.check_alive()
        self.patience = PATIENCE
        with contextlib.closing(self.connect()) as c:
            jobs = {j["id"]: j for j in c.list()}
            for job, serial in sorted(self.acknowledged, key=str):
                if job not in jobs:
                    state = c.read(job)["state"]
                    if state not in (ACKNOWLEDGED, CANCELLED):  # ended, but the answer was lost
                        raise Broken(f"job {serial} is lost")
                    if serial and state == ACKNOWLEDGED:
                        self.check_files(serial)
            for job in jobs:
                serials = {s for j, s in self.acknowledged if j == job and s}
                self.bring_to_end(c, job, serials.pop() if serials else None)
            if c.list():
                raise Broken("jobs are left")
        self.acknowledged.clear()
        until(lambda: not os.listdir(self.out), f"the end of {os.listdir(self.out)}")

    def bring_to_end(self, c, job, serial):
        if serial is None:
            self.plainly(c, "Cancel", job)
            return
        have = {f["local"] for f in c.files(job)}
        wanted = [self.at(serial, n, s) for n, s in enumerate(SIZES)]
        if have and have != {local for _, local in wanted}:
            raise Broken(f"some of the files were added: {have}")
        if not have:
            c.add(job, *wanted)
        self.lead_to_end(c, job)
        self.plainly(c, "Complete", job)
        self.check_files(serial)

    def lead_to_end(self, c, job):
        """Until it is transferred."""
        c.call("Watch", "bay", True, job)
        for attempt in range(60):
            state = c.read(job)["state"]
            if state == TRANSFERRED:
                break
            if state in (SUSPENDED, ERROR, TRANSIENT):
                try:
                    c.call("SetPriority", "ayu", job, FOREGROUND)
                    c.call("Resume", "ay", job)
                except CallError as e:
                    if e.code != BG_E_INVALID_STATE:  # it moved meanwhile
                        raise Broken(f"without a fault, Resume: {e}") from e
            with contextlib.suppress(Given):
                self.wait_state(c, job, [TRANSFERRED])

    def at(self, serial, n, size):
        name = f"{serial}-{n}"
        return self.web.url(f"/{name}", size=size, seed=name), str(self.out / name)

    def plainly(self, c, how, job):
        try:
            hr = c.call(how, "ay", job)
        except CallError as e:
            if e.code != BG_E_INVALID_STATE:
                raise
            # The first call is still under way, and waited for the disk.
            ended = until(lambda: c.read(job)["state"] in (ACKNOWLEDGED, CANCELLED), f"the first {how}")
            hr = 0 if ended else None
        if hr != 0:
            raise Broken(f"without a fault, {how}: {hr:#x}")

    def check_store(self):
        """On a copy: the service has it."""
        copy = self.place / "copy"
        copy.mkdir(exist_ok=True)
        for name in ("queue.db", "queue.db-wal"):
            (copy / name).unlink(missing_ok=True)
            if (self.state / name).exists():
                (copy / name).write_bytes((self.state / name).read_bytes())
        with contextlib.closing(sqlite3.connect(copy / "queue.db")) as db:
            said = db.execute("PRAGMA integrity_check").fetchall()
        if said != [("ok",)]:
            raise Broken(f"the store: {said}")
        aside = [p.name for p in self.state.iterdir() if "corrupt" in p.name]
        if aside:
            raise Broken(f"a sound store was set aside: {aside}")
