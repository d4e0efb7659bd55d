# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments, for the service, its worker and the client: no file may be wrong, early,
lost or left over, and nothing that was accepted may be forgotten. `make bench` has the long version."""
import os
import pathlib
import random
import signal
import time

import pytest

from conftest import bad_content, until

KILLS, FILES = 24, 30
MEAN_SEC = 0.06
SIZES = [0, 1, 4096, 100_000, 1_000_000, 3_000_000]


@pytest.fixture
def rng():
    seed = int(os.environ.get("BITSD_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed} (BITSD_TEST_SEED={seed} repeats it)")
    return random.Random(seed)


def service_pid(ctl):
    """Of the one that runs; starts one when there is none."""
    return until(ctl.service_pid, "a service") if ctl.run("list").returncode == 0 else None


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def workers(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_random_kills_lose_and_spoil_nothing(ctl, bad, rng):
    out = ctl.cwd / "out"
    out.mkdir()
    wanted = {f"{i:02}": (i, rng.choice(SIZES)) for i in range(FILES)}
    lines = "".join(f"{bad.url(f'/{i}', size=size, seed=i, rate=1 << 20)}\t{out}/{name}\n"
                    for name, (i, size) in wanted.items())
    job = ctl.ok("get", "--detach", "-q", "--priority", "foreground", "--retry-delay", "5", "--from", "-",
                 input=lines).strip()
    clients, worker_kills = [], 0
    for _ in range(KILLS):
        time.sleep(rng.expovariate(1 / MEAN_SEC))
        shown = [p.name for p in out.iterdir() if not p.name.startswith(".")]
        jobs = [j for j in ctl.json("list")["jobs"] if j["id"] == job]
        assert not jobs or shown == [] or jobs[0]["state_word"] == "transferred", "seen too early"
        if not jobs:
            break
        what = rng.choice(["service", "service", "worker", "client"])
        pid = service_pid(ctl)
        if what == "worker" and worker_kills < 2 and (found := workers(pid)):
            kill(found[0])
            worker_kills += 1
        elif what == "client":
            clients.append(ctl.popen("wait", job))
            if rng.random() < 0.7:
                clients[-1].kill()
        else:
            kill(pid)
    assert ctl.run("wait", job, timeout=120).returncode == 0
    for client in clients:
        client.wait(30)
    assert sorted(os.listdir(out)) == sorted(wanted)
    for name, (i, size) in wanted.items():
        assert (out / name).read_bytes() == bad_content(i, size), name
    assert ctl.json("list")["jobs"] == []


def test_every_accepted_job_outlives_the_kill_of_its_client_and_service(ctl, bad, rng):
    """Clients die in the middle of a call, the service right after; what a client was told is true."""
    told = []
    for round_number in range(12):
        clients = [ctl.popen("create", "-q", f"{round_number} {i}", stdout=-1) for i in range(4)]
        time.sleep(rng.random() * 0.03)
        victim = rng.choice(clients)
        kill(victim.pid)
        if rng.random() < 0.6:
            pid = ctl.service_pid()
            if pid:
                kill(pid)
        for client in clients:
            text = client.communicate(timeout=60)[0]
            if client.returncode == 0:
                told.append(text.strip())
    jobs = ctl.json("list")["jobs"]
    assert set(told) <= {j["id"] for j in jobs}
    assert told and len(jobs) <= 48, "no call may be done twice"
    names = [j["name"] for j in jobs]
    assert len(set(names)) == len(names)
