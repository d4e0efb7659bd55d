# SPDX-License-Identifier: Apache-2.0
"""Uploads of the real bitsd and its worker under a fault, to a real bitssrv and an application without faults:
one with a reply, from CreateJob to Complete, and one that is cancelled while its application fails. What must
hold is what service.py says, and that each upload arrives once, whole, and has its own reply."""
import contextlib
import hashlib
import os

from bad_server import content

import service
from service import BG_E_INVALID_STATE, FOREGROUND, TRANSFERRED, Broken, CallError, Given
from upload_server import CONFIG, server_parts

UPLOAD, UPLOAD_REPLY = 1, 2
SIZE, DOOMED = 150_000, b"doomed"
BG_E_HTTP_ERROR_500 = 0x801901F4


def reply_to(data):
    return b"reply to " + hashlib.sha256(data).hexdigest().encode()


class Rig(service.Rig):
    def __init__(self, place, build, shim, extra_env=None):
        super().__init__(place, build, shim, extra_env)
        parts = server_parts()
        self.sources = place / "sources"
        self.sources.mkdir()
        self.keys = {}  # of a body: the sessions that brought it
        self.app = parts.Application(self.answer)
        os.environ["BITSSRV"] = str(build / "src/server/bitssrv")
        (place / "server").mkdir()
        self.server = parts.Server(place / "server")
        self.server.start(config=CONFIG.format(url=self.app.url))

    def answer(self, call):
        if call.body == DOOMED:
            return 500, {}, b""
        self.keys.setdefault(call.body, set()).add(call["Idempotency-Key"])
        return 200, {"BITS-Copy-File-To-Destination": "1"}, reply_to(call.body)

    def close(self):
        try:
            super().close()
        finally:
            self.server.kill()
            self.app.close()

    def page(self, program):
        return {"bitsd-upload": self.bitsd, "worker-upload": self.worker}[program]

    # ---- an upload ----

    def url(self, name):
        host, port = self.server.address()
        return f"http://{host}:{port}/{name}"

    def source(self, name, data):
        path = self.sources / name
        if not path.exists():
            path.write_bytes(data)
        return str(path)

    def data(self, serial):
        return content(f"u{serial}", SIZE)

    def at(self, serial, n, size):
        name = f"u{serial}"
        return self.url(name), self.source(name, self.data(serial))

    def reply_name(self, serial):
        return str(self.out / f"u{serial}.reply")

    def life(self):
        self.serial += 1
        c = self.step("connect", self.connect)
        with contextlib.closing(c):
            job = self.step("CreateJob", lambda: c.create(f"job {self.serial}", UPLOAD_REPLY))
            self.acknowledged.add((job, self.serial))
            self.prepare(c, job, self.at(self.serial, 0, SIZE), self.reply_name(self.serial))
            self.wait_state(c, job, [TRANSFERRED])
            if os.path.exists(self.reply_name(self.serial)):
                raise Broken("a reply is seen before Complete")
            said = self.step("ReplyData", lambda: c.call("ReplyData", "ay", job))
            self.check_reply_data(said)
            self.step("Complete", lambda: self.end(c, "Complete", job))
            self.check_files(self.serial)
            self.cancel_one(c)

    def prepare(self, c, job, file, reply=None):
        self.step("SetPriority", lambda: c.call("SetPriority", "ayu", job, FOREGROUND))
        if reply:
            self.step("SetReplyName", lambda: c.call("SetReplyName", "aybs", job, True, reply))
        self.step("AddFiles", lambda: c.add(job, file))
        self.step("Watch", lambda: c.call("Watch", "bay", True, job))
        self.step("Resume", lambda: c.call("Resume", "ay", job))

    def check_reply_data(self, said):
        hr, size, data = said
        if hr != 0:
            raise Given("ReplyData", hr)
        if bytes(data) != reply_to(self.data(self.serial)) or size != len(data):
            raise Broken("GetReplyData gives other bytes")

    def cancel_one(self, c):
        """Its session is open: the server is told."""
        doomed = self.step("CreateJob", lambda: c.create("doomed", UPLOAD))
        self.acknowledged.add((doomed, None))
        self.prepare(c, doomed, (self.url("doomed"), self.source("doomed", DOOMED)))
        try:
            self.wait_state(c, doomed, [])
        except Given as g:
            if g.code != BG_E_HTTP_ERROR_500:
                raise
        self.step("Cancel", lambda: self.end(c, "Cancel", doomed))

    def check_files(self, serial):
        name, data = f"u{serial}", self.data(serial)
        served, reply = self.server.root / name, self.out / f"{name}.reply"
        if not served.exists() or served.read_bytes() != data:
            raise Broken(f"{name} arrived with wrong bytes, or not")
        if not reply.exists() or reply.read_bytes() != reply_to(data):
            raise Broken(f"the reply of {name} has wrong bytes, or is not there")
        if len(self.keys[data]) != 1:
            raise Broken(f"{name} arrived {len(self.keys[data])} times")
        if (self.sources / name).read_bytes() != data:
            raise Broken(f"the source of {name} was touched")
        served.unlink()
        reply.unlink()
        (self.sources / name).unlink()

    # ---- what must hold when the fault is gone ----

    def finish(self):
        super().finish()
        if self.server.process.poll() is not None:
            raise Broken("bitssrv died")
        if self.server.files():
            raise Broken(f"left in the served directory: {self.server.files()}")

    def restart(self):
        for p in [*self.server.root.iterdir(), *self.sources.iterdir()]:
            p.unlink()
        super().restart()

    def bring_to_end(self, c, job, serial):
        if serial is None:
            self.plainly(c, "Cancel", job)
            return
        if c.read(job)["state"] != TRANSFERRED:
            try:
                c.call("SetReplyName", "aybs", job, True, self.reply_name(serial))
            except CallError as e:
                if e.code != BG_E_INVALID_STATE:  # it is there, or comes
                    raise Broken(f"without a fault, SetReplyName: {e}") from e
            if not c.files(job):
                c.add(job, self.at(serial, 0, SIZE))
        self.lead_to_end(c, job)
        self.plainly(c, "Complete", job)
        self.check_files(serial)
