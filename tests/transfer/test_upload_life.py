# SPDX-License-Identifier: Apache-2.0
"""What an upload keeps: over changes of its source, stops, deaths of the worker, and of its reply."""
import os
import pathlib
import queue
import signal
import threading

import pytest

from conftest import (ENDS, EVENT_SEC, K, UPLOAD_REPLY, again, begin, temporaries, upload)
from bad_server import content

LOCAL_FILE, REMOTE_FILE = 4, 5
BG_E_LOCAL_FILE_CHANGED = 0x8020001D
BG_E_TOO_LARGE = 0x80200020
BG_E_INVALID_SERVER_RESPONSE = 0x8020001B
BITS_E_WORKER_LOST = 0x8007042B
E_ACCESSDENIED = 0x80070005
FILE_NOT_FOUND = 0x80070002


def kill_worker(driver):
    os.kill(driver.worker_pid(), signal.SIGKILL)


def wait_for_packet(server, rule):
    kind, nth = rule.split(":")
    deadline = threading.Event()
    for _ in range(EVENT_SEC * 200):
        if server.taken(kind) >= int(nth):
            return
        deadline.wait(0.005)
    raise AssertionError(f"no {rule} came")


def first_bytes(server):
    return [p["range"][0] for p in server.packets if "range" in p]


# The source (C13).

@pytest.mark.parametrize("change", ["append", "touch", "replace", "shrink"])
def test_a_source_that_changes_ends_the_upload(bits_server, bits_driver, source, change):
    path = source()
    rules = "fragment:1:hang" if change == "replace" else "fragment:1:wait:x"
    op = begin(bits_driver, bits_server.url("/a", do=rules), path)
    if change != "replace":
        wait_for_packet(bits_server, "fragment:1")
    else:
        assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == "failed"
    if change == "append":
        with open(path, "ab") as f:
            f.write(b"x")
    elif change == "touch":
        os.utime(path, (1, 1))
    elif change == "shrink":
        os.truncate(path, 10)
    else:
        st = path.stat()
        other = path.with_name("other")
        other.write_bytes(path.read_bytes())
        os.utime(other, ns=(st.st_atime_ns, st.st_mtime_ns))
        other.rename(path)
        op = bits_driver.start()
    bits_server.open("x")
    last = bits_driver.wait(*ENDS, op=op)[-1]
    assert (last["event"], last["code"], last["fatal"], last["context"]) == (
        "failed", BG_E_LOCAL_FILE_CHANGED, True, LOCAL_FILE), last
    assert "/a" not in bits_server.uploads and not bits_server.closed
    bits_driver.tell("forget")  # what Resume does: the new content is another upload
    assert again(bits_driver).event == "done"
    assert bits_server.uploads["/a"] == path.read_bytes()


def test_a_source_cut_short_in_the_middle_of_a_fragment_is_never_padded(bits_server, drivers, source):
    driver = drivers("--upload-fragment-bytes", 64 * K * K)
    path = source(64 * K * K)  # more than the buffers of two sockets
    op = begin(driver, bits_server.url("/a", do="fragment:1:later:x"), path)
    for _ in range(EVENT_SEC * 200):
        if bits_server.packets and bits_server.packets[-1].get("range"):
            break
        threading.Event().wait(0.005)
    os.truncate(path, K)
    bits_server.open("x")
    last = driver.wait(*ENDS, op=op)[-1]
    assert (last["code"], last["fatal"], last["context"]) == (BG_E_LOCAL_FILE_CHANGED, True, LOCAL_FILE)
    assert not bits_server.closed and "/a" not in bits_server.uploads


def test_a_source_that_changes_under_the_last_ack_is_noticed(bits_server, bits_driver, source):
    path = source(10000)
    op = begin(bits_driver, bits_server.url("/a", do="fragment:1:wait:x"), path)
    wait_for_packet(bits_server, "fragment:1")
    path.write_bytes(b"else")
    bits_server.open("x")
    assert bits_driver.wait(*ENDS, op=op)[-1]["code"] == BG_E_LOCAL_FILE_CHANGED
    assert not bits_server.closed


def test_sources_that_are_no_files(bits_server, bits_driver, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0)
    (tmp_path / "dangling").symlink_to("nowhere")
    for path, code in ((tmp_path / "none", FILE_NOT_FOUND), (tmp_path / "pipe", E_ACCESSDENIED),
                       (tmp_path, E_ACCESSDENIED), ("/dev/zero", E_ACCESSDENIED),
                       (tmp_path / "dangling", FILE_NOT_FOUND), (secret, E_ACCESSDENIED)):
        if path == secret and os.geteuid() == 0:
            continue
        result = upload(bits_driver, bits_server.url("/a"), path)
        assert (result.event, result.code, result.fatal, result.context) == (
            "failed", code, True, LOCAL_FILE), (path, result.last)
    assert not bits_server.packets


def test_a_link_to_a_file_is_a_file(bits_server, bits_driver, source):
    path = source()
    link = path.with_name("link")
    link.symlink_to(path)
    assert upload(bits_driver, bits_server.url("/a"), link).event == "done"
    assert bits_server.uploads["/a"] == path.read_bytes() and link.is_symlink()


# Stopping, and what is stored when.

@pytest.mark.parametrize("rule", ["create:1", "fragment:1", "fragment:3", "close:1"])
def test_a_stop_keeps_the_session(bits_server, bits_driver, source, rule):
    path = source()
    op = begin(bits_driver, bits_server.url("/a", do=f"{rule}:wait:x"), path)
    wait_for_packet(bits_server, rule)
    bits_driver.tell("stop", op=op)
    assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == "stopped"
    bits_server.open("x")
    result = again(bits_driver)
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()
    creates = bits_server.types().count("create")
    assert creates == (2 if rule == "create:1" else 1)


def durable_session(driver, op):
    seen = driver.wait("session", op=op)
    while not seen[-1]["durable"]:
        seen += driver.wait("session", op=op)
    return seen


def says_nothing(driver):
    with pytest.raises(queue.Empty):
        driver.event(timeout=0.5)
    return True


def test_what_has_to_be_remembered_is_stored_first(bits_server, bits_driver, source):
    """A session before much is sent in it, and that a Close was sent before it is."""
    bits_driver.tell("hold")
    op = begin(bits_driver, bits_server.url("/a"), source())
    durable_session(bits_driver, op)
    assert says_nothing(bits_driver) and bits_server.types() == ["create"]
    bits_driver.tell("stored", op=op)
    assert "uploaded" in [e["event"] for e in durable_session(bits_driver, op)]
    assert says_nothing(bits_driver) and "close" not in bits_server.types()
    bits_driver.tell("stored", op=op)
    assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == "done"
    assert bits_server.types()[-1] == "close"


@pytest.mark.parametrize("size, stores", [(0, 1), (1, 2), (64 * K, 2), (200 * K, 2)])
def test_no_upload_waits_for_more_stores_than_two(bits_server, bits_driver, source, size, stores):
    """One before anything is sent in a session, also of a single fragment: were it forgotten, the file
    could arrive twice. One before Close."""
    op = begin(bits_driver, bits_server.url("/a"), source(size))
    seen = bits_driver.wait(*ENDS, op=op)
    assert [e["durable"] for e in seen if e["event"] == "session"].count(True) == stores


@pytest.mark.parametrize("again_stored", [False, True])
def test_a_stop_while_the_store_is_waited_for(bits_server, bits_driver, source, again_stored):
    bits_driver.tell("hold")
    op = begin(bits_driver, bits_server.url("/a"), source())
    durable_session(bits_driver, op)
    bits_driver.tell("stop", op=op)
    assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == "stopped"
    if again_stored:
        bits_driver.tell("stored", op=op)  # late: the operation is over
    op = bits_driver.start()
    durable_session(bits_driver, op)
    bits_driver.tell("stored", op=op)
    assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == "done"
    assert bits_server.types().count("create") == 1


@pytest.mark.parametrize("rule", ["create:1", "fragment:1", "fragment:2", "fragment:4", "close:1"])
def test_a_killed_worker_costs_nothing_that_was_acknowledged(bits_server, bits_driver, source, rule):
    """C14: whatever the server had acknowledged, and the worker told, is not sent again."""
    path = source()
    op = begin(bits_driver, bits_server.url("/a", do=f"{rule}:wait:x"), path)
    wait_for_packet(bits_server, rule)
    kill_worker(bits_driver)
    last = bits_driver.wait(*ENDS, op=op)[-1]
    assert (last["event"], last["code"]) == ("failed", BITS_E_WORKER_LOST)
    before = len(first_bytes(bits_server))
    bits_server.open("x")
    result = again(bits_driver)
    assert result.event == "done" and bits_server.uploads["/a"] == path.read_bytes()
    if rule.startswith("fragment"):
        held = (int(rule[-1]) - 1) * 64 * K
        assert min(first_bytes(bits_server)[before:]) >= held
    if rule == "close:1":
        assert len(first_bytes(bits_server)) == before
        assert bits_server.types().count("create") == 1


# Replies.

def reply_upload(driver, server, path, out, do="", reply="/reply?size=70000", **more):
    return upload(driver, server.url("/dir/up", do=do, reply=reply, **more), path, UPLOAD_REPLY,
                  reply=out / "answer")


def test_a_reply_is_fetched_before_the_close(bits_server, bits_driver, source, out):
    path = source(10000)
    result = reply_upload(bits_driver, bits_server, path, out)
    assert result.event == "done", result.last
    kinds = [k for k in result.kinds if k not in ("session", "progress")]
    assert kinds == ["connected", "meta", "uploaded", "meta", "reply", "done"]
    meta = next(e for e in result.events if e["event"] == "meta" and e["file"] == 1)
    reply = next(e for e in result.events if e["event"] == "reply")
    assert meta["reply_url"] == bits_server.url("/reply") + "?size=70000"
    assert reply["size"] == reply["done"] == reply["synced"] == 70000 and reply["etag"]
    assert len(temporaries(out)) == 1 and not (out / "answer").exists()
    assert bits_server.types() == ["create", "fragment", "close"]
    bits_driver.tell("reply")
    data = bits_driver.wait("reply_data")[-1]
    assert (data["result"], bytes.fromhex(data["data"])) == (0, content("a", 70000))
    events = bits_driver.bulk("publish")
    assert [(e["event"], e["file"], e["result"]) for e in events] == [
        ("file_published", 1, 0), ("published", 0, 0)]
    assert (out / "answer").read_bytes() == content("a", 70000) and not temporaries(out)
    bits_driver.tell("reply")
    assert bytes.fromhex(bits_driver.wait("reply_data")[-1]["data"]) == content("a", 70000)
    assert path.read_bytes() == content("u", 10000)
    assert [e["result"] for e in bits_driver.bulk("publish")] == [0]  # nothing is left to do


@pytest.mark.parametrize("reference, path", [
    ("BITS-Sessions\\Replies\\{C85B}\\responsefile.bin", "/dir/BITS-Sessions/Replies/%7BC85B%7D/responsefile.bin"),
    ("/x/reply", "/x/reply"), ("reply", "/dir/reply"), ("?size=5", "/dir/up?size=5"),
])
def test_relative_reply_urls(bits_server, bits_driver, source, out, reference, path):  # C9
    result = reply_upload(bits_driver, bits_server, source(10), out, reply=reference)
    assert result.event == "done", result.last
    assert [r["target"] for r in bits_server.requests] == [path]


def test_a_reply_from_another_origin(bits_server, bits_driver, source, out):  # C9
    from bad_server import BadServer
    with BadServer() as other:
        result = reply_upload(bits_driver, bits_server, source(10), out, reply=other.url("/r", size=9))
        assert result.event == "done" and len(other.requests) == 1
        assert "authorization" not in other.requests[0]["headers"]


@pytest.mark.parametrize("reference", ["ftp://127.0.0.1/x", "http://user:pw@127.0.0.1/x", "http://169.254.1.1/x"])
def test_reply_urls_that_lead_astray_are_not_asked(bits_server, bits_driver, source, out, reference):
    result = reply_upload(bits_driver, bits_server, source(10), out, reply=reference)
    assert (result.event, result.code, result.fatal) == ("failed", BG_E_INVALID_SERVER_RESPONSE, False)
    assert "uploaded" in result.kinds and not bits_server.requests
    assert again(bits_driver).fatal  # the server has no better one


def test_a_reply_url_is_needed(bits_server, bits_driver, source, out):  # §16.11
    url = bits_server.url("/a")
    first = upload(bits_driver, url, source(10), UPLOAD_REPLY, reply=out / "answer")
    assert (first.code, first.fatal) == (BG_E_INVALID_SERVER_RESPONSE, False)
    second = again(bits_driver)
    assert (second.code, second.fatal) == (BG_E_INVALID_SERVER_RESPONSE, True)
    assert bits_server.types().count("create") == 1


def test_an_optional_reply_that_is_missing_is_empty(bits_server, bits_driver, source, out):
    result = upload(bits_driver, bits_server.url("/a"), source(10), UPLOAD_REPLY,
                    reply=out / "answer", optional=1)
    assert result.event == "done" and result.kinds.count("reply") == 1
    assert not temporaries(out)
    bits_driver.tell("reply")
    assert bits_driver.wait("reply_data")[-1]["bytes"] == 0
    (out / "answer").write_text("old")
    assert [e["result"] for e in bits_driver.bulk("publish")] == [0, 0]
    assert (out / "answer").read_bytes() == b"" and not temporaries(out)
    mask = os.umask(0)
    os.umask(mask)
    assert (out / "answer").stat().st_mode & 0o777 == 0o666 & ~mask


def test_the_reply_to_an_empty_file(bits_server, bits_driver, source, out):
    result = reply_upload(bits_driver, bits_server, source(0), out)
    assert result.event == "done" and result.kinds.count("reply") == 1


def test_an_empty_reply(bits_server, bits_driver, source, out):
    result = reply_upload(bits_driver, bits_server, source(10), out, reply="/r?size=0")
    assert result.event == "done" and len(temporaries(out)) == 1
    assert [e["result"] for e in bits_driver.bulk("publish")] == [0, 0]
    assert (out / "answer").read_bytes() == b""


def test_a_reply_that_is_gone_is_fatal(bits_server, bits_driver, source, out):
    result = reply_upload(bits_driver, bits_server, source(10), out, reply="/r?status=404")
    assert (result.code, result.fatal, result.context) == (0x80190194, True, REMOTE_FILE)
    assert bits_server.types() == ["create", "fragment"]


def test_a_reply_goes_on_where_it_was_cut(bits_server, bits_driver, source, out):
    path = source(10)
    reply = "/r?size=5000000&cut=3000000&times=1&rate=20000000"
    result = reply_upload(bits_driver, bits_server, path, out, reply=reply)
    assert result.event == "failed" and not result.fatal, result.last
    path.unlink()
    result = again(bits_driver)
    assert result.event == "done", result.last
    # The last byte of the upload is not sent again, only the reply is fetched, from where it was.
    assert bits_server.types() == ["create", "fragment", "ping", "close"]
    assert "range" in bits_server.requests[1]["headers"]
    bits_driver.bulk("publish")
    assert (out / "answer").read_bytes() == content("a", 5000000)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_reply_may_be_interrupted(bits_server, bits_driver, source, out, how):
    url = bits_server.url("/up", reply="/r?size=3000000&gate=x&gate_at=1000000")
    op = begin(bits_driver, url, source(10), UPLOAD_REPLY, reply=out / "answer")
    while True:
        event = bits_driver.wait("progress", op=op)[-1]
        if event["file"] == 1 and event["done"] > 0:
            break
    if how == "stop":
        bits_driver.tell("stop", op=op)
    else:
        kill_worker(bits_driver)
    assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == ("stopped" if how == "stop" else "failed")
    bits_server.open("x")
    assert again(bits_driver).event == "done"
    assert bits_server.types().count("fragment") == 1
    bits_driver.bulk("publish")
    assert (out / "answer").read_bytes() == content("a", 3000000)


def lose_reply_at_close(driver, server, source, out):
    url = server.url("/up", do="close:1:wait:x", reply="/r?size=7000")
    op = begin(driver, url, source(10), UPLOAD_REPLY, reply=out / "answer")
    wait_for_packet(server, "close:1")
    return op


def test_a_reply_that_was_lost_is_fetched_again(bits_server, bits_driver, source, out):
    op = lose_reply_at_close(bits_driver, bits_server, source, out)
    bits_driver.tell("stop", op=op)
    bits_driver.wait("stopped", op=op)
    bits_server.open("x")
    bits_driver.bulk("discard")
    bits_driver.tell("lose")
    assert not temporaries(out)
    result = again(bits_driver)
    assert result.event == "done" and len(bits_server.requests) == 2
    assert [e["size"] for e in result.events if e["event"] == "reply"] == [7000]
    assert bits_server.types().count("fragment") == 1
    bits_driver.bulk("publish")
    assert (out / "answer").read_bytes() == content("a", 7000)


def test_a_reply_that_was_lost_is_never_said_to_be_empty(bits_server, bits_driver, source, out):
    op = lose_reply_at_close(bits_driver, bits_server, source, out)
    bits_server.open("x")
    assert bits_driver.wait(*ENDS, op=op)[-1]["event"] == "done"
    bits_driver.tell("lose")
    result = again(bits_driver)  # closed: nobody has it any more
    assert result.event == "done" and "reply" not in result.kinds


def test_a_directory_in_the_way_of_the_reply(bits_server, bits_driver, source, out):
    (out / "answer").mkdir()
    assert reply_upload(bits_driver, bits_server, source(10), out).event == "done"
    events = bits_driver.bulk("publish")
    assert events[-1]["result"] == E_ACCESSDENIED and events[-1]["error_file"] == 1
    assert len(temporaries(out)) == 1


def test_a_reply_whose_directory_is_gone(bits_server, bits_driver, source, out):
    result = upload(bits_driver, bits_server.url("/a", reply="/r"), source(10), UPLOAD_REPLY,
                    reply=out / "gone" / "answer")
    assert (result.code, result.context, result.fatal) == (0x80070003, LOCAL_FILE, True)


def test_discard_removes_the_reply_and_nothing_else(bits_server, bits_driver, source, out):
    path = source(10)
    (out / "answer").write_text("the user's")
    assert reply_upload(bits_driver, bits_server, path, out).event == "done"
    assert len(temporaries(out)) == 1
    assert bits_driver.bulk("discard")[-1]["result"] == 0
    assert not temporaries(out) and (out / "answer").read_text() == "the user's"
    assert path.read_bytes() == content("u", 10)


def test_bulk_operations_never_touch_the_source(bits_server, bits_driver, source):
    path = source(10)
    assert upload(bits_driver, bits_server.url("/a"), path).event == "done"
    for verb in ("sync", "publish", "discard"):
        assert [e["result"] for e in bits_driver.bulk(verb)] == [0]
    assert path.read_bytes() == content("u", 10)


def test_a_reply_may_be_too_large_to_be_read_at_once(bits_server, bits_driver, source, out):
    result = reply_upload(bits_driver, bits_server, source(10), out, reply="/r?size=1048577")
    assert result.event == "done"
    bits_driver.tell("reply")
    data = bits_driver.wait("reply_data")[-1]
    assert (data["result"], data["bytes"], data["data"]) == (BG_E_TOO_LARGE, 1048577, "")


@pytest.mark.parametrize("what", ["link", "pipe", "other"])
def test_what_stands_in_place_of_the_reply_is_not_read(bits_server, bits_driver, source, out, what):
    assert reply_upload(bits_driver, bits_server, source(10), out).event == "done"
    temporary = temporaries(out)[0]
    temporary.unlink()
    if what == "link":
        temporary.symlink_to("/etc/passwd")
    elif what == "pipe":
        os.mkfifo(temporary)
    else:
        temporary.write_text("other")
    bits_driver.tell("reply")
    assert bits_driver.wait("reply_data")[-1]["result"] == FILE_NOT_FOUND
    assert bits_driver.bulk("publish")[-1]["result"] != 0 and not (out / "answer").exists()


# Farewells.

def farewell(driver):
    driver.op += 1
    driver.tell("farewell", op=driver.op)
    return driver.wait("farewell", op=driver.op)[-1]


def stopped_upload(driver, server, source, do=""):
    path = source()
    op = begin(driver, server.url("/a", do="fragment:2:wait:x," + do), path)
    wait_for_packet(server, "fragment:2")
    driver.tell("stop", op=op)
    driver.wait("stopped", op=op)
    server.open("x")
    return path


def test_a_farewell_cancels_the_session(bits_server, bits_driver, source):
    path = stopped_upload(bits_driver, bits_server, source)
    path.unlink()
    assert farewell(bits_driver)["result"] == 0
    assert bits_server.cancelled == ["/a"] and bits_server.types()[-1] == "cancel"
    assert farewell(bits_driver)["result"] == 0  # unknown there by now, which is as good


def test_a_farewell_without_a_session(bits_server, bits_driver, source):
    bits_driver.job(type=1)
    bits_driver.file(bits_server.url("/a"), source())
    assert farewell(bits_driver)["result"] == 0 and not bits_server.packets


@pytest.mark.parametrize("rule, result", [
    ("cancel:1:status:503", 0x801901F7), ("cancel:1:status:403", 0), ("cancel:1:lost", 0),
    ("cancel:1:hang", 0x80072EE2),
])
def test_how_farewells_end(bits_server, bits_driver, source, rule, result):
    stopped_upload(bits_driver, bits_server, source, rule)
    last = farewell(bits_driver)
    assert last["result"] == result, last
    if result:
        assert farewell(bits_driver)["result"] == 0


def test_a_farewell_whose_worker_dies_is_lost(bits_server, bits_driver, source):
    stopped_upload(bits_driver, bits_server, source, "cancel:1:hang")
    bits_driver.op += 1
    bits_driver.tell("farewell", op=bits_driver.op)
    wait_for_packet(bits_server, "cancel:1")
    kill_worker(bits_driver)
    assert bits_driver.wait("farewell")[-1]["result"] == BITS_E_WORKER_LOST


def test_memory_stays_flat(bits_server, drivers, source):
    """Fragments of up to 13 MiB, and a worker that never holds one."""
    driver = drivers()
    op = begin(driver, bits_server.url("/a", do="close:1:wait:x"), source(64 * K * K))
    driver.wait("uploaded", op=op)
    status = pathlib.Path(f"/proc/{driver.worker_pid()}/statm").read_text().split()
    own = (int(status[1]) - int(status[2])) * os.sysconf("SC_PAGE_SIZE")
    bits_server.open("x")
    assert driver.wait(*ENDS, op=op)[-1]["event"] == "done"
    assert max(p["body"] for p in bits_server.packets) > 8 * K * K
    assert own < 12 * K * K or "asan" in os.environ["BITSD_WORKER"]
