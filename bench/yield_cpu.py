# SPDX-License-Identifier: Apache-2.0
"""What control costs: CPU seconds of bitsd, its worker and bitsctl for 1 GiB over loopback, with the controller
forced on and with none; down from nginx, up to bitssrv."""
import time

from bench_server import Bitssrv
from harness import Nginx, Service, in_turn, time_command, work_dir

GIB = 1 << 30
SETTINGS = {"controlled": "Background = adaptive\nControlLoopback = yes\n", "uncontrolled": "Background = off\n"}
ROWS = {"cpu/loopback/down": "down", "cpu/loopback/up": "up"}


def start(build, work, name):
    service = Service(build, work, f"svc-{name}")
    (service.dir / "bitsd").mkdir()
    (service.dir / "bitsd/bitsd.conf").write_text("[Bandwidth]\n" + SETTINGS[name])
    service.start()
    return service


class Down:
    def __init__(self, build, work):
        root = work / "www"
        root.mkdir()
        with open(root / "big.bin", "wb") as f:
            f.truncate(GIB)
        self.peer, self.out = Nginx(work, root), work / "out.bin"

    def arguments(self):
        return ["get", "--priority", "normal", f"{self.peer.url}/big.bin", "-o", str(self.out)]

    def prepare(self):
        self.out.unlink(missing_ok=True)


class Up:
    def __init__(self, build, work):
        self.peer, self.source = Bitssrv(build, work), work / "big.bin"
        with open(self.source, "wb") as f:
            f.truncate(GIB)

    def arguments(self):
        return ["put", "--priority", "normal", str(self.source), f"http://127.0.0.1:{self.peer.port}/big.bin"]

    def prepare(self):
        (self.peer.root / "big.bin").unlink(missing_ok=True)


def ratios(build, runs, way):
    """Controlled / uncontrolled, a value for each pair of runs; `way` is "down" or "up". On tmpfs: the disk is not
    the question."""
    with work_dir("/dev/shm") as work:
        bed = {"down": Down, "up": Up}[way](build, work)
        services = {name: start(build, work, name) for name in SETTINGS}

        def contender(service):
            return lambda: time_command([service.ctl, *bed.arguments()], service.env, service)

        began = time.monotonic()
        results = in_turn(runs, {name: contender(service) for name, service in services.items()}, bed.prepare)
        for service in services.values():
            service.stop()
        bed.peer.close()
    walls = {name: sum(run.wall for run in done) / len(done) for name, done in results.items()}
    cpus = {name: sum(run.cpu for run in done) / len(done) for name, done in results.items()}
    print(f"  CPU of 1 GiB on loopback, {way}: controlled {cpus['controlled']:.2f} s in {walls['controlled']:.2f} s, uncontrolled "
          f"{cpus['uncontrolled']:.2f} s in {walls['uncontrolled']:.2f} s ({time.monotonic() - began:.0f} s to measure)")
    return [a.cpu / b.cpu for a, b in zip(results["controlled"], results["uncontrolled"])]
