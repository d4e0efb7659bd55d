# SPDX-License-Identifier: Apache-2.0
"""A line of 20 Mbit/s between three network namespaces, a server at its other end, a driver whose worker lives at this
end, and what one sees of a transfer."""
import os
import pathlib
import subprocess
import sys
import time

import pytest
from bad_server import make_context  # noqa: F401  puts the fakes on the path
from conftest import Driver

NORMAL, BUSY = 2, 1
LINE_BPS = 20e6 / 8
SERVER = pathlib.Path(__file__).resolve().parent.parent / "fakes" / "bad_server.py"


def run(*command):
    return subprocess.run(command, check=True, timeout=10, capture_output=True, text=True).stdout


class Net:
    """client (10.1.0.2, fd00:1::2) - router, with the bottleneck in front of `slow` - server (10.2.0.2, fd00:2::2).
    Between client and router it is the LAN, which is fast when the bottleneck is on the other side."""

    def __init__(self, slow=("router c0", "router s0")):
        self.made = []
        name = f"bw{os.getpid()}"
        self.client, self.router, self.server = (name + end for end in "crs")
        for ns in (self.client, self.router, self.server):
            run("ip", "netns", "add", ns)
            self.made.append(ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        self.slow = {name.split()[1]: getattr(self, name.split()[0]) for name in slow}
        self.connect("c0", self.client, "e0", 1)
        self.connect("s0", self.server, "e0", 2)
        for ns, n in ((self.client, 1), (self.server, 2)):
            self.route(ns, "e0", n)
        self.write(self.router, "ipv4/ip_forward", 1)
        self.write(self.router, "ipv6/conf/all/forwarding", 1)

    def write(self, ns, name, value):
        run("ip", "netns", "exec", ns, "sh", "-c", f"echo {value} > /proc/sys/net/{name}")

    def connect(self, device, ns, end, n):
        """The router, at .1, with that namespace, at .2."""
        run("ip", "-n", self.router, "link", "add", device, "type", "veth", "peer", "name", end, "netns", ns)
        for at, name, number in ((ns, end, 2), (self.router, device, 1)):
            run("ip", "-n", at, "addr", "add", f"10.{n}.0.{number}/24", "dev", name)
            run("ip", "-n", at, "addr", "add", f"fd00:{n}::{number}/64", "dev", name, "nodad")
            run("ip", "-n", at, "link", "set", name, "up")
            if self.slow.get(name) == at:
                self.slow_down(at, name)

    @staticmethod
    def slow_down(ns, device):
        run("ip", "netns", "exec", ns, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", "20mbit", "burst", "16k",
            "limit", "500000")  # 200 ms

    @staticmethod
    def route(ns, device, n):
        run("ip", "-n", ns, "route", "replace", "default", "via", f"10.{n}.0.1", "dev", device)
        run("ip", "-n", ns, "-6", "route", "replace", "default", "via", f"fd00:{n}::1", "dev", device)

    def received(self, device="e0"):
        return int(run("ip", "netns", "exec", self.client, "cat", f"/sys/class/net/{device}/statistics/rx_bytes"))

    def close(self):
        for ns in self.made:
            subprocess.run(["ip", "netns", "del", ns], timeout=10)


def make_net(**more):
    """For a fixture."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's")
    made = Net.__new__(Net)
    try:
        made.__init__(**more)
    except (OSError, subprocess.CalledProcessError) as e:
        made.close()
        pytest.skip(f"no network namespaces with a bottleneck here: {getattr(e, 'stderr', e)}")
    yield made
    made.close()


@pytest.fixture
def net():
    yield from make_net()


class Server:
    """In a namespace."""

    def __init__(self, ns, host):
        self.process = subprocess.Popen(["ip", "netns", "exec", ns, sys.executable, "-B", SERVER, "--host", host],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        host = f"[{host}]" if ":" in host else host
        self.url = f"http://{host}:{int(self.process.stdout.readline())}/f?size=400000000"

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait(timeout=10)
        self.process.stdout.close()


@pytest.fixture
def url(net):
    server = Server(net.server, "10.2.0.2")
    yield server.url
    server.close()


class Rival:
    """Somebody else on the client's host, while the block lasts."""

    def __init__(self, net, url, *options):
        self.process = subprocess.Popen(["ip", "netns", "exec", net.client, "curl", "-s", "-g", "-o", "/dev/null", "--max-time",
                                         "90", *options, url + "&seed=other"], stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.process.poll() is None  # else it was no rival
        self.process.kill()
        self.process.wait(timeout=10)


@pytest.fixture
def driver(net, tmp_path, monkeypatch):
    inside = tmp_path / "driver"
    inside.write_text(f"#!/bin/sh\nexec ip netns exec {net.client} '{os.environ['TRANSFER_DRIVER']}' \"$@\"\n")
    inside.chmod(0o755)
    monkeypatch.setenv("TRANSFER_DRIVER", str(inside))
    made = Driver()
    yield made
    made.close()


class Watch:
    """What the transfer has got so far, by its events."""

    def __init__(self, driver):
        self.driver, self.done, self.paces = driver, 0, []

    def catch_up(self, until):
        while (left := until - time.monotonic()) > 0:
            try:
                e = self.driver.events.get(timeout=left)
            except Exception:
                return
            assert e and e["event"] not in ("failed", "done"), e
            if e["event"] == "progress":
                self.done = e["done"]
            elif e["event"] == "pace":
                self.paces.append(e["pace"])

    def rate(self, sec):
        """Bytes per second from now on."""
        before, started = self.done, time.monotonic()
        self.catch_up(started + sec)
        return (self.done - before) / sec

    def seconds_until(self, holds, limit):
        started = time.monotonic()
        while not holds(self.rate(0.5)):
            assert time.monotonic() - started < limit, self.paces
        return time.monotonic() - started

    def stop(self, op):
        self.driver.tell("stop", op=op)
        while self.driver.event()["event"] != "stopped":
            pass

    def lines(self):
        """As the worker last told them, by interface."""
        self.driver.tell("lines")
        while True:
            e = self.driver.event()
            if e["event"] == "lines":
                return {line["interface"]: line for line in e["lines"]}
            if e["event"] == "progress":
                self.done = e["done"]
