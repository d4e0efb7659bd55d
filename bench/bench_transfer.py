# SPDX-License-Identifier: Apache-2.0
"""Moving bytes: one large file against curl, many small ones against aria2, curl and wget2."""
import os
import pathlib
import shutil
import subprocess

from harness import Nginx, Run, Service, in_turn, median, memory_kib, time_command, work_dir

GIB = 1 << 30
SMALL_FILES, SMALL_BYTES, PARALLEL = 5000, 4096, 6


def single_file(build, work, runs, report):
    """1 GiB from loopback nginx. On tmpfs it is moving bytes that is timed; on disk curl is given the
    same promise (data on disk before it says done), since bitsd never calls a file done before."""
    source = work / "www"
    source.mkdir()
    with open(source / "big.bin", "wb") as f:
        block = os.urandom(1 << 20)
        for _ in range(GIB >> 20):
            f.write(block)
    nginx = Nginx(work, source)
    for label, where in (("tmpfs", "/dev/shm"), ("disk", None)):
        with work_dir(where) as target:
            one_target(build, work, runs, report, nginx.url + "/big.bin", label, target)
    nginx.close()


def one_target(build, work, runs, report, url, label, target):
    service = Service(build, work, f"svc-{label}")
    service.start()
    out = target / "big.bin"

    def prepare():
        out.unlink(missing_ok=True)
        os.sync()

    def curl():
        return time_command(["curl", "-sS", "-o", str(out), url])

    def curl_synced():
        return time_command(["sh", "-c", f"curl -sS -o '{out}' '{url}' && sync '{out}'"])

    def ours():
        return time_command([service.ctl, "get", "--priority", "foreground", url, "-o", str(out)],
                            service.env, service)

    contenders = {"bitsctl get": ours, "curl": curl}
    if label == "disk":
        contenders["curl + sync"] = curl_synced
    results = in_turn(runs, contenders, prepare)
    pids = service.processes()
    peaks = [memory_kib(pid, "VmHWM") / 1024 for pid in pids]
    report.title(f"1 GiB from loopback nginx to {label}")
    for name, done in results.items():
        report.add(f"{name}: wall", median(done, "wall"), "s")
        report.add(f"{name}: CPU (client and service)", median(done, "cpu"), "s")
    peer = "curl" if label == "tmpfs" else "curl + sync"
    ours_runs, peer_runs = results["bitsctl get"], results[peer]
    report.add(f"wall / {peer}", median(ours_runs, "wall") / median(peer_runs, "wall"), "×", ("<=", 1.10))
    report.add(f"CPU / {peer}", median(ours_runs, "cpu") / median(peer_runs, "cpu"), "×", ("<=", 1.15))
    if label == "disk":
        report.add("wall / curl without sync", median(ours_runs, "wall") / median(results["curl"], "wall"), "×")
    report.add("peak RSS, largest process (bitsd or its worker)", max(peaks), "MiB", ("<=", 16))
    report.add("peak RSS of bitsd itself", peaks[0], "MiB", ("<=", 16))
    service.stop()


def small_files(build, work, runs, report):
    """5,000 × 4 KiB in one job, create to visible and durable; equal parallelism for all."""
    source, target = work / "www", work / "out"
    source.mkdir()
    for number in range(SMALL_FILES):
        (source / f"{number:05}.bin").write_bytes(os.urandom(SMALL_BYTES))
    nginx = Nginx(work, source)
    urls = [f"{nginx.url}/{n:05}.bin" for n in range(SMALL_FILES)]
    (work / "urls").write_text("\n".join(urls) + "\n")
    (work / "pairs").write_text("".join(f"{url} {target}/{url[-9:]}\n" for url in urls))
    (work / "curl").write_text("".join(f'url="{url}"\noutput="{target}/{url[-9:]}"\n' for url in urls))
    service = Service(build, work)
    service.start()

    def prepare():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        os.sync()

    def verified(done: Run):
        count = sum(1 for p in target.iterdir() if p.stat().st_size == SMALL_BYTES)
        assert count == SMALL_FILES, f"{count} files are right"
        return done

    contenders = {
        "bitsctl get": lambda: verified(time_command(
            [service.ctl, "get", "--priority", "foreground", "--from", str(work / "pairs")],
            service.env, service)),
        "aria2c -i": lambda: verified(time_command(
            ["aria2c", "-q", f"-j{PARALLEL}", "-x1", "-i", str(work / "urls"), "-d", str(target),
             "--file-allocation=none"])),
        "curl -Z": lambda: verified(time_command(
            ["curl", "-sS", "-Z", "--parallel-max", str(PARALLEL), "-K", str(work / "curl")])),
        "wget2": lambda: verified(time_command(
            ["wget2", "-q", f"--max-threads={PARALLEL}", "-i", str(work / "urls"), "-P", str(target)])),
    }
    results = in_turn(runs, contenders, prepare)
    report.title(f"{SMALL_FILES} × {SMALL_BYTES} bytes in one job, {PARALLEL} at a time (only bitsd's are durable)")
    for name, done in results.items():
        report.add(f"{name}: wall", median(done, "wall"), "s")
    ours = median(results["bitsctl get"], "wall")
    report.add("wall / aria2c -i", ours / median(results["aria2c -i"], "wall"), "×", ("<=", 1.0))
    report.add("wall / curl -Z", ours / median(results["curl -Z"], "wall"), "×")
    report.add("wall / wget2", ours / median(results["wget2"], "wall"), "×")
    service.stop()
    nginx.close()
