# SPDX-License-Identifier: Apache-2.0
"""Callbacks of clients that do not answer: how many are out at once, what waits, who gets the places
of one that hangs or dies, and what a kill of the service leaves undelivered."""
import signal
import time

import pytest

from conftest import wait_until
from dbus_wire import CALLBACK_INTERFACE

SUSPENDED, ERROR, TRANSFERRED = 3, 4, 6
NOTIFY_TRANSFERRED, NOTIFY_ERROR, NOTIFY_MODIFICATION = 1, 2, 3
FLAG_TRANSFERRED, FLAG_ERROR, FLAG_DISABLE, FLAG_MODIFICATION = 1, 2, 4, 8
FOREGROUND = 0
E_FAIL = 0x80004005
PLACES = 4  # of a user
QUIET = 0.5  # in which something that should not come would have come
CALLBACK_TIMEOUT = 60
JOBS = 40


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"x" * 100)
    return path


def make_job(client, source, name):
    """Its source is there, or its name begins with "no"."""
    job = client.create(name)
    remote = f"{source}-missing" if name.startswith("no") else source
    client.add(job, (str(remote), f"{source}-{name}"))
    client.call("SetPriority", "ayu", job, FOREGROUND)
    client.call("SetRetryDelay", "ayu", job, 5)
    return job


def ended_jobs(client, source, names):
    jobs = [make_job(client, source, name) for name in names]
    for job in jobs:
        client.call("Resume", "ay", job)
    for job in jobs:
        wait_until(lambda job=job: client.read(job)["state"] in (ERROR, TRANSFERRED), "the end of a job")
    return jobs


def register(listener, jobs):
    for job in jobs:
        listener.call("SetNotifyClient", "ayb", job, True)


def take(listener, timeout=30):
    """(message, job, kind) of a callback that has come, or None."""
    event = listener.next_event(timeout)
    if event is None:
        return None
    assert event.fields[2] == CALLBACK_INTERFACE and event.fields[3] == "Notify"
    return event, event.args[0], event.args[1]


def take_all(listener, wanted):
    """So many, however long they need, and whatever else comes until nothing more does."""
    seen = []
    while (call := take(listener, QUIET if len(seen) >= wanted else 30)):
        seen.append(call)
    return seen


def test_four_are_out_and_the_rest_comes_as_they_are_answered(service, client, source):
    """Of one user, whichever of his clients they go to; none is lost, and none comes twice."""
    jobs = ended_jobs(client, source, [f"{'no' if i % 3 else 'j'}{i}" for i in range(JOBS)])
    first, second = service.connect(), service.connect()
    register(first, jobs[::2])
    register(second, jobs[1::2])
    told, out = [], []
    while len(told) < JOBS:
        for listener in (first, second):
            out += [(listener, *call) for call in iter(lambda: take(listener, 0.05), None)]
        assert len(out) <= PLACES
        if out:
            listener, event, job, kind = out.pop(0)
            told.append(job)
            assert kind == (NOTIFY_ERROR if jobs.index(job) % 3 else NOTIFY_TRANSFERRED)
            assert (listener is first) == (jobs.index(job) % 2 == 0)
            listener.answer(event, "u", 0)
    assert sorted(told) == sorted(jobs)
    assert take_all(first, 0) == [] == take_all(second, 0)


def test_exactly_four_are_out(service, client, source):
    jobs = ended_jobs(client, source, [f"j{i}" for i in range(PLACES + 3)])
    listener = service.connect()
    register(listener, jobs)
    calls = take_all(listener, PLACES)
    assert len(calls) == PLACES
    listener.answer(calls[0][0], "u", 0)
    assert len(take_all(listener, 1)) == 1


def test_a_dead_clients_places_and_events_go_to_the_next(service, client, source):
    jobs = ended_jobs(client, source, [f"j{i}" for i in range(10)])
    dying, heir = service.connect(), service.connect()
    register(dying, jobs)
    calls = take_all(dying, PLACES)
    dying.answer(calls[0][0], "u", 0)
    wait_until(lambda: take(dying, QUIET), "the place of the one that was answered")
    dying.close()
    wait_until(lambda: not client.read(jobs[-1])["has_callback"], "the registrations to be void")
    register(heir, jobs)
    told = []
    while (call := take(heir, 30 if len(told) < len(jobs) - 1 else 2)):
        told.append(call[1])
        heir.answer(call[0], "u", 0)
    assert sorted(told) == sorted(set(jobs) - {calls[0][1]})


def test_a_client_that_hangs_is_given_up_after_a_minute(service, client, source):
    """Its places go to others of the same user, and its events come again after the retry delay."""
    hung, other = service.connect(), service.connect()
    stuck = ended_jobs(client, source, [f"j{i}" for i in range(PLACES)])
    register(hung, stuck)
    assert len(take_all(hung, PLACES)) == PLACES
    begin = time.monotonic()
    waiting = ended_jobs(client, source, ["no"])
    register(other, waiting)
    call = take(other, CALLBACK_TIMEOUT + 30)
    assert call and call[1:] == (waiting[0], NOTIFY_ERROR)
    assert CALLBACK_TIMEOUT - 10 < time.monotonic() - begin
    other.answer(call[0], "u", 0)
    again = set()
    while len(again) < PLACES:
        event, job, _ = take(hung, 30)
        again.add(job)
        hung.answer(event, "u", 0)
    assert again == set(stuck) and take_all(hung, 0) == []


def test_what_is_out_when_the_service_is_killed_is_told_by_the_next(service, client, source):
    jobs = ended_jobs(client, source, ["j0", "no1", "j2", "j3", "no4", "j5"])
    listener = service.connect()
    register(listener, jobs)
    assert len(take_all(listener, PLACES)) == PLACES
    service.stop(signal.SIGKILL)
    client = service.start().connect()
    assert not any(client.read(job)["has_callback"] for job in jobs)
    register(client, jobs)
    told = []
    while (call := take(client, 30 if len(told) < len(jobs) else 2)):
        told.append(call[1])
        client.answer(call[0], "u", 0)
    assert sorted(told) == sorted(jobs)


def test_a_callback_that_failed_gives_its_place_away_meanwhile(service, client, source):
    jobs = ended_jobs(client, source, [f"j{i}" for i in range(PLACES + 1)])
    listener = service.connect()
    register(listener, jobs)
    calls = take_all(listener, PLACES)
    for event, _, _ in calls:
        listener.answer(event, "u", E_FAIL)
    event, job, _ = take(listener)
    assert job not in {c[1] for c in calls}, "who waits comes before who failed"
    listener.answer(event, "u", 0)
    again = []
    while len(again) < PLACES:
        event, job, _ = take(listener)
        again.append(job)
        listener.answer(event, "u", 0)
    assert sorted(again) == sorted(c[1] for c in calls)


def test_modifications_come_at_most_once_a_second_and_once_after_the_last(service, client, source):
    job = make_job(client, source, "j")
    client.call("SetNotifyFlags", "ayu", job, FLAG_MODIFICATION)
    listener = service.connect()
    listener.call("SetNotifyClient", "ayb", job, True)
    begin, told, number = time.monotonic(), 0, 0
    while told < 4 or number <= 20:
        number += 1
        client.call("SetDescription", "ays", job, str(number))
        while (call := take(listener, 0.001)):
            told += 1
            listener.answer(call[0], "u", 0)
        assert told <= time.monotonic() - begin + 1, "more than one a second"
        assert time.monotonic() - begin < 30, "less than one in some seconds"
    client.call("SetDescription", "ays", job, "last")
    last = take(listener)
    assert last and last[1:] == (job, NOTIFY_MODIFICATION), "the last change is told"
    assert client.read(job)["description"] == "last"
    listener.answer(last[0], "u", 0)
    assert take(listener, 1.5) is None, "and nothing after it"


def test_an_end_overtakes_modifications_that_wait(service, client, source):
    """All places are taken by modifications; of what waits, what a job came to goes out first."""
    listener = service.connect()
    busy = [make_job(client, source, f"j{i}") for i in range(PLACES + 2)]
    for job in busy:
        client.call("SetNotifyFlags", "ayu", job, FLAG_MODIFICATION)
    register(listener, busy)
    for job in busy:
        client.call("SetDescription", "ays", job, "changed")
    calls = take_all(listener, PLACES)
    assert [kind for _, _, kind in calls] == [NOTIFY_MODIFICATION] * PLACES
    failed = ended_jobs(client, source, ["no"])
    register(listener, failed)
    listener.answer(calls[0][0], "u", E_FAIL)  # which a modification does not care about
    _, job, kind = take(listener)
    assert (job, kind) == (failed[0], NOTIFY_ERROR)
