# SPDX-License-Identifier: Apache-2.0
"""A world in which programs die: jobs of all kinds go their way through bitsctl, bitsd, its worker and
bitssrv, while a die says who is killed (SIGKILL), in which phase and after how long. A ledger knows what
clients were told, and so what must be true. `tools/crash` runs it for long, test_crash.py for a minute."""
import collections
import json
import os
import pathlib
import random
import signal
import socket
import struct
import time

import crash_evidence
from conftest import Ctl
from crash_jobs import Job
from crash_migration import Migration
from crash_watch import Watcher
from faults import Application, Fate, Server

PATIENCE = float(os.environ.get("BITSD_CRASH_PATIENCE", 60))  # seconds
LOOKS_MIN = 200  # at the queue, however slow the machine is, before patience ends
LOOK_SEC = 0.25  # what one takes on a machine that has nothing else to do
SLOWNESS_MAX = 20
JOBS_AT_ONCE, READY_MAX = 10, 5
GIVEN_UP = 0x8007042B  # a job that too many workers died under

# phase, victim, weight. "client" is the bitsctl that makes the call the phase is about.
PLAN = [
    ("submit", "bitsd", 5), ("submit", "client", 5),
    ("download", "bitsd", 10), ("download", "worker", 8),
    ("upload", "bitsd", 8), ("upload", "worker", 6), ("upload", "bitssrv", 8),
    ("reply", "bitsd", 6), ("reply", "worker", 5), ("reply", "bitssrv", 6), ("reply", "client", 3),
    ("complete", "bitsd", 8), ("complete", "worker", 5), ("complete", "client", 5),
    ("cancel", "bitsd", 5), ("cancel", "worker", 4), ("cancel", "client", 4), ("cancel", "bitssrv", 4),
    ("program", "bitsd", 3), ("program", "program", 5),
    ("migration", "bitsd", 8),
]
# Longest delays. A call is over after some milliseconds, so most of its client's life is its start.
DELAY_MAX = {"submit": 0.015, "complete": 0.015, "cancel": 0.015, "program": 0.15, "client": 0.008}
DELAY_MAX_ELSE = 0.08

PROGRAM = """#!/bin/sh
echo > {place}/running/$BITS_JOB_ID.$$
sleep 0.3
echo $BITS_JOB_ID >> {place}/told
rm -f {place}/running/$BITS_JOB_ID.$$
"""


class SlowFate(Fate):
    """Connections that never break and are slow enough to be met on their way."""

    def __init__(self, world):
        super().__init__()
        self.world = world

    def share(self, way, data):
        time.sleep(0.008 * self.world.slowness)
        return data


class Fault(AssertionError):
    """What must not happen has."""


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


class World:
    def __init__(self, place, seed, web):
        self.place, self.web, self.dice = place, web, random.Random(seed)
        self.seed = seed
        self.ctl = Ctl(place)
        (place / "bitsd").mkdir()
        (place / "bitsd/bitsd.conf").write_text("[Service]\nLogLevel=debug\n")
        self.out, self.sources = place / "out", place / "sources"
        for path in (self.out, self.sources, place / "running"):
            path.mkdir()
        self.program = place / "program"
        self.program.write_text(PROGRAM.format(place=place))
        self.program.chmod(0o755)
        self.app = Application(random.Random(seed + 1))
        self.app.troubles = 0.03
        self.app.pause_sec = 0.15
        self.server = Server(place / "server", self.app.url)
        self.slowness = 1.0  # how much longer than LOOK_SEC a look took lately: transfers last as much longer
        self.server.line.fate = lambda: SlowFate(self)
        self.migration = Migration(place / "migration")
        self.jobs, self.ended, self.number = [], [], 0
        self.expected = {}  # (directory, name) -> (job, bytes)
        self.counts = collections.Counter()  # (directory, name) -> times it appeared
        self.tally = collections.Counter()  # (phase, victim) -> kills
        self.kills_of = collections.Counter()
        self.uncertain = self.orphans = 0
        self.listed = {}
        self.movement = crash_evidence.Movement()
        up, ask = self.server.place / "up", self.server.place / "ask"
        self.watcher = Watcher([self.out, up, ask], self.appeared)

    # ---- what is seen ----

    def appeared(self, place, name, data):
        self.counts[place, name] += 1
        job, wanted = self.expected.get((place, name), (None, None))
        if not job:
            return "nobody asked for it"
        if data != wanted:
            return f"seen with {len(data)} of {len(wanted)} bytes, or with others"
        if place == self.out and not job.may_appear:
            return "seen before Complete"
        return None

    def describe_jobs(self):
        return [crash_evidence.describe(j, self.listed.get(j.name), self.movement.still_sec(j)) for j in self.jobs]

    def account(self):
        """Of every job, and of the service, for who has no more than the message."""
        return "\n  ".join(self.describe_jobs() + crash_evidence.last_words(self.place / "state/log"))

    def expect(self, place, name, job, data):
        self.expected[place, name] = (job, data)

    def poll(self):
        """The queue as it is now, held against what clients were told."""
        before = {job.name for job in self.jobs if job.must_be_listed()}
        jobs = self.ctl.json("list")["jobs"]
        names = collections.Counter(j["name"] for j in jobs)
        if extra := [name for name, n in names.items() if n > 1]:
            raise Fault(f"doubled: {extra}")
        if lost := before - set(names):
            raise Fault(f"lost: {sorted(lost)}")
        if strangers := set(names) - {job.name for job in self.jobs}:
            raise Fault(f"jobs that had ended or were never made: {sorted(strangers)}")
        self.listed = {j["name"]: j for j in jobs}
        for job in self.jobs:
            self.movement.look(job, self.listed.get(job.name))
            self.check_error(self.listed.get(job.name))
        if self.watcher.faults:
            raise Fault("; ".join(self.watcher.faults))

    def check_error(self, shown):
        if not shown or shown["state_word"] != "error":
            return
        if int(shown["error"]["code"], 16) != GIVEN_UP or not self.kills_of["worker"]:
            raise Fault(f"a job failed: {json.dumps(shown)}")
        self.ctl.run("resume", shown["id"])

    def told(self):
        path = self.place / "told"
        return set(path.read_text().split()) if path.exists() else set()

    # ---- who can be killed ----

    def bitsd(self):
        """Its process id by the kernel's word on who listens; None when nobody does."""
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(self.ctl.env["BITSD_SOCKET"])
            except OSError:
                return None
            return struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def workers(self):
        pid = self.bitsd()
        try:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return [int(p) for p in children
                    if pathlib.Path(f"/proc/{p}/comm").read_text().startswith("bitsd-worker")]
        except OSError:
            return []

    def programs(self):
        return [int(p.name.rsplit(".", 1)[1]) for p in (self.place / "running").iterdir()]

    def hit(self, victim, job):
        """Whether there was somebody to kill."""
        if victim == "bitssrv":
            self.server.again()
            done = True
        elif victim == "client":
            done = job.client is not None and job.client.poll() is None and kill(job.client.pid)
        else:
            pids = {"bitsd": lambda: [self.bitsd()], "worker": self.workers, "program": self.programs}[victim]()
            done = bool(pids and pids[0] and kill(pids[0]))
            if victim == "program":
                for path in (self.place / "running").glob(f"*.{pids[0]}" if pids else "none"):
                    path.unlink(missing_ok=True)
        if done:
            self.kills_of[victim] += 1
        return done

    # ---- what happens ----

    def new_job(self):
        self.number += 1
        job = Job(self, self.number)
        self.jobs.append(job)
        return job

    def step(self):
        """Every job goes on, as far as it can by itself."""
        began = time.monotonic()
        self.poll()
        told = self.told()
        for job in list(self.jobs):
            job.step(self.listed.get(job.name), told)
        for job in [j for j in self.jobs if j.stage == "gone"]:
            self.jobs.remove(job)
            self.ended.append(job)
        slowness = 0.7 * self.slowness + 0.3 * (time.monotonic() - began) / LOOK_SEC
        self.slowness = min(max(slowness, 1.0), SLOWNESS_MAX)

    def top_up(self):
        while len(self.jobs) < JOBS_AT_ONCE:
            self.new_job().submit()
        ready = sorted((j for j in self.jobs if j.stage == "ready" and not j.client), key=lambda j: j.ready_at)
        # The newest ones stay: who waits for a ready job of some kind must see each of them.
        for job in ready[:-READY_MAX]:
            job.finish()

    def present(self, phase):
        """Jobs that are in that phase, as far as one can know."""
        if phase == "submit":
            return [j for j in self.jobs if j.stage in ("create", "add", "program", "resume")]
        if phase in ("complete", "cancel"):
            return [j for j in self.jobs if j.stage == phase]
        if phase == "program":
            return [j for j in self.jobs if j.program] if self.programs() else []
        return [j for j in self.jobs if j.stage == "run" and j.phase(self.listed.get(j.name)) == phase]

    def arrange(self, phase, victim):
        """Waits for the phase, or brings it about; the job it is about."""
        began, looks, changes = time.monotonic(), 0, self.movement.changes
        while looks < LOOKS_MIN or time.monotonic() < began + PATIENCE:
            looks += 1
            self.step()
            self.top_up()
            if phase == "submit":
                job = self.new_job()
                for _ in range(self.dice.randrange(3)):  # creates, adds or resumes when it is hit
                    job.submit(wait=True)
                job.submit()
                return job
            if phase == "reply" and victim == "client":
                jobs = [j for j in self.jobs if j.stage == "ready" and j.kind == "ask" and not j.client]
                if jobs:
                    return self.dice.choice(jobs).read_reply()
            elif phase in ("complete", "cancel"):
                if jobs := [j for j in self.jobs if j.can(phase)]:
                    return self.dice.choice(jobs).finish(phase)
                # All places may be taken by jobs that are to end in the other way: let one go.
                if waiting := [j for j in self.jobs if j.stage == "ready" and j.end != phase and not j.client]:
                    waiting[0].finish()
            elif jobs := self.present(phase):
                return self.dice.choice(jobs)
            time.sleep(0.01)
        raise Fault(f"no job came to the phase {phase} for {victim} in {time.monotonic() - began:.0f} s, {looks} looks and "
                    f"{self.movement.changes - changes} changes:\n  {self.account()}")

    def strike(self):
        """One kill, or none when the victim was too fast."""
        phase, victim, _ = self.dice.choices(PLAN, [w for *_, w in PLAN])[0]
        if phase == "migration":
            self.tally[phase, victim] += self.migration.round(self.dice)
            return
        job = self.arrange(phase, victim)
        longest = DELAY_MAX.get("client" if victim == "client" else phase, DELAY_MAX_ELSE)
        time.sleep(self.dice.random() * longest)
        if self.hit(victim, job):
            self.tally[phase, victim] += 1
            for other in self.jobs:
                other.excused = True  # what is under way and fails, fails for a reason

    @property
    def kills(self):
        return sum(self.tally.values())

    def run(self, kills, report=lambda world: None):
        try:
            while self.kills < kills:
                self.strike()
                report(self)
            self.wind_up()
        except Exception as error:
            kept = crash_evidence.keep(self, processes_of(self.place))
            raise Fault(f"seed {self.seed}, after {self.kills} kills (more in {kept}): {error}") from error

    # ---- the end ----

    def wind_up(self):
        end, looks = time.monotonic() + 2 * PATIENCE, 0
        self.app.troubles = 0
        while self.jobs:
            looks += 1
            if looks > LOOKS_MIN and time.monotonic() > end:
                raise Fault(f"never ended:\n  {self.account()}")
            self.step()
            for job in self.jobs:
                if job.stage == "ready":
                    job.finish()
            time.sleep(0.02)
        self.check_end()

    def check_end(self):
        for job in self.ended:
            job.check_ended()
        self.no_more_than(self.out, [n for job in self.ended for n in job.visible()])
        for name in ("up", "ask"):
            self.no_more_than(self.server.place / name,
                              [j.name for j in self.ended if j.kind == name and (self.server.place / name / j.name).exists()])
        if doubled := [k for k, n in self.counts.items() if n > 1]:
            raise Fault(f"published twice: {doubled}")
        self.sweep_sessions()
        self.stop_bitsd()
        self.watcher.close()
        if self.watcher.faults:
            raise Fault("; ".join(self.watcher.faults))
        self.server.close()
        self.app.close()
        self.no_process_left()
        if os.listdir(self.ctl.cwd) or sorted(p.name for p in self.sources.iterdir() if p.name.startswith(".")):
            raise Fault("files beside the sources")

    @staticmethod
    def no_more_than(place, names):
        left = sorted(set(os.listdir(place)) ^ set(names))
        if left:
            raise Fault(f"in {place.name}, too many or too few: {left}")

    def sweep_sessions(self):
        """Sessions whose client died before it knew of them hold nothing, and go with their time."""
        left = self.server.session_files()
        if full := [p for p in left if p.stat().st_size]:
            raise Fault(f"data in sessions that nobody has: {full}")
        self.server.stop()
        text = self.server.config.read_text().replace("BITSUploadEnabled = 1", "BITSUploadEnabled = 1\nBITSSessionTimeout = 1")
        self.server.config.write_text(text)
        self.server.start()
        end = time.monotonic() + PATIENCE
        while names := [p.name for n in ("up", "ask") for p in (self.server.place / f"{n}-sessions").iterdir()
                        if p.suffix != ".state" and p.name != "lock"]:
            if time.monotonic() > end:
                raise Fault(f"never swept: {names}")
            self.server.process.send_signal(signal.SIGUSR1)
            time.sleep(0.1)
        self.orphans = len(left)

    def stop_bitsd(self):
        pid = self.bitsd()
        if pid:
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while pid and pathlib.Path(f"/proc/{pid}/exe").exists() and self.bitsd():
            if time.monotonic() > end:
                raise Fault("bitsd does not end")
            time.sleep(0.01)

    def no_process_left(self):
        end, left = time.monotonic() + 10, True
        while left and time.monotonic() < end:
            left = processes_of(self.place)
            time.sleep(0.02)
        if left:
            raise Fault(f"processes that stayed: {left}")

    def close(self):
        """Whatever came of it."""
        for job in self.jobs:
            if job.client and job.client.poll() is None:
                job.client.kill()
        for pid in processes_of(self.place):
            kill(pid)
        if self.server.process.poll() is None:
            self.server.stop(signal.SIGKILL)
        for job in self.jobs:
            if job.client:
                job.client.communicate()


def processes_of(place):
    """Those that have the place in their environment or arguments."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(place) in text and int(path.name) != os.getpid():
            found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


class Totals:
    """Of worlds that came to a good end."""

    def __init__(self):
        self.tally = collections.Counter()
        self.worlds = self.jobs = self.files = self.uncertain = self.orphans = self.old = self.new = 0
        self.ends = collections.Counter()

    @property
    def kills(self):
        return sum(self.tally.values())

    def add(self, world):
        self.tally += world.tally
        self.worlds += 1
        self.jobs += len(world.ended)
        self.files += world.watcher.seen
        self.uncertain += world.uncertain
        self.orphans += world.orphans
        self.old += world.migration.begun
        self.new += world.migration.met
        self.ends.update("by itself" if job.auto else job.end for job in world.ended)

    def text(self):
        return "\n".join([
            table(self), "",
            f"{self.jobs} jobs ({', '.join(f'{n} {e}' for e, n in sorted(self.ends.items()))}), {self.files} files "
            f"appeared, each once, whole and in its time",
            f"{self.uncertain} calls whose client or service died before the answer",
            f"migration: {self.old} kills left an old file, {self.new} a new one; all went on to the same queue",
            f"{self.orphans} empty sessions at the server, removed with their time",
            "0 lost, 0 doubled, 0 wrong, 0 early, 0 left over"])


def table(world):
    """Kills by phase and victim, as text."""
    phases = list(dict.fromkeys(p for p, *_ in PLAN))
    victims = list(dict.fromkeys(v for _, v, _ in PLAN))
    rows = [["", *victims, "all", "share"]]
    for phase in phases:
        numbers = [world.tally[phase, v] for v in victims]
        rows.append([phase, *map(str, numbers), str(sum(numbers)), f"{sum(numbers) / max(world.kills, 1):.1%}"])
    sums = [sum(world.tally[p, v] for p in phases) for v in victims]
    rows.append(["all", *map(str, sums), str(sum(sums)), "100%"])
    return "\n".join("  ".join(f"{cell:>9}" for cell in row) for row in rows)
