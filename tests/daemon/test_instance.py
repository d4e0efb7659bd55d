# SPDX-License-Identifier: Apache-2.0
"""One service per state directory: starting, racing, taking over, leaving, and coming back."""
import fcntl
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import dbus_wire
from conftest import BITSD, Service, wait_until

TAKEN, USAGE, CONFIG = 75, 64, 78
SUSPENDED = 3


def test_help_and_version(place):
    done = place.run("--help")
    assert done.returncode == 0 and "--socket PATH" in done.stdout
    done = place.run("--version")
    assert done.returncode == 0 and done.stdout.startswith("bitsd ")


@pytest.mark.parametrize("args", [["--nope"], ["extra"], ["--idle-exit", "soon"], ["--ready-fd", "99"],
                                  ["--log-level", "loud"], ["--system"], ["--socket", ""]])
def test_wrong_options_are_refused(place, args):
    done = place.run(*args)
    assert done.returncode == USAGE and done.stderr.startswith(("bitsd: ", BITSD + ": "))


def test_it_tells_that_it_is_ready_and_the_socket_is_private(service):
    assert service.socket.stat().st_mode & 0o777 == 0o600
    assert service.state.stat().st_mode & 0o777 == 0o700
    assert service.connect().list() == []


def test_sigterm_ends_it_with_status_0_and_removes_the_socket(service):
    assert service.stop(signal.SIGTERM) == 0
    assert not service.socket.exists()
    assert service.start().stop(signal.SIGINT) == 0


def test_a_directory_for_the_socket_is_made(place):
    place.socket = place.dir / "deep" / "er" / "socket"
    place.start()
    assert place.socket.parent.stat().st_mode & 0o777 == 0o700
    assert place.connect().list() == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_jobs_survive(place, how):
    c = place.start().connect()
    first, second = c.create("one"), c.create("two")
    c.add(second, ("http://127.0.0.1:9/a", "/tmp/a"))
    c.call("SetDescription", "ays", second, "kept")
    before = c.list()
    place.stop(how)
    c = place.start().connect()
    assert c.list() == before
    assert [j["id"] for j in before] == [first, second]
    assert c.files(second)[0]["remote"] == "http://127.0.0.1:9/a"


def test_many_kills_lose_no_acknowledged_job(place):
    made = []
    for round_ in range(10):
        c = place.start().connect()
        assert [j["id"] for j in c.list()] == made
        for i in range(5):
            made.append(c.create(f"job {round_} {i}"))
        place.stop(signal.SIGKILL)
    assert [j["id"] for j in place.start().connect().list()] == made


def test_nothing_is_kept_when_told_so(place):
    place.start("--no-persist").connect().create()
    assert not place.state.exists()
    assert place.connect().status()["jobs"] == 1
    place.stop()
    assert place.start("--no-persist").connect().list() == []


def test_a_second_service_leaves_at_once(service):
    other = Service(service.dir)
    other.socket = service.dir / "other"
    done = other.run(timeout=10)
    assert done.returncode == TAKEN
    assert f"pid {service.process.pid}" in done.stderr and str(service.socket) in done.stderr
    assert service.connect().list() == []
    assert not other.socket.exists()


def test_a_second_service_leaves_quietly_when_it_is_not_needed(service):
    started = time.monotonic()
    done = service.run("--if-needed")
    assert done.returncode == 0 and done.stderr == ""
    assert time.monotonic() - started < 5


def test_another_state_directory_does_not_help_at_the_same_socket(service):
    other = Service(service.dir)
    other.state = service.dir / "state2"
    done = other.run(timeout=10)
    assert done.returncode == TAKEN and "listens on" in done.stderr
    assert service.connect().list() == []


def test_under_another_address_the_same_service_is_found(service):
    """From cron there may be no XDG_RUNTIME_DIR, and the address is another one."""
    other = Service(service.dir)
    other.socket = service.dir / "tmp" / "socket"
    done = other.run("--if-needed")
    assert done.returncode == 0, done.stderr
    job = service.connect().create()
    assert [j["id"] for j in other.connect().list()] == [job]
    # A new one under the other address replaces the dead link.
    service.stop(signal.SIGKILL)
    assert [j["id"] for j in other.start().connect().list()] == [job]
    assert other.socket.is_socket() and not other.socket.is_symlink()
    other.close()


def test_racing_starts_make_one_service(place):
    for _ in range(5):
        racers = [subprocess.Popen(place.argv("--if-needed", "--idle-exit", "0"), env=place.env,
                                   stderr=subprocess.PIPE, text=True) for _ in range(8)]
        wait_until(lambda: sum(r.poll() is not None for r in racers) == 7, "seven to leave")
        left = [r for r in racers if r.poll() is not None]
        living = next(r for r in racers if r.poll() is None)
        assert [r.returncode for r in left] == [0] * 7, [r.stderr.read() for r in left]
        c = dbus_wire.Connection(place.socket)
        assert c.status()["pid"] == living.pid
        c.close()
        living.terminate()
        assert living.wait(30) == 0
        for r in racers:
            r.stderr.close()


def test_racing_without_permission_to_lose(place):
    racers = [subprocess.Popen(place.argv("--idle-exit", "0"), env=place.env,
                               stderr=subprocess.DEVNULL) for _ in range(4)]
    wait_until(lambda: sum(r.poll() is not None for r in racers) == 3, "three to leave")
    living = [r for r in racers if r.poll() is None]
    assert [r.returncode for r in racers if r.poll() is not None] == [TAKEN] * 3
    wait_until(place.socket.exists, "the socket")
    living[0].kill()
    living[0].wait()


def test_start_right_behind_the_end(place):
    """While the old one is still on its way out."""
    for _ in range(10):
        place.start()
        old = place.process
        old.terminate()
        place.start()
        assert old.wait(30) == 0
        assert place.connect().list() == []
        assert place.stop() == 0


def test_it_waits_for_the_workers_of_a_killed_service(place):
    place.start()
    place.stop(signal.SIGKILL)
    worker = open(place.state / "lock")
    fcntl.flock(worker, fcntl.LOCK_EX)  # as a worker that has not noticed yet
    thread = threading.Thread(target=place.start)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        dbus_wire.Connection(place.socket)
    worker.close()
    thread.join(30)
    assert not thread.is_alive()
    assert place.connect().list() == []


def test_a_dead_socket_is_replaced(place):
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(place.socket))
    s.close()
    assert place.start().connect().list() == []


def test_something_else_in_the_way_is_left_alone(place):
    place.socket.write_text("precious")
    done = place.run()
    assert done.returncode == 1 and "no socket" in done.stderr
    assert place.socket.read_text() == "precious"


def test_open_directories_are_refused(place):
    place.state.mkdir(mode=0o700)
    place.socket.parent.chmod(0o777)
    done = place.run()
    assert done.returncode == 1 and "not safe" in done.stderr and str(place.socket.parent) in done.stderr
    place.socket.parent.chmod(0o700)
    place.state.chmod(0o755)
    done = place.run()
    assert done.returncode == 1 and "chmod 700" in done.stderr


def read_report(place, *args):
    """What a bitsd that cannot start writes to the descriptor of its starter."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen([*place.argv(*args), "--ready-fd", str(write_end)], env=place.env,
                               stderr=subprocess.PIPE, pass_fds=[write_end], stdin=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as report:
        text = report.read()
    stderr = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 1
    return text.decode(), stderr


def test_the_starter_is_told_why_not(place):
    place.state.mkdir(mode=0o700)
    place.state.chmod(0o755)
    text, stderr = read_report(place)
    assert text.startswith("!") and "chmod 700" in text and "\n" not in text
    assert text[1:] == stderr.splitlines()[-1].removeprefix("bitsd: ")


def test_the_default_directory_must_be_closed_altogether(place):
    runtime = place.dir / "xdg"
    (runtime / "bitsd").mkdir(parents=True, mode=0o755)
    (runtime / "bitsd").chmod(0o755)
    argv = [BITSD, "--state-dir", str(place.state)]
    done = place.run(argv=argv, env={"XDG_RUNTIME_DIR": str(runtime)})
    assert done.returncode == 1 and "chmod 700" in done.stderr
    (runtime / "bitsd").chmod(0o700)
    place.socket = runtime / "bitsd" / "socket"
    place.start(argv=argv, env={"XDG_RUNTIME_DIR": str(runtime)})
    assert place.connect().list() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_directories_of_others_are_refused(place):
    place.state.mkdir(mode=0o700)
    os.chown(place.socket.parent, 12345, 12345)
    done = place.run()
    assert done.returncode == 1 and "not safe" in done.stderr
    os.chown(place.socket.parent, 0, 0)
    os.chown(place.state, 12345, 12345)
    done = place.run()
    assert done.returncode == 1 and "must belong to" in done.stderr


def test_a_damaged_queue_is_set_aside_and_told(place):
    place.start().connect().create()
    place.stop()
    database = place.state / "queue.db"
    database.write_bytes(b"SQLite format 3\0" + os.urandom(8000))
    c = place.start().connect()
    note = c.status()["store_note"]
    assert "damaged" in note and "set aside" in note
    assert note in place.log_text()
    assert c.list() == []
    job = c.create("after")
    place.stop()
    c = place.start().connect()
    assert [j["id"] for j in c.list()] == [job]
    assert c.status()["store_note"] == ""


def test_a_newer_queue_is_left_alone_and_told(place):
    import sqlite3
    place.start().connect().create()
    place.stop()
    database = place.state / "queue.db"
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    before = database.read_bytes()
    c = place.start().connect()
    assert "newer" in c.status()["store_note"]
    with pytest.raises(dbus_wire.CallError) as e:
        c.create()
    assert e.value.code is not None and "newer" in e.value.text
    place.stop()
    assert database.read_bytes() == before


def test_idle_exit(place):
    place.start(argv=place.argv("--idle-exit", "1"))
    assert place.wait() == 0
    assert not place.socket.exists()


def test_no_idle_exit_while_somebody_is_connected(place):
    place.start(argv=place.argv("--idle-exit", "1"))
    c = place.connect()
    with pytest.raises(subprocess.TimeoutExpired):
        place.process.wait(2.5)
    c.close()
    assert place.wait() == 0


def test_suspended_jobs_do_not_keep_it_and_are_there_again(place):
    place.start(argv=place.argv("--idle-exit", "1"))
    c = place.connect()
    job = c.create()
    c.close()
    assert place.wait() == 0
    assert place.start().connect().read(job)["state"] == SUSPENDED


def test_jobs_that_can_run_keep_it(place):
    place.start(argv=place.argv("--idle-exit", "1"))
    c = place.connect()
    job = c.create()
    c.add(job, ("http://127.0.0.1:9/a", str(place.dir / "a")))  # nobody listens there: it retries
    c.call("Resume", "ay", job)
    c.close()
    with pytest.raises(subprocess.TimeoutExpired):
        place.process.wait(2.5)


def test_clients_that_come_while_it_leaves_lose_nothing(place):
    """Each one either is served or finds nobody; none is let in and dropped."""
    services = []
    for i in range(12):
        directory = place.dir / f"s{i}"
        (directory / "run").mkdir(parents=True, mode=0o700)
        directory.chmod(0o700)
        services.append(Service(directory))
        services[-1].start(argv=services[-1].argv("--idle-exit", "1"))
    outcomes = []

    def come(service, after):
        time.sleep(after)  # not to wait for something: to meet the moment of leaving
        try:
            c = dbus_wire.Connection(service.socket)
        except (FileNotFoundError, ConnectionRefusedError):
            outcomes.append("nobody")
            return
        outcomes.append("served" if c.list() == [] else "?")
        c.close()

    threads = [threading.Thread(target=come, args=(s, 0.9 + i * 0.02)) for i, s in enumerate(services)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert len(outcomes) == len(services) and "?" not in outcomes
    assert [s.wait() for s in services] == [0] * len(services)


def listens(path):
    """A socket has its name a moment before anybody listens on it."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def test_a_vanished_socket_comes_back(service):
    """As when the last session ends and /run/user/UID is emptied."""
    held = service.connect()
    job = held.create()
    service.socket.unlink()
    service.socket.parent.rmdir()
    wait_until(lambda: listens(service.socket), "the socket to come back")
    assert [j["id"] for j in service.connect().list()] == [job]
    assert held.read(job)["id"] == job
    # And once more, so that the new directory is watched too.
    service.socket.rename(service.dir / "elsewhere")
    wait_until(lambda: listens(service.socket), "the socket to come back")
    assert [j["id"] for j in service.connect().list()] == [job]


def test_when_the_runtime_directory_is_gone_it_listens_elsewhere(place):
    runtime = place.dir / "xdg"
    runtime.mkdir(mode=0o700)
    env = {"XDG_RUNTIME_DIR": str(runtime)}
    argv = [BITSD, "--state-dir", str(place.state), "--idle-exit", "0"]
    place.socket = runtime / "bitsd" / "socket"
    place.start(argv=argv, env=env)
    held = place.connect()
    job = held.create()
    place.socket.unlink()
    place.socket.parent.rmdir()
    runtime.rmdir()
    fallback = place.dir / f"bitsd-{os.geteuid()}" / "socket"
    wait_until(lambda: listens(fallback), "a socket elsewhere")
    # The next log-in: the directory is back, and the living service is found from it.
    runtime.mkdir(mode=0o700)
    done = place.run(argv=[*argv, "--if-needed"], env=env)
    assert done.returncode == 0, done.stderr
    assert [j["id"] for j in place.connect().list()] == [job]


ACTIVATE = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
pid = os.fork()
if pid == 0:
    os.dup2(s.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execv(sys.argv[2], sys.argv[2:])
c = socket.socket(socket.AF_UNIX)
c.connect(sys.argv[1])
c.sendall(b"\\0AUTH EXTERNAL\\r\\nDATA\\r\\n")
print(c.recv(100))
c.close()
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), os.path.exists(sys.argv[1]))
"""


def test_a_socket_handed_over_is_used_and_left(place):
    done = subprocess.run([sys.executable, "-c", ACTIVATE, str(place.socket), BITSD, "--state-dir",
                           str(place.state), "--idle-exit", "1"], env=place.env, text=True,
                          capture_output=True, timeout=60)
    lines = done.stdout.splitlines()
    assert "OK " in lines[0] or "DATA" in lines[0], done.stderr
    assert lines[1] == "0 True", done.stderr


def test_the_configuration_is_read_and_read_again(place):
    config = place.dir / "bitsd.conf"
    config.write_text("[Policy]\nMaxJobsPerUser=2\n[Service]\nIdleExitSec=0\n")
    place.start(argv=place.argv("--config", config))
    c = place.connect()
    assert c.status()["max_jobs_per_user"] == 2
    c.create()
    c.create()
    if os.geteuid() != 0:  # administrators are exempt
        with pytest.raises(dbus_wire.CallError) as e:
            c.create()
        assert e.value.code == 0x80200049 and "2 jobs per user (MaxJobsPerUser)" in e.value.text
    config.write_text("[Policy]\nMaxJobsPerUser=3\n[Service]\nIdleExitSec=1\n")
    place.process.send_signal(signal.SIGHUP)
    wait_until(lambda: c.status()["max_jobs_per_user"] == 3, "the new configuration")
    config.unlink()
    place.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "stays as it was" in place.log_text(), "the refusal")
    assert c.status()["max_jobs_per_user"] == 3
    c.close()
    assert place.wait() == 0


def test_a_configuration_that_is_not_there_is_refused(place):
    done = place.run("--config", "/nonexistent/bitsd.conf")
    assert done.returncode == CONFIG and "/nonexistent/bitsd.conf" in done.stderr
    # And it can start afterwards: nothing was left locked.
    assert place.start().connect().list() == []


def test_it_tells_its_service_manager(place):
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox.bind(str(place.dir / "notify"))
    inbox.settimeout(30)
    place.start(env={"NOTIFY_SOCKET": str(place.dir / "notify")})
    assert b"READY=1" in inbox.recv(4096)
    place.process.send_signal(signal.SIGHUP)
    assert b"RELOADING=1" in inbox.recv(4096)
    assert b"READY=1" in inbox.recv(4096)
    place.process.terminate()
    assert b"STOPPING=1" in inbox.recv(4096)
    inbox.close()


def test_the_watchdog_is_fed(place):
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox.bind(str(place.dir / "notify"))
    inbox.settimeout(30)
    place.start(env={"NOTIFY_SOCKET": str(place.dir / "notify"), "WATCHDOG_USEC": "400000"})
    seen = b""
    while b"WATCHDOG=1" not in seen:
        seen += inbox.recv(4096)
    inbox.close()


def test_no_core_dump_and_no_debugger(service):
    if os.environ.get("BITSD_SANITIZED") == "1":
        pytest.skip("the leak check must look inside")
    # A process that may not be dumped belongs to root in /proc, and others may not look into it.
    # What may not be dumped belongs to root in /proc, whoever runs it.
    assert pathlib.Path(f"/proc/{service.process.pid}/environ").stat().st_uid == 0
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            pathlib.Path(f"/proc/{service.process.pid}/environ").read_bytes()
