# SPDX-License-Identifier: Apache-2.0
"""What watchers and callbacks are told, and how often."""
import http.server
import threading
import time

import pytest

from conftest import wait_until
from dbus_wire import CALLBACK_INTERFACE, CallError, INTERFACE, PATH, Record, new_id

QUEUED, CONNECTING, TRANSFERRING, SUSPENDED, ERROR, TRANSIENT, TRANSFERRED, ACKNOWLEDGED, CANCELLED = range(9)
NOTIFY_TRANSFERRED, NOTIFY_ERROR = 1, 2
FOREGROUND = 0
INTERVAL = 0.25
OWN, NO_ID = False, b"\0" * 16
CHUNK, CHUNKS, PIECE = 65536, 60, 4096


class Dribble(http.server.BaseHTTPRequestHandler):
    """Sends /slow in many pieces until it is enough, and anything else at once."""

    enough = threading.Event()

    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        slow = self.path == "/slow"
        self.send_response(200)
        self.send_header("Content-Length", str(CHUNK * CHUNKS if slow else 5))
        self.end_headers()
        if not slow:
            self.wfile.write(b"hello")
            return
        left = CHUNK * CHUNKS
        while left > PIECE and not self.enough.wait(0.03):
            self.wfile.write(b"x" * PIECE)
            left -= PIECE
        self.wfile.write(b"x" * left)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dribble)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def changed(event):
    assert event.fields[1] == PATH and event.fields[2] == INTERFACE and event.fields[3] == "Changed"
    return Record(event.args[0]).job()


def until_state(watcher, state, job=None):
    """All infos up to the first in that state."""
    seen = []
    while True:
        event = watcher.next_event()
        assert event, f"no more events after {[i['state'] for i in seen]}"
        info = changed(event)
        if job and info["id"] != job:
            continue
        seen.append(info)
        if info["state"] == state:
            return seen


def make_job(client, web, path, tmp_path, name="job", resume=True):
    job = client.create(name)
    client.add(job, (web + path, str(tmp_path / name)))
    client.call("SetPriority", "ayu", job, FOREGROUND)
    if resume:
        client.call("Resume", "ay", job)
    return job


def test_state_changes_come_at_once_and_the_end_last(service, client, web, tmp_path):
    watcher = service.connect()
    watcher.call("Watch", "bay", OWN, NO_ID)
    job = make_job(client, web, "/quick", tmp_path)
    assert until_state(watcher, TRANSFERRED)[-1]["bytes_transferred"] == 5
    client.call("Complete", "ay", job)
    last = until_state(watcher, ACKNOWLEDGED)[-1]
    assert last["files_transferred"] == 1 and last["end_result"] == 0
    assert watcher.next_event(2 * INTERVAL) is None
    assert (tmp_path / "job").read_bytes() == b"hello"


def test_a_failed_complete_names_the_file(service, client, web, tmp_path):
    watcher = service.connect()
    watcher.call("Watch", "bay", OWN, NO_ID)
    job = make_job(client, web, "/quick", tmp_path, name="one", resume=False)
    client.add(job, (web + "/quick", str(tmp_path / "two")))
    client.call("Resume", "ay", job)
    until_state(watcher, TRANSFERRED)
    (tmp_path / "two").mkdir()  # a file cannot take its place
    with pytest.raises(CallError) as failed:
        client.call("Complete", "ay", job)
    assert f"{tmp_path}/two: " in failed.value.text and "/one" not in failed.value.text
    (tmp_path / "two").rmdir()
    assert client.call("Complete", "ay", job) == 0


def test_progress_comes_four_times_a_second_at_most(service, client, web, tmp_path):
    watcher = service.connect()
    watcher.call("Watch", "bay", OWN, NO_ID)
    job = make_job(client, web, "/slow", tmp_path)
    progress, moves, began = [], 0, time.monotonic()
    while True:
        info = changed(watcher.next_event())
        if info["state"] == TRANSFERRED:
            break
        moves += bool(progress) and info["state"] == TRANSFERRING == progress[-1]["state"]
        progress.append(info)
        if moves >= 6:
            Dribble.enough.set()
    Dribble.enough.clear()
    assert moves >= 6, "progress is told while the file comes"
    # When each was sent cannot be seen from here: one that is read late seems closer to the next.
    assert moves <= (time.monotonic() - began) / INTERVAL + 1
    done = [i["bytes_transferred"] for i in progress]
    assert done == sorted(done)
    assert info["bytes_transferred"] == CHUNK * CHUNKS and info["id"] == job


def test_the_last_change_is_always_told(service, client):
    """A burst of changes within one interval ends with the last of them."""
    watcher = service.connect()
    watcher.call("Watch", "bay", OWN, NO_ID)
    job, began = client.create("name 0"), time.monotonic()
    for i in range(1, 50):
        client.call("SetName", "ays", job, f"name {i}")
    names = []
    while "name 49" not in names:
        names.append(changed(watcher.next_event())["name"])
    assert len(names) <= (time.monotonic() - began) / INTERVAL + 3 < 40
    assert watcher.next_event(4 * INTERVAL) is None


def test_one_job_can_be_watched(service, client):
    mine, other = client.create("mine"), client.create("other")
    watcher = service.connect()
    watcher.call("Watch", "bay", True, mine)
    client.call("Cancel", "ay", other)
    client.call("Cancel", "ay", mine)
    assert [i["id"] for i in until_state(watcher, CANCELLED)] == [mine]
    assert watcher.next_event(INTERVAL) is None


def test_a_new_watch_replaces_the_old_one(service, client):
    first, second = client.create("first"), client.create("second")
    watcher = service.connect()
    watcher.call("Watch", "bay", True, first)
    watcher.call("Watch", "bay", True, second)
    client.call("Cancel", "ay", first)
    client.call("Cancel", "ay", second)
    assert [i["id"] for i in until_state(watcher, CANCELLED)] == [second]


def test_watching_a_stranger_is_refused(service, client):
    with pytest.raises(CallError) as e:
        client.call("Watch", "bay", True, new_id())
    assert e.value.code == 0x80200001
    with pytest.raises(CallError) as e:
        client.call("Watch", "bay", True, b"short")
    assert e.value.code == 0x80070057
    client.create()
    assert client.next_event(INTERVAL) is None


def test_who_does_not_watch_is_told_nothing(service, client):
    other = service.connect()
    other.call("Hello", "us", 1, "x")
    client.create()
    assert other.next_event(INTERVAL) is None


def test_while_nothing_changes_nothing_wakes_it(service, client):
    watcher = service.connect()
    watcher.call("Watch", "bay", OWN, NO_ID)
    client.create()
    while watcher.next_event(2 * INTERVAL):
        pass
    before = service.wakeups()
    time.sleep(1.5)  # the span that is measured
    assert service.wakeups() - before <= 1


def next_callback(connection):
    event = connection.next_event()
    assert event, "no callback came"
    assert event.fields[2] == CALLBACK_INTERFACE and event.fields[3] == "Notify"
    return event, event.args[0], event.args[1]


def test_callback_when_transferred(service, client, web, tmp_path):
    owner = service.connect()
    job = make_job(client, web, "/quick", tmp_path, resume=False)
    owner.call("SetNotifyClient", "ayb", job, True)
    assert client.read(job)["has_callback"]
    client.call("Resume", "ay", job)
    event, id_, kind = next_callback(owner)
    assert (id_, kind) == (job, NOTIFY_TRANSFERRED)
    owner.answer(event, "u", 0)
    assert owner.next_event(INTERVAL) is None
    assert client.read(job)["state"] == TRANSFERRED


def test_callback_on_error_and_late_registration(service, client, web, tmp_path):
    job = make_job(client, web, "/missing", tmp_path)
    wait_until(lambda: client.read(job)["state"] == ERROR, "the error")
    owner = service.connect()
    owner.call("SetNotifyClient", "ayb", job, True)
    event, id_, kind = next_callback(owner)
    assert (id_, kind) == (job, NOTIFY_ERROR)
    owner.answer(event, "u", 0)
    info = client.read(job)
    assert info["error_http_status"] == 404 and info["error_code"] == 0x80190194


def test_a_callback_that_fails_is_tried_again(service, client, web, tmp_path):
    job = make_job(client, web, "/quick", tmp_path, resume=False)
    client.call("SetRetryDelay", "ayu", job, 5)
    owner = service.connect()
    owner.call("SetNotifyClient", "ayb", job, True)
    client.call("Resume", "ay", job)
    event, _, _ = next_callback(owner)
    owner.answer(event, "u", 0x80004005)
    event, id_, kind = next_callback(owner)
    assert (id_, kind) == (job, NOTIFY_TRANSFERRED)
    owner.answer(event, "u", 0)


def test_a_client_that_dies_in_its_callback_leaves_the_job_to_the_next(service, client, web, tmp_path):
    job = make_job(client, web, "/quick", tmp_path, resume=False)
    dying = service.connect()
    dying.call("SetNotifyClient", "ayb", job, True)
    client.call("Resume", "ay", job)
    next_callback(dying)
    dying.close()
    wait_until(lambda: not client.read(job)["has_callback"], "the registration to be void")
    owner = service.connect()
    owner.call("SetNotifyClient", "ayb", job, True)
    event, id_, kind = next_callback(owner)
    assert (id_, kind) == (job, NOTIFY_TRANSFERRED)
    owner.answer_error(event, "org.freedesktop.DBus.Error.UnknownMethod")
    assert client.read(job)["state"] == TRANSFERRED


def test_cancel_waits_for_the_files_to_be_gone(client, web, tmp_path):
    job = make_job(client, web, "/slow", tmp_path)
    wait_until(lambda: list(tmp_path.glob(".BIT*")), "the temporary file")
    assert client.call("Cancel", "ay", job) == 0
    assert list(tmp_path.glob(".BIT*")) == []
