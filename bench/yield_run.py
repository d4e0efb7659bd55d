#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One run, inside the enclosure of yield_bed.py. Usage: yield_run.py BUILD WORK; reads WORK/spec.json,
writes WORK/record.json: when what happened (microseconds of the monotonic clock), the emulator's series, the probe."""
import json
import pathlib
import subprocess
import sys
import threading
import time

import yield_actors as actors
from yield_bed import Line, real_time


def sleep_until(t0, seconds):
    time.sleep(max(t0 + seconds - time.monotonic(), 0))


class Watcher:
    """Asks bitsd twice a second what its governor does, where it can say so."""

    def __init__(self, service):
        self.service, self.rows, self.ending = service, [], threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.ending.wait(0.5):
            done = self.service.run("top", "-j", "--once")
            if done.returncode:
                return
            self.rows.append([actors.mono_usec(), done.stdout])

    def close(self):
        self.ending.set()
        self.thread.join(5)
        return self.rows


def main():
    build, work = map(pathlib.Path, sys.argv[1:3])
    spec = json.loads((work / "spec.json").read_text())
    place = work / "inside"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    begin, end, stop = spec["timeline"]
    size = int(spec["mbit"] * 125000 * (stop + 10))
    line = Line(spec, build, place)
    actors.Servers(line, build, place, size)
    if spec["way"] == "up":
        actors.sparse(place / "upload.bin", size)
    hosts = {"a": 1, "b": 5} if spec["instances"] == 2 else {"a": 1}
    services = {host: actors.Bitsd(line, host, k, build, place, spec["priority"]) if spec["scheme"] == "bitsd" else None
                for host, k in hosts.items()}
    probe = actors.Probe(line, build, place, real_time())
    foreground = actors.Foreground(spec, line, build, place, "b" if spec["place"] == "router" else "a")
    time.sleep(1.0)  # the probe learns the base delay
    t0, started = time.monotonic(), actors.mono_usec()
    record = {"spec": spec, "start": started, "begin": started + int(begin * 1e6), "end": started + int(end * 1e6)}
    running = []

    def start_background():
        for n, (host, k) in enumerate(hosts.items()):
            sleep_until(t0, 10 * n)  # the second instance comes ten seconds later
            if spec["scheme"] != "nobody":
                running.append(actors.start_background(spec["scheme"], spec, line, build, place, host, k, services[host], size))

    if not spec["late_sec"]:
        start_background()
    watcher = Watcher(services["a"]) if services["a"] and spec["watch"] else None
    sleep_until(t0, begin)
    if spec["foreground"] != "none":
        foreground.start()
    if spec["late_sec"]:
        sleep_until(t0, begin + spec["late_sec"])
        start_background()
    sleep_until(t0, end)
    foreground.stop()
    sleep_until(t0, stop)
    record["stop"] = actors.mono_usec()
    record["states"] = [b.state() for b in running]
    record["probe"], record["web"] = probe.close(), foreground.web
    line.close()
    record["watch"] = watcher.close() if watcher else []
    record["series"] = [row.split() for row in line.series.read_text().splitlines()]
    for service in filter(None, services.values()):
        record.setdefault("logs", []).append((service.dir / "log").read_text(errors="replace")[-4000:])
    (work / "record.json").write_text(json.dumps(record))
    if spec["scheme"] != "nobody" and set(record["states"]) != {"running"}:
        sys.exit(f"the background did not run to the end: {record['states']}; {record.get('logs')}")


if __name__ == "__main__":
    main()
