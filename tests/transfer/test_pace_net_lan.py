# SPDX-License-Identifier: Apache-2.0
"""The line behind the router is slow, the LAN in front of it is fast: what neighbours move is no reason to leave the
line, somebody else behind the router is, also beside the neighbours."""
import time

import pytest
from net_bed import LINE_BPS, NORMAL, Rival, Server, Watch, driver, make_net, url  # noqa: F401  fixtures


@pytest.fixture
def net():
    yield from make_net(slow=("server e0", "router s0"))


@pytest.fixture(params=["10.1.0.1", "fd00:1::1"])
def neighbour(net, request):
    server = Server(net.router, request.param)
    yield server.url
    server.close()


def test_what_a_neighbour_sends_is_no_reason_to_yield(net, url, neighbour, driver, out):  # noqa: F811
    driver.job(priority=NORMAL)
    driver.file(url, out / "f")
    op = driver.start()
    watch = Watch(driver)
    watch.catch_up(time.monotonic() + 3)
    with Rival(net, neighbour, "--limit-rate", "8M"):  # more than three lines
        before, started = net.received(), time.monotonic()
        assert watch.rate(8) > 0.7 * LINE_BPS
        assert (net.received() - before) / (time.monotonic() - started) > 3 * LINE_BPS
        with Rival(net, url):
            assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=8) < 8
            assert watch.rate(3) < 0.15 * LINE_BPS
        assert watch.seconds_until(lambda rate: rate > 0.7 * LINE_BPS, limit=20) < 20
    watch.stop(op)


def test_for_a_transfer_from_a_neighbour_others_of_the_lan_are_rivals(net, neighbour, driver, out):  # noqa: F811
    driver.job(priority=NORMAL)
    driver.file(neighbour, out / "f")
    net.slow_down(net.router, "c0")  # the LAN is what is short here
    op = driver.start()
    watch = Watch(driver)
    watch.catch_up(time.monotonic() + 3)
    with Rival(net, neighbour):
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=8) < 8
    watch.stop(op)
