# SPDX-License-Identifier: Apache-2.0
"""The real bitssrv with the shim in it: an upload with a reply under a fault, and what must hold after
it."""
import contextlib
import importlib.util
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "server"))
from wire import BG_E_SESSION_NOT_FOUND, Closed, Wire  # noqa: E402

from control import Control  # noqa: E402
from service import Broken, Given, descriptors  # noqa: E402

CONFIG = """[site /]
Directory = ROOT
BITSUploadEnabled = 1
BITSServerNotificationType = 2
BITSServerNotificationURL = {url}
"""
DATA = bytes(range(251)) * 300
HALF = len(DATA) // 2
NO_CONTENT = (".new", ".link")
KEPT_ENDED = 3


def server_parts():
    spec = importlib.util.spec_from_file_location("server_parts", HERE.parent / "server/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Rig:
    """One bitssrv and the application behind it, which has no faults."""

    def __init__(self, place, build, shim):
        parts = server_parts()
        self.place, self.pages = place, place / "pages"
        self.pages.mkdir()
        self.control = Control(self.pages, "bitssrv")
        self.programs = {"bitssrv": build / "src/server/bitssrv"}
        os.environ["BITSSRV"] = str(self.programs["bitssrv"])
        self.env = {"LD_PRELOAD": str(shim), "FAULT_DIR": str(self.pages),
                    "LSAN_OPTIONS": f"suppressions={HERE}/leaks.txt:print_suppressions=0"}
        self.keys = {}
        self.app = parts.Application(self.answer)
        self.server = parts.Server(place)
        self.serial = self.lost_creates = 0
        self.session = self.name = self.reply_url = None
        self.closed, self.closing = True, False
        self.others = []  # sessions that wait to be closed

    def answer(self, call):
        self.keys.setdefault(call["Idempotency-Key"], call.body)
        if call.body != DATA:
            return 500, {}, b""
        return 200, {"BITS-Copy-File-To-Destination": "1"}, b"reply to " + call.body[:100]

    def start(self):
        self.server.start("--verbose", config=CONFIG.format(url=self.app.url), env=self.env)

    @property
    def pid(self):
        return self.server.process.pid

    def close(self):
        self.control.disarm()
        try:
            if self.server.process and self.server.process.poll() is None:
                self.server.process.kill()
            if self.server.process:
                self.server.process.wait(20)
                self.server.process.stdout.close()
        finally:
            self.app.close()

    def stop(self):
        self.server.stop()
        self.check_log()

    def check_log(self):
        text = self.server.log.read_text(errors="replace") if self.server.log.exists() else ""
        if "Sanitizer" in text or "runtime error" in text:
            raise Broken(text[-5000:])

    def check_alive(self):
        if self.server.process.poll() is not None:
            raise Broken(f"bitssrv died of it: status {self.server.process.returncode}\n"
                         f"{self.server.log.read_text()[-2000:]}")

    patience = 20

    def page(self, program):
        return self.control

    def restart(self):
        if self.server.process.poll() is None:
            self.server.process.kill()
        self.server.process.wait(20)
        self.server.process.stdout.close()
        for p in [*self.server.root.iterdir(), *self.server.sessions.iterdir()]:
            if p.is_dir():
                shutil.rmtree(p)
            else:
                p.unlink()
        self.server.log.write_text("")
        self.lost_creates, self.others = 0, []
        self.start()

    def check_store(self):
        pass

    def open_files(self):
        return [descriptors(self.pid)]

    def step(self, name, call, good=(200,)):
        try:
            answer = call()
        except (Closed, ConnectionError) as e:
            raise Given(name, None) from e
        except OSError as e:
            raise Broken(f"{name}: no answer") from e
        if answer.status not in good:
            code = answer["BITS-Error-Code"]
            raise Given(name, int(code, 16) if code else f"status {answer.status}")
        return answer

    def connect(self):
        try:
            return Wire(self.server.address())
        except ConnectionError as e:
            raise Given("connect", None) from e

    def life(self):
        self.serial += 1
        self.name, self.session, self.reply_url, self.closed = f"f{self.serial}", None, None, False
        self.closing = False
        with contextlib.closing(self.connect()) as wire:
            self.step("Ping", lambda: wire.ping("/" + self.name))
            self.whole(wire)
            self.look(wire)

    def whole(self, wire):
        target = "/" + self.name
        if not self.session:
            self.lost_creates += 1
            self.session = self.step("Create-Session", lambda: wire.create(target))["BITS-Session-Id"]
            self.lost_creates -= 1
        if self.closing:  # nobody asks again once the answer to it may be lost
            self.step("Close-Session", lambda: wire.close_session(target, self.session))
            self.closed = True
            return
        at = 0
        while at < len(DATA) or self.reply_url is None:
            first = min(at, HALF) if at >= len(DATA) else at
            part = DATA[first:first + HALF]
            answer = self.step("Fragment", lambda: wire.fragment(target, self.session, first, part,
                                                                 len(DATA)), (200, 416))
            if answer.received is None or answer.received < 0:
                raise Broken(f"an Ack without a place: {answer}")
            at = answer.received
            self.reply_url = answer["BITS-Reply-URL"] or self.reply_url
        answer = self.step("reply", lambda: wire.get(self.reply_url))
        if answer.body != b"reply to " + DATA[:100]:
            raise Broken("another reply")
        self.closing = True
        self.step("Close-Session", lambda: wire.close_session(target, self.session))
        self.closed = True

    def look(self, wire):
        answer = self.step("GET", lambda: wire.get("/" + self.name, [("Range", "bytes=5-1004")]), (206,))
        if answer.body != DATA[5:1005]:
            raise Broken("GET gives other bytes")

    def stop_with_sessions(self):
        """Stopped in the middle: one session has half of its file, one has all and was not closed."""
        self.serial += 1
        self.name, self.reply_url, self.closed, self.closing = f"f{self.serial}", None, False, False
        with contextlib.closing(self.connect()) as wire:
            other = wire.create("/other")["BITS-Session-Id"]
            if wire.fragment("/other", other, 0, DATA, len(DATA)).status != 200:
                raise Broken("without a fault: no upload")
            self.others.append(other)
            self.session = wire.create("/" + self.name)["BITS-Session-Id"]
            wire.fragment("/" + self.name, self.session, 0, DATA[:HALF], len(DATA))
        self.server.stop()
        self.forget_ended()

    def forget_ended(self):
        """All but a few: with more of them after each run a start would never be through its calls."""
        open_ones = {s.strip("{}").replace("-", "").lower() for s in [self.session, *self.others]}
        ended = sorted(p for p in self.server.sessions.glob("*.state") if p.stem not in open_ones)
        for p in ended[KEPT_ENDED:]:
            p.unlink()

    def start_again(self):
        """False: it said that it cannot."""
        try:
            self.server.again()
        except AssertionError as e:
            status = self.server.process.returncode
            if status < 0 or status > 127:
                raise Broken(f"bitssrv did not start: status {status}\n{e}") from e
            return False
        return True

    def close_others(self):
        """The sessions that had everything: known, and with their replies."""
        while self.others:
            session = self.others[-1]
            with contextlib.closing(self.connect()) as wire:
                again = self.step("Fragment", lambda: wire.fragment("/other", session, 0, DATA, len(DATA)))
                if wire.get(again["BITS-Reply-URL"]).body != b"reply to " + DATA[:100]:
                    raise Broken("a reply is lost over a start")
                self.step("Close-Session", lambda: wire.close_session("/other", session))
            self.others.pop()
        (self.server.root / "other").unlink(missing_ok=True)

    def finish(self):
        """Goes on where the server says, as a client does; then the file is there, and nothing else."""
        self.check_alive()
        for _ in range(3):
            if self.closed:
                break
            try:
                with contextlib.closing(self.connect()) as wire:
                    self.whole(wire)
            except Given as g:
                if g.code == int(BG_E_SESSION_NOT_FOUND, 16) and g.step != "Close-Session":
                    raise Broken(f"an acknowledged session is lost: {g}") from g
                if g.step == "Close-Session" and g.code == int(BG_E_SESSION_NOT_FOUND, 16):
                    self.closed = True
                last = g
        if not self.closed:
            raise Broken(f"without a fault: {last}")
        path = self.server.root / self.name
        if not path.exists() or path.read_bytes() != DATA:
            raise Broken("the file has wrong bytes")
        with contextlib.closing(self.connect()) as wire:
            self.look(wire)
        path.unlink()
        self.close_others()
        self.check_left()

    def check_left(self, once_more=False):
        left = [p.name for p in self.server.sessions.iterdir()
                if p.suffix in NO_CONTENT or (p.suffix == ".data" and p.stat().st_size)]
        empty = [p for p in self.server.sessions.iterdir() if p.suffix == ".data"]
        if (left or len(empty) > self.lost_creates) and not once_more:
            self.server.stop()  # what could not be removed is, by the next start
            self.server.again()
            self.check_left(True)
        elif left or len(empty) > self.lost_creates:
            raise Broken(f"left in the session directory: {left} {len(empty)}")
        seen = self.server.files()
        if seen:
            raise Broken(f"left in the served directory: {seen}")
