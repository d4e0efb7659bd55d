# SPDX-License-Identifier: Apache-2.0
"""The calls about replies: names, the rule about missing ones, data; and the words of refusals. What
a server answers is tested from end to end elsewhere."""
import os
import signal

import pytest

from dbus_wire import CallError, Record, new_id

DOWNLOAD, UPLOAD, UPLOAD_REPLY = 0, 1, 2
E_INVALIDARG, E_NOTIMPL, E_ACCESSDENIED = 0x80070057, 0x80004001, 0x80070005
BG_E_NOT_FOUND, BG_E_INVALID_STATE = 0x80200001, 0x80200002
PATH_NOT_FOUND = 0x80070003
UNKNOWN = 2**64 - 1


def create(client, kind, name="up"):
    return client.call("CreateJob", "su", name, kind)


def set_name(client, job, path):
    client.call("SetReplyName", "aybs", job, path is not None, path or "")


def refused(client, *args):
    with pytest.raises(CallError) as e:
        client.call(*args)
    return e.value


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"x" * 1000)
    return path


@pytest.fixture
def upload(client, source):
    job = create(client, UPLOAD_REPLY)
    client.add(job, ("http://127.0.0.1:9/up", str(source)))
    return job


def test_a_new_job_has_neither_name_nor_size(client):
    info = client.read(create(client, UPLOAD_REPLY))
    assert info["type"] == UPLOAD_REPLY
    assert info["reply_name"] is None
    assert info["reply_bytes_total"] == UNKNOWN and info["reply_bytes_transferred"] == 0
    assert not info["reply_optional"]


@pytest.mark.parametrize("kind", [DOWNLOAD, UPLOAD])
def test_other_types_show_no_reply_and_refuse_every_call_about_it(client, kind, tmp_path):
    job = create(client, kind)
    info = client.read(job)
    assert info["type"] == kind and info["reply_name"] is None
    assert info["reply_bytes_total"] == info["reply_bytes_transferred"] == 0
    word = "a download" if kind == DOWNLOAD else "a plain upload"
    for call in (("SetReplyName", "aybs", job, True, str(tmp_path / "r")),
                 ("SetReplyName", "aybs", job, False, ""),
                 ("SetReplyOptional", "ayb", job, True), ("ReplyData", "ay", job)):
        e = refused(client, *call)
        assert e.code == E_NOTIMPL
        assert f"it is {word}; only an upload-reply job has a reply" in e.text


def test_a_name_is_made_beside_the_file_when_it_is_added(client, upload, source):
    name = client.read(upload)["reply_name"]
    assert os.path.dirname(name) == str(source.parent) and name != str(source)
    assert not os.path.exists(name)
    assert client.read(upload)["reply_name"] == name


def test_a_name_that_was_set_is_kept_over_adding_and_a_kill(service, client, source, tmp_path):
    job = create(client, UPLOAD_REPLY)
    wanted = str(tmp_path / "r\u00e9ponse")
    set_name(client, job, wanted)
    assert client.read(job)["reply_name"] == wanted
    client.add(job, ("http://127.0.0.1:9/up", str(source)))
    client.call("SetReplyOptional", "ayb", job, True)
    service.stop(signal.SIGKILL)
    service.start()
    info = service.connect().read(job)
    assert info["reply_name"] == wanted and info["reply_optional"]
    assert info["reply_bytes_total"] == UNKNOWN and info["files_total"] == 1


def test_a_name_can_change_and_be_made_up_again(client, upload, source, tmp_path):
    for path in (str(tmp_path / "one"), str(tmp_path / "two")):
        set_name(client, upload, path)
        set_name(client, upload, path)  # as after a lost answer
        assert client.read(upload)["reply_name"] == path
    for nothing in (None, ""):
        set_name(client, upload, str(tmp_path / "one"))
        if nothing is None:
            set_name(client, upload, None)
        else:
            client.call("SetReplyName", "aybs", upload, True, "")
        assert os.path.dirname(client.read(upload)["reply_name"]) == str(source.parent)
        assert client.read(upload)["reply_name"] != str(tmp_path / "one")


@pytest.mark.parametrize("path", ["relative", "/a*b", "/a?b", "/dir/", "/" + "a" * 300,
                                  "/a" * 2100, "/a\nb\x1b[31m*"])
def test_names_that_are_none_are_refused_and_shown_safely(client, upload, path):
    before = client.read(upload)["reply_name"]
    e = refused(client, "SetReplyName", "aybs", upload, True, path)
    assert e.code == E_INVALIDARG
    assert e.text.startswith(f'cannot set the name of the reply of {upload.hex()[:8]} "up": ')
    assert "no absolute path to a file" in e.text and len(e.text) < 500
    assert "\n" not in e.text and "\x1b" not in e.text
    assert client.read(upload)["reply_name"] == before


def test_a_reply_may_not_replace_what_is_sent(client, upload, source):
    e = refused(client, "SetReplyName", "aybs", upload, True, str(source))
    assert e.code == E_INVALIDARG
    assert f"the reply cannot have this name: {source}" in e.text


def test_the_directory_must_be_there_and_writable(client, upload, tmp_path):
    path = str(tmp_path / "none" / "reply")
    e = refused(client, "SetReplyName", "aybs", upload, True, path)
    assert e.code == PATH_NOT_FOUND and path in e.text
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "reply")
    assert path in refused(client, "SetReplyName", "aybs", upload, True, path).text
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        path = str(tmp_path / "locked" / "reply")
        e = refused(client, "SetReplyName", "aybs", upload, True, path)
        assert e.code == E_ACCESSDENIED and path in e.text


def test_data_is_refused_before_the_job_is_transferred(client, upload):
    e = refused(client, "ReplyData", "ay", upload)
    assert e.code == BG_E_INVALID_STATE
    assert e.text == (f'cannot read the reply of {upload.hex()[:8]} "up": it is suspended; the reply '
                      "can be read once the job is transferred")


def test_an_ended_job_refuses_changes_and_has_no_data(client, upload, tmp_path):
    name = client.read(upload)["reply_name"]
    client.call("Cancel", "ay", upload)
    for call in (("SetReplyName", "aybs", upload, True, str(tmp_path / "r")),
                 ("SetReplyOptional", "ayb", upload, True), ("ReplyData", "ay", upload)):
        e = refused(client, *call)
        assert e.code == BG_E_INVALID_STATE and "it is cancelled already" in e.text
    assert client.read(upload)["reply_name"] == name  # getters go on


def test_an_unknown_job_is_told_nothing_about(client, tmp_path):
    job = new_id()
    e = refused(client, "SetReplyName", "aybs", job, True, str(tmp_path / "r"))
    assert e.code == BG_E_NOT_FOUND and "there is no such job" in e.text
    assert refused(client, "ReplyData", "ay", job).code == BG_E_NOT_FOUND


def test_a_reply_is_no_file_of_the_job(client, upload, source):
    files = client.files(upload)
    assert [f["local"] for f in files] == [str(source)]
    assert files[0]["bytes_total"] == UNKNOWN and not files[0]["completed"]
    assert refused(client, "ReadFile", "ayu", upload, 1).code == E_INVALIDARG


def test_a_rule_that_changes_is_told_to_watchers(service, client, upload):
    watcher = service.connect()
    watcher.call("Watch", "bay", True, upload)
    client.call("SetReplyOptional", "ayb", upload, True)
    assert Record(watcher.next_event().args[0]).job()["reply_optional"]
