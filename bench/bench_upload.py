# SPDX-License-Identifier: Apache-2.0
"""Sending: one large file through bitsd to bitssrv against curl to nginx, many small ones, and the long
version of the fault test."""
import os
import re
import statistics
import subprocess
import sys
import time

from bench_server import Bitssrv, NginxDav
from harness import ROOT, Service, in_turn, median, memory_kib, time_command, wait_for, work_dir

GIB = 1 << 30
SMALL_FILES, SMALL_BYTES = 1000, 16 * 1024
PROTOCOL_REQUESTS = 3  # Create-Session, one Fragment, Close-Session
FAULT_RUNS = 200


def empty(directory):
    for path in directory.iterdir():
        path.unlink()


def large_file(build, work, runs, report):
    """1 GiB as an upload job against `curl -T`. On tmpfs it is moving bytes that is timed; on disk curl
    is given the same promise (data on disk before it says done), since bitssrv never acknowledges a
    file before."""
    for label, where in (("tmpfs", "/dev/shm"), ("disk", None)):
        with work_dir(where) as directory:
            one_place(build, directory, runs, report, label)


def one_place(build, work, runs, report, label):
    source = work / "big.bin"
    with open(source, "wb") as f:
        block = os.urandom(1 << 20)
        for _ in range(GIB >> 20):
            f.write(block)
    server, nginx, service = Bitssrv(build, work), NginxDav(work), Service(build, work)
    service.start()
    peaks = {}

    def prepare():
        empty(server.root)
        empty(nginx.root)
        os.sync()

    def ours():
        done = time_command([service.ctl, "put", "--priority", "foreground", str(source),
                             f"http://127.0.0.1:{server.port}/big.bin"], service.env, service)
        for pid in service.processes():
            peaks[pid] = memory_kib(pid, "VmHWM") / 1024
        return done

    curl = f"curl -sS -f -H Expect: -T '{source}' http://127.0.0.1:{nginx.port}/big.bin"
    contenders = {
        "bitsctl put to bitssrv": ours,
        "curl -T to nginx": lambda: time_command(["sh", "-c", curl]),
    }
    peer = "curl -T to nginx"
    if label == "disk":
        peer = "curl -T to nginx, then sync"
        contenders[peer] = lambda: time_command(["sh", "-c", f"{curl} && sync '{nginx.root}/big.bin'"])
    results = in_turn(runs, contenders, prepare)
    report.title(f"upload of 1 GiB, client and server on one machine, on {label}")
    for name, done in results.items():
        report.add(f"{name}: wall", median(done, "wall"), "s")
        report.add(f"{name}: CPU of the client", median(done, "cpu"), "s")
    ours_wall = median(results["bitsctl put to bitssrv"], "wall")
    report.add(f"throughput / {peer}", median(results[peer], "wall") / ours_wall, "×", (">=", 0.8))
    if label == "disk":
        report.add("throughput / curl -T to nginx (its bytes not on disk)",
                   median(results["curl -T to nginx"], "wall") / ours_wall, "×")
    report.add("peak RSS, largest process (bitsd or its worker)", max(peaks.values()), "MiB", ("<=", 16))
    report.add("peak RSS of bitssrv", memory_kib(server.process.pid, "VmHWM") / 1024, "MiB", ("<=", 12))
    service.stop()
    nginx.close()
    server.close()


def huge_file(build, work, runs, report):
    """5 GiB, over every limit of 32 bits, once; a marker at each place where a count could wrap."""
    source, size = work / "huge.bin", 5 * GIB
    marks = [0, GIB * 2 - 3, GIB * 4 - 3, size - 7]
    with open(source, "wb") as f:
        f.truncate(size)
        for mark in marks:
            f.seek(mark)
            f.write(b"%07d" % (mark % 10_000_000))
    server, service = Bitssrv(build, work), Service(build, work)
    service.start()
    done = time_command([service.ctl, "put", "--priority", "foreground", str(source),
                         f"http://127.0.0.1:{server.port}/"], service.env, service)
    wrong = (server.root / "huge.bin").stat().st_size != size
    with open(server.root / "huge.bin", "rb") as f:
        for mark in marks:
            f.seek(mark)
            wrong += f.read(7) != b"%07d" % (mark % 10_000_000)
    report.title("upload of a sparse file of 5 GiB")
    report.add("rate", size / (1 << 20) / done.wall, "MiB/s")
    report.add("places that are wrong", int(wrong), "", ("<=", 0))
    service.stop()
    server.close()


def small_files(build, work, runs, report):
    """1,000 jobs of 16 KiB each beside curl: a process for each file, and one process for all."""
    source, log = work / "small", work / "access.log"
    source.mkdir()
    for number in range(SMALL_FILES):
        (source / f"{number}.bin").write_bytes(os.urandom(SMALL_BYTES))
    server, nginx = Bitssrv(build, work, options=["--access-log", log]), NginxDav(work)
    service = Service(build, work)
    service.start()
    theirs = f"http://127.0.0.1:{nginx.port}"
    ours = f"http://127.0.0.1:{server.port}"
    contenders = {
        "bitsctl put --detach, a process a file": (server, lambda: shell(
            service, f'for f in "{source}"/*; do "{service.ctl}" put --detach -q --priority foreground '
                     f'"$f" {ours}/; done')),
        "curl -T, a process a file": (nginx, lambda: shell(
            service, f'for f in "{source}"/*; do curl -sS -f -T "$f" {theirs}/; done')),
        "libbits, one process": (server, lambda: shell(
            service, f'"{build}/bench/fill" --upload {SMALL_FILES} {ours} "{source}"')),
        "curl -T, one process": (nginx, lambda: shell(
            service, f'curl -sS -f -T "{{$(ls "{source}" | sed "s#^#{source}/#" | paste -sd,)}}" {theirs}/')),
    }
    rates = {name: [] for name in contenders}
    uploads = 0
    for _ in range(min(runs, 3)):
        for name, (peer, action) in contenders.items():
            empty(peer.root)
            rates[name].append(SMALL_FILES / until_all_there(service, peer, action))
            uploads += SMALL_FILES * (peer is server)
    packets = sum(1 for line in open(log) if "BITS_POST" in line)
    report.title(f"{SMALL_FILES} uploads of {SMALL_BYTES} bytes")
    for name, found in rates.items():
        report.add(name, statistics.median(found), "1/s")
    report.add("requests for each upload (the protocol needs 3)", packets / uploads, "",
               ("<=", PROTOCOL_REQUESTS + 1))
    service.stop()
    nginx.close()
    server.close()


def shell(service, script):
    subprocess.run(["sh", "-c", script], env=service.env, check=True, stdout=subprocess.DEVNULL)


def until_all_there(service, peer, action):
    """Seconds until every file is under its name and no job is left."""
    started = time.monotonic()
    action()
    wait_for(lambda: sum(not name.startswith(".") for name in os.listdir(peer.root)) == SMALL_FILES,
             "the files", 300)
    wait_for(lambda: not service.run("list", "-q").stdout.strip(), "the end of the jobs", 60)
    return time.monotonic() - started


def faults(build, work, runs, report):
    """200 uploads under cut lines, swallowed Acks and kill -9 of either side."""
    done = subprocess.run(
        ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
         "--basetemp", str(work / "faults"), "-k", "random", str(ROOT / "tests/e2e/test_upload_faults.py")],
        env=dict(os.environ, BITSD_BUILD=str(build), BITSD_FAULT_RUNS=str(FAULT_RUNS)),
        capture_output=True, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    failed = re.search(r"(\d+) failed", done.stdout)
    report.title(f"{FAULT_RUNS} uploads in batches of 20, random cuts, lost Acks, kill -9 of either side")
    report.add("batches with a file, reply or notification that is wrong",
               int(failed[1]) if failed else int(done.returncode != 0), "", ("<=", 0))
