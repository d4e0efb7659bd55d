# SPDX-License-Identifier: Apache-2.0
"""The queue: making jobs, holding ten thousand of them, and costing nothing while idle."""
import os
import pathlib
import socket
import statistics
import subprocess
import threading
import time

from harness import Service, memory_kib

JOBS, MANY = 1000, 10000


class SilentServer:
    """Accepts and never answers, so that the first job keeps trying and all others stay queued."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.kept = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                self.kept.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.close()


def fill(build, service, count, url, target):
    """bench/fill: create, add a file, resume, `count` times over one connection; seconds it took."""
    out = subprocess.run([str(build / "bench/fill"), str(count), url, str(target)], env=service.env,
                         check=True, capture_output=True, text=True)
    return float(out.stdout)


def create_jobs(build, work, runs, report):
    seconds = []
    for number in range(runs):
        server = SilentServer()
        service = Service(build, work, f"svc{number}")
        service.start()
        seconds.append(fill(build, service, JOBS, server.url, work))
        service.stop()
        server.close()
    report.title(f"{JOBS} jobs with a file each: created, added to, resumed; every one durable")
    report.add("one client", statistics.median(seconds), "s", ("<=", 0.8))


def ten_thousand(build, work, runs, report):
    server = SilentServer()
    service = Service(build, work)
    service.start()
    fill(build, service, MANY, server.url, work)
    report.title(f"{MANY} queued jobs")
    listing = [list_seconds(build, service) for _ in range(runs)]
    report.add("list, one call of the library", statistics.median(listing) * 1000, "ms", ("<=", 60))
    report.add("bitsctl list -q, whole process", statistics.median(
        [whole_list(service) for _ in range(runs)]) * 1000, "ms")
    service.stop()
    starts = []
    for _ in range(runs):
        starts.append(service.start())
        service.stop()
    report.add("restart to ready", statistics.median(starts), "s", ("<=", 0.4))
    service.start()
    list_seconds(build, service)
    report.add("RSS of bitsd", memory_kib(service.process.pid, "VmRSS") / 1024, "MiB", ("<=", 40))
    time.sleep(3)  # let start-up work end before wake-ups are counted
    before = wakeups(service)
    time.sleep(10)
    report.add("wake-ups of bitsd in 10 s", wakeups(service) - before, "", ("<=", 0))
    service.stop()
    server.close()


def list_seconds(build, service):
    out = subprocess.run([str(build / "bench/fill"), "--list"], env=service.env, check=True,
                         capture_output=True, text=True)
    return float(out.stdout)


def whole_list(service):
    started = time.monotonic()
    service.run("list", "-q")
    return time.monotonic() - started


def wakeups(service):
    status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if "voluntary_ctxt_switches" in line
               and not line.startswith("nonvoluntary"))


def idle_memory(build, work, runs, report):
    service = Service(build, work)
    service.start()
    service.run("status")
    report.title("idle")
    report.add("RSS of bitsd", memory_kib(service.process.pid, "VmRSS") / 1024, "MiB", ("<=", 8))
    report.add("processes", len(service.processes()))
    service.stop()
