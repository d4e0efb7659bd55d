# SPDX-License-Identifier: Apache-2.0
"""A line of 20 Mbit/s: alone a background download fills it, it is gone when somebody else comes, and comes back.
Behaviour with wide bounds; bench/yield measures."""
import time

from net_bed import BUSY, LINE_BPS, NORMAL, Rival, Watch, driver, net, url  # noqa: F401  fixtures


def test_a_background_download_fills_the_line_yields_and_comes_back(net, url, driver, out):
    driver.job(priority=NORMAL)
    driver.file(url, out / "f")
    op = driver.start()
    watch = Watch(driver)
    watch.catch_up(time.monotonic() + 3)
    before, started = net.received(), time.monotonic()
    watch.catch_up(started + 4)
    assert (net.received() - before) / (time.monotonic() - started) > 0.8 * LINE_BPS
    with Rival(net, url):
        assert watch.seconds_until(lambda rate: rate < 0.1 * LINE_BPS, limit=5) < 5
        assert watch.rate(4) < 0.1 * LINE_BPS  # and it stays so
        assert BUSY in watch.paces
        driver.tell("lines")
    assert watch.seconds_until(lambda rate: rate > 0.7 * LINE_BPS, limit=15) < 15
    watch.stop(op)


def test_a_foreground_download_does_not_yield(net, url, driver, out):
    driver.job(priority=0)
    driver.file(url, out / "f")
    op = driver.start()
    watch = Watch(driver)
    watch.catch_up(time.monotonic() + 2)
    with Rival(net, url):
        watch.catch_up(time.monotonic() + 2)
        assert watch.rate(4) > 0.03 * LINE_BPS  # one that yields takes a tenth of that
        assert watch.paces == []
    watch.stop(op)
