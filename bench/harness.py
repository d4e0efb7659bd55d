# SPDX-License-Identifier: Apache-2.0
"""What every benchmark needs: a private nginx, a private bitsd, and honest figures. Commands are run
in turn (A B A B …), medians are compared, CPU time counts the client and every process of ours."""
import atexit
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """nginx on loopback, serving one directory; as an ordinary user or as root."""

    def __init__(self, work, root):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        conf = work / "nginx.conf"
        paths = "\n".join(f"  {kind}_temp_path {work}/ngx-{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(f"""
worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/nginx.err;
{'user root;' if os.geteuid() == 0 else ''}
events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
{paths}
  server {{ listen 127.0.0.1:{self.port}; root {root}; }} }}
""")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([nginx, "-p", str(work), "-c", str(conf)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(self.process.terminate)  # also when a benchmark raises
        wait_for(lambda: can_connect(self.port), "nginx")

    def close(self):
        self.process.terminate()
        self.process.wait()


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.002)


class Service:
    """A private bitsd: its own socket and state directory; nothing of the user's is touched."""

    def __init__(self, build, work, name="svc"):
        self.build = build
        self.dir = work / name
        self.dir.mkdir(mode=0o700, exist_ok=True)
        self.env = dict(os.environ, BITSD_SOCKET=str(self.dir / "socket"),
                        BITSD_STATE_DIR=str(self.dir / "state"), BITSD_AUTOSTART="0",
                        HOME=str(self.dir), XDG_CONFIG_HOME=str(self.dir))
        self.ctl = str(build / "src/cli/bitsctl")
        self.process = None

    def start(self):
        """Seconds from exec until the service answers that it is ready."""
        started = time.monotonic()
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            [str(self.build / "src/daemon/bitsd"), "--user", "--idle-exit", "0", "--ready-fd", str(write_end)],
            env=self.env, pass_fds=[write_end], stdout=subprocess.DEVNULL,
            stderr=open(self.dir / "log", "ab"))
        atexit.register(self.process.kill)
        os.close(write_end)
        if os.read(read_end, 1) == b"":
            raise RuntimeError("bitsd did not start:\n" + (self.dir / "log").read_text())
        os.close(read_end)
        return time.monotonic() - started

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def processes(self):
        """Pids of bitsd and its workers."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid] + [int(pid) for pid in children.read_text().split()]

    def cpu(self):
        return {pid: process_cpu(pid) for pid in self.processes()}

    def run(self, *args, **kwargs):
        return subprocess.run([self.ctl, *map(str, args)], env=self.env, check=True, text=True,
                              capture_output=True, **kwargs)


def process_cpu(pid):
    """CPU seconds of a process, to the nanosecond where the kernel keeps them."""
    with contextlib.suppress(OSError, ValueError):
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        return total / 1e9
    return 0.0


def memory_kib(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


class Run:
    """One finished command: wall and CPU seconds."""

    def __init__(self, wall, cpu):
        self.wall, self.cpu = wall, cpu


def time_command(argv, env=None, service=None):
    before = service.cpu() if service else {}
    started = time.monotonic()
    process = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {errors.decode()[-2000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    if service:
        after = service.cpu()
        cpu += sum(seconds - before.get(pid, 0) for pid, seconds in after.items())
    return Run(wall, cpu)


def in_turn(runs, contenders, prepare):
    """{name: [Run]}: every contender once per round, prepare() before each, one warm-up round."""
    results = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, action in contenders.items():
            prepare()
            done = action()
            if turn:
                results[name].append(done)
    return results


def median(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


class Report:
    """Rows of figures with their bars; prints a table and keeps JSON."""

    def __init__(self):
        self.rows = []

    def add(self, what, value, unit="", bar=None, note=""):
        """bar: (operator, limit) or None when there is no bar for it."""
        held = None if bar is None else (value <= bar[1] if bar[0] == "<=" else value >= bar[1])
        self.rows.append(dict(what=what, value=value, unit=unit, held=held, note=note,
                              bar=f"{bar[0]} {bar[1]:g}" if bar else ""))
        mark = {None: " ", True: "ok", False: "NO"}[held]
        bar_text = f"{bar[0]} {bar[1]:g}" if bar else ""
        print(f"  {what:<58} {value:>9.3g} {unit:<5} {bar_text:<8} {mark:<2} {note}".rstrip(), flush=True)

    def title(self, text):
        print(f"\n{text}", flush=True)

    def all_held(self):
        return all(row["held"] is not False for row in self.rows)


@contextlib.contextmanager
def work_dir(where=None):
    path = pathlib.Path(tempfile.mkdtemp(prefix="bitsd-bench-", dir=where))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
