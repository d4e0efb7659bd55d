# SPDX-License-Identifier: Apache-2.0
"""Which line a transfer belongs to: by the route to its peer, over IPv6, through a tunnel, after the route has changed
or the interface has gone, and what becomes of the ninth one."""
import time

import pytest
from net_bed import BUSY, LINE_BPS, NORMAL, Rival, Server, Watch, driver, make_net, run, url  # noqa: F401  fixtures

LINES_MAX = 8
LIMIT_BPS = 100_000


@pytest.fixture
def net():
    yield from make_net(slow=("server e0", "router s0"))


@pytest.fixture(params=["10.2.0.2", "fd00:2::2"])
def any_url(net, request):
    server = Server(net.server, request.param)
    yield server.url
    server.close()


def begin(driver, url, out, **props):  # noqa: F811
    driver.job(priority=NORMAL, **props)
    driver.file(url, out / "f")
    return driver.start(), Watch(driver)


def until(ask, what, limit=30):
    started = time.monotonic()
    while not (found := ask()):
        assert time.monotonic() - started < limit, what
        time.sleep(0.05)
    return found


def line_of(watch, name):
    """Its state, once a background connection is told to be on it."""
    return until(lambda: (line := watch.lines().get(name)) and line["connections"] > 0 and line, f"{watch.lines()}")


def test_over_ipv6_it_fills_the_line_and_yields(net, driver, out):  # noqa: F811
    server = Server(net.server, "fd00:2::2")
    op, watch = begin(driver, server.url, out)
    watch.catch_up(time.monotonic() + 3)
    assert watch.rate(4) > 0.8 * LINE_BPS
    line = line_of(watch, "e0")
    assert line["governor"] == [0, 0] and line["base"] > 0  # it knows its own packets, and controls them
    with Rival(net, server.url):
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=5) < 5
        until(lambda: watch.lines()["e0"]["governor"][0] != 0, "the governor sees the other")
    assert watch.seconds_until(lambda rate: rate > 0.7 * LINE_BPS, limit=15) < 15
    watch.stop(op)
    server.close()


@pytest.mark.parametrize("host", ["10.1.0.1", "fd00:1::1"])
def test_who_is_reached_without_a_router_is_exempt_from_limits(net, driver, out, host):  # noqa: F811
    near, far = Server(net.router, host), Server(net.server, host.replace("1.0.1", "2.0.2").replace("1::1", "2::2"))
    driver.tell("limits", normal=LIMIT_BPS, lan=1)
    op, _ = begin(driver, near.url.replace("400000000", "20000000"), out)
    driver.wait("done", op=op)  # in seconds, not in minutes
    op, watch = begin(driver, far.url, out)
    watch.seconds_until(lambda rate: 0 < rate < 1.5 * LIMIT_BPS, limit=15)
    assert 0 < watch.rate(3) < 1.5 * LIMIT_BPS
    watch.stop(op)
    near.close()
    far.close()


def make_tunnel(net):
    """What looks like one: no addresses of hardware to be asked for, and a rule in front of the usual routes."""
    net.connect("v0", net.client, "vpn", 9)
    for ns, device in ((net.client, "vpn"), (net.router, "v0")):
        run("ip", "-n", ns, "link", "set", device, "down")
        run("ip", "-n", ns, "link", "set", device, "address", "02:00:00:00:00:09", "arp", "off", "up")
    run("ip", "-n", net.client, "rule", "add", "to", "10.2.0.0/24", "lookup", "77")
    run("ip", "-n", net.client, "route", "add", "default", "via", "10.9.0.1", "dev", "vpn", "table", "77")


def test_a_tunnel_is_the_line_of_what_goes_through_it(net, url, driver, out):  # noqa: F811
    make_tunnel(net)
    op, watch = begin(driver, url, out)
    watch.catch_up(time.monotonic() + 3)
    assert watch.rate(4) > 0.75 * LINE_BPS
    line = line_of(watch, "vpn")
    assert line["governor"] == [0, 0] and line["own"][0] > 0.7 * LINE_BPS
    with Rival(net, url):
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=5) < 5
        until(lambda: watch.lines()["vpn"]["governor"][0] != 0, "the governor sees the other")
    watch.stop(op)


def test_the_other_end_of_a_tunnel_is_no_neighbour(net, driver, out):  # noqa: F811
    make_tunnel(net)
    server = Server(net.router, "10.9.0.1")
    driver.tell("limits", normal=LIMIT_BPS, lan=1)
    op, watch = begin(driver, server.url, out)
    watch.seconds_until(lambda rate: 0 < rate < 1.5 * LIMIT_BPS, limit=15)
    assert 0 < watch.rate(3) < 1.5 * LIMIT_BPS
    watch.stop(op)
    server.close()


def test_when_the_route_moves_the_transfer_belongs_to_the_other_line(net, url, driver, out):  # noqa: F811
    net.connect("c1", net.client, "e1", 3)
    op, watch = begin(driver, url, out)
    watch.catch_up(time.monotonic() + 3)
    line_of(watch, "e0")
    for ns in (net.client, net.router):
        net.write(ns, "ipv4/conf/all/rp_filter", 0)
    net.route(net.client, "e1", 3)
    run("ip", "-n", net.router, "route", "add", "10.1.0.2/32", "via", "10.3.0.2", "dev", "c1")
    line_of(watch, "e1")
    assert watch.lines()["e0"]["connections"] == 0
    before = net.received("e1")
    watch.seconds_until(lambda rate: rate > 0.7 * LINE_BPS, limit=15)
    assert net.received("e1") > before
    with Rival(net, url):
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=8) < 8
        until(lambda: watch.lines()["e1"]["governor"][0] != 0, "the governor sees the other")
    watch.stop(op)


def test_an_interface_that_goes_down_and_comes_up_is_under_control_as_before(net, any_url, driver, out):  # noqa: F811
    op, watch = begin(driver, any_url, out)
    watch.catch_up(time.monotonic() + 3)
    run("ip", "-n", net.client, "link", "set", "e0", "down")
    watch.seconds_until(lambda rate: rate == 0, limit=10)
    run("ip", "-n", net.client, "link", "set", "e0", "up")
    run("ip", "-n", net.client, "addr", "replace", "fd00:1::2/64", "dev", "e0", "nodad")
    net.route(net.client, "e0", 1)
    assert watch.seconds_until(lambda rate: rate > 0.7 * LINE_BPS, limit=25) < 25
    with Rival(net, any_url):
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=8) < 8
    watch.stop(op)


def test_an_interface_that_is_made_anew_is_another_line_and_the_old_one_is_not_shown(net, url, driver, out):  # noqa: F811
    op, watch = begin(driver, url, out)
    watch.catch_up(time.monotonic() + 3)
    line_of(watch, "e0")
    run("ip", "-n", net.router, "link", "del", "c0")
    until(lambda: "e0" not in watch.lines(), "it is gone")
    net.connect("c0", net.client, "e0", 1)
    net.route(net.client, "e0", 1)
    line_of(watch, "e0")  # the same connection goes on
    assert watch.seconds_until(lambda rate: rate > 0.7 * LINE_BPS, limit=25) < 25
    with Rival(net, url):
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=8) < 8
        watch.catch_up(time.monotonic() + 3)
    assert BUSY in watch.paces
    watch.stop(op)


def test_the_ninth_line_is_left_to_itself_until_there_is_room(net, driver, out):  # noqa: F811
    server = Server(net.router, "0.0.0.0")
    driver.job(priority=NORMAL)
    names = [f"e{n}" for n in range(11, 12 + LINES_MAX)]
    for n in range(11, 12 + LINES_MAX):
        net.connect(f"c{n}", net.client, f"e{n}", n)
        net.slow_down(net.router, f"c{n}")  # so that it lasts
        driver.file(server.url.replace("0.0.0.0", f"10.{n}.0.1") + f"&seed={n}", out / str(n))
    watch = Watch(driver)
    ops = [driver.start(index) for index in range(LINES_MAX)]
    until(lambda: len(watch.lines()) == LINES_MAX, "eight lines")
    ops.append(driver.start(LINES_MAX))
    moved = set()
    until(lambda: moved.add(driver.event()["op"]) or ops[-1] in moved, "the ninth moves all the same")
    watch.catch_up(time.monotonic() + 2.5)  # lines are told once a second
    assert set(watch.lines()) == set(names[:LINES_MAX])
    run("ip", "-n", net.router, "link", "del", "c11")
    until(lambda: names[-1] in watch.lines(), "now it has a place")
    for op in ops:
        watch.stop(op)
    server.close()
