# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a job, from the command line to the file: servers that lie, disks that fill,
directories that close, clocks that jump, networks that go."""
import datetime
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.parse

import pytest

from conftest import BUILD, SANITIZED, bad_content, until

MIB = 1 << 20
CODES = {"disk full": "0x80070070", "no path": "0x80070003", "denied": "0x80070005",
         "no network": "0x80200010", "timeout": "0x80072EE2"}


def configure(ctl, section, **values):
    """Before the service starts."""
    directory = pathlib.Path(ctl.env["XDG_CONFIG_HOME"]) / "bitsd"
    directory.mkdir(exist_ok=True)
    (directory / "bitsd.conf").write_text(f"[{section}]\n" + "".join(f"{k}={v}\n" for k, v in values.items()))


def job_of(ctl, job):
    return ctl.json("show", job)["jobs"][0]


def until_state(ctl, job, word, code=None):
    def reached():
        now = job_of(ctl, job)
        return now if now["state_word"] == word else None
    now = until(reached, f"the state {word}")
    if code:
        assert now["error"]["code"] == CODES[code], now["error"]
    return now


def until_bytes(ctl, job, number):
    until(lambda: job_of(ctl, job)["progress"]["bytes"] >= number, f"{number} bytes")


def start(ctl, *args):
    return ctl.ok("get", "--detach", "-q", *args).strip()


def hidden(directory):
    return [p.name for p in directory.iterdir() if p.name.startswith(".")]


# ---- servers ----

@pytest.mark.parametrize("between", ["pause", "kill the service", "kill the worker"])
@pytest.mark.parametrize("server", [{}, {"if_range": "ignore"}, {"if_range": "ignore", "no_validators_206": 1}])
def test_a_file_replaced_by_one_of_equal_size_is_never_spliced(ctl, bad, between, server):
    """The new one is there from the second request on; the server may even ignore If-Range."""
    configure(ctl, "Policy", CheckpointInterval=0)  # what is shown is also stored
    url = bad.url("/f", size=8 * MIB, gate="g", gate_at=5 * MIB, swap_after=1, **server)
    job = start(ctl, url, "-o", "f", "--retry-delay", "5")
    until_bytes(ctl, job, 5 * MIB)
    if between == "pause":
        ctl.ok("pause", "-q", job)
        until(lambda: not is_connected(url), "the end of the transfer")  # else it might still arrive whole
    elif between == "kill the service":
        ctl.kill_service()
    else:
        os.kill(worker_of(ctl.service_pid()), signal.SIGKILL)
    bad.gate("g").set()
    if between == "pause":
        ctl.ok("resume", "-q", job)
    assert ctl.run("wait", job).returncode == 0
    got = (ctl.cwd / "f").read_bytes()
    version = next((v for v in "ab" if got == bad_content(v, 8 * MIB)), "a splice of the two")
    assert version == "b"
    assert any("range" in r["headers"] for r in bad.requests[1:]), "it would have been easy otherwise"
    assert hidden(ctl.cwd) == []


def is_connected(url):
    """Has anybody a connection to the server of this URL?"""
    port = f"{urllib.parse.urlsplit(url).port:04X}"
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(remote.endswith(":" + port) and state == "01" for _, _, remote, state, *_ in rows)


def worker_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


def test_retry_after_of_429_is_told_and_not_waited_for_when_asked(ctl, bad):
    job = start(ctl, bad.url("/f", status=429, retry_after="300", times=1), "-o", "f", "--retry-delay", "5")
    now = until_state(ctl, job, "retrying")
    assert now["error"]["code"] == "0x801901AD" and now["error"]["http_status"] == 429
    assert now["why"]["code"] == "retry-at"
    at = datetime.datetime.fromisoformat(now["why"]["retry_at"].replace("Z", "+00:00"))
    assert 200 < (at - datetime.datetime.now(datetime.timezone.utc)).total_seconds() <= 300
    ctl.ok("resume", "-q", job)
    assert ctl.run("wait", job).returncode == 0
    assert (ctl.cwd / "f").read_bytes() == bad_content("a", 100000)


def test_a_slow_drip_is_progress_and_silence_is_not(ctl, bad):
    """Both last longer than the job may go without progress."""
    configure(ctl, "Transfer", NoProgressStall=2)
    drip = start(ctl, bad.url("/drip", size=60, drip="2,0.3"), "-o", "drip", "--give-up-after", "6",
                 "--retry-delay", "5", "--priority", "foreground")
    silent = start(ctl, bad.url("/silent", stall="head"), "-o", "silent", "--give-up-after", "6",
                   "--retry-delay", "5", "--priority", "foreground")
    until_state(ctl, silent, "error", "timeout")
    assert ctl.run("wait", drip).returncode == 0
    assert (ctl.cwd / "drip").read_bytes() == bad_content("a", 60)
    assert not (ctl.cwd / "silent").exists()


@pytest.mark.parametrize("query", [
    {"size": 0}, {"size": 0, "length": "chunked"}, {"length": "chunked"}, {"etag": "weak"}, {"ranges": "ignore"},
    {"etag": "none", "lm": "none"}])
def test_odd_but_honest_servers_give_the_file(ctl, bad, query):
    ctl.ok("get", bad.url("/f", **query), "-o", "f")
    assert (ctl.cwd / "f").read_bytes() == bad_content("a", query.get("size", 100000))


@pytest.mark.parametrize("query, code", [
    ({"length": "none"}, None), ({"encoding": "gzip"}, None), ({"status": 410}, "0x8019019A"),
    ({"status": 416}, "0x801901A0"), ({"status": 403}, "0x80190193"), ({"status": 407}, "0x80190197")])
def test_what_is_not_the_file_never_appears(ctl, bad, query, code):
    ran = ctl.run("get", bad.url("/f", **query), "-o", "f")
    assert ran.returncode == 3, ran
    assert code is None or code in ran.stderr
    assert list(ctl.cwd.iterdir()) == []


def test_more_than_four_gib_is_told_whole(ctl, bad):
    if shutil.disk_usage(ctl.cwd).free < 7 << 30:
        pytest.skip("no room for 5 GiB here")
    size = (5 << 30) + 1
    configure(ctl, "Policy", CheckpointInterval=0)
    job = start(ctl, bad.url("/f", size=size, gate="g", gate_at=1000), "-o", "f")
    until_bytes(ctl, job, 1000)
    assert job_of(ctl, job)["progress"]["bytes_total"] == size
    ctl.kill_service()
    assert job_of(ctl, job)["progress"]["bytes_total"] == size
    ctl.ok("cancel", "-q", "--no-input", job)
    assert list(ctl.cwd.iterdir()) == []


def test_five_thousand_files_in_one_job(ctl, bad):
    lines = "".join(f"{bad.url(f'/{i}', size=64, seed=i % 7)}\t{ctl.cwd}/{i:04}\n" for i in range(5000))
    ctl.ok("get", "--from", "-", "-q", input=lines, timeout=240)
    assert len(list(ctl.cwd.iterdir())) == 5000
    for i in range(5000):
        assert (ctl.cwd / f"{i:04}").read_bytes() == bad_content(i % 7, 64)
    assert ctl.json("list")["jobs"] == []


# ---- places ----

def test_names_of_all_kinds_arrive(ctl, bad):
    names = ["mit Leerzeichen", "Größe ☃", "-rf", "%41", "x" * 255, "a\\b", '"']
    job = ctl.ok("create", "-q", "names").strip()
    for i, name in enumerate(names):
        ctl.ok("add", "-q", job, bad.url(f"/{i}", size=50, seed=i), str(ctl.cwd / name))
    for refused in ("zwei\nZeilen", "was?", "*"):  # as docs/design/engine.md has it
        ran = ctl.run("add", job, bad.url("/x"), str(ctl.cwd / refused))
        assert ran.returncode == 1 and "E_INVALIDARG" in ran.stderr and len(ran.stderr.splitlines()) == 2
    ctl.ok("resume", "-q", "--wait", job)
    assert sorted(f["local"] for f in ctl.json("files", job)["files"]) == sorted(str(ctl.cwd / n) for n in names)
    ctl.ok("complete", "-q", job)
    assert sorted(os.listdir(ctl.cwd)) == sorted(names)
    for i, name in enumerate(names):
        assert (ctl.cwd / name).read_bytes() == bad_content(i, 50)


def test_a_directory_that_goes_after_adding_is_an_error_that_heals(ctl, bad):
    (ctl.cwd / "d").mkdir()
    job = ctl.ok("create", "-q", "gone").strip()
    ctl.ok("add", "-q", job, bad.url("/f"), str(ctl.cwd / "d/f"))
    (ctl.cwd / "d").rmdir()
    ctl.ok("resume", "-q", job)
    until_state(ctl, job, "error", "no path")
    assert bad.requests == [] and list(ctl.cwd.iterdir()) == []
    (ctl.cwd / "d").mkdir()
    ctl.ok("resume", "-q", "--wait", job)
    ctl.ok("complete", "-q", job)
    assert (ctl.cwd / "d/f").read_bytes() == bad_content("a", 100000)


def test_a_directory_that_closes_after_adding_is_an_error_that_heals(ordinary, bad):
    ctl, where = ordinary, ordinary.cwd / "d"
    where.mkdir()
    os.chown(where, ctl.cwd.stat().st_uid, ctl.cwd.stat().st_gid)
    job = ctl.ok("create", "-q", "closed").strip()
    ctl.ok("add", "-q", job, bad.url("/f"), str(where / "f"))
    where.chmod(0o555)
    ctl.ok("resume", "-q", job)
    until_state(ctl, job, "error", "denied")
    where.chmod(0o755)
    ctl.ok("resume", "-q", "--wait", job)
    ctl.ok("complete", "-q", job)
    assert (where / "f").read_bytes() == bad_content("a", 100000)


@pytest.mark.parametrize("in_the_way", ["directory", "full directory"])
def test_a_directory_in_the_way_keeps_the_job_until_it_is_gone(ctl, bad, in_the_way):
    for name in "ab":
        (ctl.cwd / name).write_text("old")
    job = ctl.ok("create", "-q", "way").strip()
    for name in "ab":
        ctl.ok("add", "-q", "--force", job, bad.url(f"/{name}", seed=name), str(ctl.cwd / name))
    (ctl.cwd / "b").unlink()
    (ctl.cwd / "b").mkdir()
    if in_the_way == "full directory":
        (ctl.cwd / "b/precious").write_text("kept")
    ctl.ok("resume", "-q", "--wait", job)
    assert (ctl.cwd / "a").read_text() == "old"
    assert ctl.run("complete", job).returncode == 6  # as Windows: access denied
    assert job_of(ctl, job)["state_word"] == "transferred" and (ctl.cwd / "b").is_dir()
    if in_the_way == "full directory":
        assert (ctl.cwd / "b/precious").read_text() == "kept"
    shutil.rmtree(ctl.cwd / "b")
    ctl.ok("complete", "-q", job)
    for name in "ab":
        assert (ctl.cwd / name).read_bytes() == bad_content(name, 100000)
    assert hidden(ctl.cwd) == []


@pytest.mark.parametrize("end", ["complete", "cancel"])
def test_what_was_there_stays_until_complete_and_over_cancel(ctl, bad, end):
    victim = ctl.cwd / "victim"
    victim.write_text("precious")
    (ctl.cwd / "file").write_text("old")
    (ctl.cwd / "link").symlink_to(victim)
    job = ctl.ok("create", "-q", "job").strip()
    for name in ("file", "link"):
        ctl.ok("add", "-q", "--force", job, bad.url(f"/{name}", seed=name), str(ctl.cwd / name))
    ctl.ok("resume", "-q", "--wait", job)
    assert (ctl.cwd / "file").read_text() == "old" and (ctl.cwd / "link").is_symlink()
    ctl.ok(end, "-q", *(["--no-input"] if end == "cancel" else []), job)
    assert victim.read_text() == "precious" and hidden(ctl.cwd) == []
    if end == "cancel":
        assert (ctl.cwd / "file").read_text() == "old" and (ctl.cwd / "link").is_symlink()
    else:
        for name in ("file", "link"):
            assert not (ctl.cwd / name).is_symlink()
            assert (ctl.cwd / name).read_bytes() == bad_content(name, 100000)


# ---- disks ----

@pytest.fixture
def small_disk(tmp_path):
    """Mounts file systems of some MiB; only root may."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    mounted = []

    def mount(where, mib):
        where.mkdir(exist_ok=True, mode=0o700)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "none", where],
                          capture_output=True).returncode:
            pytest.skip("no right to mount here")
        mounted.append(where)
        return where

    yield mount
    for where in mounted:
        subprocess.run(["umount", "-l", where], check=True)


def fill(where):
    with open(where / "ballast", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass


def test_a_full_disk_is_waited_for_until_there_is_room(small_disk, ctl, bad):
    disk = small_disk(ctl.cwd / "disk", 8)
    fill(disk)
    job = start(ctl, bad.url("/f", size=4 * MIB), "-o", str(disk / "f"), "--retry-delay", "5")
    until_state(ctl, job, "retrying", "disk full")
    assert [p.name for p in disk.iterdir()] == ["ballast"]
    (disk / "ballast").unlink()
    assert ctl.run("wait", job).returncode == 0
    assert (disk / "f").read_bytes() == bad_content("a", 4 * MIB)


def test_a_disk_that_fills_in_the_middle_loses_nothing(small_disk, ctl, bad):
    """Without a length nobody can know beforehand."""
    disk = small_disk(ctl.cwd / "disk", 8)
    (disk / "ballast").write_bytes(b"x" * (4 * MIB))
    job = start(ctl, bad.url("/f", size=6 * MIB, length="chunked"), "-o", str(disk / "f"), "--retry-delay", "5")
    until_state(ctl, job, "retrying", "disk full")
    (disk / "ballast").unlink()
    assert ctl.run("wait", job).returncode == 0
    assert (disk / "f").read_bytes() == bad_content("a", 6 * MIB)
    assert hidden(disk) == []


def test_a_full_disk_under_the_queue_refuses_calls_and_loses_none(small_disk, ctl, bad):
    state = small_disk(pathlib.Path(ctl.env["BITSD_STATE_DIR"]), 4)
    made = [ctl.ok("create", "-q", f"job {i}").strip() for i in range(5)]
    running = start(ctl, bad.url("/f", size=4 * MIB, gate="g", gate_at=2 * MIB), "-o", "f")
    until_bytes(ctl, running, 2 * MIB)
    fill(state)
    refused = 0
    for i in range(2000):  # there may be room inside the files it has
        ran = ctl.run("create", "-q", f"more {i}")
        if ran.returncode:
            refused += 1
            assert ran.returncode == 9 and "0x80070070" in ran.stderr, ran
            break
        made.append(ran.stdout.strip())
    assert refused == 1, "the disk was never full"
    assert {j["id"] for j in ctl.json("list")["jobs"]} == {*made, running}
    bad.gate("g").set()
    (state / "ballast").unlink()
    assert ctl.run("wait", running).returncode == 0
    assert (ctl.cwd / "f").read_bytes() == bad_content("a", 4 * MIB)
    made.append(ctl.ok("create", "-q", "again").strip())
    ctl.kill_service()
    assert {j["id"] for j in ctl.json("list")["jobs"]} == set(made)


# ---- clocks ----

WRONG_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
        static int (*real)(clockid_t, struct timespec *);
        char text[32] = "";
        int fd, r;

        if (!real)
                real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
        r = real(id, t);
        if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
                fd = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
                if (fd >= 0) {
                        if (read(fd, text, sizeof(text) - 1) > 0)
                                t->tv_sec += atoll(text);
                        close(fd);
                }
        }
        return r;
}
"""


@pytest.mark.skipif(SANITIZED, reason="a sanitizer wants to be loaded first")
@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_jumps_moves_no_timer(ctl, bad, tmp_path, days):
    """Neither is the job given up (14 days) nor dropped (90), nor does it wait for the old time."""
    offset, library, program = tmp_path / "offset", tmp_path / "clock.so", tmp_path / "bitsd"
    offset.write_text("0")
    subprocess.run(["cc", "-x", "c", "-", "-shared", "-fPIC", "-o", library, "-ldl"], input=WRONG_CLOCK, text=True,
                   check=True)
    program.write_text(f"#!/bin/sh\nCLOCK_OFFSET={offset} LD_PRELOAD={library} exec {BUILD}/src/daemon/bitsd \"$@\"\n")
    program.chmod(0o755)
    ctl.env["BITSD_PATH"] = str(program)
    began = time.monotonic()
    job = start(ctl, bad.url("/f", status=503, times=1), "-o", "f", "--retry-delay", "8")
    waiting = until_state(ctl, job, "retrying")
    paused = ctl.ok("create", "-q", "paused").strip()
    offset.write_text(str(days * 86400))
    created = job_of(ctl, ctl.ok("create", "-q", "later").strip())["times"]["created"]
    assert abs(int(created[:4]) - int(waiting["times"]["created"][:4])) >= 1, "the clock did not jump"
    assert ctl.run("wait", job, timeout=60).returncode == 0
    assert time.monotonic() - began >= 7, "it did not wait at all"
    assert (ctl.cwd / "f").read_bytes() == bad_content("a", 100000)
    assert job_of(ctl, paused)["state_word"] == "suspended"


# ---- networks ----

class Namespace:
    """A network of its own with one card to nowhere. In it 10.99.0.1 is this machine."""

    def __init__(self):
        as_root = [] if os.geteuid() == 0 else ["-r"]
        self.process = subprocess.Popen(["unshare", *as_root, "-n", "sh", "-c", "echo ready; read end"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.close()
            pytest.skip("no right to make a network namespace")
        self.enter = ["nsenter", f"--target={self.process.pid}", "--net",
                      *([] if os.geteuid() == 0 else ["--user", "--preserve-credentials"])]
        if self.ip("link", "add", "a0", "type", "veth", "peer", "name", "b0").returncode:
            self.close()
            pytest.skip("no virtual cards in this kernel")
        for words in ("link set lo up", "addr add 10.99.0.1/24 dev a0"):
            assert self.ip(*words.split()).returncode == 0, words

    def ip(self, *words):
        return subprocess.run([*self.enter, "ip", *words], capture_output=True, text=True)

    def plug(self):
        for words in ("link set b0 up", "link set a0 up", "route add default via 10.99.0.2"):
            assert self.ip(*words.split()).returncode == 0, words

    def unplug(self):
        assert self.ip("link", "set", "a0", "down").returncode == 0

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def namespace():
    n = Namespace()
    yield n
    n.close()


@pytest.fixture
def inside(namespace, tmp_path):
    """bitsctl and bitsd in that network."""
    from conftest import Ctl
    c = Ctl(tmp_path, namespace.enter)
    yield c
    c.close()


@pytest.fixture
def bad_inside(namespace):
    script = pathlib.Path(__file__).parents[1] / "fakes/bad_server.py"
    server = subprocess.Popen([*namespace.enter, "/usr/bin/python3", script, "--host", "0.0.0.0"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield f"http://10.99.0.1:{server.stdout.readline().strip()}"
    server.stdin.close()
    server.stdout.close()
    server.wait()


def test_a_lost_network_is_waited_for_and_its_return_noticed_at_once(namespace, bad_inside, inside):
    """With a retry delay of an hour, so that nothing else can have woken the job."""
    ctl = inside
    namespace.plug()
    job = start(ctl, f"{bad_inside}/f?size={4 * MIB}&gate=g&gate_at={2 * MIB}", "-o", "f", "--retry-delay", "1h")
    until_bytes(ctl, job, 2 * MIB)
    namespace.unplug()
    now = until_state(ctl, job, "retrying", "no network")
    assert now["error_count"] == 0 and now["why"]["code"] == "network-down", now
    assert ctl.json("status")["network_up"] is False
    namespace.plug()
    subprocess.run([*namespace.enter, "/usr/bin/python3", "-c",
                    "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()",
                    f"{bad_inside}/_open?gate=g"], check=True)
    assert ctl.run("wait", job).returncode == 0
    assert (ctl.cwd / "f").read_bytes() == bad_content("a", 4 * MIB)


def test_without_a_network_a_job_waits_from_the_start_and_local_ones_run(namespace, inside, tmp_path):
    ctl = inside
    job = start(ctl, "http://10.99.0.1:9/f", "-o", "f")
    until_state(ctl, job, "retrying", "no network")
    (tmp_path / "source").write_text("here")
    ctl.ok("get", f"file://{tmp_path}/source", "-o", "copy")
    assert (ctl.cwd / "copy").read_text() == "here"
