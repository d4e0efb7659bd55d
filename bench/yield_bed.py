# SPDX-License-Identifier: Apache-2.0
"""The place where yield's runs happen: namespaces for process ids, mounts and networks that end with
the process that started them (also when that one is killed), and the emulated line inside."""
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BASE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--mount", "--fork", "--kill-child",
        "--mount-proc"]
TRIAL = "mount -t tmpfs none /run && ip netns add trial && ip -n trial tuntap add dev line mode tun"


def enclosure():
    """The command in front of what runs inside: as root, else as root of a namespace of users."""
    return BASE if os.geteuid() == 0 else [*BASE, "--user", "--map-root-user"]


@functools.cache
def unavailable():
    """Why nothing can be measured here, or None."""
    missing = [p for p in ("unshare", "nsenter", "setpriv", "ip", "curl", "openssl") if not shutil.which(p)]
    if not (shutil.which("nginx") or os.path.exists("/usr/sbin/nginx")):
        missing.append("nginx")
    if missing:
        return "not installed: " + ", ".join(missing)
    try:
        done = subprocess.run([*enclosure(), "sh", "-c", TRIAL], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no network namespace: {error}"
    if done.returncode:
        return "no network namespace with a TUN device may be made here: " + (done.stderr.strip() or done.stdout.strip())
    return None


@functools.cache
def real_time():
    """Words that give a program real-time priority, where that is allowed; delays are only as good
    as the emulator is punctual."""
    words = ["chrt", "-f", "50"]
    try:
        return words if subprocess.run([*words, "true"], capture_output=True).returncode == 0 else []
    except OSError:
        return []


class Line:
    """Inside the enclosure: the namespaces `s` (servers), `a` (the host of the background) and `b` (another host behind the
    same router), and link_emulator between them. 10.9.0.K is where class K is served; the source address
    for it is 10.9.1.K on host a, 10.9.2.K on b. Class 1 is the background, 2 the foreground, 3 the probe, 4 datagrams,
    5 a second background. Congestion control hangs on the routes, at both ends."""

    HOSTS = {"a": 1, "b": 2}

    def __init__(self, spec, build, work):
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
        for name in ("s", *self.HOSTS):
            subprocess.run(["ip", "netns", "add", name], check=True)
        self.series = work / "series"
        rate = spec["mbit"] * 125000
        queue = max(int(rate * spec["queue_ms"] / 1000), 3100)
        read_end, write_end = os.pipe()
        argv = [*real_time(), str(build / "bench/link_emulator"), "--server", "/run/netns/s"]
        for name in self.HOSTS:
            argv += ["--host", f"/run/netns/{name}"]
        numbers = {"rate-down": int(rate), "rate-up": int(rate), "queue-down": queue, "queue-up": queue,
                   "delay-usec": int(spec["base_ms"] * 500), "jitter-usec": int(spec["jitter_ms"] * 1000),
                   "loss-ppm": int(spec["loss_percent"] * 10000), "ready-fd": write_end}
        argv += [f"--{name}={value}" for name, value in numbers.items()] + ["--series", str(self.series)]
        self.emulator = subprocess.Popen(argv + (["--fq-codel"] if spec["fq_codel"] else []), pass_fds=[write_end])
        os.close(write_end)
        if os.read(read_end, 1) == b"":
            raise RuntimeError("the emulator did not start")
        os.close(read_end)
        self.configure(spec)

    def configure(self, spec):
        control = {1: spec["bg_cc"], 2: spec["cc"], 5: spec["bg_cc"]}
        server = ["link set lo up", "link set line up txqueuelen 5000"]
        server += [f"addr add 10.9.0.{k}/24 dev line" for k in range(1, 6)]
        for name, number in self.HOSTS.items():
            host = ["link set lo up", "link set line up txqueuelen 5000"]
            host += [f"addr add 10.9.{number}.{k}/24 dev line" for k in range(1, 6)]
            for k in range(1, 6):
                words = f" congctl {control[k]}" if k in control else ""
                host.append(f"route add 10.9.0.{k}/32 via 10.9.{number}.254 dev line src 10.9.{number}.{k}{words}")
                server.append(f"route add 10.9.{number}.{k}/32 via 10.9.0.254 dev line src 10.9.0.{k}{words}")
            self.ip(name, host)
        self.ip("s", server)
        for name in ("s", *self.HOSTS):  # what one run learns must not help the next
            settings = {"tcp_no_metrics_save": 1, "tcp_timestamps": 1 if spec["timestamps"] or name != "s" else 0}
            script = ";".join(f"echo {value} > /proc/sys/net/ipv4/{key}" for key, value in settings.items())
            subprocess.run(self.inside(name, ["sh", "-c", script]), check=True)

    def ip(self, name, lines):
        subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)

    @staticmethod
    def inside(name, argv):
        return ["nsenter", f"--net=/run/netns/{name}", *map(str, argv)]

    def close(self):
        """Writes the rest of the series."""
        self.emulator.send_signal(signal.SIGTERM)
        if self.emulator.wait(10):
            raise RuntimeError("the emulator failed")


def run_inside(spec, build, work, patience):
    """One run in an enclosure of its own; returns its record (yield_run.py). Nothing is left of it
    afterwards, whatever happens here."""
    (work / "spec.json").write_text(json.dumps(spec))
    with open(work / "log", "wb") as log:
        process = subprocess.Popen(
            [*enclosure(), sys.executable, "-B", str(HERE / "yield_run.py"), str(build), str(work)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            status = "no end"
        finally:
            process.kill()  # takes every process inside with it
            process.wait()
    if status != 0:
        raise RuntimeError(f"a run failed ({status}): {spec}\n" + (work / "log").read_text(errors="replace")[-3000:])
    return json.loads((work / "record.json").read_text())
