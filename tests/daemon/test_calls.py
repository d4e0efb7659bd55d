# SPDX-License-Identifier: Apache-2.0
"""Every method of the private socket: what it does, and what it says when it does not."""
import os
import pathlib
import random
import re
import struct

import pytest

import dbus_wire
from dbus_wire import CallError, new_id, pack_files

E_INVALIDARG, E_NOTIMPL, E_ACCESSDENIED = 0x80070057, 0x80004001, 0x80070005
BG_E_NOT_FOUND, BG_E_INVALID_STATE, BG_E_EMPTY = 0x80200001, 0x80200002, 0x80200003
BG_S_PARTIAL_COMPLETE = 0x00200017
SUSPENDED, ACKNOWLEDGED, CANCELLED = 3, 7, 8

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src/ipc/methods.def"
METHODS = {name: (args, out) for name, args, out in
           re.findall(r'^METHOD\((\w+), "(\w*)", "(\w*)", \w+\)', SOURCE.read_text(), re.M)}
JOB_METHODS = [name for name, (args, _) in METHODS.items() if args.startswith("ay")]
SAMPLE = {"s": "text", "u": 1, "t": 1, "b": True, "ay": b"\0" * 16}


def sample_args(signature):
    return [SAMPLE[kind] for kind in dbus_wire.split_signature(signature)]


def refused(client, *args, **kwargs):
    with pytest.raises(CallError) as e:
        client.call(*args, **kwargs)
    return e.value


def test_table_of_methods_was_found():
    assert len(METHODS) >= 25 and "CreateJob" in METHODS


def test_hello_says_version_and_name(client):
    version, text = client.call("Hello", "us", 1, "test")
    assert version == 1
    assert text.startswith("bitsd ")


def test_a_newer_client_is_told_our_version(client):
    assert client.call("Hello", "us", 99, "future")[0] == 1


def test_protocol_version_0_is_refused(client):
    assert refused(client, "Hello", "us", 0, "x").code == E_INVALIDARG


def test_status(service, client):
    client.create()
    s = client.status()
    assert s["pid"] == service.process.pid
    assert s["jobs"] == 1 and s["jobs_active"] == 0
    assert s["state_dir"] == str(service.state)
    assert s["store_note"] == ""
    assert s["version"] and s["uptime_sec"] < 60
    assert s["max_files_per_job"] > 0


def test_a_job_from_creation_to_completion(client, tmp_path):
    job = client.create("maps")
    assert len(job) == 16
    client.add(job, ("http://127.0.0.1:9/a", str(tmp_path / "a")),
               ("http://127.0.0.1:9/b", str(tmp_path / "b")))
    info = client.read(job)
    assert info["id"] == job and info["name"] == "maps" and info["state"] == SUSPENDED
    assert info["files_total"] == 2 and info["bytes_total"] == 2**64 - 1
    assert info["priority"] == 2 and info["notify_flags"] == 3
    assert info["error_file"] == -1 and info["error_text"] == ""
    files = client.files(job)
    assert [f["remote"] for f in files] == ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]
    assert files[1]["index"] == 1 and not files[1]["completed"]
    one = dbus_wire.unpack_list(client.call("ReadFile", "ayu", job, 1), dbus_wire.Record.file)
    assert one == [files[1]]
    client.call("OpenJob", "ay", job)
    assert client.call("Complete", "ay", job) == BG_S_PARTIAL_COMPLETE
    assert client.list() == []
    assert client.read(job)["state"] == ACKNOWLEDGED
    assert client.read(job)["end_result"] == BG_S_PARTIAL_COMPLETE
    assert refused(client, "OpenJob", "ay", job).code == BG_E_NOT_FOUND


def test_cancel(client):
    job = client.create()
    assert client.call("Cancel", "ay", job) == 0
    assert client.read(job)["state"] == CANCELLED


def test_every_property_arrives(client):
    job = client.create()
    client.call("SetName", "ays", job, "n\u00e4me")
    client.call("SetDescription", "ays", job, "what for")
    client.call("SetPriority", "ayu", job, 0)
    client.call("SetNotifyFlags", "ayu", job, 1)
    client.call("SetRetryDelay", "ayu", job, 77)
    client.call("SetNoProgressTimeout", "ayu", job, 88)
    client.call("SetProxy", "ayubsbs", job, 2, True, "http://p:3128", True, "localhost")
    client.call("SetAutoComplete", "ayb", job, True)
    client.call("SetFilesInFlight", "ayu", job, 3)
    info = client.read(job)
    want = {"name": "n\u00e4me", "description": "what for", "priority": 0, "notify_flags": 1,
            "minimum_retry_delay": 77, "no_progress_timeout": 88, "proxy_usage": 2,
            "proxy_list": "http://p:3128", "proxy_bypass_list": "localhost", "auto_complete": True,
            "files_in_flight": 3}
    assert {k: info[k] for k in want} == want
    client.call("SetProxy", "ayubsbs", job, 0, False, "ignored", False, "ignored")
    info = client.read(job)
    assert info["proxy_list"] is None and info["proxy_bypass_list"] is None


def test_take_ownership_is_for_administrators(client):
    job = client.create()
    if os.geteuid() == 0:
        client.call("TakeOwnership", "ay", job)
        assert client.read(job)["owner_uid"] == 0
    else:
        assert refused(client, "TakeOwnership", "ay", job).code == E_ACCESSDENIED


def test_list_keeps_the_order_of_creation(client):
    jobs = [client.create(f"job {i}") for i in range(20)]
    assert [j["id"] for j in client.list()] == jobs


def test_list_flags(client):
    assert refused(client, "ListJobs", "u", 0x4000).code == E_NOTIMPL


def test_error_line_says_what_which_job_and_why(client):
    job = client.create('the "big" one')
    e = refused(client, "Resume", "ay", job)
    assert e.code == BG_E_EMPTY
    assert e.text.startswith(f'cannot resume {job.hex()[:8]} "the "big" one": ')
    assert "add a file" in e.text and "\n" not in e.text
    client.call("Cancel", "ay", job)
    for method, verb in (("Cancel", "cancel"), ("Complete", "complete"), ("Suspend", "suspend")):
        e = refused(client, method, "ay", job)
        assert e.code == BG_E_INVALID_STATE
        assert e.text.startswith(f"cannot {verb} {job.hex()[:8]} ")
        assert "cancelled" in e.text
    stranger = new_id()
    e = refused(client, "Suspend", "ay", stranger)
    assert e.code == BG_E_NOT_FOUND
    assert e.text.startswith(f"cannot suspend job {stranger.hex()[:8]}: there is no such job")


def test_error_line_cannot_be_broken_by_a_name(client):
    job = client.create("a\nb\x1b[31m")
    e = refused(client, "Resume", "ay", job)
    assert "\n" not in e.text and "\x1b" not in e.text


@pytest.mark.parametrize("method", JOB_METHODS)
def test_a_job_id_has_16_bytes(client, method):
    signature = METHODS[method][0]
    for length in (0, 1, 15, 17, 4096):
        args = sample_args(signature)
        args[0] = b"\1" * length
        e = refused(client, method, signature, *args)
        assert e.code == E_INVALIDARG
        assert "16 bytes" in e.text


@pytest.mark.parametrize("method", JOB_METHODS)
def test_an_unknown_job_is_not_found(client, method):
    signature = METHODS[method][0]
    args = sample_args(signature)
    args[0] = new_id()
    if method == "AddFiles":
        args[1] = pack_files([("http://h/a", "/tmp/a")])
    want = BG_E_NOT_FOUND
    if method == "TakeOwnership" and os.geteuid() != 0:
        want = E_ACCESSDENIED  # whatever the job
    assert refused(client, method, signature, *args).code == want


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_signature_is_refused(client, method):
    good = METHODS[method][0]
    for bad in ("", "s", "u", "b", "ay", "uu", "ayay", "ayayu", "aysu", good + "u"):
        if bad == good:
            continue
        e = refused(client, method, bad, *sample_args(bad))
        assert e.name == "org.freedesktop.DBus.Error.InvalidArgs"
    client.call("Hello", "us", 1, "still here")


def test_unknown_methods_interfaces_and_objects_are_refused(client):
    assert refused(client, "Nope").name.endswith(".UnknownMethod")
    assert refused(client, "Hello", "us", 1, "x", interface="org.example.X").name.endswith(
        (".UnknownInterface", ".UnknownMethod"))
    assert refused(client, "Hello", "us", 1, "x", path="/").name.endswith(".UnknownObject")


def test_the_interface_describes_itself(client):
    xml = client.call("Introspect", interface="org.freedesktop.DBus.Introspectable")
    assert all(f'name="{m}"' in xml for m in METHODS)
    client.call("Ping", interface="org.freedesktop.DBus.Peer")


def test_a_call_that_wants_no_answer_gets_none(client):
    client.send("CreateJob", "su", "quiet", 0, flags=dbus_wire.NO_REPLY_EXPECTED)
    client.send("Nope", flags=dbus_wire.NO_REPLY_EXPECTED)
    client.send("Cancel", "ay", new_id(), flags=dbus_wire.NO_REPLY_EXPECTED)
    assert [j["name"] for j in client.list()] == ["quiet"]
    assert not client.replies and not client.events


def test_add_files_is_all_or_none(client):
    job = client.create()
    e = refused(client, "AddFiles", "ayay", job,
                pack_files([("http://h/a", "/tmp/a"), ("nonsense", "/tmp/b")]))
    assert e.code == E_INVALIDARG
    assert client.files(job) == []


def test_add_files_refuses_what_is_malformed(client):
    job = client.create()
    good = pack_files([("http://h/a", "/tmp/a")])
    bad = [b"", b"\1", good[:-1], good + b"x", struct.pack("<I", 0xffffffff),
           struct.pack("<I", 100001) + b"\0" * 900000, struct.pack("<I", 1),
           struct.pack("<II", 1, 0xffffffff) * 2,
           pack_files([(b"http://h/\xff", "/tmp/a")]), pack_files([("http://h/a\0", "/tmp/a")]),
           pack_files([("http://h/" + "a" * 70000, "/tmp/a")])]
    for body in bad:
        assert refused(client, "AddFiles", "ayay", job, body).code == E_INVALIDARG
    assert client.files(job) == []


def test_add_files_survives_random_bytes(client):
    job = client.create()
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    good = pack_files([(f"http://h/{i}", f"/tmp/{i}") for i in range(5)])
    for _ in range(300):
        body = bytearray(good)
        for _ in range(rng.randrange(1, 8)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        try:
            client.call("AddFiles", "ayay", job, bytes(body[:rng.randrange(len(body) + 1)]))
        except CallError as e:
            assert e.code is not None, f"seed {seed}"
    client.call("Hello", "us", 1, "still here")


def test_ten_thousand_files_in_one_call(client):
    job = client.create()
    client.add(job, *((f"http://h/{i}", f"/tmp/t-{i}") for i in range(10000)))
    files = client.files(job)
    assert len(files) == 10000 and files[9999]["local"] == "/tmp/t-9999"


def test_read_file_beyond_the_end(client):
    job = client.create()
    e = refused(client, "ReadFile", "ayu", job, 0)
    assert e.code == E_INVALIDARG and "it has 0 files" in e.text


def test_two_clients_see_the_same_queue(service, client):
    other = service.connect()
    job = client.create("shared")
    other.call("SetName", "ays", job, "changed")
    assert client.read(job)["name"] == "changed"
