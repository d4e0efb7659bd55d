#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Faults in the real programs: for n = 1, 2, 3 … the n-th call of a kind fails, until a run is
untouched. Usage: drive.py --build DIR [--sample N] [--seed S] [--only PROGRAM[:KIND]] [-v]
With --sample a seed chooses N of the calls of each kind; without it every one fails once."""
import argparse
import collections
import concurrent.futures
import errno
import pathlib
import random
import subprocess
import sys
import tempfile
import traceback

from control import CODES, ERRORS, KINDS, PRETEND, SQLITE_DONE, SQLITE_FULL, SQLITE_IOERR, DISK_FULL, IO_DEVICE
from control import Control, resolve
import service
import upload_server
import upload_service
from service import Broken, Given, descriptors, until

MAX_CALLS = 20_000
KEPT_CONNECTIONS = 6
WRITE_FAULT, APPLICATION_LOST = 0x8007001D, 0x801901F6
STALL = 1.5  # seconds that a job may wait for a disk that is full
DESCRIPTORS = "the end of what was opened"


class Figures:
    """Of one shard, or of all."""

    def __init__(self):
        self.runs, self.fired, self.answers, self.findings = {}, {}, {}, []

    def note(self, name, page, answer):
        self.runs[name] = self.runs.get(name, 0) + 1
        self.fired[name] = self.fired.get(name, 0) + bool(page.fired)
        self.answers.setdefault(name, collections.Counter())[answer] += 1

    def find(self, name, n, story, error):
        self.findings.append((name, n))
        print(f"FOUND {name} n={n}: {error}\n      {story}", flush=True)

    def add(self, other):
        for mine, theirs in ((self.runs, other.runs), (self.fired, other.fired)):
            for name, n in theirs.items():
                mine[name] = mine.get(name, 0) + n
        for name, counter in other.answers.items():
            self.answers.setdefault(name, collections.Counter()).update(counter)
        self.findings += other.findings

    def show(self):
        for name in self.runs:
            said = ", ".join(f"{a} {n}" for a, n in
                             self.answers.get(name, collections.Counter()).most_common(9))
            print(f"{name}: {self.runs[name]} runs, {self.fired[name]} faults: {said}")
        print(f"{sum(self.runs.values())} runs, {sum(self.fired.values())} faults, "
              f"{len(self.findings)} findings", flush=True)


def numbers(case, calls):
    """Which calls fail: every one until a run is untouched, or a sample of those that a run makes; of
    them those of this shard."""
    args = case.args
    if args.sample is None:
        chosen = range(1, MAX_CALLS)
    else:
        dice = random.Random(f"{args.seed} {case.label}")
        chosen = sorted(dice.sample(range(1, calls + 1), min(args.sample, calls)))
    yield from chosen[case.shard::args.shards]
    if args.sample is not None:
        yield calls + MAX_CALLS


def expected(kind, error):
    """Codes that an answer to this fault may have."""
    if kind == "commit":
        return {DISK_FULL if error == SQLITE_FULL else IO_DEVICE}
    return {CODES[error]} if error in CODES else set()


class Case:
    """What fails, and in which program. One of args.shards that share the work."""

    def __init__(self, args, program, kind, error, lasting, shard):
        self.args, self.program, self.kind, self.error = args, program, kind, error
        self.lasting, self.shard = lasting, shard
        self.label = f"{program} {kind} {name_of(kind, error)}{' lasting' if lasting else ''}"


class Loop:
    """The programs stay; each fault finds them as the last one left them."""
    kind_of_rig = service.Rig

    def __init__(self, case):
        self.case, self.figures = case, Figures()

    def run(self):
        case = self.case
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            self.rig = self.kind_of_rig(pathlib.Path(name), case.args.build, case.args.shim)
            try:
                self.rig.start()
                self.loop(self.rig.page(case.program))
                self.rig.check_store()
                self.rig.stop()
            except Broken as e:
                self.figures.find(case.label, 0, "at the end", e)
            finally:
                self.rig.close()
        return self.figures

    def warm(self, page):
        for _ in range(2):
            self.rig.life()
            self.rig.finish()
        page.arm(self.case.kind, 0, self.case.error)
        self.attempt_now(page)
        page.disarm()
        self.rig.finish()
        return self.rig.open_files()

    def attempt_now(self, page):
        self.rig.life()

    def loop(self, page):
        rig, case = self.rig, self.case
        before = self.warm(page)
        for n in numbers(case, page.calls):
            answer, broken = self.attempt(page, n)
            if not broken:
                broken = self.aftermath(before)
            self.figures.note(case.label, page, answer)
            if broken:
                self.figures.find(case.label, n, page.story(rig.programs), broken)
            if case.args.verbose:
                print(case.label, n, answer, page.story(rig.programs), flush=True)
            if not page.fired:
                break
            if broken and case.args.self_test:
                break
            if broken:
                rig.restart()
                before = self.warm(page)

    def attempt(self, page, n):
        answer, broken, case = "nothing", None, self.case
        self.rig.patience = STALL if case.lasting else self.rig.patience
        page.arm(case.kind, n, case.error, case.lasting)
        try:
            self.attempt_now(page)
        except Given as g:
            answer, broken = str(g), self.judge(g)
        except Broken as e:
            broken = e
        finally:
            page.disarm()
        return answer, broken

    def aftermath(self, before):
        try:
            self.rig.finish()
            until(lambda: not grown(before, self.rig.open_files()), DESCRIPTORS, 10)
            self.rig.check_log()
        except Broken as e:
            return f"open: {grown(before, self.rig.open_files())}" if DESCRIPTORS in str(e) else e
        except (OSError, service.Closed, service.CallError) as e:
            return f"without a fault: {type(e).__name__} {e}"
        return None

    def judge(self, given):
        """Who has lost its partner cannot know why; every other answer tells what happened."""
        allowed = self.allowed()
        if given.code is None or not allowed or given.code in allowed:
            return None
        return f"wrong code: {given}"

    def allowed(self):
        return expected(self.case.kind, self.case.error)


class RestartLoop(Loop):
    """bitsd starts with the fault and loads its queue: it may refuse, but the next one has it all."""

    def attempt_now(self, page):
        armed = page.armed()
        page.disarm()
        self.rig.again()
        page.arm(*armed)
        started = self.rig.start(must=False)
        page.disarm()
        if not started:
            self.rig.start()
            raise Given("start", None)


class ServerLoop(Loop):
    kind_of_rig = upload_server.Rig

    def allowed(self):
        """A write error is one, whatever the errno; without a descriptor the server is overloaded."""
        more = {errno.EIO: {WRITE_FAULT}, errno.EMFILE: {"status 503"},
                errno.ENOMEM: {"status 503"}, errno.ENOSPC: {"status 500"},
                errno.ECONNRESET: {APPLICATION_LOST}}
        return super().allowed() | more.get(self.case.error, set())


class ServerStartLoop(ServerLoop):
    """bitssrv starts with the fault, reads its configuration, opens its listeners and takes its sessions up:
    it may refuse, but then the next one has them all."""

    def attempt_now(self, page):
        armed = page.armed()
        page.disarm()
        self.rig.stop_with_sessions()
        page.arm(*armed)
        started = self.rig.start_again()
        page.disarm()
        if not started:
            self.rig.server.again()
            raise Given("start", None)


class UploadLoop(Loop):
    kind_of_rig = upload_service.Rig


class ClientLoop:
    """A program that uses libbits loops by itself (fault_client.c); the service has no faults."""
    OPERATIONS = ("native", "status", "events", "com")

    def __init__(self, case):
        self.case, self.figures = case, Figures()

    def run(self):
        case = self.case
        code = CODES.get(case.error, 0)
        names = self.OPERATIONS[case.shard::case.args.shards]
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            rig = service.Rig(pathlib.Path(name), case.args.build, case.args.shim)
            try:
                Control(rig.pages, "fault_client")
                rig.start()
                env = {**rig.env, "BITSD_SOCKET": str(rig.socket), "BITSD_AUTOSTART": "0",
                       "FAULT_REMOTE": rig.web.url("/never")}
                for operation in names:
                    self.take(operation, subprocess.run(
                        [case.args.build / "tests/fault/fault_client", str(KINDS.index(case.kind)),
                         str(case.error), hex(code), operation],
                        env=env, capture_output=True, text=True, timeout=600))
                rig.stop()
            finally:
                rig.close()
        return self.figures

    def take(self, operation, ran):
        label = f"{self.case.label} {operation}"
        client = {"fault_client": self.case.args.build / "tests/fault/fault_client",
                  "libbits.so.1": self.case.args.build / "src/lib/libbits.so.1"}
        for line in ran.stdout.splitlines():
            if line.startswith("FOUND"):
                what, where = line.rsplit(": ", 1)
                self.figures.find(label, 0, " < ".join(
                    w if "+" not in w else resolve(w, client) for w in where.split()), what)
            elif line.startswith(operation):
                words = line.split()
                self.figures.runs[label], self.figures.fired[label] = int(words[1]), int(words[3])
        if ran.returncode not in (0, 1) or label not in self.figures.runs:
            self.figures.find(label, 0, ran.stderr[-3000:], f"status {ran.returncode}")


def grown(before, now):
    """What is open that was not; connections that the worker keeps for later are few, and free."""
    out = []
    for was, names in zip(before + [before[-1]] * len(now), now):
        more = collections.Counter(names) - collections.Counter(was)
        if names is not now[0] and more["socket"] <= KEPT_CONNECTIONS:
            del more["socket"]
        if more:
            out.append(dict(more))
    if len(now) > max(len(before), 2):
        out.append(f"{len(now) - 1} workers")
    return out


def name_of(kind, error):
    if error == PRETEND or (kind, error) == ("commit", SQLITE_DONE):
        return "pretended"
    if kind == "commit":
        return {SQLITE_FULL: "SQLITE_FULL", SQLITE_IOERR: "SQLITE_IOERR"}[error]
    return errno.errorcode[error]


# A program that looks at no result of such a call, or forgets to give back, must be found out.
MUTANTS = [("bitsd", "commit", SQLITE_DONE), ("worker", "write", PRETEND),
           ("worker", "rename", PRETEND), ("worker", "unlink", PRETEND), ("bitssrv", "write", PRETEND),
           ("bitssrv", "rename", PRETEND), ("bitssrv", "close", PRETEND), ("client", "free", PRETEND),
           ("client", "close", PRETEND)]
LASTING = {("bitsd-upload", "write"), ("worker-upload", "write"), ("bitsd", "write"), ("worker", "write"),
           ("worker", "fallocate"), ("worker", "sync")}
LOOPS = {"bitsd": Loop, "worker": Loop, "restart": RestartLoop, "bitsd-upload": UploadLoop,
         "worker-upload": UploadLoop, "bitssrv": ServerLoop, "bitssrv-start": ServerStartLoop,
         "client": ClientLoop}


# Of their kinds a sample takes a few, too: each has to start all programs anew.
FEW = {"bitsd-upload", "worker-upload", "bitssrv-start"}
FEW_CASES = 6


def cases(args):
    for program in LOOPS:
        some = list(cases_of(program, args))
        if args.sample and not args.only and program in FEW:
            dice = random.Random(f"{args.seed} {program}")
            some = dice.sample(some, min(FEW_CASES, len(some)))
        yield from some


def cases_of(program, args):
    for kind, errors in ERRORS.items():
        if not f"{program}:{kind}".startswith(args.only):
            continue
        for error in errors:
            for lasting in (False, True)[:1 + ((program, kind) in LASTING)]:
                for shard in range(args.shards):
                    yield Case(args, program, kind, error, lasting, shard)


def mutants(args):
    for program, kind, error in MUTANTS:
        yield Case(args, program, kind, error, False, 0)


def show_mutants(args, some):
    """Each of them has to be found."""
    alive = [case.label for case, figures in zip(mutants(args), some) if not figures.findings]
    print(f"{len(MUTANTS)} mutants, {len(MUTANTS) - len(alive)} found" + (f", but not {alive}" if alive else ""))
    return 1 if alive else 0


def run_case(case):
    try:
        return LOOPS[case.program](case).run()
    except BaseException as e:
        figures = Figures()
        figures.find(case.label, 0, traceback.format_exc(), e)
        return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--only", default="", metavar="PROGRAM[:KIND]")
    parser.add_argument("--shards", type=int, default=None)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--self-test", action="store_true", help="find mutants instead")
    parser.add_argument("-v", dest="verbose", action="store_true")
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.shim = args.build / "tests/fault/fault_shim.so"
    args.shards = args.shards or (1 if args.sample else 4)
    print(f"seed {args.seed}", flush=True)
    figures = Figures()
    if args.self_test:
        args.sample, args.shards = args.sample or 40, 1
        with concurrent.futures.ProcessPoolExecutor(args.at_once) as pool:
            return show_mutants(args, list(pool.map(run_case, mutants(args))))
    with concurrent.futures.ProcessPoolExecutor(args.at_once) as pool:
        for some in pool.map(run_case, cases(args)):
            figures.add(some)
            print(f"{sum(figures.runs.values())} runs", end="\r", file=sys.stderr, flush=True)
    figures.show()
    return 1 if figures.findings else 0


if __name__ == "__main__":
    sys.exit(main())
