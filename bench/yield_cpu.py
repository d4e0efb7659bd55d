# SPDX-License-Identifier: Apache-2.0
"""What control costs: CPU seconds of bitsd, its worker and bitsctl for 1 GiB from nginx on loopback, with the
controller forced on and with none."""
import time

from harness import Nginx, Service, in_turn, time_command, work_dir

GIB = 1 << 30
SETTINGS = {"controlled": "Background = adaptive\nControlLoopback = yes\n", "uncontrolled": "Background = off\n"}


def start(build, work, name):
    service = Service(build, work, f"svc-{name}")
    (service.dir / "bitsd").mkdir()
    (service.dir / "bitsd/bitsd.conf").write_text("[Bandwidth]\n" + SETTINGS[name])
    service.start()
    return service


def ratios(build, runs):
    """Controlled / uncontrolled, a value for each pair of runs. On tmpfs: the disk is not the question."""
    with work_dir("/dev/shm") as work:
        (work / "www").mkdir()
        with open(work / "www/big.bin", "wb") as f:
            f.truncate(GIB)
        nginx = Nginx(work, work / "www")
        services = {name: start(build, work, name) for name in SETTINGS}
        out = work / "out.bin"

        def contender(service):
            return lambda: time_command([service.ctl, "get", "--priority", "normal", f"{nginx.url}/big.bin", "-o", str(out)],
                                        service.env, service)

        began = time.monotonic()
        results = in_turn(runs, {name: contender(service) for name, service in services.items()},
                          lambda: out.unlink(missing_ok=True))
        for service in services.values():
            service.stop()
        nginx.close()
    walls = {name: sum(run.wall for run in done) / len(done) for name, done in results.items()}
    cpus = {name: sum(run.cpu for run in done) / len(done) for name, done in results.items()}
    print(f"  CPU of 1 GiB on loopback: controlled {cpus['controlled']:.2f} s in {walls['controlled']:.2f} s, uncontrolled "
          f"{cpus['uncontrolled']:.2f} s in {walls['uncontrolled']:.2f} s ({time.monotonic() - began:.0f} s to measure)")
    return [a.cpu / b.cpu for a, b in zip(results["controlled"], results["uncontrolled"])]
