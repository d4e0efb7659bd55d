# SPDX-License-Identifier: Apache-2.0
"""Cost and power of the machine (from a system bus with fake services, or the configuration), hours
at which nothing may be moved, limits of jobs, and what Lines answers."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

import dbus_wire
from conftest import START_TIMEOUT, wait_until

dbus = pytest.importorskip("dbus", reason="no python3-dbus")
pytest.importorskip("gi", reason="no python3-gi")
if not shutil.which("dbus-daemon"):
    pytest.skip("no dbus-daemon", allow_module_level=True)

HERE = pathlib.Path(__file__).parent
DEADLINE = 20
LOOKED_FOR = 120  # where the fakes are slow to come, the service looks for them less and less often
TRANSIENT_ERROR = 5
SCHEDULE, METERED, BATTERY = 12, 13, 14
BRAKES = "[Bandwidth]\nRunOnMeteredNormal=no\nRunOnBatteryNormal=no\n"


class Machine:
    """A bus with the two services."""

    def __init__(self, directory):
        self.address = f"unix:path={directory}/system-bus"
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1",
             "--address=" + self.address],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.bus.stdout.readline()
        self.things = subprocess.Popen(
            ["/usr/bin/python3", "-B", str(HERE / "machine_bus.py")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address})

    def say(self, line):
        self.things.stdin.write(line + "\n")
        self.things.stdin.flush()
        assert self.things.stdout.readline() == "ok\n"

    def close(self):
        self.things.stdin.close()
        for process in (self.things, self.bus):
            process.terminate()
            process.wait(DEADLINE)


@pytest.fixture
def machine(tmp_path):
    m = Machine(tmp_path)
    yield m
    m.close()


def write(service, text):
    path = service.dir / "bitsd.conf"
    path.write_text(text)
    return path


def until(ask, want, seconds=START_TIMEOUT):
    wait_until(lambda: ask() == want, f"{want}, not {ask()}", seconds)


def resumed(c, directory, priority=2):
    job = c.create("held")
    c.add(job, ("http://192.0.2.1/x", str(directory / f"x{priority}")))
    c.call("SetPriority", "ayu", job, priority)
    c.call("Resume", "ay", job)
    return job


def test_what_the_network_costs_holds_jobs(place, machine, tmp_path):
    machine.say("come")
    machine.say("metered 1")
    conf = write(place, BRAKES)
    place.start("--config", conf, env={"DBUS_SYSTEM_BUS_ADDRESS": machine.address})
    c = place.connect()
    until(lambda: c.status()["metered"], True)
    job = resumed(c, tmp_path)
    until(lambda: (c.read(job)["state"], c.read(job)["why"]), (TRANSIENT_ERROR, METERED))
    assert c.read(job)["error_code"] == 0x80200059
    for value, metered in ((2, False), (3, True), (4, False), (1, True), (0, False)):
        machine.say(f"metered {value}")
        until(lambda: c.status()["metered"], metered)
    until(lambda: c.read(job)["why"] == METERED, False)


def test_a_battery_holds_jobs(place, machine, tmp_path):
    conf = write(place, BRAKES)
    place.start("--config", conf, env={"DBUS_SYSTEM_BUS_ADDRESS": machine.address})
    c = place.connect()
    machine.say("battery 1")
    machine.say("come")  # only now are they there
    until(lambda: c.status()["on_battery"], True)
    job = resumed(c, tmp_path)
    until(lambda: (c.read(job)["state"], c.read(job)["why"]), (TRANSIENT_ERROR, BATTERY))
    assert c.read(job)["error_code"] == 0x80200067
    machine.say("leave")  # and gone: nobody says anything of a battery
    until(lambda: c.status()["on_battery"], False)
    until(lambda: c.read(job)["why"] == BATTERY, False)


def test_a_bus_that_dies_or_is_not_there_is_no_trouble(place, machine):
    machine.say("come")
    machine.say("metered 1")
    place.start(env={"DBUS_SYSTEM_BUS_ADDRESS": machine.address})
    c = place.connect()
    until(lambda: c.status()["metered"], True)
    machine.bus.terminate()
    until(lambda: c.status()["metered"], False)
    place.stop()
    place.start(env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/at/all"})
    assert place.connect().status()["on_battery"] is False


def test_a_bus_that_comes_later_or_again_is_found(place, tmp_path):
    place.start(env={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/system-bus"})
    c = place.connect()
    assert c.status()["metered"] is False
    for _ in range(2):
        machine = Machine(tmp_path)
        try:
            machine.say("come")
            machine.say("metered 1")
            machine.say("battery 1")
            until(lambda: c.status()["metered"], True, LOOKED_FOR)
            until(lambda: c.status()["on_battery"], True)
            machine.say("metered 0")  # it is still followed, not only asked once
            until(lambda: c.status()["metered"], False)
        finally:
            machine.close()
        until(lambda: c.status()["on_battery"], False)


def test_the_configuration_overrides_the_bus_and_is_read_again(place, machine, tmp_path):
    machine.say("come")
    machine.say("metered 1")
    conf = write(place, BRAKES + "Metered=no\n")
    place.start("--config", conf, env={"DBUS_SYSTEM_BUS_ADDRESS": machine.address})
    c = place.connect()
    machine.say("battery 1")
    until(lambda: c.status()["on_battery"], True)  # so it has heard of both
    assert c.status()["metered"] is False
    for text, metered in (("Metered=auto\n", True), ("Metered=no\n", False), ("Metered=yes\n", True)):
        write(place, BRAKES + text)
        place.process.send_signal(signal.SIGHUP)
        until(lambda: c.status()["metered"], metered)


def test_at_forbidden_hours_background_jobs_wait(place, tmp_path):
    hour = time.localtime().tm_hour
    forbidden = (f"[Bandwidth]\nEnableBITSMaxBandwidth=yes\nMaxTransferRateOnSchedule=0\n"
                 f"MaxBandwidthValidFrom={(hour + 23) % 24}\nMaxBandwidthValidTo={(hour + 2) % 24}\n")
    place.start("--config", write(place, forbidden))
    c = place.connect()
    held, foreground = resumed(c, tmp_path), resumed(c, tmp_path, priority=0)
    until(lambda: (c.read(held)["state"], c.read(held)["why"]), (TRANSIENT_ERROR, SCHEDULE))
    assert c.read(held)["error_code"] == 0x8020003E
    until_sec = c.read(held)["retry_time"] / 1e7 - 11644473600
    assert 0 < until_sec - time.time() <= 2 * 3600 and until_sec % 900 == 0
    assert c.read(foreground)["why"] != SCHEDULE
    assert c.status()["limit_bps"] == [2**64 - 1, 0, 0, 0]
    write(place, "")
    place.process.send_signal(signal.SIGHUP)
    until(lambda: c.read(held)["why"] == SCHEDULE, False)
    assert c.status()["limit_bps"] == [2**64 - 1] * 4


def test_a_limit_is_kept_and_a_senseless_one_refused(place):
    place.start()
    c = place.connect()
    job = c.create()
    c.call("SetLimitRate", "ayt", job, 2 << 20)
    assert c.read(job)["limit_bps"] == 2 << 20
    with pytest.raises(dbus_wire.CallError) as e:
        c.call("SetLimitRate", "ayt", job, 255)
    assert e.value.code == 0x80070057
    place.stop(signal.SIGKILL)
    c = place.start().connect()
    assert c.read(job)["limit_bps"] == 2 << 20
    c.call("SetLimitRate", "ayt", job, 0)
    assert c.read(job)["limit_bps"] == 0


def test_without_transfers_there_are_no_lines(client):
    assert client.call("Lines") == [0, []]
