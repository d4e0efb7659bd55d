# SPDX-License-Identifier: Apache-2.0
"""Programs of jobs while the service is killed, told to leave, or told that programs are forbidden:
each event is told at least once, how it ended is kept, and nothing stays behind."""
import os
import pathlib
import random
import signal
import time

import pytest

from conftest import content, until

PLACES = 4  # programs of a user at a time
SIZE = 1000


class Programs:
    """Programs that note that they began, wait until they may go on, and note that they ended."""

    def __init__(self, ctl):
        self.ctl = ctl
        self.notes = ctl.cwd / "notes"
        self.gate = ctl.cwd / "gate"
        self.notes.touch()

    def make(self, last="exit 0", name="program", trap=""):
        path = self.ctl.cwd / name
        path.write_text(f"""#!/bin/sh
{trap}
echo "begin $BITS_JOB_ID $$ $BITS_JOB_EVENT" >> {self.notes}
while [ ! -e {self.gate} ]; do sleep 0.05; done
{last}
""")
        path.chmod(0o755)
        return path

    def read(self, what="begin"):
        """(job, pid, event) in the order in which they came."""
        lines = [line.split() for line in self.notes.read_text().splitlines()]
        return [(job, int(pid), event) for word, job, pid, event in lines if word == what]

    def open_gate(self):
        self.gate.touch()


@pytest.fixture
def programs(ctl):
    p = Programs(ctl)
    yield p
    p.open_gate()  # whatever a killed bitsd has left ends now
    for _, pid, _ in p.read():
        until(lambda pid=pid: is_gone(pid), f"the end of program {pid}")


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "Z"
    except (OSError, IndexError):
        return True


def open_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def make_job(ctl, web, name, program, *settings):
    """Suspended. Its id."""
    job = ctl.ok("create", "-q", name).strip()
    ctl.ok("add", job, f"{web.url}/{name}?size={SIZE}", str(ctl.cwd / name))
    ctl.ok("set", job, "--priority", "foreground", "--retry-delay", "5", *settings)
    ctl.ok("notify", job, "--program", str(program))
    return job


def result(ctl, job):
    return ctl.field(job, "notify.program.result")


def restart(ctl, signo=signal.SIGKILL):
    """Of the new one."""
    assert ctl.kill_service(signo), "it did not run"
    return until(ctl.service_pid, "a service") if ctl.run("list").returncode == 0 else None


def test_an_event_that_waits_for_its_turn_outlives_a_kill(ctl, web, programs):
    """Between TRANSFERRED and the program: all places are taken when the service is killed."""
    path = programs.make()
    jobs = [make_job(ctl, web, f"j{i}", path) for i in range(PLACES + 2)]
    for job in jobs:
        ctl.ok("resume", job)
    for job in jobs:
        until(lambda job=job: ctl.field(job, "state_word") == "transferred", "the transfer")
    until(lambda: len(programs.read()) == PLACES, "four programs")
    waiting = set(jobs) - {job for job, _, _ in programs.read()}
    assert len(waiting) == 2
    assert restart(ctl)
    until(lambda: len(programs.read()) == 2 * PLACES, "four programs of the new service")
    programs.open_gate()
    for job in jobs:
        until(lambda job=job: result(ctl, job) == "0", f"the end of the program of {job}")
    begun = programs.read()
    assert {job for job, _, _ in begun} == set(jobs) and {event for _, _, event in begun} == {"transferred"}
    # Once by the first service where it had a place, and once by the second.
    assert len(begun) == PLACES + len(jobs)
    for _, pid, _ in begun:
        until(lambda pid=pid: is_gone(pid), f"the end of program {pid}")


def test_a_kill_during_a_program_runs_it_again_and_keeps_how_it_ends(ctl, web, programs):
    path = programs.make("exit 7")
    job = make_job(ctl, web, "f", path)
    ctl.ok("resume", "--wait", job)
    until(lambda: len(programs.read()) == 1, "the program")
    assert restart(ctl)
    until(lambda: len(programs.read()) == 2, "the program once more")
    programs.open_gate()
    until(lambda: result(ctl, job) == "7", "its end")
    # It has failed, so it is run again, and the outcome is there after another kill.
    until(lambda: int(ctl.field(job, "notify.program.runs")) >= 2, "another run")
    assert restart(ctl)
    assert result(ctl, job) == "7"
    ctl.ok("cancel", job)


def test_a_program_that_completes_its_job_does_so_whoever_is_killed(ctl, web, programs):
    """It speaks to the service by BITSD_SOCKET, also to the next one, and only one run can win."""
    path = programs.make(f'{ctl.program} complete "$BITS_JOB_ID" && echo "end $BITS_JOB_ID $$ done" '
                         f">> {programs.notes}")
    job = make_job(ctl, web, "f", path)
    ctl.ok("resume", "--wait", job)
    until(lambda: len(programs.read()) == 1, "the program")
    assert restart(ctl)
    until(lambda: len(programs.read()) == 2, "the program once more")
    programs.open_gate()
    until(lambda: (ctl.cwd / "f").exists(), "the file")
    assert (ctl.cwd / "f").read_bytes() == content("f", SIZE)
    for _, pid, _ in programs.read():
        until(lambda pid=pid: is_gone(pid), f"the end of program {pid}")
    assert [end for _, _, end in programs.read("end")].count("done") >= 1
    assert ctl.json("list")["jobs"] == []


def test_kills_at_random_moments_lose_no_event(ctl, web, programs):
    seed = int(os.environ.get("BITSD_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed} (BITSD_TEST_SEED={seed} repeats it)")
    dice = random.Random(seed)
    programs.open_gate()
    path = programs.make(f'exec {ctl.program} complete "$BITS_JOB_ID"')
    jobs = [make_job(ctl, web, f"j{i}", path) for i in range(12)]
    ctl.ok("resume", *jobs)
    for _ in range(10):
        time.sleep(dice.random() * 0.15)  # the moment is what is tested
        ctl.kill_service()
        ctl.run("list")
    until(lambda: ctl.json("list")["jobs"] == [], "the end of all jobs")
    for i in range(len(jobs)):
        assert (ctl.cwd / f"j{i}").read_bytes() == content(f"j{i}", SIZE)
    assert {job for job, _, _ in programs.read()} == set(jobs)
    assert [p.name for p in ctl.cwd.iterdir() if p.name.startswith(".BIT")] == []


@pytest.mark.parametrize("listens", [True, False], ids=["listens", "deaf"])
def test_a_service_that_leaves_takes_its_programs_along(ctl, web, programs, listens):
    """And what they have started, in sessions of their own as well; the next one runs them again."""
    trap = (f'trap \'echo "end $BITS_JOB_ID $$ term" >> {programs.notes}; exit 0\' TERM' if listens
            else "trap '' TERM")
    spawn = (f'setsid sh -c \'echo "child $BITS_JOB_ID $$ x" >> {programs.notes}; '
             "trap \"\" TERM; while :; do sleep 1; done' &")
    path = programs.make(trap=f"{trap}\n{spawn}\nls /proc/$$/fd > {programs.notes}.fds")
    job = make_job(ctl, web, "f", path)
    ctl.ok("resume", "--wait", job)
    until(lambda: programs.read() and programs.read("child"), "the program and its child")
    begin = time.monotonic()
    assert ctl.kill_service(signal.SIGTERM)
    assert time.monotonic() - begin < 15
    for _, pid, _ in programs.read() + programs.read("child"):
        assert is_gone(pid), f"{pid} is still there"
    assert len(programs.read("end")) == (1 if listens else 0)
    # 0 to 2; the shell keeps its script at 10 or above.
    fds = [int(n) for n in (ctl.cwd / "notes.fds").read_text().split()]
    assert [n for n in fds if 2 < n < 10] == []
    assert ctl.run("list").returncode == 0
    until(lambda: len(programs.read()) == 2, "the program once more")
    programs.open_gate()
    until(lambda: result(ctl, job) == "0", "its end")
    until(lambda: all(is_gone(pid) for _, pid, _ in programs.read("child")), "the end of the children")


def test_programs_leave_nothing_in_the_service(ctl, web, programs):
    """Descriptors and processes are what they were, however the programs have ended."""
    programs.open_gate()
    endings = ["exit 0", "exit 3", "kill -9 $$", "yes", "setsid sleep 300 & exit 0",
               "sleep 300 & exec >&- 2>&-; exit 0", "ulimit -c 0; kill -SEGV $$"]
    (pathlib.Path(ctl.env["XDG_CONFIG_HOME"]) / "bitsd").mkdir()
    (pathlib.Path(ctl.env["XDG_CONFIG_HOME"]) / "bitsd/bitsd.conf").write_text(
        "[Service]\nProgramTimeout=1s\n")
    warm = make_job(ctl, web, "warm", programs.make(name="warm-up"))
    ctl.ok("resume", "--wait", warm)
    until(lambda: result(ctl, warm) == "0", "the first program")
    pid = ctl.service_pid()
    before, kept = open_fds(pid), set(children(pid))
    jobs = {}
    for i, ending in enumerate(endings):
        jobs[make_job(ctl, web, f"j{i}", programs.make(ending, f"p{i}"), "--retry-delay", "600")] = ending
    ctl.ok("resume", *jobs)
    wanted = {"exit 0": "0", "exit 3": "3", "kill -9 $$": "137", "ulimit -c 0; kill -SEGV $$": "139"}
    for job, ending in jobs.items():
        until(lambda job=job: ctl.field(job, "notify.program.runs") == "1", f"the end of {ending!r}")
        got = ctl.field(job, "notify.program.result")
        assert got == wanted.get(ending, "0" if ending.endswith("exit 0") else "143"), ending
    assert ctl.service_pid() == pid
    until(lambda: set(children(pid)) <= kept, "the end of all children")
    until(lambda: open_fds(pid) <= before, "the end of all descriptors")


def test_forbidding_programs_holds_them_back_until_they_are_allowed(ctl, web, programs):
    conf = pathlib.Path(ctl.env["XDG_CONFIG_HOME"]) / "bitsd" / "bitsd.conf"
    conf.parent.mkdir()
    path = programs.make("exit 5")
    running = make_job(ctl, web, "running", path)
    later = make_job(ctl, web, "later", path)
    removed = make_job(ctl, web, "removed", path)
    ctl.ok("resume", "--wait", running)
    until(lambda: len(programs.read()) == 1, "the program")

    conf.write_text("[Policy]\nAllowPrograms=no\n")
    pid = ctl.kill_service(signal.SIGHUP)
    refused = until(lambda: (ran := ctl.run("notify", later, "--program", "/bin/true")).returncode
                    and ran, "the new configuration")
    assert "AllowPrograms" in refused.stderr
    ctl.ok("notify", removed, "--clear")
    ctl.ok("resume", "--wait", later, removed)
    # What runs may end, and its end is told; but it is not run again.
    programs.open_gate()
    until(lambda: result(ctl, running) == "5", "the end of the program that ran")
    time.sleep(5.5)  # its retry delay
    assert [job for job, _, _ in programs.read()] == [running]
    # Nor by the next service.
    assert restart(ctl) != pid
    assert ctl.field(later, "notify.program.path") == str(path)
    assert [job for job, _, _ in programs.read()] == [running]

    conf.write_text("[Policy]\nAllowPrograms=yes\n")
    ctl.kill_service(signal.SIGHUP)
    until(lambda: {job for job, _, _ in programs.read()} == {running, later}, "those that were held back")
    until(lambda: result(ctl, later) == "5", "the end of the late program")
    ctl.ok("cancel", running, later, removed)
