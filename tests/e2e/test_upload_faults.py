# SPDX-License-Identifier: Apache-2.0
"""Uploads under everything that can go wrong: cut lines, swallowed Acks, kill -9 of bitsd, its worker
and bitssrv, sessions that are lost, hosts that are not there. Every file and every reply is byte-exact,
each application told at least once and, by its key, at work once. `make bench` has 200 runs."""
import collections
import os
import pathlib
import random
import signal
import time

import pytest

from conftest import PATIENCE, content, until
from faults import Application, Fate, Line, Server, reply_to

RUNS = int(os.environ.get("BITSD_FAULT_RUNS", 20))
AT_ONCE, TROUBLES = 20, 25
SIZES = [0, 1, 5000, 100_000, 1 << 20, 1_500_000, 4_000_000]
MIB = 1 << 20


@pytest.fixture
def dice():
    seed = int(os.environ.get("BITSD_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed} (BITSD_TEST_SEED={seed} repeats it)")
    return random.Random(seed)


@pytest.fixture
def app(dice):
    a = Application(dice)
    yield a
    a.close()


@pytest.fixture
def serve(tmp_path, app):
    servers = []

    def start(extra=""):
        servers.append(Server(tmp_path / "server", app.url, extra))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def source(ctl, name, size):
    path = ctl.cwd / name
    path.write_bytes(content(name, size))
    return path


def jobs(ctl):
    return ctl.json("list")["jobs"]


def hurry(ctl):
    """What waits for its next try does not have to. None may have failed for good."""
    all_jobs = jobs(ctl)
    assert not [j for j in all_jobs if j["state_word"] == "error"], all_jobs
    waiting = [j["id"] for j in all_jobs if j["state_word"] == "retrying"]
    if waiting:
        ctl.run("resume", *waiting)  # some may have gone on by themselves
    return all_jobs


def finish(ctl, patience=PATIENCE * 2):
    end = time.monotonic() + patience
    while left := hurry(ctl):
        if time.monotonic() > end:
            pytest.fail("\n".join(ctl.run("show", j["id"]).stdout for j in left))
        time.sleep(0.05)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, TypeError):
        pass


def kill_worker(ctl):
    pid = ctl.service_pid()
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    for child in children:
        kill(int(child))


def any_fate(dice):
    def fate():
        limit = round(10 ** dice.uniform(0, 6.6))
        how = dice.choice(["close", "reset", "hang-up"])
        kind = dice.choice(["whole", "up", "up", "swallowed", "down"])
        return {"whole": lambda: Fate(),
                "up": lambda: Fate(up=limit, how=how),
                "swallowed": lambda: Fate(down=0, how=how),
                "down": lambda: Fate(down=dice.randrange(1, 2000), how=how)}[kind]()
    return fate


def one_batch(ctl, server, app, dice, wanted):
    server.line.fate, app.troubles = any_fate(dice), 0.1
    for name, body in wanted.items():
        (ctl.cwd / name).write_bytes(body)
        reply = ["--reply", f"{name}.reply"] if name.startswith("ask") else []
        ctl.ok("put", "--detach", "--priority", "foreground", "--retry-delay", "5", name,
               f"{server.url}/{name.split('-')[0]}/{name}", *reply)
    kills = collections.Counter()
    for _ in range(TROUBLES):
        time.sleep(dice.expovariate(1 / 0.06))
        if not hurry(ctl):
            break
        what = dice.choice(["bitsd", "worker", "bitssrv"])
        if what == "bitsd":
            kill(ctl.service_pid())
        elif what == "bitssrv":
            server.again()
        elif kills[what] == 2:
            continue  # jobs whose workers keep dying are given up
        else:
            kill_worker(ctl)
        kills[what] += 1
    print(f"{server.line.cuts} cuts, kills: {dict(kills)}")
    server.line.fate, app.troubles = Fate, 0.0
    finish(ctl)


@pytest.mark.parametrize("batch", range((RUNS + AT_ONCE - 1) // AT_ONCE))
def test_random_cuts_and_kills_lose_spoil_and_repeat_nothing(ctl, serve, app, dice, batch):
    server = serve()
    wanted = {}
    for n in range(min(AT_ONCE, RUNS - batch * AT_ONCE)):
        kind = dice.choice(["up", "ask", "ask"])
        wanted[f"{kind}-{n}"] = dice.randbytes(dice.choice(SIZES[1 if kind == "ask" else 0:]))
    one_batch(ctl, server, app, dice, wanted)
    asked = [name for name in wanted if name.startswith("ask")]
    for name, body in wanted.items():
        assert (server.place / name.split("-")[0] / name).read_bytes() == body, name
    for name in asked:
        assert (ctl.cwd / f"{name}.reply").read_bytes() == reply_to(wanted[name]), name
    assert {name: app.calls[name] >= 1 for name in asked} == dict.fromkeys(asked, True)
    assert dict(app.work) == dict.fromkeys(asked, 1)
    assert sorted(os.listdir(ctl.cwd)) == sorted([*wanted, *(f"{name}.reply" for name in asked)])
    assert sorted(os.listdir(server.place / "up") + os.listdir(server.place / "ask")) == sorted(wanted)
    # A session whose first Ack was lost is nobody's; nothing was sent in it.
    assert all(p.stat().st_size == 0 for p in server.session_files())
    print(f"{sum(app.calls.values())} calls for {len(asked)} questions")


def test_sixty_four_uploads_at_once(ctl, serve, app, dice):
    server = serve()
    names = [f"ask-{n}" for n in range(64)]
    for name in names:
        source(ctl, name, dice.randrange(1, 300_000))
        ctl.ok("put", "--detach", "--priority", "foreground", name, f"{server.url}/ask/{name}",
               "--reply", f"{name}.reply")
    finish(ctl)
    for name in names:
        body = (ctl.cwd / name).read_bytes()
        assert (server.place / "ask" / name).read_bytes() == body
        assert (ctl.cwd / f"{name}.reply").read_bytes() == reply_to(body)
    assert dict(app.work) == dict(app.calls) == dict.fromkeys(names, 1)
    assert server.session_files() == []


def stopped_half_way(ctl, server, how="close", size=6 * MIB):
    """An upload of which the server has the first bytes; it waits for its next try."""
    source(ctl, "report", size)
    fates = iter([Fate(up=size // 2, how=how)])
    server.line.fate = lambda: next(fates, Fate(up=0, how=how))
    job = ctl.ok("put", "--detach", "--retry-delay", "5", "report", f"{server.url}/up/").strip()
    until(lambda: ctl.field(job, "state_word") == "retrying", "the cut")
    server.line.fate = Fate
    (data,) = server.session_files()
    assert 0 < data.stat().st_size < size
    return job


@pytest.mark.parametrize("how", ["close", "reset", "hang-up"])
def test_a_line_that_ends_is_noticed_at_once_however_it_ends(ctl, serve, how):
    server = serve()
    job = stopped_half_way(ctl, server, how)
    ctl.ok("resume", job)
    finish(ctl)
    assert (server.place / "up/report").read_bytes() == content("report", 6 * MIB)


def test_after_kills_of_both_sides_only_a_question_is_sent_twice(ctl, serve):
    server = serve()
    job = stopped_half_way(ctl, server)
    ctl.kill_service()
    server.again()
    ctl.ok("resume", job)
    finish(ctl)
    assert (server.place / "up/report").read_bytes() == content("report", 6 * MIB)
    assert len(server.packets("Create")) == 1
    assert server.received_bytes() - 6 * MIB <= 5 * 1024


def test_a_session_that_the_server_lost_begins_anew(ctl, serve):
    server = serve()
    job = stopped_half_way(ctl, server)
    server.stop()
    for path in (server.place / "up-sessions").iterdir():
        path.unlink()
    server.start()
    ctl.ok("resume", job)
    finish(ctl)
    assert (server.place / "up/report").read_bytes() == content("report", 6 * MIB)
    assert len(server.packets("Create")) == 2
    assert server.session_files() == []


def test_a_file_that_changed_on_the_way_is_sent_anew_by_resume_and_never_mixed(ctl, serve):
    server = serve()
    job = stopped_half_way(ctl, server)
    (ctl.cwd / "report").write_bytes(b"another" * MIB)
    ctl.ok("resume", job)
    until(lambda: ctl.field(job, "state_word") == "error", "the error")
    assert ctl.json("show", job)["jobs"][0]["error"]["symbol"] == "BG_E_LOCAL_FILE_CHANGED"
    assert os.listdir(server.place / "up") == []
    ctl.ok("resume", job)
    finish(ctl)
    assert (server.place / "up/report").read_bytes() == b"another" * MIB
    assert os.listdir(server.place / "up") == ["report"]


def test_an_upload_goes_on_with_the_host_that_the_server_names(ctl, serve):
    server = serve("BITSHostId = 127.0.0.2\n")
    other = Line("127.0.0.2", server.line.port)
    other.target = server.line.target
    try:
        source(ctl, "report", 3 * MIB)
        ctl.ok("put", "report", f"{server.url}/ask/", "--reply", "answer")
    finally:
        other.close()
    assert (ctl.cwd / "answer").read_bytes() == reply_to(content("report", 3 * MIB))
    assert other.connections >= 1


def test_a_host_that_is_not_there_is_left_after_its_time(ctl, serve):
    server = serve("BITSHostId = 127.0.0.2\nBITSHostIdFallbackTimeout = 1\n")
    source(ctl, "report", 3 * MIB)
    ctl.ok("put", "--detach", "--retry-delay", "5", "report", f"{server.url}/up/")
    until(lambda: [j["state_word"] for j in jobs(ctl)] == ["retrying"], "the failure")
    finish(ctl)
    assert (server.place / "up/report").read_bytes() == content("report", 3 * MIB)


@pytest.mark.parametrize("trouble", ["none", "server", "both"])
def test_a_cancelled_upload_is_gone_from_the_server_too(ctl, serve, trouble):
    """Also when the server cannot be told at once, and the service dies meanwhile."""
    server = serve()
    job = stopped_half_way(ctl, server)
    if trouble != "none":
        server.stop()
    ctl.ok("cancel", job)
    assert jobs(ctl) == []
    if trouble != "none":
        assert len(server.session_files()) == 1
    if trouble == "both":
        ctl.kill_service()
        assert jobs(ctl) == []  # starts it
    if trouble != "none":
        server.start()
    until(lambda: server.session_files() == [], "the farewell")
    assert os.listdir(server.place / "up") == []
    assert os.listdir(ctl.cwd) == ["report"]


def test_a_reply_is_seen_with_complete_and_not_before(ctl, serve):
    server = serve()
    body = content("report", 2 * MIB)
    source(ctl, "report", 2 * MIB)
    job = ctl.ok("create", "j", "--type", "upload-reply", "--reply", "answer").strip()
    ctl.ok("add", job, f"{server.url}/ask/", "report")
    ctl.ok("resume", job, "--wait=1m")

    def seen():
        return sorted(name for name in os.listdir(ctl.cwd) if not name.startswith("."))

    assert seen() == ["report"]
    ctl.kill_service()
    assert ctl.field(job, "state_word") == "transferred" and seen() == ["report"]
    assert ctl.ok("reply", job).encode() == reply_to(body)
    assert seen() == ["report"]
    ctl.ok("complete", job)
    assert sorted(os.listdir(ctl.cwd)) == ["answer", "report"]
    assert (ctl.cwd / "answer").read_bytes() == reply_to(body)


def test_a_reply_that_nobody_completes_leaves_nothing_when_cancelled(ctl, serve):
    server = serve()
    source(ctl, "report", 1000)
    job = ctl.ok("create", "j", "--type", "upload-reply", "--reply", "answer").strip()
    ctl.ok("add", job, f"{server.url}/ask/", "report")
    ctl.ok("resume", job, "--wait=1m")
    assert len(os.listdir(ctl.cwd)) == 2
    ctl.ok("cancel", job)
    until(lambda: os.listdir(ctl.cwd) == ["report"], "the end of the hidden file")
