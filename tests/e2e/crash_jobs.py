# SPDX-License-Identifier: Apache-2.0
"""One job on its way through clients that may die: what was called, what the client was told, what must
be so therefore. What a dead client was told nobody knows; then the queue says, and both answers are
allowed, but only these two."""
import subprocess
import time

from conftest import bad_content
from faults import reply_to

SIZES = [0, 1, 4096, 100_000, 600_000, 1_500_000]
RATE = 2 << 20  # bytes a second of a download
TYPES = {"down": "download", "up": "upload", "ask": "upload-reply"}


class Job:
    def __init__(self, world, number):
        dice = world.dice
        self.world, self.name = world, f"job-{number}"
        self.kind = dice.choice(["down", "down", "up", "ask", "ask"])
        self.auto = dice.random() < 0.15
        self.end = "cancel" if not self.auto and dice.random() < 0.3 else "complete"
        self.program = not self.auto and dice.random() < 0.3
        self.id = self.client = None
        self.stage, self.calls = "create", 0
        self.ready_at = None
        self.excused = self.asked = self.may_appear = self.completed = False
        self.files = self.make_files(dice)
        options = ["--type", TYPES[self.kind], "--priority", "foreground", "--retry-delay", "5"]
        options += ["--reply", f"{world.out}/{self.name}.reply"] if self.kind == "ask" else []
        options += ["--auto-complete"] if self.auto else []
        self.todo = [("create", ["create", "-q", self.name, *options])]
        self.todo += [("add", ["add", "-q", None, url, path]) for url, path in self.files]
        if self.program:
            self.todo.append(("program", ["notify", "-q", None, "--program", str(world.program)]))
        self.todo.append(("resume", ["resume", "-q", None]))

    def make_files(self, dice):
        world = self.world
        if self.kind == "down":
            files = []
            for n in range(dice.choice([1, 1, 2, 4])):
                name, size = f"{self.name}.{n}", dice.choice(SIZES)
                world.expect(world.out, name, self, bad_content(name, size))
                files.append((world.web.url(f"/{name}", size=size, seed=name, rate=round(RATE / world.slowness)), f"{world.out}/{name}"))
            return files
        self.body = dice.randbytes(dice.choice(SIZES[1:] if self.kind == "ask" else SIZES))
        source = world.sources / self.name
        source.write_bytes(self.body)
        world.expect(world.server.place / self.kind, self.name, self, self.body)
        if self.kind == "ask":
            world.expect(world.out, f"{self.name}.reply", self, reply_to(self.body))
        return [(f"{world.server.url}/{self.kind}/{self.name}", str(source))]

    # ---- calls ----

    def start(self, stage, args):
        self.stage, self.excused = stage, False
        self.client = self.world.ctl.popen(*[self.id if a is None else a for a in args],
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self

    def submit(self, wait=False):
        """The next call that makes the job; its answer is taken by step()."""
        if wait and self.client:
            self.client.wait(60)
        if self.client and self.client.poll() is not None:
            self.take_answer()
        if not self.client and self.calls < len(self.todo):
            self.may_appear = self.auto
            self.start(*self.todo[self.calls])

    def can(self, phase):
        return self.end == phase and not self.client and not self.auto and \
            self.stage in (("ready",) if phase == "complete" else ("run", "ready"))

    def finish(self, how=None):
        if self.client:
            return self  # somebody reads its reply
        how = how or self.end
        self.may_appear = self.completed = how == "complete"
        return self.start(how, [how, "-q", *(["--yes"] if how == "cancel" else []), None])

    def read_reply(self):
        """Stays "ready" meanwhile."""
        self.start("ready", ["reply", None])
        return self

    def take_answer(self):
        client, self.client = self.client, None
        out, err = client.communicate()
        told = client.returncode == 0
        # Who asks again while a Complete or Cancel goes on that died with its client is told that it may not.
        waits = self.asked and "BG_E_INVALID_STATE" in err
        if not told and not self.excused and not waits:
            self.wrong(f"{self.stage} failed for no reason: {client.returncode} {err}")
        if not told:
            self.world.uncertain += 1
        {"create": self.after_create, "add": self.after_add, "program": self.after_program,
         "resume": self.after_resume, "ready": self.after_reply,
         "complete": self.after_end, "cancel": self.after_end}[self.stage](told, out)

    def shown(self):
        """As the queue is now."""
        found = [j for j in self.world.ctl.json("list")["jobs"] if j["name"] == self.name]
        if len(found) > 1:
            self.wrong("doubled")
        return found[0] if found else None

    def after_create(self, told, out):
        shown = self.shown()
        if told and (not shown or shown["id"] != out.strip()):
            self.wrong(f"made as {out}, but the queue has {shown}")
        if told:
            self.id, self.calls = shown["id"], self.calls + 1
        elif shown:  # of several calls, some were made: nobody knows the job, and whoever looks may throw it away
            self.world.ctl.ok("cancel", "-q", "--yes", shown["id"])

    def after_add(self, told, _):
        number = len(self.world.ctl.json("files", self.id)["files"])
        if number != self.calls and (told or number != self.calls - 1):
            self.wrong(f"{number} files after {self.calls} calls")
        self.calls = number + 1

    def after_program(self, told, _):
        self.calls += 1 if told else 0  # said twice, it is the same

    def after_resume(self, told, _):
        shown = self.shown()
        gone = self.auto and not shown
        if told and not gone and shown["state_word"] == "suspended":
            self.wrong("resumed, but suspended")
        if told or gone or shown["state_word"] != "suspended":
            self.calls, self.stage = len(self.todo), "run"

    def after_reply(self, told, out):
        if told and out.encode() != reply_to(self.body):
            self.wrong("another reply")

    def after_end(self, told, _):
        shown = self.shown()
        if told and shown:
            self.wrong(f"{self.stage}, but the queue has {shown}")
        if not shown:
            self.stage = "gone"
            self.check_ended()
        else:
            self.asked = True
            self.finish(self.stage)

    # ---- its way ----

    def must_be_listed(self):
        return self.id and self.stage not in ("complete", "cancel", "gone") and \
            not (self.auto and self.stage in ("resume", "run"))

    def step(self, shown, told):
        if self.client:
            if self.client.poll() is not None:
                self.take_answer()
        elif self.calls < len(self.todo) and self.stage in ("create", "add", "program", "resume"):
            self.submit()
        elif self.stage == "run":
            self.go_on(shown, told)

    def go_on(self, shown, told):
        if not shown:
            # Of a job that completes itself; of another one, poll() has said so. It may be too new for the list.
            if self.auto and not self.shown():
                self.stage, self.completed = "gone", True
                self.check_ended()
        elif not self.auto and shown["state_word"] == "transferred" and (not self.program or self.id.strip("{}") in told):
            self.stage, self.ready_at = "ready", time.monotonic()
        elif shown["state_word"] == "retrying" and self.world.dice.random() < 0.3:
            self.world.ctl.run("resume", self.id)

    def phase(self, shown):
        """In which part of its way, for who wants to disturb it there."""
        if not shown or shown["state_word"] not in ("connecting", "transferring"):
            return None
        if self.kind == "down":
            return "download"
        return "reply" if self.world.app.arrived[self.name] else "upload"

    # ---- what must be so at its end ----

    def visible(self):
        """Names in the directory of downloads."""
        if not self.completed:
            return []
        return {"down": [f"{self.name}.{n}" for n in range(len(self.files))], "up": [],
                "ask": [f"{self.name}.reply"]}[self.kind]

    def check_ended(self):
        out, world = self.world.out, self.world
        for name in self.visible():
            if not (out / name).exists() or (out / name).read_bytes() != world.expected[out, name][1]:
                self.wrong(f"{name} is missing or wrong after Complete")
        if not self.completed and any(out.glob(f"{self.name}.*")):
            self.wrong("files of a cancelled job")
        if self.id and (hidden := [p.name for p in out.glob(f".BIT{self.id.strip('{}').replace('-', '')[:20]}*")]):
            self.wrong(f"temporary files stay: {hidden}")
        if self.kind != "down":
            self.check_sent()

    def check_sent(self):
        place = self.world.server.place / self.kind
        there = (place / self.name).exists()
        if self.completed and not there:
            self.wrong("not at the server")
        if there and (place / self.name).read_bytes() != self.body:
            self.wrong("wrong at the server")
        work = self.world.app.work[self.name]
        if self.kind == "ask" and (work > 1 or self.completed and work != 1):
            self.wrong(f"the application worked {work} times")

    def wrong(self, text):
        raise AssertionError(f"{self.name} ({self.kind}, {self.stage}): {text}")
