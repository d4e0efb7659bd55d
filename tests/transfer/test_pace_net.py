# SPDX-License-Identifier: Apache-2.0
"""A line of 20 Mbit/s between three network namespaces: alone a background download fills it, it is
gone when somebody else comes, and comes back. Behaviour with wide bounds; bench/yield measures."""
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
    """client (10.1.0.2) - router, with the bottleneck - server (10.2.0.2)"""

    def __init__(self):
        self.made = []
        name = f"bw{os.getpid()}"
        self.client, self.router, self.server = (name + end for end in "crs")
        for ns in (self.client, self.router, self.server):
            run("ip", "netns", "add", ns)
            self.made.append(ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        for device, ns, net in (("c0", self.client, "10.1.0"), ("s0", self.server, "10.2.0")):
            run("ip", "-n", self.router, "link", "add", device, "type", "veth", "peer", "name", "e0", "netns", ns)
            run("ip", "-n", ns, "addr", "add", net + ".2/24", "dev", "e0")
            run("ip", "-n", ns, "link", "set", "e0", "up")
            run("ip", "-n", self.router, "addr", "add", net + ".1/24", "dev", device)
            run("ip", "-n", self.router, "link", "set", device, "up")
            run("ip", "-n", ns, "route", "add", "default", "via", net + ".1")
            run("ip", "netns", "exec", self.router, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate",
                "20mbit", "burst", "16k", "limit", "500000")  # 200 ms
        run("ip", "netns", "exec", self.router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def received(self):
        return int(run("ip", "netns", "exec", self.client, "cat", "/sys/class/net/e0/statistics/rx_bytes"))

    def close(self):
        for ns in self.made:
            subprocess.run(["ip", "netns", "del", ns], timeout=10)


@pytest.fixture
def net():
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's")
    made = Net.__new__(Net)
    try:
        made.__init__()
    except (OSError, subprocess.CalledProcessError) as e:
        made.close()
        pytest.skip(f"no network namespaces with a bottleneck here: {getattr(e, 'stderr', e)}")
    yield made
    made.close()


@pytest.fixture
def url(net):
    server = subprocess.Popen(["ip", "netns", "exec", net.server, sys.executable, "-B", SERVER, "--host", "10.2.0.2"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = int(server.stdout.readline())
    yield f"http://10.2.0.2:{port}/f?size=400000000"
    server.stdin.close()
    server.kill()
    server.wait(timeout=10)
    server.stdout.close()


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


def test_a_background_download_fills_the_line_yields_and_comes_back(net, url, driver, out):
    driver.job(priority=NORMAL)
    driver.file(url, out / "f")
    op = driver.start()
    watch = Watch(driver)
    watch.catch_up(time.monotonic() + 3)
    before, started = net.received(), time.monotonic()
    watch.catch_up(started + 4)
    assert (net.received() - before) / (time.monotonic() - started) > 0.8 * LINE_BPS
    curl = subprocess.Popen(["ip", "netns", "exec", net.client, "curl", "-s", "-o", "/dev/null", "--max-time", "60",
                             url + "&seed=other"], stdin=subprocess.DEVNULL)
    try:
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=5) < 5
        assert watch.rate(4) < 0.1 * LINE_BPS  # and it stays so
        assert BUSY in watch.paces
        driver.tell("lines")
    finally:
        curl.kill()
        curl.wait(timeout=10)
    assert watch.seconds_until(lambda rate: rate > 0.7 * LINE_BPS, limit=15) < 15
    driver.tell("stop", op=op)
    while driver.event()["event"] != "stopped":
        pass


def test_a_foreground_download_does_not_yield(net, url, driver, out):
    driver.job(priority=0)
    driver.file(url, out / "f")
    op = driver.start()
    watch = Watch(driver)
    watch.catch_up(time.monotonic() + 2)
    curl = subprocess.Popen(["ip", "netns", "exec", net.client, "curl", "-s", "-o", "/dev/null", "--max-time", "60",
                             url + "&seed=other"], stdin=subprocess.DEVNULL)
    try:
        watch.catch_up(time.monotonic() + 2)
        assert watch.rate(4) > 0.03 * LINE_BPS  # one that yields takes a tenth of that
        assert watch.paces == []
    finally:
        curl.kill()
        curl.wait(timeout=10)
    driver.tell("stop", op=op)
    while driver.event()["event"] != "stopped":
        pass
